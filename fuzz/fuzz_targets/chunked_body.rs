//! A chunked body ends at the same byte, or is refused alike, however it is cut.
#![no_main]

use imalive::http::Reject;
use imalive::http::body::Body;
use imalive::http::framing::Framing;
use libfuzzer_sys::fuzz_target;

fn skip(pieces: &[&[u8]]) -> Result<(usize, bool), u16> {
    let mut body = Body::new(Framing::Chunked);
    let mut used = 0;
    for piece in pieces {
        used += body.skip(piece).map_err(Reject::status)?;
        if body == Body::Done {
            break;
        }
    }
    Ok((used, body == Body::Done))
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (cut, bytes) = input;
    let cut = usize::from(cut) % (bytes.len() + 1);
    assert_eq!(skip(&[&bytes]), skip(&[&bytes[..cut], &bytes[cut..]]));
});
