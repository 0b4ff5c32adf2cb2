//! An answer to bytes, written by tiny_http: status line, `Date`, `Server`, fields, length.
//!
//! tiny_http leaves two things to its own server that this one needs in the head: `Connection`, and no `Content-Length`
//! with 204 (RFC 9110 section 8.6). Both stand at the end of the head, so they are settled there.

use std::io;

use tiny_http::{HTTPVersion, Header, Response, StatusCode};

/// What an endpoint answers.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// The media type of `body`; none without a body.
    pub media_type: &'a str,
    /// The methods that are allowed, where the client asked or should know.
    pub allow: Option<&'static str>,
    /// The body.
    pub body: &'a [u8],
}

/// What is said of the connection in the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// HTTP/1.1 goes on unless something is said.
    Unsaid,
    /// HTTP/1.0 goes on only if it is said.
    KeepAlive,
    /// This is the last answer.
    Close,
}

/// `100 Continue`: the client may send its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Appends `answer` to `out`; for HEAD without its body.
pub fn write(
    out: &mut Vec<u8>,
    answer: &Answer<'_>,
    cid: &str,
    connection: Connection,
    head_only: bool,
) -> io::Result<()> {
    let mut fields = Vec::with_capacity(6);
    let mut field = |name: &[u8], value: &[u8]| {
        // Only bytes beyond ASCII are refused: every name and value here is a constant or a checked token.
        if let Ok(header) = Header::from_bytes(name, value) {
            fields.push(header);
        }
    };
    field(b"Server", concat!("imalive/", env!("CARGO_PKG_VERSION")).as_bytes());
    if !answer.media_type.is_empty() {
        field(b"Content-Type", answer.media_type.as_bytes());
    }
    if let Some(allow) = answer.allow {
        field(b"Allow", allow.as_bytes());
    }
    field(b"x-imalive-cid", cid.as_bytes());
    // A threshold that is never reached: every length is known, so nothing is ever chunked.
    Response::new(StatusCode(answer.status), fields, io::empty(), Some(answer.body.len()), None)
        .with_chunked_threshold(usize::MAX)
        .raw_print(&mut *out, HTTPVersion(1, 1), &[], true, None)?;

    // Reopen the head: take back the empty line that ends it.
    out.truncate(out.len() - b"\r\n".len());
    if answer.status == 204 {
        out.truncate(out.len() - b"Content-Length: 0\r\n".len());
    }
    out.extend_from_slice(match connection {
        Connection::Unsaid => b"",
        Connection::KeepAlive => b"Connection: keep-alive\r\n",
        Connection::Close => b"Connection: close\r\n",
    });
    out.extend_from_slice(b"\r\n");
    if !head_only {
        out.extend_from_slice(answer.body);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: Answer<'_> = Answer { status: 200, media_type: "text/plain", allow: None, body: b"hello" };

    fn written(answer: &Answer<'_>, connection: Connection, head_only: bool) -> String {
        let mut out = Vec::new();
        write(&mut out, answer, "the-cid", connection, head_only).unwrap();
        let text = String::from_utf8(out).unwrap();
        let date = text.lines().find(|line| line.starts_with("Date: ")).expect("a date");
        text.replacen(&format!("{date}\r\n"), "", 1)
    }

    #[test]
    fn an_answer_is_a_head_and_a_body() {
        let server = concat!("imalive/", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            written(&HELLO, Connection::Unsaid, false),
            format!(
                "HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Type: text/plain\r\nx-imalive-cid: the-cid\r\nContent-Length: 5\r\n\r\nhello"
            )
        );
    }

    #[test]
    fn head_has_the_length_and_not_the_body() {
        assert!(written(&HELLO, Connection::Unsaid, true).ends_with("Content-Length: 5\r\n\r\n"));
    }

    #[test]
    fn the_last_answer_says_so() {
        assert!(
            written(&HELLO, Connection::Close, false).ends_with("Content-Length: 5\r\nConnection: close\r\n\r\nhello")
        );
        assert!(written(&HELLO, Connection::KeepAlive, true).ends_with("\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn no_content_has_no_length() {
        let answer = Answer { status: 204, media_type: "", allow: Some("GET"), body: b"" };
        let text = written(&answer, Connection::Unsaid, false);
        assert!(text.ends_with("Allow: GET\r\nx-imalive-cid: the-cid\r\n\r\n") && !text.contains("Content-"), "{text}");
    }

    #[test]
    fn an_answer_is_appended() {
        let mut out = b"before".to_vec();
        write(&mut out, &HELLO, "c", Connection::Unsaid, false).unwrap();
        assert!(out.starts_with(b"beforeHTTP/1.1 200 OK\r\n"));
    }
}
