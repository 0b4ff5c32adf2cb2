use prost::Message;

use super::*;
use crate::limits::OTLP_RECORD_BYTES;
use crate::report::monitor_samples::{Samples, monitor};
use crate::report::prometheus;
use crate::report::prometheus_monitors::{self, Online, ReceiverCounts};
use crate::report::prometheus_otlp::{self, OtlpScrape, OtlpSignal, OtlpSpool};
use crate::report::samples;
use crate::snapshot::{Counters, Method, Process, Snapshot, State, Unknown};
use crate::telemetry::messages::common::Value;
use crate::telemetry::messages::metrics::{CUMULATIVE, Data, Metric, Number, NumberDataPoint, ScopeMetrics};
use crate::telemetry::records::{self, Record};
use crate::telemetry::resource::tests::BUILD;

const NOW: u64 = 1_795_231_462_000_000_000;

pub(in crate::telemetry) const CLOCKS: Clocks = Clocks {
    unix_nanos: NOW,
    boot_unix_nanos: NOW - 3_600_000_000_000,
    uptime: Some(Duration::from_millis(3_600_250)),
    agent_unix_nanos: NOW - 60_000_000_000,
    agent_uptime: Duration::from_millis(60_500),
};

pub(in crate::telemetry) fn counters() -> Counters {
    let mut counters = Counters { heartbeats: 7, ..Counters::default() };
    counters.requests.count((4, "/v1/health"), Method::Get, 200);
    counters.requests.count((5, "/health"), Method::Head, 503);
    counters.requests.count((5, "/health"), Method::Options, 204);
    counters.requests.count((5, "/health"), Method::Other, 405);
    counters.requests.count((0, "unknown"), Method::Get, 404);
    counters
}

pub(in crate::telemetry) const PROCESS: Process = Process {
    cpu_micros: 640_000,
    virtual_bytes: 1_900_544,
    resident_bytes: 868_352,
    open_fds: Some(9),
    max_fds: Some(1024),
    threads: None,
    start_unix_secs: Some(1_795_231_402),
};

pub(in crate::telemetry) fn scrape<'a>(snapshot: &'a Snapshot, counters: &'a Counters) -> Scrape<'a> {
    Scrape { snapshot, counters, process: Some(&PROCESS), build: &BUILD, mountpoint: "/", ticks_per_second: 100 }
}

pub(in crate::telemetry) fn monitored<'a>(
    samples: &'a Samples,
    receivers: &'a [ReceiverCounts<'a>],
) -> MonitorScrape<'a> {
    let online = Online { lan: Some(true), wan: None };
    let view = samples.view(10_000);
    MonitorScrape {
        view,
        last_reload_successful: Some(true),
        last_reload_success: Some(0),
        online,
        has_windows: false,
        receivers,
    }
}

pub(in crate::telemetry) fn records(
    scrape: &Scrape<'_>,
    monitors: Option<&MonitorScrape<'_>>,
    clocks: &Clocks,
) -> Vec<(Record, Vec<u8>)> {
    let mut all = Vec::new();
    records::metrics(scrape, monitors, clocks, &mut |record, encoded| all.push((record, encoded.to_vec())));
    all
}

/// As the records have them, the parts of one that goes on put together.
fn metrics(scrape: &Scrape<'_>, monitors: Option<&MonitorScrape<'_>>, clocks: &Clocks) -> Vec<Metric> {
    let mut all: Vec<Metric> = Vec::new();
    for (record, encoded) in records(scrape, monitors, clocks) {
        assert!(encoded.len() <= OTLP_RECORD_BYTES, "{}", encoded.len());
        let read = ScopeMetrics::decode(&encoded[..]).unwrap();
        assert_eq!((&read.scope, read.encode_to_vec()), (&None, encoded));
        let of: Vec<_> = read.metrics.iter().flat_map(points).collect();
        assert_eq!(
            (of.len(), of.iter().map(|point| point.time_unix_nano).min()),
            (record.items as usize, Some(record.unix_nanos))
        );
        for metric in read.metrics {
            match all.last_mut().filter(|last| last.name == metric.name) {
                Some(last) => extend(last, metric),
                None => all.push(metric),
            }
        }
    }
    all
}

fn extend(part: &mut Metric, next: Metric) {
    assert_eq!(part.unit, next.unit);
    match (part.data.as_mut().unwrap(), next.data.unwrap()) {
        (Data::Gauge(part), Data::Gauge(next)) => part.data_points.extend(next.data_points),
        (Data::Sum(part), Data::Sum(next)) => {
            assert_eq!(
                (part.is_monotonic, part.aggregation_temporality),
                (next.is_monotonic, next.aggregation_temporality)
            );
            part.data_points.extend(next.data_points);
        }
        other => panic!("{other:?}"),
    }
}

