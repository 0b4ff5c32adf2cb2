//! Store and forward for one collector: the ring, the spool where there is one, and when to send. What the agent has to do
//! is told one step at a time. It asks for the next one when the time of the last has come, after each end of a request or
//! of a job, and when it has left what one export has to say; not after each record, or each would be a request of its own.
//!
//! What is in the spool is older than what is in the ring, and is sent first. To the spool goes what has waited in an outage
//! for [`OTLP_SPOOL_INTERVAL`], at most once in that time, and sooner only what would not fit into the ring much longer.

use super::envelope::Envelope;
use super::retry::{Action, Away, Outcome, Retry};
use super::ring::{Batch, Counts, Fate, Record, Ring, Signal, Tally};
use super::spool::{SegmentBatch, Spool, SyncJob};
use crate::limits::{OTLP_BATCH_BYTES, OTLP_BUFFER_STEP_BYTES, OTLP_RETRY_MIN, OTLP_SPOOL_INTERVAL};
use crate::snapshot::Millis;

/// What to do now.
#[derive(Debug)]
pub enum Step {
    /// Send the request to the service of this signal; then [`Store::finish`].
    Send(Signal),
    /// Run this where it may take seconds; then [`Store::synced`]. Other steps may follow meanwhile.
    Sync(SyncJob),
    /// Nothing, before then or before the store has been told something new.
    Wait(Option<Millis>),
}

/// An outage that has been made up for, for one line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// How long the collector took nothing.
    pub lasted: Millis,
    /// Data points, log records and spans that it has taken since.
    pub sent_items: u64,
    /// Those that were dropped meanwhile for want of room.
    pub dropped_items: u64,
}

#[derive(Debug)]
enum UnderWay {
    Ring(Batch),
    Segment(SegmentBatch),
}

/// See the module.
#[derive(Debug)]
pub struct Store {
    ring: Ring,
    spool: Option<Spool>,
    retry: Retry,
    envelope: Envelope,
    under_way: Option<UnderWay>,
    spilled: Option<Millis>,
    /// Sent and dropped before the outage that is not made up for yet.
    before: Option<(u64, u64)>,
    outage: Option<Outage>,
    /// A request has ended.
    was_tried: bool,
    /// And one that was taken, then.
    taken: Option<Millis>,
    /// The card could not be read: not again before then.
    not_before: Millis,
}

impl Store {
    /// An empty one of so many bytes, or one with what an earlier life has left in the spool.
    pub fn new(buffer_bytes: usize, envelope: Envelope, spool: Option<Spool>) -> Self {
        let draining = spool.as_ref().is_some_and(|spool| !spool.is_empty());
        Store {
            ring: Ring::new(buffer_bytes),
            spool,
            retry: Retry::new(draining),
            envelope,
            under_way: None,
            spilled: None,
            before: None,
            outage: None,
            was_tried: false,
            taken: None,
            not_before: 0,
        }
    }

    /// Leaves a record: see [`Envelope`] for what it is.
    pub fn push(&mut self, signal: Signal, record: Record, encoded: &[u8]) {
        self.ring.push(signal, record, encoded);
    }

    /// What to do now. Makes the request where that is to send one.
    pub fn next(&mut self, now: Millis, random: u32, request: &mut Vec<u8>) -> Step {
        let spill_due = self.spill_due();
        if let Some(spool) = &mut self.spool {
            if spill_due.is_some_and(|due| due <= now) {
                // Each signal has a file of its own.
                let moved = Signal::ALL.into_iter().take_while(|_| spool.spill(&mut self.ring, now)).count();
                if moved > 0 && self.ring.is_empty() {
                    self.spilled = Some(now);
                }
            }
            if let Some(job) = spool.sync() {
                return Step::Sync(job);
            }
        }
        // What is overdue was tried above, and could not be done yet.
        let spill_due = self.spill_due().map(|due| due.max(now + OTLP_RETRY_MIN.as_millis() as Millis));
        if self.under_way.is_some() || self.spool.as_ref().is_some_and(Spool::is_blocked) {
            return Step::Wait(spill_due);
        }
        if self.ring.is_empty() && self.spool.as_ref().is_none_or(Spool::is_empty) {
            self.settle_outage();
            return Step::Wait(None);
        }
        let action = if self.not_before > now { Action::Wait(self.not_before) } else { self.retry.next(now, random) };
        match action {
            Action::Busy => Step::Wait(spill_due),
            Action::Wait(due) => Step::Wait(Some(spill_due.map_or(due, |spill| spill.min(due)))),
            Action::Send => match self.take(request) {
                Some(signal) => Step::Send(signal),
                None => {
                    self.retry.cancel();
                    self.not_before = now + OTLP_RETRY_MIN.as_millis() as Millis;
                    Step::Wait(Some(self.not_before))
                }
            },
        }
    }

