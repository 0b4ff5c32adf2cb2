//! What is true of the node at one instant, as plain values of fixed size in raw units; one noun a file.

mod counters;
mod cpu;
mod disk;
mod memory;
mod monitor;
mod process;
mod threshold;

pub use counters::{Counters, HANDLERS, Method, RequestCounts, StatusClass};
pub use cpu::{Cpu, CpuReading, CpuTimes, CpuUsage};
pub use disk::Disk;
pub use memory::{Memory, Swap};
pub use monitor::{
    Change, Failure, FailureKind, Millis, MonitorId, MonitorStatus, Notice, NoticeItem, NoticeKind, Outcome, State,
    Unknown,
};
pub use process::Process;
pub use threshold::{Crossing, Level, Threshold, Thresholds};

/// One reading of the node. What could not be read is `None`, and spoils nothing else.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// When the reading was taken: microseconds since 1970-01-01 UTC. Only ever printed.
    pub unix_micros: u64,
    /// CPU times since boot (`/proc/stat`).
    pub cpu: Option<CpuReading>,
    /// How busy the CPUs were between the reading before and this one; since boot where there is none before.
    pub cpu_usage: CpuUsage,
    /// Physical cores (`/sys/devices/system/cpu/cpu*/topology`).
    pub cores: Option<u16>,
    /// Memory (`/proc/meminfo`).
    pub memory: Option<Memory>,
    /// Swap (`/proc/meminfo`).
    pub swap: Option<Swap>,
    /// The file system of the configured path (statvfs(3)).
    pub disk: Option<Disk>,
}