pub(in crate::telemetry) const OTLP: OtlpScrape = OtlpScrape {
    signals: [
        Some(OtlpSignal {
            sent: 700,
            rejected: 3,
            refused: 2,
            dropped: 1,
            held: 58,
            is_up: Some(true),
            last_success_unix_secs: Some(1_795_231_462),
        }),
        None,
        Some(OtlpSignal {
            sent: 5,
            rejected: 0,
            refused: 0,
            dropped: 0,
            held: 0,
            is_up: None,
            last_success_unix_secs: None,
        }),
    ],
    buffer_bytes: 4096,
    buffer_limit_bytes: 262_144,
    spool: Some(OtlpSpool { bytes: 8192, written_bytes: 12_288 }),
};

fn points(metric: &Metric) -> &[NumberDataPoint] {
    match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => &sum.data_points,
    }
}

fn find<'a>(all: &'a [Metric], name: &str) -> Option<&'a Metric> {
    all.iter().find(|metric| metric.name == name)
}

/// `{key=value,…} number`, one for each point; a whole number has no fraction.
fn lines(all: &[Metric], name: &str) -> Vec<String> {
    let text = |point: &NumberDataPoint| {
        let attributes = point.attributes.iter().map(|attribute| {
            let value = match attribute.value.clone().unwrap().value.unwrap() {
                Value::StringValue(text) => text,
                Value::IntValue(number) => number.to_string(),
                other => panic!("{other:?}"),
            };
            format!("{}={value}", attribute.key)
        });
        let number = match point.value.unwrap() {
            Number::AsInt(number) => number.to_string(),
            Number::AsDouble(number) => format!("{number:?}"),
        };
        format!("{{{}}} {number}", attributes.collect::<Vec<_>>().join(","))
    };
    find(all, name).map(|metric| points(metric).iter().map(text).collect()).unwrap_or_default()
}

fn recorded() -> Vec<Metric> {
    let (snapshot, counters, samples) = (samples::recorded(), counters(), Samples::new());
    metrics(&scrape(&snapshot, &counters), Some(&monitored(&samples, &[])), &CLOCKS)
}

#[test]
fn the_original_s_gauges_have_its_names_and_its_figures() {
    let all = recorded();
    let expected = [
        ("cpu_all", "53.0"),
        ("ram_total", "25276514304.0"),
        ("ram_available", "24211038208.0"),
        ("ram_used", "1065476096.0"),
        ("ram_percent", "4.215280964715094"),
        ("disk_free", "61.20356750488281"),
        ("disk_used", "29.668136596679688"),
        ("disk_percent", "11.77436532388125"),
        ("disk_total", "251.9722785949707"),
        ("swap_free", "0.0"),
        ("swap_used", "0.0"),
        ("swap_total", "0.0"),
        ("swap_percent", "0.0"),
    ];
    for (at, (name, value)) in expected.into_iter().enumerate() {
        assert_eq!((lines(&all, name), all[at].name.as_str()), (vec![format!("{{}} {value}")], name));
    }
    assert_eq!(lines(&all, "monitor_web_ok_result"), ["{} 1.0"]);
    assert_eq!(lines(&all, "monitor_web_ok_duration"), ["{} 0.001646"]);
    assert_eq!(lines(&all, "monitor_tcp_ok_duration"), Vec::<String>::new());
}

#[test]
fn the_original_s_counters_count_what_was_answered() {
    assert_eq!(lines(&recorded(), "health_api_counter"), ["{} 2"]);
    assert_eq!(lines(&recorded(), "root_api_counter"), Vec::<String>::new());
}

#[test]
fn the_modes_of_a_cpu_add_up_to_its_time() {
    let all = recorded();
    let times = lines(&all, "system.cpu.time");
    let expected = ["user", "nice", "system", "idle", "iowait", "interrupt", "steal"]
        .into_iter()
        .zip(["1351.42", "1380.0", "316.36", "3539.57", "15.08", "10.85", "4.16"]);
    let expected: Vec<_> = expected.map(|(mode, secs)| format!("{{cpu.mode={mode}}} {secs}")).collect();
    assert_eq!(times, expected);
    let Some(Data::Sum(sum)) = &find(&all, "system.cpu.time").unwrap().data else { panic!() };
    assert!(sum.is_monotonic && sum.aggregation_temporality == CUMULATIVE);
    let point = &sum.data_points[6];
    assert_eq!(point.start_time_unix_nano, CLOCKS.boot_unix_nanos);
    assert_eq!(point.time_unix_nano, samples::RECORDED_MICROS * 1000);
    let usage = ["{cpu.logical_number=0} 1.0", "{cpu.logical_number=1} 0.04"];
    assert_eq!(lines(&all, "system.cpu.utilization"), usage);
}

