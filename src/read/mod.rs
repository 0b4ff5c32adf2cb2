//! The roots of /proc, /sys and the disks: the only place that opens kernel files or asks statvfs(3).
//!
//! A [`Sampler`] keeps its files open and reads them again from their start, so that a process which has run out of file
//! descriptors still knows its node. Once its first reading is taken, further ones allocate nothing, unless mounts or
//! CPUs have come or gone. What cannot be read is absent from the snapshot, and told once: see [`Notice`].

#[cfg(feature = "monitors")]
mod clock;
mod config_file;
mod cores;
mod disk;
mod file;
mod host;
mod manifest;
mod mounts;
mod notice;
mod process;
mod roots;
mod sampler;
mod statvfs;

#[cfg(test)]
mod testing;

#[cfg(feature = "monitors")]
pub use clock::{clock_is_before_build, clock_is_set, uptime};
pub use config_file::{config_file, secret_file};
pub use host::host_name;
pub use manifest::manifest;
pub use notice::{Cause, Notice, ReadError};
pub use process::{OwnProcess, ticks_per_second};
pub use roots::Roots;
pub use sampler::Sampler;
