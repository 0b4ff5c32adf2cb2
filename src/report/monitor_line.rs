//! The log line of one check: the original's keys in the original's order, as text, as JSON and for the journal.

use alloc::string::String;

use crate::config::LogLevel;
use crate::config::monitors::{Given, Monitor};
use crate::report::iso8601::iso8601;
use crate::report::journal::{push_name, push_source};
use crate::report::json_object;
use crate::report::number::{push_float, push_integer};
use crate::report::python;
use crate::report::words::level_name;
use crate::snapshot::Outcome;

/// What `MESSAGE_ID=` says of a check, so that `journalctl MESSAGE_ID=…` finds nothing else.
pub const CHECK_ID: &str = "c3a90d5e62f84b17b1f4287ac06e9d53";

/// What is said of a check that passed.
pub(crate) const HEALTHY: &str = "Monitor is healthy";

/// What one line is made of.
#[derive(Clone, Copy, Debug)]
pub struct CheckLine<'a> {
    /// Whose check it was.
    pub monitor: &'a Monitor,
    /// What it found.
    pub outcome: &'a Outcome,
    /// When it began: microseconds since 1970-01-01 UTC.
    pub began_unix_micros: u64,
    /// When the line is written.
    pub unix_micros: u64,
    /// The node's name.
    pub node_name: &'a str,
    /// A fresh correlation id.
    pub cid: &'a str,
}

/// How severe the line is: a failure always is, the rest as `level` asks.
pub fn level(monitor: &Monitor, outcome: &Outcome) -> LogLevel {
    match (&outcome.failure, monitor.info) {
        (Some(_), _) => LogLevel::Error,
        (None, true) => LogLevel::Info,
        (None, false) => LogLevel::Debug,
    }
}

