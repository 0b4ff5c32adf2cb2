//! What telemetry costs: bytes of the ring and of the way to the collector, and CPU time. `cargo bench --bench otlp`.

use std::hint::black_box;
use std::time::Duration;

use harness::Bench;
use imalive::client::Phase;
use imalive::http::route::Handler;
use imalive::limits::{MONITORS, OTLP_BATCH_BYTES, OTLP_BUFFER_BYTES};
use imalive::report::Build;
use imalive::report::prometheus::Scrape;
use imalive::report::prometheus_monitors::{MonitorScrape, Online, ReceiverCounts};
use imalive::report::prometheus_otlp::{OtlpScrape, OtlpSignal};
use imalive::snapshot::{Counters, Method, Process};
use imalive::telemetry::envelope::Envelope;
use imalive::telemetry::messages::logs::ScopeLogs;
use imalive::telemetry::messages::metrics::{ResourceMetrics, ScopeMetrics};
use imalive::telemetry::messages::trace::ScopeSpans;
use imalive::telemetry::metrics::Clocks;
use imalive::telemetry::resource::{Identity, resource, scope};
use imalive::telemetry::ring::{HEADER_BYTES, Record, Ring, Signal};
use imalive::telemetry::spans::{Interval, Parent, PhaseInterval, Request, SpanContext};
use imalive::telemetry::{logs, records, spans};
// These are written for the library's own unit tests and find their types from the root.
use imalive::{config, limits, report, snapshot};
use prost::Message;

mod harness;
#[allow(dead_code)]
#[path = "../src/report/monitor_samples.rs"]
mod monitor_samples;
#[allow(dead_code)]
#[path = "../src/report/samples.rs"]
mod samples;

use monitor_samples::{Samples, monitor};

const NOW: u64 = 1_795_231_462_000_000_000;

const BUILD: Build =
    Build { version: "0.1.0", revision: "0000000", arch: "arm", target: "arm-unknown-linux-musleabihf" };

const CLOCKS: Clocks = Clocks {
    unix_nanos: NOW,
    boot_unix_nanos: NOW - 3_600_000_000_000,
    uptime: Some(Duration::from_millis(3_600_250)),
    agent_unix_nanos: NOW - 60_000_000_000,
    agent_uptime: Duration::from_millis(60_500),
};

const SPAN: SpanContext = SpanContext { trace_id: [7; 16], span_id: [9; 8], sampled: true };

fn main() {
    let nodes = [0, 20, MONITORS].map(Node::new);
    sizes(&nodes);
    let mut bench = Bench::from_arguments();
    for node in &nodes {
        bench
            .run(&format!("export of {} monitors, {} records", node.monitors(), node.records().len()), || node.bytes());
    }
    bench.run("log record of a heartbeat", || log().1.len());
    bench.run("span of a request", || request().1.len());
    bench.run("spans of a check, 6 phases", || check().1.len());
    for (name, bytes) in [("a log record", 200), ("a record of metrics", 4096)] {
        let record = (Record { unix_nanos: NOW, items: 1 }, vec![7; bytes]);
        let mut full = ring(&record);
        bench.run(&format!("push {name} into a full ring"), || full.push(Signal::Metrics, record.0, &record.1));
        let (mut ring, envelope, mut request) = (ring(&record), envelope(), Vec::new());
        bench.run(&format!("take and make a request of 64 KB, each {name}"), || {
            let batch = ring.take(OTLP_BATCH_BYTES).expect("a full ring");
            ring.encode(&batch, &envelope, &mut request);
            ring.keep(batch);
            request.len()
        });
    }
}

/// A node of four CPUs, as in `/v1/prom`'s documentation, with HTTPS monitors that are up.
struct Node {
    samples: Samples,
    snapshot: snapshot::Snapshot,
    counters: Counters,
}

impl Node {
    fn new(monitors: usize) -> Self {
        let mut samples = Samples::new();
        samples.monitors = (0..monitors).map(|at| monitor("http", &format!("monitor-{at:03}"), vec![])).collect();
        samples.statuses = vec![samples.statuses[0].clone(); monitors];
        samples.statuses.iter_mut().for_each(|status| status.certificate_expiry_unix_secs = Some(1_800_000_000));
        let mut counters = Counters { heartbeats: 7, ..Counters::default() };
        counters.requests.count((4, "/v1/health"), Method::Get, 200);
        counters.requests.count((0, "unknown"), Method::Get, 404);
        Node { samples, snapshot: samples::of_2021(), counters }
    }

    fn monitors(&self) -> usize {
        self.samples.monitors.len()
    }

    fn export(&self, sink: &mut dyn FnMut(Record, &[u8])) {
        let process = Process {
            cpu_micros: 640_000,
            virtual_bytes: 1_900_544,
            resident_bytes: 868_352,
            open_fds: Some(9),
            max_fds: Some(1024),
            threads: Some(1),
            start_unix_secs: Some(1_795_231_402),
        };
        let scrape = Scrape {
            snapshot: &self.snapshot,
            counters: &self.counters,
            process: Some(&process),
            build: &BUILD,
            mountpoint: "/",
            ticks_per_second: 100,
        };
        let monitors = MonitorScrape {
            view: self.samples.view(10_000),
            last_reload_successful: Some(true),
            last_reload_success: Some(0),
            online: Online { lan: Some(true), wan: Some(true) },
            has_windows: false,
            receivers: &[ReceiverCounts { receiver: "slack", ..ReceiverCounts::default() }],
        };
        let monitors = (self.monitors() > 0).then_some(&monitors);
        records::metrics(&scrape, monitors, &CLOCKS, sink);
        let otlp = OtlpScrape { signals: [Some(OtlpSignal::default()); 3], ..OtlpScrape::default() };
        records::exporter(&otlp, &CLOCKS, sink);
    }

