//! A request of each signal with a bit of everything, and answers, exchanged with the official protobuf definitions by
//! `tests/system/otlp-messages`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use prost::Message;

use crate::client::Phase;
use crate::config::LogLevel;
use crate::http::route::Handler;
use crate::report::monitor_samples::Samples;
use crate::report::prometheus_monitors::ReceiverCounts;
use crate::report::samples;
use crate::snapshot::Method;
use crate::telemetry::answers::{PartialSuccess, Refusal, export_response, refusal};
use crate::telemetry::envelope::Envelope;
use crate::telemetry::messages::collector::{
    ExportLogsServiceRequest, ExportMetricsServiceRequest, ExportTraceServiceRequest,
};
use crate::telemetry::messages::common::KeyValue;
use crate::telemetry::messages::metrics::{ResourceMetrics, ScopeMetrics};
use crate::telemetry::metrics::tests::{CLOCKS, OTLP, counters, monitored, records as all_records, scrape};
use crate::telemetry::resource::tests::{BUILD, IDENTITY};
use crate::telemetry::resource::{resource, scope};
use crate::telemetry::spans::{Interval, Parent, PhaseInterval, Request, SpanContext};
use crate::telemetry::{TraceParent, logs, records, spans};

const BEGAN: u64 = 1_795_231_461_000_000_000;

const SPAN: SpanContext = SpanContext {
    trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes(),
    span_id: 0xb7ad_6b71_6920_3331_u64.to_be_bytes(),
    sampled: true,
};

fn samples() -> Samples {
    let mut samples = Samples::new();
    samples.monitors.truncate(2);
    samples.statuses.truncate(2);
    samples.statuses[0].certificate_expiry_unix_secs = Some(1_800_000_000);
    samples
}

fn all_metrics() -> ExportMetricsServiceRequest {
    let (snapshot, counters, samples) = (samples::recorded(), counters(), samples());
    let receivers = [ReceiverCounts { receiver: "slack", sent: 7, failed: 1, retried: 5, dropped: 0 }];
    let metrics = all_records(&scrape(&snapshot, &counters), Some(&monitored(&samples, &receivers)), &CLOCKS);
    let mut all: Vec<u8> = metrics.into_iter().flat_map(|(_, encoded)| encoded).collect();
    records::exporter(&OTLP, &CLOCKS, &mut |_, encoded| all.extend(encoded));
    let resource = ResourceMetrics { resource: Some(resource(&IDENTITY)), scope_metrics: Vec::new() };
    let scope = ScopeMetrics { scope: Some(scope(&BUILD)), metrics: Vec::new() };
    let mut request = Vec::new();
    Envelope::new(resource.encode_to_vec(), scope.encode_to_vec()).begin(all.len(), &mut request);
    request.extend(all);
    let read = ExportMetricsServiceRequest::decode(&request[..]).unwrap();
    assert!(read.encode_to_vec() == request);
    read
}

fn all_logs() -> ExportLogsServiceRequest {
    let samples = samples();
    let plain = logs::Record {
        unix_nanos: BEGAN,
        level: LogLevel::Warning,
        event_name: logs::THRESHOLD,
        body: "[metrics] CPU usage is above 0%: 53.0%",
        attributes: vec![
            KeyValue::int("int", 0),
            KeyValue::int("largest", u64::MAX),
            KeyValue::double("double", 0.0),
            KeyValue::bool("bool", false),
            KeyValue::text("text", ""),
        ],
        span: None,
    };
    let heartbeat = logs::Record {
        level: LogLevel::Info,
        event_name: logs::HEARTBEAT,
        body: "küche 日本 🍓",
        attributes: Vec::new(),
        span: Some(SPAN),
        ..plain.clone()
    };
    let outcome = &samples.statuses[1].last.as_ref().unwrap().1;
    let check = logs::check(&samples.monitors[1], outcome, BEGAN, Some(SPAN));
    logs::export(resource(&IDENTITY), scope(&BUILD), vec![logs::record(plain), logs::record(heartbeat), check])
}

