//! `/proc/self/mountinfo` (proc_pid_mountinfo(5)): which mount a path is on, and whether that mount may keep a caller
//! waiting for good.
//!
//! A mount that a later one hides by covering a directory above it is still listed, and is still believed.

use core::fmt;
use core::ops::ControlFlow;

use super::{Line, decimal, lines};

/// The name of a file system's type, or the first 32 bytes of it: longer than any in the kernel, as long as FUSE's own
/// (`fuse.` and a program's name).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct FsType {
    bytes: [u8; 32],
    length: u8,
}

impl FsType {
    /// The front of `name`.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 32];
        let length = name.len().min(bytes.len());
        bytes[..length].copy_from_slice(&name[..length]);
        FsType { bytes, length: length as u8 }
    }

    /// Its name; empty where the line was too long to show it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Whether a call on it may wait for a machine or a program that is gone: network and FUSE types, and any that is
    /// unknown.
    pub fn may_hang(&self) -> bool {
        match self.as_bytes() {
            b"nfs" | b"nfs4" | b"cifs" | b"smb3" | b"smbfs" | b"ncpfs" => true,
            b"afs" | b"coda" | b"auristorfs" | b"ceph" | b"glusterfs" | b"lustre" | b"beegfs" | b"orangefs"
            | b"pvfs2" => true,
            b"gfs" | b"gfs2" | b"ocfs2" | b"gpfs" | b"panfs" | b"davfs" | b"davfs2" => true,
            b"9p" | b"virtiofs" | b"vboxsf" | b"vmhgfs" | b"prl_fs" => true,
            b"fuse" | b"fuseblk" | b"autofs" | b"" => true,
            other => other.starts_with(b"fuse."),
        }
    }
}

impl fmt::Display for FsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

impl fmt::Debug for FsType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FsType({self})")
    }
}

/// A mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The kernel's number; used again only after the last user of the mount is gone.
    pub id: u64,
    /// Its type.
    pub fs_type: FsType,
    /// Whether the file system itself is read-only, not just this mount of it; `None` where the line was too long.
    pub read_only: Option<bool>,
}

/// Looks for the mount that a path is on.
#[derive(Debug)]
pub struct MountLines<'a> {
    path: &'a [u8],
    best: Option<(usize, Mount)>,
}

impl<'a> MountLines<'a> {
    /// For an absolute `path` without `.`, `..` and symbolic links.
    pub fn new(path: &'a [u8]) -> Self {
        MountLines { path, best: None }
    }

    /// Takes the next line. Never breaks: any later mount may cover an earlier one.
    pub fn line(&mut self, line: Line<'_>) -> ControlFlow<()> {
        if let Some((length, mount)) = mount_above(line, self.path)
            && self.best.is_none_or(|(longest, _)| length >= longest)
        {
            self.best = Some((length, mount));
        }
        ControlFlow::Continue(())
    }

    /// The mount whose mount point is the longest front of the path; of several on one mount point, the last.
    pub fn finish(self) -> Option<Mount> {
        self.best.map(|(_, mount)| mount)
    }
}

/// The mount in `text` that `path` is on.
pub fn parse(text: &[u8], path: &[u8]) -> Option<Mount> {
    let mut mount_lines = MountLines::new(path);
    let _ = lines(text).try_for_each(|line| mount_lines.line(line));
    mount_lines.finish()
}

/// `36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw`: the mount and the length of its mount
/// point, where `path` is at or below that.
fn mount_above(line: Line<'_>, path: &[u8]) -> Option<(usize, Mount)> {
    // One blank between two fields; a field may be empty.
    let mut fields = line.text.split(|byte| *byte == b' ');
    let id = decimal(fields.next()?, "mount id").ok()?;
    let mount_point = fields.nth(3)?;
    let _options = fields.next()?;
    let length = length_above(mount_point, path)?;
    let mut fields = fields.skip_while(|field| *field != b"-");
    let fs_type = FsType::new(fields.nth(1).unwrap_or_default());
    // Of the file system's options, which of the two it is comes first.
    let read_only = match fields.nth(1).unwrap_or_default().split(|byte| *byte == b',').next().unwrap_or_default() {
        b"ro" => Some(true),
        b"rw" => Some(false),
        _ => None,
    };
    Some((length, Mount { id, fs_type, read_only }))
}

/// The length of a mount point without its escapes, if `path` is at or below it.
fn length_above(mount_point: &[u8], path: &[u8]) -> Option<usize> {
    let mut length = 0;
    let mut rest = mount_point;
    while let Some((byte, after)) = unescape(rest) {
        if path.get(length) != Some(&byte) {
            return None;
        }
        length += 1;
        rest = after;
    }
    let at_a_component = length == path.len() || path.get(length) == Some(&b'/') || path.get(..length) == Some(b"/");
    (length > 0 && at_a_component).then_some(length)
}

