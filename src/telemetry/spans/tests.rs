use super::*;
use crate::report::monitor_samples::{Samples, failed};
use crate::telemetry::messages::common::Value;
use std::net::Ipv4Addr;

const CONTEXT: SpanContext = SpanContext { trace_id: [1; 16], span_id: [2; 8], sampled: true };
const SECOND: Interval = Interval { start_unix_nanos: 1_000, end_unix_nanos: 1_000_001_000 };

const ASKED: Request<'static> = Request {
    method: Method::Get,
    method_name: "GET",
    path: "/health",
    route: Some((Handler::Health, "/health")),
    version: "1.1",
    client_address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
    user_agent: Some("curl/8"),
    cid: None,
    status: 200,
};

fn asked(of: &Request<'_>) -> Span {
    request(CONTEXT, Parent::None, SECOND, of)
}

fn text(span: &Span, key: &str) -> Option<String> {
    match span.attributes.iter().find(|known| known.key == key)?.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_has_the_original_span_name_and_the_conventions_attributes() {
    let span = asked(&ASKED);
    assert_eq!((span.name.as_str(), span.kind, span.status.clone()), ("imalive-health-get-route", SERVER, None));
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (1_000, 1_000_001_000));
    let expected = [
        ("http.request.method", "GET"),
        ("url.scheme", "http"),
        ("url.path", "/health"),
        ("http.route", "/health"),
        ("network.protocol.version", "1.1"),
        ("client.address", "192.0.2.7"),
        ("user_agent.original", "curl/8"),
        ("http.response.status_code", "200"),
    ];
    for (attribute, (key, value)) in span.attributes.iter().zip(expected) {
        assert_eq!((attribute.key.as_str(), text(&span, key).as_deref()), (key, Some(value)));
    }
    assert_eq!(span.attributes.len(), expected.len());
    let name = |handler, method| asked(&Request { method, route: Some((handler, "/")), ..ASKED }).name;
    assert_eq!(name(Handler::Root, Method::Get), "imalive-root-route");
    assert_eq!(name(Handler::Health, Method::Head), "imalive-health-get-route");
    assert_eq!(name(Handler::Health, Method::Post), "imalive-health-post-route");
    assert_eq!(name(Handler::Manifest, Method::Get), "imalive-manifest-route");
    assert_eq!(name(Handler::Metrics, Method::Get), "imalive-metrics-route");
}

#[test]
fn a_path_that_nothing_knows_does_not_become_a_name() {
    let span = asked(&Request { route: None, path: "/wp-login.php", status: 404, ..ASKED });
    assert_eq!((span.name.as_str(), text(&span, "http.route")), ("GET", None));
}

#[test]
fn a_method_that_nobody_knows_does_not_become_a_name() {
    let of = |method_name| {
        let span = asked(&Request { route: None, method: Method::Other, method_name, status: 405, ..ASKED });
        let original = text(&span, "http.request.method_original");
        (span.name.clone(), text(&span, "http.request.method").unwrap(), original)
    };
    assert_eq!(of("BREW"), ("HTTP".into(), "_OTHER".into(), Some("BREW".into())));
    assert_eq!(of("DELETE"), ("DELETE".into(), "DELETE".into(), None));
    assert_eq!(of(""), ("HTTP".into(), "_OTHER".into(), None));
}

#[test]
fn of_a_head_that_could_not_be_read_no_attribute_is_made_up() {
    let unread = Request {
        method: Method::Other,
        method_name: "",
        path: "",
        route: None,
        version: "",
        client_address: None,
        user_agent: None,
        cid: Some("abc"),
        status: 400,
    };
    let span = asked(&unread);
    let keys: Vec<_> = span.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["http.request.method", "url.scheme", "imalive.cid", "http.response.status_code"]);
}

#[test]
fn a_failure_of_the_server_is_an_error_and_a_mistake_of_the_client_is_none() {
    for status in [200, 404, 499] {
        let span = asked(&Request { status, ..ASKED });
        assert_eq!((span.status.clone(), text(&span, "error.type")), (None, None));
    }
    let span = asked(&Request { status: 503, ..ASKED });
    assert_eq!(span.status, Some(Status { message: String::new(), code: STATUS_ERROR }));
    assert_eq!(text(&span, "error.type").as_deref(), Some("503"));
}

