//! The ring, as its users see it.

use Signal::{Logs, Metrics, Traces};

use super::super::envelope::testing::{envelope, item, numbers, record};
use super::*;

/// Bytes of a record of [`leave`] in the ring.
const ONE: usize = HEADER_BYTES + 2 + 9 + 2 + 2 + 100;

fn leave(ring: &mut Ring, signal: Signal, number: u64) {
    let encoded = record(&[item(number, &"x".repeat(100))]);
    assert_eq!(HEADER_BYTES + encoded.len(), ONE);
    ring.push(signal, Record { unix_nanos: number, items: 1 }, &encoded);
}

fn filled(bound: usize, count: u64) -> Ring {
    let mut ring = Ring::new(bound);
    (0..count).for_each(|number| leave(&mut ring, Logs, number));
    ring
}

/// Takes a batch and reads its request.
fn take(ring: &mut Ring, max_bytes: usize) -> Option<(Batch, Vec<u64>)> {
    let batch = ring.take(max_bytes)?;
    let mut request = Vec::new();
    ring.encode(&batch, &envelope(), &mut request);
    let sent = numbers(&request);
    assert_eq!(sent.len() as u64, batch.tally().items);
    Some((batch, sent))
}

fn check(ring: &Ring) {
    assert!(ring.allocated_bytes() <= ring.bound(), "{} of {}", ring.allocated_bytes(), ring.bound());
    assert!(ring.used_bytes() <= ring.allocated_bytes());
    for signal in Signal::ALL {
        let (counts, held) = (ring.counts(signal), ring.held(signal));
        let gone = [counts.sent, counts.refused, counts.dropped, counts.spooled, held];
        assert_eq!(counts.taken.records, gone.iter().map(|tally| tally.records).sum::<u64>(), "{signal:?}");
        let items = gone.iter().map(|tally| tally.items).sum::<u64>() + counts.rejected;
        assert_eq!(counts.taken.items, items, "{signal:?}");
    }
}

#[test]
fn records_leave_in_order_and_in_one_request() {
    let mut ring = filled(64 * 1024, 5);
    let (batch, sent) = take(&mut ring, usize::MAX).unwrap();
    assert_eq!(sent, [0, 1, 2, 3, 4]);
    assert_eq!((batch.signal(), batch.bytes()), (Logs, 5 * (ONE - HEADER_BYTES)));
    assert!(ring.take(usize::MAX).is_none(), "one at a time");
    ring.acknowledge(batch, 0);
    assert!(ring.is_empty() && ring.take(usize::MAX).is_none());
    assert_eq!(ring.counts(Logs).sent, Tally { records: 5, items: 5 });
    check(&ring);
}

#[test]
fn a_batch_is_no_larger_than_asked_but_has_one_record_at_least() {
    let mut ring = filled(64 * 1024, 5);
    for (max_bytes, expected) in
        [(0, vec![0]), (2 * (ONE - HEADER_BYTES), vec![1, 2]), (3 * (ONE - HEADER_BYTES) - 1, vec![3, 4])]
    {
        let (batch, sent) = take(&mut ring, max_bytes).unwrap();
        assert_eq!(sent, expected);
        ring.acknowledge(batch, 0);
    }
}

#[test]
fn what_was_kept_is_sent_again_in_its_place() {
    let mut ring = filled(64 * 1024, 3);
    let (batch, first) = take(&mut ring, 0).unwrap();
    ring.keep(batch);
    leave(&mut ring, Logs, 3);
    let (batch, again) = take(&mut ring, usize::MAX).unwrap();
    assert_eq!((first, again), (vec![0], vec![0, 1, 2, 3]));
    ring.settle(batch, Fate::Refused);
    assert_eq!(ring.counts(Logs).refused, Tally { records: 4, items: 4 });
    check(&ring);
}

#[test]
fn the_oldest_makes_room_and_is_counted() {
    let mut ring = filled(10 * ONE, 13);
    assert_eq!(ring.counts(Logs).dropped, Tally { records: 3, items: 3 });
    assert_eq!((ring.used_bytes(), ring.allocated_bytes(), ring.oldest_unix_nanos()), (10 * ONE, 10 * ONE, Some(3)));
    assert_eq!(take(&mut ring, usize::MAX).unwrap().1, (3..13).collect::<Vec<_>>());
    check(&ring);
}

