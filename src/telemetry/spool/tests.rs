//! The spool, on a card that does what it is told.

mod damage;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use Signal::{Logs, Metrics, Traces};

use super::super::envelope::testing::{envelope, item, numbers, record};
use super::super::ring::{Record, Tally};
use super::*;

const BOUND: u64 = 1 << 20;

/// A directory of its own for each test, which takes it away.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(["imalive-spool-", name, "-", &std::process::id().to_string()].concat());
        let _ = fs::remove_dir_all(&path);
        Place(path)
    }

    fn open(&self) -> Spool {
        Spool::open(&self.0, BOUND, envelope()).unwrap()
    }

    /// The segments, the oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = entries.filter(|path| !path.ends_with("lock")).collect();
        files.sort();
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn leave(ring: &mut Ring, signal: Signal, number: u64, bytes: usize) {
    let encoded = record(&[item(number, &"x".repeat(bytes))]);
    ring.push(signal, Record { unix_nanos: number, items: 1 }, &encoded);
}

/// The card is not waited for.
fn sync(spool: &mut Spool) {
    if spool.sync().is_some() {
        spool.synced(Ok(()));
    }
}

/// Moves these to the spool, all that fit into one request by one write.
fn spill(spool: &mut Spool, signal: Signal, range: std::ops::Range<u64>, bytes: usize) {
    let mut ring = Ring::new(1 << 20);
    range.for_each(|number| leave(&mut ring, signal, number, bytes));
    while !ring.is_empty() {
        assert!(spool.spill(&mut ring, 0), "{:?}", spool.news());
        sync(spool);
    }
}

fn take(spool: &mut Spool) -> Option<(SegmentBatch, Vec<u64>)> {
    let mut request = Vec::new();
    let batch = spool.take(&mut request)?;
    assert!(request.len() <= OTLP_BATCH_BYTES);
    Some((batch, numbers(&request)))
}

const SENT: Fate = Fate::Sent { rejected: 0 };

/// Sends all there is; the numbers as they arrived.
fn drain(spool: &mut Spool) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        sync(spool);
        match take(spool) {
            Some((batch, sent)) => {
                all.extend(sent);
                spool.settle(batch, SENT);
            }
            None if spool.is_empty() => return all,
            None => assert!(spool.is_blocked() || spool.to_sync.is_some(), "{spool:?}"),
        }
    }
}

#[test]
fn what_was_written_is_sent_in_order_and_then_gone() {
    let place = Place::new("order");
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..3, 100);
    spill(&mut spool, Traces, 3..5, 100);
    spill(&mut spool, Logs, 5..8, 100);
    assert_eq!(place.files().len(), 2, "logs are appended to logs");
    let on_card: u64 = place.files().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!((spool.written_bytes(), spool.used_bytes()), (on_card, 2 * BLOCK_BYTES));
    assert_eq!((spool.held(Logs).items, spool.held(Traces).items), (6, 2));
    assert_eq!(drain(&mut spool), [0, 1, 2, 5, 6, 7, 3, 4]);
    assert_eq!((place.files().len(), spool.used_bytes()), (0, 0));
    assert_eq!(spool.counts(Logs), Counts { taken: tally(6), sent: tally(6), ..Counts::default() });
    assert_eq!(spool.news(), None);
}

fn tally(count: u64) -> Tally {
    Tally { records: count, items: count }
}

#[test]
fn only_its_owner_may_read_it() {
    let place = Place::new("mode");
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..1, 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place.0), mode(&place.files()[0])), (0o700, 0o600));
}

#[test]
fn a_segment_is_no_more_than_one_request() {
    let place = Place::new("size");
    let mut spool = place.open();
    for from in (0..300).step_by(10) {
        spill(&mut spool, Logs, from..from + 10, 1000);
    }
    assert!((5..8).contains(&place.files().len()), "{:?}", place.files());
    assert_eq!(drain(&mut spool), (0..300).collect::<Vec<_>>());
}

#[test]
fn after_a_restart_all_that_was_not_acknowledged_is_sent_and_nothing_else() {
    let place = Place::new("restart");
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..150, 1000);
    let (batch, first) = take(&mut spool).unwrap();
    spool.settle(batch, SENT);
    // One is on its way when the power goes.
    sync(&mut spool);
    let second = take(&mut spool).unwrap().1;
    drop(spool);
    let mut spool = place.open();
    spill(&mut spool, Logs, 150..160, 1000);
    let again = drain(&mut spool);
    assert_eq!(again, (first.len() as u64..160).collect::<Vec<_>>());
    assert!(again.starts_with(&second));
    let found = 160 - first.len() as u64;
    assert_eq!(spool.counts(Logs), Counts { taken: tally(found), sent: tally(found), ..Counts::default() });
}

