//! What happens, as log records and spans.

use prost::Message;

use crate::agent::telemetry::Telemetry;
use crate::agent::unix_micros;
use crate::config::LogLevel;
use crate::telemetry::logs::{self, HEARTBEAT, THRESHOLD};
use crate::telemetry::messages::common::KeyValue;
use crate::telemetry::messages::logs::{LogRecord, ScopeLogs};
use crate::telemetry::messages::trace::{ScopeSpans, Span};
use crate::telemetry::ring::{Record, Signal};
use crate::telemetry::spans::{self, Interval, SpanContext};

impl Telemetry {
    /// A heartbeat begins.
    pub(in crate::agent) fn beat_begins(&self) {
        self.beat.set(Some((new_context(), unix_nanos())));
    }

    /// A usage has crossed a threshold.
    pub(in crate::agent) fn crossing(&self, level: LogLevel, text: &str) {
        self.event(level, THRESHOLD, text, Vec::new(), self.beat.get().map(|(context, _)| context));
    }

    /// The heartbeat is over; `text` is what it says.
    pub(in crate::agent) fn beat_ends(&self, text: &dyn Fn() -> String) {
        let Some((context, start_unix_nanos)) = self.beat.take() else { return };
        if self.takes(LogLevel::Info) {
            self.event(LogLevel::Info, HEARTBEAT, &text(), Vec::new(), Some(context));
        }
        let interval = Interval { start_unix_nanos, end_unix_nanos: unix_nanos() };
        self.spans(vec![spans::heartbeat(context, interval)]);
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
            let unix_nanos = unix_nanos();
            self.log(logs::record(logs::Record { unix_nanos, level, event_name, body, attributes, span }));
        }
    }

    fn log(&self, record: LogRecord) {
        let Some(lane) = self.lane(Signal::Logs) else { return };
        let of = Record { unix_nanos: record.time_unix_nano, items: 1 };
        lane.push(Signal::Logs, of, &ScopeLogs { scope: None, log_records: vec![record] }.encode_to_vec());
    }

    fn spans(&self, spans: Vec<Span>) {
        let (Some(lane), Some(first)) = (self.lane(Signal::Traces), spans.first()) else { return };
        let of = Record { unix_nanos: first.start_time_unix_nano, items: spans.len() as u32 };
        lane.push(Signal::Traces, of, &ScopeSpans { scope: None, spans }.encode_to_vec());
    }
}

/// Ids need not be secret, only unlikely to be had twice (W3C Trace Context level 2, "Randomness of trace-id").
fn new_context() -> SpanContext {
    SpanContext::new(fastrand::u128(..).to_ne_bytes(), fastrand::u64(..).to_ne_bytes())
}

fn unix_nanos() -> u64 {
    unix_micros() * 1000
}
