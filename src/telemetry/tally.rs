//! What waits for the collector, in numbers.

/// What OTLP has a service each for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Data points.
    Metrics,
    /// Log records.
    Logs,
    /// Spans.
    Traces,
}

impl Signal {
    /// All of them, each at the place that its number says.
    pub const ALL: [Signal; 3] = [Signal::Metrics, Signal::Logs, Signal::Traces];
}

/// So many records, and so many data points, log records or spans in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Items.
    pub items: u64,
}

impl Tally {
    /// One record of so many items.
    pub fn one(items: u32) -> Self {
        Tally { records: 1, items: items.into() }
    }

    /// Adds to it.
    pub fn add(&mut self, other: Tally) {
        self.records += other.records;
        self.items += other.items;
    }

    /// Takes away from it.
    pub fn subtract(&mut self, other: Tally) {
        self.records = self.records.saturating_sub(other.records);
        self.items = self.items.saturating_sub(other.items);
    }
}

/// What has become of the records of one signal. Every one that came in has been sent, refused, dropped or moved to the
/// spool, or is still held; every item of it likewise, or the collector has rejected it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came in.
    pub taken: Tally,
    /// The collector has them.
    pub sent: Tally,
    /// Items that it did not want of requests that it took (partial success).
    pub rejected: u64,
    /// Of requests that it did not want.
    pub refused: Tally,
    /// There was no room for them.
    pub dropped: Tally,
    /// Moved to the spool.
    pub spooled: Tally,
}

impl Counts {
    /// Adds to it.
    pub fn add(&mut self, other: Counts) {
        self.taken.add(other.taken);
        self.sent.add(other.sent);
        self.rejected += other.rejected;
        self.refused.add(other.refused);
        self.dropped.add(other.dropped);
        self.spooled.add(other.spooled);
    }

    /// Counts a batch whose fate is settled.
    pub(super) fn settle(&mut self, tally: Tally, fate: Fate) {
        match fate {
            Fate::Sent { rejected } => {
                let rejected = rejected.min(tally.items);
                self.sent.add(Tally { items: tally.items - rejected, ..tally });
                self.rejected += rejected;
            }
            Fate::Refused => self.refused.add(tally),
            Fate::Spooled => self.spooled.add(tally),
            Fate::Kept => {}
        }
    }
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The collector has it, all but so many items.
    Sent {
        /// Items that it rejected, which are not sent again.
        rejected: u64,
    },
    /// It does not want it, now or ever.
    Refused,
    /// It stands in the spool.
    Spooled,
    /// It is to be sent again.
    Kept,
}

/// The time and size of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of the oldest item in it, since 1970.
    pub unix_nanos: u64,
    /// Data points, log records or spans.
    pub items: u32,
}
