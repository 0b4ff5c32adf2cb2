//! What waits for one receiver: in order, one at a time, again and again until it is taken or too old.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::limits::{
    OUTBOX_BYTES, OUTBOX_MESSAGES, POST_AGE_MAX, POST_RETRY_AFTER_MAX, POST_RETRY_MAX, POST_RETRY_MIN,
};
use crate::snapshot::Millis;

/// Messages to one receiver, or to several of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by the receiver.
    pub sent: u64,
    /// Refused by it, or too old at last.
    pub failed: u64,
    /// Tries after which there was another.
    pub retried: u64,
    /// Never tried to the end: there were too many, or the agent stopped.
    pub dropped: u64,
}

/// How a try has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Taken.
    Sent,
    /// Not wanted, now or ever.
    Refused,
    /// To be tried again, after these seconds if the receiver says so.
    Again(Option<u64>),
}

impl Verdict {
    /// What the receiver's answer means.
    pub(super) fn of(status: u16, retry_after_secs: Option<u64>) -> Self {
        match status {
            200..300 => Verdict::Sent,
            408 | 429 | 500.. => Verdict::Again(retry_after_secs),
            _ => Verdict::Refused,
        }
    }
}

/// The messages of one receiver.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: VecDeque<Message>,
    bytes: usize,
    /// The first one is on its way.
    in_flight: bool,
    /// Tries without an answer that settled anything, in a row.
    failures: u32,
    not_before: Millis,
    counts: Counts,
}

#[derive(Debug)]
struct Message {
    body: Rc<str>,
    queued: Millis,
}

impl Lane {
    /// Puts a message at the end.
    pub(super) fn push(&mut self, body: Rc<str>, now: Millis) {
        if body.len() > OUTBOX_BYTES {
            self.counts.dropped += 1;
            return;
        }
        // The one on its way is out of reach.
        let oldest = usize::from(self.in_flight);
        while self.waiting.len() > oldest
            && (self.waiting.len() >= OUTBOX_MESSAGES || self.bytes + body.len() > OUTBOX_BYTES)
        {
            self.remove(oldest);
            self.counts.dropped += 1;
        }
        self.bytes += body.len();
        self.waiting.push_back(Message { body, queued: now });
    }

    /// When the next try is to be made; `None` while one is, or where nothing waits.
    pub(super) fn due(&self) -> Option<Millis> {
        (!self.in_flight && !self.waiting.is_empty()).then_some(self.not_before)
    }

    /// The message to try now. It stays the first until [`Lane::finish`].
    pub(super) fn take(&mut self, now: Millis) -> Option<Rc<str>> {
        if self.due()? > now {
            return None;
        }
        while self.waiting.front().is_some_and(|first| first.queued + millis(POST_AGE_MAX) <= now) {
            self.remove(0);
            self.counts.failed += 1;
        }
        let first = self.waiting.front()?;
        self.in_flight = true;
        Some(Rc::clone(&first.body))
    }

    /// Ends the try that [`Lane::take`] began. `random` decides where in the pause's second half the next try lies: a
    /// thousand nodes that a receiver has failed together must not come back together.
    pub(super) fn finish(&mut self, verdict: Verdict, now: Millis, random: u32) {
        self.in_flight = false;
        match verdict {
            Verdict::Sent | Verdict::Refused => {
                self.remove(0);
                (self.failures, self.not_before) = (0, now);
                *(if verdict == Verdict::Sent { &mut self.counts.sent } else { &mut self.counts.failed }) += 1;
            }
            Verdict::Again(retry_after_secs) => {
                let asked = Duration::from_secs(retry_after_secs.unwrap_or(0)).min(POST_RETRY_AFTER_MAX);
                let pause = pause(self.failures, random).max(millis(asked));
                self.failures = self.failures.saturating_add(1);
                self.not_before = now + pause;
                self.counts.retried += 1;
            }
        }
    }

    /// Forgets that a message is on its way, and the pause before the next.
    pub(super) fn hurry(&mut self) {
        (self.in_flight, self.not_before) = (false, 0);
    }

    /// Drops what waits and says how much that was.
    pub(super) fn drop_all(&mut self) -> usize {
        let dropped = self.waiting.len();
        self.counts.dropped += dropped as u64;
        self.waiting.clear();
        (self.bytes, self.in_flight) = (0, false);
        dropped
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn remove(&mut self, place: usize) {
        if let Some(message) = self.waiting.remove(place) {
            self.bytes -= message.body.len();
        }
    }
}

/// After so many failures in a row: between half of the full pause and all of it.
fn pause(failures: u32, random: u32) -> Millis {
    let longest = millis(POST_RETRY_MAX);
    let full = ((2 * millis(POST_RETRY_MIN)) << failures.min(16)).min(longest);
    full / 2 + ((full / 2 * u64::from(random)) >> 32)
}

pub(super) fn millis(duration: Duration) -> Millis {
    duration.as_millis() as Millis
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Millis = 1000;

    fn text(at: usize) -> Rc<str> {
        at.to_string().into()
    }

    fn lane(messages: usize) -> Lane {
        let mut lane = Lane::default();
        (0..messages).for_each(|at| lane.push(text(at), 0));
        lane
    }

    #[test]
    fn messages_leave_in_order_and_one_at_a_time() {
        let mut lane = lane(2);
        assert_eq!(lane.take(0), Some(text(0)));
        assert_eq!((lane.due(), lane.take(0)), (None, None));
        lane.finish(Verdict::Sent, 1, 0);
        assert_eq!(lane.take(1), Some(text(1)));
        lane.finish(Verdict::Sent, 2, 0);
        assert_eq!((lane.due(), lane.take(2)), (None, None));
        assert_eq!(lane.counts(), Counts { sent: 2, ..Counts::default() });
    }

    #[test]
    fn a_failed_message_is_tried_again_and_none_overtakes_it() {
        let mut lane = lane(2);
        let mut pauses = Vec::new();
        let mut now = 0;
        for _ in 0..10 {
            assert_eq!(lane.take(now), Some(text(0)));
            lane.finish(Verdict::Again(None), now, 0);
            let due = lane.due().unwrap();
            assert_eq!(lane.take(due - 1), None);
            pauses.push((due - now) / SEC);
            now = due;
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 150, 150, 150, 150, 150]);
        assert_eq!((lane.waiting(), lane.counts()), (2, Counts { retried: 10, ..Counts::default() }));
    }

