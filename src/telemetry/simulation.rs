//! A day and its outages in simulated time, against a collector that keeps what it gets. What comes in is known, so at the
//! end it is known of every item where it is.

use std::path::PathBuf;

use super::envelope::testing::{envelope, item, numbers, record};
use super::retry::Outcome;
use super::ring::{HEADER_BYTES, Record, Signal};
use super::spool::Spool;
use super::store::{Outage, Step, Store};
use super::tally::Counts;
use crate::limits::{OTLP_BATCH_BYTES, OTLP_DRAIN_SPACING, OTLP_RETRY_MAX};
use crate::snapshot::Millis;

const SEC: Millis = 1000;
const HOUR: Millis = 3600 * SEC;
const DAY: Millis = 24 * HOUR;

/// What an export of the agent has to get through.
type Answer = Box<dyn FnMut(Millis) -> Outcome>;

struct World {
    now: Millis,
    store: Store,
    answer: Answer,
    random: fastrand::Rng,
    /// From a request to its end.
    takes: Millis,
    in_flight: Option<(Millis, Signal, Vec<u64>)>,
    next_number: u64,
    /// What the collector has, in the order in which it came.
    arrived: [Vec<u64>; 3],
    /// When each request was begun, and how long it was.
    begun: Vec<(Millis, usize)>,
    outages: Vec<Outage>,
    written: Vec<(Millis, u64)>,
}

impl World {
    fn new(seed: u64, buffer_bytes: usize, spool: Option<Spool>, answer: Answer) -> Self {
        World {
            now: 0,
            store: Store::new(buffer_bytes, envelope(), spool),
            answer,
            random: fastrand::Rng::with_seed(seed),
            takes: 80,
            in_flight: None,
            next_number: 0,
            arrived: Default::default(),
            begun: Vec::new(),
            outages: Vec::new(),
            written: Vec::new(),
        }
    }

    fn leave(&mut self, signal: Signal, items: u32, bytes: usize) {
        let from = self.next_number;
        self.next_number += u64::from(items);
        let items: Vec<_> = (from..self.next_number).map(|number| item(number, &"x".repeat(bytes))).collect();
        let about = Record { unix_nanos: self.now * 1_000_000, items: items.len() as u32 };
        self.store.push(signal, about, &record(&items));
    }

    /// Metrics every minute, a log line every ten seconds, a span now and then.
    fn work(&mut self) {
        let second = self.now / SEC;
        if second.is_multiple_of(60) {
            self.leave(Signal::Metrics, 40, 70);
        }
        if second.is_multiple_of(10) {
            self.leave(Signal::Logs, 1, 200);
        }
        if self.random.u8(..20) == 0 {
            self.leave(Signal::Traces, 2, 120);
        }
    }

    fn step(&mut self) {
        if let Some((end, signal, sent)) = self.in_flight.take_if(|(end, ..)| *end <= self.now) {
            let outcome = (self.answer)(end);
            if matches!(outcome, Outcome::Accepted { .. }) {
                self.arrived[signal as usize].extend(sent);
            }
            self.store.finish(end, outcome);
        }
        let mut request = Vec::new();
        for _ in 0..8 {
            match self.store.next(self.now, self.random.u32(..), &mut request) {
                Step::Send(signal) => {
                    self.begun.push((self.now, request.len()));
                    self.in_flight = Some((self.now + self.takes, signal, numbers(&request)));
                }
                Step::Sync(job) => {
                    drop(job);
                    self.store.synced(Ok(()));
                }
                Step::Wait(due) => {
                    assert!(due.is_none_or(|due| due > self.now), "{due:?} at {}", self.now);
                    break;
                }
            }
        }
        self.outages.extend(self.store.outage());
        let written = self.store.spool().map_or(0, Spool::written_bytes);
        if self.written.last().is_none_or(|(_, before)| *before != written) {
            self.written.push((self.now, written));
        }
        assert!(self.store.ring().allocated_bytes() <= self.store.ring().bound());
    }

    /// Goes on until then, with what the agent has to say where `working`.
    fn run_until(&mut self, end: Millis, working: bool) {
        while self.now < end {
            if working && self.now.is_multiple_of(SEC) {
                self.work();
            }
            self.step();
            self.now += 250;
        }
    }

    fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for signal in Signal::ALL {
            let (counts, held) = (self.store.counts(signal), self.store.held(signal));
            let gone = [counts.sent, counts.refused, counts.dropped, held];
            assert_eq!(counts.taken.records, gone.iter().map(|tally| tally.records).sum::<u64>(), "{signal:?}");
            let items = gone.iter().map(|tally| tally.items).sum::<u64>();
            assert_eq!(counts.taken.items, items + counts.rejected, "{signal:?}");
            all.add(counts);
        }
        assert_eq!(all.taken.items, self.next_number, "all that was left is accounted for");
        all
    }

    /// Nothing came twice, nothing out of order.
    fn check_arrived(&self) {
        for (signal, arrived) in Signal::ALL.into_iter().zip(&self.arrived) {
            assert!(arrived.is_sorted_by(|one, next| one < next), "{signal:?}");
            let counts = self.store.counts(signal);
            assert_eq!(arrived.len() as u64, counts.sent.items + counts.rejected, "{signal:?}");
        }
    }
}

fn away(from: Millis, to: Millis) -> Answer {
    Box::new(
        move |now| if (from..to).contains(&now) { Outcome::UNREACHABLE } else { Outcome::Accepted { rejected: 0 } },
    )
}

fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(["imalive-day-", name, "-", &std::process::id().to_string()].concat());
    let _ = std::fs::remove_dir_all(&path);
    path
}

