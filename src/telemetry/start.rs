//! Since when a sum has been counted, on the wall clock.

use std::time::Duration;

/// How far the wall clock has to have moved for a start to be told anew: more than what two readings of two clocks waver,
/// and what a time service sets right between two exports; far less than the jump of a Pi's first time.
const STEP: Duration = Duration::from_secs(1);

/// A start that stays the same as long as the wall clock does. A collector takes another `start_time_unix_nano` for a
/// counter that began again (OpenTelemetry metrics data model, "Resets and Gaps"), and a start reckoned back from now
/// wavers by microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    unix_nanos: u64,
}

impl Start {
    /// The start of what is `age` old at `unix_nanos`. It is told anew only where the wall clock was set.
    pub fn at(&mut self, unix_nanos: u64, age: Duration) -> u64 {
        let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        // A Pi boots in 1970: only from now back does the clock of now lead to the start. 0 would be "unknown".
        let start = unix_nanos.saturating_sub(age).max(1);
        if u128::from(start.abs_diff(self.unix_nanos)) > STEP.as_nanos() {
            self.unix_nanos = start;
        }
        self.unix_nanos.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_231_461_000_000_000;

    #[test]
    fn a_start_does_not_waver_with_the_readings_of_two_clocks() {
        let mut start = Start::default();
        let told = start.at(NOW, Duration::from_secs(100));
        assert_eq!(told, NOW - 100_000_000_000);
        assert_eq!(start.at(NOW + 10_000_400_000, Duration::from_secs(110)), told);
        assert_eq!(start.at(NOW + 19_999_000_000, Duration::from_secs(120)), told);
    }

    #[test]
    fn a_clock_that_was_set_moves_the_start() {
        let mut start = Start::default();
        // Since 1970, 20 s after the boot.
        assert_eq!(start.at(20_000_000_000, Duration::from_secs(20)), 1);
        assert_eq!(start.at(NOW, Duration::from_secs(50)), NOW - 50_000_000_000);
        assert_eq!(start.at(NOW - 3_600_000_000_000, Duration::from_secs(51)), NOW - 3_651_000_000_000);
    }

    #[test]
    fn a_start_is_never_unknown() {
        assert_eq!(Start::default().at(0, Duration::MAX), 1);
        assert_eq!(Start::default().at(500, Duration::ZERO), 1);
    }
}
