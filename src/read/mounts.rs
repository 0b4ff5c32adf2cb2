//! Which mounts a path leads over. Always asked of our own mount namespace: that is where statvfs(3) will go.

use std::ffi::OsString;
use std::fs::read_link;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::file::KernelFile;
use crate::limits::SYMLINKS;
use crate::parse::Page;
use crate::parse::proc_mountinfo::{Mount, MountLines};

/// `/proc/self/mountinfo`, kept open and read again only when the kernel says that it changed.
#[derive(Debug)]
pub(super) struct Mounts {
    file: KernelFile,
    found: Option<Mount>,
}

impl Mounts {
    /// `mountinfo` is `/proc/self/mountinfo`, but for tests.
    pub fn new(mountinfo: PathBuf) -> Self {
        Mounts { file: KernelFile::new(mountinfo), found: None }
    }

    /// The first mount on the way to `path` that may hang; else the one that it is on; `None` where no mount is known.
    /// Must be the same `path` each time.
    pub fn on_the_way_to(&mut self, path: &Path, page: &mut Page) -> Option<Mount> {
        let was_open = self.file.is_open();
        match self.file.open() {
            // The mark is cleared by asking, so ask before reading: a later change sets it again.
            Ok(file) if was_open && !has_changed(file) => {}
            Ok(_) => self.found = self.walk(path, page),
            Err(_) => self.found = None,
        }
        self.found
    }

    /// The same, read in any case: the kernel that makes a file system read-only does not say that a mount has changed.
    pub fn again(&mut self, path: &Path, page: &mut Page) -> Option<Mount> {
        self.found = self.walk(path, page);
        self.found
    }

    /// Follows `path` component by component as the kernel would, but never beyond a mount that may hang: even reading
    /// a symbolic link there can take for ever.
    fn walk(&mut self, path: &Path, page: &mut Page) -> Option<Mount> {
        let mut at = PathBuf::from("/");
        let mut ahead = components_reversed(path);
        let mut links = 0;
        loop {
            let mount = self.mount_of(&at, page)?;
            if mount.fs_type.may_hang() {
                return Some(mount);
            }
            if let Ok(target) = read_link(&at) {
                links += 1;
                if links > SYMLINKS {
                    return Some(mount);
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                } else {
                    at.pop();
                }
                ahead.extend(components_reversed(&target));
            }
            let Some(component) = ahead.pop() else {
                return Some(mount);
            };
            if component == ".." {
                at.pop();
            } else {
                at.push(component);
            }
        }
    }

    fn mount_of(&mut self, path: &Path, page: &mut Page) -> Option<Mount> {
        let mut mount_lines = MountLines::new(path.as_os_str().as_bytes());
        self.file.read(page, &mut |line| mount_lines.line(line)).ok()?;
        mount_lines.finish()
    }
}

fn components_reversed(path: &Path) -> Vec<OsString> {
    let steps = path.components().filter(|step| matches!(step, Component::Normal(_) | Component::ParentDir));
    steps.rev().map(|step| step.as_os_str().to_owned()).collect()
}

/// The kernel marks an open mountinfo as in error when mounts have come or gone (proc_pid_mounts(5)).
fn has_changed(file: &std::fs::File) -> bool {
    let mut fds = [PollFd::new(file, PollFlags::PRI)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut fds, Some(&at_once)) {
        Ok(_) => fds[0].revents().intersects(PollFlags::PRI | PollFlags::ERR),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::Tree;
    use std::os::unix::fs::symlink;

    /// A tree whose `nas` is said to be on NFS, and all else on ext4.
    fn tree() -> (Tree, Mounts) {
        let tree = Tree::new();
        let nas = tree.path().join("nas");
        std::fs::create_dir(&nas).unwrap();
        let mountinfo =
            format!("27 1 179:2 / / rw - ext4 /dev/root rw\n61 27 0:40 / {} rw - nfs4 nas:/export rw\n", nas.display());
        let mounts = Mounts::new(tree.write("mountinfo", &mountinfo));
        (tree, mounts)
    }

    fn fs_type(path: impl AsRef<Path>) -> String {
        let (tree, mut mounts) = tree();
        symlink("nas/data", tree.path().join("relative")).unwrap();
        symlink(tree.path().join("relative"), tree.path().join("absolute")).unwrap();
        symlink("loop", tree.path().join("loop")).unwrap();
        symlink(".", tree.path().join("here")).unwrap();
        let path = tree.path().join(path);
        mounts.on_the_way_to(&path, &mut Page::default()).unwrap().fs_type.to_string()
    }

    #[test]
    fn a_path_is_on_the_mount_above_it() {
        assert_eq!(fs_type("/"), "ext4");
        assert_eq!(fs_type("nas"), "nfs4");
        assert_eq!(fs_type("nas/data"), "nfs4");
        assert_eq!(fs_type("data"), "ext4");
    }

    #[test]
    fn a_symbolic_link_leads_to_the_mount_of_its_target() {
        assert_eq!(fs_type("relative"), "nfs4");
        assert_eq!(fs_type("absolute"), "nfs4");
        assert_eq!(fs_type("here/here/absolute/x"), "nfs4");
        assert_eq!(fs_type("here/here"), "ext4");
    }

    #[test]
    fn a_way_over_a_mount_that_may_hang_is_no_safer_for_leaving_it_again() {
        assert_eq!(fs_type("nas/../data"), "nfs4");
        assert_eq!(fs_type("here/../../../../.."), "ext4");
    }

    #[test]
    fn links_in_a_circle_end() {
        assert_eq!(fs_type("loop/x"), "ext4");
    }

    #[test]
    fn without_mountinfo_no_mount_is_known() {
        let tree = Tree::new();
        let mut mounts = Mounts::new(tree.path().join("mountinfo"));
        assert_eq!(mounts.on_the_way_to(Path::new("/"), &mut Page::default()), None);
        tree.write("mountinfo", "27 1 179:2 / / rw - ext4 /dev/root rw\n");
        assert!(mounts.on_the_way_to(Path::new("/"), &mut Page::default()).is_some());
    }

    #[test]
    fn mountinfo_is_not_read_again_while_no_mount_changes() {
        let (tree, mut mounts) = tree();
        let before = mounts.on_the_way_to(Path::new("/"), &mut Page::default());
        tree.write("mountinfo", "");
        assert_eq!(mounts.on_the_way_to(Path::new("/"), &mut Page::default()), before);
        let mut own = Mounts::new("/proc/self/mountinfo".into());
        own.on_the_way_to(Path::new("/"), &mut Page::default());
        assert!(own.file.is_open());
    }
}
