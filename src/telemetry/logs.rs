//! What is logged, as records (OpenTelemetry "Logs Data Model").

use crate::config::LogLevel;
use crate::config::monitors::Monitor;
use crate::limits::OTLP_ATTRIBUTE_BYTES;
use crate::report::monitor_line::{HEALTHY, level};
use crate::report::number::seconds;
use crate::report::words::level_name;
use crate::snapshot::{Level, Outcome};
use crate::telemetry::cut;
use crate::telemetry::messages::collector::ExportLogsServiceRequest;
use crate::telemetry::messages::common::{AnyValue, InstrumentationScope, KeyValue};
use crate::telemetry::messages::logs::{DEBUG, ERROR, INFO, LogRecord, ResourceLogs, ScopeLogs, WARN};
use crate::telemetry::messages::resource::Resource;
use crate::telemetry::spans::SpanContext;

/// What one record is made of.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// When it happened: nanoseconds since 1970-01-01 UTC.
    pub unix_nanos: u64,
    /// How severe it is.
    pub level: LogLevel,
    /// What kind of event it is; nothing for a diagnostic.
    pub event_name: &'a str,
    /// What it says.
    pub body: &'a str,
    /// Its figures.
    pub attributes: Vec<KeyValue>,
    /// The span in which it happened.
    pub span: Option<SpanContext>,
}

/// The event that a heartbeat is.
pub const HEARTBEAT: &str = "imalive.heartbeat";
/// The event that a threshold's crossing is.
pub const THRESHOLD: &str = "imalive.threshold";
/// The event that a check is.
pub const CHECK: &str = "imalive.monitor.check";
/// The event that a monitor's change of state is.
pub const CHANGE: &str = "imalive.monitor.change";

/// Makes a record. It is written when it happens, so both its times are one.
pub fn record(of: Record<'_>) -> LogRecord {
    let severity_number = match of.level {
        LogLevel::Error => ERROR,
        LogLevel::Warning => WARN,
        LogLevel::Info => INFO,
        LogLevel::Debug => DEBUG,
    };
    LogRecord {
        time_unix_nano: of.unix_nanos,
        observed_time_unix_nano: of.unix_nanos,
        severity_number,
        severity_text: level_name(of.level).to_owned(),
        body: Some(AnyValue::text(of.body)),
        attributes: of.attributes,
        flags: of.span.map_or(0, |span| u32::from(span.sampled)),
        trace_id: of.span.map(|span| span.trace_id.to_vec()).unwrap_or_default(),
        span_id: of.span.map(|span| span.span_id.to_vec()).unwrap_or_default(),
        event_name: of.event_name.to_owned(),
    }
}

/// How severe it is that a usage has reached `level`: to be back to normal is good news.
pub fn threshold_level(level: Level) -> LogLevel {
    match level {
        Level::Normal => LogLevel::Info,
        Level::Warning => LogLevel::Warning,
        Level::Error => LogLevel::Error,
    }
}

/// The record of one check that began at `unix_nanos`: what the log's line says, each figure as an attribute.
pub fn check(monitor: &Monitor, outcome: &Outcome, unix_nanos: u64, span: Option<SpanContext>) -> LogRecord {
    let failure = outcome.failure.as_ref();
    let mut attributes = which(monitor);
    attributes.push(KeyValue::text("imalive.monitor.result", if failure.is_none() { "ok" } else { "ko" }));
    if let Some(failure) = failure {
        attributes.push(KeyValue::text("error.type", failure.kind.label()));
        if let Some(error) = &failure.error {
            attributes.push(KeyValue::text("error.message", cut(error, OTLP_ATTRIBUTE_BYTES)));
        }
    }
    if let Some(micros) = outcome.duration_micros {
        attributes.push(KeyValue::double("imalive.monitor.duration", seconds(micros, 1_000_000)));
    }
    if let Some(status) = outcome.http_status {
        attributes.push(KeyValue::int("http.response.status_code", u64::from(status)));
    }
    let body = failure.map_or(HEALTHY, |failure| &failure.message);
    record(Record { unix_nanos, level: level(monitor, outcome), event_name: CHECK, body, attributes, span })
}

