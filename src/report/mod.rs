//! What a client, a log or a collector is told of a snapshot; one wire format a file. Nothing here opens a file, asks
//! a clock or knows a socket.

pub mod docs;
mod exposition;
pub mod heartbeat;
pub mod iso8601;
pub mod journal;
pub mod json;
pub mod manifest;
mod number;
pub mod openapi;
pub mod prometheus;
mod python;
mod reading;
#[cfg(test)]
#[allow(dead_code)] // Some serve `tests/golden.rs` alone.
mod samples;
pub mod usage;
mod value;

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
    /// Some JSON object.
    Object,
    /// Not JSON.
    Text,
}
