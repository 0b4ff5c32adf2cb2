mod hostile;
mod original;
mod table;

use super::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;

const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
const COLLECTOR: (&str, &str) = ("OTEL_COLLECTOR_ENDPOINT", "c:4317");
const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");

/// Under `/secret` is a file with a secret in it.
fn read(values: &[(&str, &str)]) -> Result<Option<Otlp>, ConfigError> {
    let lookup = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
    let read = |path: &str| match path {
        "/secret" => Ok("filed \r\n".into()),
        "/headers" => Ok("x-key=filed\r\n".into()),
        "/empty" => Ok("\n".into()),
        _ => Err("No such file or directory (os error 2)".into()),
    };
    Otlp::from_environment(&lookup, &read, "pi")
}

fn otlp(values: &[(&str, &str)]) -> Otlp {
    read(values).unwrap().unwrap()
}

/// With [`GENERAL`] as well.
fn with_endpoint(values: &[(&str, &str)]) -> Otlp {
    otlp(&[&[GENERAL], values].concat())
}

fn refused(values: &[(&str, &str)]) -> String {
    match read(values) {
        Err(error) => error.to_string(),
        Ok(otlp) => format!("accepted: {otlp:?}"),
    }
}

fn url(signal: &Option<Signal>) -> String {
    let Target { https, host, port, path } = &signal.as_ref().unwrap().target;
    format!("{}://{host}:{port}{path}", if *https { "https" } else { "http" })
}

fn urls(otlp: &Otlp) -> [String; 3] {
    [&otlp.metrics, &otlp.logs, &otlp.traces].map(url)
}

fn metrics(otlp: &Otlp) -> &Signal {
    otlp.metrics.as_ref().unwrap()
}

fn headers(signal: &Option<Signal>) -> Vec<(&str, &str)> {
    signal.iter().flat_map(|signal| &signal.headers).map(|(name, value)| (name.as_str(), value.reveal())).collect()
}

