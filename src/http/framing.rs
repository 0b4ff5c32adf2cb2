//! Where a body ends: `Content-Length` and `Transfer-Encoding`, judged together. Two readers of one request who disagree
//! about this is how requests are smuggled past a proxy, so whatever could be read in two ways is refused.

use crate::http::{Reject, list};
use crate::limits::REQUEST_BODY_BYTES;

/// How the body of a request is delimited (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes, more than none.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// The field lines that decide, gathered in the order they come.
#[derive(Default)]
pub struct FramingFields {
    length: Option<u64>,
    coding: Coding,
}

impl FramingFields {
    /// A `Content-Length` line: digits, and not more than one value. A list of equal ones may be refused
    /// (RFC 9112 section 6.3), so it is.
    pub fn add_length(&mut self, value: &[u8]) -> Result<(), Reject> {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Reject::Malformed("Malformed Content-Length"));
        }
        let digit_after = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        match self.length.replace(value.iter().fold(0, digit_after)) {
            Some(_) => Err(Reject::Malformed("More than one Content-Length")),
            None => Ok(()),
        }
    }

    /// A `Transfer-Encoding` line.
    pub fn add_coding(&mut self, value: &[u8]) {
        self.coding.add(value);
    }

    /// What they come to.
    pub fn framing(&self, http_10: bool) -> Result<Framing, Reject> {
        match (self.coding.chunked(http_10)?, self.length) {
            (true, Some(_)) => Err(Reject::Malformed("Both Transfer-Encoding and Content-Length")),
            (true, None) => Ok(Framing::Chunked),
            (false, None | Some(0)) => Ok(Framing::None),
            (false, Some(length)) if length > REQUEST_BODY_BYTES => Err(Reject::BodyTooLarge),
            (false, Some(length)) => Ok(Framing::Length(length)),
        }
    }
}

/// Transfer codings, over all their field lines.
#[derive(Default)]
struct Coding {
    present: bool,
    chunked: bool,
    chunked_is_final: bool,
    other: bool,
}

impl Coding {
    fn add(&mut self, value: &[u8]) {
        self.present = true;
        for coding in list(value) {
            if coding.eq_ignore_ascii_case(b"chunked") {
                self.other |= self.chunked;
                self.chunked = true;
                self.chunked_is_final = true;
            } else {
                self.other = true;
                self.chunked_is_final = false;
            }
        }
    }

    fn chunked(&self, http_10: bool) -> Result<bool, Reject> {
        match self {
            Coding { present: false, .. } => Ok(false),
            // RFC 9112 section 6.1: HTTP/1.0 has no transfer codings, so the framing is faulty.
            _ if http_10 => Err(Reject::Malformed("Transfer-Encoding in HTTP/1.0")),
            // RFC 9112 section 6.3: without chunked at the end the length is anybody's guess.
            Coding { chunked_is_final: false, .. } => {
                Err(Reject::Malformed("Transfer-Encoding does not end in chunked"))
            }
            Coding { other: true, .. } => Err(Reject::Coding),
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::read_head;

    fn framing(version: &str, fields: &str) -> Result<Framing, u16> {
        match read_head(format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n\r\n").as_bytes()) {
            Ok(Some((head, _))) => Ok(head.framing),
            Ok(None) => panic!("{fields}: unfinished"),
            Err(reject) => Err(reject.status()),
        }
    }

    #[test]
    fn a_doubtful_length_is_refused() {
        for fields in [
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 0x5",
            "Content-Length: 5, 5",
            "Content-Length:",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5 5",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 0",
            "Transfer-Encoding: identity",
            "Transfer-Encoding:",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: xchunked",
        ] {
            assert_eq!(framing("1.1", fields), Err(400), "{fields}");
        }
        assert_eq!(framing("1.0", "Transfer-Encoding: chunked"), Err(400));
        for fields in [
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        ] {
            assert_eq!(framing("1.1", fields), Err(501), "{fields}");
        }
        assert_eq!(framing("1.1", "Content-Length: 65537"), Err(413));
        assert_eq!(framing("1.1", "Content-Length: 65536"), Ok(Framing::Length(65536)));
        assert_eq!(framing("1.1", "Content-Length: 0"), Ok(Framing::None));
        assert_eq!(framing("1.1", "Content-Length: 99999999999999999999999"), Err(413));
    }

    #[test]
    fn chunked_is_known_in_any_case_and_place() {
        for fields in ["Transfer-Encoding: Chunked", "transfer-encoding:\tchunked ", "Transfer-Encoding: , chunked,"] {
            assert_eq!(framing("1.1", fields), Ok(Framing::Chunked), "{fields}");
        }
    }
}
