//! `opentelemetry.proto.trace.v1`: spans without events and links.

use super::common::{InstrumentationScope, KeyValue};
use super::resource::Resource;

/// Spans of one resource.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceSpans {
    /// Whose.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// By what made them.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
}

/// Spans of one scope.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScopeSpans {
    /// What has made them.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// In any order.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
}

/// Something that took time.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Span {
    /// Of its trace: 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// Its own: 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// Of the span it is part of: 8 bytes, or none.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// What it is, in few different words.
    #[prost(string, tag = "5")]
    pub name: String,
    /// [`INTERNAL`], [`SERVER`] or [`CLIENT`].
    #[prost(int32, tag = "6")]
    pub kind: i32,
    /// When it began.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// When it ended.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// What is known of it.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// How it ended.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
    /// The lower 8 bits: the trace's flags; then [`HAS_IS_REMOTE`] and [`IS_REMOTE`].
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
}

/// How a span ended; an absent one is `STATUS_CODE_UNSET`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// Why, of an error.
    #[prost(string, tag = "2")]
    pub message: String,
    /// [`STATUS_ERROR`].
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// `SPAN_KIND_INTERNAL`.
pub const INTERNAL: i32 = 1;
/// `SPAN_KIND_SERVER`.
pub const SERVER: i32 = 2;
/// `SPAN_KIND_CLIENT`.
pub const CLIENT: i32 = 3;
/// `STATUS_CODE_ERROR`.
pub const STATUS_ERROR: i32 = 2;
/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`: it is known whether the parent is of another process.
pub const HAS_IS_REMOTE: u32 = 0x100;
/// `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: it is.
pub const IS_REMOTE: u32 = 0x200;
