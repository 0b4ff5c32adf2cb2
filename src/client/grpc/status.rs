//! What an answer says of itself in its fields: the status of gRPC, in whichever of its forms.

use h2::Reason;
use http::{HeaderMap, StatusCode};

use crate::client::grpc::Reply;
use crate::limits::BODY_SHOWN_CHARS;

/// Codes of gRPC that are made here ("Status codes and their use in gRPC").
const CANCELLED: u32 = 1;
const UNKNOWN: u32 = 2;
const PERMISSION_DENIED: u32 = 7;
const RESOURCE_EXHAUSTED: u32 = 8;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

/// The status in trailers, or in the head of an answer without a message; `None` where there is none.
pub(super) fn of_fields(fields: &HeaderMap) -> Option<Reply> {
    let text = |name: &str| fields.get(name).map(|value| value.as_bytes());
    let code = text("grpc-status")?;
    // Not a number: as other clients have it, nothing is known of how it went.
    let grpc_status = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok()).unwrap_or(UNKNOWN);
    Some(Reply {
        grpc_status,
        message: text("grpc-message").map(message).unwrap_or_default(),
        details: text("grpc-status-details-bin").and_then(base64).unwrap_or_default(),
        body: Vec::new(),
    })
}

/// Of an answer that does not come from gRPC: "HTTP to gRPC status code mapping".
pub(super) fn of_http(status: StatusCode) -> Reply {
    let grpc_status = match status.as_u16() {
        400 => INTERNAL,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => UNIMPLEMENTED,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => UNKNOWN,
    };
    reply(grpc_status, &["HTTP status ", status.as_str()])
}

/// Of a stream that the peer has broken off: "gRPC over HTTP2", section "Errors".
pub(super) fn of_reset(reason: Reason) -> Reply {
    let grpc_status = match reason {
        Reason::REFUSED_STREAM => UNAVAILABLE,
        Reason::CANCEL => CANCELLED,
        Reason::ENHANCE_YOUR_CALM => RESOURCE_EXHAUSTED,
        Reason::INADEQUATE_SECURITY => PERMISSION_DENIED,
        _ => INTERNAL,
    };
    reply(grpc_status, &["broken off: ", reason.description()])
}

fn reply(grpc_status: u32, message: &[&str]) -> Reply {
    Reply { grpc_status, message: message.concat(), details: Vec::new(), body: Vec::new() }
}

/// A `grpc-message` as one line: percent-encoded UTF-8, where what is malformed stays as it is.
fn message(encoded: &[u8]) -> String {
    let (mut decoded, mut rest) = (Vec::new(), encoded);
    while let Some((&byte, after)) = rest.split_first() {
        let digits = (after.first().and_then(digit), after.get(1).and_then(digit));
        let (meant, next) = match digits {
            (Some(high), Some(low)) if byte == b'%' => (high << 4 | low, &after[2..]),
            _ => (byte, after),
        };
        decoded.push(meant);
        rest = next;
    }
    let text = String::from_utf8_lossy(&decoded);
    text.chars().take(BODY_SHOWN_CHARS).map(|shown| if shown.is_control() { ' ' } else { shown }).collect()
}

fn digit(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Bytes of a field whose name ends in `-bin` (RFC 4648 section 4): with padding or without; of several, the first.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let first = text.split(|byte| *byte == b',').next().unwrap_or_default();
    let digits = first.trim_ascii();
    let digits = digits.strip_suffix(b"==").or(digits.strip_suffix(b"=")).unwrap_or(digits);
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for four in digits.chunks(4) {
        let mut bits = 0;
        for at in 0..4 {
            let value = four.get(at).map_or(Some(0), six_bits)?;
            bits = bits << 6 | u32::from(value);
        }
        let [_, three @ ..] = bits.to_be_bytes();
        // One digit alone is not even one byte.
        bytes.extend_from_slice(&three[..four.len().checked_sub(1).filter(|whole| *whole > 0)?]);
    }
    Some(bytes)
}

fn six_bits(byte: &u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_decoded_and_what_is_malformed_stays() {
        assert_eq!(message(b"too%20much, %C3%A4h %e2%82%AC"), "too much, äh €");
        assert_eq!(message(b"100% sure %4 %zz %"), "100% sure %4 %zz %");
        assert_eq!(message(b"%ff."), "\u{fffd}.");
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        assert_eq!(message(b"a%0Ab%1B[31m%00"), "a b [31m ");
        assert_eq!(message("%C3%A4".repeat(5000).as_bytes()), "ä".repeat(BODY_SHOWN_CHARS));
    }

    #[test]
    fn base64_is_read_with_padding_and_without() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zg", b"f"),
            ("Zm8=", b"fo"),
            ("Zm8", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYg", b"foob"),
            ("+/+/", b"\xfb\xff\xbf"),
            ("Zm9v,YmFy", b"foo"),
        ] {
            assert_eq!(base64(text.as_bytes()).as_deref(), Some(bytes), "{text}");
        }
        for wrong in ["Z", "Zm9vY", "Zm-v", "Z===", "Zm 9v", "Zm=v"] {
            assert_eq!(base64(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_status_that_is_no_number_is_unknown() {
        let fields =
            |status: &'static str| HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]);
        for (text, code) in [("0", 0), ("14", 14), ("99", 99), ("-1", 2), ("", 2), ("OK", 2), ("99999999999", 2)] {
            assert_eq!(of_fields(&fields(text)).unwrap().grpc_status, code, "{text}");
        }
        assert!(of_fields(&HeaderMap::new()).is_none());
    }

    #[test]
    fn a_status_of_http_has_its_code_in_the_table() {
        let table =
            [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14), (500, 2), (302, 2)];
        for (http, grpc) in table {
            assert_eq!(of_http(StatusCode::from_u16(http).unwrap()).grpc_status, grpc, "{http}");
        }
    }
}
