//! From the clock by which things are timed to the one by which they are told.

use std::time::Instant;

use crate::telemetry::spans::Interval;

/// One moment on both clocks. Taken at the end of what is told, so that it says when that was by the clock of then: before its
/// first answer from a time server, a Pi's is years off.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    now: Instant,
    unix_nanos: u64,
}

impl Clock {
    /// `now` was so many nanoseconds after 1970-01-01 UTC.
    pub fn new(now: Instant, unix_nanos: u64) -> Self {
        Clock { now, unix_nanos }
    }

    /// Nanoseconds since 1970; what was before is then.
    pub fn unix_nanos(&self, at: Instant) -> u64 {
        let nanos = |since: std::time::Duration| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let earlier = nanos(self.now.saturating_duration_since(at));
        let later = nanos(at.saturating_duration_since(self.now));
        self.unix_nanos.saturating_sub(earlier).saturating_add(later)
    }

    /// From when to when.
    pub fn interval(&self, began: Instant, ended: Instant) -> Interval {
        Interval { start_unix_nanos: self.unix_nanos(began), end_unix_nanos: self.unix_nanos(ended) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: u64 = 1_795_231_461_000_000_000;

    #[test]
    fn what_was_and_what_will_be_is_as_far_from_now_by_either_clock() {
        let now = Instant::now() + Duration::from_secs(10);
        let clock = Clock::new(now, NOW);
        let interval = clock.interval(now - Duration::from_nanos(1_500_000_001), now + Duration::from_nanos(7));
        assert_eq!(interval, Interval { start_unix_nanos: NOW - 1_500_000_001, end_unix_nanos: NOW + 7 });
        assert_eq!(clock.unix_nanos(now), NOW);
    }

    #[test]
    fn nothing_is_before_1970_nor_behind_the_end_of_time() {
        let now = Instant::now() + Duration::from_secs(10);
        assert_eq!(Clock::new(now, 5).unix_nanos(now - Duration::from_secs(1)), 0);
        assert_eq!(Clock::new(now, u64::MAX).unix_nanos(now + Duration::from_secs(1)), u64::MAX);
    }
}
