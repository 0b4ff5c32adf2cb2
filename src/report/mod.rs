//! What a client, a log or a collector is told of a snapshot; one wire format a file. Nothing here opens a file, asks
//! a clock or knows a socket.

#[cfg(feature = "monitors")]
pub mod change;
#[cfg(feature = "monitors")]
pub mod chat;
pub mod docs;
mod exposition;
pub mod heartbeat;
pub mod iso8601;
pub mod journal;
pub mod json;
#[cfg(feature = "monitors")]
mod json_object;
pub mod manifest;
#[cfg(feature = "monitors")]
pub mod monitor_line;
#[cfg(all(test, feature = "monitors"))]
pub(crate) mod monitor_samples;
#[cfg(feature = "monitors")]
pub mod monitors;
#[cfg(feature = "monitors")]
pub mod notice;
pub(crate) mod number;
pub mod openapi;
pub mod prometheus;
#[cfg(feature = "monitors")]
pub mod prometheus_monitors;
#[cfg(feature = "otlp")]
pub mod prometheus_otlp;
mod python;
pub(crate) mod reading;
#[cfg(test)]
#[allow(dead_code)] // Some serve `tests/golden.rs` alone.
pub(crate) mod samples;
pub mod usage;
mod value;
#[cfg(feature = "monitors")]
mod view;
#[cfg(feature = "monitors")]
pub mod webhook;
#[cfg(feature = "monitors")]
pub(crate) mod words;

#[cfg(feature = "monitors")]
pub use change::change;
#[cfg(feature = "monitors")]
pub use view::View;

/// Whose reading it is.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Its name.
    pub name: &'a str,
    /// Clock ticks in a second, the unit of CPU times (`sysconf(_SC_CLK_TCK)`).
    pub ticks_per_second: u64,
}

/// What this binary was built from.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// The version in `Cargo.toml`.
    pub version: &'static str,
    /// The short hash of the git commit; `unknown` outside a checkout.
    pub revision: &'static str,
    /// The architecture, as Rust calls it.
    pub arch: &'static str,
    /// The target triple.
    pub target: &'static str,
}

/// One endpoint of the server, as its descriptions need it.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    /// Its paths, the documented one first.
    pub paths: &'a [&'a str],
    /// The value of `Allow`.
    pub allow: &'a str,
    /// What it is for, in a few words.
    pub summary: &'a str,
    /// What it is for, in full.
    pub description: &'a str,
    /// The media type of its answer.
    pub media_type: &'a str,
    /// The shape of its answer.
    pub schema: Schema,
    /// The status codes of its own and when they come.
    pub responses: &'a [(u16, &'a str)],
}

/// The shape of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// `{"status","time","alive","name"}`.
    Health,
    /// An object with `"status":"success"`.
    Manifest,
    /// One reading of the node.
    Metrics,
    /// Every monitor.
    Monitors,
    /// One monitor.
    Monitor,
    /// Some JSON object.
    Object,
    /// Not JSON.
    Text,
}
