//! What there is to tell of a request and its answer.

use std::net::IpAddr;
use std::time::Instant;

use crate::http::route::Handler;
use crate::snapshot::Method;

/// A request that has its answer. What the client has sent is cut after [`crate::limits::OTLP_ATTRIBUTE_BYTES`].
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// Its method; [`Method::Other`] too where the head could not be read.
    pub method: Method,
    /// Its method as it was sent; empty where the head could not be read.
    pub method_name: &'a str,
    /// Its path, without a query: `*` for the server itself, empty where the head could not be read.
    pub path: &'a str,
    /// What has answered it, and the path under which it is counted. `None`: the server itself.
    pub route: Option<(Handler, &'static str)>,
    /// The version of HTTP: `1.0` or `1.1`; empty where the head could not be read.
    pub version: &'static str,
    /// Who asked; `None` where the client is gone. An IPv4 address is told as one however the socket was bound.
    pub client_address: Option<IpAddr>,
    /// What asked: the beginning of the field that is UTF-8.
    pub user_agent: Option<&'a str>,
    /// The field of this name, as it was sent; `None` where there is more than one.
    pub traceparent: Option<&'a str>,
    /// The correlation id that the client is told.
    pub cid: &'a str,
    /// The status code of the answer.
    pub status: u16,
    /// When its head had come. Where it never came in time: when it began to come.
    pub began: Instant,
}