    fn records(&self) -> Vec<(Record, Vec<u8>)> {
        let mut all = Vec::new();
        self.export(&mut |record, encoded| all.push((record, encoded.to_vec())));
        all
    }

    fn bytes(&self) -> usize {
        let mut bytes = 0;
        self.export(&mut |_, encoded| bytes += black_box(encoded).len());
        bytes
    }
}

fn sizes(nodes: &[Node]) {
    println!("{:>8} {:>7} {:>6}  {:>22}", "bytes", "records", "items", "the ring keeps, min at");
    println!("{:>8} {:>7} {:>6}  {:>10} {:>11}", "", "", "", "30 s", "60 s");
    let line = |name: &str, records: &[(Record, Vec<u8>)]| {
        let bytes: usize = records.iter().map(|(_, encoded)| encoded.len()).sum();
        let of_ring = bytes + HEADER_BYTES * records.len();
        let items: u32 = records.iter().map(|(record, _)| record.items).sum();
        let minutes = |secs: usize| OTLP_BUFFER_BYTES as f64 / of_ring as f64 * secs as f64 / 60.0;
        println!("{bytes:8} {:7} {items:6}  {:10.1} {:11.1}  {name}", records.len(), minutes(30), minutes(60));
    };
    for node in nodes {
        line(&format!("export of {} monitors", node.monitors()), &node.records());
    }
    line("log record of a heartbeat", &[log()]);
    line("span of a request", &[request()]);
    line("spans of a check, 6 phases", &[check()]);
    println!("{:8} resource and scope, once a request\n", envelope().overhead());
}

fn envelope() -> Envelope {
    let identity = Identity {
        build: &BUILD,
        node_name: "raspberrypi",
        host_name: Some("raspberrypi"),
        given: &[],
        service_name: None,
    };
    let resource = ResourceMetrics { resource: Some(resource(&identity)), scope_metrics: Vec::new() };
    let scope = ScopeMetrics { scope: Some(scope(&BUILD)), metrics: Vec::new() };
    Envelope::new(resource.encode_to_vec(), scope.encode_to_vec())
}

fn ring(record: &(Record, Vec<u8>)) -> Ring {
    let mut ring = Ring::new(OTLP_BUFFER_BYTES);
    while ring.used_bytes() + HEADER_BYTES + record.1.len() <= OTLP_BUFFER_BYTES {
        ring.push(Signal::Metrics, record.0, &record.1);
    }
    ring
}

fn log() -> (Record, Vec<u8>) {
    let body = imalive::report::heartbeat::heartbeat(samples::NODE, &samples::of_2021());
    let record = logs::record(logs::Record {
        unix_nanos: NOW,
        level: config::LogLevel::Info,
        event_name: logs::HEARTBEAT,
        body: &body,
        attributes: Vec::new(),
        span: Some(SPAN),
    });
    let encoded = ScopeLogs { scope: None, log_records: vec![record] }.encode_to_vec();
    (Record { unix_nanos: NOW, items: 1 }, encoded)
}

fn request() -> (Record, Vec<u8>) {
    let asked = Request {
        method: Method::Get,
        method_name: "GET",
        path: "/v1/health",
        route: Some((Handler::Health, "/v1/health")),
        version: "1.1",
        client_address: Some([192, 168, 178, 20].into()),
        user_agent: Some("curl/8.14.1"),
        cid: Some("0123456789abcdef"),
        status: 200,
    };
    let interval = Interval { start_unix_nanos: NOW, end_unix_nanos: NOW + 90_000 };
    of_spans(vec![spans::request(SPAN, Parent::None, interval, &asked)])
}

fn check() -> (Record, Vec<u8>) {
    let samples = Samples::new();
    let (_, outcome) = samples.statuses[0].last.as_ref().expect("checked");
    let phases =
        [Phase::Resolving, Phase::Connecting, Phase::Handshake, Phase::Sending, Phase::Waiting, Phase::Reading];
    let mut at = NOW;
    let phases = phases.map(|phase| {
        at += 1_000_000;
        let interval = Interval { start_unix_nanos: at - 1_000_000, end_unix_nanos: at };
        PhaseInterval { phase, interval, span_id: [phase as u8 + 1; 8] }
    });
    let interval = Interval { start_unix_nanos: NOW, end_unix_nanos: at };
    of_spans(spans::check(SPAN, interval, &samples.monitors[0], outcome, (&phases, 0)))
}

fn of_spans(spans: Vec<imalive::telemetry::messages::trace::Span>) -> (Record, Vec<u8>) {
    let items = spans.len() as u32;
    (Record { unix_nanos: NOW, items }, ScopeSpans { scope: None, spans }.encode_to_vec())
}
