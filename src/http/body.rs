//! A request body, found and dropped: where it ends is all that matters to a server whose endpoints need none.

use crate::http::framing::Framing;
use crate::http::{Reject, is_token_byte};
use crate::limits::{CHUNK_LINE_BYTES, REQUEST_BODY_BYTES};

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks (RFC 9112 section 7.1).
    Chunked(Chunked),
    /// Nothing.
    Done,
}

/// Where in a chunked body the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunked {
    state: State,
    /// Data of all chunks so far.
    data_bytes: u64,
    /// Of this chunk-size line, or of all trailer fields.
    line_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the size, with the digits so far and whether there was one.
    Size(u64, bool),
    /// White space behind the size or an extension: only another extension may follow.
    AfterSize(u64),
    /// In an extension of a chunk of this size.
    Extension(u64, Extension),
    /// Behind the CR of a size line.
    SizeLf(u64),
    /// In a chunk's data.
    Data(u64),
    /// Behind a chunk's data.
    DataCr,
    DataLf,
    /// At the start of a trailer line: the empty one is the end.
    Trailer,
    /// In the name of a trailer field.
    TrailerName,
    /// In its value.
    TrailerValue,
    TrailerLf,
    EndLf,
}

/// Where in `";" name [ "=" value ]`, with white space around each (RFC 9112 section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    /// Behind a backslash.
    Escaped,
    AfterQuoted,
}

impl Extension {
    /// Behind one more byte; `None` where it cannot stand.
    fn step(self, byte: u8) -> Option<Self> {
        use Extension::*;
        let is_space = matches!(byte, b' ' | b'\t');
        let is_text = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        Some(match self {
            BeforeName | AfterName | BeforeValue if is_space => self,
            BeforeName | Name if is_token_byte(&byte) => Name,
            Name if is_space => AfterName,
            Name | AfterName if byte == b'=' => BeforeValue,
            BeforeValue if byte == b'"' => Quoted,
            BeforeValue | Value if is_token_byte(&byte) => Value,
            Quoted if byte == b'"' => AfterQuoted,
            Quoted if byte == b'\\' => Escaped,
            Quoted | Escaped if is_text => Quoted,
            _ => return None,
        })
    }

    /// Whether it may end here.
    fn is_whole(self) -> bool {
        matches!(self, Extension::Name | Extension::AfterName | Extension::Value | Extension::AfterQuoted)
    }
}

impl Body {
    /// The body that `framing` announces.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Body::Done,
            Framing::Length(bytes) => Body::Length(bytes),
            Framing::Chunked => Body::Chunked(Chunked { state: State::Size(0, false), data_bytes: 0, line_bytes: 0 }),
        }
    }

    /// Drops what belongs to the body from the front of `bytes`; how many bytes that were.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<usize, Reject> {
        match self {
            Body::Done => Ok(0),
            Body::Length(left) => {
                let used = (bytes.len() as u64).min(*left);
                *left -= used;
                if *left == 0 {
                    *self = Body::Done;
                }
                Ok(used as usize)
            }
            Body::Chunked(chunked) => {
                let mut used = 0;
                while used < bytes.len() {
                    if let State::Data(left) = chunked.state {
                        let dropped = ((bytes.len() - used) as u64).min(left);
                        used += dropped as usize;
                        chunked.state = if dropped == left { State::DataCr } else { State::Data(left - dropped) };
                        continue;
                    }
                    used += 1;
                    if chunked.step(bytes[used - 1])? {
                        *self = Body::Done;
                        break;
                    }
                }
                Ok(used)
            }
        }
    }
}

