//! Any bytes are a head, the front of one, or refused with a status of their own; more bytes never change what a complete
//! head says.
#![no_main]

use imalive::http::parameter::Parameter;
use imalive::http::request::read_head;
use imalive::http::route::resolve;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read_head(bytes) {
        Ok(Some((head, used))) => {
            assert!(used <= bytes.len());
            assert_eq!(read_head(&bytes[..used]), Ok(Some((head.clone(), used))));
            assert_eq!(read_head(&[bytes, b"GET / HTTP/1.0\r\n\r\n"].concat()), Ok(Some((head.clone(), used))));
            let (resolution, _) = resolve(head.method, head.target);
            assert!(Parameter::of(resolution, head.target).as_str().len() <= imalive::limits::PATH_PARAMETER_BYTES);
        }
        Ok(None) => {}
        Err(reject) => assert!((400..=505).contains(&reject.status())),
    }
});
