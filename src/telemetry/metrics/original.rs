//! The original's instruments: their names, and numbers that are all floating-point, as it sent them. It had a series for
//! each correlation id, which is not kept.

use crate::config::monitors::Check;
use crate::report::View;
use crate::report::number::{from_permille, gib, percent, seconds};
use crate::report::reading::swap_permille;
use crate::snapshot::{Counters, Method, Snapshot, StatusClass};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::records::{Kind, Number, Records, Value};

pub(super) fn node(all: &mut Records<'_>, snapshot: &Snapshot) {
    let bytes = |value: u64| value as f64;
    let mut gauge = |name: &str, unit: &str, value: Option<f64>| {
        all.single(Kind::Gauge, name, unit, value.map(Number::Double));
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
pub(super) fn requests(all: &mut Records<'_>, counters: &Counters, clocks: &Clocks) {
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
        let value = (total > 0).then_some(Number::Int(total));
        all.single(Kind::Counter(clocks.agent_unix_nanos), name, "1", value);
    }
}

/// The raw outcome of the last check. The original never set the duration of a TCP monitor. It sent no labels, and there are
/// none here but where two names have become one: then both are points of one metric, and the name tells them apart.
pub(super) fn monitors(all: &mut Records<'_>, view: &View<'_>) {
    let keys: Vec<u32> = view.monitors.iter().map(|monitor| in_a_metric_name(&monitor.name).fold(0, hash)).collect();
    let alike = |a: usize, b: usize| {
        let names = [a, b].map(|at| view.monitors.get(at).map_or("", |monitor| &monitor.name));
        keys.get(a) == keys.get(b) && in_a_metric_name(names[0]).eq(in_a_metric_name(names[1]))
    };
    let mut name = String::new();
    for (first, monitor) in view.monitors.iter().enumerate() {
        if (0..first).any(|earlier| alike(earlier, first)) {
            continue;
        }
        let is_alone = !(first + 1..keys.len()).any(|later| alike(first, later));
        name.clear();
        name.extend(in_a_metric_name(&monitor.name));
        for (kind, unit) in [("_result", ""), ("_duration", "s")] {
            all.metric(Kind::Gauge, &["monitor_", &name, kind], unit);
            for (at, (monitor, status)) in view.iter().enumerate().skip(first) {
                if at != first && (is_alone || !alike(first, at)) {
                    continue;
                }
                let Some((_, outcome)) = &status.last else { continue };
                let value = match kind {
                    "_result" => Some(if outcome.failure.is_none() { 1.0 } else { 0.0 }),
                    _ => outcome
                        .duration_micros
                        .filter(|_| matches!(monitor.check, Check::Http(_)))
                        .map(|micros| seconds(micros, 1_000_000)),
                };
                let which = [("name", Value::Text(&monitor.name))];
                if let Some(value) = value {
                    all.point(Number::Double(value), if is_alone { &[] } else { &which });
                }
            }
        }
    }
}

/// As the original's pattern: every character that is no ASCII letter or digit.
fn in_a_metric_name(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
}

/// FNV-1: names are compared only where this agrees.
fn hash(sum: u32, c: char) -> u32 {
    sum.wrapping_mul(0x0100_0193) ^ u32::from(c)
}
