//! Whatever a collector answers is a value or a line that says what is wrong with it, and what is told of it stays short.
#![no_main]

use imalive::limits::{OTLP_ANSWER_BYTES, OTLP_MESSAGE_BYTES};
use imalive::telemetry::answers::{AnswerError, export_response, refusal};
use libfuzzer_sys::fuzz_target;

fn short(message: &str) -> bool {
    message.len() <= OTLP_MESSAGE_BYTES && !message.contains(char::is_control)
}

fuzz_target!(|bytes: &[u8]| {
    let too_long = bytes.len() > OTLP_ANSWER_BYTES;
    match export_response(bytes) {
        Ok(None) => assert!(!too_long),
        Ok(Some(partial)) => {
            assert!(short(&partial.message) && !too_long);
            assert!(partial.rejected > 0 || !partial.message.is_empty());
        }
        Err(error) => assert_eq!(error == AnswerError::TooLong(bytes.len()), too_long, "{error}"),
    }
    match refusal(bytes) {
        Ok(refusal) => assert!(short(&refusal.message) && !too_long),
        Err(error) => assert!(error.to_string().starts_with("the collector's answer ")),
    }
});
