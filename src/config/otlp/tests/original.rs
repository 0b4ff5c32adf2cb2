//! The original's variables, alone and beside the standard ones.

use super::*;

const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const TLS: (&str, &str) = ("OTEL_COLLECTOR_TLS_CHECK", "yes");
const USER: (&str, &str) = ("OTEL_COLLECTOR_USERNAME", "alice");
const PASSWORD: (&str, &str) = ("OTEL_COLLECTOR_PASSWORD", "secret");
const FIELD: (&str, &str) = ("OTEL_COLLECTOR_AUTH_HEADER", "Bearer t");

/// With [`COLLECTOR`] as well, over TLS.
fn collector(values: &[(&str, &str)]) -> Otlp {
    otlp(&[&[COLLECTOR, TLS], values].concat())
}

fn authorization(values: &[(&str, &str)]) -> Option<String> {
    let otlp = collector(values);
    let all = [&otlp.metrics, &otlp.logs, &otlp.traces].map(headers);
    assert!(all[0] == all[1] && all[1] == all[2], "{all:?}");
    all[0].iter().find(|(name, _)| *name == "authorization").map(|(_, value)| value.to_string())
}

#[test]
fn the_originals_endpoint_is_grpc_for_all_signals_and_plain_unless_tls_is_asked_for() {
    let origin = |values: &[(&str, &str)]| {
        let otlp = otlp(values);
        for signal in [&otlp.metrics, &otlp.logs, &otlp.traces] {
            let signal = signal.as_ref().unwrap();
            assert_eq!((signal.protocol, signal.tls.check), (Protocol::Grpc, true));
        }
        assert_eq!(otlp.warnings, [""; 0]);
        url(&otlp.logs).replace("/opentelemetry.proto.collector.logs.v1.LogsService/Export", "")
    };
    assert_eq!(origin(&[COLLECTOR]), "http://c:4317");
    assert_eq!(origin(&[COLLECTOR, TLS]), "https://c:4317");
    for no in ["no", "False", "off", "null", "changeit", " "] {
        assert_eq!(origin(&[COLLECTOR, (TLS.0, no)]), "http://c:4317", "{no}");
    }
    assert_eq!(origin(&[(COLLECTOR.0, "http://c:4317")]), "http://c:4317");
    assert_eq!(origin(&[(COLLECTOR.0, "http://c:4317"), TLS]), "https://c:4317");
    assert_eq!(origin(&[(COLLECTOR.0, "https://c:4317")]), "https://c:4317");
    assert!(
        refused(&[COLLECTOR, (TLS.0, "maybe")])
            .starts_with("OTEL_COLLECTOR_TLS_CHECK: \"maybe\" is neither yes nor no")
    );
}

#[test]
fn certificates_are_checked_even_where_the_original_is_told_not_to() {
    for (value, lines) in [("no", 1), ("false", 1), ("changeit", 0), ("yes", 0)] {
        let otlp = otlp(&[(COLLECTOR.0, "https://c:4317"), (TLS.0, value)]);
        assert!(metrics(&otlp).tls.check && metrics(&otlp).target.https);
        assert_eq!(otlp.warnings.len(), lines, "{value}: {:?}", otlp.warnings);
    }
}

#[test]
fn user_and_password_come_before_a_whole_field_as_in_the_original() {
    let basic = Some("Basic YWxpY2U6c2VjcmV0".to_string());
    assert_eq!(authorization(&[]), None);
    assert_eq!(authorization(&[USER, PASSWORD]), basic);
    assert_eq!(authorization(&[FIELD]).as_deref(), Some("Bearer t"));
    assert_eq!(authorization(&[USER, PASSWORD, FIELD]), basic);
    assert_eq!(authorization(&[USER, (PASSWORD.0, "changeit"), FIELD]).as_deref(), Some("Bearer t"));
    assert_eq!(authorization(&[USER]), None);
    assert_eq!(authorization(&[(USER.0, "küche"), (PASSWORD.0, "ü")]).as_deref(), Some("Basic a8O8Y2hlOsO8"));
    let line = "OTEL_COLLECTOR_AUTH_HEADER is not used: OTEL_COLLECTOR_USERNAME and OTEL_COLLECTOR_PASSWORD are";
    assert_eq!(collector(&[USER, PASSWORD, FIELD]).warnings, [line]);
    let line = "OTEL_COLLECTOR_USERNAME is not used: expected OTEL_COLLECTOR_PASSWORD beside it";
    assert_eq!(collector(&[USER, FIELD]).warnings, [line]);
    let line = "OTEL_COLLECTOR_PASSWORD is not used: expected OTEL_COLLECTOR_USERNAME beside it";
    assert_eq!(collector(&[PASSWORD]).warnings, [line]);
}

#[test]
fn credentials_that_go_in_the_clear_are_worth_a_warning() {
    let otlp = otlp(&[COLLECTOR, USER, PASSWORD]);
    assert_eq!(headers(&otlp.traces), [("authorization", "Basic YWxpY2U6c2VjcmV0")]);
    let line = "OTEL_COLLECTOR_PASSWORD is sent unencrypted: expected TLS, such as OTEL_COLLECTOR_TLS_CHECK=yes";
    assert_eq!(otlp.warnings, [line]);
    assert_eq!(collector(&[USER, PASSWORD]).warnings, [""; 0]);
}

