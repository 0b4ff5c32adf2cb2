//! `opentelemetry.proto.metrics.v1`: gauges and sums.

use super::common::{InstrumentationScope, KeyValue};
use super::resource::Resource;

/// Metrics of one resource.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ResourceMetrics {
    /// Whose.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// By what made them.
    #[prost(message, repeated, tag = "2")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// Metrics of one scope.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ScopeMetrics {
    /// What has made them.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<InstrumentationScope>,
    /// Each name once.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// One metric and its points.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Metric {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its unit, in UCUM.
    #[prost(string, tag = "3")]
    pub unit: String,
    /// Its points.
    #[prost(oneof = "Data", tags = "5, 7")]
    pub data: Option<Data>,
}

/// The kinds of metric in use.
#[derive(Clone, PartialEq, prost::Oneof)]
#[allow(missing_docs)]
pub enum Data {
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    #[prost(message, tag = "7")]
    Sum(Sum),
}

/// Values as they are at a moment.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Gauge {
    /// One for each set of attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberDataPoint>,
}

/// Values that add up over attributes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sum {
    /// One for each set of attributes.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberDataPoint>,
    /// [`CUMULATIVE`].
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
    /// It never falls but when it starts anew.
    #[prost(bool, tag = "3")]
    pub is_monotonic: bool,
}

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: since the point's start, so that a lost export loses nothing but resolution.
pub const CUMULATIVE: i32 = 2;

/// One value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NumberDataPoint {
    /// Since when a sum has been counted; 0: unknown, or not a sum.
    #[prost(fixed64, tag = "2")]
    pub start_time_unix_nano: u64,
    /// When it was so.
    #[prost(fixed64, tag = "3")]
    pub time_unix_nano: u64,
    /// The value.
    #[prost(oneof = "Number", tags = "4, 6")]
    pub value: Option<Number>,
    /// Which of the metric's values it is.
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<KeyValue>,
}

/// A number; as a `oneof` it is sent even where it is 0.
#[derive(Clone, Copy, PartialEq, prost::Oneof)]
#[allow(missing_docs)]
pub enum Number {
    #[prost(double, tag = "4")]
    AsDouble(f64),
    #[prost(sfixed64, tag = "6")]
    AsInt(i64),
}
