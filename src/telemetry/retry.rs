//! When a request is sent, and when it is sent again: the rules of OTLP's specification ("Failures", "OTLP/gRPC
//! Throttling", "Retryable Response Codes", "OTLP/HTTP Throttling"). No clock and no socket: time and luck come in as
//! arguments.

use std::time::Duration;

use super::ring::Fate;
use crate::limits::{OTLP_DRAIN_SPACING, OTLP_RETRY_AFTER_MAX, OTLP_RETRY_MAX, OTLP_RETRY_MIN, OTLP_RETURN_SPREAD};
use crate::snapshot::Millis;

/// How an export has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken, all but so many items (partial success).
    Accepted {
        /// Items that the collector rejected.
        rejected: u64,
    },
    /// Not now. With a pause that the collector has asked for.
    Again(Option<Duration>),
    /// Not ever.
    Refused,
}

impl Outcome {
    /// No connection, or none that lasted until the answer, or no answer in time.
    pub const UNREACHABLE: Outcome = Outcome::Again(None);

    /// What a gRPC status means, with the `retry_delay` of a `RetryInfo` among its details. For status 0 see the response:
    /// it may reject items.
    pub fn of_grpc(status: u32, retry_info: Option<Duration>) -> Self {
        match (status, retry_info) {
            (0, _) => Outcome::Accepted { rejected: 0 },
            // CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS.
            (1 | 4 | 10 | 11 | 14 | 15, asked) => Outcome::Again(asked),
            // RESOURCE_EXHAUSTED: for good, unless the collector says when to come again.
            (8, Some(asked)) => Outcome::Again(Some(asked)),
            _ => Outcome::Refused,
        }
    }

    /// What an HTTP status means, with the pause of its `Retry-After`. For 200 see the response: it may reject items.
    pub fn of_http(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..300 => Outcome::Accepted { rejected: 0 },
            429 | 502..=504 => Outcome::Again(retry_after),
            _ => Outcome::Refused,
        }
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the next request: [`Retry::done`] has to be told how it went.
    Send,
    /// Nothing before then.
    Wait(Millis),
    /// Nothing before the request that is on its way has ended.
    Busy,
}

/// An outage that is over: the collector took nothing from `began` to `returned`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// The end of the first request that failed.
    pub began: Millis,
    /// The end of the first that did not.
    pub returned: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Busy,
    /// A request ended then; how long to pause after it is not decided yet.
    Ended(Millis, Pause),
    Until(Millis),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    /// After so many failures in a row, and not less than was asked for.
    Failed(u32, Millis),
    /// Between the requests that make up for an outage.
    Spacing,
}

/// See the module.
#[derive(Debug)]
pub struct Retry {
    state: State,
    /// Requests that were not taken, in a row.
    failures: u32,
    began: Option<Millis>,
    returned: Option<Millis>,
    /// There is something to make up for.
    draining: bool,
    /// The end of the last pause that the collector asked for.
    not_before: Millis,
}

impl Retry {
    /// One that may send at once; `draining` where an earlier life has left something to send.
    pub fn new(draining: bool) -> Self {
        Retry { state: State::Ready, failures: 0, began: None, returned: None, draining, not_before: 0 }
    }

    /// What to do, where there is something to send. `random` decides where in a pause the next try lies: a thousand nodes
    /// that a collector has failed together must not come back together.
    pub fn next(&mut self, now: Millis, random: u32) -> Action {
        if let State::Ended(then, pause) = self.state {
            self.state = State::Until(then + pause.millis(random));
        }
        match self.state {
            State::Busy => Action::Busy,
            State::Until(due) if due > now => Action::Wait(due),
            _ => {
                self.state = State::Busy;
                Action::Send
            }
        }
    }

    /// Ends the request that [`Retry::next`] began, and says what becomes of its batch.
    pub fn done(&mut self, now: Millis, outcome: Outcome) -> Fate {
        let (fate, asked) = match outcome {
            Outcome::Accepted { rejected } => (Fate::Sent { rejected }, None),
            Outcome::Again(asked) => (Fate::Kept, asked),
            Outcome::Refused => (Fate::Refused, None),
        };
        if fate == Fate::Kept {
            self.began.get_or_insert(now);
            (self.returned, self.draining) = (None, true);
        } else if self.began.is_some() {
            self.returned.get_or_insert(now);
        }
        self.state = match fate {
            Fate::Sent { .. } => {
                self.failures = 0;
                if self.draining { State::Ended(now, Pause::Spacing) } else { State::Ready }
            }
            // One that refuses everything, as a captive portal does, gets no more than the tries of an outage would give it.
            _ => {
                let asked = millis(asked.unwrap_or_default().min(OTLP_RETRY_AFTER_MAX));
                let pause = Pause::Failed(self.failures, asked);
                self.not_before = now + asked;
                self.failures = self.failures.saturating_add(1);
                State::Ended(now, pause)
            }
        };
        fate
    }

    /// Takes back [`Action::Send`]: there was nothing to send.
    pub fn cancel(&mut self) {
        if self.state == State::Busy {
            self.state = State::Ready;
        }
    }

    /// The network is back: what waits for the end of a pause is tried within [`OTLP_RETURN_SPREAD`], unless the collector
    /// has asked for a longer one.
    pub fn hurry(&mut self, now: Millis, random: u32) {
        let soon = now.max(self.not_before) + spread(millis(OTLP_RETURN_SPREAD), random);
        match self.state {
            State::Until(due) if due > soon => self.state = State::Until(soon),
            State::Ended(_, Pause::Failed(..)) => self.state = State::Until(soon),
            _ => {}
        }
    }

    /// The agent stops: what is left is tried at once, and without pauses between requests, unless the collector has asked
    /// for a pause. The pause after a failure remains.
    pub fn stop(&mut self, now: Millis) {
        self.draining = false;
        if self.state != State::Busy && now >= self.not_before {
            self.state = State::Ready;
        }
    }

    /// How long the collector has taken nothing.
    pub fn away_since(&self) -> Option<Millis> {
        self.began.filter(|_| self.returned.is_none())
    }

    /// Whether an outage is not made up for yet.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Nothing waits any more. Says of the outage that this makes up for, once.
    pub fn caught_up(&mut self) -> Option<Away> {
        if self.away_since().is_some() {
            return None;
        }
        self.draining = false;
        if let State::Ended(_, Pause::Spacing) = self.state {
            self.state = State::Ready;
        }
        Some(Away { began: self.began.take()?, returned: self.returned.take()? })
    }
}

impl Pause {
    fn millis(self, random: u32) -> Millis {
        match self {
            Pause::Spacing => {
                let least = millis(OTLP_DRAIN_SPACING);
                least + spread(least / 2, random)
            }
            Pause::Failed(failures, asked) => {
                let full = ((2 * millis(OTLP_RETRY_MIN)) << failures.min(16)).min(millis(OTLP_RETRY_MAX));
                let own = full / 2 + spread(full / 2, random);
                // Never earlier than asked for, and not all at that moment either.
                own.max(asked + if asked > 0 { spread(asked / 4 + 1, random) } else { 0 })
            }
        }
    }
}

/// From 0 to almost `most`.
fn spread(most: Millis, random: u32) -> Millis {
    (most * u64::from(random)) >> 32
}

const fn millis(duration: Duration) -> Millis {
    duration.as_millis() as Millis
}

#[cfg(test)]
mod tests;
