//! `opentelemetry.proto.resource.v1`.

use super::common::KeyValue;

/// Whose telemetry it is.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Resource {
    /// What is known of it.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}
