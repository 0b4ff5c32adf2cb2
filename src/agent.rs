//! Wiring: the clock, the timers, the current snapshot.

use std::fmt;
use std::time::SystemTime;

use crate::config::Config;
use crate::notify::diagnostics::Sources;
use crate::report::Build;

/// What diagnostics ask of the agent.
pub const SOURCES: Sources = Sources { unix_micros, cid: heapless::String::new };

/// Why the agent could not start or go on.
#[derive(Debug)]
pub struct AgentError;

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not wired yet")
    }
}

/// The forms of `imalive once`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// The heartbeat line.
    Text,
    /// The answer of `/metrics`.
    Json,
    /// The answer of `/prom`.
    Prom,
}

/// Serves and beats.
pub fn run(_: Config, _: Build) -> Result<(), AgentError> {
    Err(AgentError)
}

/// One reading.
pub fn once(_: Config, _: Build, _: Once) -> String {
    String::new()
}

fn unix_micros() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros() as u64)
}
