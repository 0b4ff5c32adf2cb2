//! What waits for the collector, in files (`OTEL_SPOOL_DIR`): what an outage has left in memory for a minute goes here, so
//! that neither a full ring nor a power cut loses it. While the collector is there nothing is written.
//!
//! A file is a segment: what one request takes. It is appended to, then sent as a whole, then removed. After a power cut its
//! torn tail is left out; and as the removal of one is synced before the next is sent, at most one is sent twice.
//!
//! What may block, as each call is of one file of 64 KB at most: a write goes to the page cache (below a millisecond; longer
//! where the kernel holds back writers because the card does not keep up), a read comes from the card (3 to 6 ms at 10 to
//! 20 MB/s, once a second while an outage is made up for), a removal waits for the journal. What waits for the card to have
//! written, which takes seconds on a bad one, is a [`SyncJob`], for a thread of its own.

mod files;

use std::collections::VecDeque;
use std::io;
use std::path::Path;

pub use files::SyncJob;

use files::Directory;

use super::envelope::Envelope;
use super::ring::{Counts, Fate, Ring, Signal, Tally};
use super::segment;
use crate::limits::{OTLP_BATCH_BYTES, OTLP_SPOOL_RETRY, OTLP_SPOOL_SEGMENTS};
use crate::snapshot::Millis;

/// What a file takes of the card: whole blocks.
const BLOCK_BYTES: u64 = 4096;

/// Segments that one call drops or leaves out, so that it ends soon.
const SEGMENTS_A_CALL: usize = 8;

/// Times that a segment may be unreadable before it is taken for lost: descriptors may be short.
const READS: u8 = 3;

/// A segment that is on its way.
#[derive(Debug, PartialEq, Eq)]
pub struct SegmentBatch {
    number: u64,
    signal: Signal,
    tally: Tally,
}

