//! The space of one file system, asked for in a way that cannot hold up a heartbeat.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::mounts::Mounts;
use super::notice::Cause;
use super::statvfs::{Ask, Patient, statvfs};
use crate::parse::Page;
use crate::snapshot::Disk;

/// The file system that a path is on.
pub(super) struct DiskSource {
    path: Arc<Path>,
    mounts: Mounts,
    ask: Ask,
    patient: Patient,
}

impl DiskSource {
    pub fn new(path: &Path) -> Self {
        Self::with(path, "/proc/self/mountinfo".into(), Arc::new(statvfs))
    }

    pub(super) fn with(path: &Path, mountinfo: PathBuf, ask: Ask) -> Self {
        // An empty path, the only one without an absolute form, is statvfs's to refuse.
        let path: Arc<Path> = std::path::absolute(path).unwrap_or_default().into();
        let patient = Patient::new(path.clone(), ask.clone());
        DiskSource { path, mounts: Mounts::new(mountinfo), ask, patient }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its space now. A mount that is not known is taken for a disk.
    pub fn read(&mut self, page: &mut Page, now: Instant) -> Result<Disk, Cause> {
        match self.mounts.on_the_way_to(&self.path, page) {
            Some(mount) if mount.fs_type.may_hang() => self.patient.space(mount, now),
            _ => {
                let mut disk = (self.ask)(&self.path).map_err(Cause::Statvfs)?;
                // statvfs also counts a mount that is read-only for us alone: under ProtectSystem=, in a container.
                if disk.read_only
                    && self.mounts.again(&self.path, page).and_then(|mount| mount.read_only) == Some(false)
                {
                    disk.read_only = false;
                }
                Ok(disk)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::Tree;

    #[test]
    fn read_only_is_what_the_file_system_is_and_not_our_mount_of_it() {
        let tree = Tree::new();
        let mountinfo = tree.write("mountinfo", "27 1 179:2 / / ro - ext4 /dev/root rw\n");
        let ask: Ask = Arc::new(|_| Ok(Disk { read_only: true, ..Disk::default() }));
        let mut source = DiskSource::with(Path::new("/"), mountinfo, ask);
        let mut read_only = || source.read(&mut Page::default(), Instant::now()).unwrap().read_only;
        assert!(!read_only());
        // An SD card that fails, without a change of the mounts.
        tree.write("mountinfo", "27 1 179:2 / / ro - ext4 /dev/root ro\n");
        assert!(read_only());
        tree.remove("mountinfo");
        tree.write("mountinfo", "");
        assert!(read_only());
    }
}