#[test]
fn what_another_version_has_left_is_sent_as_from_it() {
    let place = Place::new("version");
    let other = Envelope::new(Vec::new(), vec![0x1a, 1, b'x']);
    let mut spool = Spool::open(&place.0, BOUND, other.clone()).unwrap();
    spill(&mut spool, Logs, 0..2, 10);
    drop(spool);
    let mut spool = place.open();
    spill(&mut spool, Logs, 2..4, 10);
    let (mut old, mut expected) = (Vec::new(), Vec::new());
    let batch = spool.take(&mut old).unwrap();
    let records: Vec<u8> = (0..2).flat_map(|number| record(&[item(number, &"x".repeat(10))])).collect();
    other.begin(records.len(), &mut expected);
    expected.extend(records);
    assert_eq!(old, expected);
    spool.settle(batch, SENT);
    assert_eq!(drain(&mut spool), [2, 3]);
}

#[test]
fn writes_wait_for_those_before_and_one_request_for_the_removal_before() {
    let place = Place::new("sync");
    let mut spool = place.open();
    let mut ring = Ring::new(1 << 20);
    for signal in [Logs, Metrics, Metrics] {
        leave(&mut ring, signal, 0, 10);
        assert!(spool.spill(&mut ring, 0));
    }
    leave(&mut ring, Traces, 1, 10);
    assert!(!spool.spill(&mut ring, 0));
    let job = spool.sync().unwrap();
    assert!(job.files.len() == 3 && job.directory.is_some());
    assert!(spool.sync().is_none() && !spool.spill(&mut ring, 0));
    // What was written may be sent before it is on the card.
    let (batch, _) = take(&mut spool).unwrap();
    spool.settle(batch, SENT);
    spool.synced(job.run());
    assert!(spool.is_blocked() && take(&mut spool).is_none(), "the removal came after");
    let job = spool.sync().unwrap();
    assert!(job.files.is_empty() && job.directory.is_some() && take(&mut spool).is_none());
    spool.synced(job.run());
    assert!(!spool.is_blocked() && spool.spill(&mut ring, 0));
    assert_eq!(take(&mut spool).unwrap().1, [0, 0]);
}

#[test]
fn a_full_spool_drops_its_oldest_segment_and_counts_it() {
    let place = Place::new("full");
    let mut spool = Spool::open(&place.0, 5 * 64 * 1024, envelope()).unwrap();
    let mut ring = Ring::new(1 << 20);
    for number in 0..1000 {
        leave(&mut ring, if number % 10 == 0 { Traces } else { Logs }, number, 1000);
        if number % 7 == 0 {
            while spool.spill(&mut ring, 0) {
                sync(&mut spool);
                assert!(spool.used_bytes() <= 5 * 64 * 1024);
                let on_card: u64 = place.files().iter().map(|path| blocks(fs::metadata(path).unwrap().len())).sum();
                assert_eq!(on_card, spool.used_bytes());
            }
        }
    }
    while spool.spill(&mut ring, 0) {
        sync(&mut spool);
    }
    assert!(ring.is_empty());
    let held = [Logs, Traces].map(|signal| spool.held(signal));
    let sent = drain(&mut spool);
    for (signal, held) in [Logs, Traces].into_iter().zip(held) {
        let of_signal: Vec<u64> =
            sent.iter().copied().filter(|number| (number % 10 == 0) == (signal == Traces)).collect();
        assert!(of_signal.is_sorted() && of_signal.last().unwrap() >= &990, "the newest are there");
        let counts = spool.counts(signal);
        assert_eq!((held.items, counts.sent.items), (of_signal.len() as u64, of_signal.len() as u64));
        assert_eq!(counts.taken.items, counts.sent.items + counts.dropped.items);
        assert!(counts.dropped.items > 50);
    }
}

#[test]
fn the_one_on_its_way_makes_no_room() {
    let place = Place::new("way");
    let mut spool = Spool::open(&place.0, 2 * 64 * 1024, envelope()).unwrap();
    spill(&mut spool, Logs, 0..1, 60_000);
    spill(&mut spool, Logs, 1..2, 60_000);
    let (batch, _) = take(&mut spool).unwrap();
    spill(&mut spool, Logs, 2..3, 60_000);
    assert_eq!(spool.counts(Logs).dropped, tally(1));
    spool.settle(batch, Fate::Kept);
    assert_eq!(drain(&mut spool), [0, 2]);
}

