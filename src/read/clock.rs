//! Whether the wall clock can be trusted. A Raspberry Pi keeps no time while it is off: it starts at 1970, at the time
//! systemd was built, or where fake-hwclock stopped it, and jumps at the first answer of a time server.

use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::limits::CLOCK_SETTLES;

/// When the newest commit of this program was made, in seconds since 1970; 0: nobody knows.
const BUILT_UNIX_SECS: &str = env!("IMALIVE_BUILT_UNIX_SECS");

/// Where systemd-timesyncd notes that it has set the clock (systemd-timesyncd.service(8)).
const TIMESYNC: &str = "/run/systemd/timesync";

/// Whether the wall clock, at `unix_secs` now, says a time at which this program was not there yet, so that no time of day
/// or day of the week can be read from it.
pub fn clock_is_before_build(unix_secs: u64) -> bool {
    unix_secs < BUILT_UNIX_SECS.parse().unwrap_or(0)
}

/// Whether the wall clock, at `unix_secs` now, has been set since the machine was started, as far as that can be known.
pub fn clock_is_set(unix_secs: u64) -> bool {
    let timesync = Path::new(TIMESYNC);
    let synchronized = timesync.is_dir().then(|| timesync.join("synchronized").exists());
    let booting = clock_gettime(ClockId::Boottime).tv_sec < CLOCK_SETTLES.as_secs() as i64;
    is_set(unix_secs, BUILT_UNIX_SECS.parse().unwrap_or(0), synchronized, booting)
}

/// How long the machine has been running, asleep or awake.
pub fn uptime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// `synchronized`: what timesyncd says, where it runs. `booting`: so early that another time service may still be at it.
fn is_set(unix_secs: u64, built_unix_secs: u64, synchronized: Option<bool>, booting: bool) -> bool {
    unix_secs >= built_unix_secs && synchronized.unwrap_or(!booting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_1970_no_window_can_be_open() {
        assert!(clock_is_before_build(60) || BUILT_UNIX_SECS == "0");
        assert!(!clock_is_before_build(u64::MAX));
    }

    #[test]
    fn a_clock_before_this_program_was_made_has_not_been_set() {
        assert!(!is_set(999, 1000, Some(true), false));
        assert!(is_set(1000, 1000, Some(true), true));
        assert!(is_set(1000, 0, None, false));
    }

    #[test]
    fn without_timesyncd_a_machine_has_some_time_to_set_its_clock() {
        assert!(!is_set(1000, 1000, None, true));
        assert!(is_set(1000, 1000, None, false));
        assert!(!is_set(1000, 1000, Some(false), false));
    }
}
