//! `/proc/stat` with anything in it: no panic, and the same reading in pieces of any size.
#![no_main]

use imalive::parse::proc_stat::{self, CpuLines};
use imalive::snapshot::{CpuReading, CpuUsage};
use libfuzzer_sys::fuzz_target;

#[path = "../pieces.rs"]
mod pieces;

fuzz_target!(|input: (u8, &[u8])| {
    let (most, text) = input;
    let mut reading = CpuReading::default();
    let mut cpu_lines = CpuLines::new(&mut reading);
    pieces::feed(text, most, &mut |line| cpu_lines.line(line));
    let outcome = cpu_lines.finish();
    match proc_stat::parse(text) {
        Ok(whole) => {
            assert_eq!(outcome, Ok(()));
            assert_eq!(reading, whole);
        }
        Err(error) => assert_eq!(outcome, Err(error)),
    }
    let mut usage = CpuUsage::default();
    usage.measure(None, &reading);
    assert_eq!(usage.each_permille.len(), reading.each.len());
    assert!(usage.each_permille.iter().chain([&usage.all_permille]).flatten().all(|permille| *permille <= 1000));
    usage.measure(Some(&reading), &reading);
    assert_eq!(usage.all_permille, None);
});
