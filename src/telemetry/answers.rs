//! What a collector answers, from its bytes: the same messages over gRPC and HTTP (OTLP specification, "OTLP/gRPC
//! Response" and "OTLP/HTTP Response"). Whatever it sends is a value or one line that says what is wrong with it.

use std::fmt;
use std::time::Duration;

use prost::Message;

use crate::limits::{OTLP_ANSWER_BYTES, OTLP_MESSAGE_BYTES};
use crate::telemetry::cut;
use crate::telemetry::messages::collector::ExportServiceResponse;
use crate::telemetry::messages::rpc;

const RETRY_INFO: &str = "google.rpc.RetryInfo";

/// The collector took a request, but not all that was in it, or it has something to say about it. What was rejected is
/// not to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Points, records or spans that were not accepted. The collector's word: it may be more than were sent.
    pub rejected: u64,
    /// Why, in one line.
    pub message: String,
}

/// The collector refused a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A gRPC status code.
    pub code: i32,
    /// Why, in one line.
    pub message: String,
    /// Where the collector says that it may be tried again: how long to wait before, zero if it leaves that open.
    pub retry: Option<Duration>,
}

/// An answer that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// Longer than it may be: this many bytes.
    TooLong(usize),
    /// Not the message that belongs here, in this many bytes.
    Malformed(&'static str, usize),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = itoa::Buffer::new();
        match self {
            AnswerError::TooLong(bytes) => {
                f.write_str("the collector's answer has ")?;
                f.write_str(digits.format(*bytes))?;
                f.write_str(" bytes, expected at most ")?;
                f.write_str(itoa::Buffer::new().format(OTLP_ANSWER_BYTES))
            }
            AnswerError::Malformed(expected, bytes) => {
                f.write_str("the collector's answer of ")?;
                f.write_str(digits.format(*bytes))?;
                f.write_str(" bytes is not the expected ")?;
                f.write_str(expected)
            }
        }
    }
}

impl std::error::Error for AnswerError {}

/// Reads the `Export…ServiceResponse` of any signal. `None`: all was accepted.
pub fn export_response(bytes: &[u8]) -> Result<Option<PartialSuccess>, AnswerError> {
    let response: ExportServiceResponse = decode(bytes, "protobuf Export…ServiceResponse")?;
    let Some(told) = response.partial_success else { return Ok(None) };
    // A count below 0 means nothing, as one of 0 does.
    let partial =
        PartialSuccess { rejected: u64::try_from(told.rejected).unwrap_or(0), message: one_line(&told.error_message) };
    Ok((partial.rejected > 0 || !partial.message.is_empty()).then_some(partial))
}

/// Reads a `google.rpc.Status`: `grpc-status-details-bin` once it is decoded from base64, or the body of an HTTP refusal.
pub fn refusal(bytes: &[u8]) -> Result<Refusal, AnswerError> {
    let status: rpc::Status = decode(bytes, "protobuf google.rpc.Status")?;
    let mut retry = None;
    for detail in &status.details {
        if detail.type_url.rsplit('/').next() == Some(RETRY_INFO) {
            let info: rpc::RetryInfo = decode(&detail.value, "protobuf google.rpc.RetryInfo")?;
            retry = Some(info.retry_delay.map_or(Duration::ZERO, delay));
        }
    }
    Ok(Refusal { code: status.code, message: one_line(&status.message), retry })
}

fn decode<M: Message + Default>(bytes: &[u8], expected: &'static str) -> Result<M, AnswerError> {
    if bytes.len() > OTLP_ANSWER_BYTES {
        return Err(AnswerError::TooLong(bytes.len()));
    }
    M::decode(bytes).map_err(|_| AnswerError::Malformed(expected, bytes.len()))
}

/// A time in the past is now, and nanoseconds beyond a second, which no sender may write, are not counted.
fn delay(told: rpc::Duration) -> Duration {
    let nanos = u32::try_from(told.nanos).unwrap_or(0).min(999_999_999);
    u64::try_from(told.seconds).map_or(Duration::ZERO, |seconds| Duration::new(seconds, nanos))
}