impl Chunked {
    /// Takes one byte that is not data; whether it was the last of the body.
    fn step(&mut self, byte: u8) -> Result<bool, Reject> {
        let malformed = Err(Reject::Malformed("Malformed chunk"));
        self.line_bytes += 1;
        if self.line_bytes > CHUNK_LINE_BYTES {
            return Err(Reject::BodyTooLarge);
        }
        self.state = match (self.state, byte) {
            (State::Size(size, _), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                let size = size.saturating_mul(16).saturating_add(digit);
                if self.data_bytes.saturating_add(size) > REQUEST_BODY_BYTES {
                    return Err(Reject::BodyTooLarge);
                }
                State::Size(size, true)
            }
            (State::Size(_, false), _) => return malformed,
            (State::Size(size, true) | State::AfterSize(size), b';') => State::Extension(size, Extension::BeforeName),
            (State::Size(size, true) | State::AfterSize(size), b' ' | b'\t') => State::AfterSize(size),
            (State::Size(size, true), b'\r') => State::SizeLf(size),
            (State::Extension(size, extension), b'\r') if extension.is_whole() => State::SizeLf(size),
            (State::Extension(size, Extension::Value | Extension::AfterQuoted), b' ' | b'\t') => State::AfterSize(size),
            (State::Extension(size, extension), b';') if extension.is_whole() => {
                State::Extension(size, Extension::BeforeName)
            }
            (State::Extension(size, extension), byte) => match extension.step(byte) {
                Some(extension) => State::Extension(size, extension),
                None => return malformed,
            },
            (State::SizeLf(size), b'\n') => {
                self.line_bytes = 0;
                self.data_bytes += size;
                if size == 0 { State::Trailer } else { State::Data(size) }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.line_bytes = 0;
                State::Size(0, false)
            }
            (State::Trailer, b'\r') => State::EndLf,
            (State::Trailer | State::TrailerName, byte) if is_token_byte(&byte) => State::TrailerName,
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::Trailer,
            (State::EndLf, b'\n') => return Ok(true),
            _ => return malformed,
        };
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunked(bytes: &[u8]) -> Result<(usize, bool), Reject> {
        let mut body = Body::new(Framing::Chunked);
        let used = body.skip(bytes)?;
        Ok((used, body == Body::Done))
    }

    #[test]
    fn a_body_of_a_length_ends_there() {
        let mut body = Body::new(Framing::Length(5));
        assert_eq!((body.skip(b"hel"), body.skip(b"loGET"), body), (Ok(3), Ok(2), Body::Done));
    }

    #[test]
    fn chunks_end_where_they_end_however_they_are_cut() {
        let bytes =
            b"5\r\nhello\r\nA;name=\"\\\"v; \";b = c ;d\r\n0123456789\r\n1 ; x\r\n.\r\n000\r\nTrailer: x\r\n\r\n";
        for cut in 0..bytes.len() {
            let mut body = Body::new(Framing::Chunked);
            assert_eq!(body.skip(&bytes[..cut]), Ok(cut), "at {cut}");
            assert_ne!(body, Body::Done, "at {cut}");
            assert_eq!(body.skip(&[&bytes[cut..], b"GET /"].concat()), Ok(bytes.len() - cut), "at {cut}");
            assert_eq!(body, Body::Done, "at {cut}");
        }
    }

    #[test]
    fn a_malformed_chunk_is_400() {
        for bytes in [
            "\r\n",
            "g\r\n",
            "-1\r\n",
            "0x5\r\n",
            "5\nhello",
            "5\r\nhelloo",
            "5\r\nhello\n",
            "5 5\r\n",
            ";x\r\n",
            "5\r\r\n",
            "0\r\n x: y\r\n\r\n",
            "0\r\n\n",
            "1;\0\r\n",
            "0\r\nA: b\n\r\n",
            " 5\r\n",
            "5 \r\n",
            "5;\r\n",
            "5;a b\r\n",
            "5;a=\r\n",
            "5;bad[=x\r\n",
            "5;a=\"b\r\n",
            "5;a=\"b\"c\r\n",
            "0\r\nname\r\n\r\n",
            "0\r\nname : value\r\n\r\n",
            "0\r\n: value\r\n\r\n",
            "0\r\na: b\r\n folded\r\n\r\n",
        ] {
            assert_eq!(chunked(bytes.as_bytes()).map_err(Reject::status), Err(400), "{bytes:?}");
        }
    }

    #[test]
    fn too_large_a_chunk_is_413_before_its_data_comes() {
        for bytes in ["10001\r\n", "ffffffffffffffffffffff\r\n", "10000000000000001\r\n"] {
            assert_eq!(chunked(bytes.as_bytes()), Err(Reject::BodyTooLarge), "{bytes:?}");
        }
        let many = "1\r\n.\r\n".repeat(REQUEST_BODY_BYTES as usize + 1);
        assert_eq!(chunked(many.as_bytes()), Err(Reject::BodyTooLarge));
    }

    #[test]
    fn endless_extensions_and_trailers_are_refused() {
        let endless = "x".repeat(2 * CHUNK_LINE_BYTES);
        assert_eq!(chunked(format!("5;{endless}").as_bytes()), Err(Reject::BodyTooLarge));
        assert_eq!(
            chunked(format!("0\r\n{}", "a: b\r\n".repeat(CHUNK_LINE_BYTES)).as_bytes()),
            Err(Reject::BodyTooLarge)
        );
    }
}