#[test]
fn the_states_of_memory_and_disk_add_up_to_their_size() {
    let (counters, mut snapshot) = (Counters::default(), samples::of_2021());
    if let Some(disk) = &mut snapshot.disk {
        disk.read_only = true;
    }
    let all = metrics(&scrape(&snapshot, &counters), None, &CLOCKS);
    let sum = |name: &str| -> i64 {
        let number = |point: &NumberDataPoint| match point.value {
            Some(Number::AsInt(number)) => number,
            other => panic!("{other:?}"),
        };
        points(find(&all, name).unwrap()).iter().map(number).sum()
    };
    for (usage, limit) in
        [("system.memory.usage", "system.memory.limit"), ("system.filesystem.usage", "system.filesystem.limit")]
    {
        assert!(sum(usage) == sum(limit) && sum(usage) > 0, "{usage}");
    }
    let place = "system.filesystem.mountpoint=/,system.filesystem.mode=ro";
    assert_eq!(lines(&all, "system.filesystem.limit"), [format!("{{{place}}} 109647159296")]);
    let paging = lines(&all, "system.paging.usage");
    assert_eq!(paging, ["{system.paging.state=used} 517052825", "{system.paging.state=free} 556684903"]);
}

#[test]
fn zero_is_sent_and_what_is_absent_is_not() {
    let (snapshot, counters) = (Snapshot::default(), Counters::default());
    let all =
        metrics(&Scrape { process: None, ..scrape(&snapshot, &counters) }, None, &Clocks { uptime: None, ..CLOCKS });
    let names: Vec<_> = all.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["imalive.heartbeats", "imalive.heartbeats.dropped", "imalive.connections.evicted"]);
    assert_eq!(lines(&all, "imalive.heartbeats.dropped"), ["{} 0"]);
    assert_eq!(lines(&recorded(), "system.paging.usage").len(), 2);
    assert_eq!(lines(&recorded(), "process.thread.count").len(), 0);
}

#[test]
fn a_monitor_has_a_point_for_each_figure_that_is_known() {
    let mut samples = Samples::new();
    samples.monitors.truncate(2);
    samples.statuses.truncate(2);
    samples.statuses[0].certificate_expiry_unix_secs = Some(1_800_000_000);
    samples.statuses[1].last = None;
    samples.statuses[1].state = State::Unknown(Unknown::Offline);
    let (snapshot, counters) = (Snapshot::default(), Counters::default());
    let receivers = [ReceiverCounts { receiver: "slack", sent: 7, failed: 1, retried: 5, dropped: 0 }];
    let all = metrics(&scrape(&snapshot, &counters), Some(&monitored(&samples, &receivers)), &CLOCKS);
    let line = |rest: &str| vec![format!("{{name=web ok}} {rest}")];
    assert_eq!(lines(&all, "imalive.monitor.up"), ["{name=web ok,family=web,type=http} 1"]);
    assert_eq!(lines(&all, "imalive.monitor.duration"), ["{name=web ok,family=web} 0.001646"]);
    assert_eq!(lines(&all, "imalive.monitor.certificate.expiry.timestamp"), line("1800000000"));
    assert_eq!(lines(&all, "imalive.monitor.last_success.timestamp"), line("1795231452"));
    assert_eq!(lines(&all, "imalive.monitor.failures"), ["{name=web ok} 0", "{name=web-bad-code} 1"]);
    assert_eq!(lines(&all, "imalive.node.online"), ["{scope=lan} 1"]);
    assert_eq!(lines(&all, "imalive.notifications")[0], "{receiver=slack,result=sent} 7");
    assert_eq!(lines(&all, "imalive.notification.retries"), ["{receiver=slack} 5"]);
}

#[test]
fn a_state_is_the_number_of_its_label() {
    let mut samples = Samples::new();
    let states = [State::Unknown(Unknown::Offline), State::Up, State::Failing, State::Down];
    samples.statuses.iter_mut().zip(states).for_each(|(status, state)| status.state = state);
    let (snapshot, counters) = (Snapshot::default(), Counters::default());
    let all = metrics(&scrape(&snapshot, &counters), Some(&monitored(&samples, &[])), &CLOCKS);
    let expected = ["{name=web ok,family=web} 0", "{name=web-bad-code} 1", "{name=web-bad-body} 2", "{name=refused} 3"];
    assert_eq!(lines(&all, "imalive.monitor.state_code")[..4], expected);
    assert_eq!(State::LABELS, ["unknown", "up", "failing", "down"]);
}

