//! `opentelemetry.proto.collector.*.v1`: a request for each signal, and the answer.

use super::logs::ResourceLogs;
use super::metrics::ResourceMetrics;
use super::trace::ResourceSpans;

/// Metrics for a collector.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportMetricsServiceRequest {
    /// Of each resource.
    #[prost(message, repeated, tag = "1")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// Logs for a collector.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportLogsServiceRequest {
    /// Of each resource.
    #[prost(message, repeated, tag = "1")]
    pub resource_logs: Vec<ResourceLogs>,
}

/// Spans for a collector.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportTraceServiceRequest {
    /// Of each resource.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// `ExportMetricsServiceResponse`, `ExportLogsServiceResponse` and `ExportTraceServiceResponse`: their fields differ in name
/// only.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportServiceResponse {
    /// Set where not all was accepted, or where there is something to say.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<ExportPartialSuccess>,
}

/// `ExportMetricsPartialSuccess` and those of the other signals.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportPartialSuccess {
    /// `rejected_data_points`, `rejected_log_records` or `rejected_spans`.
    #[prost(int64, tag = "1")]
    pub rejected: i64,
    /// Why, for people.
    #[prost(string, tag = "2")]
    pub error_message: String,
}