/// The attributes that say which monitor it is.
pub fn which(monitor: &Monitor) -> Vec<KeyValue> {
    vec![
        KeyValue::text("imalive.monitor.name", &monitor.name),
        KeyValue::text("imalive.monitor.family", &monitor.family),
        KeyValue::text("imalive.monitor.type", &monitor.kind),
    ]
}

/// Records on their way.
pub fn export(
    resource: Resource,
    scope: InstrumentationScope,
    log_records: Vec<LogRecord>,
) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource: Some(resource), scope_logs }] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::monitor_samples::Samples;
    use crate::telemetry::messages::common::Value;
    use prost::Message;

    const SPAN: SpanContext = SpanContext { trace_id: [7; 16], span_id: [9; 8], sampled: true };

    fn plain(level: LogLevel) -> LogRecord {
        record(Record { unix_nanos: 5, level, event_name: "", body: "b", attributes: Vec::new(), span: None })
    }

    fn value(record: &LogRecord, key: &str) -> Option<Value> {
        record.attributes.iter().find(|known| known.key == key)?.value.clone()?.value
    }

    #[test]
    fn a_level_has_the_number_of_the_protocol_and_the_name_of_the_log() {
        let expected = [
            (LogLevel::Error, 17, "ERROR"),
            (LogLevel::Warning, 13, "WARN"),
            (LogLevel::Info, 9, "INFO"),
            (LogLevel::Debug, 5, "DEBUG"),
        ];
        for (level, number, text) in expected {
            let record = plain(level);
            assert_eq!((record.severity_number, record.severity_text.as_str()), (number, text));
        }
        assert_eq!(threshold_level(Level::Normal), LogLevel::Info);
        assert_eq!(threshold_level(Level::Warning), LogLevel::Warning);
        assert_eq!(threshold_level(Level::Error), LogLevel::Error);
    }

    #[test]
    fn a_record_outside_of_a_span_has_no_ids_and_one_inside_has_both() {
        let outside = plain(LogLevel::Info);
        assert_eq!((outside.trace_id.len(), outside.span_id.len(), outside.flags), (0, 0, 0));
        let samples = Samples::new();
        let inside = check(&samples.monitors[0], &Outcome::default(), 5, Some(SPAN));
        assert_eq!((inside.trace_id, inside.span_id, inside.flags), (vec![7; 16], vec![9; 8], 1));
    }

    #[test]
    fn an_empty_body_is_sent_as_an_empty_text() {
        let record = record(Record {
            body: "",
            ..Record {
                unix_nanos: 0,
                level: LogLevel::Info,
                event_name: "",
                body: "b",
                attributes: Vec::new(),
                span: None,
            }
        });
        let read = LogRecord::decode(&record.encode_to_vec()[..]).unwrap();
        assert_eq!(read.body, Some(AnyValue { value: Some(Value::StringValue(String::new())) }));
    }

    #[test]
    fn a_check_has_an_attribute_for_each_figure() {
        let samples = Samples::new();
        let outcome = &samples.statuses[1].last.as_ref().unwrap().1;
        let record = check(&samples.monitors[1], outcome, 5, None);
        assert_eq!(record.body, Some(AnyValue::text("Not expected status code: expected = 20*, actual = 404")));
        assert_eq!((record.severity_number, record.event_name.as_str()), (ERROR, "imalive.monitor.check"));
        assert_eq!(value(&record, "imalive.monitor.name"), Some(Value::StringValue("web-bad-code".into())));
        assert_eq!(value(&record, "error.type"), Some(Value::StringValue("status".into())));
        assert_eq!(value(&record, "imalive.monitor.duration"), Some(Value::DoubleValue(0.000918)));
        assert_eq!(value(&record, "http.response.status_code"), Some(Value::IntValue(404)));
        assert_eq!(value(&record, "error.message"), None);
    }

    #[test]
    fn what_a_check_has_not_found_is_absent() {
        let samples = Samples::new();
        let record = check(&samples.monitors[4], &Outcome::default(), 5, None);
        assert_eq!(record.body, Some(AnyValue::text("Monitor is healthy")));
        let keys: Vec<_> = record.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        let expected =
            ["imalive.monitor.name", "imalive.monitor.family", "imalive.monitor.type", "imalive.monitor.result"];
        assert_eq!(keys, expected);
    }
}