#[test]
fn nothing_is_sent_where_no_endpoint_is_set() {
    assert_eq!(read(&[]), Ok(None));
    // And what is wrong elsewhere does not matter then.
    let values = [("OTEL_BUFFER_BYTES", "x"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_SPOOL_DIR", ".")];
    assert_eq!(read(&values), Ok(None));
    for nothing in ["", " ", "changeit", "null", "Nil", "NONE", "false"] {
        assert_eq!(read(&[&values[..], &[(COLLECTOR.0, nothing)]].concat()), Ok(None), "{nothing}");
    }
    assert_eq!(read(&[(GENERAL.0, " ")]), Ok(None));
}

#[test]
fn nothing_is_sent_where_all_is_switched_off() {
    assert_eq!(read(&[GENERAL, ("OTEL_SDK_DISABLED", "True"), ("OTEL_BUFFER_BYTES", "x")]), Ok(None));
    let none = ["METRICS", "LOGS", "TRACES"].map(|signal| format!("OTEL_{signal}_EXPORTER"));
    let values: Vec<_> = none.iter().map(|name| (name.as_str(), "None")).collect();
    assert_eq!(read(&[&[GENERAL], &values[..]].concat()), Ok(None));
    let otlp = with_endpoint(&values[..2]);
    assert!(otlp.metrics.is_none() && otlp.logs.is_none() && otlp.traces.is_some());
    assert!(with_endpoint(&[("OTEL_SDK_DISABLED", "false")]).warnings.is_empty());
}

#[test]
fn an_endpoint_alone_is_http_with_the_defaults_of_the_specification() {
    let otlp = otlp(&[GENERAL]);
    assert_eq!(urls(&otlp), ["http://c:4318/v1/metrics", "http://c:4318/v1/logs", "http://c:4318/v1/traces"]);
    let signal = Signal {
        protocol: Protocol::HttpProtobuf,
        target: metrics(&otlp).target.clone(),
        headers: vec![],
        timeout: Duration::from_secs(10),
        tls: Tls { check: true, ca_file: None, client: None },
        gzip: false,
    };
    assert_eq!(metrics(&otlp), &signal);
    assert_eq!(otlp.resource, [("service.name".to_string(), "imalive-pi".to_string())]);
    assert_eq!((otlp.export_interval, otlp.buffer_bytes), (Duration::from_secs(60), 262_144));
    assert_eq!((otlp.spool_dir, otlp.warnings), (None, vec![]));
}

/// The three examples of "Endpoint URLs for OTLP/HTTP", and what else a URL may have.
#[test]
fn paths_are_appended_to_the_general_endpoint_only() {
    let metrics = |name: &str, value: &str| url(&otlp(&[(name, value)]).metrics);
    for (base, expected) in [
        ("http://collector:4318", "http://collector:4318/v1/metrics"),
        ("http://collector:4318/mycollector/", "http://collector:4318/mycollector/v1/metrics"),
        ("http://collector:4318/mycollector", "http://collector:4318/mycollector/v1/metrics"),
        ("HTTPS://collector.example.com", "https://collector.example.com:443/v1/metrics"),
        ("http://[::1]/?key=value#part", "http://::1:80/v1/metrics"),
    ] {
        assert_eq!(metrics(GENERAL.0, base), expected);
    }
    for (own, expected) in [
        ("http://collector:4318", "http://collector:4318/"),
        ("https://collector.example.com/v1/metrics/", "https://collector.example.com:443/v1/metrics/"),
        ("https://h/a b?key=value", "https://h:443/a%20b?key=value"),
    ] {
        assert_eq!(metrics("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", own), expected);
    }
}

#[test]
fn a_signal_has_its_own_endpoint_or_the_general_one_or_none() {
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/x");
    assert_eq!(urls(&with_endpoint(&[own])), ["http://c:4318/v1/metrics", "http://c:4318/v1/logs", "https://t:443/x"]);
    let otlp = otlp(&[own, ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json")]);
    assert!(otlp.metrics.is_none() && otlp.logs.is_none() && otlp.traces.is_some());
}

#[test]
fn grpc_goes_to_its_methods_and_without_a_scheme_over_tls_unless_told_otherwise() {
    let metrics = |values: &[(&str, &str)]| {
        let otlp = otlp(&[&[GRPC], values].concat());
        assert_eq!(metrics(&otlp).protocol, Protocol::Grpc);
        url(&otlp.metrics).replace("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "/method")
    };
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "TRUE");
    assert_eq!(metrics(&[(GENERAL.0, "c:4317")]), "https://c:4317/method");
    assert_eq!(metrics(&[(GENERAL.0, "c:4317"), insecure]), "http://c:4317/method");
    assert_eq!(metrics(&[(GENERAL.0, "[::1]:4317"), insecure]), "http://::1:4317/method");
    let own = ("OTEL_EXPORTER_OTLP_METRICS_INSECURE", "false");
    assert_eq!(metrics(&[(GENERAL.0, "c:4317"), insecure, own]), "https://c:4317/method");
    // A scheme comes before it.
    assert_eq!(metrics(&[(GENERAL.0, "https://c:4317"), insecure]), "https://c:4317/method");
    assert_eq!(metrics(&[(GENERAL.0, "http://c:4317/")]), "http://c:4317/method");
    assert_eq!(metrics(&[(GENERAL.0, "http://c")]), "http://c:80/method");
    let all = urls(&otlp(&[GRPC, (GENERAL.0, "http://c:1/v1/logs")]));
    assert!(all[1].ends_with(":1/opentelemetry.proto.collector.logs.v1.LogsService/Export"), "{}", all[1]);
    assert!(all[2].ends_with(":1/opentelemetry.proto.collector.trace.v1.TraceService/Export"), "{}", all[2]);
    let warned = otlp(&[GRPC, (GENERAL.0, "http://c:1/v1/logs")]).warnings;
    assert_eq!(warned, ["OTEL_EXPORTER_OTLP_ENDPOINT: the path is not used: gRPC has its own"]);
}

#[test]
fn an_endpoint_that_nobody_could_reach_is_refused() {
    let expected = "OTEL_EXPORTER_OTLP_ENDPOINT: \"c:4317\" is not the URL of a collector: expected http://host:port or \
        https://host:port, or host:port with OTEL_EXPORTER_OTLP_PROTOCOL=grpc";
    assert_eq!(refused(&[(GENERAL.0, "c:4317")]), expected);
    for bad in ["c", ":4317", "c:0", "c:99999", "ftp://c:4317", "http://", "http://c:x", "unix://x", "http://c\u{fffd}"]
    {
        for name in [GENERAL.0, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", COLLECTOR.0] {
            for values in [&[(name, bad)][..], &[(name, bad), GRPC]] {
                let message = refused(values);
                assert!(message.starts_with(&format!("{name}: \"{bad}\" is not the ")), "{message}");
            }
        }
    }
}

#[test]
fn json_is_refused_as_not_built_in_and_an_unknown_protocol_is_ignored() {
    let name = "OTEL_EXPORTER_OTLP_PROTOCOL";
    let line = "OTEL_EXPORTER_OTLP_PROTOCOL: \"http/JSON\" is not built in: expected grpc or http/protobuf";
    assert_eq!(refused(&[GENERAL, (name, "http/JSON")]), line);
    let own = "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL";
    assert!(refused(&[GENERAL, GRPC, (own, "http/json")]).starts_with(own));
    let otlp = with_endpoint(&[GRPC, ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/thrift")]);
    assert_eq!(metrics(&otlp).protocol, Protocol::Grpc);
    let line = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: \"http/thrift\" is not a protocol of OTLP: expected grpc or \
        http/protobuf; it counts as unset";
    assert_eq!(otlp.warnings, [line]);
    let otlp = with_endpoint(&[GRPC, ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "HTTP/Protobuf")]);
    assert_eq!(
        [&otlp.metrics, &otlp.logs].map(|signal| signal.as_ref().unwrap().protocol),
        [Protocol::Grpc, Protocol::HttpProtobuf]
    );
}

#[test]
fn header_fields_are_decoded_and_a_signals_own_replace_the_general_ones() {
    let general = ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20YTpi, X-Scope=a=b+c ,x-scope=d");
    let otlp = with_endpoint(&[
        general,
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-own=1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", " "),
    ]);
    let both = [("authorization", "Basic YTpi"), ("x-scope", "d")];
    assert_eq!(headers(&otlp.metrics), both);
    assert_eq!(headers(&otlp.logs), [("x-own", "1")]);
    assert_eq!(headers(&otlp.traces), both);
}

#[test]
fn header_fields_that_cannot_be_sent_are_refused_without_showing_them() {
    let name = "OTEL_EXPORTER_OTLP_HEADERS";
    let many: Vec<_> = (0..33).map(|number| format!("x-{number}=hush")).collect();
    for (bad, problem) in [
        ("hush", "is not a list of header fields"),
        ("a=hush%", "is not a list"),
        ("a=hush;b=c", "is not a list"),
        ("a=hush\u{fffd}", "is not UTF-8 text"),
        ("a b=hush", "has what no header field may hold"),
        ("a=hush%0d%0ab:c", "has what"),
        ("a=hush%C3%BC", "has what"),
        (":path=hush", "has what"),
        ("content-Type=hush", "has a header field that the exporter sets itself"),
        ("Expect=hush", "has a header field that the exporter sets itself"),
        ("grpc-timeout=hush", "has a header field that"),
        (&many.join(","), "has too many header fields: expected at most 32"),
    ] {
        let message = refused(&[GENERAL, (name, bad)]);
        assert!(message.starts_with(&format!("{name}: \"***\" {problem}")), "{message}");
        assert!(!message.contains("hush"), "{message}");
    }
    assert_eq!(metrics(&with_endpoint(&[(name, &many[..32].join(","))])).headers.len(), 32);
}

#[test]
fn user_and_password_in_front_of_the_host_are_authorization() {
    let url = (GENERAL.0, "https://alice:s%65cret@c:4318");
    let basic = [("authorization", "Basic YWxpY2U6c2VjcmV0")];
    assert_eq!(headers(&otlp(&[url]).logs), basic);
    let own = [url, ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=mine")];
    assert_eq!(headers(&otlp(&own).logs), [("authorization", "mine")]);
    let message = refused(&[(GENERAL.0, "https://alice:hush@c:x")]);
    assert!(message.contains("alice:***@c:x") && !message.contains("hush"), "{message}");
    for bad in ["c:4318/hush", "https://c:x/hush", "https://c:x?hush", "https://c/hush\u{fffd}"] {
        let message = refused(&[(GENERAL.0, bad)]);
        assert!(message.contains("/...\" is not the URL") && !message.contains("hush"), "{message}");
    }
}

#[test]
fn times_are_milliseconds_and_no_limit_is_a_long_time() {
    let timeout = |value: &str| with_endpoint(&[("OTEL_EXPORTER_OTLP_TIMEOUT", value)]);
    assert_eq!(metrics(&timeout("2500")).timeout, Duration::from_millis(2500));
    assert_eq!(metrics(&timeout("0")).timeout, Duration::from_millis(2_147_483_647));
    let general = ("OTEL_EXPORTER_OTLP_TIMEOUT", "7");
    for (own, expected) in [("3", 3), ("", 7), ("-3", 7)] {
        let otlp = with_endpoint(&[general, ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", own)]);
        assert_eq!(metrics(&otlp).timeout, Duration::from_millis(expected), "{own}");
        assert_eq!(otlp.traces.unwrap().timeout, Duration::from_millis(7));
    }
    let interval = |value: &str| with_endpoint(&[("OTEL_METRIC_EXPORT_INTERVAL", value)]).export_interval;
    assert_eq!(interval("1000"), Duration::from_secs(1));
    assert_eq!(interval("86400000"), Duration::from_secs(86_400));
}

#[test]
fn what_the_specification_wants_ignored_is_ignored_with_one_warning() {
    for (name, values) in [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", &["-1", "10s", "1.5", "2147483648", "\u{fffd}"][..]),
        ("OTEL_METRIC_EXPORT_INTERVAL", &["0", "999", "86400001", "-1", "1m"]),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", &["zstd", "yes"]),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", &["http", "udp"]),
        ("OTEL_EXPORTER_OTLP_INSECURE", &["1", "yes"]),
        ("OTEL_SDK_DISABLED", &["1", "yes"]),
        ("OTEL_METRICS_EXPORTER", &["prometheus", "console"]),
        ("OTEL_RESOURCE_ATTRIBUTES", &["a", "a=1,b", "a=%zz", "a=\u{fffd}", &["a=", &"x".repeat(4096)].concat()]),
    ] {
        for value in values {
            let mut otlp = with_endpoint(&[(name, value)]);
            let warnings = core::mem::take(&mut otlp.warnings);
            assert_eq!(otlp, with_endpoint(&[]), "{name}={value}");
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            let known = warnings[0].starts_with(&format!("{name}: \"")) && warnings[0].contains("; it counts as ");
            assert!(known, "{warnings:?}");
        }
    }
    let line = "OTEL_EXPORTER_OTLP_TIMEOUT: \"10s\" is not a time in milliseconds: expected a number from 0 (no limit) to \
        2147483647; it counts as unset";
    assert_eq!(with_endpoint(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")]).warnings, [line]);
}

#[test]
fn compression_is_gzip_or_none_for_each_signal() {
    let otlp =
        with_endpoint(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "GZIP"), ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "none")]);
    assert_eq!(
        [&otlp.metrics, &otlp.logs, &otlp.traces].map(|signal| signal.as_ref().unwrap().gzip),
        [true, false, true]
    );
}

#[test]
fn certificates_are_those_of_the_signal_or_the_general_ones() {
    let files = [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem"),
        ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "/m.pem"),
    ];
    let otlp = read(&[&[(GENERAL.0, "https://c")], &files[..]].concat()).unwrap().unwrap();
    let tls =
        |ca: &str| Tls { check: true, ca_file: Some(ca.into()), client: Some(("/c.pem".into(), "/k.pem".into())) };
    assert_eq!((&metrics(&otlp).tls, &otlp.logs.as_ref().unwrap().tls), (&tls("/m.pem"), &tls("/ca.pem")));
    assert_eq!(otlp.warnings, [""; 0]);
    let plain = with_endpoint(&files[..1]);
    assert_eq!(metrics(&plain).tls.ca_file, None);
    assert_eq!(plain.warnings, ["OTEL_EXPORTER_OTLP_CERTIFICATE is not used: the endpoint is not https"]);
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let https = (GENERAL.0, "https://c");
    for (given, missing) in [("CLIENT_CERTIFICATE", "CLIENT_KEY"), ("CLIENT_KEY", "CLIENT_CERTIFICATE")] {
        let given = format!("OTEL_EXPORTER_OTLP_{given}");
        let line = format!("{given}: \"/x.pem\" is alone: expected OTEL_EXPORTER_OTLP_{missing} beside it");
        assert_eq!(refused(&[https, (&given, "/x.pem")]), line);
    }
    assert!(
        refused(&[https, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/a\nb")]).contains("\"/a?b\" is not a path: expected ")
    );
}

#[test]
fn the_service_is_named_by_its_variable_then_by_the_attributes_then_after_the_node() {
    let resource = |values: &[(&str, &str)]| {
        let pairs = with_endpoint(values).resource;
        pairs.into_iter().map(|(key, value)| [key, value].join("=")).collect::<Vec<_>>()
    };
    let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=k%C3%BCche%2C1,service.name=a,host.id=x=y");
    assert_eq!(resource(&[attributes]), ["service.name=a", "deployment.environment=küche,1", "host.id=x=y"]);
    assert_eq!(resource(&[attributes, ("OTEL_SERVICE_NAME", " b ")])[0], "service.name=b");
    assert_eq!(resource(&[("OTEL_SERVICE_NAME", "changeit")]), ["service.name=changeit"]);
    for bad in ["a\nb", "a\u{fffd}", &"x".repeat(256)] {
        assert!(refused(&[GENERAL, ("OTEL_SERVICE_NAME", bad)]).starts_with("OTEL_SERVICE_NAME: "), "{bad}");
    }
}

#[test]
fn our_own_variables_are_refused_when_they_are_not_understood() {
    let otlp = with_endpoint(&[("OTEL_BUFFER_BYTES", "65536"), ("OTEL_SPOOL_DIR", "/var/lib/imalive")]);
    assert_eq!((otlp.buffer_bytes, otlp.spool_dir.as_deref()), (65_536, Some("/var/lib/imalive")));
    assert_eq!(with_endpoint(&[("OTEL_BUFFER_BYTES", "16777216")]).buffer_bytes, 16_777_216);
    for bad in ["65535", "16777217", "256KB", "-1"] {
        let line =
            format!("OTEL_BUFFER_BYTES: \"{bad}\" is not a number of bytes: expected a number from 65536 to 16777216");
        assert_eq!(refused(&[GENERAL, ("OTEL_BUFFER_BYTES", bad)]), line);
    }
    let line = "OTEL_SPOOL_DIR: \"spool\" is not a directory: expected an absolute path";
    assert_eq!(refused(&[GENERAL, ("OTEL_SPOOL_DIR", "spool")]), line);
}
