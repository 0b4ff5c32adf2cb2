//! `google.rpc`: how a collector refuses, over gRPC and in the body of an HTTP answer alike.

/// A refusal.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// A gRPC status code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// Why, for people.
    #[prost(string, tag = "2")]
    pub message: String,
    /// More, for programs.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// `google.protobuf.Any`: a message of a type that is told.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Any {
    /// The type's name stands behind the last `/`.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The message.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// When the client may try again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RetryInfo {
    /// Not before this has passed.
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Duration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Duration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// And nanoseconds, less than a second, of the same sign.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}
