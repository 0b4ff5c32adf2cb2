//! What waits for the collector, in memory: records in the order in which they came, in one allocation that never grows
//! beyond its bound. When it is full the oldest leave, counted.
//!
//! A request is of one signal, so a batch takes the records of one signal from between those of others. Of each signal it
//! is always the oldest ones that leave; so a count of those that have left tells which ones a batch still means.

use std::collections::VecDeque;

pub use super::tally::{Counts, Fate, Record, Signal, Tally};

use super::envelope::Envelope;
use crate::limits::OTLP_BUFFER_STEP_BYTES;

/// In front of each record: its time, how many items it has, and its length, the upper two bits of which say of what
/// signal it is.
pub const HEADER_BYTES: usize = 16;

const GONE: u32 = 3;
const LENGTH_BITS: u32 = 30;
const LENGTH_MAX: usize = (1 << LENGTH_BITS) - 1;

/// Records of one signal that are on their way. There is one at a time; it is settled once.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    signal: Signal,
    /// Records of the signal that had left before its first one.
    first: u64,
    tally: Tally,
    bytes: usize,
}

impl Batch {
    /// What it is of.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// What is in it.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Bytes of its records.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The batch that is on its way, as the ring knows it.
#[derive(Debug)]
struct UnderWay {
    signal: Signal,
    first: u64,
    records: u64,
    /// Of them, those that had to make room meanwhile. Whether they were dropped is known when the batch is settled.
    evicted: Tally,
}

/// See the module.
#[derive(Debug)]
pub struct Ring {
    bytes: VecDeque<u8>,
    bound: usize,
    /// Of `bytes`, those of records that have left from between others.
    gone: usize,
    held: [Tally; 3],
    left: [u64; 3],
    under_way: Option<UnderWay>,
    counts: [Counts; 3],
}

#[derive(Clone, Copy)]
struct Header {
    record: Record,
    /// `None`: it has left.
    signal: Option<Signal>,
    /// Of header and record.
    len: usize,
}

impl Header {
    fn read(raw: [u8; HEADER_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = raw;
        let last = u32::from_le_bytes([m, n, o, p]);
        Header {
            record: Record {
                unix_nanos: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
                items: u32::from_le_bytes([i, j, k, l]),
            },
            signal: Signal::ALL.get((last >> LENGTH_BITS) as usize).copied(),
            len: HEADER_BYTES + (last as usize & LENGTH_MAX),
        }
    }
}

impl Ring {
    /// An empty one that never takes more than `bound` bytes. It allocates nothing yet.
    pub fn new(bound: usize) -> Self {
        Ring {
            bytes: VecDeque::new(),
            bound: bound.min(LENGTH_MAX),
            gone: 0,
            held: Default::default(),
            left: [0; 3],
            under_way: None,
            counts: Default::default(),
        }
    }

    /// Takes a record. One that is larger than the ring, or for which the machine has no memory, is dropped.
    pub fn push(&mut self, signal: Signal, record: Record, encoded: &[u8]) {
        let one = Tally::one(record.items);
        let needed = HEADER_BYTES + encoded.len();
        self.counts[signal as usize].taken.add(one);
        if needed > self.bound {
            self.counts[signal as usize].dropped.add(one);
            return;
        }
        if self.gone > 0 && self.bound - self.bytes.len() < needed {
            self.compact();
        }
        while self.bound - self.bytes.len() < needed && self.evict() {}
        if !self.grow(needed) {
            self.counts[signal as usize].dropped.add(one);
            return;
        }
        let last = (signal as u32) << LENGTH_BITS | encoded.len() as u32;
        self.bytes.extend(record.unix_nanos.to_le_bytes());
        self.bytes.extend(record.items.to_le_bytes());
        self.bytes.extend(last.to_le_bytes());
        self.bytes.extend(encoded);
        self.held[signal as usize].add(one);
    }

    /// The oldest records of the signal whose turn it is: as many as fit into `max_bytes` without their headers, and at least
    /// one. `None` while a batch is on its way.
    pub fn take(&mut self, max_bytes: usize) -> Option<Batch> {
        if self.under_way.is_some() {
            return None;
        }
        let signal = self.header(0)?.signal?;
        let (mut at, mut bytes, mut tally) = (0, 0, Tally::default());
        while let Some(header) = self.header(at) {
            if header.signal == Some(signal) {
                let len = header.len - HEADER_BYTES;
                if tally.records > 0 && bytes + len > max_bytes {
                    break;
                }
                bytes += len;
                tally.add(Tally::one(header.record.items));
            }
            at += header.len;
        }
        let first = self.left[signal as usize];
        self.under_way = Some(UnderWay { signal, first, records: tally.records, evicted: Tally::default() });
        Some(Batch { signal, first, tally, bytes })
    }

    /// Makes the request of a batch that has just been taken.
    pub fn encode(&self, batch: &Batch, envelope: &Envelope, request: &mut Vec<u8>) {
        envelope.begin(batch.bytes, request);
        self.visit(batch, |_, [front, back]| {
            request.extend_from_slice(front);
            request.extend_from_slice(back);
        });
    }

