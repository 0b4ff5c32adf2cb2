//! Which phase began when. Time comes in as an argument.

use std::time::{Duration, Instant};

use crate::client::progress::Phase;
use crate::limits::{CHECK_TIMEOUT_MAX, PHASES, QUEUE_MIN};

/// The phases of one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    /// When the first one began.
    started: Option<Instant>,
    begun: heapless::Vec<Begun, PHASES>,
    /// Phases that the last one has taken the place of, and when the first of them began.
    left_out: (u16, u32),
    ended: Option<u32>,
}

/// A phase, and after how many microseconds it began.
#[derive(Clone, Copy, Debug)]
struct Begun {
    phase: Phase,
    micros: u32,
}

// What takes longer than 71 minutes ends there.
const _: () = assert!(CHECK_TIMEOUT_MAX.as_micros() <= u32::MAX as u128);

impl Timeline {
    /// A phase begins, unless it is the one that goes on. Where there is no room for one more, it takes the place of the
    /// last: what a request has come to matters most.
    pub(super) fn enter(&mut self, phase: Phase, now: Instant) {
        self.ended = None;
        if self.begun.last().is_some_and(|last| last.phase == phase) {
            return;
        }
        let micros = self.micros(now);
        if let Err(next) = self.begun.push(Begun { phase, micros })
            && let Some(last) = self.begun.last_mut()
        {
            let (left_out, since) = self.left_out;
            self.left_out = (left_out.saturating_add(1), if left_out == 0 { last.micros } else { since });
            *last = next;
        }
    }

    /// Looking up a name began at `begun`, or has not. A thread that had to be started first made nobody wait.
    pub(super) fn queued_until(&mut self, begun: Option<Instant>, now: Instant) {
        let begun_micros = begun.map(|begun| self.micros(begun));
        match self.begun.last_mut() {
            Some(last) if last.phase == Phase::Resolving => {
                let waited = begun_micros.map(|begun| Duration::from_micros(begun.saturating_sub(last.micros).into()));
                if waited.is_some_and(|waited| waited < QUEUE_MIN) {
                    return;
                }
                last.phase = Phase::Queued;
                if let Some(begun) = begun {
                    self.enter(Phase::Resolving, begun);
                }
            }
            _ if begun.is_none() => self.enter(Phase::Queued, now),
            _ => {}
        }
    }

    /// The last phase ends.
    pub(super) fn end(&mut self, now: Instant) {
        if self.started.is_some() {
            self.ended = Some(self.micros(now));
        }
    }

    pub(super) fn phases(&self, now: Instant) -> Phases {
        let mut timeline = self.clone();
        if timeline.ended.is_none() {
            timeline.end(now);
        }
        Phases { timeline, next: 0 }
    }

    fn micros(&mut self, at: Instant) -> u32 {
        let since = at.saturating_duration_since(*self.started.get_or_insert(at));
        u32::try_from(since.as_micros()).unwrap_or(u32::MAX)
    }
}

/// Each phase of a request with its beginning and its end, in their order.
#[derive(Clone, Debug)]
pub struct Phases {
    timeline: Timeline,
    next: usize,
}

impl Phases {
    /// Phases that there was no room for, all of them between the last one and the one before.
    pub fn left_out(&self) -> u16 {
        self.timeline.left_out.0
    }
}

impl Iterator for Phases {
    type Item = (Phase, Instant, Instant);

