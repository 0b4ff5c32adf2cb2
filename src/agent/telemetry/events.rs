//! What happens, as log records and spans. Those of one event have the same ids.

use std::time::Instant;

use prost::Message;

use crate::agent::telemetry::tap::{self, Diagnostic};
use crate::agent::telemetry::{Beat, Telemetry};
use crate::agent::unix_micros;
use crate::client::Progress;
use crate::config::LogLevel;
use crate::config::monitors::Monitor;
use crate::limits::PHASES;
use crate::report::monitor_line;
use crate::server::Exchange;
use crate::snapshot::{Change, Outcome};
use crate::telemetry::TraceParent;
use crate::telemetry::logs::{self, CHANGE, HEARTBEAT, THRESHOLD};
use crate::telemetry::messages::common::KeyValue;
use crate::telemetry::messages::logs::{LogRecord, ScopeLogs};
use crate::telemetry::messages::trace::{ScopeSpans, Span};
use crate::telemetry::ring::{Record, Signal};
use crate::telemetry::spans::{self, Interval, PhaseInterval, SpanContext};

impl Telemetry {
    /// A heartbeat begins.
    pub(in crate::agent) fn beat_begins(&self) {
        self.beat.set(Some(Beat { context: new_context(), began: Instant::now() }));
    }

    /// A usage has crossed a threshold.
    pub(in crate::agent) fn crossing(&self, level: LogLevel, text: &str) {
        self.event(level, THRESHOLD, text, Vec::new(), self.beat.get().map(|beat| beat.context));
    }

    /// The heartbeat is over; `text` is what it says.
    pub(in crate::agent) fn beat_ends(&self, text: &dyn Fn() -> String) {
        let Some(Beat { context, began }) = self.beat.take() else { return };
        if self.takes(LogLevel::Info) {
            self.event(LogLevel::Info, HEARTBEAT, &text(), Vec::new(), Some(context));
        }
        if self.wants(Signal::Traces) {
            self.spans(vec![spans::heartbeat(context, Now::read().interval(began, None))]);
        }
    }

    /// A check that is done, and what it went through.
    pub(in crate::agent) fn check(&self, monitor: &Monitor, outcome: &Outcome, began: Instant, progress: &Progress) {
        let (now, context) = (Now::read(), new_context());
        if self.takes(monitor_line::level(monitor, outcome)) {
            self.log(logs::check(monitor, outcome, now.unix_nanos_at(began), Some(context)), true);
        }
        if !self.wants(Signal::Traces) {
            return;
        }
        let mut phases = heapless::Vec::<PhaseInterval, PHASES>::new();
        for (phase, from, to) in progress.phases() {
            let span_id = fastrand::u64(..).to_ne_bytes();
            // There is room for as many as there are.
            let _ = phases.push(PhaseInterval { phase, interval: now.interval(from, Some(to)), span_id });
        }
        self.spans(spans::check(context, now.interval(began, None), monitor, outcome, &phases));
    }

    /// A monitor has another state; `text` is what the log says of it.
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
    pub(in crate::agent) fn observe(&self, exchange: &Exchange<'_>) {
        let traceparent = exchange.traceparent.and_then(|field| TraceParent::parse(field.as_bytes()));
        let SpanContext { trace_id, span_id, .. } = new_context();
        let (context, parent) = SpanContext::of_request(traceparent, trace_id, span_id);
        if !context.sampled {
            return;
        }
        let client_address = exchange.client_address.map(|address| address.to_string());
        let request = spans::Request {
            method: exchange.method,
            path: exchange.path,
            route: exchange.route,
            version: exchange.version,
            client_address: client_address.as_deref(),
            user_agent: exchange.user_agent,
            cid: Some(exchange.cid),
            status: exchange.status,
        };
        self.spans(vec![spans::request(context, parent, Now::read().interval(exchange.began, None), &request)]);
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

/// Both clocks at one moment, so that what took a while is as long as it was, wherever the wall clock was set meanwhile.
struct Now {
    instant: Instant,
    unix_nanos: u64,
}

impl Now {
    fn read() -> Self {
        Now { instant: Instant::now(), unix_nanos: unix_micros() * 1000 }
    }

    fn unix_nanos_at(&self, at: Instant) -> u64 {
        self.unix_nanos.saturating_sub(self.instant.saturating_duration_since(at).as_nanos() as u64)
    }

    /// From `began` to `ended`, or to now.
    fn interval(&self, began: Instant, ended: Option<Instant>) -> Interval {
        Interval {
            start_unix_nanos: self.unix_nanos_at(began),
            end_unix_nanos: ended.map_or(self.unix_nanos, |ended| self.unix_nanos_at(ended)),
        }
    }
}
