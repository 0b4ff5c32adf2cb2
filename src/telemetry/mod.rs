//! OpenTelemetry: metrics, logs and traces for a collector, over OTLP.
//!
//! `metrics`, `logs` and `spans` make of what imalive knows the `messages` that are sent, `resource` says whose they are;
//! `answers` reads what comes back.

pub mod answers;
pub mod logs;
pub mod messages;
pub mod metrics;
#[cfg(test)]
mod oracle;
pub mod resource;
pub mod spans;
mod start;
mod traceparent;

pub use start::Start;
pub use traceparent::TraceParent;

/// The longest beginning of `text` that is whole characters in so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