#[test]
fn no_byte_of_the_bound_is_lost() {
    for spare in 0..ONE {
        let ring = filled(7 * ONE + spare, 100);
        assert_eq!(ring.held(Logs).records, 7, "{spare}");
        check(&ring);
    }
}

#[test]
fn a_record_larger_than_the_ring_is_dropped_and_takes_nothing_with_it() {
    let mut ring = filled(4 * ONE, 4);
    ring.push(Metrics, Record { unix_nanos: 0, items: 40 }, &[0; 4 * ONE - HEADER_BYTES + 1]);
    assert_eq!(ring.counts(Metrics).dropped, Tally { records: 1, items: 40 });
    assert_eq!((ring.held(Logs).records, ring.held(Metrics).records), (4, 0));
    ring.push(Metrics, Record { unix_nanos: 0, items: 40 }, &[0; 4 * ONE - HEADER_BYTES]);
    assert_eq!((ring.held(Logs).records, ring.held(Metrics).records), (0, 1));
    check(&ring);
}

#[test]
fn what_made_room_while_it_was_on_its_way_is_sent_if_it_arrived_and_dropped_if_not() {
    for (fate, sent, dropped) in
        [(Fate::Sent { rejected: 0 }, 3, 1), (Fate::Kept, 0, 3), (Fate::Sent { rejected: 2 }, 1, 1)]
    {
        let mut ring = filled(4 * ONE, 4);
        let (batch, _) = take(&mut ring, 3 * (ONE - HEADER_BYTES)).unwrap();
        // Two of the three on their way make room; after them, none that was not.
        (4..6).for_each(|number| leave(&mut ring, Logs, number));
        assert_eq!((ring.held(Logs).records, ring.counts(Logs).dropped.records), (6, 0));
        check(&ring);
        let before = ring.counts(Logs).dropped.records;
        if fate != Fate::Kept {
            // The third, and one that nobody has sent.
            (6..8).for_each(|number| leave(&mut ring, Logs, number));
            assert_eq!(ring.counts(Logs).dropped.records, before + 1);
            ring.settle(batch, fate);
            assert_eq!(take(&mut ring, usize::MAX).unwrap().1, [4, 5, 6, 7]);
        } else {
            leave(&mut ring, Logs, 6);
            ring.settle(batch, fate);
            assert_eq!(take(&mut ring, usize::MAX).unwrap().1, [3, 4, 5, 6]);
        }
        assert_eq!((ring.counts(Logs).sent.items, ring.counts(Logs).dropped.records), (sent, dropped), "{fate:?}");
        check(&ring);
    }
}

#[test]
fn a_batch_of_earlier_settles_nothing() {
    let mut ring = filled(64 * 1024, 2);
    let (stale, _) = take(&mut ring, 0).unwrap();
    ring.settle(Batch { signal: Logs, first: 7, tally: stale.tally(), bytes: 0 }, Fate::Refused);
    ring.settle(Batch { signal: Traces, first: 0, tally: stale.tally(), bytes: 0 }, Fate::Refused);
    assert_eq!(ring.held(Logs).records, 2);
    let copy = Batch { signal: Logs, first: 0, tally: stale.tally(), bytes: 0 };
    ring.acknowledge(stale, 0);
    ring.acknowledge(copy, 0);
    assert_eq!((ring.held(Logs).records, ring.counts(Logs).sent.records), (1, 1));
    check(&ring);
}

#[test]
fn the_signals_of_a_ring_take_turns_by_age_and_keep_their_order() {
    let mut ring = Ring::new(64 * 1024);
    for (number, signal) in [Traces, Logs, Traces, Metrics, Logs, Metrics].into_iter().enumerate() {
        leave(&mut ring, signal, number as u64);
    }
    let mut all = Vec::new();
    while let Some((batch, sent)) = take(&mut ring, usize::MAX) {
        all.push((batch.signal(), sent));
        ring.acknowledge(batch, 0);
        check(&ring);
    }
    assert_eq!(all, [(Traces, vec![0, 2]), (Logs, vec![1, 4]), (Metrics, vec![3, 5])]);
}

