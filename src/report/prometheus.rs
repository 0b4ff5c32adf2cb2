//! Prometheus' text format 0.0.4: the original's thirteen gauges as they were, then names after Prometheus' own rules
//! (base units, ratios from 0 to 1). A family without a value is left out, its HELP too.

use alloc::string::String;

use crate::report::Build;
use crate::report::exposition::{Number, Page};
use crate::report::number::{from_permille, gib, percent, push_integer};
use crate::report::reading::swap_permille;
use crate::snapshot::{Counters, CpuReading, CpuTimes, Process, Snapshot};

/// What one answer is made of.
#[derive(Clone, Copy, Debug)]
pub struct Scrape<'a> {
    /// The node.
    pub snapshot: &'a Snapshot,
    /// The agent.
    pub counters: &'a Counters,
    /// The agent's process, where it could be read.
    pub process: Option<&'a Process>,
    /// What the agent was built from.
    pub build: &'a Build,
    /// Whose space `snapshot.disk` is: the path that was asked for, which need not be a mount point itself.
    pub mountpoint: &'a str,
    /// Clock ticks in a second.
    pub ticks_per_second: u64,
}

/// The answer to one scrape.
pub fn render(scrape: &Scrape<'_>) -> String {
    let mut page = Page { text: String::with_capacity(8 * 1024) };
    original(&mut page, scrape.snapshot);
    build(&mut page, scrape.build);
    cpu(&mut page, scrape);
    memory(&mut page, scrape.snapshot);
    file_system(&mut page, scrape);
    agent(&mut page, scrape.counters);
    process(&mut page, scrape);
    page.text
}

fn original(page: &mut Page, snapshot: &Snapshot) {
    let usage = snapshot.cpu_usage.all_permille.map(|permille| Number::Float(from_permille(u64::from(permille))));
    page.gauge("cpu_all", "CPU usage in percent.", usage);
    let memory = snapshot.memory;
    page.gauge("ram_total", "Memory in bytes.", memory.map(|m| Number::Integer(m.total_bytes)));
    page.gauge("ram_available", "Available memory in bytes.", memory.map(|m| Number::Integer(m.available_bytes)));
    page.gauge("ram_used", "Used memory in bytes.", memory.map(|m| Number::Integer(m.used_bytes())));
    let ratio = memory.map(|m| Number::Float(percent(m.used_bytes(), m.total_bytes)));
    page.gauge("ram_percent", "Used memory in percent.", ratio);
    let disk = snapshot.disk;
    page.gauge("disk_free", "Free disk space in GiB.", disk.map(|d| Number::Float(gib(d.available_bytes))));
    page.gauge("disk_used", "Used disk space in GiB.", disk.map(|d| Number::Float(gib(d.used_bytes()))));
    let ratio = disk.map(|d| Number::Float(percent(d.used_bytes(), d.total_bytes)));
    page.gauge("disk_percent", "Used disk space in percent.", ratio);
    page.gauge("disk_total", "Disk space in GiB.", disk.map(|d| Number::Float(gib(d.total_bytes))));
    let swap = snapshot.swap;
    page.gauge("swap_free", "Free swap in bytes.", swap.map(|s| Number::Integer(s.free_bytes)));
    page.gauge("swap_used", "Used swap in bytes.", swap.map(|s| Number::Integer(s.used_bytes())));
    page.gauge("swap_total", "Swap in bytes.", swap.map(|s| Number::Integer(s.total_bytes)));
    let ratio = swap.map(|s| Number::Float(from_permille(swap_permille(s))));
    page.gauge("swap_percent", "Used swap in percent.", ratio);
}

fn build(page: &mut Page, build: &Build) {
    let labels = [("version", build.version), ("revision", build.revision), ("arch", build.arch)];
    let help = "What this imalive was built from.";
    page.single("imalive_build_info", "gauge", help, &labels, Some(Number::Integer(1)));
}