#[test]
fn while_the_collector_is_there_all_arrives_at_once_and_nothing_is_written() {
    let path = directory("well");
    let spool = Spool::open(&path, 16 << 20, envelope()).unwrap();
    let mut world = World::new(1, 256 * 1024, Some(spool), away(0, 0));
    world.run_until(HOUR, true);
    world.run_until(HOUR + 10 * SEC, false);
    let counts = world.counts();
    assert_eq!((counts.sent, counts.taken.items), (counts.taken, world.next_number));
    world.check_arrived();
    assert_eq!((world.written, world.outages), (vec![(0, 0)], vec![]));
    assert!(world.store.ring().allocated_bytes() <= 16 * 1024);
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn after_a_day_without_collector_exactly_what_the_ring_holds_arrives() {
    let (from, to) = (HOUR, HOUR + DAY);
    let mut world = World::new(2, 256 * 1024, None, away(from, to));
    world.run_until(to, true);
    while world.store.away_since().is_some() {
        world.run_until(world.now + SEC, true);
    }
    let to = world.now;
    let at_return = world.counts();
    let held: u64 = Signal::ALL.iter().map(|signal| world.store.held(*signal).items).sum();
    // The ring was as full as it could be until the first request arrived: less than one export of it was unused.
    let ring = world.store.ring();
    let unused = ring.bound() - ring.used_bytes();
    assert!(unused < OTLP_BATCH_BYTES + HEADER_BYTES + 40 * 90, "{unused}");
    assert_eq!(at_return.dropped.items + at_return.sent.items + held, world.next_number);
    let oldest = ring.oldest_unix_nanos().unwrap() / 1_000_000;
    let requests = world.begun.len();
    assert!(world.begun.iter().filter(|(at, _)| (from..to).contains(at)).count() < 24 * 60, "tries of a day");
    world.run_until(to + HOUR, true);
    world.run_until(to + HOUR + 10 * SEC, false);
    world.check_arrived();
    let end = world.counts();
    assert_eq!(end.dropped.items, at_return.dropped.items, "not one more");
    assert_eq!(end.sent.items + end.dropped.items, world.next_number);
    // What arrived of the outage is its end, without a gap from the oldest on.
    let logs = &world.arrived[Signal::Logs as usize];
    let kept = logs.len() as u64 - (HOUR / (10 * SEC) + 1);
    assert!((kept * 10 * SEC).abs_diff(to + HOUR - oldest) < 2 * 60 * SEC, "{kept} lines since {oldest}");
    // One line about it, and no thundering start.
    let [outage] = world.outages[..] else { panic!("{:?}", world.outages) };
    assert!(outage.lasted >= DAY - 2 * 60 * SEC && outage.lasted < DAY + OTLP_RETRY_MAX.as_millis() as Millis + SEC);
    assert_eq!(outage.dropped_items, end.dropped.items);
    assert!(outage.sent_items >= held && outage.sent_items < held + 500, "{outage:?} {held}");
    let batches: Vec<_> = world.begun[requests..].iter().take(4).collect();
    assert!(
        batches.windows(2).all(|pair| pair[1].0 - pair[0].0 >= OTLP_DRAIN_SPACING.as_millis() as Millis),
        "{batches:?}"
    );
    assert!(world.begun.iter().all(|(_, len)| *len <= OTLP_BATCH_BYTES));
    assert!(world.store.ring().allocated_bytes() <= 16 * 1024, "the memory is given back");
}

#[test]
fn with_a_spool_a_day_without_collector_loses_nothing() {
    let path = directory("spool");
    let spool = Spool::open(&path, 16 << 20, envelope()).unwrap();
    let mut world = World::new(3, 256 * 1024, Some(spool), away(HOUR, HOUR + DAY));
    world.run_until(HOUR + DAY + 2 * HOUR, true);
    world.run_until(HOUR + DAY + 2 * HOUR + 10 * SEC, false);
    let counts = world.counts();
    assert_eq!((counts.dropped.items, counts.sent.items), (0, world.next_number));
    world.check_arrived();
    // From a minute after the first failure to the return, at most once a minute.
    let times: Vec<Millis> = world.written[1..].iter().map(|(at, _)| *at).collect();
    assert!(times[0] >= HOUR + 60 * SEC && *times.last().unwrap() < HOUR + DAY + 3 * 60 * SEC, "{times:?}");
    let minutes = times.windows(2).filter(|pair| pair[1] - pair[0] > 5 * SEC).count();
    assert!(times.windows(2).filter(|pair| pair[1] - pair[0] >= 60 * SEC).count() == minutes && minutes <= 24 * 60);
    assert_eq!(world.outages.len(), 1);
    assert!(world.store.spool().is_some_and(|spool| spool.is_empty() && spool.used_bytes() == 0));
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn killed_in_an_outage_it_loses_a_minute_and_sends_one_request_twice_at_most() {
    let mut cut_off = 0;
    for seed in 0..16 {
        let path = directory(&["kill", &seed.to_string()].concat());
        let open = || Some(Spool::open(&path, 16 << 20, envelope()).unwrap());
        let mut luck = fastrand::Rng::with_seed(seed);
        let mut world = World::new(seed, 256 * 1024, open(), away(10 * SEC, 2 * HOUR));
        world.takes = 900;
        world.run_until(2 * HOUR - luck.u64(..300) * SEC, true);
        // Killed while the collector is away, or while that is made up for.
        while seed % 4 > 0 && world.store.away_since().is_some() {
            world.run_until(world.now + SEC, true);
        }
        world.run_until(world.now + luck.u64(..12_000), true);
        world.counts();
        // The collector took the request, and nobody heard of it.
        let was_away = world.store.away_since().is_some();
        let unheard = world.in_flight.take().filter(|_| !was_away).map(|(.., sent)| sent).unwrap_or_default();
        cut_off += usize::from(!unheard.is_empty());
        let (mut before, from) = (world.arrived.concat(), world.next_number);
        before.extend(&unheard);
        drop(world);
        let mut world = World::new(seed, 256 * 1024, open(), away(0, 0));
        world.next_number = from;
        world.run_until(HOUR, true);
        world.run_until(HOUR + 10 * SEC, false);
        assert!(world.arrived.iter().all(|of_signal| of_signal.is_sorted_by(|one, next| one < next)));
        let after = world.arrived.concat();
        let mut all = [&before[..], &after].concat();
        all.sort_unstable();
        for twice in all.windows(2).filter(|pair| pair[0] == pair[1]) {
            assert!(unheard.contains(&twice[0]), "seed {seed}: {} is sent twice", twice[0]);
        }
        all.dedup();
        // A minute has 52 items, and one export 40.
        let lost = world.next_number - all.len() as u64;
        assert!(lost <= 120, "seed {seed}: {lost} lost");
        std::fs::remove_dir_all(&path).unwrap();
    }
    assert!(cut_off >= 4, "too few were killed with a request on its way: {cut_off}");
}

#[test]
fn stopped_in_an_outage_it_loses_nothing() {
    let path = directory("stop");
    let open = || Some(Spool::open(&path, 16 << 20, envelope()).unwrap());
    let mut world = World::new(4, 256 * 1024, open(), away(10 * SEC, DAY));
    world.run_until(1000 * SEC + 777, true);
    if world.in_flight.take().is_some() {
        world.store.finish(world.now, Outcome::UNREACHABLE);
    }
    world.store.shut_down(world.now);
    assert!(world.store.ring().is_empty());
    let (mut arrived, from) = (world.arrived.concat(), world.next_number);
    drop(world);
    let mut world = World::new(4, 256 * 1024, open(), away(0, 0));
    world.run_until(60 * SEC, false);
    arrived.extend(world.arrived.concat());
    arrived.sort_unstable();
    assert_eq!(arrived, (0..from).collect::<Vec<_>>());
    assert_eq!((world.outages.len(), world.store.counts(Signal::Metrics).dropped.records), (0, 0));
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn what_the_ring_would_drop_in_the_first_minute_goes_to_the_spool_before() {
    let path = directory("flood");
    let spool = Spool::open(&path, 16 << 20, envelope()).unwrap();
    // What comes in a minute is more than the ring takes.
    let mut world = World::new(5, 16_000, Some(spool), away(10 * SEC, HOUR));
    while world.now < 2 * HOUR {
        world.leave(Signal::Logs, 1, 200);
        world.run_until(world.now + SEC, true);
    }
    world.run_until(world.now + 10 * SEC, false);
    let counts = world.counts();
    assert_eq!((counts.dropped.items, counts.sent.items), (0, world.next_number));
    world.check_arrived();
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn when_a_minute_is_over_all_that_waits_goes_to_the_spool() {
    let path = directory("minute");
    let spool = Spool::open(&path, 16 << 20, envelope()).unwrap();
    let mut world = World::new(6, 1 << 20, Some(spool), away(0, HOUR));
    world.run_until(SEC, true);
    // More requests of it than one call moves.
    (0..500).for_each(|_| world.leave(Signal::Logs, 1, 1000));
    world.run_until(60 * SEC, false);
    assert_eq!(world.written.len(), 1);
    world.run_until(62 * SEC, false);
    assert!(world.store.ring().is_empty(), "{} bytes are left", world.store.ring().used_bytes());
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn whatever_the_collector_answers_every_item_is_somewhere() {
    for seed in 0..12 {
        let mut luck = fastrand::Rng::with_seed(seed);
        let path = directory(&["luck", &seed.to_string()].concat());
        let bound = [64 * 1024, 512 * 1024][luck.usize(..2)];
        let spool = (seed % 2 == 0).then(|| Spool::open(&path, bound, envelope()).unwrap());
        let buffer_bytes = luck.usize(2_000..100_000);
        let (mut mood, mut until) = (0, 0);
        let answer = move |now: Millis| {
            if now >= until {
                mood = luck.u8(..6);
                until = now + luck.u64(..2 * HOUR);
            }
            match mood {
                0 | 1 => Outcome::UNREACHABLE,
                2 => [Outcome::UNREACHABLE, Outcome::Refused, Outcome::Accepted { rejected: 0 }][luck.usize(..3)],
                3 => Outcome::Accepted { rejected: luck.u64(..5) },
                4 => Outcome::of_grpc(
                    luck.u32(..20),
                    luck.bool().then(|| std::time::Duration::from_secs(luck.u64(..600))),
                ),
                _ => Outcome::Accepted { rejected: 0 },
            }
        };
        let mut world = World::new(seed, buffer_bytes, spool, Box::new(answer));
        for hour in 1..=12 {
            world.run_until(hour * HOUR, true);
            world.counts();
        }
        world.check_arrived();
        world.answer = away(0, 0);
        world.run_until(14 * HOUR, false);
        world.check_arrived();
        let end = world.counts();
        let items = [end.sent.items, end.rejected, end.refused.items, end.dropped.items];
        assert_eq!(items.iter().sum::<u64>(), world.next_number, "seed {seed}: nothing is held for ever");
        let _ = std::fs::remove_dir_all(&path);
    }
}
