//! `/proc/meminfo` with anything in it: no panic, no more available than there is, and the same in pieces of any size.
#![no_main]

use imalive::parse::proc_meminfo::{self, MemLines};
use libfuzzer_sys::fuzz_target;

#[path = "../pieces.rs"]
mod pieces;

fuzz_target!(|input: (u8, &[u8])| {
    let (most, text) = input;
    let mut mem_lines = MemLines::default();
    pieces::feed(text, most, &mut |line| mem_lines.line(line));
    let info = mem_lines.finish();
    assert_eq!(info, proc_meminfo::parse(text));
    if let Ok(memory) = info.memory {
        assert!(memory.available_bytes <= memory.total_bytes);
    }
    if let Ok(Some(swap)) = info.swap {
        assert!(swap.free_bytes <= swap.total_bytes);
    }
});