/// One way to write dictionaries down.
struct Syntax {
    comma: &'static str,
    colon: &'static str,
    /// Of no value, no and yes.
    words: [&'static str; 3],
    push_string: fn(&mut String, &str),
}

const PYTHON: Syntax =
    Syntax { comma: ", ", colon: ": ", words: ["None", "False", "True"], push_string: python::push_string };

const JSON: Syntax =
    Syntax { comma: ",", colon: ":", words: ["null", "false", "true"], push_string: json_object::push_string };

/// As text, without the end of the line.
pub fn text(check: &CheckLine<'_>) -> String {
    let mut line = String::with_capacity(512);
    line.push('[');
    line.push_str(level_name(level(check.monitor, check.outcome)));
    line.push_str("][");
    line.push_str(&iso8601(check.unix_micros));
    line.push_str("][");
    // No quotes here, so no escapes either: a control character would break the line.
    line.extend(check.node_name.chars().map(|character| if character.is_control() { '?' } else { character }));
    line.push_str("][");
    line.push_str(check.cid);
    line.push_str("] ");
    push_members(&mut line, &PYTHON, check, check.began_unix_micros);
    line.push('}');
    line
}

/// As JSON, without the end of the line. The time is that of the line, as in the original, which writes it over that of
/// the check.
pub fn json(check: &CheckLine<'_>) -> String {
    let mut line = String::with_capacity(512);
    push_members(&mut line, &JSON, check, check.unix_micros);
    let members =
        [("level", level_name(level(check.monitor, check.outcome))), ("node", check.node_name), ("cid", check.cid)];
    for (key, value) in members {
        line.push(',');
        push_member(&mut line, &JSON, key, value);
    }
    line.push('}');
    line
}

/// The opening brace and the members up to `monitor`.
fn push_members(line: &mut String, syntax: &Syntax, check: &CheckLine<'_>, unix_micros: u64) {
    let failure = check.outcome.failure.as_ref();
    line.push('{');
    push_member(line, syntax, "status", if failure.is_none() { "ok" } else { "ko" });
    line.push_str(syntax.comma);
    push_member(line, syntax, "type", "monitor");
    line.push_str(syntax.comma);
    push_member(line, syntax, "time", &iso8601(unix_micros));
    line.push_str(syntax.comma);
    if let Some(micros) = check.outcome.duration_micros {
        push_key(line, syntax, "duration");
        push_float(line, seconds(micros));
        line.push_str(syntax.comma);
    }
    push_member(line, syntax, "message", failure.map_or(HEALTHY, |failure| &failure.message));
    line.push_str(syntax.comma);
    if let Some(error) = failure.and_then(|failure| failure.error.as_deref()) {
        push_member(line, syntax, "error", error);
        line.push_str(syntax.comma);
    }
    push_key(line, syntax, "monitor");
    push_map(line, syntax, &check.monitor.given);
}

fn push_key(line: &mut String, syntax: &Syntax, key: &str) {
    (syntax.push_string)(line, key);
    line.push_str(syntax.colon);
}

fn push_member(line: &mut String, syntax: &Syntax, key: &str, value: &str) {
    push_key(line, syntax, key);
    (syntax.push_string)(line, value);
}

fn push_given(line: &mut String, syntax: &Syntax, given: &Given) {
    match given {
        Given::Null => line.push_str(syntax.words[0]),
        Given::Bool(value) => line.push_str(syntax.words[1 + usize::from(*value)]),
        Given::Integer(value) => {
            if *value < 0 {
                line.push('-');
            }
            push_integer(line, value.unsigned_abs());
        }
        Given::Text(text) => (syntax.push_string)(line, text),
        Given::List(values) => {
            line.push('[');
            for (at, value) in values.iter().enumerate() {
                line.push_str(if at > 0 { syntax.comma } else { "" });
                push_given(line, syntax, value);
            }
            line.push(']');
        }
        Given::Map(members) => push_map(line, syntax, members),
    }
}

fn push_map(line: &mut String, syntax: &Syntax, members: &[(String, Given)]) {
    line.push('{');
    for (at, (key, value)) in members.iter().enumerate() {
        line.push_str(if at > 0 { syntax.comma } else { "" });
        push_key(line, syntax, key);
        push_given(line, syntax, value);
    }
    line.push('}');
}

/// As an entry of the journal: a sentence, and each figure as a field of its own.
pub fn journal(check: &CheckLine<'_>) -> String {
    let (monitor, outcome) = (check.monitor, check.outcome);
    let failure = outcome.failure.as_ref();
    let mut entry = String::with_capacity(512);
    entry.push_str("MESSAGE=monitor \"");
    push_plain(&mut entry, &monitor.name);
    entry.push_str("\": ");
    push_plain(&mut entry, failure.map_or(HEALTHY, |failure| &failure.message));
    if let Some(error) = failure.and_then(|failure| failure.error.as_deref()) {
        entry.push_str(": ");
        push_plain(&mut entry, error);
    }
    entry.push_str("\nMESSAGE_ID=");
    entry.push_str(CHECK_ID);
    let priority = match level(monitor, outcome) {
        LogLevel::Error => 3,
        LogLevel::Warning => 4,
        LogLevel::Info => 6,
        LogLevel::Debug => 7,
    };
    push_source(&mut entry, priority, check.node_name);
    let fields = [
        ("MONITOR", Some(monitor.name.as_str())),
        ("MONITOR_FAMILY", Some(&monitor.family)),
        ("MONITOR_TYPE", Some(&monitor.kind)),
        ("RESULT", Some(if failure.is_none() { "ok" } else { "ko" })),
        ("FAILURE", failure.map(|failure| failure.kind.label())),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            push_name(&mut entry, name);
            push_plain(&mut entry, value);
        }
    }
    if let Some(micros) = outcome.duration_micros {
        push_name(&mut entry, "DURATION_SECONDS");
        push_float(&mut entry, seconds(micros));
    }
    if let Some(status) = outcome.http_status {
        push_name(&mut entry, "HTTP_STATUS");
        push_integer(&mut entry, u64::from(status));
    }
    entry.push('\n');
    entry
}

/// A control character would end the field.
fn push_plain(entry: &mut String, text: &str) {
    entry.extend(text.chars().map(|character| if character.is_control() { ' ' } else { character }));
}

