//! OTLP's messages as far as imalive sends or reads them: field numbers and types of opentelemetry-proto 1.x, and of
//! `google.rpc` for refusals. Fields that imalive never sets are left out, which protobuf allows: an absent field is its
//! default. The names are those of the protocol; what a field means stands there.
//!
//! Enumerations are constants of `i32`: their bytes are the same, and derived conversions would only add to the program.

pub mod collector;
pub mod common;
pub mod logs;
pub mod metrics;
pub mod resource;
pub mod rpc;
pub mod trace;
