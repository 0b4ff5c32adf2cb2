//! What is compressed comes out again as it went in, and is shorter.
#![no_main]

use std::io::Read;

use imalive::telemetry::gzip::gzip;
use libfuzzer_sys::fuzz_target;

fn check(message: &[u8]) {
    let Some(packed) = smol::block_on(gzip(message)) else { return };
    assert!(packed.len() < message.len());
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == message);
}

fuzz_target!(|message: &[u8]| {
    check(message);
    // Long enough that places are forgotten.
    if let Some(times) = (message.len() > 20).then(|| 70_000 / message.len()) {
        check(&message.repeat(times));
    }
});
