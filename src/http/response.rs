//! An answer to bytes, written by tiny_http: status line, `Date`, `Server`, fields, length.
//!
//! tiny_http leaves two things to its own server that this one needs in the head: `Connection`, and no `Content-Length`
//! with 204 (RFC 9110 section 8.6). Both stand at the end of the head, so they are settled there.

use std::io;
use std::time::{Duration, SystemTime};

use tiny_http::{HTTPVersion, Header, Response, StatusCode};

/// What an endpoint answers.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// The media type of `body`; none without a body.
    pub media_type: &'static str,
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

/// What a head depends on, `Date` and the value of `x-imalive-cid` apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    status: u16,
    media_type: &'static str,
    allow: Option<&'static str>,
    connection: Connection,
    body_bytes: usize,
    cid_bytes: usize,
}

/// Writes answers, and keeps the last head: under load the next one is most often the same, but for the correlation id.
#[derive(Default)]
pub struct Writer {
    shape: Option<Shape>,
    unix_secs: u64,
    head: Vec<u8>,
    cid_at: usize,
}

impl Writer {
    /// Tells the time, in seconds since 1970: the last `Date` may be out of date.
    pub fn set_time(&mut self, unix_secs: u64) {
        if self.unix_secs != unix_secs {
            self.unix_secs = unix_secs;
            self.shape = None;
        }
    }

    /// Appends `answer` to `out`; for HEAD without its body.
    pub fn write(
        &mut self,
        out: &mut Vec<u8>,
        answer: &Answer<'_>,
        cid: &str,
        connection: Connection,
        head_only: bool,
    ) -> io::Result<()> {
        let &Answer { status, media_type, allow, body } = answer;
        let shape = Shape { status, media_type, allow, connection, body_bytes: body.len(), cid_bytes: cid.len() };
        if self.shape != Some(shape) {
            self.shape = None;
            self.make_head(&shape, cid)?;
            self.shape = Some(shape);
        }
        let cid_at = out.len() + self.cid_at;
        out.extend_from_slice(&self.head);
        out[cid_at..cid_at + cid.len()].copy_from_slice(cid.as_bytes());
        if !head_only {
            out.extend_from_slice(body);
        }
        Ok(())
    }

    #[cold]
    fn make_head(&mut self, shape: &Shape, cid: &str) -> io::Result<()> {
        let mut fields = Vec::with_capacity(8);
        let mut field = |name: &[u8], value: &[u8]| {
            // Only bytes beyond ASCII are refused: every name and value here is a constant or a checked token.
            if let Ok(header) = Header::from_bytes(name, value) {
                fields.push(header);
            }
        };
        // tiny_http's own asks the clock, and panics where that stands before 1970 or after 9999.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.unix_secs.min(LAST_DATE_UNIX_SECS));
        field(b"Date", httpdate::fmt_http_date(now).as_bytes());
        field(b"Server", concat!("imalive/", env!("CARGO_PKG_VERSION")).as_bytes());
        if !shape.media_type.is_empty() {
            field(b"Content-Type", shape.media_type.as_bytes());
        }
        if let Some(allow) = shape.allow {
            field(b"Allow", allow.as_bytes());
        }
        field(CID.as_bytes(), cid.as_bytes());
        let head = &mut self.head;
        head.clear();
        // A threshold that is never reached: every length is known, so nothing is ever chunked.
        Response::new(StatusCode(shape.status), fields, io::empty(), Some(shape.body_bytes), None)
            .with_chunked_threshold(usize::MAX)
            .raw_print(&mut *head, HTTPVersion(1, 1), &[], true, None)?;

        // Reopen the head: take back the empty line that ends it.
        head.truncate(head.len() - b"\r\n".len());
        if shape.status == 204 {
            head.truncate(head.len() - b"Content-Length: 0\r\n".len());
        }
        head.extend_from_slice(match shape.connection {
            Connection::Unsaid => b"",
            Connection::KeepAlive => b"Connection: keep-alive\r\n",
            Connection::Close => b"Connection: close\r\n",
        });
        head.extend_from_slice(b"\r\n");
        let name = head.windows(CID.len()).position(|at| at == CID.as_bytes());
        self.cid_at = name.ok_or(io::ErrorKind::InvalidData)? + CID.len() + b": ".len();
        Ok(())
    }
}

/// The last second of the year 9999: `Date` has four digits for the year (RFC 9110 section 5.6.7).
const LAST_DATE_UNIX_SECS: u64 = 253_402_300_799;

/// The field that tells one request from another.
const CID: &str = "x-imalive-cid";

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: Answer<'_> = Answer { status: 200, media_type: "text/plain", allow: None, body: b"hello" };

    fn written(answer: &Answer<'_>, connection: Connection, head_only: bool) -> String {
        let mut out = Vec::new();
        Writer::default().write(&mut out, answer, "the-cid", connection, head_only).unwrap();
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
    fn answers_are_appended_each_with_its_own_cid_length_and_status() {
        let mut writer = Writer::default();
        let mut out = b"before".to_vec();
        let longer = Answer { status: 500, body: b"longer", ..HELLO };
        for (answer, cid) in [(&HELLO, "first"), (&HELLO, "other"), (&HELLO, "longest"), (&longer, "last")] {
            writer.write(&mut out, answer, cid, Connection::Unsaid, false).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        let answers: Vec<&str> = text.split("HTTP/1.1 ").collect();
        assert_eq!(answers[0], "before");
        for (answer, (status, cid, length)) in answers[1..].iter().zip([
            ("200 OK", "first", 5),
            ("200 OK", "other", 5),
            ("200 OK", "longest", 5),
            ("500 Internal Server Error", "last", 6),
        ]) {
            assert!(answer.starts_with(status), "{answer}");
            assert!(answer.contains(&format!("x-imalive-cid: {cid}\r\nContent-Length: {length}\r\n")), "{answer}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_by_ages_still_makes_a_date() {
        for (unix_secs, date) in [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT")] {
            let mut writer = Writer::default();
            let mut out = Vec::new();
            writer.set_time(unix_secs);
            writer.write(&mut out, &HELLO, "c", Connection::Unsaid, true).unwrap();
            assert_eq!(
                String::from_utf8(out).unwrap().lines().filter(|l| l.starts_with("Date: ")).collect::<Vec<_>>(),
                [format!("Date: {date}")]
            );
        }
    }

    #[test]
    fn another_second_has_another_date() {
        let mut writer = Writer::default();
        let mut out = Vec::new();
        writer.write(&mut out, &HELLO, "c", Connection::Unsaid, true).unwrap();
        writer.head.clear();
        writer.set_time(1);
        writer.write(&mut out, &HELLO, "c", Connection::Unsaid, true).unwrap();
        assert!(!writer.head.is_empty());
    }
}
