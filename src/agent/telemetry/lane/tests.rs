//! Against a collector on a real port, which counts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use smol::LocalExecutor;

use super::*;
use crate::client::Client;
use crate::config::otlp::Otlp;
use crate::telemetry::envelope::Envelope;
use crate::telemetry::spool::Spool;

/// Takes every request, and says how many there were.
fn counting() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, count) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut bytes) = (stream.unwrap(), Vec::new());
            let mut some = [0; 4096];
            while !is_whole(&bytes) {
                let read = stream.read(&mut some).unwrap();
                bytes.extend_from_slice(&some[..read]);
            }
            counted.fetch_add(1, Ordering::SeqCst);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
        }
    });
    (url, count)
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    bytes.len() >= end + 4 + length.parse::<usize>().unwrap()
}

struct World {
    reactor: Rc<Reactor>,
    executor: LocalExecutor<'static>,
    lane: Rc<Lane>,
    task: smol::Task<()>,
}

impl World {
    fn new(url: &str, spool: Option<Spool>) -> World {
        let lookup = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| url.to_owned());
        let otlp = Otlp::from_environment(&lookup, &|_| Err(String::new()), "anode").unwrap().unwrap();
        let reactor = Rc::new(Reactor::new().unwrap());
        let client = Rc::new(Client::new(Rc::clone(&reactor), None));
        let exporter = Exporter::new(client, otlp.logs.as_ref().unwrap());
        let store = Store::new(otlp.buffer_bytes, Envelope::default(), spool);
        let to = [otlp.metrics, otlp.logs, otlp.traces];
        let lane = Lane::new(Rc::clone(&reactor), to, store, Instant::now());
        let executor = LocalExecutor::new();
        let task = executor.spawn(Rc::clone(&lane).run(exporter));
        World { reactor, executor, lane, task }
    }

    /// Does what there is to do within this time.
    fn work(&self, millis: u64) {
        let late = self.reactor.sleep_until(Instant::now() + Duration::from_millis(millis));
        self.reactor.block_on(self.executor.run(late)).unwrap();
    }

    fn until(&self, done: impl Fn() -> bool) {
        let late = Instant::now() + Duration::from_secs(10);
        while !done() {
            assert!(Instant::now() < late, "too late");
            self.work(10);
        }
    }

    fn push(&self, bytes: usize) {
        self.lane.push(Signal::Logs, Record { unix_nanos: 1, items: 1 }, &vec![0; bytes]);
    }
}

#[test]
fn records_wait_for_others_to_go_with_and_half_a_request_does_not() {
    let (url, count) = counting();
    let world = World::new(&url, None);
    world.work(50);
    world.push(100);
    world.push(100);
    world.work(300);
    assert_eq!(count.load(Ordering::SeqCst), 0);
    world.push(ENOUGH_BYTES);
    world.until(|| world.lane.store.borrow().ring().is_empty());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    world.push(100);
    world.lane.flush();
    world.until(|| world.lane.store.borrow().ring().is_empty());
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn what_is_only_left_is_not_sent_for_its_own_sake() {
    let (url, count) = counting();
    let world = World::new(&url, None);
    world.work(50);
    for _ in 0..3 {
        world.lane.leave(Signal::Logs, Record { unix_nanos: 1, items: 1 }, b"x");
        world.work(100);
    }
    assert_eq!((count.load(Ordering::SeqCst), world.lane.flush_at.get()), (0, None));
    world.push(1);
    assert!(world.lane.flush_at.get().is_some());
    world.lane.flush();
    world.until(|| world.lane.store.borrow().ring().is_empty());
    assert_eq!((count.load(Ordering::SeqCst), world.lane.store.borrow().counts(Signal::Logs).sent.items), (1, 4));
}

#[test]
fn when_it_is_closed_it_sends_what_there_is_and_ends() {
    let (url, count) = counting();
    let world = World::new(&url, None);
    world.work(50);
    for signal in Signal::ALL {
        world.lane.push(signal, Record { unix_nanos: 1, items: 1 }, b"x");
    }
    world.lane.close(Instant::now() + Duration::from_secs(10));
    world.until(|| world.task.is_finished());
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn without_a_collector_it_ends_at_once_and_the_spool_has_the_rest() {
    let path = std::env::temp_dir().join(format!("imalive-lane-{}", std::process::id()));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::new(&format!("http://{nobody}"), Spool::open(&path, 1 << 20, Envelope::default()).ok());
    world.push(100);
    world.lane.flush();
    world.until(|| world.lane.store.borrow().away_since().is_some());
    world.push(100);
    world.lane.close(Instant::now() + Duration::from_secs(2));
    world.until(|| world.task.is_finished());
    world.lane.shut_down();
    let store = world.lane.store.borrow();
    assert_eq!((store.ring().is_empty(), store.counts(Signal::Logs).spooled.items), (true, 2));
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn the_network_that_is_back_brings_the_next_try_forward() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let world = World::new(&format!("http://{address}"), None);
    world.push(100);
    world.lane.flush();
    world.until(|| world.lane.store.borrow().away_since().is_some());
    let due = |world: &World| match world.lane.step(&mut Vec::new()) {
        Step::Wait(Some(due)) => due,
        other => panic!("{other:?}"),
    };
    // Without it the pauses grow to two minutes.
    let mut now = 0;
    for _ in 0..5 {
        now = due(&world);
        assert!(matches!(world.lane.store.borrow_mut().next(now, 0, &mut Vec::new()), Step::Send(_)));
        world.lane.store.borrow_mut().finish(now, Outcome::UNREACHABLE);
    }
    let before = due(&world);
    world.lane.hurry();
    assert!(due(&world) < before && due(&world) <= now + 10_000);
}
