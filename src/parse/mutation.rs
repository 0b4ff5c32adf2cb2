//! The parsers against damaged files: no input makes one panic, and how a file is cut into pieces changes nothing.
//! The same inputs each time; `fuzz/` looks further.

use alloc::vec::Vec;

use super::lines::tests::in_pieces;
use super::proc_meminfo::MemLines;
use super::proc_mountinfo::MountLines;
use super::proc_stat::CpuLines;
use super::{cpu_list, proc_meminfo, proc_mountinfo, proc_stat};
use crate::snapshot::{CpuReading, CpuUsage};

const INPUTS: u32 = 20_000;

/// xorshift64 (Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// `seed` after one to four kinds of damage that a disk, a kernel or a careless hand might do.
    fn damaged(&mut self, seed: &[u8]) -> Vec<u8> {
        const PIECES: [&[u8]; 12] = [
            b"\n",
            b" ",
            b"",
            b"-",
            b"18446744073709551615",
            b"18446744073709551616",
            b"cpu",
            b"cpu7 1 2 3 4\n",
            b" kB",
            b"\\040",
            b"\xff\0",
            b"999999999999999999999999999999",
        ];
        let mut text = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(text.len());
            match self.below(6) {
                0 => text.truncate(at),
                1 if !text.is_empty() => text[at] ^= 1 << self.below(8),
                2 if !text.is_empty() => text[at] = self.below(256) as u8,
                3 => {
                    let end = (at + self.below(40)).min(text.len());
                    text.drain(at..end);
                }
                4 => {
                    let end = (at + self.below(200)).min(text.len());
                    let twice = text[at..end].to_vec();
                    text.splice(at..at, twice);
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    text.splice(at..at, piece.iter().copied());
                }
            }
        }
        text
    }
}

fn shake(seed: &[u8], mut check: impl FnMut(&[u8], usize)) {
    let mut random = Random(0x1234_5678_9abc_def1);
    for _ in 0..INPUTS {
        let text = random.damaged(seed);
        let most = 1 + random.below(64);
        check(&text, most);
    }
}

#[test]
fn no_damage_to_proc_stat_makes_the_parser_panic() {
    let seed =
        b"cpu  100 2 30 4000 50 0 6 0 0 0\ncpu0 25 1 10 1000 20 0 6 0 0 0\ncpu3 75 1 20 3000 30 0 0 0 0 0\nintr 5 0\n";
    let earlier = proc_stat::parse(seed).unwrap();
    let mut usage = CpuUsage::default();
    let mut accepted = 0;
    shake(seed, |text, most| {
        let mut reading = CpuReading::default();
        let mut cpu_lines = CpuLines::new(&mut reading);
        in_pieces(text, most, &mut |line| cpu_lines.line(line));
        assert_eq!(cpu_lines.finish().map(|()| reading.clone()), proc_stat::parse(text));
        usage.measure(Some(&earlier), &reading);
        let permille = usage.each_permille.iter().chain([&usage.all_permille]).flatten();
        assert!(permille.max() <= Some(&1000));
        accepted += u32::from(reading.all != earlier.all && reading.online() > 0);
    });
    assert!(accepted > INPUTS / 100, "the damage is too great to test anything: {accepted}");
}

#[test]
fn no_damage_to_proc_meminfo_makes_the_parser_panic() {
    let seed = b"MemTotal: 440692 kB\nMemFree: 123456 kB\nBuffers: 20000 kB\nCached: 150000 kB\nSwapTotal: 102396 kB\n\
        SwapFree: 102000 kB\nShmem: 5000 kB\nSReclaimable: 10000 kB\n";
    let mut accepted = 0;
    shake(seed, |text, most| {
        let mut mem_lines = MemLines::default();
        in_pieces(text, most, &mut |line| mem_lines.line(line));
        let info = mem_lines.finish();
        assert_eq!(info, proc_meminfo::parse(text));
        if let Ok(memory) = info.memory {
            assert!(memory.available_bytes <= memory.total_bytes);
            accepted += 1;
        }
    });
    assert!(accepted > INPUTS / 100, "the damage is too great to test anything: {accepted}");
}

#[test]
fn no_damage_to_mountinfo_makes_the_parser_panic() {
    let seed =
        b"27 1 179:2 / / rw shared:1 - ext4 /dev/root rw\n61 27 0:40 / /mnt/my\\040nas rw master:7 - nfs4 n:/e rw\n";
    let mut accepted = 0;
    shake(seed, |text, most| {
        let path = b"/mnt/my nas/x";
        let mut mount_lines = MountLines::new(path);
        in_pieces(text, most, &mut |line| mount_lines.line(line));
        let mount = mount_lines.finish();
        assert_eq!(mount, proc_mountinfo::parse(text, path));
        accepted += u32::from(mount.is_some());
    });
    assert!(accepted > INPUTS / 100, "the damage is too great to test anything: {accepted}");
}

#[test]
fn no_damage_to_a_cpu_list_makes_the_parser_panic() {
    shake(b"0-3,8-11,64\n", |text, _| {
        assert!(cpu_list(text).count() <= text.len());
    });
}
