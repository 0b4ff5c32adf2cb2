//! Once it runs, a reading allocates nothing: counted in the allocator itself, on this machine and on recorded ones.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use imalive::limits::CPUS;
use imalive::read::{Roots, Sampler};

/// The system's allocator; counts the calls of each thread.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // Not there any more while a thread ends.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is the system allocator's own; the count needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

/// A path that is on no disk and no network: a reading must start a thread where the file system may hang, and the
/// temporary files of a container may well be on FUSE.
const LOCAL: &str = "/proc";

/// Counts the allocator's calls in 100 readings after the first two, which fill both halves of the sampler.
fn calls_of_readings(roots: Roots) -> u64 {
    let mut sampler = Sampler::new(roots);
    let mut now = Instant::now();
    let mut notices = 0;
    let mut read = || {
        now += Duration::from_secs(10);
        assert!(sampler.refresh(now, 0, &mut |_| notices += 1));
    };
    read();
    read();
    calls(|| (0..100).for_each(|_| read()))
}

fn fixture(name: &str) -> Roots {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).join("first");
    assert!(tree.join("proc/stat").is_file(), "no fixture {}", tree.display());
    Roots { proc: tree.join("proc"), sys: tree.join("sys"), disk: LOCAL.into() }
}

fn node(name: &str, stat: &str, meminfo: &str) -> Roots {
    let tree = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(tree.join("proc")).unwrap();
    fs::write(tree.join("proc/stat"), stat).unwrap();
    fs::write(tree.join("proc/meminfo"), meminfo).unwrap();
    Roots { proc: tree.join("proc"), sys: tree.join("sys"), disk: LOCAL.into() }
}

#[test]
fn the_count_counts() {
    assert!(calls(|| drop(std::hint::black_box(Box::new(7)))) >= 2);
    assert_eq!(calls(|| _ = std::hint::black_box([0_u8; 64])), 0);
}

#[test]
fn reading_this_machine_allocates_nothing() {
    // When a mount or a CPU comes or goes meanwhile, a reading may allocate: not in each of three runs.
    let roots = || Roots { disk: LOCAL.into(), ..Roots::default() };
    let fewest = (0..3).map(|_| calls_of_readings(roots())).min();
    assert_eq!(fewest, Some(0));
}

#[test]
fn reading_recorded_nodes_allocates_nothing() {
    for name in ["raspi0", "virt-armv7-4cpu", "x86-64-cpu"] {
        assert_eq!(calls_of_readings(fixture(name)), 0, "{name}");
    }
}

#[test]
fn reading_more_cpus_than_fit_allocates_nothing() {
    let mut stat = String::from("cpu  1 2 3 4 5 6 7 8 9 10\n");
    for id in 0..2 * CPUS {
        writeln!(stat, "cpu{id} 1234567 2 3456789 123456789 5 6 7 8 9 10").unwrap();
    }
    stat += "intr 1\n";
    assert_eq!(calls_of_readings(node("many-cpus", &stat, "MemTotal: 1 kB\nMemAvailable: 1 kB\n")), 0);
}

#[test]
fn reading_broken_files_allocates_nothing() {
    assert_eq!(calls_of_readings(node("broken", "cpu  1 2\n", "MemTotal: many kB\n")), 0);
}
