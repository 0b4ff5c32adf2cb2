//! The node after the semantic conventions ("System Metrics").

use crate::report::number::seconds;
use crate::report::prometheus::Scrape;
use crate::snapshot::{CpuReading, CpuTimes, Snapshot};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::records::{Kind, Number, Records, Value};

pub(super) fn node(all: &mut Records<'_>, scrape: &Scrape<'_>, clocks: &Clocks) {
    let up_down = Kind::UpDownCounter(clocks.boot_unix_nanos);
    let snapshot = scrape.snapshot;
    if let Some(cpu) = &snapshot.cpu {
        all.single(up_down, "system.cpu.logical.count", "{cpu}", Some(Number::Int(cpu.online() as u64)));
        cpu_time(all, cpu, scrape.ticks_per_second, clocks);
        all.single(Kind::Gauge, "imalive.cpus.dropped", "{cpu}", Some(Number::Int(u64::from(cpu.dropped))));
    }
    let cores = snapshot.cores.map(|cores| Number::Int(u64::from(cores)));
    all.single(up_down, "system.cpu.physical.count", "{cpu}", cores);
    cpu_utilization(all, snapshot);
    if let Some(memory) = snapshot.memory {
        // Used is what is not available, as the conventions define it for Linux: so the rest of the total is free.
        let states = [("used", memory.used_bytes()), ("free", memory.available_bytes)];
        usage(all, up_down, ["system.memory.usage", "system.memory.state"], &states, &[]);
        all.single(up_down, "system.memory.limit", "By", Some(Number::Int(memory.total_bytes)));
        all.single(up_down, "system.memory.linux.available", "By", Some(Number::Int(memory.available_bytes)));
    }
    if let Some(swap) = snapshot.swap {
        let states = [("used", swap.used_bytes()), ("free", swap.free_bytes)];
        usage(all, up_down, ["system.paging.usage", "system.paging.state"], &states, &[]);
    }
    if let Some(disk) = snapshot.disk {
        let reserved = disk.free_bytes.saturating_sub(disk.available_bytes);
        let states = [("used", disk.used_bytes()), ("free", disk.available_bytes), ("reserved", reserved)];
        let mode = if disk.read_only { "ro" } else { "rw" };
        let place = [("system.filesystem.mountpoint", scrape.mountpoint), ("system.filesystem.mode", mode)]
            .map(|(key, value)| (key, Value::Text(value)));
        usage(all, up_down, ["system.filesystem.usage", "system.filesystem.state"], &states, &place);
        all.metric(up_down, &["system.filesystem.limit"], "By");
        all.point(Number::Int(disk.total_bytes), &place);
    }
}

pub(super) fn uptime(all: &mut Records<'_>, clocks: &Clocks) {
    let uptime = clocks.uptime.map(|uptime| Number::Double(uptime.as_secs_f64()));
    all.single(Kind::Gauge, "system.uptime", "s", uptime);
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

/// Of all CPUs: to tell them apart is opt-in by the conventions, and would be half of the export of a node with four.
fn cpu_time(all: &mut Records<'_>, cpu: &CpuReading, ticks_per_second: u64, clocks: &Clocks) {
    all.metric(Kind::Counter(clocks.boot_unix_nanos), &["system.cpu.time"], "s");
    for (mode, ticks) in modes(&cpu.all) {
        all.point(Number::Double(seconds(ticks, ticks_per_second)), &[("cpu.mode", Value::Text(mode))]);
    }
}

/// Without a mode: how much of the time a CPU was neither idle nor waiting.
fn cpu_utilization(all: &mut Records<'_>, snapshot: &Snapshot) {
    all.metric(Kind::Gauge, &["system.cpu.utilization"], "1");
    let each = snapshot.cpu.as_ref().map_or(&[][..], |cpu| &cpu.each);
    for (cpu, permille) in each.iter().zip(&snapshot.cpu_usage.each_permille) {
        if let Some(permille) = *permille {
            let value = Number::Double(f64::from(permille) / 1000.0);
            all.point(value, &[("cpu.logical_number", Value::Int(cpu.id))]);
        }
    }
}

/// Bytes in each state. What part of the whole they are is told by the original's gauges in percent already, and follows from
/// these: "utilization" would be a sixth of the export of a node without monitors.
fn usage(all: &mut Records<'_>, kind: Kind, names: [&str; 2], states: &[(&str, u64)], place: &[(&str, Value<'_>)]) {
    let [name, state_name] = names;
    all.metric(kind, &[name], "By");
    for (state, bytes) in states {
        all.point_of(Number::Int(*bytes), place, &[(state_name, Value::Text(state))]);
    }
}
