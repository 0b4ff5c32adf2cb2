//! imalive itself: beats, requests, its process, its configuration and who is told.

use crate::report::number::seconds;
use crate::report::prometheus_monitors::MonitorScrape;
use crate::snapshot::{Counters, Process};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::metrics::collection::{Collection, Kind, double, int, point, texts};

pub(super) fn counters(all: &mut Collection, counters: &Counters, clocks: &Clocks) {
    let counter = Kind::Counter(clocks.agent_unix_nanos);
    all.single(counter, "imalive.heartbeats", "{heartbeat}", Some(int(counters.heartbeats)));
    all.single(counter, "imalive.heartbeats.dropped", "{heartbeat}", Some(int(counters.heartbeats_dropped)));
    all.single(counter, "imalive.connections.evicted", "{connection}", Some(int(counters.connections_evicted)));
    let requests = counters.requests.iter().map(|(handler, method, status, count)| {
        point(int(count), texts(&[("handler", handler), ("method", method.label()), ("status", status.label())]))
    });
    all.add(counter, "imalive.http.requests", "{request}", requests.collect());
}

/// After the semantic conventions ("Process Metrics"). Its CPU time has no mode: the kernel's sum is all that is read.
pub(super) fn process(all: &mut Collection, process: &Process, clocks: &Clocks) {
    let start = clocks.agent_unix_nanos;
    let cpu = double(seconds(process.cpu_micros, 1_000_000));
    all.single(Kind::Counter(start), "process.cpu.time", "s", Some(cpu));
    let figures = [
        ("process.memory.usage", "By", Some(process.resident_bytes)),
        ("process.memory.virtual", "By", Some(process.virtual_bytes)),
        ("process.thread.count", "{thread}", process.threads),
        ("process.unix.file_descriptor.count", "{file_descriptor}", process.open_fds),
        ("imalive.process.file_descriptor.limit", "{file_descriptor}", process.max_fds),
    ];
    for (name, unit, value) in figures {
        all.single(Kind::UpDownCounter(start), name, unit, value.map(int));
    }
    all.single(Kind::Gauge, "process.uptime", "s", Some(double(clocks.agent_uptime.as_secs_f64())));
}

pub(super) fn configured(all: &mut Collection, scrape: &MonitorScrape<'_>, clocks: &Clocks) {
    let successful = scrape.last_reload_successful.map(|successful| int(u64::from(successful)));
    all.single(Kind::Gauge, "imalive.config.last_reload.successful", "", successful);
    let at = scrape.last_reload_success.map(|at| int(scrape.view.unix_micros_at(at) / 1_000_000));
    all.single(Kind::Gauge, "imalive.config.last_reload.success.timestamp", "s", at);

    let online = [("lan", scrape.online.lan), ("wan", scrape.online.wan)].into_iter().filter_map(|(scope, online)| {
        let online = int(u64::from(online?));
        Some(point(online, texts(&[("scope", scope)])))
    });
    all.add(Kind::Gauge, "imalive.node.online", "", online.collect());

    let counter = Kind::Counter(clocks.agent_unix_nanos);
    let mut messages = Vec::with_capacity(3 * scrape.receivers.len());
    for counts in scrape.receivers {
        for (result, count) in [("sent", counts.sent), ("failed", counts.failed), ("dropped", counts.dropped)] {
            messages.push(point(int(count), texts(&[("receiver", counts.receiver), ("result", result)])));
        }
    }
    all.add(counter, "imalive.notifications", "{message}", messages);
    let retries =
        scrape.receivers.iter().map(|counts| point(int(counts.retried), texts(&[("receiver", counts.receiver)])));
    all.add(counter, "imalive.notification.retries", "{message}", retries.collect());
}