    /// Shows the records of a batch that has just been taken, each in the two pieces in which it may lie.
    pub(super) fn visit(&self, batch: &Batch, mut visit: impl FnMut(Record, [&[u8]; 2])) {
        let (mut at, mut left) = (0, batch.tally.records);
        while left > 0
            && let Some(header) = self.header(at)
        {
            if header.signal == Some(batch.signal) {
                visit(header.record, self.pieces(at + HEADER_BYTES, at + header.len));
                left -= 1;
            }
            at += header.len;
        }
    }

    /// Settles the batch that is on its way. Of one that is not, nothing is known any more.
    pub fn settle(&mut self, batch: Batch, fate: Fate) {
        let Some(way) = self.under_way.take_if(|way| (way.signal, way.first) == (batch.signal, batch.first)) else {
            return;
        };
        let counts = &mut self.counts[batch.signal as usize];
        if fate == Fate::Kept {
            counts.dropped.add(way.evicted);
            return;
        }
        counts.settle(batch.tally, fate);
        self.remove(batch.signal, batch.tally.records - way.evicted.records);
    }

    /// The batch that is on its way arrived, all but so many items.
    pub fn acknowledge(&mut self, batch: Batch, rejected: u64) {
        self.settle(batch, Fate::Sent { rejected });
    }

    /// The batch that is on its way is to be sent again.
    pub fn keep(&mut self, batch: Batch) {
        self.settle(batch, Fate::Kept);
    }

    /// What became of the records of a signal.
    pub fn counts(&self, signal: Signal) -> Counts {
        self.counts[signal as usize]
    }

    /// What waits of a signal, what is on its way included.
    pub fn held(&self, signal: Signal) -> Tally {
        let mut held = self.held[signal as usize];
        if let Some(way) = self.under_way.as_ref().filter(|way| way.signal == signal) {
            held.add(way.evicted);
        }
        held
    }

    /// Of the bound, what is used.
    pub fn used_bytes(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// Its bound.
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// What is allocated.
    pub fn allocated_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The time of the oldest record.
    pub fn oldest_unix_nanos(&self) -> Option<u64> {
        self.header(0).map(|header| header.record.unix_nanos)
    }

    fn header(&self, at: usize) -> Option<Header> {
        if at >= self.bytes.len() {
            return None;
        }
        let mut raw = [0; HEADER_BYTES];
        raw.iter_mut().zip(self.bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
        Some(Header::read(raw))
    }

    fn pieces(&self, from: usize, to: usize) -> [&[u8]; 2] {
        let (front, back) = self.bytes.as_slices();
        let split = front.len();
        [&front[from.min(split)..to.min(split)], &back[from.max(split) - split..to.max(split) - split]]
    }

    /// Drops the oldest record.
    fn evict(&mut self) -> bool {
        let Some((signal, record)) = self.header(0).and_then(|header| Some((header.signal?, header.record))) else {
            return false;
        };
        let (place, one) = (signal as usize, Tally::one(record.items));
        match &mut self.under_way {
            Some(way) if way.signal == signal && self.left[place] < way.first + way.records => way.evicted.add(one),
            _ => self.counts[place].dropped.add(one),
        }
        self.remove(signal, 1);
        true
    }

    /// Lets the oldest records of a signal leave.
    fn remove(&mut self, signal: Signal, mut records: u64) {
        let mut at = 0;
        while records > 0
            && let Some(header) = self.header(at)
        {
            if header.signal == Some(signal) {
                if let Some(last) = self.bytes.get_mut(at + HEADER_BYTES - 1) {
                    *last |= (GONE << (LENGTH_BITS - 24)) as u8;
                }
                self.held[signal as usize].subtract(Tally::one(header.record.items));
                self.left[signal as usize] += 1;
                self.gone += header.len;
                records -= 1;
            }
            at += header.len;
        }
        while let Some(Header { signal: None, len, .. }) = self.header(0) {
            self.bytes.drain(..len);
            self.gone -= len;
        }
        if self.bytes.is_empty() && self.bytes.capacity() > OTLP_BUFFER_STEP_BYTES {
            self.bytes = VecDeque::new();
        }
    }

    /// Closes the gaps of records that have left.
    fn compact(&mut self) {
        let bytes = self.bytes.make_contiguous();
        let (mut from, mut to) = (0, 0);
        while let Some(raw) = bytes[from..].first_chunk::<HEADER_BYTES>() {
            let header = Header::read(*raw);
            if header.signal.is_some() {
                bytes.copy_within(from..from + header.len, to);
                to += header.len;
            }
            from += header.len;
        }
        self.bytes.truncate(to);
        self.gone = 0;
    }

    /// Makes room by whole steps.
    fn grow(&mut self, needed: usize) -> bool {
        let len = self.bytes.len();
        if self.bytes.capacity() - len >= needed {
            return true;
        }
        let wanted = (len + needed).next_multiple_of(OTLP_BUFFER_STEP_BYTES).min(self.bound);
        self.bytes.try_reserve_exact(wanted - len).is_ok()
    }
}

#[cfg(test)]
mod tests;
