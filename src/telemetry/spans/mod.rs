//! Requests, heartbeats and checks as spans: the original's names, and the semantic conventions' attributes ("HTTP Spans").
//! Ids and times come in as arguments.

mod clock;

use std::net::IpAddr;

use http::Uri;

use crate::client::{Phase, Phases};
use crate::config::monitors::{Check, Monitor};
use crate::http::route::Handler;
use crate::limits::OTLP_ATTRIBUTE_BYTES;
use crate::snapshot::{FailureKind, Method, Outcome};
use crate::telemetry::messages::collector::ExportTraceServiceRequest;
use crate::telemetry::messages::common::{InstrumentationScope, KeyValue};
use crate::telemetry::messages::resource::Resource;
use crate::telemetry::messages::trace::{
    CLIENT, HAS_IS_REMOTE, INTERNAL, IS_REMOTE, ResourceSpans, SERVER, STATUS_ERROR, ScopeSpans, Span, Status,
};
use crate::telemetry::{TraceParent, cut, logs};

/// Which span of which trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// Of the trace; not all zero.
    pub trace_id: [u8; 16],
    /// Of the span; not all zero.
    pub span_id: [u8; 8],
    /// It is recorded.
    pub sampled: bool,
}

/// What a span is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// Nothing: a trace begins with it.
    None,
    /// Another span of imalive.
    Local([u8; 8]),
    /// The span of a client.
    Remote([u8; 8]),
}

impl SpanContext {
    /// One that begins a trace. An id of zeros only, which means "none" in the protocol, becomes 1.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8]) -> Self {
        SpanContext { trace_id: not_zero(trace_id), span_id: not_zero(span_id), sampled: true }
    }

    /// That of a request: in the client's trace where `traceparent` names one, or in a new one. A client that does not
    /// record its span gets one that is not to be recorded either.
    pub fn of_request(traceparent: Option<TraceParent>, trace_id: [u8; 16], span_id: [u8; 8]) -> (Self, Parent) {
        let new = Self::new(trace_id, span_id);
        match traceparent {
            Some(client) => {
                let context = SpanContext { trace_id: client.trace_id, sampled: client.sampled, ..new };
                (context, Parent::Remote(client.parent_id))
            }
            None => (new, Parent::None),
        }
    }
}

fn not_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id == [0; N] {
        id[N - 1] = 1;
    }
    id
}

/// From when to when: nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Interval {
    pub start_unix_nanos: u64,
    pub end_unix_nanos: u64,
}

pub use clock::Clock;

/// What the span of a request is made of.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// The same, as it was sent; empty where that is not known.
    pub method_name: &'a str,
    /// Its path, without a query; empty where that is not known.
    pub path: &'a str,
    /// What has answered it, and the path under which it is counted; `None`: nothing knew its path.
    pub route: Option<(Handler, &'a str)>,
    /// The version of HTTP: `1.0` or `1.1`; empty where that is not known.
    pub version: &'a str,
    /// Who asked.
    pub client_address: Option<IpAddr>,
    /// What asked.
    pub user_agent: Option<&'a str>,
    /// The correlation id.
    pub cid: Option<&'a str>,
    /// The status code of the answer.
    pub status: u16,
}

/// Methods that the conventions know by name, and imalive does not.
const KNOWN_METHODS: [&str; 5] = ["CONNECT", "DELETE", "PATCH", "PUT", "TRACE"];

/// What the conventions call all others.
const OTHER: &str = "_OTHER";

/// The span of a request.
pub fn request(context: SpanContext, parent: Parent, interval: Interval, of: &Request<'_>) -> Span {
    let method = match of.method {
        Method::Other => KNOWN_METHODS.into_iter().find(|known| *known == of.method_name).unwrap_or(OTHER),
        method => method.label(),
    };
    let name = match of.route {
        Some((handler, _)) => route_name(handler, of.method),
        // The conventions' name of a request without a route.
        None if method == OTHER => "HTTP",
        None => method,
    };
    let mut span = span(context, parent, interval, name, SERVER);
    let mut text = |key: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            span.attributes.push(KeyValue::text(key, cut(value, OTLP_ATTRIBUTE_BYTES)));
        }
    };
    text("http.request.method", Some(method));
    text("http.request.method_original", Some(of.method_name).filter(|_| method == OTHER));
    text("url.scheme", Some("http"));
    text("url.path", Some(of.path));
    text("http.route", of.route.map(|(_, path)| path));
    text("network.protocol.version", Some(of.version));
    text("client.address", of.client_address.map(|address| address.to_string()).as_deref());
    text("user_agent.original", of.user_agent);
    text("imalive.cid", of.cid);
    span.attributes.push(KeyValue::int("http.response.status_code", u64::from(of.status)));
    // A client's mistake is none of the server's.
    if of.status >= 500 {
        span.attributes.push(KeyValue::text("error.type", itoa::Buffer::new().format(of.status)));
        span.status = Some(Status { message: String::new(), code: STATUS_ERROR });
    }
    span
}

/// As the original has them, and alike for what it had not.
fn route_name(handler: Handler, method: Method) -> &'static str {
    match handler {
        Handler::Root => "imalive-root-route",
        Handler::Health if method == Method::Post => "imalive-health-post-route",
        Handler::Health => "imalive-health-get-route",
        Handler::Manifest => "imalive-manifest-route",
        Handler::Metrics => "imalive-metrics-route",
        Handler::Prom => "imalive-prom-route",
        Handler::Monitors => "imalive-monitors-route",
        Handler::Monitor => "imalive-monitor-route",
        Handler::OpenApi => "imalive-openapi-route",
        Handler::Docs => "imalive-docs-route",
    }
}

