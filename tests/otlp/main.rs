//! The agent and a collector that keeps what it gets, over real sockets.

mod collector;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use collector::{Collector, Got, Manner};
use imalive::telemetry::messages::common::{AnyValue, KeyValue, Value};
use imalive::telemetry::messages::metrics::{Data, Metric};
use rustix::process::{Pid, Signal, kill_process};
use support::{Agent, Launch, get, spawn};

/// Log records and spans wait up to 5 s for others to go with, and the machine may be building something else.
const LONG: Duration = Duration::from_secs(20);

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match attributes.iter().find(|known| known.key == key)?.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

fn body(body: &Option<AnyValue>) -> &str {
    match body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn is_monotonic(metric: &Metric) -> bool {
    matches!(&metric.data, Some(Data::Sum(sum)) if sum.is_monotonic)
}

fn send(agent: &Agent, signal: Signal) {
    kill_process(Pid::from_raw(agent.pid() as i32).unwrap(), signal).unwrap();
}

/// A directory that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("imalive-otlp-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn arrive_with_their_resource(collector: &Collector, agent: &Agent) {
    let heartbeat = collector.wait(LONG, |got| got.logs("imalive.heartbeat").first().cloned());
    let heartbeat = heartbeat.unwrap_or_else(|| panic!("no heartbeat{}", agent.output()));
    assert!(body(&heartbeat.body).contains("[pi4] I'm alive! metrics = "), "{heartbeat:?}");
    assert_eq!((heartbeat.severity_number, heartbeat.severity_text.as_str()), (9, "INFO"));
    let span = collector.wait(LONG, |got| got.spans("imalive-heartbit").first().cloned()).expect("a span");
    assert_eq!((&heartbeat.trace_id, &heartbeat.span_id), (&span.trace_id, &span.span_id));
    assert!(span.start_time_unix_nano <= heartbeat.time_unix_nano);
    assert!(heartbeat.time_unix_nano <= span.end_time_unix_nano);

    let metrics = collector.wait(LONG, |got| got.metric("imalive.heartbeats").map(|_| got.metrics())).expect("metrics");
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    for name in ["ram_total", "disk_total", "system.cpu.time", "process.memory.usage", "system.uptime"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    assert!(is_monotonic(metrics.iter().find(|metric| metric.name == "imalive.heartbeats").unwrap()));

    let itself = collector
        .wait(LONG, |got| got.metric("otel.sdk.exporter.metric_data_point.exported"))
        .expect("how the export itself goes");
    assert!(is_monotonic(&itself));
    let prom = get(agent.addr, "/v1/prom").text();
    assert!(prom.contains("\nimalive_otlp_collector_up{signal=\"logs\"} 1\n"), "{prom}");

    let resources = collector.with(Got::resources);
    assert!(resources.windows(2).all(|pair| pair[0] == pair[1]), "all signals have one");
    let attribute = |key| text(&resources[0], key);
    assert_eq!(attribute("service.name").as_deref(), Some("imalive-pi4"));
    assert_eq!(attribute("service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(attribute("os.type").as_deref(), Some("linux"));
    assert_eq!(attribute("room").as_deref(), Some("kitchen"));
    assert!(attribute("host.name").is_some() && attribute("host.arch").is_some());
}

const NODE: [(&str, &str); 3] = [
    ("IMALIVE_NODE_NAME", "pi4"),
    ("OTEL_RESOURCE_ATTRIBUTES", "room=kitchen"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
];

#[test]
fn heartbeats_and_metrics_arrive_over_grpc_with_their_resource() {
    let collector = Collector::grpc();
    let endpoint = collector.address().to_string();
    let agent = Agent::start(&[&NODE[..], &[("OTEL_COLLECTOR_ENDPOINT", &endpoint)]].concat());
    arrive_with_their_resource(&collector, &agent);
    assert_eq!(collector.with(|got| got.connections), 1, "it stays open");
}

#[test]
fn heartbeats_and_metrics_arrive_over_http_with_their_resource() {
    let collector = Collector::http(Manner::Answers);
    let agent = Agent::start(&[&NODE[..], &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]].concat());
    arrive_with_their_resource(&collector, &agent);
}

#[test]
fn a_request_is_a_span_in_its_clients_trace_unless_that_is_not_recorded() {
    let collector = Collector::http(Manner::Answers);
    let agent = Agent::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]);
    for (trace, flags) in [("11", "01"), ("22", "00")] {
        let parent = format!("00-{}-{}-{flags}", trace.repeat(16), "33".repeat(8));
        let head =
            format!("GET /v1/metrics HTTP/1.1\r\nHost: a\r\nUser-Agent: tester\r\ntraceparent: {parent}\r\n\r\n");
        let mut client = agent.connect();
        client.send(head.as_bytes());
        assert_eq!(client.response_to("GET").unwrap().status, 200);
    }
    assert_eq!(get(agent.addr, "/v1/health").status, 200);
    let health = collector.wait(LONG, |got| got.spans("imalive-health-get-route").first().cloned());
    assert!(health.unwrap_or_else(|| panic!("{}", agent.output())).parent_span_id.is_empty());
    let spans = collector.with(|got| got.spans("imalive-metrics-route"));
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&span.trace_id, &span.parent_span_id), (&vec![0x11; 16], &vec![0x33; 8]));
    assert_eq!(text(&span.attributes, "user_agent.original").as_deref(), Some("tester"));
    assert_eq!(text(&span.attributes, "client.address").as_deref(), Some("127.0.0.1"));
    assert_eq!(text(&span.attributes, "http.response.status_code").as_deref(), Some("200"));
}

