//! What happens, as log records and spans. Those of one event have the same ids.

use std::time::Instant;

use prost::Message;

use crate::agent::telemetry::tap::{self, Diagnostic};
use crate::agent::telemetry::{Beat, Telemetry};
use crate::agent::unix_micros;
use crate::client::Progress;
use crate::config::LogLevel;
use crate::config::monitors::Monitor;
use crate::report::monitor_line;
use crate::server::Exchange;
use crate::snapshot::{Change, Outcome};
use crate::telemetry::TraceParent;
use crate::telemetry::logs::{self, CHANGE, HEARTBEAT, THRESHOLD};
use crate::telemetry::messages::common::KeyValue;
use crate::telemetry::messages::logs::{LogRecord, ScopeLogs};
use crate::telemetry::messages::trace::{ScopeSpans, Span};
use crate::telemetry::ring::{Record, Signal};
use crate::telemetry::spans::{self, Clock, Interval, SpanContext};

impl Telemetry {
    /// A heartbeat begins.
    #[inline(never)]
    pub(in crate::agent) fn beat_begins(&self) {
        self.beat.set(Some(Beat { context: new_context(), began: Instant::now() }));
    }

    /// A usage has crossed a threshold.
    #[inline(never)]
    pub(in crate::agent) fn crossing(&self, level: LogLevel, text: &str) {
        self.event(level, THRESHOLD, text, Vec::new(), self.beat.get().map(|beat| beat.context));
    }

    /// The heartbeat is over; `text` is what it says.
    #[inline(never)]
    pub(in crate::agent) fn beat_ends(&self, text: &dyn Fn() -> String) {
        let Some(Beat { context, began }) = self.beat.take() else { return };
        if self.takes(LogLevel::Info) {
            self.event(LogLevel::Info, HEARTBEAT, &text(), Vec::new(), Some(context));
        }
        if self.wants(Signal::Traces) {
            self.spans(vec![spans::heartbeat(context, since(began))]);
        }
    }

    /// A check that is done, and what it went through.
    #[inline(never)]
    pub(in crate::agent) fn check(&self, monitor: &Monitor, outcome: &Outcome, began: Instant, progress: &Progress) {
        let (clock, context) = (clock(), new_context());
        if self.takes(monitor_line::level(monitor, outcome)) {
            self.log(logs::check(monitor, outcome, clock.unix_nanos(began), Some(context)), true);
        }
        if self.wants(Signal::Traces) {
            let (phases, left_out) = spans::phases(progress.phases(), &clock, || fastrand::u64(..).to_ne_bytes());
            let interval = clock.interval(began, Instant::now());
            self.spans(spans::check(context, interval, monitor, outcome, (&phases, left_out)));
        }
    }

    /// A monitor has another state; `text` is what the log says of it.
    #[inline(never)]
    pub(in crate::agent) fn change(&self, level: LogLevel, text: &str, monitor: &Monitor, change: &Change) {
        if !self.takes(level) {
            return;
        }
        let mut attributes = logs::which(monitor);
        attributes.push(KeyValue::text("imalive.monitor.state", change.to.label()));
        attributes.push(KeyValue::text("imalive.monitor.state.previous", change.from.label()));
        if change.maintenance {
            attributes.push(KeyValue::bool("imalive.monitor.maintenance", true));
        }
        self.event(level, CHANGE, text, attributes, None);
    }

    /// Whether requests are told of.
    pub(in crate::agent) fn observes(&self) -> bool {
        self.wants(Signal::Traces)
    }

    /// A request whose answer has been decided.
    #[inline(never)]
    pub(in crate::agent) fn observe(&self, exchange: &Exchange<'_>) {
        let traceparent = exchange.traceparent.and_then(|field| TraceParent::parse(field.as_bytes()));
        let SpanContext { trace_id, span_id, .. } = new_context();
        let (context, parent) = SpanContext::of_request(traceparent, trace_id, span_id);
        if !context.sampled {
            return;
        }
        let request = spans::Request {
            method: exchange.method,
            method_name: exchange.method_name,
            path: exchange.path,
            route: exchange.route,
            version: exchange.version,
            client_address: exchange.client_address,
            user_agent: exchange.user_agent,
            cid: Some(exchange.cid),
            status: exchange.status,
        };
        self.spans(vec![spans::request(context, parent, since(exchange.began), &request)]);
    }

    /// Has diagnostics sent, for ever.
    pub(super) async fn listen(&self) {
        loop {
            let (diagnostics, dropped) = tap::take().await;
            for Diagnostic { level, unix_micros, text, quiet } in diagnostics {
                self.log(diagnostic(level, unix_micros, &text), !quiet);
            }
            if dropped > 0 {
                let text = [itoa::Buffer::new().format(dropped), " lines of the log were not sent"].concat();
                self.log(diagnostic(LogLevel::Warning, unix_micros(), &text), false);
            }
        }
    }

    /// Whether a record of this level is sent.
    fn takes(&self, level: LogLevel) -> bool {
        self.wants(Signal::Logs) && level <= self.level
    }

    fn event(
        &self,
        level: LogLevel,
        event_name: &str,
        body: &str,
        attributes: Vec<KeyValue>,
        span: Option<SpanContext>,
    ) {
        if self.takes(level) {
            let unix_nanos = unix_micros() * 1000;
            self.log(logs::record(logs::Record { unix_nanos, level, event_name, body, attributes, span }), true);
        }
    }

    /// `soon`: it is sent for its own sake.
    fn log(&self, record: LogRecord, soon: bool) {
        let of = Record { unix_nanos: record.time_unix_nano, items: 1 };
        let encoded = ScopeLogs { scope: None, log_records: vec![record] }.encode_to_vec();
        match self.lane(Signal::Logs) {
            Some(lane) if soon => lane.push(Signal::Logs, of, &encoded),
            Some(lane) => lane.leave(Signal::Logs, of, &encoded),
            None => {}
        }
    }

    fn spans(&self, spans: Vec<Span>) {
        let (Some(lane), Some(first)) = (self.lane(Signal::Traces), spans.first()) else { return };
        let of = Record { unix_nanos: first.start_time_unix_nano, items: spans.len() as u32 };
        lane.push(Signal::Traces, of, &ScopeSpans { scope: None, spans }.encode_to_vec());
    }
}

fn diagnostic(level: LogLevel, unix_micros: u64, body: &str) -> LogRecord {
    let unix_nanos = unix_micros * 1000;
    logs::record(logs::Record { unix_nanos, level, event_name: "", body, attributes: Vec::new(), span: None })
}

/// Ids need not be secret, only unlikely to come twice (W3C Trace Context level 2, "Randomness of trace-id").
fn new_context() -> SpanContext {
    SpanContext::new(fastrand::u128(..).to_ne_bytes(), fastrand::u64(..).to_ne_bytes())
}

/// Now.
fn clock() -> Clock {
    Clock::new(Instant::now(), unix_micros() * 1000)
}

/// From then to now.
fn since(began: Instant) -> Interval {
    clock().interval(began, Instant::now())
}
