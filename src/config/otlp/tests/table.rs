//! The table says what is read, and `imalive check` says what was.

use super::*;
use crate::config::otlp::table::{ENTRIES, is_unknown};
use core::cell::RefCell;

const HTTPS: (&str, &str) = (GENERAL.0, "https://c:4318");

/// The names that are asked for where all is sent.
fn asked(values: &[(&str, &str)]) -> Vec<String> {
    let asked = RefCell::new(Vec::new());
    let lookup = |name: &str| {
        asked.borrow_mut().push(String::from(name));
        values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    };
    Otlp::from_environment(&lookup, &|_| Err(String::new()), "pi").unwrap().unwrap();
    asked.into_inner()
}

fn check(values: &[(&str, &str)]) -> String {
    let lookup = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
    effective(&lookup, read(values).unwrap().as_ref())
}

#[test]
fn what_is_read_is_what_the_table_names() {
    // Scheme-less and over gRPC, as that is where INSECURE is asked for; and the original's endpoint.
    let mut read = asked(&[(GENERAL.0, "c:4317"), GRPC]);
    read.extend(asked(&[COLLECTOR]));
    read.sort();
    read.dedup();
    let mut named: Vec<_> = ENTRIES.iter().flat_map(|entry| entry.names()).collect();
    named.sort();
    assert_eq!(read, named);
}

#[test]
fn a_default_is_understood_and_means_the_same_as_no_value() {
    for endpoint in [HTTPS, COLLECTOR] {
        let unset = otlp(&[endpoint]);
        for entry in ENTRIES.iter().filter(|entry| !entry.default.is_empty()) {
            assert_eq!(otlp(&[endpoint, (entry.name, entry.default)]), unset, "{}", entry.name);
        }
    }
}

#[test]
fn the_other_forms_of_a_variable_are_as_the_specification_names_them() {
    let names = |name: &str| ENTRIES.iter().find(|entry| entry.name == name).unwrap().names();
    assert_eq!(names("OTEL_BUFFER_BYTES"), ["OTEL_BUFFER_BYTES"]);
    assert_eq!(names("OTEL_COLLECTOR_PASSWORD"), ["OTEL_COLLECTOR_PASSWORD", "OTEL_COLLECTOR_PASSWORD_FILE"]);
    let of_headers = names("OTEL_EXPORTER_OTLP_HEADERS");
    assert_eq!(of_headers.len(), 8);
    assert_eq!(of_headers[1], "OTEL_EXPORTER_OTLP_METRICS_HEADERS");
    assert_eq!(of_headers[7], "OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE");
}

#[test]
fn a_slip_in_the_name_of_a_variable_of_the_exporter_is_seen() {
    assert!(is_unknown("OTEL_EXPORTER_OTLP_ENDPIONT"));
    assert!(is_unknown("OTEL_EXPORTER_OTLP_METRIC_ENDPOINT"));
    for known in ["OTEL_EXPORTER_OTLP_LOGS_HEADERS_FILE", "OTEL_PROPAGATORS", "OTEL_COLLECTOR_SERVICE_HOST"] {
        assert!(!is_unknown(known), "{known}");
    }
}

#[test]
fn help_has_a_line_of_at_most_80_columns_for_each() {
    let mut text = String::new();
    crate::config::otlp::push_help(&mut text);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for entry in ENTRIES {
        assert!(text.contains(&format!("\n  {}  ", entry.name)), "{text}");
    }
}

#[test]
fn check_says_what_is_sent_where_and_no_secret() {
    let values = [
        COLLECTOR,
        ("OTEL_COLLECTOR_TLS_CHECK", "yes"),
        ("OTEL_COLLECTOR_USERNAME", "alice"),
        ("OTEL_COLLECTOR_PASSWORD_FILE", "/secret"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://bob:hush@[::1]:4318/hush?hush"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "X-Scope=hush,x-key=hush"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("OTEL_SPOOL_DIR", "/var/lib/imalive/otlp"),
    ];
    let text = check(&values);
    for hidden in ["hush", "alice", "filed", "Basic"] {
        assert!(!text.contains(hidden), "{text}");
    }
    for line in [
        "OTEL_COLLECTOR_ENDPOINT=c:4317",
        "OTEL_COLLECTOR_USERNAME=***",
        "OTEL_COLLECTOR_PASSWORD=",
        "OTEL_COLLECTOR_PASSWORD_FILE=/secret",
        "OTEL_EXPORTER_OTLP_ENDPOINT=",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=https://bob:***@[::1]:4318/...",
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS=***",
        "OTEL_METRIC_EXPORT_INTERVAL=60000",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("OTEL_EXPORTER_OTLP_METRICS_"), "{text}");
    let comments = "\n\n\
        # OpenTelemetry: service imalive-pi, metrics every 60000 ms\n\
        # metrics: grpc to https://c:4317, within 10000 ms, gzip, with authorization\n\
        # logs: http/protobuf to https://[::1]:4318, within any time, gzip, with x-scope x-key authorization\n\
        # traces: not sent\n\
        # kept of an outage: 262144 bytes in memory, then in /var/lib/imalive/otlp\n";
    assert!(text.ends_with(comments), "{text}");
}

#[test]
fn check_says_why_nothing_is_sent() {
    let reason = |values: &[(&str, &str)]| check(values).rsplit("nothing is sent, as ").next().unwrap().to_string();
    assert_eq!(reason(&[]), "no endpoint is set\n");
    assert_eq!(reason(&[("OTEL_SDK_DISABLED", "true")]), "no endpoint is set\n");
    assert_eq!(reason(&[COLLECTOR, ("OTEL_SDK_DISABLED", "true")]), "OTEL_SDK_DISABLED is true\n");
    let none = ["OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_TRACES_EXPORTER"].map(|name| (name, "none"));
    let reasoned = reason(&[&[COLLECTOR], &none[..]].concat());
    assert_eq!(reasoned, "each signal is switched off, or has no endpoint\n");
}

#[test]
fn what_check_prints_asks_for_the_same_where_no_secret_is_in_it() {
    let values = [
        HTTPS,
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "5"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_METRIC_EXPORT_INTERVAL", " 15000 "),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=b=c,service.name=x"),
        ("OTEL_BUFFER_BYTES", "65536"),
    ];
    let printed = check(&values);
    let again: Vec<_> = printed.lines().filter_map(|line| line.split_once('=')).collect();
    let again: Vec<_> = again.into_iter().filter(|(name, _)| !name.starts_with('#')).collect();
    assert_eq!(read(&again), read(&values));
    // Nor does what it prints of an unset one mean something, with whichever endpoint.
    let printed = check(&[COLLECTOR]);
    let again: Vec<_> = printed.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(read(&again), read(&[COLLECTOR]));
    // One variable is one line, whatever is in it.
    assert!(check(&[HTTPS, ("OTEL_RESOURCE_ATTRIBUTES", "a=b\nLISTEN_PORT=1")]).contains("=a=b?LISTEN_PORT=1\n"));
}
