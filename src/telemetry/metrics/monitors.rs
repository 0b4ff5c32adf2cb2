//! The monitors. Their points are most of an export, so what is known by the name is not told with each: result, state and
//! duration have the family, where the configuration has one, and the result has the type.

use crate::config::monitors::Monitor;
use crate::report::View;
use crate::report::number::seconds;
use crate::report::prometheus_monitors::{MonitorScrape, is_up};
use crate::snapshot::{MonitorStatus, State};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::records::{Kind, Number, Records, Value};

pub(super) fn monitors(all: &mut Records<'_>, scrape: &MonitorScrape<'_>, clocks: &Clocks) {
    let view = &scrape.view;
    let flag = |flag: bool| Number::Int(u64::from(flag));
    // The hard state, as in /v1/prom: a failure that is still being retried does not count.
    all.metric(Kind::Gauge, &["imalive.monitor.up"], "");
    for (monitor, status) in view.iter() {
        if let Some(up) = is_up(status) {
            described(all, monitor, flag(up), &[("type", Value::Text(&monitor.kind))]);
        }
    }
    all.metric(Kind::Gauge, &["imalive.monitor.state_code"], "");
    for (monitor, status) in view.iter() {
        described(all, monitor, state_code(status.state), &[]);
    }
    all.metric(Kind::Gauge, &["imalive.monitor.duration"], "s");
    for (monitor, status) in view.iter() {
        if let Some(micros) = status.last.as_ref().and_then(|(_, outcome)| outcome.duration_micros) {
            described(all, monitor, Number::Double(seconds(micros, 1_000_000)), &[]);
        }
    }
    let counter = Kind::Counter(clocks.agent_unix_nanos);
    each(all, view, counter, "imalive.monitor.checks", "{check}", &|status| Some(Number::Int(status.checks_total)));
    each(all, view, counter, "imalive.monitor.failures", "{check}", &|status| Some(Number::Int(status.failures_total)));
    // Whole seconds, as in /v1/prom: what is reckoned back from now wavers by milliseconds.
    each(all, view, Kind::Gauge, "imalive.monitor.last_success.timestamp", "s", &|status| {
        status.last_success.map(|at| Number::Int(view.unix_micros_at(at) / 1_000_000))
    });
    each(all, view, Kind::Gauge, "imalive.monitor.certificate.expiry.timestamp", "s", &|status| {
        status.certificate_expiry_unix_secs.map(Number::Int)
    });
    if scrape.has_windows {
        each(all, view, Kind::Gauge, "imalive.monitor.maintenance", "", &|status| Some(flag(status.maintenance)));
    }
}

/// Its place in [`State::LABELS`]: 0 unknown, 1 up, 2 failing, 3 down. One point, where the semantic conventions ("State
/// Metrics") have one for each state there is, as `/v1/prom` does: that would be 40 % more of each export.
fn state_code(state: State) -> Number {
    Number::Int(match state {
        State::Unknown(_) => 0,
        State::Up => 1,
        State::Failing => 2,
        State::Down => 3,
    })
}

/// A point with its name, its family unless that is the name, which it is where none is given, and `more`.
fn described(all: &mut Records<'_>, monitor: &Monitor, value: Number, more: &[(&str, Value<'_>)]) {
    let own = [("name", Value::Text(&monitor.name)), ("family", Value::Text(&monitor.family))];
    let own = if monitor.family == monitor.name { &own[..1] } else { &own };
    all.point_of(value, own, more);
}

type Figure<'f> = &'f dyn Fn(&MonitorStatus) -> Option<Number>;

/// A point with its name for each monitor that has a value.
fn each(all: &mut Records<'_>, view: &View<'_>, kind: Kind, name: &str, unit: &str, figure: Figure<'_>) {
    all.metric(kind, &[name], unit);
    for (monitor, status) in view.iter() {
        if let Some(value) = figure(status) {
            all.point(value, &[("name", Value::Text(&monitor.name))]);
        }
    }
}
