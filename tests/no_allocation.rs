//! Once it runs, a reading allocates nothing: counted in the allocator itself, on this machine and on recorded ones. And to
//! tell of a request allocates nothing beyond what answering it does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use imalive::http::route::Handler;
use imalive::limits::CPUS;
use imalive::read::{Roots, Sampler};
use imalive::server::{Exchange, Reactor, Server, Service};
use imalive::snapshot::Method;

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

/// Answers, and adds up what it is told.
#[derive(Clone, Default)]
struct Observer {
    observes: bool,
    answered: Rc<Cell<u64>>,
    told_bytes: Rc<Cell<usize>>,
}

impl Service for Observer {
    fn respond(&self, _: Handler, _: &str, _: &mut String) -> u16 {
        self.answered.set(self.answered.get() + 1);
        200
    }

    fn detail(&self, _: &str, _: &mut String) {}

    fn count(&self, _: (usize, &'static str), _: Method, _: u16) {}

    fn count_evicted(&self) {}

    fn observes(&self) -> bool {
        self.observes
    }

    fn observe(&self, of: &Exchange<'_>) {
        let bytes = of.traceparent.map_or(0, str::len) + of.user_agent.map_or(0, str::len) + of.path.len();
        self.told_bytes.set(self.told_bytes.get() + bytes);
    }
}

const REQUESTS: u64 = 100;

fn ask(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    for _ in 0..REQUESTS {
        stream
            .write_all(
                b"GET /health HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.31\r\n\
                  Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n",
            )
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
    }
}

/// The allocator's calls in answering so many requests on one connection, and how much was told of them.
fn calls_of_requests(observes: bool) -> (u64, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let observer = Observer { observes, ..Observer::default() };
    let reactor = Rc::new(Reactor::new().unwrap());
    let mut server = Server::new(listener, 8, Rc::clone(&reactor), observer.clone()).unwrap();
    let client = thread::spawn(move || ask(address));
    let all = std::future::poll_fn(|_| match observer.answered.get() {
        REQUESTS => Poll::Ready(()),
        _ => Poll::Pending,
    });
    let calls = calls(|| reactor.block_on(smol::future::or(server.run(), all)).unwrap());
    client.join().unwrap();
    (calls, observer.told_bytes.get())
}

#[test]
fn telling_of_a_request_allocates_nothing() {
    // How many turns it takes depends on the machine: the fewest of three runs are alike.
    let fewest = |observes| (0..3).map(|_| calls_of_requests(observes)).min().unwrap();
    let ((silent, nothing), (observed, told)) = (fewest(false), fewest(true));
    assert_eq!((silent, nothing), (observed, 0));
    // Of a build without telemetry nothing is told.
    assert!(told == 0 || told == REQUESTS as usize * ("/health".len() + "kube-probe/1.31".len() + 55), "{told}");
    assert_eq!(told > 0, cfg!(feature = "otlp"));
}
