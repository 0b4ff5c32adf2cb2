//! imalive itself: beats, requests, its process, its configuration and who is told.

use crate::report::number::seconds;
use crate::report::prometheus_monitors::MonitorScrape;
use crate::snapshot::{Counters, Process};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::records::{Kind, Number, Records, Value};

pub(super) fn counters(all: &mut Records<'_>, counters: &Counters, clocks: &Clocks) {
    let counter = Kind::Counter(clocks.agent_unix_nanos);
    let figures = [
        ("imalive.heartbeats", "{heartbeat}", counters.heartbeats),
        ("imalive.heartbeats.dropped", "{heartbeat}", counters.heartbeats_dropped),
        ("imalive.connections.evicted", "{connection}", counters.connections_evicted),
    ];
    for (name, unit, value) in figures {
        all.single(counter, name, unit, Some(Number::Int(value)));
    }
    all.metric(counter, &["imalive.http.requests"], "{request}");
    for (handler, method, status, count) in counters.requests.iter() {
        let [handler, method, status] = [handler, method.label(), status.label()].map(Value::Text);
        all.point(Number::Int(count), &[("handler", handler), ("method", method), ("status", status)]);
    }
}

/// After the semantic conventions ("Process Metrics"). Its CPU time has no mode: the kernel's sum is all that is read.
pub(super) fn process(all: &mut Records<'_>, process: &Process, clocks: &Clocks) {
    let start = clocks.agent_unix_nanos;
    let cpu = Number::Double(seconds(process.cpu_micros, 1_000_000));
    all.single(Kind::Counter(start), "process.cpu.time", "s", Some(cpu));
    let figures = [
        ("process.memory.usage", "By", Some(process.resident_bytes)),
        ("process.memory.virtual", "By", Some(process.virtual_bytes)),
        ("process.thread.count", "{thread}", process.threads),
        ("process.unix.file_descriptor.count", "{file_descriptor}", process.open_fds),
        ("imalive.process.file_descriptor.limit", "{file_descriptor}", process.max_fds),
    ];
    for (name, unit, value) in figures {
        all.single(Kind::UpDownCounter(start), name, unit, value.map(Number::Int));
    }
    all.single(Kind::Gauge, "process.uptime", "s", Some(Number::Double(clocks.agent_uptime.as_secs_f64())));
}

pub(super) fn configured(all: &mut Records<'_>, scrape: &MonitorScrape<'_>, clocks: &Clocks) {
    let successful = scrape.last_reload_successful.map(|successful| Number::Int(u64::from(successful)));
    all.single(Kind::Gauge, "imalive.config.last_reload.successful", "", successful);
    let at = scrape.last_reload_success.map(|at| Number::Int(scrape.view.unix_micros_at(at) / 1_000_000));
    all.single(Kind::Gauge, "imalive.config.last_reload.success.timestamp", "s", at);

    all.metric(Kind::Gauge, &["imalive.node.online"], "");
    for (scope, online) in [("lan", scrape.online.lan), ("wan", scrape.online.wan)] {
        if let Some(online) = online {
            all.point(Number::Int(u64::from(online)), &[("scope", Value::Text(scope))]);
        }
    }

    let counter = Kind::Counter(clocks.agent_unix_nanos);
    all.metric(counter, &["imalive.notifications"], "{message}");
    for counts in scrape.receivers {
        for (result, count) in [("sent", counts.sent), ("failed", counts.failed), ("dropped", counts.dropped)] {
            let [receiver, result] = [counts.receiver, result].map(Value::Text);
            all.point(Number::Int(count), &[("receiver", receiver), ("result", result)]);
        }
    }
    all.metric(counter, &["imalive.notification.retries"], "{message}");
    for counts in scrape.receivers {
        all.point(Number::Int(counts.retried), &[("receiver", Value::Text(counts.receiver))]);
    }
}