    /// Ends the request that [`Store::next`] made.
    pub fn finish(&mut self, now: Millis, outcome: Outcome) {
        let Some(under_way) = self.under_way.take() else { return };
        let totals = self.totals();
        let fate = self.retry.done(now, outcome);
        self.was_tried = true;
        if let Fate::Sent { .. } = fate {
            self.taken = Some(now);
        }
        match under_way {
            UnderWay::Ring(batch) => self.ring.settle(batch, fate),
            UnderWay::Segment(batch) => {
                if let Some(spool) = &mut self.spool {
                    spool.settle(batch, fate);
                }
            }
        }
        if self.retry.away_since().is_some() {
            self.before.get_or_insert((totals.sent.items, totals.dropped.items));
        } else if self.spool.as_ref().is_none_or(Spool::is_empty) && self.ring.used_bytes() <= OTLP_BUFFER_STEP_BYTES {
            // What is left came in since: on a busy node there is always some.
            self.settle_outage();
        }
    }

    /// The network is back.
    pub fn hurry(&mut self, now: Millis, random: u32) {
        self.retry.hurry(now, random);
    }

    /// The agent stops: what waits is sent now or not in this life.
    pub fn stop(&mut self, now: Millis) {
        self.retry.stop(now);
    }

    /// A [`SyncJob`] has ended.
    pub fn synced(&mut self, result: std::io::Result<()>) {
        if let Some(spool) = &mut self.spool {
            spool.synced(result);
        }
    }

    /// The agent stops: what waits goes to the spool, in as many pieces as that takes. May take seconds. A request that is on
    /// its way has to be finished before.
    pub fn shut_down(&mut self, now: Millis) {
        let Some(spool) = &mut self.spool else { return };
        loop {
            if let Some(job) = spool.sync() {
                spool.synced(job.run());
            }
            if !spool.spill(&mut self.ring, now) {
                return;
            }
        }
    }

    /// How long the collector has taken nothing.
    pub fn away_since(&self) -> Option<Millis> {
        self.retry.away_since()
    }

    /// Whether the collector answers; `None` before it was asked.
    pub fn is_up(&self) -> Option<bool> {
        self.was_tried.then(|| self.away_since().is_none())
    }

    /// When it last took a request.
    pub fn last_success(&self) -> Option<Millis> {
        self.taken
    }

    /// An outage that has been made up for: once.
    pub fn outage(&mut self) -> Option<Outage> {
        self.outage.take()
    }

    /// A line about the directory of the spool: once.
    pub fn news(&mut self) -> Option<String> {
        self.spool.as_mut()?.news()
    }

    /// What became of the records of a signal, wherever they were: `taken` is what came in, and what was found in the spool
    /// of an earlier life.
    pub fn counts(&self, signal: Signal) -> Counts {
        let mut counts = self.ring.counts(signal);
        if let Some(spool) = &self.spool {
            counts.add(spool.counts(signal));
        }
        // What went from one to the other came in once.
        let moved = std::mem::take(&mut counts.spooled);
        counts.taken.subtract(moved);
        counts.spooled = moved;
        counts
    }

    /// What waits of a signal.
    pub fn held(&self, signal: Signal) -> Tally {
        let mut held = self.ring.held(signal);
        if let Some(spool) = &self.spool {
            held.add(spool.held(signal));
        }
        held
    }

    /// The ring, for its figures.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The spool, for its figures.
    pub fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    fn totals(&self) -> Counts {
        let mut totals = Counts::default();
        Signal::ALL.into_iter().for_each(|signal| totals.add(self.counts(signal)));
        totals
    }

    /// When something is to be moved to the spool.
    fn spill_due(&self) -> Option<Millis> {
        let spool = self.spool.as_ref().filter(|_| !self.ring.is_empty())?;
        let bound = self.ring.bound();
        // It would overflow before the outage is made up for.
        if self.ring.used_bytes() >= bound - bound / 4 && self.retry.is_draining() {
            return Some(spool.not_before());
        }
        let away = self.retry.away_since()?;
        let due = self.spilled.unwrap_or(0).max(away) + OTLP_SPOOL_INTERVAL.as_millis() as Millis;
        Some(due.max(spool.not_before()))
    }

    fn take(&mut self, request: &mut Vec<u8>) -> Option<Signal> {
        if let Some(spool) = self.spool.as_mut().filter(|spool| !spool.is_empty()) {
            let batch = spool.take(request)?;
            let signal = batch.signal();
            self.under_way = Some(UnderWay::Segment(batch));
            return Some(signal);
        }
        let batch = self.ring.take(OTLP_BATCH_BYTES.saturating_sub(self.envelope.overhead()))?;
        self.ring.encode(&batch, &self.envelope, request);
        let signal = batch.signal();
        self.under_way = Some(UnderWay::Ring(batch));
        Some(signal)
    }

    fn settle_outage(&mut self) {
        let Some(Away { began, returned }) = self.retry.caught_up() else { return };
        let (totals, (sent, dropped)) = (self.totals(), self.before.take().unwrap_or_default());
        self.outage = Some(Outage {
            lasted: returned - began,
            sent_items: totals.sent.items - sent,
            dropped_items: totals.dropped.items - dropped,
        });
    }
}
