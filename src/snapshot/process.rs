//! imalive's own process.

/// What the kernel says of this process, for the `process_*` series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// CPU time used, user and system.
    pub cpu_micros: u64,
    /// Address space.
    pub virtual_bytes: u64,
    /// Resident set.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// The soft limit on them; `None` where there is none.
    pub max_fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// When it started: seconds since 1970-01-01 UTC, by the clock of now.
    pub start_unix_secs: Option<u64>,
}
