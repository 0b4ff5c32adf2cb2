//! A request head: bytes to what the server must know of it. The request line is read here, because RFC 9112 section 3
//! asks for answers that depend on what exactly is wrong with it; the fields are read by `httparse`.

use crate::http::Reject;
use crate::limits::{CID_BYTES, REQUEST_BODY_BYTES, REQUEST_HEAD_BYTES, REQUEST_HEADERS, REQUEST_LINE_BYTES};
use crate::snapshot::Method;

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

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'b> {
    /// A path, without the query.
    Path(&'b str),
    /// The server itself: `OPTIONS *`.
    Server,
    /// A tunnel: `CONNECT host:port`.
    Tunnel,
}

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

/// Reads one head from the front of `bytes`: the head and its length, or `None` if it is not finished yet.
pub fn read_head(bytes: &[u8]) -> Result<Option<(Head<'_>, usize)>, Reject> {
    // RFC 9112 section 2.2: ignore empty lines ahead of a request; old clients send one after a body.
    let start = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let rest = &bytes[start..];
    let Some(line_end) = rest.iter().position(|byte| *byte == b'\n') else {
        if rest.len() > REQUEST_LINE_BYTES {
            return Err(Reject::TargetTooLong);
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
        Ok(RequestLine { method: method_of(method), target: target_of(method, target)?, http_10 })
    }

    fn with_fields(self, fields: &[httparse::Header<'b>]) -> Result<Head<'b>, Reject> {
        let mut hosts = 0;
        let mut length = None;
        let mut coding = Coding::default();
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
                if length.replace(content_length(field.value)?).is_some() {
                    return Err(Reject::Malformed("More than one Content-Length"));
                }
            } else if name("transfer-encoding") {
                coding.add(field.value);
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
        let framing = match (coding.chunked(self.http_10)?, length) {
            // RFC 9112 section 6.1: both together are how requests are smuggled past a proxy.
            (true, Some(_)) => return Err(Reject::Malformed("Both Transfer-Encoding and Content-Length")),
            (true, None) => Framing::Chunked,
            (false, None | Some(0)) => Framing::None,
            (false, Some(length)) if length > REQUEST_BODY_BYTES => return Err(Reject::BodyTooLarge),
            (false, Some(length)) => Framing::Length(length),
        };
        Ok(Head {
            method: self.method,
            target: self.target,
            http_10: self.http_10,
            keep_alive: !close && (!self.http_10 || keep_alive),
            expects_continue,
            framing,
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

/// The four forms of RFC 9112 section 3.2.
fn target_of<'b>(method: &str, target: &'b str) -> Result<Target<'b>, Reject> {
    let path = |target: &'b str| Target::Path(target.split('?').next().unwrap_or(target));
    let malformed = Reject::Malformed("Malformed request target");
    if method == "CONNECT" {
        return Ok(Target::Tunnel);
    }
    if target.starts_with('/') {
        return Ok(path(target));
    }
    if target == "*" {
        return if method == "OPTIONS" { Ok(Target::Server) } else { Err(malformed) };
    }
    let (scheme, rest) = target.split_once("://").ok_or(malformed)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(malformed);
    }
    let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_end);
    // RFC 9110 section 4.2: an http URI has a host and, from an untrusted source, no user.
    if authority.is_empty() || authority.starts_with(':') || !is_host(authority.as_bytes()) {
        return Err(malformed);
    }
    if rest.starts_with('/') {
        return Ok(path(rest));
    }
    // RFC 9112 section 3.2.4: OPTIONS of a bare authority asks about the server.
    Ok(if method == "OPTIONS" && rest.is_empty() { Target::Server } else { Target::Path("/") })
}

/// `uri-host [ ":" port ]`, or nothing (RFC 9112 section 3.2; RFC 3986 section 3.2.2).
fn is_host(value: &[u8]) -> bool {
    let (host, port) = if value.first() == Some(&b'[') {
        let Some(end) = value.iter().position(|byte| *byte == b']') else { return false };
        let (host, port) = value.split_at(end + 1);
        let address = core::str::from_utf8(&host[1..end]).ok().map(str::parse::<core::net::Ipv6Addr>);
        if !matches!(address, Some(Ok(_))) {
            return false;
        }
        (&b""[..], port)
    } else {
        value.split_at(value.iter().position(|byte| *byte == b':').unwrap_or(value.len()))
    };
    let name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
    host.iter().all(name_byte) && (port.is_empty() || port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit))
}

/// Digits, and not more than one value: a list of equal ones is allowed to be refused (RFC 9112 section 6.3).
fn content_length(value: &[u8]) -> Result<u64, Reject> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Reject::Malformed("Malformed Content-Length"));
    }
    Ok(value.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
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

/// The elements of a comma-separated list; empty ones are ignored (RFC 9110 section 5.6.1).
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(|element| element.trim_ascii()).filter(|element| !element.is_empty())
}

fn cid_of(value: &[u8]) -> Option<&str> {
    if value.is_empty() || value.len() > CID_BYTES || !value.iter().all(is_token_byte) {
        return None;
    }
    core::str::from_utf8(value).ok()
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte)
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
    fn the_absolute_form_asks_for_its_path() {
        assert_eq!(
            head("GET http://other:80/v1/health?x HTTP/1.1\r\nHost: a\r\n\r\n").target,
            Target::Path("/v1/health")
        );
        assert_eq!(head("GET HTTPS://other HTTP/1.1\r\nHost: a\r\n\r\n").target, Target::Path("/"));
        assert_eq!(head("GET http://other?/v1/health HTTP/1.1\r\nHost: a\r\n\r\n").target, Target::Path("/"));
    }

    #[test]
    fn options_of_the_server_and_a_tunnel_are_no_paths() {
        assert_eq!(head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target, Target::Server);
        assert_eq!(head("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").target, Target::Server);
        assert_eq!(head("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n").target, Target::Tunnel);
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
            assert_eq!(status(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")), 400, "{fields}");
        }
        assert_eq!(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        for fields in [
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        ] {
            assert_eq!(status(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")), 501, "{fields}");
        }
        assert_eq!(status("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n"), 413);
        assert_eq!(status("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n"), 413);
    }

    #[test]
    fn chunked_is_known_in_any_case_and_place() {
        for fields in ["Transfer-Encoding: Chunked", "transfer-encoding:\tchunked ", "Transfer-Encoding: , chunked,"] {
            assert_eq!(head(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n")).framing, Framing::Chunked);
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
