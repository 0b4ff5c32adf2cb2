//! JSON, compact and on one line, with the original's keys in the original's order.

use alloc::string::String;
use alloc::vec;

use miniserde::json::to_string;

use crate::report::Node;
use crate::report::iso8601::iso8601;
use crate::report::reading::{Order, reading, time};
use crate::report::value::Value;
use crate::snapshot::Snapshot;

/// `/health`, made anew for each request but for what never changes: the name is escaped once.
#[derive(Clone, Debug)]
pub struct Health {
    after_time: String,
}

impl Health {
    /// Of the node with this name.
    pub fn new(node_name: &str) -> Self {
        Health { after_time: ["\",\"alive\":true,\"name\":", &to_string(node_name), "}"].concat() }
    }

    /// The answer at this time.
    pub fn at(&self, unix_micros: u64) -> String {
        ["{\"status\":\"ok\",\"time\":\"", &iso8601(unix_micros), &self.after_time].concat()
    }

    /// The answer with 503: alive, but not to be given traffic while these monitors are down.
    pub fn gated(&self, unix_micros: u64, down: &[&str]) -> String {
        let open = self.after_time.strip_suffix('}').unwrap_or(&self.after_time);
        let mut text = ["{\"status\":\"ko\",\"time\":\"", &iso8601(unix_micros), open, ",\"down\":["].concat();
        for (at, name) in down.iter().enumerate() {
            text.push_str(if at > 0 { "," } else { "" });
            text.push_str(&to_string(*name));
        }
        text.push_str("]}");
        text
    }
}

/// `/health` of the node with this name at this time.
pub fn health(node_name: &str, unix_micros: u64) -> String {
    Health::new(node_name).at(unix_micros)
}

/// `/metrics`.
pub fn metrics(node: Node<'_>, snapshot: &Snapshot) -> String {
    to_string(&Value::Object(reading(node, snapshot, Order::Newest)))
}

/// A heartbeat, without the end of the line.
pub fn heartbeat(node: Node<'_>, snapshot: &Snapshot, cid: &str) -> String {
    let mut members = reading(node, snapshot, Order::Newest);
    members.extend([("level", Value::Text("INFO")), ("node", Value::Text(node.name)), ("cid", Value::Text(cid))]);
    to_string(&Value::Object(members))
}

/// A diagnostic, without the end of the line.
pub fn diagnostic(body: &str, level: &str, unix_micros: u64, node_name: &str, cid: &str) -> String {
    to_string(&Value::Object(vec![
        ("body", Value::Text(body)),
        ("level", Value::Text(level)),
        ("time", time(unix_micros)),
        ("node", Value::Text(node_name)),
        ("cid", Value::Text(cid)),
    ]))
}

/// What a client is told whose request was at fault: `Not Found`.
pub fn detail(detail: &str) -> String {
    to_string(&Value::Object(vec![("detail", Value::Text(detail))]))
}

/// What a client is told when the fault is here.
pub fn error(reason: &str) -> String {
    to_string(&Value::Object(vec![("status", Value::Text("error")), ("reason", Value::Text(reason))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn health_has_the_keys_of_the_original() {
        assert_eq!(
            health("anode", samples::RECORDED_MICROS),
            r#"{"status":"ok","time":"2026-11-21T03:24:21.316957","alive":true,"name":"anode"}"#
        );
    }

    #[test]
    fn a_closed_gate_is_said_with_the_names_of_what_is_down() {
        assert_eq!(
            Health::new("anode").gated(samples::RECORDED_MICROS, &["web", "a \"b\""]),
            "{\"status\":\"ko\",\"time\":\"2026-11-21T03:24:21.316957\",\"alive\":true,\"name\":\"anode\",\
             \"down\":[\"web\",\"a \\\"b\\\"\"]}"
        );
    }

    #[test]
    fn a_name_is_escaped() {
        assert!(health("a\"b\\c\n", 0).ends_with(r#""name":"a\"b\\c\n"}"#));
    }

    #[test]
    fn a_heartbeat_is_the_reading_and_who_says_it() {
        let snapshot = samples::recorded();
        let line = heartbeat(samples::NODE, &snapshot, "b436ec64-bacd-4c10-a6b6-534c1ec6bcca");
        let reading = metrics(samples::NODE, &snapshot);
        assert_eq!(
            line.strip_prefix(&reading[..reading.len() - 1]),
            Some(r#","level":"INFO","node":"anode","cid":"b436ec64-bacd-4c10-a6b6-534c1ec6bcca"}"#)
        );
    }

    #[test]
    fn what_is_absent_is_null_and_its_key_stays() {
        let text = metrics(samples::NODE, &Snapshot::default());
        assert!(text.contains(r#""disk_usage":{"total":null,"used":null,"free":null,"percent":null}"#), "{text}");
        assert!(text.contains(r#""numeric":{"total":null,"available":null,"used":null}"#), "{text}");
        assert!(text.contains(r#""percent":{"all":null,"percpu":null},"count":{"all":null,"with_logical":null}"#));
        assert!(text.contains(r#""times":{"all":null,"percpu":null}"#), "{text}");
        assert!(!text.contains('0') || text.contains("1970"), "{text}");
    }

    #[test]
    fn answers_to_faults_have_the_forms_of_the_original() {
        assert_eq!(detail("Not Found"), r#"{"detail":"Not Found"}"#);
        assert_eq!(error("read x: no such file"), r#"{"status":"error","reason":"read x: no such file"}"#);
        assert_eq!(
            diagnostic("[metrics] CPU usage is above 0%: 54.3%", "WARN", samples::RECORDED_MICROS, "anode", "c"),
            "{\"body\":\"[metrics] CPU usage is above 0%: 54.3%\",\"level\":\"WARN\",\
             \"time\":\"2026-11-21T03:24:21.316957\",\"node\":\"anode\",\"cid\":\"c\"}"
        );
    }
}