/// The first byte of `text` and what follows: the kernel writes blanks, tabs, line feeds, backslashes and `#` in octal.
fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', rest @ ..] = text {
        return Some((((high - b'0') << 6) | ((middle - b'0') << 3) | (low - b'0'), rest));
    }
    text.split_first().map(|(byte, rest)| (*byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::READ_BYTES;
    use crate::parse::lines::tests::in_pieces;
    use alloc::{format, string::ToString};

    const PI: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw
61 27 0:40 / /mnt/nas rw,relatime shared:2 master:7 - nfs4 nas:/export rw,vers=4.2
62 27 0:41 / /mnt/my\\040disk rw - fuseblk /dev/sda1 rw
63 27 0:42 / /mnt/back\\134slash rw - vfat  rw
64 27 0:43 / /srv rw - ext4 /dev/sdb rw
65 64 0:44 / /srv rw - fuse.sshfs pi@nas: rw
";

    fn fs_type(path: &str) -> alloc::string::String {
        parse(PI.as_bytes(), path.as_bytes()).map(|mount| mount.fs_type.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_longest_mount_point_wins() {
        assert_eq!(
            parse(PI.as_bytes(), b"/mnt/nas/x"),
            Some(Mount { id: 61, fs_type: FsType::new(b"nfs4"), read_only: Some(false) })
        );
        assert_eq!(fs_type("/"), "ext4");
        assert_eq!(fs_type("/proc"), "proc");
        assert_eq!(fs_type("/home/pi"), "ext4");
        assert_eq!(fs_type("/mnt/nas"), "nfs4");
    }

    #[test]
    fn a_mount_that_is_read_only_says_nothing_of_the_file_system() {
        let read_only = |text: &str| parse(text.as_bytes(), b"/").and_then(|mount| mount.read_only);
        assert_eq!(
            read_only("27 1 179:2 / / ro,noatime shared:1 - ext4 /dev/root rw,errors=remount-ro\n"),
            Some(false)
        );
        assert_eq!(read_only("27 1 179:2 / / rw - ext4 /dev/root ro,errors=remount-ro\n"), Some(true));
        assert_eq!(read_only("27 1 179:2 / / ro - squashfs /dev/root ro\n"), Some(true));
        for cut in ["27 1 179:2 / / ro - ext4 /dev/root r\n", "27 1 179:2 / / ro - ext4 /dev/root\n"] {
            assert_eq!(read_only(cut), None);
        }
    }

    #[test]
    fn a_mount_point_ends_at_a_component() {
        assert_eq!(fs_type("/mnt/nas2"), "ext4");
        assert_eq!(fs_type("/process"), "ext4");
    }

    #[test]
    fn what_is_mounted_over_a_mount_wins() {
        assert_eq!(fs_type("/srv"), "fuse.sshfs");
        assert_eq!(fs_type("/srv/data"), "fuse.sshfs");
    }

    #[test]
    fn escaped_mount_points_are_found() {
        assert_eq!(fs_type("/mnt/my disk/x"), "fuseblk");
        assert_eq!(fs_type("/mnt/back\\slash"), "vfat");
        assert_eq!(fs_type("/mnt/my\\040disk"), "ext4");
    }

    #[test]
    fn no_line_that_fits_is_no_mount() {
        assert_eq!(parse(b"", b"/"), None);
        assert_eq!(parse(b"22 27 0:21 / /proc rw - proc proc rw\n", b"/"), None);
        assert_eq!(parse(b"garbage\n\n1 2 3\nx 1 0:1 / / rw - ext4 a rw\n1 2 0:1 /  rw - ext4 a rw\n", b"/"), None);
        assert_eq!(parse(PI.as_bytes(), b""), None);
    }

    #[test]
    fn a_line_that_is_too_long_decides_on_its_front() {
        let options = "lowerdir=".to_string() + &"/var/lib/layer:".repeat(READ_BYTES);
        let text =
            format!("27 1 0:1 / / rw - ext4 /dev/root rw\n28 27 0:2 / /merged rw - overlay overlay rw,{options}\n");
        for most in [100, READ_BYTES] {
            let mut mount_lines = MountLines::new(b"/merged/x");
            in_pieces(text.as_bytes(), most, &mut |line| mount_lines.line(line));
            assert_eq!(
                mount_lines.finish(),
                Some(Mount { id: 28, fs_type: FsType::new(b"overlay"), read_only: Some(false) })
            );
        }
    }

    #[test]
    fn a_type_that_is_out_of_sight_may_hang() {
        let optional = "shared:1 ".repeat(READ_BYTES);
        let text = format!("27 1 0:1 / / rw {optional}- ext4 /dev/root rw\n");
        assert!(parse(text.as_bytes(), b"/").is_some_and(|mount| mount.fs_type.may_hang()));
    }

    #[test]
    fn network_and_fuse_types_may_hang() {
        for name in ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse", "fuse.sshfs", "fuseblk", "autofs", "virtiofs"]
        {
            assert!(FsType::new(name.as_bytes()).may_hang(), "{name}");
        }
        for name in
            ["ext4", "vfat", "f2fs", "btrfs", "overlay", "tmpfs", "squashfs", "fusectl", "nfsd", "rootfs", "zfs"]
        {
            assert!(!FsType::new(name.as_bytes()).may_hang(), "{name}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_front() {
        let name = FsType::new(&[b'f'; 100]);
        assert_eq!(name.as_bytes(), [b'f'; 32]);
        assert_eq!(FsType::new(b"fu\x1bse").to_string(), "fu\\x1bse");
    }
}
