//! HTTP/1.1 (RFC 9110, RFC 9112) without sockets: bytes to a request head, a path to what answers it, an answer to
//! bytes. Nothing here reads, writes or waits.

pub mod body;
pub mod caller;
pub mod framing;
#[cfg(feature = "monitors")]
pub mod parameter;
pub mod request;
#[cfg(feature = "std")]
pub mod response;
pub mod route;
pub mod target;

/// Whether the interface describes itself: `/openapi.json` and `/docs`.
pub const DESCRIBED: bool = cfg!(feature = "docs");

/// A build without monitors has no path with a `{name}`, and keeps nothing of it.
#[cfg(not(feature = "monitors"))]
pub mod parameter {
    /// What stands in a path in place of `{name}`.
    #[derive(Default)]
    pub struct Parameter;

    impl Parameter {
        /// There is none.
        pub fn of(_: super::route::Resolution, _: super::target::Target<'_>) -> Self {
            Parameter
        }

        /// Nothing.
        pub fn as_str(&self) -> &str {
            ""
        }
    }
}

/// Why a request is not answered as asked. Each has its status code; after every one the connection is closed, because
/// where the next request begins is no longer certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// 400: not HTTP, with what is wrong.
    Malformed(&'static str),
    /// 408: the head or the body did not come in time.
    Timeout,
    /// 413: the body is longer than [`crate::limits::REQUEST_BODY_BYTES`].
    BodyTooLarge,
    /// 414: the request line is longer than [`crate::limits::REQUEST_LINE_BYTES`].
    TargetTooLong,
    /// 417: an expectation other than `100-continue`.
    Expectation,
    /// 431: the head is longer than [`crate::limits::REQUEST_HEAD_BYTES`] or has too many fields.
    HeadTooLarge,
    /// 501: a transfer coding other than `chunked`.
    Coding,
    /// 505: a major version other than 1.
    Version,
}

impl Reject {
    /// The status code that the client is told.
    pub fn status(self) -> u16 {
        match self {
            Reject::Malformed(_) => 400,
            Reject::Timeout => 408,
            Reject::BodyTooLarge => 413,
            Reject::TargetTooLong => 414,
            Reject::Expectation => 417,
            Reject::HeadTooLarge => 431,
            Reject::Coding => 501,
            Reject::Version => 505,
        }
    }

    /// What the client is told in words.
    pub fn detail(self) -> &'static str {
        match self {
            Reject::Malformed(what) => what,
            Reject::Timeout => "Request Timeout",
            Reject::BodyTooLarge => "Content Too Large",
            Reject::TargetTooLong => "URI Too Long",
            Reject::Expectation => "Expectation Failed",
            Reject::HeadTooLarge => "Request Header Fields Too Large",
            Reject::Coding => "Transfer Coding Not Implemented",
            Reject::Version => "HTTP Version Not Supported",
        }
    }
}

/// The elements of a comma-separated list; empty ones are ignored (RFC 9110 section 5.6.1).
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(|element| element.trim_ascii()).filter(|element| !element.is_empty())
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
}
