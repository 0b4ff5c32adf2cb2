//! A request head: bytes to what the server must know of it. The request line is read here, because RFC 9112 section 3
//! asks for answers that depend on what exactly is wrong with it; the fields are read by `httparse`.

use crate::http::framing::{Framing, FramingFields};
use crate::http::target::{Target, is_host};
use crate::http::{Reject, is_token_byte, list};
use crate::limits::{CID_BYTES, REQUEST_HEAD_BYTES, REQUEST_HEADERS, REQUEST_LINE_BYTES};
use crate::snapshot::Method;

/// What the server must know of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'b> {
    /// The method.
    pub method: Method,
    /// What is asked for.
    pub target: Target<'b>,
    /// HTTP/1.0, where a connection is closed unless both sides say otherwise.
    pub http_10: bool,
    /// The client wants to go on with this connection.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// How the body is delimited.
    pub framing: Framing,
    /// The client's own `x-imalive-cid`, if it is a token of a sane length.
    pub cid: Option<&'b str>,
}

/// How many bytes of empty lines stand ahead of a request. They can be dropped as they come: a head begins behind them.
pub fn empty_lines(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Reads one head from the front of `bytes`: the head and its length, or `None` if it is not finished yet.
pub fn read_head(bytes: &[u8]) -> Result<Option<(Head<'_>, usize)>, Reject> {
    // RFC 9112 section 2.2: ignore empty lines ahead of a request; old clients send one after a body.
    let start = empty_lines(bytes);
    let rest = &bytes[start..];
    let Some(line_end) = rest.iter().position(|byte| *byte == b'\n') else {
        if rest.len() > REQUEST_LINE_BYTES {
            return Err(Reject::TargetTooLong);
        }
        if bytes.len() >= REQUEST_HEAD_BYTES {
            return Err(Reject::HeadTooLarge);
        }
        return unfinished_line(rest).map(|()| None);
    };
    if line_end > REQUEST_LINE_BYTES + 1 {
        return Err(Reject::TargetTooLong);
    }
    let line = rest[..line_end].strip_suffix(b"\r").unwrap_or(&rest[..line_end]);
    let line = RequestLine::read(line)?;

    let mut fields = [httparse::EMPTY_HEADER; REQUEST_HEADERS];
    match httparse::parse_headers(&rest[line_end + 1..], &mut fields) {
        Ok(httparse::Status::Complete((used, fields))) => {
            let length = start + line_end + 1 + used;
            if length > REQUEST_HEAD_BYTES {
                return Err(Reject::HeadTooLarge);
            }
            Ok(Some((line.with_fields(fields)?, length)))
        }
        Ok(httparse::Status::Partial) if bytes.len() >= REQUEST_HEAD_BYTES => Err(Reject::HeadTooLarge),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(Reject::HeadTooLarge),
        Err(httparse::Error::HeaderName) => Err(Reject::Malformed("Malformed header name")),
        Err(_) => Err(Reject::Malformed("Malformed header")),
    }
}

/// A line that has not ended may already be hopeless: a TLS hello or an SSH banner is told so at once.
fn unfinished_line(line: &[u8]) -> Result<(), Reject> {
    let method_end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (method, rest) = line.split_at(method_end);
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    // The last byte may be the CR of a line's end.
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let method = if rest.is_empty() { method.strip_suffix(b"\r").unwrap_or(method) } else { method };
    if (line.is_empty() || !method.is_empty()) && method.iter().all(is_token_byte) && rest.iter().all(plain) {
        Ok(())
    } else {
        Err(Reject::Malformed("Malformed request line"))
    }
}

struct RequestLine<'b> {
    method: Method,
    target: Target<'b>,
    http_10: bool,
}