#[test]
fn what_is_on_its_way_is_not_appended_to() {
    let place = Place::new("closed");
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..1, 10);
    let (batch, _) = take(&mut spool).unwrap();
    spill(&mut spool, Logs, 1..2, 10);
    spool.settle(batch, SENT);
    assert_eq!(drain(&mut spool), [1]);
}

#[test]
fn what_has_to_make_room_is_not_appended_to() {
    let place = Place::new("oldest");
    let mut spool = Spool::open(&place.0, 2 * BLOCK_BYTES, envelope()).unwrap();
    spill(&mut spool, Logs, 0..1, 10);
    spill(&mut spool, Traces, 1..2, 10);
    spill(&mut spool, Logs, 2..3, 10);
    assert_eq!(spool.counts(Logs).dropped, tally(1));
    assert_eq!(drain(&mut spool), [1, 2]);
}

#[test]
fn more_than_the_spool_takes_stays_in_the_ring() {
    let place = Place::new("small");
    let mut spool = Spool::open(&place.0, 8192, envelope()).unwrap();
    spill(&mut spool, Logs, 0..1, 100);
    let mut ring = Ring::new(1 << 20);
    leave(&mut ring, Logs, 1, 10_000);
    assert!(!spool.spill(&mut ring, 0));
    assert_eq!((ring.held(Logs), spool.held(Logs)), (tally(1), tally(1)));
}

#[test]
fn a_directory_that_cannot_be_written_is_one_line_and_the_ring_goes_on() {
    let place = Place::new("gone");
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..1, 10);
    // A full disk: what is appended to takes nothing more.
    fs::remove_file(&place.files()[0]).unwrap();
    symlink("/dev/full", place.0.join("0000000000000000.logs")).unwrap();
    let mut ring = Ring::new(1 << 20);
    leave(&mut ring, Logs, 1, 10);
    assert!(!spool.spill(&mut ring, 0));
    let line = spool.news().unwrap();
    assert!(line.starts_with("OTEL_SPOOL_DIR: /") && line.contains(" cannot be written: No space left"), "{line}");
    assert!(line.ends_with("; telemetry waits in memory only") && !line.contains('\n'), "{line}");
    assert_eq!((ring.held(Logs), spool.counts(Logs).taken), (tally(1), tally(1)));
    // Not tried again soon, and then told once.
    let pause = OTLP_SPOOL_RETRY.as_millis() as Millis;
    assert!(!spool.spill(&mut ring, pause - 1));
    assert!(spool.spill(&mut ring, pause), "a new segment is begun");
    assert!(spool.news().unwrap().ends_with(" can be written again"));
    fs::remove_dir_all(&place.0).unwrap();
    for times in 1..4 {
        leave(&mut ring, Metrics, 2, 10);
        sync(&mut spool);
        assert!(!spool.spill(&mut ring, (1 + times) * pause));
        assert_eq!(spool.news().is_some(), times == 1);
    }
    assert_eq!(ring.held(Metrics), tally(3));
}

#[test]
fn a_directory_has_one_agent_and_what_is_not_ours_stays() {
    let place = Place::new("lock");
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..1, 10);
    for name in ["notes.txt", "0000000000000001.LOGS", "00000000000000ff.metrics.bak"] {
        fs::write(place.0.join(name), "mine").unwrap();
    }
    fs::create_dir(place.0.join("0000000000000002.logs")).unwrap();
    let error = Spool::open(&place.0, BOUND, envelope()).unwrap_err();
    assert!(error.starts_with("OTEL_SPOOL_DIR: /") && error.ends_with(" is used by another agent"), "{error}");
    drop(spool);
    assert_eq!(drain(&mut place.open()), [0]);
    assert_eq!(place.files().len(), 4);
}

#[test]
fn a_place_that_cannot_be_used_is_one_line() {
    let place = Place::new("file");
    fs::write(&place.0, "").unwrap();
    for (path, why) in [
        (Path::new("spool"), "is not an absolute path"),
        (&place.0, "cannot be used: "),
        (Path::new("/proc/imalive/spool"), "cannot be used: "),
    ] {
        let error = Spool::open(path, BOUND, envelope()).unwrap_err();
        assert!(error.starts_with("OTEL_SPOOL_DIR: ") && error.contains(why) && !error.contains('\n'), "{error}");
    }
    fs::remove_file(&place.0).unwrap();
}