fn cpu(page: &mut Page, scrape: &Scrape<'_>) {
    let usage = scrape.snapshot.cpu_usage.all_permille;
    let usage = usage.map(|permille| Number::Float(f64::from(permille) / 1000.0));
    page.gauge("imalive_cpu_usage_ratio", "CPU usage of the node between the last two readings.", usage);
    let Some(cpu) = &scrape.snapshot.cpu else { return };
    page.gauge(
        "imalive_cpus_dropped",
        "CPUs beyond those that have series of their own.",
        Some(Number::Integer(u64::from(cpu.dropped))),
    );
    if cpu.each.is_empty() {
        return;
    }
    // As node_exporter has it: the modes add up to all the time there was, and a guest's time, which the kernel counts
    // as user and nice too, is told apart.
    let name = "imalive_cpu_seconds_total";
    page.family(name, "counter", "Time that each CPU spent in each mode.");
    cpu_modes(page, name, cpu, scrape.ticks_per_second, &|times| &times[..8]);
    let name = "imalive_cpu_guest_seconds_total";
    page.family(name, "counter", "Time that each CPU spent running guests, which is part of user and nice.");
    cpu_modes(page, name, cpu, scrape.ticks_per_second, &|times| &times[8..]);
}

type Fields = [(&'static str, u64); 10];

fn cpu_modes(
    page: &mut Page,
    name: &str,
    cpu: &CpuReading,
    ticks_per_second: u64,
    part: &dyn Fn(&Fields) -> &[(&'static str, u64)],
) {
    for one in &cpu.each {
        let mut id = String::new();
        push_integer(&mut id, u64::from(one.id));
        for &(mode, ticks) in part(&CpuTimes::fields(&one.times)) {
            let mode = match mode {
                "guest" => "user",
                "guest_nice" => "nice",
                mode => mode,
            };
            page.sample(name, &[("cpu", &id), ("mode", mode)], Number::Seconds { ticks, ticks_per_second });
        }
    }
}

fn memory(page: &mut Page, snapshot: &Snapshot) {
    let of = snapshot.memory;
    let bytes = |value: Option<u64>| value.map(Number::Integer);
    page.gauge("imalive_memory_size_bytes", "Memory of the node.", bytes(of.map(|m| m.total_bytes)));
    let help = "Memory that programs can still get without swapping.";
    page.gauge("imalive_memory_available_bytes", help, bytes(of.map(|m| m.available_bytes)));
    page.gauge("imalive_memory_used_bytes", "Memory that is not available.", bytes(of.map(|m| m.used_bytes())));
    let of = snapshot.swap;
    page.gauge("imalive_swap_size_bytes", "Swap of the node.", bytes(of.map(|s| s.total_bytes)));
    page.gauge("imalive_swap_free_bytes", "Swap that is free.", bytes(of.map(|s| s.free_bytes)));
    page.gauge("imalive_swap_used_bytes", "Swap that is in use.", bytes(of.map(|s| s.used_bytes())));
}

fn file_system(page: &mut Page, scrape: &Scrape<'_>) {
    let Some(disk) = scrape.snapshot.disk else { return };
    let figures = [
        ("imalive_filesystem_size_bytes", "Size of the file system.", disk.total_bytes),
        ("imalive_filesystem_free_bytes", "Free space, that reserved for root included.", disk.free_bytes),
        ("imalive_filesystem_avail_bytes", "Free space for everybody.", disk.available_bytes),
        ("imalive_filesystem_used_bytes", "Space that is taken.", disk.used_bytes()),
        ("imalive_filesystem_readonly", "1 when the file system is mounted read-only.", u64::from(disk.read_only)),
    ];
    for (name, help, value) in figures {
        page.single(name, "gauge", help, &[("mountpoint", scrape.mountpoint)], Some(Number::Integer(value)));
    }
}

fn agent(page: &mut Page, counters: &Counters) {
    let figures = [
        ("imalive_heartbeats_total", "Heartbeats made.", counters.heartbeats),
        (
            "imalive_heartbeats_dropped_total",
            "Heartbeats that a blocked or closed stdout did not take.",
            counters.heartbeats_dropped,
        ),
        (
            "imalive_connections_evicted_total",
            "Connections closed to make room for another client.",
            counters.connections_evicted,
        ),
    ];
    for (name, help, value) in figures {
        page.counter(name, help, Some(Number::Integer(value)));
    }
    let name = "imalive_http_requests_total";
    let mut first = true;
    for (handler, method, status, count) in counters.requests.iter() {
        if core::mem::take(&mut first) {
            page.family(name, "counter", "Requests answered.");
        }
        let labels = [("handler", handler), ("method", method.label()), ("status", status.label())];
        page.sample(name, &labels, Number::Integer(count));
    }
}

fn process(page: &mut Page, scrape: &Scrape<'_>) {
    let Some(process) = scrape.process else { return };
    let cpu = Number::Seconds { ticks: process.cpu_micros, ticks_per_second: 1_000_000 };
    page.counter("process_cpu_seconds_total", "CPU time of imalive itself, user and system.", Some(cpu));
    let figures = [
        ("process_virtual_memory_bytes", "Address space of imalive itself.", Some(process.virtual_bytes)),
        ("process_resident_memory_bytes", "Resident memory of imalive itself.", Some(process.resident_bytes)),
        ("process_open_fds", "Open file descriptors of imalive itself.", process.open_fds),
        ("process_max_fds", "File descriptors that imalive itself may open.", process.max_fds),
        ("process_start_time_seconds", "When imalive itself started, since 1970.", process.start_unix_secs),
        ("process_threads", "Threads of imalive itself.", process.threads),
    ];
    for (name, help, value) in figures {
        page.gauge(name, help, value.map(Number::Integer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::snapshot::Method;
    use alloc::vec::Vec;

    const BUILD: Build = Build { version: "0.1.0", revision: "1c7cb1f", arch: "arm", target: "" };

    fn text(snapshot: &Snapshot, counters: &Counters, mountpoint: &str) -> String {
        let process = Process::default();
        let process = Some(&process);
        render(&Scrape { snapshot, counters, process, build: &BUILD, mountpoint, ticks_per_second: 100 })
    }

    #[test]
    fn what_is_absent_has_no_series_and_no_help() {
        let text = text(&Snapshot::default(), &Counters::default(), "/");
        for family in ["cpu_all", "ram_", "disk_", "swap_", "imalive_cpu", "imalive_filesystem", "process_max_fds"] {
            assert!(!text.contains(&alloc::format!("# HELP {family}")), "{family}\n{text}");
        }
        assert!(!text.contains("imalive_http_requests_total"), "{text}");
        assert!(text.contains("\nimalive_heartbeats_total 0\n"), "{text}");
    }

    #[test]
    fn label_values_are_escaped() {
        let text = text(&samples::recorded(), &Counters::default(), "/a\\b\"c\n");
        assert!(text.contains("imalive_filesystem_readonly{mountpoint=\"/a\\\\b\\\"c\\n\"} 0\n"), "{text}");
    }

    #[test]
    fn the_modes_of_a_cpu_add_up_to_its_time() {
        let mut snapshot = samples::recorded();
        if let Some(cpu) = &mut snapshot.cpu {
            cpu.each[1].times = CpuTimes::from_columns([1000, 200, 30, 4, 5, 6, 7, 8, 900, 100]);
        }
        let text = text(&snapshot, &Counters::default(), "/");
        let values = |prefix: &str| -> Vec<f64> {
            let lines = text.lines().filter(|line| line.starts_with(prefix));
            lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
        };
        assert_eq!(values("imalive_cpu_seconds_total{cpu=\"1\"").len(), 8);
        assert!((values("imalive_cpu_seconds_total{cpu=\"1\"").iter().sum::<f64>() - 12.60).abs() < 1e-9);
        assert_eq!(values("imalive_cpu_guest_seconds_total{cpu=\"1\",mode=\"user\"}"), [9.0]);
        assert_eq!(values("imalive_cpu_guest_seconds_total{cpu=\"1\",mode=\"nice\"}"), [1.0]);
    }

    #[test]
    fn the_largest_snapshot_is_rendered_line_by_line() {
        let mut counters = Counters::default();
        counters.requests.count((1, "/v1/health"), Method::Get, 200);
        let text = text(&samples::largest(), &counters, &"\"".repeat(4096));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_default();
            assert!(name.starts_with(|c: char| c.is_ascii_lowercase()) && value.parse::<f64>().is_ok(), "{line}");
        }
        assert!(text.contains("imalive_http_requests_total{handler=\"/v1/health\",method=\"GET\",status=\"2xx\"} 1\n"));
        assert!(text.contains("imalive_cpu_seconds_total{cpu=\"65534\",mode=\"user\"} 184467440737095516.15\n"));
    }
}
