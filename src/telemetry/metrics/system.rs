//! The node after the semantic conventions ("System Metrics").

use crate::report::number::seconds;
use crate::report::prometheus::Scrape;
use crate::snapshot::{CpuReading, CpuTimes, Snapshot};
use crate::telemetry::messages::common::KeyValue;
use crate::telemetry::metrics::Clocks;
use crate::telemetry::metrics::collection::{Collection, Kind, double, int, point, texts};

pub(super) fn node(all: &mut Collection, scrape: &Scrape<'_>, clocks: &Clocks) {
    let up_down = Kind::UpDownCounter(clocks.boot_unix_nanos);
    let snapshot = scrape.snapshot;
    if let Some(cpu) = &snapshot.cpu {
        all.single(up_down, "system.cpu.logical.count", "{cpu}", Some(int(cpu.online() as u64)));
        cpu_time(all, cpu, scrape.ticks_per_second, clocks);
        all.single(Kind::Gauge, "imalive.cpus.dropped", "{cpu}", Some(int(u64::from(cpu.dropped))));
    }
    all.single(up_down, "system.cpu.physical.count", "{cpu}", snapshot.cores.map(|cores| int(u64::from(cores))));
    cpu_utilization(all, snapshot);
    if let Some(memory) = snapshot.memory {
        // Used is what is not available, as the conventions define it for Linux: so the rest of the total is free.
        let states = [("used", memory.used_bytes()), ("free", memory.available_bytes)];
        let names = Names {
            usage: "system.memory.usage",
            utilization: "system.memory.utilization",
            state: "system.memory.state",
        };
        usage(all, up_down, &names, &states, memory.total_bytes, &[]);
        all.single(up_down, "system.memory.limit", "By", Some(int(memory.total_bytes)));
        all.single(up_down, "system.memory.linux.available", "By", Some(int(memory.available_bytes)));
    }
    if let Some(swap) = snapshot.swap {
        let states = [("used", swap.used_bytes()), ("free", swap.free_bytes)];
        let names = Names {
            usage: "system.paging.usage",
            utilization: "system.paging.utilization",
            state: "system.paging.state",
        };
        usage(all, up_down, &names, &states, swap.total_bytes, &[]);
    }
    if let Some(disk) = snapshot.disk {
        let reserved = disk.free_bytes.saturating_sub(disk.available_bytes);
        let states = [("used", disk.used_bytes()), ("free", disk.available_bytes), ("reserved", reserved)];
        let names = Names {
            usage: "system.filesystem.usage",
            utilization: "system.filesystem.utilization",
            state: "system.filesystem.state",
        };
        let mode = if disk.read_only { "ro" } else { "rw" };
        let place = [("system.filesystem.mountpoint", scrape.mountpoint), ("system.filesystem.mode", mode)];
        usage(all, up_down, &names, &states, disk.total_bytes, &place);
        let limit = point(int(disk.total_bytes), texts(&place));
        all.add(up_down, "system.filesystem.limit", "By", vec![limit]);
    }
}

pub(super) fn uptime(all: &mut Collection, clocks: &Clocks) {
    all.single(Kind::Gauge, "system.uptime", "s", clocks.uptime.map(|uptime| double(uptime.as_secs_f64())));
}

/// The modes of the conventions. They add up to all the time there was: what the kernel counts for hard and soft interrupts
/// is one mode, and a guest's time is part of user and nice already.
fn modes(times: &CpuTimes) -> [(&'static str, u64); 7] {
    [
        ("user", times.user_ticks),
        ("nice", times.nice_ticks),
        ("system", times.system_ticks),
        ("idle", times.idle_ticks),
        ("iowait", times.iowait_ticks),
        ("interrupt", times.irq_ticks.saturating_add(times.softirq_ticks)),
        ("steal", times.steal_ticks),
    ]
}

fn cpu_time(all: &mut Collection, cpu: &CpuReading, ticks_per_second: u64, clocks: &Clocks) {
    let mut points = Vec::with_capacity(cpu.each.len() * 7);
    for one in &cpu.each {
        for (mode, ticks) in modes(&one.times) {
            let mut attributes = texts(&[("cpu.mode", mode)]);
            attributes.push(logical_number(one.id));
            points.push(point(double(seconds(ticks, ticks_per_second)), attributes));
        }
    }
    all.add(Kind::Counter(clocks.boot_unix_nanos), "system.cpu.time", "s", points);
}

/// Without a mode: how much of the time a CPU was neither idle nor waiting.
fn cpu_utilization(all: &mut Collection, snapshot: &Snapshot) {
    let each = snapshot.cpu.as_ref().map_or(&[][..], |cpu| &cpu.each);
    let points = each.iter().zip(&snapshot.cpu_usage.each_permille).filter_map(|(cpu, permille)| {
        let value = double(f64::from((*permille)?) / 1000.0);
        Some(point(value, vec![logical_number(cpu.id)]))
    });
    all.add(Kind::Gauge, "system.cpu.utilization", "1", points.collect());
}

fn logical_number(id: u16) -> KeyValue {
    KeyValue::int("cpu.logical_number", u64::from(id))
}

struct Names {
    usage: &'static str,
    utilization: &'static str,
    state: &'static str,
}

/// Bytes in each state, and what part of `total` they are; of nothing there are no parts.
fn usage(all: &mut Collection, kind: Kind, names: &Names, states: &[(&str, u64)], total: u64, place: &[(&str, &str)]) {
    let attributes = |state: &str| {
        let mut attributes = texts(place);
        attributes.push(KeyValue::text(names.state, state));
        attributes
    };
    let bytes = states.iter().map(|(state, bytes)| point(int(*bytes), attributes(state)));
    all.add(kind, names.usage, "By", bytes.collect());
    if total > 0 {
        let parts = states.iter().map(|(state, bytes)| {
            let part = *bytes as f64 / total as f64;
            point(double(part), attributes(state))
        });
        all.add(Kind::Gauge, names.utilization, "1", parts.collect());
    }
}