    #[test]
    fn pauses_are_spread_between_half_and_whole() {
        for failures in [0, 1, 5, 40, u32::MAX] {
            let (least, most) = (pause(failures, 0), pause(failures, u32::MAX));
            assert!(least >= 5 * SEC && most <= 300 * SEC && most >= 2 * least - 1, "{failures}: {least} {most}");
            assert!((least..most).contains(&pause(failures, u32::MAX / 2)));
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_ever() {
        let paused = |retry_after| {
            let mut lane = lane(1);
            lane.take(0);
            lane.finish(Verdict::Again(Some(retry_after)), 0, 0);
            lane.due().unwrap() / SEC
        };
        assert_eq!((paused(0), paused(1), paused(30), paused(86_400), paused(u64::MAX)), (5, 5, 30, 3600, 3600));
    }

    #[test]
    fn after_a_success_the_pauses_begin_anew() {
        let mut lane = lane(2);
        for now in [0, 20, 40].map(|secs| secs * SEC) {
            lane.take(now);
            lane.finish(Verdict::Again(None), now, 0);
        }
        lane.take(1000 * SEC);
        lane.finish(Verdict::Sent, 1000 * SEC, 0);
        assert_eq!(lane.take(1000 * SEC), Some(text(1)));
        lane.finish(Verdict::Again(None), 1000 * SEC, 0);
        assert_eq!(lane.due(), Some(1005 * SEC));
    }

    #[test]
    fn a_refused_message_does_not_hold_up_the_next() {
        let mut lane = lane(2);
        lane.take(0);
        lane.finish(Verdict::Refused, 0, 0);
        assert_eq!(lane.take(0), Some(text(1)));
        assert_eq!(lane.counts(), Counts { failed: 1, ..Counts::default() });
    }

    #[test]
    fn a_message_is_given_up_after_a_day() {
        let mut lane = lane(1);
        let day = 86_400 * SEC;
        lane.push(text(1), SEC);
        lane.push(text(2), day);
        assert_eq!(lane.take(day - 1), Some(text(0)));
        lane.finish(Verdict::Again(None), day - 1, 0);
        assert_eq!(lane.take(2 * day - 1), Some(text(2)));
        assert_eq!(lane.counts().failed, 2);
    }

    #[test]
    fn the_oldest_makes_room_but_not_the_one_on_its_way() {
        let mut lane = lane(OUTBOX_MESSAGES + 2);
        assert_eq!((lane.waiting(), lane.counts().dropped), (OUTBOX_MESSAGES, 2));
        assert_eq!(lane.take(0), Some(text(2)));
        lane.push(text(99), 0);
        assert_eq!((lane.waiting(), lane.counts().dropped), (OUTBOX_MESSAGES, 3));
        lane.finish(Verdict::Sent, 0, 0);
        assert_eq!(lane.take(0), Some(text(4)));
    }

    #[test]
    fn bytes_are_bounded_as_well() {
        let mut lane = Lane::default();
        let long: Rc<str> = "x".repeat(OUTBOX_BYTES / 2).into();
        for _ in 0..5 {
            lane.push(Rc::clone(&long), 0);
        }
        assert_eq!((lane.waiting(), lane.bytes, lane.counts().dropped), (2, OUTBOX_BYTES, 3));
        lane.push("x".repeat(OUTBOX_BYTES + 1).into(), 0);
        assert_eq!((lane.waiting(), lane.counts().dropped), (2, 4));
        assert_eq!((lane.drop_all(), lane.bytes, lane.counts().dropped), (2, 0, 6));
    }

    #[test]
    fn the_answer_decides_whether_a_message_is_tried_again() {
        for (status, verdict) in [
            (200, Verdict::Sent),
            (204, Verdict::Sent),
            (301, Verdict::Refused),
            (400, Verdict::Refused),
            (404, Verdict::Refused),
            (408, Verdict::Again(Some(7))),
            (429, Verdict::Again(Some(7))),
            (500, Verdict::Again(Some(7))),
            (503, Verdict::Again(Some(7))),
        ] {
            assert_eq!(Verdict::of(status, Some(7)), verdict, "{status}");
        }
    }
}