#[test]
fn every_secret_comes_from_a_file_as_well() {
    let file = |name: &str| [name, "_FILE"].concat();
    assert_eq!(authorization(&[USER, (&file(PASSWORD.0), "/secret")]).as_deref(), Some("Basic YWxpY2U6ZmlsZWQg"));
    assert_eq!(authorization(&[(&file(USER.0), "/secret"), PASSWORD]).as_deref(), Some("Basic ZmlsZWQgOnNlY3JldA=="));
    assert_eq!(authorization(&[(&file(FIELD.0), "/secret")]).as_deref(), Some("filed "));
    assert_eq!(authorization(&[FIELD, (&file(FIELD.0), "changeit")]).as_deref(), Some("Bearer t"));
    for name in [HEADERS, "OTEL_EXPORTER_OTLP_METRICS_HEADERS"] {
        assert_eq!(headers(&collector(&[(&file(name), "/headers")]).metrics), [("x-key", "filed")]);
    }
    let own = ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x=1");
    assert_eq!(headers(&collector(&[own, (&file(HEADERS), "/headers")]).metrics), [("x", "1")]);
}

#[test]
fn a_secret_that_cannot_be_had_is_refused_in_a_line() {
    for name in [USER.0, PASSWORD.0, FIELD.0, HEADERS, "OTEL_EXPORTER_OTLP_LOGS_HEADERS"] {
        let file = [name, "_FILE"].concat();
        let line = format!("{file}: \"/x\" cannot be read: expected a file (No such file or directory (os error 2))");
        assert_eq!(refused(&[COLLECTOR, (&file, "/x")]), line);
        let line = format!("{file}: \"/empty\" is empty: expected a file with the secret in it");
        assert_eq!(refused(&[COLLECTOR, (&file, "/empty")]), line);
        let line = format!("{file}: \"/secret\" is one secret too many: expected {name} or {file}, not both");
        assert_eq!(refused(&[COLLECTOR, (name, "hush"), (&file, "/secret")]), line);
    }
    for bad in ["hush\nhush", "hush\u{fffd}", "hüsh"] {
        let message = refused(&[COLLECTOR, (FIELD.0, bad)]);
        assert!(message.starts_with("OTEL_COLLECTOR_AUTH_HEADER: \"***\" is not "), "{message}");
    }
}

#[test]
fn where_both_families_name_an_endpoint_the_standard_one_is_used() {
    let otlp = otlp(&[GENERAL, COLLECTOR, TLS, FIELD]);
    assert_eq!(urls(&otlp)[0], "http://c:4318/v1/metrics");
    assert_eq!(metrics(&otlp).protocol, Protocol::HttpProtobuf);
    // What the original's collector may know is not told to another.
    assert_eq!(headers(&otlp.metrics), [("", ""); 0]);
    let lines = [
        "OTEL_EXPORTER_OTLP_ENDPOINT is used in place of OTEL_COLLECTOR_ENDPOINT",
        "OTEL_COLLECTOR_AUTH_HEADER is not used: it belongs to OTEL_COLLECTOR_ENDPOINT",
    ];
    assert_eq!(otlp.warnings, lines);
    assert_eq!(with_endpoint(&[FIELD]).warnings, lines[1..]);
    assert_eq!(with_endpoint(&[(COLLECTOR.0, "changeit")]).warnings, [""; 0]);
}

#[test]
fn a_signal_with_its_own_standard_endpoint_leaves_the_others_to_the_originals() {
    let otlp = collector(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t:4318/x"), FIELD]);
    assert_eq!(url(&otlp.traces), "https://t:4318/x");
    assert_eq!(headers(&otlp.traces), [("", ""); 0]);
    assert!(url(&otlp.logs).starts_with("https://c:4317/opentelemetry.proto."));
    assert_eq!(headers(&otlp.logs), [("authorization", "Bearer t")]);
    assert_eq!(otlp.warnings, ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is used in place of OTEL_COLLECTOR_ENDPOINT"]);
}

#[test]
fn the_other_standard_variables_count_for_the_originals_endpoint_too() {
    let values = [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "5"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        (HEADERS, "x=1"),
        FIELD,
    ];
    let otlp = collector(&values);
    let signal = metrics(&otlp);
    assert_eq!((signal.timeout, signal.gzip, signal.target.https), (Duration::from_millis(5), true, true));
    assert_eq!(signal.tls.ca_file.as_deref(), Some("/ca.pem"));
    assert_eq!(headers(&otlp.metrics), [("x", "1"), ("authorization", "Bearer t")]);
    let otlp = collector(&[(HEADERS, "authorization=mine"), FIELD]);
    assert_eq!(headers(&otlp.metrics), [("authorization", "mine")]);
    assert_eq!(
        otlp.warnings,
        ["OTEL_COLLECTOR_AUTH_HEADER is not used: the standard header fields have authorization"]
    );
}

#[test]
fn the_originals_endpoint_is_http_where_the_standard_protocol_says_so() {
    let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let otlp = otlp(&[(COLLECTOR.0, "https://c/base"), http]);
    assert_eq!(urls(&otlp)[2], "https://c:443/base/v1/traces");
    assert!(
        refused(&[COLLECTOR, http]).starts_with("OTEL_COLLECTOR_ENDPOINT: \"c:4317\" is not the URL of a collector")
    );
}

#[test]
fn a_secret_is_printed_nowhere() {
    let values = [
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://hush:hush@h/hush?hush=hush"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-key=hush"),
        (USER.0, "hush"),
        (PASSWORD.0, "hush"),
        (FIELD.0, "hush"),
    ];
    let otlp = otlp(&[&[COLLECTOR], &values[..]].concat());
    assert_eq!(otlp.metrics.as_ref().unwrap().headers[0].1.reveal(), "hush");
    assert!(otlp.warnings.len() > 2, "{:?}", otlp.warnings);
    let printed = format!("{otlp:?}");
    // "hush" in base64, at each of the three places in which it may begin.
    for text in ["hush", "aHVza", "h1c2", "odXNo"] {
        assert!(!printed.contains(text), "{printed}");
    }
    assert!(printed.contains("target: https://h:443/...") && printed.contains("(\"x-key\", [secret])"), "{printed}");
}