    fn next(&mut self) -> Option<Self::Item> {
        let Timeline { started, begun, left_out, ended } = &self.timeline;
        let (this, started) = (begun.get(self.next)?, (*started)?);
        self.next += 1;
        let end = match begun.get(self.next) {
            Some(_) if left_out.0 > 0 && self.next + 1 == begun.len() => left_out.1,
            Some(next) => next.micros,
            None => (*ended)?,
        };
        let at = |micros: u32| started + Duration::from_micros(micros.into());
        Some((this.phase, at(this.micros), at(end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::{Connecting, Handshake, Queued, Reading, Resolving, Sending, Waiting};

    /// Where time begins.
    fn zero() -> Instant {
        Instant::now()
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// As they are told at `now`, in milliseconds since `zero`.
    fn told(timeline: &Timeline, zero: Instant, now: u64) -> Vec<(Phase, u64, u64)> {
        let since = |at: Instant| (at - zero).as_millis() as u64;
        timeline.phases(zero + ms(now)).map(|(phase, began, ended)| (phase, since(began), since(ended))).collect()
    }

    #[test]
    fn each_phase_lasts_until_the_next_and_the_last_until_the_end() {
        let (zero, mut timeline) = (zero(), Timeline::default());
        assert_eq!(told(&timeline, zero, 9), []);
        for (phase, at) in [(Resolving, 3), (Connecting, 5), (Handshake, 5), (Waiting, 20)] {
            timeline.enter(phase, zero + ms(at));
        }
        let expected = |end| vec![(Resolving, 3, 5), (Connecting, 5, 5), (Handshake, 5, 20), (Waiting, 20, end)];
        assert_eq!(told(&timeline, zero, 30), expected(30));
        timeline.end(zero + ms(40));
        assert_eq!(told(&timeline, zero, 99), expected(40));
        assert_eq!(timeline.phases(zero).left_out(), 0);
    }

    #[test]
    fn what_ends_before_anything_has_begun_has_no_phases() {
        let (zero, mut timeline) = (zero(), Timeline::default());
        timeline.end(zero);
        assert_eq!(told(&timeline, zero, 9), []);
        timeline.enter(Resolving, zero + ms(2));
        assert_eq!(told(&timeline, zero, 9), [(Resolving, 2, 9)]);
    }

    #[test]
    fn a_phase_that_goes_on_is_one() {
        let (zero, mut timeline) = (zero(), Timeline::default());
        for (phase, at) in [(Sending, 0), (Sending, 4), (Waiting, 6), (Waiting, 7)] {
            timeline.enter(phase, zero + ms(at));
        }
        assert_eq!(told(&timeline, zero, 9), [(Sending, 0, 6), (Waiting, 6, 9)]);
    }

    #[test]
    fn a_name_that_had_to_wait_was_queued_before_it_was_looked_up() {
        let queued = |begun: Option<u64>| {
            let (zero, mut timeline) = (zero(), Timeline::default());
            timeline.enter(Resolving, zero + ms(10));
            timeline.queued_until(begun.map(|at| zero + ms(at)), zero + ms(50));
            timeline.enter(Connecting, zero + ms(60));
            told(&timeline, zero, 70)
        };
        assert_eq!(queued(Some(40)), [(Queued, 10, 40), (Resolving, 40, 60), (Connecting, 60, 70)]);
        assert_eq!(queued(None), [(Queued, 10, 60), (Connecting, 60, 70)]);
        // Another check has asked for it before, or a thread was started.
        for at in [0, 10, 19] {
            assert_eq!(queued(Some(at)), [(Resolving, 10, 60), (Connecting, 60, 70)]);
        }
        let (zero, mut timeline) = (zero(), Timeline::default());
        timeline.queued_until(None, zero + ms(1));
        assert_eq!(told(&timeline, zero, 3), [(Queued, 1, 3)]);
    }

    #[test]
    fn of_many_redirects_the_first_phases_are_kept_and_the_last_one() {
        let (zero, mut timeline) = (zero(), Timeline::default());
        let hop = [Resolving, Connecting, Sending, Waiting, Reading];
        let all: Vec<(Phase, u64)> = hop.into_iter().cycle().zip((0..).map(|at| 10 * at)).take(5 * 7).collect();
        for (phase, at) in &all {
            timeline.enter(*phase, zero + ms(*at));
        }
        timeline.end(zero + ms(1000));
        let told = told(&timeline, zero, 2000);
        assert_eq!(told.len(), PHASES);
        for ((phase, at), told) in all.iter().zip(&told[..PHASES - 1]) {
            assert_eq!((*phase, *at, at + 10), *told);
        }
        assert_eq!(told[PHASES - 1], (Reading, 340, 1000));
        assert_eq!(timeline.phases(zero).left_out() as usize, all.len() - PHASES);
    }

    #[test]
    fn whatever_happens_phases_follow_one_another_within_the_time_of_the_request() {
        const ALL: [Phase; 7] = [Queued, Resolving, Connecting, Handshake, Sending, Waiting, Reading];
        let mut random = fastrand::Rng::with_seed(5);
        for round in 0..2000 {
            let (zero, mut timeline) = (zero(), Timeline::default());
            let (mut now, mut entered) = (zero, 0);
            for _ in 0..random.usize(..60) {
                let before = now;
                now += Duration::from_micros(random.u64(..50_000));
                match random.u8(..10) {
                    0 => timeline.end(now),
                    1 => timeline.queued_until(None, now),
                    2 => {
                        let begun = before + (now - before) / 2;
                        timeline.queued_until(Some(begun), now);
                    }
                    _ => {
                        timeline.enter(ALL[random.usize(..ALL.len())], now);
                        entered += 1;
                    }
                }
            }
            let phases: Vec<_> = timeline.phases(now).collect();
            assert!(phases.len() <= PHASES && (entered == 0 || !phases.is_empty()), "round {round}");
            for (at, (_, began, ended)) in phases.iter().enumerate() {
                assert!(zero <= *began && began <= ended && *ended <= now, "round {round}: {phases:?}");
                if let Some((_, next, _)) = phases.get(at + 1) {
                    let gap = timeline.left_out.0 > 0 && at + 2 == phases.len();
                    assert!(if gap { ended <= next } else { ended == next }, "round {round}: {phases:?}");
                }
            }
        }
    }

    #[test]
    fn what_takes_longer_than_can_be_told_ends_there() {
        let (zero, mut timeline) = (zero(), Timeline::default());
        timeline.enter(Sending, zero);
        timeline.enter(Waiting, zero + Duration::from_secs(86_400));
        let longest = u64::from(u32::MAX) / 1000;
        assert_eq!(told(&timeline, zero, 90_000_000), [(Sending, 0, longest), (Waiting, longest, longest)]);
    }

    #[test]
    fn phases_take_little_memory() {
        let bytes = size_of::<Timeline>();
        assert!(bytes <= 24 + 8 * PHASES + 16, "{bytes}");
    }
}
