//! A traceparent that is read is, written down again, the beginning of what was sent.
#![no_main]

use imalive::telemetry::TraceParent;
use libfuzzer_sys::fuzz_target;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fuzz_target!(|input: (u8, u8, [u8; 16], [u8; 8], &[u8])| {
    let (version, flags, trace_id, parent_id, bytes) = input;
    // Bytes that are no traceparent at all, but for a miracle, and some that are one up to their end.
    let (trace, parent) = (hexadecimal(&trace_id), hexadecimal(&parent_id));
    let text = format!("{version:02x}-{trace}-{parent}-{flags:02x}");
    let more = [text.as_bytes(), bytes].concat();
    let valid = version != 255 && trace_id != [0; 16] && parent_id != [0; 8];
    let may_follow = bytes.is_empty() || version > 0 && bytes[0] == b'-';
    let read = TraceParent::parse(&more);
    assert_eq!(read.is_some(), valid && may_follow, "{text}");
    for read in [read, TraceParent::parse(bytes)].into_iter().flatten() {
        let written = format!("-{}-{}-", hexadecimal(&read.trace_id), hexadecimal(&read.parent_id));
        let place = 2..2 + written.len();
        assert!([&more[..], bytes].iter().any(|from| from.get(place.clone()) == Some(written.as_bytes())));
    }
});