/// The span of a heartbeat.
pub fn heartbeat(context: SpanContext, interval: Interval) -> Span {
    span(context, Parent::None, interval, "imalive-heartbit", INTERNAL)
}

/// What a check waited for, and from when to when.
#[derive(Clone, Copy, Debug)]
pub struct PhaseInterval {
    /// What it waited for.
    pub phase: Phase,
    /// How long.
    pub interval: Interval,
    /// Of the span that it becomes.
    pub span_id: [u8; 8],
}

/// The phases of a check, and how many there was no room for. `id` gives each its own.
pub fn phases(of: Phases, clock: &Clock, mut id: impl FnMut() -> [u8; 8]) -> (Vec<PhaseInterval>, u16) {
    let left_out = of.left_out();
    let interval =
        |(phase, began, ended)| PhaseInterval { phase, interval: clock.interval(began, ended), span_id: id() };
    (of.map(interval).collect(), left_out)
}

/// The span of a check, and one for each of its phases.
pub fn check(
    context: SpanContext,
    interval: Interval,
    monitor: &Monitor,
    outcome: &Outcome,
    (phases, left_out): (&[PhaseInterval], u16),
) -> Vec<Span> {
    let kind = if matches!(monitor.check, Check::Never(_)) { INTERNAL } else { CLIENT };
    let mut check = span(context, Parent::None, interval, "imalive-monitors", kind);
    check.attributes = logs::which(monitor);
    match &monitor.check {
        Check::Http(http) => {
            check.attributes.push(KeyValue::text("http.request.method", http.method));
            // As it was given: what may be shown of it.
            check.attributes.push(KeyValue::text("url.full", cut(&http.shown_url, OTLP_ATTRIBUTE_BYTES)));
            if let Some((host, port)) = server(&http.shown_url) {
                check.attributes.push(KeyValue::text("server.address", &host));
                check.attributes.push(KeyValue::int("server.port", u64::from(port)));
            }
        }
        Check::Tcp(host, port) => {
            check.attributes.push(KeyValue::text("server.address", host));
            check.attributes.push(KeyValue::int("server.port", u64::from(*port)));
        }
        Check::Never(_) => {}
    }
    if let Some(status) = outcome.http_status {
        check.attributes.push(KeyValue::int("http.response.status_code", u64::from(status)));
    }
    if let Some(failure) = &outcome.failure {
        let mut digits = itoa::Buffer::new();
        let kind = match (failure.kind, outcome.http_status) {
            (FailureKind::Status, Some(status)) => digits.format(status),
            (kind, _) => kind.label(),
        };
        check.attributes.push(KeyValue::text("error.type", kind));
        let message = cut(failure.cause(), OTLP_ATTRIBUTE_BYTES).to_owned();
        check.status = Some(Status { message, code: STATUS_ERROR });
    }
    if left_out > 0 {
        check.attributes.push(KeyValue::int("imalive.check.dropped_phases", left_out.into()));
    }
    let mut spans = vec![check];
    for of in phases {
        if let Some(name) = phase_name(of.phase) {
            let child = SpanContext { span_id: not_zero(of.span_id), ..context };
            spans.push(span(child, Parent::Local(context.span_id), of.interval, name, INTERNAL));
        }
    }
    spans
}

/// Host, IPv6 without brackets, and port; nothing where what may be shown of the URL is no URL.
fn server(url: &str) -> Option<(String, u16)> {
    let url: Uri = url.parse().ok()?;
    let host = url.host()?.trim_start_matches('[').trim_end_matches(']');
    let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
    Some((host.to_owned(), url.port_u16().unwrap_or(default)))
}

fn phase_name(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Beginning => None,
        Phase::Queued => Some("queue"),
        Phase::Resolving => Some("resolve"),
        Phase::Connecting => Some("connect"),
        Phase::Handshake => Some("tls"),
        Phase::Sending => Some("send"),
        Phase::Waiting => Some("first byte"),
        Phase::Reading => Some("read"),
    }
}

fn span(context: SpanContext, parent: Parent, interval: Interval, name: &str, kind: i32) -> Span {
    let (parent_span_id, remote) = match parent {
        Parent::None => (Vec::new(), 0),
        Parent::Local(id) => (id.to_vec(), 0),
        Parent::Remote(id) => (id.to_vec(), IS_REMOTE),
    };
    Span {
        trace_id: context.trace_id.to_vec(),
        span_id: context.span_id.to_vec(),
        parent_span_id,
        name: name.to_owned(),
        kind,
        start_time_unix_nano: interval.start_unix_nanos,
        // The wall clock may have been set back in between.
        end_time_unix_nano: interval.end_unix_nanos.max(interval.start_unix_nanos),
        attributes: Vec::new(),
        status: None,
        flags: u32::from(context.sampled) | HAS_IS_REMOTE | remote,
    }
}

/// Spans on their way.
pub fn export(resource: Resource, scope: InstrumentationScope, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource: Some(resource), scope_spans }] }
}

#[cfg(test)]
mod tests;
