//! A request body, found and dropped: where it ends is all that matters to a server whose endpoints need none.

use crate::http::Reject;
use crate::http::framing::Framing;
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
    /// White space behind the size: only an extension may follow.
    AfterSize(u64),
    /// In an extension.
    Extension(u64),
    /// Behind the CR of a size line.
    SizeLf(u64),
    /// In a chunk's data.
    Data(u64),
    /// Behind a chunk's data.
    DataCr,
    DataLf,
    /// At the start of a trailer line: the empty one is the end.
    Trailer,
    /// In a trailer line.
    TrailerLine,
    TrailerLf,
    EndLf,
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
            (State::Size(size, true) | State::AfterSize(size), b';') => State::Extension(size),
            (State::Size(size, true) | State::AfterSize(size), b' ' | b'\t') => State::AfterSize(size),
            (State::Size(size, true) | State::Extension(size), b'\r') => State::SizeLf(size),
            (State::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => State::Extension(size),
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
            (State::Trailer, b'!'..=b'~') | (State::TrailerLine, b'\t' | b' '..=b'~' | 0x80..) => State::TrailerLine,
            (State::TrailerLine, b'\r') => State::TrailerLf,
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
        let bytes = b"5\r\nhello\r\nA;name=\"v\"\r\n0123456789\r\n1 ; x\r\n.\r\n000\r\nTrailer: x\r\n\r\n";
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
