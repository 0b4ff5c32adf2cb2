//! Where the node is: in a container, its files may be mounted elsewhere.

use std::path::PathBuf;

use crate::config::Config;

/// The paths that a reading starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// The node's /proc.
    pub proc: PathBuf,
    /// Its /sys; a container's own shows the same CPUs.
    pub sys: PathBuf,
    /// A path on the file system whose space is asked for.
    pub disk: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Roots { proc: "/proc".into(), sys: "/sys".into(), disk: "/".into() }
    }
}

impl Roots {
    /// Those that the operator asked for.
    pub fn of(config: &Config) -> Self {
        Roots { proc: (&config.proc_path).into(), disk: (&config.disk_path).into(), ..Roots::default() }
    }
}
