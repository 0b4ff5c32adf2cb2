//! OpenTelemetry: metrics, logs and traces for a collector, over OTLP.
//!
//! `metrics`, `logs` and `spans` make of what imalive knows the `messages` that are sent, `records` writes an export of
//! metrics piece by piece, `resource` says whose it all is; `exporter` sends it, `answers` reads what comes back. `store` keeps
//! what a collector that is away has not got: `ring` in memory, `spool` in files, `retry` says when it is asked again, and
//! `figures` how that goes.

pub mod answers;
mod checksum;
pub mod envelope;
pub mod exporter;
pub mod figures;
pub mod gzip;
pub mod logs;
pub mod messages;
pub mod metrics;
#[cfg(test)]
mod oracle;
pub mod records;
pub mod resource;
pub mod retry;
pub mod ring;
mod segment;
#[cfg(test)]
mod simulation;
pub mod spans;
pub mod spool;
mod start;
pub mod store;
mod tally;
mod traceparent;
mod wire;

pub use start::Start;
pub use traceparent::TraceParent;

/// The longest beginning of `text` that is whole characters in so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
