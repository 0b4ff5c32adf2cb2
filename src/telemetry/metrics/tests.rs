use super::*;
use crate::report::monitor_samples::{Samples, monitor};
use crate::report::prometheus;
use crate::report::prometheus_monitors::{self, Online, ReceiverCounts};
use crate::report::samples;
use crate::snapshot::{Counters, Method, Process, Snapshot, State, Unknown};
use crate::telemetry::messages::common::Value;
use crate::telemetry::messages::metrics::{CUMULATIVE, Data, Number, NumberDataPoint};
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
    MonitorScrape { view, last_reload_successful: Some(true), last_reload_success: Some(0), online, receivers }
}

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
    assert_eq!(lines(&all, "monitor_web_ok_result"), ["{family=web,kind=result,name=web ok} 1.0"]);
    assert_eq!(lines(&all, "monitor_web_ok_duration"), ["{family=web,kind=duration,name=web ok} 0.001646"]);
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
        .zip(["593.97", "668.91", "148.57", "1886.22", "3.48", "4.27", "2.23"]);
    let expected: Vec<_> =
        expected.map(|(mode, secs)| format!("{{cpu.mode={mode},cpu.logical_number=0}} {secs}")).collect();
    assert_eq!((&times[..7], times.len()), (&expected[..], 14));
    let Some(Data::Sum(sum)) = &find(&all, "system.cpu.time").unwrap().data else { panic!() };
    assert!(sum.is_monotonic && sum.aggregation_temporality == CUMULATIVE);
    let point = &sum.data_points[13];
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
    let parts = lines(&all, "system.memory.utilization");
    assert!(parts[0].starts_with("{system.memory.state=used} 0.507"), "{parts:?}");
}

#[test]
fn zero_is_sent_and_what_is_absent_is_not() {
    let (snapshot, counters) = (Snapshot::default(), Counters::default());
    let all =
        metrics(&Scrape { process: None, ..scrape(&snapshot, &counters) }, None, &Clocks { uptime: None, ..CLOCKS });
    let names: Vec<_> = all.iter().map(|metric| metric.name.as_str()).collect();
    assert_eq!(names, ["imalive.heartbeats", "imalive.heartbeats.dropped", "imalive.connections.evicted"]);
    let bytes = prost::Message::encode_to_vec(&export(Resource::default(), InstrumentationScope::default(), all));
    let read: ExportMetricsServiceRequest = prost::Message::decode(&bytes[..]).unwrap();
    let sent = &read.resource_metrics[0].scope_metrics[0].metrics;
    assert_eq!(lines(sent, "imalive.heartbeats"), ["{} 0"]);
    // A node without swap has none in use, which is no part of it.
    assert_eq!(lines(&recorded(), "system.paging.usage").len(), 2);
    assert_eq!(lines(&recorded(), "system.paging.utilization").len(), 0);
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
    let (first, second) = ("name=web ok,family=web,type=http", "name=web-bad-code,family=web-bad-code,type=http");
    let line = |rest: &str| vec![format!("{{{first}}} {rest}")];
    assert_eq!(lines(&all, "imalive.monitor.up"), line("1"));
    assert_eq!(lines(&all, "imalive.monitor.duration"), line("0.001646"));
    assert_eq!(lines(&all, "imalive.monitor.certificate.expiry.timestamp"), line("1800000000"));
    assert_eq!(lines(&all, "imalive.monitor.last_success.timestamp"), line("1795231452"));
    assert_eq!(lines(&all, "imalive.monitor.failures"), [format!("{{{first}}} 0"), format!("{{{second}}} 1")]);
    let states = lines(&all, "imalive.monitor.state");
    let expected = ["unknown", "up", "failing", "down"].into_iter().zip([1, 0, 0, 0]);
    let expected: Vec<_> = expected.map(|(state, value)| format!("{{{second},state={state}}} {value}")).collect();
    assert_eq!((&states[4..], states[1].ends_with("state=up} 1")), (&expected[..], true));
    assert_eq!(lines(&all, "imalive.node.online"), ["{scope=lan} 1"]);
    assert_eq!(lines(&all, "imalive.notifications")[0], "{receiver=slack,result=sent} 7");
    assert_eq!(lines(&all, "imalive.notification.retries"), ["{receiver=slack} 5"]);
}

#[test]
fn two_names_that_become_one_are_points_of_one_metric() {
    let mut samples = Samples::new();
    samples.monitors[1] = monitor("http", "web-ok", vec![]);
    let (snapshot, counters) = (Snapshot::default(), Counters::default());
    let all = metrics(&scrape(&snapshot, &counters), Some(&monitored(&samples, &[])), &CLOCKS);
    let expected = ["{family=web,kind=result,name=web ok} 1.0", "{family=web-ok,kind=result,name=web-ok} 0.0"];
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
    if metric.unit == "s" {
        name.push_str("_seconds");
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
    let mut page = prometheus::render(&scrape);
    prometheus_monitors::append(&mut page, &monitored);
    let mut seen = 0;
    for metric in metrics(&scrape, Some(&monitored), &CLOCKS) {
        if metric.name.starts_with("imalive.") && metric.name != "imalive.process.file_descriptor.limit" {
            let family = format!("# TYPE {} ", in_prometheus(&metric));
            assert!(page.contains(&family), "{family}\n{page}");
            seen += 1;
        }
    }
    assert_eq!(seen, 18);
}

#[test]
fn the_largest_snapshot_is_encoded() {
    let (snapshot, counters) = (samples::largest(), counters());
    let all = metrics(&scrape(&snapshot, &counters), None, &CLOCKS);
    assert_eq!(lines(&all, "system.memory.limit"), [format!("{{}} {}", i64::MAX)]);
    assert_eq!(lines(&all, "system.cpu.time").len(), 7 * crate::limits::CPUS);
    let bytes = prost::Message::encoded_len(&export(Resource::default(), InstrumentationScope::default(), all));
    assert!(bytes < 64 * 1024, "{bytes}");
}

#[test]
fn the_most_monitors_that_there_can_be_are_encoded() {
    let mut full = Samples::new();
    for at in full.monitors.len()..crate::limits::MONITORS {
        full.monitors.push(monitor("http", &format!("monitor-{at:03}"), vec![]));
        full.statuses.push(full.statuses[0].clone());
    }
    let (snapshot, counters) = (samples::recorded(), counters());
    let all = metrics(&scrape(&snapshot, &counters), Some(&monitored(&full, &[])), &CLOCKS);
    assert_eq!(lines(&all, "imalive.monitor.state").len(), 4 * crate::limits::MONITORS);
    let bytes = prost::Message::encoded_len(&export(Resource::default(), InstrumentationScope::default(), all));
    assert!(bytes < 192 * 1024, "{bytes}");
}