#[test]
fn a_check_is_a_record_and_a_span_with_its_phases_and_a_change_is_told_once() {
    let collector = Collector::http(Manner::Answers);
    let folder = Folder::new("check");
    let file = folder.0.join("imalive.yml");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let monitors = format!(
        "monitors:\n  - {{type: tcp, name: gone, url: '{nobody}', interval: 1h, failure_threshold: 1}}\n  \
         - {{type: http, name: web, url: 'http://{}/nothing', level: DEBUG, expected_http_code: '4*', interval: 1h}}\n",
        collector.address()
    );
    std::fs::write(&file, monitors).unwrap();
    let agent = Agent::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
        ("IMALIVE_CONFIG", file.to_str().unwrap()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
    ]);
    let of = |name: &'static str| {
        move |attributes: &[KeyValue]| text(attributes, "imalive.monitor.name").as_deref() == Some(name)
    };
    let record = collector
        .wait(LONG, |got| got.logs("imalive.monitor.check").into_iter().find(|record| of("gone")(&record.attributes)));
    let record = record.unwrap_or_else(|| panic!("no record{}", agent.output()));
    assert_eq!((record.severity_number, text(&record.attributes, "error.type").as_deref()), (17, Some("connect")));
    let spans = collector.wait(LONG, |got| Some(got.spans("imalive-monitors")).filter(|spans| spans.len() == 2));
    let spans = spans.unwrap_or_else(|| panic!("no two spans{}", agent.output()));
    let gone = spans.iter().find(|span| of("gone")(&span.attributes)).unwrap();
    assert_eq!((&gone.trace_id, &gone.span_id), (&record.trace_id, &record.span_id));
    let web = spans.iter().find(|span| of("web")(&span.attributes)).unwrap();
    let children = collector.with(|got| got.children(&web.span_id));
    let names: Vec<&str> = children.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["resolve", "connect", "send", "first byte"]);
    for child in &children {
        assert!(web.start_time_unix_nano <= child.start_time_unix_nano, "{child:?} begins before {web:?}");
        assert!(child.end_time_unix_nano <= web.end_time_unix_nano, "{child:?} ends after {web:?}");
    }
    // Below the log's level.
    assert!(
        collector.with(|got| got.logs("imalive.monitor.check")).iter().all(|record| !of("web")(&record.attributes))
    );

    let state = collector.wait(LONG, |got| got.metric("imalive.monitor.up"));
    assert!(state.is_some(), "{}", agent.output());
    let changes = collector.wait(LONG, |got| Some(got.logs("imalive.monitor.change")).filter(|all| !all.is_empty()));
    let changes = changes.unwrap_or_else(|| panic!("no change{}", agent.output()));
    let change = changes.iter().find(|change| of("gone")(&change.attributes)).unwrap();
    assert_ne!(
        text(&change.attributes, "imalive.monitor.state"),
        text(&change.attributes, "imalive.monitor.state.previous")
    );
    // Not as a diagnostic too.
    let said = collector.with(|got| got.logs("").iter().filter(|record| body(&record.body).contains("gone")).count());
    assert_eq!(said, 0);
}

#[test]
fn what_the_log_says_arrives_with_its_level() {
    let collector = Collector::http(Manner::Answers);
    let agent = Agent::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()), ("WAIT_TIME", "3600")]);
    send(&agent, Signal::HUP);
    let reloaded = |got: &Got| got.logs("").into_iter().find(|record| body(&record.body).starts_with("reloaded"));
    let record = collector.wait(LONG, reloaded).unwrap_or_else(|| panic!("{}", agent.output()));
    assert_eq!((record.severity_number, record.trace_id.len()), (9, 0));
    assert!(collector.with(|got| got.logs("").iter().any(|record| body(&record.body).starts_with("listening on "))));
}