#[test]
fn what_a_client_has_sent_is_cut_between_characters() {
    let long = "é".repeat(4000);
    let span = asked(&Request { path: &long, user_agent: Some(&long), ..ASKED });
    for key in ["url.path", "user_agent.original"] {
        assert_eq!(text(&span, key).unwrap(), "é".repeat(OTLP_ATTRIBUTE_BYTES / 2));
    }
}

#[test]
fn a_request_with_a_traceparent_is_part_of_the_client_s_trace() {
    let client = TraceParent { trace_id: [5; 16], parent_id: [6; 8], sampled: true };
    let (context, parent) = SpanContext::of_request(Some(client), [1; 16], [2; 8]);
    let span = request(context, parent, SECOND, &ASKED);
    assert_eq!((span.trace_id, span.span_id, span.parent_span_id), (vec![5; 16], vec![2; 8], vec![6; 8]));
    assert_eq!(span.flags, 1 | HAS_IS_REMOTE | IS_REMOTE);
    let (context, _) = SpanContext::of_request(Some(TraceParent { sampled: false, ..client }), [1; 16], [2; 8]);
    assert!(!context.sampled);
}

#[test]
fn a_request_without_one_begins_a_trace() {
    let (context, parent) = SpanContext::of_request(None, [1; 16], [2; 8]);
    let span = request(context, parent, SECOND, &ASKED);
    assert_eq!((span.trace_id, span.span_id, span.parent_span_id), (vec![1; 16], vec![2; 8], vec![]));
    assert_eq!(span.flags, 1 | HAS_IS_REMOTE);
}

