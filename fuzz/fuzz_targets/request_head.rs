//! Any bytes are a head, the front of one, or refused with a status of their own; more bytes never change what a complete
//! head says. What is told of its client is what another reader finds in it.
#![no_main]

use imalive::http::caller::Caller;
use imalive::http::parameter::Parameter;
use imalive::http::request::read_head;
use imalive::http::route::resolve;
use imalive::limits::{OTLP_ATTRIBUTE_BYTES, REQUEST_HEADERS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match read_head(bytes) {
        Ok(Some((head, used))) => {
            assert!(used <= bytes.len());
            assert_eq!(read_head(&bytes[..used]), Ok(Some((head.clone(), used))));
            assert_eq!(read_head(&[bytes, b"GET / HTTP/1.0\r\n\r\n"].concat()), Ok(Some((head.clone(), used))));
            let (resolution, _) = resolve(head.method, head.target);
            assert!(Parameter::of(resolution, head.target).as_str().len() <= imalive::limits::PATH_PARAMETER_BYTES);
            caller(&bytes[..used]);
        }
        Ok(None) => {}
        Err(reject) => assert!((400..=505).contains(&reject.status())),
    }
});

fn caller(head: &[u8]) {
    let caller = Caller::of_head(head);
    let mut fields = [httparse::EMPTY_HEADER; REQUEST_HEADERS];
    let mut request = httparse::Request::new(&mut fields);
    // A minor version of the future it does not read.
    if !request.parse(head).is_ok_and(|status| status.is_complete()) {
        return;
    }
    let values = |name: &'static str| {
        request.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    };
    let traceparents: Vec<_> = values("traceparent").collect();
    let traceparent = traceparents.first().filter(|_| traceparents.len() == 1);
    same(caller.traceparent, traceparent.and_then(|value| str::from_utf8(value).ok()));
    same(caller.user_agent, values("user-agent").map(beginning).find(|text| !text.is_empty()));
    same(Some(caller.method), request.method);
}

fn beginning(value: &[u8]) -> &str {
    let valid = str::from_utf8(value).map_or_else(|error| error.valid_up_to(), |text| text.len());
    str::from_utf8(&value[..valid]).unwrap()
}

/// But for what was cut.
fn same(told: Option<&str>, whole: Option<&str>) {
    let (told, whole) = (told.unwrap_or_default(), whole.unwrap_or_default());
    assert!(whole.starts_with(told) && told.len() <= OTLP_ATTRIBUTE_BYTES, "{told:?} {whole:?}");
    assert!(told == whole || told.len() > OTLP_ATTRIBUTE_BYTES - 4, "{told:?} {whole:?}");
}