fn all_spans() -> ExportTraceServiceRequest {
    let samples = samples();
    let interval = |from: u64, to: u64| Interval { start_unix_nanos: BEGAN + from, end_unix_nanos: BEGAN + to };
    let client = TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let (context, parent) = SpanContext::of_request(client, [0; 16], [3; 8]);
    let asked = Request {
        method: Method::Post,
        method_name: "POST",
        path: "/v1/health",
        route: Some((Handler::Health, "/v1/health")),
        version: "1.1",
        client_address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        user_agent: Some("curl/8"),
        cid: Some("b276d066"),
        status: 503,
    };
    let lost = Request {
        method: Method::Other,
        method_name: "BREW",
        route: None,
        user_agent: None,
        cid: None,
        status: 405,
        ..asked
    };
    let mut all = vec![
        spans::request(context, parent, interval(0, 90_000), &asked),
        spans::request(SpanContext::new([4; 16], [5; 8]), Parent::None, interval(0, 0), &lost),
        spans::heartbeat(SPAN, interval(5, 70_005)),
    ];
    let phases = [(Phase::Resolving, 0, 10, 6), (Phase::Connecting, 10, 30, 7), (Phase::Waiting, 30, 900_000, 8)];
    let phases =
        phases.map(|(phase, from, to, id)| PhaseInterval { phase, interval: interval(from, to), span_id: [id; 8] });
    let outcome = &samples.statuses[1].last.as_ref().unwrap().1;
    let context = SpanContext::new([9; 16], [9; 8]);
    all.extend(spans::check(context, interval(0, 918_000), &samples.monitors[1], outcome, (&phases, 2)));
    spans::export(resource(&IDENTITY), scope(&BUILD), all)
}

fn exchanged<M: Message + Default + PartialEq>(name: &str, message: &M) {
    let bytes = message.encode_to_vec();
    assert_eq!(bytes.len(), message.encoded_len());
    assert!(M::decode(&bytes[..]).unwrap() == *message, "{name}");
    if let Some(directory) = std::env::var_os("OTLP_MESSAGES") {
        fs::write(PathBuf::from(directory).join(name).with_extension("bin"), bytes).unwrap();
    }
}

/// With `OTLP_MESSAGES=DIRECTORY` they are written there.
#[test]
fn what_is_sent_is_read_back_alike() {
    exchanged("metrics", &all_metrics());
    exchanged("logs", &all_logs());
    exchanged("traces", &all_spans());
}

/// What the official classes make of the same values. With `OTLP_ANSWERS=DIRECTORY` those made there, now, are read instead.
fn official(name: &str, hexadecimal: &str) -> Vec<u8> {
    match std::env::var_os("OTLP_ANSWERS") {
        Some(directory) => fs::read(PathBuf::from(directory).join(name).with_extension("bin")).unwrap(),
        None => {
            let digits: Vec<_> = hexadecimal.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
            digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
        }
    }
}

#[test]
fn official_answers_are_read() {
    for name in ["metrics", "logs", "traces"] {
        let bytes = official(&format!("{name}-accepted"), "");
        assert_eq!(export_response(&bytes), Ok(None), "{name}");
        let bytes = official(&format!("{name}-partial"), "0a100803120c746f6f206f6c6420c3a90a78");
        let expected = PartialSuccess { rejected: 3, message: "too old é x".into() };
        assert_eq!(export_response(&bytes), Ok(Some(expected)), "{name}");
    }
    let expected = |retry| Ok(Refusal { code: 8, message: "slow".into(), retry });
    assert_eq!(refusal(&official("refused", "08081204736c6f77")), expected(None));
    let delayed = [
        "08081204736c6f77",
        "1a2f0a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e4465627567496e666f1203120178",
        "1a360a28747970652e676f6f676c65617069732e636f6d2f676f6f676c652e7270632e5265747279496e666f120a0a08",
        "08071080cab5ee01",
    ];
    let delayed = official("delayed", &delayed.concat());
    assert_eq!(refusal(&delayed), expected(Some(Duration::from_millis(7500))));
}
