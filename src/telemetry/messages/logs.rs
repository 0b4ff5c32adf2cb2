//! `opentelemetry.proto.logs.v1`.

use super::common::{AnyValue, InstrumentationScope, KeyValue};
use super::resource::Resource;

/// Logs of one resource.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceLogs {
    /// Whose.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// By what made them.
    #[prost(message, repeated, tag = "2")]
    pub scope_logs: Vec<ScopeLogs>,
}

/// Logs of one scope.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScopeLogs {
    /// What has made them.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// In any order.
    #[prost(message, repeated, tag = "2")]
    pub log_records: Vec<LogRecord>,
}

/// One line of the log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LogRecord {
    /// When it happened.
    #[prost(fixed64, tag = "1")]
    pub time_unix_nano: u64,
    /// How severe it is: [`DEBUG`], [`INFO`], [`WARN`] or [`ERROR`].
    #[prost(int32, tag = "2")]
    pub severity_number: i32,
    /// The same as the log calls it.
    #[prost(string, tag = "3")]
    pub severity_text: String,
    /// What it says.
    #[prost(message, optional, tag = "5")]
    pub body: Option<AnyValue>,
    /// Its figures.
    #[prost(message, repeated, tag = "6")]
    pub attributes: Vec<KeyValue>,
    /// The lower 8 bits: the trace's flags.
    #[prost(fixed32, tag = "8")]
    pub flags: u32,
    /// Of the trace it belongs to: 16 bytes or none.
    #[prost(bytes = "vec", tag = "9")]
    pub trace_id: Vec<u8>,
    /// Of the span it belongs to: 8 bytes or none.
    #[prost(bytes = "vec", tag = "10")]
    pub span_id: Vec<u8>,
    /// When it was written.
    #[prost(fixed64, tag = "11")]
    pub observed_time_unix_nano: u64,
    /// What kind of event it is.
    #[prost(string, tag = "12")]
    pub event_name: String,
}

/// `SEVERITY_NUMBER_DEBUG`.
pub const DEBUG: i32 = 5;
/// `SEVERITY_NUMBER_INFO`.
pub const INFO: i32 = 9;
/// `SEVERITY_NUMBER_WARN`.
pub const WARN: i32 = 13;
/// `SEVERITY_NUMBER_ERROR`.
pub const ERROR: i32 = 17;
