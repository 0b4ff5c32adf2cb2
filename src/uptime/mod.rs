//! From outcomes to states, and from states to what people are told. No clock and no socket: time comes in as an argument.
//!
//! ```text
//!            due                  finish                observe              take
//! Fleet ─────────► Job ─ (the agent) ─────► Fleet ─ Change ─────► Notices ─────────► Notice
//! ```

use alloc::vec::Vec;
use core::time::Duration;

use crate::snapshot::{Millis, MonitorId};

mod connectivity;
mod digest;
mod fleet;
pub mod maintenance;
mod notices;
mod schedule;
mod track;

pub use fleet::Fleet;
pub use notices::Notices;

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod flapping;
#[cfg(test)]
mod random;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod stories;

/// What a monitored service is reached through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The local network.
    Lan,
    /// The internet.
    Wan,
}

/// How one monitor is checked and judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// From one check to the next.
    pub interval: Millis,
    /// The same while it is failing softly, or has not passed often enough to be up again. Never more than the interval.
    pub retry_interval: Millis,
    /// Failures in a row until it is down.
    pub failure_threshold: u32,
    /// Successes in a row until it is up again.
    pub success_threshold: u32,
    /// Those whose failure explains this one's. An edge that closes a circle, or leads nowhere, is left out.
    pub depends_on: Vec<MonitorId>,
    /// What this node must be able to reach for a failure to count.
    pub network: Option<Network>,
    /// Monitors with the same number ask the same host: when one of them fails or is back, the others are checked soon.
    pub host: Option<u32>,
    /// How long until people are told again that it is still down.
    pub reminder: Option<Millis>,
    /// No check of it can pass, which nothing but its configuration explains.
    pub never: bool,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Check the connectivity target at this place.
    Target(u16),
    /// Check this monitor.
    Monitor(MonitorId),
}

const fn millis(duration: Duration) -> Millis {
    duration.as_millis() as Millis
}
