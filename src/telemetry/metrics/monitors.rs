//! The monitors, each with its name, family and type.

use crate::config::monitors::Monitor;
use crate::report::View;
use crate::report::number::seconds;
use crate::report::prometheus_monitors::is_up;
use crate::snapshot::{MonitorStatus, State};
use crate::telemetry::messages::common::KeyValue;
use crate::telemetry::messages::metrics::Number;
use crate::telemetry::metrics::Clocks;
use crate::telemetry::metrics::collection::{Collection, Kind, double, int, point, texts};

pub(super) fn monitors(all: &mut Collection, view: &View<'_>, clocks: &Clocks) {
    let counter = Kind::Counter(clocks.agent_unix_nanos);
    // The hard state, as in /v1/prom: a failure that is still being retried does not count.
    each(all, view, Kind::Gauge, "imalive.monitor.up", "", &|status| is_up(status).map(|up| int(u64::from(up))));
    states(all, view);
    each(all, view, Kind::Gauge, "imalive.monitor.duration", "s", &|status| {
        status.last.as_ref()?.1.duration_micros.map(|micros| double(seconds(micros, 1_000_000)))
    });
    each(all, view, counter, "imalive.monitor.checks", "{check}", &|status| Some(int(status.checks_total)));
    each(all, view, counter, "imalive.monitor.failures", "{check}", &|status| Some(int(status.failures_total)));
    // Whole seconds, as in /v1/prom: what is reckoned back from now wavers by milliseconds.
    each(all, view, Kind::Gauge, "imalive.monitor.last_success.timestamp", "s", &|status| {
        status.last_success.map(|at| int(view.unix_micros_at(at) / 1_000_000))
    });
    each(all, view, Kind::Gauge, "imalive.monitor.certificate.expiry.timestamp", "s", &|status| {
        status.certificate_expiry_unix_secs.map(int)
    });
    each(all, view, Kind::Gauge, "imalive.monitor.maintenance", "", &|status| Some(int(u64::from(status.maintenance))));
}

/// The attributes that say which monitor it is.
fn which(monitor: &Monitor) -> Vec<KeyValue> {
    texts(&[("name", &monitor.name), ("family", &monitor.family), ("type", &monitor.kind)])
}

/// One point for each monitor that has a value.
fn each(
    all: &mut Collection,
    view: &View<'_>,
    kind: Kind,
    name: &str,
    unit: &str,
    value: &dyn Fn(&MonitorStatus) -> Option<Number>,
) {
    let points = view.iter().filter_map(|(monitor, status)| Some(point(value(status)?, which(monitor))));
    all.add(kind, name, unit, points.collect());
}

/// 1 for the state that a monitor is in, 0 for the others.
fn states(all: &mut Collection, view: &View<'_>) {
    let mut points = Vec::with_capacity(view.monitors.len() * State::LABELS.len());
    for (monitor, status) in view.iter() {
        for state in State::LABELS {
            let mut attributes = which(monitor);
            attributes.push(KeyValue::text("state", state));
            points.push(point(int(u64::from(state == status.state.label())), attributes));
        }
    }
    all.add(Kind::Gauge, "imalive.monitor.state", "", points);
}
