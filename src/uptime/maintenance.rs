//! Whether a maintenance window is open. The only place here that asks for the wall clock, which it gets as a number:
//! who does not trust the clock does not ask.

const DAY_SECS: u64 = 24 * 3600;
const WEEK_SECS: u64 = 7 * DAY_SECS;

/// 1970 began on a Thursday.
const EPOCH_WEEK_SECS: u64 = 3 * DAY_SECS;

/// When a window is open. Its end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Once; in seconds since 1970.
    Once {
        /// The first second.
        from_unix_secs: u64,
        /// The second after the last.
        to_unix_secs: u64,
    },
    /// Every week; UTC.
    Weekly {
        /// Seconds since Monday 00:00.
        from_week_secs: u32,
        /// How long. It may run into the next week; a whole week is always.
        duration_secs: u32,
    },
}

/// Whether `window` is open at `unix_secs`.
pub fn is_open(window: Window, unix_secs: u64) -> bool {
    match window {
        Window::Once { from_unix_secs, to_unix_secs } => (from_unix_secs..to_unix_secs).contains(&unix_secs),
        Window::Weekly { from_week_secs, duration_secs } => {
            let of_week = (unix_secs % WEEK_SECS + EPOCH_WEEK_SECS) % WEEK_SECS;
            let since_start = (of_week + WEEK_SECS - u64::from(from_week_secs) % WEEK_SECS) % WEEK_SECS;
            since_start < u64::from(duration_secs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 2026-11-16 00:00:00 UTC.
    const MONDAY: u64 = 1_794_787_200;

    #[test]
    fn the_first_second_is_part_of_a_window_and_its_end_is_not() {
        let once = Window::Once { from_unix_secs: 100, to_unix_secs: 200 };
        assert_eq!([99, 100, 199, 200].map(|at| is_open(once, at)), [false, true, true, false]);
        let weekly = Window::Weekly { from_week_secs: 100, duration_secs: 100 };
        assert_eq!([99, 100, 199, 200].map(|at| is_open(weekly, MONDAY + at)), [false, true, true, false]);
    }

    #[test]
    fn a_weekly_window_opens_every_week_at_its_weekday() {
        let thursday = Window::Weekly { from_week_secs: 3 * DAY_SECS as u32, duration_secs: 3600 };
        assert!(is_open(thursday, 0), "1970-01-01 was a Thursday");
        assert!(!is_open(thursday, 3600));
        for week in 0..3000 {
            assert!(is_open(thursday, week * WEEK_SECS + 1800), "week {week}");
            assert!(!is_open(thursday, week * WEEK_SECS + DAY_SECS), "week {week}");
        }
        assert!(is_open(thursday, MONDAY + 3 * DAY_SECS));
    }

    #[test]
    fn a_window_may_run_from_sunday_into_monday() {
        let night = Window::Weekly { from_week_secs: (WEEK_SECS - 3600) as u32, duration_secs: 7200 };
        assert!(is_open(night, MONDAY - 3600) && is_open(night, MONDAY) && is_open(night, MONDAY + 3599));
        assert!(!is_open(night, MONDAY - 3601) && !is_open(night, MONDAY + 3600));
    }

    #[test]
    fn a_window_is_open_as_many_seconds_of_a_week_as_it_lasts() {
        for (from, duration) in [(0, 1), (5, 0), (0, WEEK_SECS), (WEEK_SECS - 1, 2), (DAY_SECS, 6 * DAY_SECS + 7)] {
            let window = Window::Weekly { from_week_secs: from as u32, duration_secs: duration as u32 };
            let open = (MONDAY..MONDAY + WEEK_SECS).filter(|at| is_open(window, *at)).count();
            assert_eq!(open as u64, duration, "{window:?}");
        }
    }

    #[test]
    fn no_number_is_too_large() {
        let window = Window::Weekly { from_week_secs: u32::MAX, duration_secs: u32::MAX };
        assert!(is_open(window, u64::MAX));
    }
}