impl<'b> RequestLine<'b> {
    /// `method SP request-target SP HTTP-version`, with exactly one space each (RFC 9112 section 3).
    fn read(line: &'b [u8]) -> Result<Self, Reject> {
        let malformed = Reject::Malformed("Malformed request line");
        let line = core::str::from_utf8(line).map_err(|_| malformed)?;
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        if method.is_empty() || !method.bytes().all(|byte| is_token_byte(&byte)) {
            return Err(malformed);
        }
        if target.is_empty() || !target.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#') {
            return Err(Reject::Malformed("Malformed request target"));
        }
        let http_10 = match version.as_bytes() {
            [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => match (major, minor) {
                (b'1', minor) => *minor == b'0',
                _ => return Err(Reject::Version),
            },
            _ => return Err(malformed),
        };
        Ok(RequestLine { method: method_of(method), target: Target::read(method, target)?, http_10 })
    }

    fn with_fields(self, fields: &[httparse::Header<'b>]) -> Result<Head<'b>, Reject> {
        let mut hosts = 0;
        let mut framing = FramingFields::default();
        let (mut close, mut keep_alive, mut expects_continue) = (false, false, false);
        let mut cid = None;
        for field in fields {
            let name = |wanted: &str| field.name.eq_ignore_ascii_case(wanted);
            if name("host") {
                hosts += 1;
                if !is_host(field.value) {
                    return Err(Reject::Malformed("Malformed Host header"));
                }
            } else if name("content-length") {
                framing.add_length(field.value)?;
            } else if name("transfer-encoding") {
                framing.add_coding(field.value);
            } else if name("connection") {
                for option in list(field.value) {
                    close |= option.eq_ignore_ascii_case(b"close");
                    keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            } else if name("expect") && !self.http_10 {
                // RFC 9110 section 10.1.1: an expectation in an HTTP/1.0 request is ignored.
                if !field.value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Reject::Expectation);
                }
                expects_continue = true;
            } else if name("x-imalive-cid") {
                cid = cid_of(field.value);
            }
        }
        if hosts > 1 {
            return Err(Reject::Malformed("More than one Host header"));
        }
        if hosts == 0 && !self.http_10 {
            return Err(Reject::Malformed("Missing Host header"));
        }
        Ok(Head {
            method: self.method,
            target: self.target,
            http_10: self.http_10,
            keep_alive: !close && (!self.http_10 || keep_alive),
            expects_continue,
            framing: framing.framing(self.http_10)?,
            cid,
        })
    }
}

fn method_of(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    }
}