#[test]
fn no_span_has_an_id_of_zeros_only() {
    let context = SpanContext::new([0; 16], [0; 8]);
    assert_eq!((context.trace_id[15], context.span_id[7]), (1, 1));
    let phase = PhaseInterval { phase: Phase::Resolving, interval: SECOND, span_id: [0; 8] };
    let samples = Samples::new();
    let spans = check(CONTEXT, SECOND, &samples.monitors[0], &Outcome::default(), (&[phase], 0));
    assert_eq!(spans[1].span_id, [0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_clock_that_was_set_back_makes_no_span_end_before_it_began() {
    let span = heartbeat(CONTEXT, Interval { start_unix_nanos: 9, end_unix_nanos: 3 });
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (9, 9));
    assert_eq!((span.name.as_str(), span.kind), ("imalive-heartbit", INTERNAL));
}

#[test]
fn a_check_has_a_child_for_each_phase() {
    let phases = [Phase::Beginning, Phase::Queued, Phase::Resolving, Phase::Connecting, Phase::Handshake]
        .into_iter()
        .chain([Phase::Sending, Phase::Waiting, Phase::Reading]);
    let phases: Vec<_> =
        phases.zip(10..).map(|(phase, id)| PhaseInterval { phase, interval: SECOND, span_id: [id; 8] }).collect();
    let samples = Samples::new();
    let spans = check(CONTEXT, SECOND, &samples.monitors[0], &Outcome::default(), (&phases, 0));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let expected = ["imalive-monitors", "queue", "resolve", "connect", "tls", "send", "first byte", "read"];
    assert_eq!(names, expected);
    assert_eq!((spans[0].kind, spans[0].parent_span_id.len()), (CLIENT, 0));
    for child in &spans[1..] {
        assert_eq!((&child.trace_id, &child.parent_span_id), (&vec![1; 16], &vec![2; 8]));
        assert_eq!((child.kind, child.flags), (INTERNAL, 1 | HAS_IS_REMOTE));
    }
    assert_eq!(spans[1].span_id, [11; 8]);
}

#[test]
fn a_check_says_what_was_asked_and_what_came_of_it() {
    let samples = Samples::new();
    let check_of = |at: usize| {
        let outcome = &samples.statuses[at].last.as_ref().unwrap().1;
        check(CONTEXT, SECOND, &samples.monitors[at], outcome, (&[], 0)).remove(0)
    };
    let passed = check_of(0);
    assert_eq!((passed.status.clone(), text(&passed, "error.type")), (None, None));
    assert_eq!(text(&passed, "imalive.monitor.name").as_deref(), Some("web ok"));
    assert_eq!(text(&passed, "http.request.method").as_deref(), Some("GET"));
    assert_eq!(text(&passed, "url.full").as_deref(), Some("http://127.0.0.1:18191/ok.json"));
    assert_eq!(text(&passed, "server.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(text(&passed, "server.port").as_deref(), Some("18191"));
    assert_eq!(text(&passed, "http.response.status_code").as_deref(), Some("200"));
    let code = check_of(1);
    assert_eq!(text(&code, "error.type").as_deref(), Some("404"));
    assert_eq!(code.status.unwrap().message, "Not expected status code: expected = 20*, actual = 404");
    let tcp = check_of(5);
    assert_eq!(text(&tcp, "error.type").as_deref(), Some("connect"));
    assert_eq!(text(&tcp, "server.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(text(&tcp, "server.port").as_deref(), Some("9"));
    assert_eq!(tcp.kind, CLIENT);
    let never = check_of(8);
    assert_eq!((never.kind, text(&never, "url.full")), (INTERNAL, None));
}

#[test]
fn the_server_of_a_url_is_known_with_its_port() {
    let of = |url| server(url).map(|(host, port)| format!("{host} {port}"));
    assert_eq!(of("http://h/x?y").as_deref(), Some("h 80"));
    assert_eq!(of("https://u:***@example.org").as_deref(), Some("example.org 443"));
    assert_eq!(of("https://[::1]:8443/").as_deref(), Some("::1 8443"));
    for no_url in ["", "/x", "http://${HOST}/", "http://"] {
        assert_eq!(of(no_url), None, "{no_url}");
    }
}

#[test]
fn of_a_url_only_what_may_be_shown_is_told() {
    let mut samples = Samples::new();
    if let Check::Http(http) = &mut samples.monitors[0].check {
        http.url = crate::config::monitors::Secret::new("http://u:hunter2@h/?t=hunter2".into());
        http.shown_url = "http://u:***@h/?t=${TOKEN}".into();
    }
    let outcome = failed(FailureKind::Timeout, "Unexpected error", Some("timed out"));
    let spans = check(CONTEXT, SECOND, &samples.monitors[0], &outcome, (&[], 0));
    assert!(!format!("{spans:?}").contains("hunter2"));
    assert_eq!(spans[0].status.as_ref().unwrap().message, "timed out");
    assert_eq!(text(&spans[0], "error.type").as_deref(), Some("timeout"));
}

#[test]
fn the_phases_of_a_real_request_become_spans_within_its_own() {
    use crate::client::Progress;
    use crate::client::testing::{answering, client, get};
    use std::time::Instant;
    let url = format!("http://{}/", answering("HTTP/1.1 200 OK\r\n\r\nend"));
    let ((reactor, client), progress, began) = (client(), Progress::default(), Instant::now());
    reactor.block_on(client.send(&get(&url), &progress, &mut |_| true)).unwrap().unwrap();
    progress.end();
    let ended = Instant::now();
    let clock = Clock::new(ended, 1_795_231_461_000_000_000);
    let (mut id, samples) = (0, Samples::new());
    let (each, left_out) = phases(progress.phases(), &clock, || {
        id += 1;
        [id; 8]
    });
    let interval = clock.interval(began, ended);
    let spans = check(CONTEXT, interval, &samples.monitors[0], &Outcome::default(), (&each, left_out));
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["imalive-monitors", "resolve", "connect", "send", "first byte", "read"]);
    assert_eq!(spans[0].end_time_unix_nano, 1_795_231_461_000_000_000);
    let mut end = spans[0].start_time_unix_nano;
    for (span, number) in spans[1..].iter().zip(1..) {
        assert!(end <= span.start_time_unix_nano && span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
        assert_eq!(span.span_id, [number; 8]);
        end = span.end_time_unix_nano;
    }
    assert!(end <= spans[0].end_time_unix_nano && end > spans[0].start_time_unix_nano);
    assert_eq!(text(&spans[0], "imalive.check.dropped_phases"), None);
}

#[test]
fn phases_that_are_not_told_are_counted() {
    let samples = Samples::new();
    let spans = check(CONTEXT, SECOND, &samples.monitors[0], &Outcome::default(), (&[], 7));
    assert_eq!(text(&spans[0], "imalive.check.dropped_phases").as_deref(), Some("7"));
}
