//! What an export of metrics takes of the heap at once, counted in the allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use imalive::limits::{MONITORS, OTLP_RECORD_BYTES};
use imalive::report::Build;
use imalive::report::prometheus::Scrape;
use imalive::report::prometheus_monitors::{MonitorScrape, Online};
use imalive::snapshot::{Counters, Snapshot};
use imalive::telemetry::metrics::Clocks;
use imalive::telemetry::records;
// `monitor_samples` is written for the library's own unit tests and finds its types from the root.
use imalive::{config, report, snapshot};

#[allow(dead_code)]
#[path = "../src/report/monitor_samples.rs"]
mod monitor_samples;

use monitor_samples::{Samples, monitor};

/// The system's allocator; knows how many bytes each thread has taken, and the most.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Not there any more while a thread ends.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call is the system allocator's own; the count needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was held at once, and bytes and items of all records.
fn export(monitors: usize, name_bytes: usize) -> (isize, usize, u32) {
    let mut samples = Samples::new();
    let name = |at: usize| format!("{at:0name_bytes$}");
    samples.monitors = (0..monitors).map(|at| monitor("http", &name(at), vec![])).collect();
    samples.monitors.iter_mut().for_each(|monitor| monitor.family = "x".repeat(name_bytes));
    samples.statuses = vec![samples.statuses[0].clone(); monitors];
    let online = Online { lan: Some(true), wan: None };
    let view = samples.view(10_000);
    let monitors = MonitorScrape {
        view,
        last_reload_successful: Some(true),
        last_reload_success: Some(0),
        online,
        has_windows: true,
        receivers: &[],
    };
    let build = Build { version: "0.1.0", revision: "", arch: "arm", target: "" };
    let (snapshot, counters) = (Snapshot::default(), Counters::default());
    let scrape = Scrape {
        snapshot: &snapshot,
        counters: &counters,
        process: None,
        build: &build,
        mountpoint: "/",
        ticks_per_second: 100,
    };
    let clocks = Clocks {
        unix_nanos: 1_795_231_462_000_000_000,
        boot_unix_nanos: 1_795_231_462_000_000_000,
        uptime: None,
        agent_unix_nanos: 1_795_231_462_000_000_000,
        agent_uptime: Duration::ZERO,
    };
    let before = HELD.get();
    MOST.set(before);
    let (mut bytes, mut items) = (0, 0);
    records::metrics(&scrape, Some(&monitors), &clocks, &mut |record, encoded| {
        assert!(encoded.len() <= OTLP_RECORD_BYTES);
        bytes += encoded.len();
        items += record.items;
    });
    assert_eq!(HELD.get(), before);
    (MOST.get() - before, bytes, items)
}

#[test]
fn an_export_holds_two_records_however_much_there_is_to_tell() {
    for (monitors, name_bytes, least) in
        [(1, 3, 500), (20, 10, 5_000), (MONITORS, 11, 60_000), (MONITORS, 128, 200_000)]
    {
        let (peak, bytes, items) = export(monitors, name_bytes);
        println!("{monitors} monitors: {bytes} bytes, {items} points, {peak} bytes of heap");
        assert!(bytes > least, "{bytes}");
        assert!(peak <= 2 * OTLP_RECORD_BYTES as isize + 1536, "{peak}");
    }
}
