//! The monitors. Their points are most of an export, so of what is known by the name alone the name is all that is told:
//! family and type stand with result, state and duration, and the family only where the configuration has one.

use crate::report::View;
use crate::report::number::seconds;
use crate::report::prometheus_monitors::is_up;
use crate::snapshot::{MonitorStatus, State};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::records::{Kind, Number, Records, Value};

pub(super) fn monitors(all: &mut Records<'_>, view: &View<'_>, clocks: &Clocks) {
    let flag = |flag: bool| Number::Int(u64::from(flag));
    // The hard state, as in /v1/prom: a failure that is still being retried does not count.
    described(all, view, "imalive.monitor.up", "", &|status| is_up(status).map(flag));
    described(all, view, "imalive.monitor.state_code", "", &|status| state_code(status.state));
    described(all, view, "imalive.monitor.duration", "s", &|status| {
        status.last.as_ref()?.1.duration_micros.map(|micros| Number::Double(seconds(micros, 1_000_000)))
    });
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
    each(all, view, Kind::Gauge, "imalive.monitor.maintenance", "", &|status| Some(flag(status.maintenance)));
}

/// Its place in [`State::LABELS`]: 0 unknown, 1 up, 2 failing, 3 down. One point, where the semantic conventions ("State
/// Metrics") have one for each state there is, as `/v1/prom` does: that would be 40 % more of each export.
fn state_code(state: State) -> Option<Number> {
    State::LABELS.iter().position(|label| *label == state.label()).map(|code| Number::Int(code as u64))
}

type Figure<'f> = &'f dyn Fn(&MonitorStatus) -> Option<Number>;

/// A point for each monitor that has a value, with all that says what kind of monitor it is.
fn described(all: &mut Records<'_>, view: &View<'_>, name: &str, unit: &str, figure: Figure<'_>) {
    all.metric(Kind::Gauge, &[name], unit);
    for (monitor, status) in view.iter() {
        let Some(value) = figure(status) else { continue };
        let [name, kind] = [("name", &monitor.name), ("type", &monitor.kind)].map(text);
        let family = text(("family", &monitor.family));
        // It is the name where none is given.
        match monitor.family == monitor.name {
            true => all.point(value, &[name, kind]),
            false => all.point(value, &[name, family, kind]),
        }
    }
}

/// A point with its name for each monitor that has a value.
fn each(all: &mut Records<'_>, view: &View<'_>, kind: Kind, name: &str, unit: &str, figure: Figure<'_>) {
    all.metric(kind, &[name], unit);
    for (monitor, status) in view.iter() {
        if let Some(value) = figure(status) {
            all.point(value, &[text(("name", &monitor.name))]);
        }
    }
}

fn text<'a>((key, value): (&'static str, &'a String)) -> (&'static str, Value<'a>) {
    (key, Value::Text(value))
}