/// How often it was woken: each of its turns ends with a voluntary switch.
fn switches(agent: &Agent) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn without_an_endpoint_nothing_wakes_it() {
    let agent = Agent::start(&[("WAIT_TIME", "3600"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000")]);
    assert_eq!(get(agent.addr, "/v1/health").status, 200);
    std::thread::sleep(Duration::from_millis(300));
    let before = switches(&agent);
    std::thread::sleep(Duration::from_millis(3000));
    assert_eq!(switches(&agent), before);
    let threads = std::fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap().count();
    assert_eq!(threads, 1);
}

#[test]
fn between_two_exports_nothing_wakes_it() {
    let collector = Collector::grpc();
    let endpoint = collector.address().to_string();
    let agent = Agent::start(&[("WAIT_TIME", "3600"), ("OTEL_COLLECTOR_ENDPOINT", &endpoint)]);
    // The first heartbeat goes at once, what the log says at the start 5 s later.
    collector.wait(LONG, |got| got.logs("").first().cloned()).unwrap_or_else(|| panic!("{}", agent.output()));
    std::thread::sleep(Duration::from_millis(6000));
    let before = switches(&agent);
    std::thread::sleep(Duration::from_millis(3000));
    assert_eq!(switches(&agent), before);
}

#[test]
fn a_collector_that_hangs_delays_no_answer_and_no_heartbeat() {
    let collector = Collector::http(Manner::Hangs);
    let agent = Agent::start(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        ("WAIT_TIME", "1"),
    ]);
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(4) {
        let asked = Instant::now();
        assert_eq!(get(agent.addr, "/v1/health").status, 200);
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(collector.with(|got| got.connections) > 0);
    // An export has 10 s.
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    let beats = agent.stdout().iter().filter(|line| line.contains("I'm alive!")).count();
    assert!((4..=6).contains(&beats), "{beats} heartbeats in 4 s");
}

#[test]
fn one_that_hangs_does_not_keep_it_from_stopping() {
    let collector = Collector::http(Manner::Hangs);
    let mut agent = Agent::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())]);
    collector.wait(LONG, |got| (got.connections > 0).then_some(())).expect("a connection");
    let asked = Instant::now();
    send(&agent, Signal::TERM);
    let status = agent.wait_for_exit(LONG).expect("it ends");
    assert!(status.success() && asked.elapsed() < Duration::from_millis(2500), "{status} {:?}", asked.elapsed());
}

#[test]
fn what_has_not_been_sent_is_sent_when_it_stops() {
    let collector = Collector::http(Manner::Answers);
    let mut agent = Agent::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()), ("WAIT_TIME", "3600")]);
    collector.wait(LONG, |got| got.logs("imalive.heartbeat").first().cloned()).expect("the first heartbeat");
    assert_eq!(get(agent.addr, "/v1/manifest").status, 200);
    send(&agent, Signal::TERM);
    assert!(agent.wait_for_exit(LONG).expect("it ends").success());
    assert_eq!(collector.with(|got| got.spans("imalive-manifest-route").len()), 1);
    assert!(collector.with(|got| got.metric("root_api_counter").is_none() && got.metric("ram_total").is_some()));
    assert!(collector.with(|got| got.metric("manifest_api_counter").is_some()));
}

#[test]
fn what_could_not_be_sent_is_in_the_spool_and_sent_by_the_next_life() {
    let folder = Folder::new("spool");
    let spool = folder.0.join("spool");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let variables = |endpoint: &str| {
        [
            ("OTEL_COLLECTOR_ENDPOINT", endpoint.to_owned()),
            ("OTEL_SPOOL_DIR", spool.to_str().unwrap().to_owned()),
            ("WAIT_TIME", "3600".to_owned()),
        ]
    };
    let start = |endpoint: &str| {
        let variables = variables(endpoint);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Agent::start(&variables)
    };
    let mut agent = start(&nobody.to_string());
    assert_eq!(get(agent.addr, "/v1/manifest").status, 200);
    let told = agent.wait_for_stderr(LONG, |line| line.contains("OTLP: "));
    assert!(told.is_some(), "{}", agent.output());
    send(&agent, Signal::TERM);
    assert!(agent.wait_for_exit(LONG).expect("it ends").success());
    let segments = std::fs::read_dir(&spool).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "lock");
    assert!(segments.count() >= 2, "{}", agent.output());

    let collector = Collector::grpc();
    let agent = start(&collector.address().to_string());
    let manifest = collector.wait(LONG, |got| got.spans("imalive-manifest-route").first().cloned());
    assert!(manifest.is_some(), "{}", agent.output());
    let begun = collector.wait(LONG, |got| Some(got.logs("imalive.heartbeat")).filter(|beats| beats.len() == 2));
    assert!(begun.is_some(), "the heartbeats of both lives{}", agent.output());
}

#[test]
fn a_mistake_stops_the_start_with_one_line() {
    let child = spawn(Launch { env: &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")], ..Launch::default() });
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(78), 1), "{said}");
    assert!(said.starts_with("imalive: OTEL_EXPORTER_OTLP_ENDPOINT: \"collector:4318\" is not "), "{said}");
}
