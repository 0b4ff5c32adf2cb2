//! imalive's own process, by the `procfs` crate and the process's own clocks. Not `/proc/self/stat`: to parse all of its
//! 52 fields costs 20 KB of program.

use std::cell::Cell;
use std::time::Duration;

use procfs::process::Process as Procfs;
use procfs::{ProcResult, page_size};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::snapshot::Process;

/// Clock ticks a second, the unit of CPU times (`USER_HZ`).
pub fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// This process, for `/v1/prom` only: reading it allocates.
#[derive(Debug)]
pub struct OwnProcess {
    /// On the clock that starts at boot and sleeps with nobody (`CLOCK_BOOTTIME`, clock_gettime(2)).
    started_micros: u64,
    /// The start on the wall clock as it was told last.
    start_unix_secs: Cell<u64>,
}

impl OwnProcess {
    /// To be called when the process starts.
    pub fn new() -> Self {
        OwnProcess { started_micros: micros(ClockId::Boottime), start_unix_secs: Cell::new(0) }
    }

    /// What our own /proc says of this process at `unix_micros`, the time of now, or one line that says why not. The
    /// descriptors that are open to find that out, one or two, are counted too, as other exporters do.
    pub fn read(&self, unix_micros: u64) -> Result<Process, String> {
        let age_micros = micros(ClockId::Boottime).saturating_sub(self.started_micros);
        // A Pi boots in 1970: only from now back does the clock of now lead to the start.
        let start_unix_secs = unix_micros.saturating_sub(age_micros) / 1_000_000;
        // Two clocks are never read at once. A start that wavered by it would look like a restart to Prometheus.
        if start_unix_secs.abs_diff(self.start_unix_secs.get()) > 1 {
            self.start_unix_secs.set(start_unix_secs);
        }
        figures(self.start_unix_secs.get()).map_err(|error| format!("read /proc/self: {error}"))
    }
}

impl Default for OwnProcess {
    fn default() -> Self {
        OwnProcess::new()
    }
}

fn micros(clock: ClockId) -> u64 {
    // Never negative on these clocks.
    Duration::try_from(clock_gettime(clock))
        .map_or(0, |time| time.as_secs() * 1_000_000 + u64::from(time.subsec_micros()))
}

fn figures(start_unix_secs: u64) -> ProcResult<Process> {
    let this = Procfs::myself()?;
    let pages = this.statm()?;
    Ok(Process {
        cpu_micros: micros(ClockId::ProcessCPUTime),
        virtual_bytes: pages.size.saturating_mul(page_size()),
        resident_bytes: pages.resident.saturating_mul(page_size()),
        open_fds: this.fd_count().ok().map(|count| count as u64),
        // Not procfs's: parsing all limits into a map costs 15 KB of program.
        max_fds: getrlimit(Resource::Nofile).current,
        threads: this.tasks().ok().map(|tasks| tasks.count() as u64),
        start_unix_secs: Some(start_unix_secs),
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
        let process = OwnProcess::new().read(now).unwrap();
        assert!(process.resident_bytes > 0 && process.resident_bytes < process.virtual_bytes);
        assert!(process.threads.unwrap() >= 1 && process.cpu_micros > 0);
        assert!(process.start_unix_secs.unwrap().abs_diff(now / 1_000_000) <= 1);
        assert!(process.max_fds.is_none_or(|most| most >= process.open_fds.unwrap()));
    }

    #[test]
    fn figures_are_those_of_the_process_status() {
        let stat = Procfs::myself().unwrap().stat().unwrap();
        let process = OwnProcess::new().read(unix_micros()).unwrap();
        let near = |ours: u64, theirs: u64, most: u64| assert!(ours.abs_diff(theirs) <= most, "{ours} {theirs}");
        near(process.cpu_micros, (stat.utime + stat.stime) * 1_000_000 / ticks_per_second(), 500_000);
        near(process.virtual_bytes, stat.vsize, 256 << 20);
        near(process.resident_bytes, stat.rss * page_size(), 16 << 20);
        near(process.threads.unwrap(), stat.num_threads as u64, 64);
    }

    #[test]
    fn the_start_follows_a_step_of_the_clock_and_nothing_less() {
        let process = OwnProcess::new();
        let start = |unix_micros| process.read(unix_micros).unwrap().start_unix_secs;
        let second = 1_700_000_000 * 1_000_000;
        let first = start(second);
        assert_eq!(start(second - 1), first);
        assert_eq!(start(second + 999_999), first);
        let stepped = start(second + 60_000_000).unwrap();
        assert!(stepped.abs_diff(first.unwrap() + 60) <= 1);
    }

    #[test]
    fn open_files_are_counted() {
        let files: Vec<File> = (0..500).map(|_| File::open("/dev/null").unwrap()).collect();
        let count = OwnProcess::new().read(0).unwrap().open_fds.unwrap();
        assert!(count >= files.len() as u64, "{count}");
    }
}