#[test]
fn a_maintenance_that_there_cannot_be_is_not_told() {
    let (snapshot, counters, samples) = (Snapshot::default(), Counters::default(), Samples::new());
    for has_windows in [false, true] {
        let monitored = MonitorScrape { has_windows, ..monitored(&samples, &[]) };
        let all = metrics(&scrape(&snapshot, &counters), Some(&monitored), &CLOCKS);
        assert_eq!(lines(&all, "imalive.monitor.maintenance").len(), if has_windows { 9 } else { 0 });
    }
}

#[test]
fn two_names_that_become_one_are_points_of_one_metric() {
    let mut samples = Samples::new();
    samples.monitors[1] = monitor("http", "web-ok", vec![]);
    let (snapshot, counters) = (Snapshot::default(), Counters::default());
    let all = metrics(&scrape(&snapshot, &counters), Some(&monitored(&samples, &[])), &CLOCKS);
    let expected = ["{name=web ok} 1.0", "{name=web-ok} 0.0"];
    assert_eq!(lines(&all, "monitor_web_ok_result"), expected);
    assert!(points(find(&all, "monitor_web_ok_result").unwrap()).iter().all(|point| point.time_unix_nano == NOW));
}

#[test]
fn no_metric_comes_twice_or_has_a_point_twice() {
    let all = recorded();
    let mut names: Vec<_> = all.iter().map(|metric| &metric.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all.len());
    for metric in &all {
        let of = lines(&all, &metric.name);
        let mut which: Vec<_> = of.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
        which.sort_unstable();
        which.dedup();
        assert!(which.len() == of.len() && !of.is_empty(), "{}", metric.name);
        for point in points(metric) {
            assert!(point.time_unix_nano >= point.start_time_unix_nano, "{}", metric.name);
        }
    }
}

#[test]
fn a_sum_never_starts_after_its_time() {
    let (snapshot, counters) = (samples::recorded(), Counters::default());
    let clocks = Clocks { boot_unix_nanos: NOW + 5, agent_unix_nanos: NOW + 5, ..CLOCKS };
    for metric in metrics(&scrape(&snapshot, &counters), None, &clocks) {
        for point in points(&metric) {
            assert!(point.start_time_unix_nano <= point.time_unix_nano, "{}", metric.name);
        }
    }
}

/// What the collector's Prometheus exporter makes of a name: dots to underscores, the unit, `_total` for a counter.
fn in_prometheus(metric: &Metric) -> String {
    let mut name = metric.name.replace('.', "_");
    match metric.unit.as_str() {
        "s" => name.push_str("_seconds"),
        "By" => name.push_str("_bytes"),
        _ => {}
    }
    if matches!(&metric.data, Some(Data::Sum(sum)) if sum.is_monotonic) {
        name.push_str("_total");
    }
    name
}

#[test]
fn a_collector_makes_the_names_of_the_prometheus_endpoint_of_imalive_s_own() {
    let (snapshot, counters, mut samples) = (samples::recorded(), counters(), Samples::new());
    samples.statuses[0].certificate_expiry_unix_secs = Some(1_800_000_000);
    let receivers = [ReceiverCounts { receiver: "slack", ..ReceiverCounts::default() }];
    let (scrape, monitored) = (scrape(&snapshot, &counters), monitored(&samples, &receivers));
    let monitored = MonitorScrape { has_windows: true, ..monitored };
    let mut page = prometheus::render(&scrape);
    prometheus_monitors::append(&mut page, &monitored);
    prometheus_otlp::append(&mut page, &OTLP);
    let mut seen = 0;
    for metric in metrics(&scrape, Some(&monitored), &CLOCKS).into_iter().chain(own::exporter()) {
        // Prometheus' own name of the limit is another, and the state is a series for each there.
        let other = ["imalive.process.file_descriptor.limit", "imalive.monitor.state_code"];
        if metric.name.starts_with("imalive.") && !other.contains(&metric.name.as_str()) {
            let family = format!("# TYPE {} ", in_prometheus(&metric));
            assert!(page.contains(&family), "{family}\n{page}");
            seen += 1;
        }
    }
    assert_eq!(seen, 21);
}

mod own;
mod volume;
