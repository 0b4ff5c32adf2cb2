//! What may stand in a variable by accident.

use super::*;

const OTHERS: [&str; 15] = [
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
    "OTEL_TRACES_EXPORTER",
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_BUFFER_BYTES",
    "OTEL_SPOOL_DIR",
    "OTEL_COLLECTOR_ENDPOINT",
    "OTEL_COLLECTOR_TLS_CHECK",
    "OTEL_COLLECTOR_USERNAME",
    "OTEL_COLLECTOR_PASSWORD",
    "OTEL_COLLECTOR_AUTH_HEADER",
    "OTEL_COLLECTOR_AUTH_HEADER_FILE",
];

fn names() -> Vec<&'static str> {
    use crate::config::otlp::names::*;
    let forms = [
        ENDPOINT,
        PROTOCOL,
        INSECURE,
        HEADERS,
        HEADERS_FILE,
        TIMEOUT,
        COMPRESSION,
        CERTIFICATE,
        CLIENT_CERTIFICATE,
        CLIENT_KEY,
    ];
    [&OTHERS[..], forms.as_flattened()].concat()
}

#[test]
fn a_value_is_taken_or_named_in_one_line() {
    let long = "x".repeat(100_000);
    let values =
        ["%", "=", ",", ";", "://", "https://@", "[", "[::1", "a\nb\u{1b}[2J", "\u{fffd}", "ü=%ü", "-0", &long];
    let mut refused = 0;
    for name in names() {
        for value in values {
            let mut lines = Vec::new();
            // Over TLS, and with the original's collector for two signals.
            let first = [(name, value), ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://c"), COLLECTOR];
            match read(&first) {
                Ok(otlp) => lines.extend(otlp.into_iter().flat_map(|otlp| otlp.warnings)),
                Err(error) => {
                    assert_eq!(error.variable, name, "{value}");
                    refused += 1;
                    lines.push(error.to_string());
                }
            }
            for line in lines {
                assert!(line.starts_with("OTEL_") && line.len() < 300, "{name}={value}: {line}");
                assert!(!line.contains(char::is_control), "{name}={value}: {line}");
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn an_empty_value_is_no_value() {
    for name in names() {
        for empty in ["", " \t\n"] {
            assert_eq!(
                read(&[(name, empty), GENERAL, COLLECTOR]),
                read(&[GENERAL, COLLECTOR].map(|(known, value)| { (known, if known == name { "" } else { value }) })),
                "{name}"
            );
        }
    }
}
