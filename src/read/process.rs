//! imalive's own process, as the `procfs` crate reads it. This is for `/v1/prom` only and may allocate.

use procfs::process::{LimitValue, Process as Procfs};
use procfs::{CurrentSI, KernelStats, ProcResult, WithCurrentSystemInfo};

use crate::snapshot::Process;

/// Clock ticks a second, the unit of CPU times (`USER_HZ`).
pub fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// What our own /proc says of this process, or one line that says why not. The descriptors that are open to find that
/// out, one or two, are counted too, as other exporters do.
pub fn process() -> Result<Process, String> {
    read().map_err(|error| format!("read /proc/self: {error}"))
}

fn read() -> ProcResult<Process> {
    let this = Procfs::myself()?;
    let stat = this.stat()?;
    let max_fds = this.limits().ok().map(|limits| limits.max_open_files.soft_limit);
    // Not `procfs::boot_time_secs`, which asks once: a Pi's boot lies in 1970 until the clock is set.
    let boot_unix_secs = KernelStats::current().ok().map(|stats| stats.btime);
    Ok(Process {
        cpu_ticks: stat.utime.saturating_add(stat.stime),
        virtual_bytes: stat.vsize,
        resident_bytes: stat.rss_bytes().get(),
        open_fds: this.fd_count().ok().map(|count| count as u64),
        max_fds: match max_fds {
            Some(LimitValue::Value(count)) => Some(count),
            Some(LimitValue::Unlimited) | None => None,
        },
        threads: stat.num_threads.try_into().unwrap_or(0),
        start_unix_secs: boot_unix_secs.map(|secs| secs.saturating_add(stat.starttime / ticks_per_second().max(1))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn our_own_figures_are_those_of_a_process_that_has_just_started() {
        let process = process().unwrap();
        assert!(process.resident_bytes > 0 && process.resident_bytes < process.virtual_bytes);
        assert!(process.threads >= 1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let age = now.abs_diff(process.start_unix_secs.unwrap());
        assert!(age < 600, "{age} s old");
        assert!(process.max_fds.is_none_or(|most| most >= process.open_fds.unwrap()));
    }

    #[test]
    fn open_files_are_counted() {
        let files: Vec<File> = (0..500).map(|_| File::open("/dev/null").unwrap()).collect();
        let count = process().unwrap().open_fds.unwrap();
        assert!(count >= files.len() as u64, "{count}");
    }
}
