//! mountinfo with anything in it and any path: no panic, and the same mount in pieces of any size.
#![no_main]

use imalive::parse::proc_mountinfo::{self, MountLines};
use libfuzzer_sys::fuzz_target;

#[path = "../pieces.rs"]
mod pieces;

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (most, path, text) = input;
    for path in [path, b"/mnt/my disk/x"] {
        let mut mount_lines = MountLines::new(path);
        pieces::feed(text, most, &mut |line| mount_lines.line(line));
        let mount = mount_lines.finish();
        assert_eq!(mount, proc_mountinfo::parse(text, path));
        if let Some(mount) = mount {
            assert!(mount.fs_type.as_bytes().len() <= 32);
            let _ = mount.fs_type.may_hang();
        }
    }
});