fn one_line(text: &str) -> String {
    cut(text, OTLP_MESSAGE_BYTES).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::messages::collector::ExportPartialSuccess;

    fn partial(rejected: i64, error_message: &str) -> Vec<u8> {
        let partial_success = Some(ExportPartialSuccess { rejected, error_message: error_message.into() });
        ExportServiceResponse { partial_success }.encode_to_vec()
    }

    fn status(details: Vec<rpc::Any>) -> Vec<u8> {
        rpc::Status { code: 8, message: "slow\ndown".into(), details }.encode_to_vec()
    }

    fn retry_info(seconds: i64, nanos: i32) -> rpc::Any {
        let info = rpc::RetryInfo { retry_delay: Some(rpc::Duration { seconds, nanos }) };
        rpc::Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: info.encode_to_vec() }
    }

    #[test]
    fn an_empty_answer_means_that_all_was_accepted() {
        assert_eq!(export_response(&[]), Ok(None));
        // The field is there, but says nothing.
        assert_eq!(export_response(&partial(0, "")), Ok(None));
    }

    #[test]
    fn what_was_rejected_is_told_with_its_reason() {
        let told = |rejected, message: &str| Ok(Some(PartialSuccess { rejected, message: message.into() }));
        assert_eq!(export_response(&partial(3, "too old")), told(3, "too old"));
        assert_eq!(export_response(&partial(i64::MAX, "")), told(i64::MAX as u64, ""));
        // A warning: nothing was rejected.
        assert_eq!(export_response(&partial(0, "deprecated")), told(0, "deprecated"));
        assert_eq!(export_response(&partial(-1, "odd")), told(0, "odd"));
    }

    #[test]
    fn fields_of_a_later_protocol_are_passed_over() {
        let mut bytes = partial(3, "x");
        bytes.extend([0x92, 0x3f, 2, 1, 2]); // Field 1010, two bytes.
        assert_eq!(export_response(&bytes), Ok(Some(PartialSuccess { rejected: 3, message: "x".into() })));
    }

    #[test]
    fn a_long_message_is_cut_between_characters_and_is_one_line() {
        let long = "é\n".repeat(2000);
        let message = export_response(&partial(1, &long)).unwrap().unwrap().message;
        assert!(message.len() <= OTLP_MESSAGE_BYTES && message.len() > OTLP_MESSAGE_BYTES - 4, "{}", message.len());
        assert!(message.starts_with("é é ") && !message.contains('\n'));
    }

    #[test]
    fn a_refusal_has_its_code_and_its_delay() {
        let expected = |retry| Ok(Refusal { code: 8, message: "slow down".into(), retry });
        assert_eq!(refusal(&status(vec![])), expected(None));
        let other = rpc::Any { type_url: "type.googleapis.com/google.rpc.DebugInfo".into(), value: vec![0xff] };
        let details = vec![other, retry_info(7, 500_000_000)];
        assert_eq!(refusal(&status(details)), expected(Some(Duration::from_millis(7500))));
        let open = rpc::Any { value: Vec::new(), ..retry_info(0, 0) };
        assert_eq!(refusal(&status(vec![open])), expected(Some(Duration::ZERO)));
    }

    #[test]
    fn a_delay_that_no_clock_could_wait_is_still_one() {
        let told = |seconds, nanos| refusal(&status(vec![retry_info(seconds, nanos)])).unwrap().retry;
        assert_eq!(told(-5, -1), Some(Duration::ZERO));
        assert_eq!(told(0, -1), Some(Duration::ZERO));
        assert_eq!(told(1, i32::MAX), Some(Duration::new(1, 999_999_999)));
        assert_eq!(told(i64::MAX, i32::MAX), Some(Duration::new(i64::MAX as u64, 999_999_999)));
    }

    #[test]
    fn garbage_is_an_error_that_says_what_was_expected() {
        for garbage in [&b"<html>502</html>"[..], &[0x0a], &[0x0a, 5, 1], &[0xff; 20], &[0x0a, 2, 8, 0xff]] {
            let error = export_response(garbage).unwrap_err();
            assert_eq!(error, AnswerError::Malformed("protobuf Export…ServiceResponse", garbage.len()));
        }
        let mut bad = retry_info(1, 0);
        bad.value = vec![0x0a, 9];
        let text = refusal(&status(vec![bad])).unwrap_err().to_string();
        assert_eq!(text, "the collector's answer of 2 bytes is not the expected protobuf google.rpc.RetryInfo");
        // Not UTF-8, which a protobuf string has to be.
        assert!(refusal(&[0x12, 1, 0xff]).is_err());
        let text = refusal(&[0; OTLP_ANSWER_BYTES + 1]).unwrap_err().to_string();
        assert_eq!(text, "the collector's answer has 8193 bytes, expected at most 8192");
    }

    #[test]
    fn an_answer_that_was_cut_short_never_panics() {
        let whole = status(vec![retry_info(7, 5)]);
        for length in 0..whole.len() {
            let _ = refusal(&whole[..length]);
            let _ = export_response(&whole[..length]);
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = refusal(&flipped);
            let _ = export_response(&flipped);
        }
    }
}
