//! The original's instruments: their names, and numbers that are all floating-point, as it sent them. It dropped the labels
//! of monitors, and had a series for each correlation id; neither is kept.

use crate::config::monitors::Check;
use crate::report::View;
use crate::report::number::{from_permille, gib, percent, seconds};
use crate::report::reading::swap_permille;
use crate::snapshot::{Counters, Method, Snapshot, StatusClass};
use crate::telemetry::messages::metrics::{Data, Number};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::metrics::collection::{Collection, Kind, double, int, point, texts};

pub(super) fn node(all: &mut Collection, snapshot: &Snapshot) {
    let bytes = |value: u64| value as f64;
    let mut gauge = |name: &str, unit: &str, value: Option<f64>| {
        all.single(Kind::Gauge, name, unit, value.map(double));
    };
    gauge("cpu_all", "%", snapshot.cpu_usage.all_permille.map(|permille| from_permille(u64::from(permille))));
    let memory = snapshot.memory;
    gauge("ram_total", "By", memory.map(|m| bytes(m.total_bytes)));
    gauge("ram_available", "By", memory.map(|m| bytes(m.available_bytes)));
    gauge("ram_used", "By", memory.map(|m| bytes(m.used_bytes())));
    gauge("ram_percent", "%", memory.map(|m| percent(m.used_bytes(), m.total_bytes)));
    let disk = snapshot.disk;
    gauge("disk_free", "GiBy", disk.map(|d| gib(d.available_bytes)));
    gauge("disk_used", "GiBy", disk.map(|d| gib(d.used_bytes())));
    gauge("disk_percent", "%", disk.map(|d| percent(d.used_bytes(), d.total_bytes)));
    gauge("disk_total", "GiBy", disk.map(|d| gib(d.total_bytes)));
    let swap = snapshot.swap;
    gauge("swap_free", "By", swap.map(|s| bytes(s.free_bytes)));
    gauge("swap_used", "By", swap.map(|s| bytes(s.used_bytes())));
    gauge("swap_total", "By", swap.map(|s| bytes(s.total_bytes)));
    gauge("swap_percent", "%", swap.map(|s| from_permille(swap_permille(s))));
}

/// Requests that a handler answered; the original counted no others. They are there from the first one on.
pub(super) fn requests(all: &mut Collection, counters: &Counters, clocks: &Clocks) {
    let instruments = [
        ("root_api_counter", ["/v1/", "/v1", "/"].as_slice()),
        ("health_api_counter", &["/v1/health", "/health"]),
        ("manifest_api_counter", &["/v1/manifest", "/manifest"]),
        ("metrics_api_counter", &["/v1/metrics", "/metrics"]),
    ];
    for (name, paths) in instruments {
        let answered = counters.requests.iter().filter(|(handler, method, status, _)| {
            paths.contains(handler)
                && matches!(method, Method::Get | Method::Head | Method::Post)
                && matches!(status, StatusClass::Success | StatusClass::ServerError)
        });
        let total = answered.map(|(.., count)| count).fold(0, u64::saturating_add);
        let value = (total > 0).then(|| int(total));
        all.single(Kind::Counter(clocks.agent_unix_nanos), name, "1", value);
    }
}

/// The raw outcome of the last check. The original never set the duration of a TCP monitor.
pub(super) fn monitors(all: &mut Collection, view: &View<'_>) {
    let first = all.metrics.len();
    for (monitor, status) in view.iter() {
        let Some((_, outcome)) = &status.last else { continue };
        let passed = double(if outcome.failure.is_none() { 1.0 } else { 0.0 });
        let duration = outcome.duration_micros.filter(|_| matches!(monitor.check, Check::Http(_)));
        let duration = duration.map(|micros| double(seconds(micros, 1_000_000)));
        for (kind, unit, value) in [("result", "", Some(passed)), ("duration", "s", duration)] {
            let Some(value) = value else { continue };
            let mut name = String::from("monitor_");
            name.extend(monitor.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
            name.push('_');
            name.push_str(kind);
            let labels = [("family", monitor.family.as_str()), ("kind", kind), ("name", &monitor.name)];
            add(all, first, &name, unit, value, &labels);
        }
    }
}

/// Two names may have become one: then both are points of one metric.
fn add(all: &mut Collection, first: usize, name: &str, unit: &str, value: Number, labels: &[(&str, &str)]) {
    let mut made = point(value, texts(labels));
    match all.metrics[first..].iter_mut().find(|metric| metric.name == name).map(|metric| &mut metric.data) {
        Some(Some(Data::Gauge(gauge))) => {
            made.time_unix_nano = all.time_unix_nano;
            gauge.data_points.push(made);
        }
        _ => all.add(Kind::Gauge, name, unit, vec![made]),
    }
}