pub(super) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::monitor_samples::{Samples, WALL_MICROS, failed, monitor};
    use crate::snapshot::FailureKind;
    use alloc::vec;

    fn line<'a>(monitor: &'a Monitor, outcome: &'a Outcome) -> CheckLine<'a> {
        let began_unix_micros = WALL_MICROS - 1_316_957;
        CheckLine { monitor, outcome, began_unix_micros, unix_micros: WALL_MICROS, node_name: "anode", cid: "c" }
    }

    #[test]
    fn every_kind_of_value_reads_as_python_and_json_have_it() {
        let map = Given::Map(vec![("k'".into(), Given::Null), ("l".into(), Given::List(vec![]))]);
        let list = Given::List(vec![Given::Integer(-7), Given::Bool(true), Given::Bool(false), map]);
        let monitor = monitor("tcp", "küche\n", vec![("x", list)]);
        let outcome = Outcome::default();
        let text = text(&line(&monitor, &outcome));
        assert!(
            text.ends_with(r#"'name': 'küche\n', 'x': [-7, True, False, {"k'": None, 'l': []}]}}"#)
                && !text.contains('\n'),
            "{text}"
        );
        let json = json(&line(&monitor, &outcome));
        assert!(
            json.contains(r#""name":"küche\n","x":[-7,true,false,{"k'":null,"l":[]}]},"level":"DEBUG","#),
            "{json}"
        );
    }

    #[test]
    fn a_failure_is_an_error_and_the_rest_as_asked() {
        let samples = Samples::new();
        let level_of = |at: usize, outcome: &Outcome| level(&samples.monitors[at], outcome);
        let failure = failed(FailureKind::Timeout, "m", None);
        assert_eq!(level_of(0, &Outcome::default()), LogLevel::Info);
        assert_eq!(level_of(1, &Outcome::default()), LogLevel::Debug);
        assert_eq!(level_of(0, &failure), LogLevel::Error);
    }

    #[test]
    fn text_tells_when_the_check_began_and_json_when_the_line_was_written() {
        let samples = Samples::new();
        let outcome = Outcome::default();
        let check = line(&samples.monitors[4], &outcome);
        let text = text(&check);
        assert!(text.starts_with("[INFO][2026-11-21T03:24:21.316957][anode][c] {'status': 'ok', "), "{text}");
        assert!(text.contains("'time': '2026-11-21T03:24:20.000000', 'message': 'Monitor is healthy', "), "{text}");
        assert!(json(&check).contains(r#""time":"2026-11-21T03:24:21.316957","message""#));
    }

    #[test]
    fn an_entry_of_the_journal_has_a_field_for_each_figure() {
        let samples = Samples::new();
        let outcome = samples.statuses[1].last.clone().unwrap().1;
        let expected = "MESSAGE=monitor \"web-bad-code\": Not expected status code: expected = 20*, actual = 404\n\
            MESSAGE_ID=c3a90d5e62f84b17b1f4287ac06e9d53\n\
            PRIORITY=3\nSYSLOG_IDENTIFIER=imalive\nIMALIVE_NODE=anode\n\
            IMALIVE_MONITOR=web-bad-code\nIMALIVE_MONITOR_FAMILY=web-bad-code\nIMALIVE_MONITOR_TYPE=http\n\
            IMALIVE_RESULT=ko\nIMALIVE_FAILURE=status\nIMALIVE_DURATION_SECONDS=0.000918\nIMALIVE_HTTP_STATUS=404\n";
        assert_eq!(journal(&line(&samples.monitors[1], &outcome)), expected);
    }

    #[test]
    fn what_a_server_has_sent_cannot_add_a_field() {
        let samples = Samples::new();
        let outcome = failed(FailureKind::Body, "a\nPRIORITY=0", Some("b\r\nX=1"));
        let entry = journal(&line(&samples.monitors[5], &outcome));
        assert!(entry.starts_with("MESSAGE=monitor \"tcp-ko\": a PRIORITY=0: b  X=1\nMESSAGE_ID="), "{entry}");
        assert!(!text(&line(&samples.monitors[5], &outcome)).contains('\n'));
    }
}
