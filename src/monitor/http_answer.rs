//! The answer to one HTTP/1 request on a connection that serves no other: bytes to a status and a body.

use httparse::{EMPTY_HEADER, Response, Status, parse_chunk_size};

/// Header fields of an answer.
const HEADERS: usize = 64;

/// How far an answer has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Complete { status: u16, body: Vec<u8> },
    Partial,
    Malformed,
}

/// What `bytes` say, and whether they can still become more (`ended` says they cannot).
pub(super) fn read_answer(bytes: &[u8], ended: bool) -> Answer {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut head = Response::new(&mut headers);
    let body = match head.parse(bytes) {
        Ok(Status::Complete(used)) => &bytes[used..],
        Ok(Status::Partial) => return Answer::Partial,
        Err(_) => return Answer::Malformed,
    };
    let status = head.code.unwrap_or_default();
    let field = |name: &str| head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    let whole = if field("transfer-encoding").is_some() {
        match unchunk(body) {
            Ok(whole) => whole,
            Err(()) => return Answer::Malformed,
        }
    } else if let Some(length) = field("content-length") {
        match str::from_utf8(length.value).ok().and_then(|length| length.parse().ok()) {
            Some(length) => body.get(..length).map(<[u8]>::to_vec),
            None => return Answer::Malformed,
        }
    } else {
        // It ends with the connection (RFC 9112 section 6.3).
        ended.then(|| body.to_vec())
    };
    whole.map_or(Answer::Partial, |body| Answer::Complete { status, body })
}

/// The content of a chunked body once its last chunk is there.
fn unchunk(mut body: &[u8]) -> Result<Option<Vec<u8>>, ()> {
    let mut whole = Vec::new();
    loop {
        let (begin, size) = match parse_chunk_size(body) {
            Ok(Status::Complete(chunk)) => chunk,
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err(()),
        };
        if size == 0 {
            return Ok(Some(whole));
        }
        let end = usize::try_from(size).ok().and_then(|size| begin.checked_add(size)).ok_or(())?;
        let Some(chunk) = body.get(begin..end) else { return Ok(None) };
        whole.extend_from_slice(chunk);
        match body.get(end..end.saturating_add(2)) {
            Some(b"\r\n") => body = &body[end + 2..],
            Some(_) => return Err(()),
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_at_its_last_byte_and_not_before() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n",
        ] {
            for cut in 0..answer.len() {
                assert_eq!(read_answer(&answer[..cut], false), Answer::Partial, "at {cut}");
            }
            assert_eq!(read_answer(answer, false), Answer::Complete { status: 200, body: b"hello".to_vec() });
        }
    }

    #[test]
    fn without_a_length_an_answer_ends_with_the_connection() {
        let answer = b"HTTP/1.0 404 Not Found\r\n\r\nhello";
        assert_eq!(read_answer(answer, false), Answer::Partial);
        assert_eq!(read_answer(answer, true), Answer::Complete { status: 404, body: b"hello".to_vec() });
    }

    #[test]
    fn nonsense_is_malformed() {
        for answer in [
            &b"220 smtp ready\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhello",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nhello",
        ] {
            assert_eq!(read_answer(answer, true), Answer::Malformed, "{}", String::from_utf8_lossy(answer));
        }
    }
}
