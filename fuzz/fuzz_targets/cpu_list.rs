//! A list of CPUs with anything in it: no panic, and no more ranges than bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let ranges = imalive::parse::cpu_list(text).count();
    assert!(ranges <= text.len());
});
