//! A file system's space, in bytes.

/// What statvfs(3) says of one file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Its size.
    pub total_bytes: u64,
    /// Free space, the blocks reserved for root among it.
    pub free_bytes: u64,
    /// Free space for everybody.
    pub available_bytes: u64,
    /// It is read-only, for everybody and not just for us: how an SD card that fails shows itself first.
    pub read_only: bool,
}

impl Disk {
    /// What is taken.
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.free_bytes)
    }
}