#[test]
fn gaps_between_records_are_room_too() {
    let mut ring = Ring::new(10 * ONE);
    for number in 0..10 {
        leave(&mut ring, if number % 2 == 0 { Logs } else { Traces }, number);
    }
    let (batch, _) = take(&mut ring, 4 * (ONE - HEADER_BYTES)).unwrap();
    ring.acknowledge(batch, 0);
    (10..14).for_each(|number| leave(&mut ring, Metrics, number));
    assert!(Signal::ALL.iter().all(|signal| ring.counts(*signal).dropped.records == 0), "{ring:?}");
    check(&ring);
    leave(&mut ring, Metrics, 14);
    assert_eq!(ring.counts(Traces).dropped.records, 1);
    assert_eq!(take(&mut ring, usize::MAX).unwrap().1, [3, 5, 7, 9]);
}

#[test]
fn the_memory_of_an_outage_is_given_back_after_it() {
    let mut ring = Ring::new(256 * 1024);
    assert_eq!(ring.allocated_bytes(), 0);
    leave(&mut ring, Logs, 0);
    assert_eq!(ring.allocated_bytes(), OTLP_BUFFER_STEP_BYTES);
    (1..5000).for_each(|number| leave(&mut ring, Logs, number));
    assert_eq!(ring.allocated_bytes(), 256 * 1024);
    while let Some(batch) = ring.take(64 * 1024) {
        ring.acknowledge(batch, 0);
    }
    assert_eq!(ring.allocated_bytes(), 0);
    // Where the collector is there, the one step stays.
    for number in 0..100 {
        leave(&mut ring, Logs, number);
        let batch = ring.take(64 * 1024).unwrap();
        ring.acknowledge(batch, 0);
        assert_eq!(ring.allocated_bytes(), OTLP_BUFFER_STEP_BYTES);
    }
    check(&ring);
}

#[test]
fn a_rejection_of_more_than_was_sent_rejects_all_of_it() {
    let mut ring = filled(64 * 1024, 3);
    let (batch, _) = take(&mut ring, usize::MAX).unwrap();
    ring.acknowledge(batch, u64::MAX);
    assert_eq!((ring.counts(Logs).rejected, ring.counts(Logs).sent.items), (3, 0));
    check(&ring);
}

/// A ring that is as slow and simple as can be.
#[derive(Default)]
struct Model {
    held: VecDeque<(Signal, u64, usize)>,
}

impl Model {
    fn push(&mut self, bound: usize, signal: Signal, number: u64, len: usize) {
        if len > bound {
            return;
        }
        while self.held.iter().map(|(.., len)| len).sum::<usize>() + len > bound {
            self.held.pop_front();
        }
        self.held.push_back((signal, number, len));
    }

    fn numbers(&self, signal: Signal) -> Vec<u64> {
        self.held.iter().filter(|held| held.0 == signal).map(|held| held.1).collect()
    }
}

#[test]
fn whatever_happens_every_record_is_sent_refused_dropped_or_held() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bound = random.usize(200..6000);
        let (mut ring, mut model) = (Ring::new(bound), Model::default());
        let mut on_its_way: Option<(Batch, Vec<u64>)> = None;
        for number in 0..2000 {
            let signal = Signal::ALL[random.usize(..3)];
            match random.u8(..10) {
                0..6 => {
                    let longest = if random.u8(..20) == 0 { 7000 } else { 300 };
                    let text = "y".repeat(random.usize(..longest));
                    let encoded = record(&[item(number, &text)]);
                    ring.push(signal, Record { unix_nanos: number, items: 1 }, &encoded);
                    model.push(bound, signal, number, HEADER_BYTES + encoded.len());
                }
                6..8 => {
                    if let Some(taken) = take(&mut ring, random.usize(..2000)) {
                        let expected = model.numbers(taken.0.signal());
                        assert_eq!(taken.1[..], expected[..taken.1.len()], "seed {seed}");
                        on_its_way = Some(taken);
                    }
                }
                fate => {
                    let Some((batch, sent)) = on_its_way.take() else { continue };
                    let signal = batch.signal();
                    if fate == 8 {
                        ring.keep(batch);
                    } else {
                        model.held.retain(|held| held.0 != signal || !sent.contains(&held.1));
                        let rejected = random.u64(..3);
                        ring.settle(batch, [Fate::Sent { rejected }, Fate::Refused, Fate::Spooled][random.usize(..3)]);
                    }
                }
            }
            check(&ring);
            assert_eq!(ring.used_bytes(), model.held.iter().map(|(.., len)| len).sum::<usize>(), "seed {seed}");
        }
    }
}
