//! `opentelemetry.proto.common.v1`.

/// Any value; without one it is empty, which is not the same as a 0 or a text without characters.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AnyValue {
    /// One of the kinds there are.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4")]
    pub value: Option<Value>,
}

/// The kinds of value in use. As a `oneof` it is sent even where it is 0 or empty.
#[derive(Clone, PartialEq, prost::Oneof)]
#[allow(missing_docs)]
pub enum Value {
    #[prost(string, tag = "1")]
    StringValue(String),
    #[prost(bool, tag = "2")]
    BoolValue(bool),
    #[prost(int64, tag = "3")]
    IntValue(i64),
    #[prost(double, tag = "4")]
    DoubleValue(f64),
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyValue {
    /// Unique among the attributes that it stands with.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

impl AnyValue {
    /// A text.
    pub fn text(text: &str) -> Self {
        AnyValue { value: Some(Value::StringValue(text.to_owned())) }
    }
}

impl KeyValue {
    fn new(key: &str, value: Value) -> Self {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
    }

    /// An attribute that is a text.
    pub fn text(key: &str, value: &str) -> Self {
        Self::new(key, Value::StringValue(value.to_owned()))
    }

    /// An attribute that is a whole number; one that is too large for the protocol is the largest there is.
    pub fn int(key: &str, value: u64) -> Self {
        Self::new(key, Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    /// An attribute that is a number.
    pub fn double(key: &str, value: f64) -> Self {
        Self::new(key, Value::DoubleValue(value))
    }

    /// An attribute that is true or false.
    pub fn bool(key: &str, value: bool) -> Self {
        Self::new(key, Value::BoolValue(value))
    }
}

/// What has made the telemetry.
#[derive(Clone, PartialEq, prost::Message)]
pub struct InstrumentationScope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}
