//! imalive's own process, as the `procfs` crate reads it. This is for `/v1/prom` only and may allocate.

use procfs::process::Process as Procfs;
use procfs::{ProcResult, WithCurrentSystemInfo};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::snapshot::Process;

/// Clock ticks a second, the unit of CPU times (`USER_HZ`).
pub fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// What our own /proc says of this process at `unix_micros`, the time of now, or one line that says why not. The
/// descriptors that are open to find that out, one or two, are counted too, as other exporters do.
pub fn process(unix_micros: u64) -> Result<Process, String> {
    // Asked first, next to the caller's own clock: a start that wavered would look like a restart to Prometheus.
    let since_boot = clock_gettime(ClockId::Boottime);
    let since_boot_micros = unsigned(since_boot.tv_sec) * 1_000_000 + unsigned(since_boot.tv_nsec) / 1000;
    read(unix_micros, since_boot_micros).map_err(|error| format!("read /proc/self: {error}"))
}

/// Never negative on this clock; of a type that differs between machines.
fn unsigned(value: impl TryInto<u64>) -> u64 {
    value.try_into().unwrap_or(0)
}

fn read(unix_micros: u64, since_boot_micros: u64) -> ProcResult<Process> {
    let this = Procfs::myself()?;
    let stat = this.stat()?;
    // The kernel counts from boot, and a Pi boots in 1970: only from now back does the clock of now lead there. In
    // microseconds to the end: the difference of two times in whole seconds is one more or less by chance.
    let start_micros = stat.starttime.saturating_mul(1_000_000) / ticks_per_second().max(1);
    let start_unix_micros = unix_micros.saturating_sub(since_boot_micros.saturating_sub(start_micros));
    Ok(Process {
        cpu_ticks: stat.utime.saturating_add(stat.stime),
        virtual_bytes: stat.vsize,
        resident_bytes: stat.rss_bytes().get(),
        open_fds: this.fd_count().ok().map(|count| count as u64),
        // Not procfs's: parsing all limits into a map costs 15 KB of program.
        max_fds: getrlimit(Resource::Nofile).current,
        threads: stat.num_threads.try_into().unwrap_or(0),
        start_unix_secs: Some((start_unix_micros + 500_000) / 1_000_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn unix_micros() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64
    }

    #[test]
    fn our_own_figures_are_those_of_a_process_that_has_just_started() {
        let now = unix_micros();
        let process = process(now).unwrap();
        assert!(process.resident_bytes > 0 && process.resident_bytes < process.virtual_bytes);
        assert!(process.threads >= 1);
        let age = (now / 1_000_000).abs_diff(process.start_unix_secs.unwrap());
        assert!(age < 600, "{age} s old");
        assert!(process.max_fds.is_none_or(|most| most >= process.open_fds.unwrap()));
    }

    #[test]
    fn the_start_does_not_waver_from_scrape_to_scrape() {
        let start_ticks = Procfs::myself().unwrap().stat().unwrap().starttime;
        let start_micros = start_ticks * 1_000_000 / ticks_per_second();
        for age_micros in (0..3_000_000).step_by(10_007) {
            for skew in [0, 1, 80] {
                let unix = 1_700_000_000_250_000 + age_micros;
                let process = read(unix, start_micros + age_micros + skew).unwrap();
                assert_eq!(process.start_unix_secs, Some(1_700_000_000), "after {age_micros}");
            }
        }
    }

    #[test]
    fn open_files_are_counted() {
        let files: Vec<File> = (0..500).map(|_| File::open("/dev/null").unwrap()).collect();
        let count = process(0).unwrap().open_fds.unwrap();
        assert!(count >= files.len() as u64, "{count}");
    }
}
