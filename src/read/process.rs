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

/// What our own /proc says of this process at `unix_secs`, or one line that says why not. The descriptors that are open
/// to find that out, one or two, are counted too, as other exporters do.
pub fn process(unix_secs: u64) -> Result<Process, String> {
    read(unix_secs).map_err(|error| format!("read /proc/self: {error}"))
}

fn read(unix_secs: u64) -> ProcResult<Process> {
    let this = Procfs::myself()?;
    let stat = this.stat()?;
    // The kernel counts from boot, and a Pi boots in 1970: only from now back does the clock of now lead there.
    let since_boot_secs = u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0);
    let age_secs = since_boot_secs.saturating_sub(stat.starttime / ticks_per_second().max(1));
    Ok(Process {
        cpu_ticks: stat.utime.saturating_add(stat.stime),
        virtual_bytes: stat.vsize,
        resident_bytes: stat.rss_bytes().get(),
        open_fds: this.fd_count().ok().map(|count| count as u64),
        // Not procfs's: parsing all limits into a map costs 15 KB of program.
        max_fds: getrlimit(Resource::Nofile).current,
        threads: stat.num_threads.try_into().unwrap_or(0),
        start_unix_secs: Some(unix_secs.saturating_sub(age_secs)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn our_own_figures_are_those_of_a_process_that_has_just_started() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let process = process(now).unwrap();
        assert!(process.resident_bytes > 0 && process.resident_bytes < process.virtual_bytes);
        assert!(process.threads >= 1);
        let age = now.abs_diff(process.start_unix_secs.unwrap());
        assert!(age < 600, "{age} s old");
        assert!(process.max_fds.is_none_or(|most| most >= process.open_fds.unwrap()));
    }

    #[test]
    fn open_files_are_counted() {
        let files: Vec<File> = (0..500).map(|_| File::open("/dev/null").unwrap()).collect();
        let count = process(0).unwrap().open_fds.unwrap();
        assert!(count >= files.len() as u64, "{count}");
    }
}
