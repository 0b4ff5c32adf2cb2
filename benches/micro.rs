//! What the parts of one answer cost: `cargo bench`, or `cargo bench -- parse` for those whose name has `parse` in it.
//!
//! One function a room; [`main`] lists them.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::Bench;
use imalive::http::request::read_head;
use imalive::http::response::{Answer, Connection, Writer};
use imalive::http::route::resolve;
use imalive::http::target::Target;
use imalive::parse::{Page, proc_meminfo, proc_mountinfo, proc_stat};
use imalive::read::{Roots, Sampler};
use imalive::report::prometheus::{self, Scrape};
use imalive::report::{Build, Node, heartbeat, json};
use imalive::snapshot::{Counters, CpuReading, CpuUsage, Method};

mod harness;

fn main() {
    let mut bench = Bench::from_arguments();
    parse(&mut bench);
    snapshot(&mut bench);
    read(&mut bench);
    report(&mut bench);
    http(&mut bench);
}

fn parse(bench: &mut Bench) {
    for (cpus, node) in [(1, "raspi0"), (4, "virt-armv7-4cpu"), (64, "x86-64-cpu")] {
        let text = recorded(node, "first", "stat");
        let mut reading = CpuReading::default();
        bench.run(&format!("parse /proc/stat, cpus: {cpus}"), || cpu_lines_of(black_box(&text), &mut reading));
    }
    let text = recorded("raspi0", "first", "meminfo");
    bench.run("parse /proc/meminfo", || proc_meminfo::parse(black_box(&text)));
    let older = String::from_utf8_lossy(&text).replace("MemAvailable", "MemSomething");
    bench.run("parse /proc/meminfo, without MemAvailable", || proc_meminfo::parse(black_box(older.as_bytes())));
    let text = recorded("raspi0", "first", "self/mountinfo");
    bench.run("parse mountinfo, 6 mounts", || proc_mountinfo::parse(black_box(&text), b"/mnt/usb disk/data"));
    let mut page = Page::default();
    bench.run("split a page into lines", || {
        page.clear();
        page.space()[..text.len()].copy_from_slice(&text);
        page.fill(text.len(), &mut |line| {
            black_box(line);
            std::ops::ControlFlow::Continue(())
        })
    });
}

fn snapshot(bench: &mut Bench) {
    for (cpus, node) in [(4, "virt-armv7-4cpu"), (64, "x86-64-cpu")] {
        let [earlier, later] = ["first", "second"].map(|time| {
            let mut reading = CpuReading::default();
            cpu_lines_of(&recorded(node, time, "stat"), &mut reading);
            reading
        });
        let mut usage = CpuUsage::default();
        bench.run(&format!("usage, cpus: {cpus}"), || usage.measure(Some(black_box(&earlier)), black_box(&later)));
    }
}

fn read(bench: &mut Bench) {
    let refresh = |bench: &mut Bench, name: &str, roots: Roots| {
        let mut sampler = Sampler::new(roots);
        let mut now = Instant::now();
        bench.run(name, || {
            now += Duration::from_secs(2);
            sampler.refresh(now, 0, &mut |notice| println!("{notice}"))
        });
    };
    refresh(bench, "take a reading of this machine", Roots::default());
    for (cpus, node) in [(4, "virt-armv7-4cpu"), (64, "x86-64-cpu")] {
        let proc = fixtures().join(node).join("first/proc");
        let roots = Roots { proc, ..Roots::default() };
        refresh(bench, &format!("take a reading of recorded files, cpus: {cpus}"), roots);
    }
    let own = imalive::read::OwnProcess::new();
    bench.run("our own process, through procfs", || own.read(0));
}

fn report(bench: &mut Bench) {
    let node = Node { name: "anode", ticks_per_second: 100 };
    let build = Build { version: "0.1.0", revision: "0000000", arch: "arm", target: "arm-unknown-linux-musleabihf" };
    let health = json::Health::new("anode");
    bench.run("report health", || health.at(black_box(1_795_231_461_298_368)));
    for (cpus, name) in [(4, "virt-armv7-4cpu"), (64, "x86-64-cpu")] {
        let mut sampler = Sampler::new(Roots { proc: fixtures().join(name).join("first/proc"), ..Roots::default() });
        sampler.refresh(Instant::now(), 0, &mut |notice| println!("{notice}"));
        let snapshot = sampler.snapshot();
        bench.run(&format!("report metrics, cpus: {cpus}"), || json::metrics(node, black_box(snapshot)));
        bench.run(&format!("report text heartbeat, cpus: {cpus}"), || heartbeat::heartbeat(node, black_box(snapshot)));
        bench
            .run(&format!("report JSON heartbeat, cpus: {cpus}"), || json::heartbeat(node, black_box(snapshot), "cid"));
        let scrape = Scrape {
            snapshot,
            counters: &Counters::default(),
            process: None,
            build: &build,
            mountpoint: "/",
            ticks_per_second: 100,
        };
        bench.run(&format!("report for Prometheus, cpus: {cpus}"), || prometheus::render(black_box(&scrape)));
    }
}

fn http(bench: &mut Bench) {
    let haproxy = b"GET /v1/health HTTP/1.0\r\n\r\n";
    bench.run("request head of haproxy", || read_head(black_box(haproxy)).is_ok());
    let browser =
        b"GET /docs HTTP/1.1\r\nHost: pi.local:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0)\r\n\
        Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n\
        Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n";
    bench.run("request head of a browser", || read_head(black_box(browser)).is_ok());
    bench.run("route, known and unknown", || {
        [resolve(Method::Get, Target::Path(black_box("/docs"))), resolve(Method::Get, Target::Path("/nowhere"))]
    });
    let answer = Answer { status: 200, media_type: "application/json", allow: None, body: &[b'x'; 79] };
    let mut writer = Writer::default();
    let mut out = Vec::with_capacity(1024);
    bench.run("answer, the same as before", || {
        out.clear();
        writer.write(&mut out, black_box(&answer), "0123456789abcdef", Connection::Unsaid, false).is_ok()
    });
    let mut unix_secs = 0;
    bench.run("answer, the first of a second", || {
        out.clear();
        unix_secs += 1;
        writer.set_time(unix_secs);
        writer.write(&mut out, black_box(&answer), "0123456789abcdef", Connection::Unsaid, false).is_ok()
    });
}

fn cpu_lines_of(text: &[u8], reading: &mut CpuReading) {
    let mut cpu_lines = proc_stat::CpuLines::new(reading);
    let _ = imalive::parse::lines(text).try_for_each(|line| cpu_lines.line(line));
    cpu_lines.finish().expect("a recorded file");
}

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn recorded(node: &str, time: &str, file: &str) -> Vec<u8> {
    fs::read(fixtures().join(node).join(time).join("proc").join(file)).expect("a recorded file")
}