impl SegmentBatch {
    /// What it is of.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// What is in it.
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

#[derive(Debug)]
struct Segment {
    number: u64,
    signal: Signal,
    /// Of the file, what is known to be whole; of one from an earlier life, its size.
    len: u64,
    /// `None`: from an earlier life, and not read yet.
    tally: Option<Tally>,
    /// More may be appended: the sum to go on with, and the bytes of its records.
    open: Option<(u32, usize)>,
    /// Times that it could not be read.
    faults: u8,
}

impl Segment {
    fn new(number: u64, signal: Signal, len: u64) -> Self {
        Segment { number, signal, len, tally: None, open: None, faults: 0 }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Spool {
    directory: Directory,
    envelope: Envelope,
    bound: u64,
    /// The oldest first.
    segments: VecDeque<Segment>,
    next_number: u64,
    under_way: bool,
    counts: [Counts; 3],
    written_bytes: u64,
    torn_bytes: u64,
    not_before: Millis,
    to_sync: Option<SyncJob>,
    syncing: bool,
    /// A segment has been removed whose removal may not be on the card yet.
    unsynced_removal: bool,
    in_trouble: bool,
    to_tell: Option<String>,
}

impl Spool {
    /// Opens a directory, which is made if it is not there, for at most `bound` bytes of segments. The error is one line.
    pub fn open(directory: &Path, bound: u64, envelope: Envelope) -> Result<Self, String> {
        let (directory, found) = Directory::open(directory)?;
        let segments: VecDeque<Segment> =
            found.into_iter().map(|found| Segment::new(found.number, found.signal, found.len)).collect();
        Ok(Spool {
            directory,
            envelope,
            bound,
            next_number: segments.back().map_or(0, |last| last.number + 1),
            segments,
            under_way: false,
            counts: Default::default(),
            written_bytes: 0,
            torn_bytes: 0,
            not_before: 0,
            to_sync: None,
            syncing: false,
            unsynced_removal: false,
            in_trouble: false,
            to_tell: None,
        })
    }

    /// Moves what one request takes from the ring to a file. Whether it did: not while a batch of the ring is on its way, not
    /// before the last three writes are on the card, and not soon after a failure.
    pub fn spill(&mut self, ring: &mut Ring, now: Millis) -> bool {
        let waiting = self.to_sync.as_ref().map_or(0, |job| job.files.len());
        if self.syncing || waiting >= Signal::ALL.len() || now < self.not_before {
            return false;
        }
        let Some(batch) = ring.take(OTLP_BATCH_BYTES.saturating_sub(self.envelope.overhead())) else {
            return false;
        };
        let (signal, tally) = (batch.signal(), batch.tally());
        let oldest = usize::from(self.under_way);
        let most = batch.bytes() as u64 + tally.records * segment::RECORD_BYTES as u64;
        let full = self.used_bytes() + blocks(most) > self.bound;
        let open = self.segments.iter().rposition(|segment| {
            let fits = |bytes| bytes + batch.bytes() + self.envelope.overhead() <= OTLP_BATCH_BYTES;
            segment.signal == signal && segment.open.is_some_and(|(_, bytes)| fits(bytes))
        });
        // Nothing is appended to what has to make room for it.
        let open = open.filter(|place| !full || *place > oldest);
        let mut bytes = Vec::new();
        let mut sum = open.and_then(|place| self.segments.get(place)?.open).map(|(sum, _)| sum);
        ring.visit(&batch, |record, pieces| {
            let before = match sum {
                Some(sum) => sum,
                None => segment::begin(signal, record.unix_nanos, &self.envelope, &mut bytes),
            };
            sum = Some(segment::append(before, record, pieces, &mut bytes));
        });
        let number = open.and_then(|place| self.segments.get(place)).map(|segment| segment.number);
        if !self.make_room(bytes.len() as u64, number) {
            ring.keep(batch);
            return false;
        }
        let place = number.and_then(|number| self.segments.iter().position(|segment| segment.number == number));
        let (number, before) = match place.and_then(|place| self.segments.get(place)) {
            Some(segment) => (segment.number, segment.len),
            None => (self.next_number, 0),
        };
        match self.directory.append(number, signal, before, &bytes) {
            Ok(file) => {
                if place.is_none() {
                    for other in self.segments.iter_mut().filter(|segment| segment.signal == signal) {
                        other.open = None;
                    }
                    self.next_number += 1;
                    self.segments.push_back(Segment::new(number, signal, 0));
                }
                if let Some(segment) = self.segments.get_mut(place.unwrap_or(self.segments.len() - 1)) {
                    let before = segment.open.map_or(0, |(_, bytes)| bytes);
                    segment.len += bytes.len() as u64;
                    segment.tally.get_or_insert_default().add(tally);
                    segment.open = sum.map(|sum| (sum, before + batch.bytes()));
                }
                self.written_bytes += bytes.len() as u64;
                self.counts[signal as usize].taken.add(tally);
                self.to_sync.get_or_insert_default().files.push(file);
                if place.is_none() {
                    self.sync_directory();
                }
                ring.settle(batch, Fate::Spooled);
                self.well();
                true
            }
            Err(error) => {
                // What there is of it is not appended to, and its torn tail is never read.
                if let Some(segment) = place.and_then(|place| self.segments.get_mut(place)) {
                    segment.open = None;
                }
                self.next_number += u64::from(place.is_none());
                ring.keep(batch);
                self.not_before = now + OTLP_SPOOL_RETRY.as_millis() as Millis;
                self.trouble("cannot be written: ", &error, "; telemetry waits in memory only");
                false
            }
        }
    }

    /// The end of the pause after a failure to write.
    pub fn not_before(&self) -> Millis {
        self.not_before
    }

    /// The oldest segment, as a request. `None` while one is on its way, before the removal of the last one is on the card,
    /// and where the card cannot be read now.
    pub fn take(&mut self, request: &mut Vec<u8>) -> Option<SegmentBatch> {
        if self.under_way || self.is_blocked() {
            return None;
        }
        for _ in 0..SEGMENTS_A_CALL {
            let first = self.segments.front_mut()?;
            first.open = None;
            let (number, signal) = (first.number, first.signal);
            match self.read(0, Some(request)) {
                Ok(Some(tally)) => {
                    self.under_way = true;
                    return Some(SegmentBatch { number, signal, tally });
                }
                Ok(None) => self.remove(0),
                Err(error) => {
                    self.trouble("cannot be read: ", &error, "");
                    return None;
                }
            }
        }
        None
    }

    /// Settles the segment that is on its way.
    pub fn settle(&mut self, batch: SegmentBatch, fate: Fate) {
        if !self.under_way || self.segments.front().is_none_or(|first| first.number != batch.number) {
            return;
        }
        self.under_way = false;
        if fate == Fate::Kept {
            return;
        }
        self.counts[batch.signal as usize].settle(batch.tally, fate);
        self.remove(0);
        self.unsynced_removal = true;
    }

    /// What is to be synced, once. [`Spool::synced`] has to be told how it went.
    pub fn sync(&mut self) -> Option<SyncJob> {
        if self.syncing {
            return None;
        }
        let job = self.to_sync.take()?;
        self.syncing = true;
        Some(job)
    }

    /// The job that [`Spool::sync`] gave has ended.
    pub fn synced(&mut self, result: io::Result<()>) {
        self.syncing = false;
        // Another one waits if a segment was removed meanwhile.
        self.unsynced_removal &= self.to_sync.is_some();
        if let Err(error) = result {
            self.trouble("cannot be synced: ", &error, "");
        }
    }

    /// Whether nothing is sent before a job of [`Spool::sync`] has ended.
    pub fn is_blocked(&self) -> bool {
        self.unsynced_removal
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// What became of the records of a signal: `taken` from the ring, or found of an earlier life as far as that was read.
    pub fn counts(&self, signal: Signal) -> Counts {
        self.counts[signal as usize]
    }

    /// What waits of a signal, as far as it was read.
    pub fn held(&self, signal: Signal) -> Tally {
        let mut held = Tally::default();
        let of_signal = self.segments.iter().filter(|segment| segment.signal == signal);
        of_signal.filter_map(|segment| segment.tally).for_each(|tally| held.add(tally));
        held
    }

    /// Bytes on the card, in whole blocks.
    pub fn used_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| blocks(segment.len)).sum()
    }

    /// Bytes written in this life. What the file system writes besides is not in it.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Bytes of segments that a power cut, or the card, has spoilt.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// One line when something goes wrong with the directory, and one when it is well again.
    pub fn news(&mut self) -> Option<String> {
        self.to_tell.take()
    }

    /// Drops the oldest until there is room. The one on its way is out of reach.
    fn make_room(&mut self, bytes: u64, appended_to: Option<u64>) -> bool {
        let oldest = usize::from(self.under_way);
        for _ in 0..SEGMENTS_A_CALL {
            let enough = self.used_bytes() + blocks(bytes) <= self.bound;
            if enough && (appended_to.is_some() || self.segments.len() < OTLP_SPOOL_SEGMENTS) {
                return true;
            }
            let Some(segment) = self.segments.get(oldest) else { return false };
            if Some(segment.number) == appended_to || blocks(bytes) > self.bound {
                return false;
            }
            if segment.tally.is_none() {
                let _ = self.read(oldest, None);
            }
            if let Some(segment) = self.segments.get(oldest) {
                let (signal, tally) = (segment.signal, segment.tally.unwrap_or_default());
                self.counts[signal as usize].dropped.add(tally);
            }
            self.remove(oldest);
        }
        false
    }

    /// Reads a segment and counts what is found or missing in it. `None` where there is nothing in it.
    fn read(&mut self, place: usize, request: Option<&mut Vec<u8>>) -> io::Result<Option<Tally>> {
        let Some(segment) = self.segments.get_mut(place) else { return Ok(None) };
        let bytes = match self.directory.read(segment.number, segment.signal, segment.len.min(self.bound)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound && segment.faults < READS => {
                segment.faults += 1;
                return Err(error);
            }
            bytes => bytes.unwrap_or_default(),
        };
        let contents = segment::read(&bytes).filter(|contents| contents.signal == segment.signal);
        let found = contents.as_ref().map(|contents| (contents.tally, contents.whole_len as u64));
        let (tally, whole_len) = found.unwrap_or_default();
        let counts = &mut self.counts[segment.signal as usize];
        match segment.tally {
            None => counts.taken.add(tally),
            Some(mut missing) => {
                missing.subtract(tally);
                counts.dropped.add(missing);
            }
        }
        self.torn_bytes += segment.len - whole_len;
        (segment.tally, segment.len) = (Some(tally), whole_len);
        if let (Some(contents), Some(request)) = (contents, request) {
            contents.encode(request);
        }
        Ok((tally.records > 0).then_some(tally))
    }

    fn remove(&mut self, place: usize) {
        let Some(segment) = self.segments.remove(place) else { return };
        if let Err(error) = self.directory.remove(segment.number, segment.signal) {
            self.trouble("cannot be emptied: ", &error, "");
        }
        self.sync_directory();
    }

    fn sync_directory(&mut self) {
        self.to_sync.get_or_insert_default().directory = self.directory.handle().ok();
    }

    fn trouble(&mut self, what: &str, error: &io::Error, so: &str) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            self.to_tell = Some(self.directory.line(&[what, &error.to_string(), so]));
        }
    }

    fn well(&mut self) {
        if std::mem::take(&mut self.in_trouble) {
            self.to_tell = Some(self.directory.line(&["can be written again"]));
        }
    }
}

fn blocks(bytes: u64) -> u64 {
    bytes.next_multiple_of(BLOCK_BYTES)
}

#[cfg(test)]
mod tests;
