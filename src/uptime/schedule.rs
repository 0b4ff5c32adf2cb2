//! When one monitor is checked: on a grid that never drifts, and besides it where a check is wanted sooner.

use super::{Millis, millis};
use crate::limits::FIRST_CHECKS;

/// The times of one monitor's checks, of which never two run at once.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// One point of the grid.
    anchor: Millis,
    interval: Millis,
    /// The next point of the grid, or the next retry.
    next: Millis,
    /// From here on a check is wanted without regard to the grid.
    wanted: Option<Millis>,
    /// When the check that runs began.
    running: Option<Millis>,
    first: bool,
}

impl Schedule {
    /// For the monitor at `place` of `count`: their first checks are soon, and their grids are spread over the interval.
    pub fn new(place: usize, count: usize, interval: Millis, now: Millis) -> Self {
        let interval = interval.max(1);
        let share = |span: Millis| span.saturating_mul(place as u64) / count.max(1) as u64;
        Schedule {
            anchor: now.saturating_add(share(interval)),
            interval,
            next: now.saturating_add(share(interval.min(millis(FIRST_CHECKS)))),
            wanted: None,
            running: None,
            first: true,
        }
    }

    /// When the next check is due; `None` while one runs.
    pub fn due(&self) -> Option<Millis> {
        match self.running {
            Some(_) => None,
            None => Some(self.wanted.map_or(self.next, |wanted| wanted.min(self.next))),
        }
    }

    /// A check begins.
    pub fn begin(&mut self, now: Millis) {
        self.running = Some(now);
        self.wanted = None;
        // Not twice in a moment at the start, where the first check lies beside the grid.
        let rest = if self.first { self.interval / 2 } else { 0 };
        self.first = false;
        self.next = self.grid_after(now.saturating_add(rest));
    }

    /// It has ended, and the next is to come after `retry`, or on the grid: at its next point, if one was missed.
    pub fn end(&mut self, now: Millis, retry: Option<Millis>) {
        self.running = None;
        match retry {
            Some(retry) => self.next = now.saturating_add(retry.min(self.interval)),
            None if self.next < now => self.next = self.grid_after(now),
            None => {}
        }
    }

    /// Asks for a check at `at`, if none begins sooner. One that runs does not count, as it began before.
    pub fn want(&mut self, at: Millis) {
        self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
    }

    /// When the check that runs began.
    pub fn running(&self) -> Option<Millis> {
        self.running
    }

    /// Goes on with another interval.
    pub fn set_interval(&mut self, interval: Millis, now: Millis) {
        let interval = interval.max(1);
        if interval != self.interval {
            self.interval = interval;
            self.next = self.next.min(self.grid_after(now));
        }
    }

    fn grid_after(&self, at: Millis) -> Millis {
        match at.checked_sub(self.anchor) {
            None => self.anchor,
            Some(since) => self.anchor.saturating_add((since / self.interval + 1).saturating_mul(self.interval)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins the check that is due, at its time.
    fn begin(schedule: &mut Schedule) -> Millis {
        let at = schedule.due().unwrap();
        schedule.begin(at);
        at
    }

    #[test]
    fn five_thousand_checks_do_not_drift() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut schedule = Schedule::new(3, 7, 10_000, 1_234);
        let first = begin(&mut schedule);
        assert_eq!(first, 1_234 + 30_000 / 7);
        schedule.end(first, None);
        for check in 1..=5_000 {
            let due = schedule.due().unwrap();
            assert_eq!(due, first + check * 10_000);
            // The executor is late, and a check takes its time.
            let began = due + random.u64(0..50);
            schedule.begin(began);
            schedule.end(began + random.u64(0..9_900), None);
        }
    }

    #[test]
    fn checks_are_spread_over_the_interval_and_the_first_ones_over_ten_seconds() {
        let first: Vec<_> = (0..6).map(|place| Schedule::new(place, 6, 60_000, 0).due().unwrap()).collect();
        assert_eq!(first, [0, 1_666, 3_333, 5_000, 6_666, 8_333]);
        let second: Vec<_> = (0..6)
            .map(|place| {
                let mut schedule = Schedule::new(place, 6, 60_000, 0);
                let at = begin(&mut schedule);
                schedule.end(at, None);
                schedule.due().unwrap()
            })
            .collect();
        assert_eq!(second, [60_000, 70_000, 80_000, 90_000, 40_000, 50_000]);
    }

    #[test]
    fn a_check_that_takes_longer_than_the_interval_skips_what_it_missed() {
        let mut schedule = Schedule::new(0, 1, 10_000, 0);
        begin(&mut schedule);
        assert_eq!(schedule.due(), None);
        schedule.end(34_000, None);
        assert_eq!(schedule.due(), Some(40_000));
        begin(&mut schedule);
        schedule.end(50_000, None);
        assert_eq!(schedule.due(), Some(50_000), "ended just in time");
    }

    #[test]
    fn an_agent_that_slept_makes_one_check_and_not_all_it_missed() {
        let mut schedule = Schedule::new(0, 1, 10_000, 0);
        begin(&mut schedule);
        schedule.end(100, None);
        schedule.begin(95_000);
        schedule.end(95_100, None);
        assert_eq!(schedule.due(), Some(100_000));
    }

    #[test]
    fn a_retry_leaves_the_grid_and_comes_back_to_it() {
        let mut schedule = Schedule::new(0, 1, 60_000, 0);
        begin(&mut schedule);
        schedule.end(200, Some(5_000));
        assert_eq!(begin(&mut schedule), 5_200);
        schedule.end(5_300, Some(5_000));
        assert_eq!(begin(&mut schedule), 10_300);
        schedule.end(10_400, None);
        assert_eq!(schedule.due(), Some(60_000));
    }

    #[test]
    fn a_retry_is_never_later_than_an_interval() {
        let mut schedule = Schedule::new(0, 1, 2_000, 0);
        begin(&mut schedule);
        schedule.end(100, Some(5_000));
        assert_eq!(schedule.due(), Some(2_100));
    }

    #[test]
    fn a_wanted_check_comes_at_once_and_moves_no_other() {
        let mut schedule = Schedule::new(0, 1, 60_000, 0);
        begin(&mut schedule);
        schedule.end(200, None);
        schedule.want(7_000);
        schedule.want(9_000);
        assert_eq!(begin(&mut schedule), 7_000);
        schedule.end(7_100, None);
        assert_eq!(schedule.due(), Some(60_000));
    }

    #[test]
    fn a_check_wanted_while_one_runs_follows_it() {
        let mut schedule = Schedule::new(0, 1, 60_000, 0);
        begin(&mut schedule);
        schedule.want(4_000);
        assert_eq!(schedule.due(), None, "never two at once");
        schedule.end(30_000, None);
        schedule.begin(30_000);
        schedule.end(30_100, None);
        assert_eq!(schedule.due(), Some(60_000), "and only one");
    }

    #[test]
    fn numbers_without_sense_do_no_harm() {
        let mut schedule = Schedule::new(9, 0, 0, u64::MAX);
        begin(&mut schedule);
        schedule.end(u64::MAX, Some(u64::MAX));
        assert_eq!(schedule.due(), Some(u64::MAX));
    }
}