fn cid_of(value: &[u8]) -> Option<&str> {
    if value.is_empty() || value.len() > CID_BYTES || !value.iter().all(is_token_byte) {
        return None;
    }
    core::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(bytes: &str) -> Head<'_> {
        match read_head(bytes.as_bytes()) {
            Ok(Some((head, used))) if used == bytes.len() => head,
            other => panic!("{bytes:?}: {other:?}"),
        }
    }

    fn status(bytes: &str) -> u16 {
        match read_head(bytes.as_bytes()) {
            Err(reject) => reject.status(),
            other => panic!("{bytes:?}: {other:?}"),
        }
    }

    #[test]
    fn the_bare_check_of_a_load_balancer_is_understood() {
        let head = head("GET /v1/health HTTP/1.0\r\n\r\n");
        assert_eq!((head.method, head.target), (Method::Get, Target::Path("/v1/health")));
        assert!(head.http_10 && !head.keep_alive && head.framing == Framing::None);
    }

    #[test]
    fn a_head_cut_anywhere_is_unfinished_and_not_wrong() {
        let bytes =
            b"\r\nPOST /v1/health?a=b HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: 5\r\nX-Imalive-Cid: abc\r\n\r\n";
        for n in 0..bytes.len() {
            assert_eq!(read_head(&bytes[..n]), Ok(None), "at {n}");
        }
        let (head, used) = read_head(bytes).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        assert_eq!((head.framing, head.cid), (Framing::Length(5), Some("abc")));
    }

    #[test]
    fn the_bytes_behind_a_head_are_left() {
        let (_, used) = read_head(b"GET / HTTP/1.0\r\n\r\nGET /").unwrap().unwrap();
        assert_eq!(used, 18);
    }

    #[test]
    fn a_malformed_request_line_is_400() {
        for line in [
            "GET  / HTTP/1.1",
            "GET / ",
            "GET /",
            "GET",
            " GET / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / http/1.1",
            "GET\t/ HTTP/1.1",
            "GET / HTTP/11",
            "GET / HTTP/1.10",
            "G(T / HTTP/1.1",
            "GET /a#b HTTP/1.1",
            "GET * HTTP/1.1",
            "GET health HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "GET /\u{1} HTTP/1.1",
            "GET http:///x HTTP/1.1",
            "GET ftp://h/ HTTP/1.1",
            "GET http://u@h/ HTTP/1.1",
        ] {
            assert_eq!(status(&format!("{line}\r\nHost: a\r\n\r\n")), 400, "{line}");
        }
    }

    #[test]
    fn another_protocol_is_told_so_at_once() {
        assert_eq!(read_head(b"\x16\x03\x01\x02\x00\x01"), Err(Reject::Malformed("Malformed request line")));
        assert_eq!(read_head(b" "), Err(Reject::Malformed("Malformed request line")));
    }

    #[test]
    fn a_later_minor_version_is_read_as_1_1_and_another_major_is_505() {
        assert!(!head("GET / HTTP/1.2\r\nHost:\r\n\r\n").http_10);
        assert_eq!(status("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
        assert_eq!(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
    }

    #[test]
    fn a_missing_double_or_malformed_host_is_400() {
        for fields in [
            "",
            "Host: a\r\nHost: a\r\n",
            "Host: a b\r\n",
            "Host: a:b\r\n",
            "Host: http://a\r\n",
            "Host: [::1\r\n",
            "Host: [x]\r\n",
            "Host: a/b\r\n",
            "Host: a@b\r\n",
            "Host: [::1]x\r\n",
            "Host: a, b\r\n",
        ] {
            assert_eq!(status(&format!("GET / HTTP/1.1\r\n{fields}\r\n")), 400, "{fields}");
        }
        assert_eq!(status("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
        for fields in [
            "Host:\r\n",
            "Host: a\r\n",
            "host:\ta:8080 \r\n",
            "Host: [::1]:80\r\n",
            "Host: 10.0.0.1:\r\n",
            "HOST: a_b.c\r\n",
        ] {
            head(&format!("GET / HTTP/1.1\r\n{fields}\r\n"));
        }
    }

    #[test]
    fn a_malformed_field_is_400() {
        for field in [
            "A b: c",
            "A : c",
            ": c",
            "A",
            " folded: a",
            "A: b\r\n folded",
            "A: \0",
            "A: \u{7}",
            "A\0: b",
            "X[]: c",
            "A: b\rc",
        ] {
            assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")), 400, "{field}");
        }
    }

    #[test]
    fn a_connection_goes_on_as_the_version_and_the_client_say() {
        assert!(head("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
        assert!(!head("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").keep_alive);
        assert!(head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
        assert!(!head("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keep_alive);
    }

    #[test]
    fn an_unknown_expectation_is_417_and_none_holds_in_1_0() {
        assert!(head("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").expects_continue);
        assert_eq!(status("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"), 417);
        assert!(!head("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expects_continue);
    }

    #[test]
    fn too_much_has_its_own_status() {
        let long = "a".repeat(REQUEST_LINE_BYTES);
        assert_eq!(status(&format!("GET /{long}")), 414);
        assert_eq!(status(&format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n")), 414);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "a".repeat(REQUEST_HEAD_BYTES))), 431);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(REQUEST_HEADERS))), 431);
        assert_eq!(status(&"\r\n".repeat(REQUEST_HEAD_BYTES / 2)), 431);
        let fits = "a".repeat(REQUEST_LINE_BYTES - "GET / HTTP/1.1".len());
        head(&format!("GET /{fits} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }

    #[test]
    fn only_a_sane_cid_is_taken() {
        let cid = |value: &str| head(&format!("GET / HTTP/1.0\r\nX-Imalive-CID: {value}\r\n\r\n")).cid.map(str::len);
        assert_eq!(cid(&"a".repeat(CID_BYTES)), Some(CID_BYTES));
        assert_eq!(cid(&"a".repeat(CID_BYTES + 1)), None);
        assert_eq!(cid("a b"), None);
        assert_eq!(cid("<script>"), None);
        assert_eq!(cid(""), None);
    }
}
