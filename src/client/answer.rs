//! The answer to one request, read as it comes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvResponseResult};
use ureq_proto::http::Response;
use ureq_proto::http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use ureq_proto::{BodyMode, Error};

use crate::client::wire::Wire;
use crate::limits::{ANSWER_BYTES, ANSWER_HEAD_BYTES};
use crate::snapshot::{Failure, FailureKind};

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its status code.
    pub status: u16,
    /// After how many seconds the peer wants to be asked again.
    pub retry_after_secs: Option<u64>,
    /// What its body is.
    pub media: Media,
}

/// What a body is, as far as anybody here has a use for it (RFC 9110 section 8.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Media {
    /// It is not said, or is something else.
    #[default]
    Other,
    /// Binary protobuf.
    Protobuf,
    /// A page for people.
    Html,
}

/// Where the parts of a body go, until it wants no more.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> bool;

/// Reads up to the end of the head, and past those that only announce it (RFC 9110 section 15.2).
pub(super) async fn read_head(
    wire: &mut Wire<'_>,
    mut call: Call<RecvResponse>,
) -> Result<(Head, RecvResponseResult), Failure> {
    let mut bytes = 0;
    loop {
        let before = wire.input.len();
        let read = wire.read().await?;
        bytes += read;
        if read == 0 {
            let how = if wire.input.is_empty() { "without an answer" } else { "within the head of its answer" };
            return Err(wire.failure(FailureKind::Protocol, &["closed the connection ", how]));
        }
        // A head ends with a line; and what is none shows in its first bytes.
        let tells = before <= 64 || wire.input[before..].contains(&b'\n');
        match if tells { try_head(&mut call, &mut wire.input) } else { Ok(None) } {
            Ok(None) if bytes < ANSWER_HEAD_BYTES => {}
            Ok(None) => return Err(wire.failure(FailureKind::Protocol, &["gives an answer whose head has no end"])),
            Ok(Some(head)) => match call.proceed() {
                Some(answer) => return Ok((head, answer)),
                None => return Err(wire.failure(FailureKind::Protocol, &["gives no answer"])),
            },
            Err(_) if wire.input.starts_with(&[0x15, 3]) => {
                return Err(wire.failure(FailureKind::Protocol, &["speaks TLS: the URL is to begin with https"]));
            }
            Err(error) => return Err(malformed(wire, &error)),
        }
    }
}

fn try_head(call: &mut Call<RecvResponse>, input: &mut Vec<u8>) -> Result<Option<Head>, Error> {
    loop {
        let (used, response) = call.try_response(input, false)?;
        input.drain(..used);
        match response {
            Some(response) => {
                let (status, retry_after_secs) = (response.status().as_u16(), retry_after_secs(&response));
                return Ok(Some(Head { status, retry_after_secs, media: media(&response) }));
            }
            None if used == 0 || input.is_empty() => return Ok(None),
            None => {}
        }
    }
}

/// How long it is to what `Retry-After` says. The peer's own clock has set a date, so it is counted from what that clock
/// said: ours may stand at 1970 until the network has told the time.
fn retry_after_secs(response: &Response<()>) -> Option<u64> {
    let field = |name| response.headers().get(name)?.to_str().ok();
    let now = || {
        let told = field(DATE).and_then(|date| httpdate::parse_http_date(date.trim()).ok());
        told.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH).unwrap_or_default()
    };
    retry_after(field(RETRY_AFTER)?, now)
}

/// Seconds or a date (RFC 9110 section 10.2.3), of which is said how far it is from now.
fn retry_after(value: &str, unix_now: impl Fn() -> Duration) -> Option<u64> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time as well.
        return Some(value.parse().unwrap_or(u64::MAX));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(date.saturating_sub(unix_now()).as_secs())
}

fn media(response: &Response<()>) -> Media {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    let known = [
        ("application/x-protobuf", Media::Protobuf),
        ("application/protobuf", Media::Protobuf),
        ("text/html", Media::Html),
        ("application/xhtml+xml", Media::Html),
    ];
    known.iter().find(|(name, _)| kind.eq_ignore_ascii_case(name)).map_or(Media::Other, |(_, media)| *media)
}

/// Reads to the end of the body, or until `body` wants no more.
pub(super) async fn read_body(
    wire: &mut Wire<'_>,
    mut call: Call<RecvBody>,
    body: Sink<'_>,
) -> Result<Call<RecvBody>, Failure> {
    let until_closed = call.body_mode() == BodyMode::CloseDelimited;
    let mut bytes = 0;
    loop {
        match pour(&mut call, &mut wire.input, body) {
            Ok(true) => {}
            Ok(false) => return Ok(call),
            Err(error) => return Err(malformed(wire, &error)),
        }
        if call.can_proceed() && !until_closed {
            return Ok(call);
        }
        // Of a body nothing is left here but the beginning of a chunk's size.
        if wire.input.len() > ANSWER_HEAD_BYTES {
            return Err(wire.failure(FailureKind::Protocol, &["gives an answer with a chunk whose size has no end"]));
        }
        let read = wire.read().await?;
        bytes += read as u64;
        if bytes > ANSWER_BYTES {
            return Err(wire.failure(FailureKind::Protocol, &["gives an answer that is framing for the most part"]));
        }
        if read == 0 {
            if until_closed || call.is_ended_chunked() {
                return Ok(call);
            }
            return Err(wire.failure(FailureKind::Protocol, &["closed the connection within its answer"]));
        }
    }
}

/// Gives to `body` what of it has come; whether it wants more.
fn pour(call: &mut Call<RecvBody>, input: &mut Vec<u8>, body: Sink<'_>) -> Result<bool, Error> {
    let mut part = [0; 1024];
    let (mut used, mut wants) = (0, true);
    while wants {
        let (taken, given) = call.read(&input[used..], &mut part)?;
        used += taken;
        if taken == 0 && given == 0 {
            break;
        }
        wants = given == 0 || body(&part[..given]);
    }
    input.drain(..used);
    Ok(wants)
}

fn malformed(wire: &Wire<'_>, error: &Error) -> Failure {
    match error {
        Error::HttpParseFail(_) => wire.failure(FailureKind::Protocol, &["answers, but not by HTTP/1"]),
        error => wire.failure(FailureKind::Protocol, &["gives a malformed answer: ", &error.to_string()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Progress;
    use crate::client::Request;
    use crate::client::explain::failure;
    use crate::client::testing::{
        answered, answering, asked, client, err, get, nobody, ok, request_head, sent, server, soon,
    };
    use crate::limits::REDIRECT_BODY_BYTES;
    use std::io::Write;
    use std::sync::Mutex;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    #[test]
    fn bodies_are_read_in_every_framing() {
        assert_eq!(answered("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello more"), ok(200, "hello"));
        assert_eq!(answered("HTTP/1.1 200 OK\r\n\r\nhello"), ok(200, "hello"));
        assert_eq!(answered("HTTP/1.0 404 Not Found\r\n\r\n"), ok(404, ""));
        let chunked =
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n";
        assert_eq!(answered(chunked), ok(200, "hello"));
        assert_eq!(answered("HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n"), ok(204, ""));
        let head = Request { method: "HEAD", ..get("") };
        let url = format!("http://{}/", answering("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"));
        assert_eq!(sent(&Request { url: &url, ..head }), ok(200, ""));
    }

    #[test]
    fn an_answer_that_drips_is_read_to_its_end() {
        const ANSWER: &[u8] =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\
            transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let address = server(|mut stream| {
            request_head(&mut stream);
            stream.set_nodelay(true).unwrap();
            for byte in ANSWER {
                stream.write_all(&[*byte]).unwrap();
                sleep(Duration::from_micros(300));
            }
        });
        assert_eq!(asked(address), ok(200, "abc"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 1994-11-06 08:49:37, the example of RFC 9110 section 5.6.7.
        let date = 784_111_777;
        let before = date - 90;
        for (value, now, expected) in [
            ("120", before, Some(120)),
            (" 0\t", before, Some(0)),
            ("99999999999999999999999999", before, Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", before, Some(90)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", before, Some(90)),
            ("Sun Nov  6 08:49:37 1994", before, Some(90)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", date + 1, Some(0)),
            // A clock that has not been set: whoever waits bounds it.
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0, Some(date)),
            ("", before, None),
            ("-1", before, None),
            ("+1", before, None),
            ("1.5", before, None),
            ("soon", before, None),
        ] {
            assert_eq!(retry_after(value, || Duration::from_secs(now)), expected, "{value}");
        }
    }

    #[test]
    fn a_head_tells_the_pause_by_the_peers_clock_and_what_the_body_is() {
        let head = |fields: &str| {
            let url = format!("http://{}/", answering(format!("HTTP/1.1 503 x\r\n{fields}\r\n\r\n")));
            let ((reactor, client), progress) = (client(), Progress::default());
            let head = reactor.block_on(client.send(&get(&url), &progress, &mut |_| true)).unwrap().unwrap();
            assert_eq!(progress.head(), Some(head));
            (head.retry_after_secs, head.media)
        };
        let by_its_clock = "date: Sun, 06 Nov 1994 08:49:30 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(head(by_its_clock), (Some(7), Media::Other));
        assert_eq!(head("date: today\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT"), (Some(0), Media::Other));
        assert_eq!(head("content-type: application/X-Protobuf ; a=b"), (None, Media::Protobuf));
        assert_eq!(head("content-type: text/html;charset=utf-8"), (None, Media::Html));
        assert_eq!(head("content-type: application/json"), (None, Media::Other));
    }

    #[test]
    fn what_is_no_answer_is_named() {
        assert_eq!(answered("SSH-2.0-OpenSSH_9.2\r\n"), err("PEER answers, but not by HTTP/1"));
        assert_eq!(answered("\u{15}\u{3}\u{1}\0\u{2}\u{2}F"), err("PEER speaks TLS: the URL is to begin with https"));
        assert_eq!(answered(""), err("PEER closed the connection without an answer"));
        assert_eq!(
            answered("HTTP/1.1 200 OK\r\nx: y"),
            err("PEER closed the connection within the head of its answer")
        );
        let short = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{";
        assert_eq!(answered(short), err("PEER closed the connection within its answer"));
        let length = "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{";
        assert_eq!(answered(length), err("PEER gives a malformed answer: content-length header not a number"));
        let size = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxx\r\nhello";
        assert_eq!(answered(size), err("PEER gives a malformed answer: chunk length cannot be read as a number"));
        assert_eq!(asked(nobody()), err("connect to PEER: Connection refused"));
        let reset = server(|stream| rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).unwrap());
        let error = asked(reset).unwrap_err();
        assert!(
            error.starts_with("connection to PEER broke: Connection reset") || error.starts_with("connect"),
            "{error}"
        );
        assert_eq!(sent(&get("gopher://h/")), err("the URL does not begin with http:// or https://"));
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        let lines = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(ANSWER_HEAD_BYTES));
        assert_eq!(answered(&lines), err("PEER gives an answer whose head has no end"));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(200));
        assert_eq!(answered(&many), err("PEER gives a malformed answer: http parse resulted in too many headers"));
        let announced = "HTTP/1.1 102 Processing\r\n\r\n".repeat(ANSWER_HEAD_BYTES / 20);
        assert_eq!(answered(&announced), err("PEER gives an answer whose head has no end"));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let trailers = format!("{chunked}0\r\n{}", "x: y\r\n".repeat(ANSWER_BYTES as usize / 5));
        assert_eq!(answered(&trailers), err("PEER gives an answer that is framing for the most part"));
        let size = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;{}", "y".repeat(32 * 1024));
        assert!(answered(&size).is_err());
        let body = "z".repeat(REDIRECT_BODY_BYTES as usize * 2);
        let redirect = format!("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        assert_eq!(answered(&redirect), err("PEER redirects with a body that has no end"));
    }

    #[test]
    fn a_peer_that_never_pauses_is_given_up_as_soon_as_any_other() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        for (begin, again) in
            [("", "HTTP/1.1 102 Processing\r\n\r\n"), (chunked, "1\r\nx\r\n"), ("HTTP/1.1 200 OK\r\n\r\n", "x")]
        {
            let flood = again.repeat(64 * 1024 / again.len());
            let address = server(move |mut stream| {
                request_head(&mut stream);
                let (_, begun) = (stream.write_all(begin.as_bytes()), Instant::now());
                while begun.elapsed() < Duration::from_secs(4) && stream.write_all(flood.as_bytes()).is_ok() {}
            });
            let (reactor, client) = client();
            let (url, progress, begun) = (format!("http://{address}/"), Progress::default(), Instant::now());
            let (request, mut body) = (get(&url), |_: &[u8]| true);
            let late = async {
                reactor.sleep_until(begun + Duration::from_millis(200)).await;
                Err(failure(FailureKind::Timeout, &[]))
            };
            let sent = smol::future::or(client.send(&request, &progress, &mut body), late);
            assert!(reactor.block_on(sent).unwrap().is_err());
            assert!(begun.elapsed() < Duration::from_secs(2), "{again}: {:?}", begun.elapsed());
        }
    }

    #[test]
    fn a_body_is_read_no_further_than_it_is_wanted() {
        static SENT: Mutex<u64> = Mutex::new(0);
        let address = server(|mut stream| {
            request_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
            while stream.write_all(&[b'x'; 4096]).is_ok() {
                *SENT.lock().unwrap() += 4096;
            }
            *SENT.lock().unwrap() += 1;
        });
        let (reactor, client) = client();
        let (url, mut bytes) = (format!("http://{address}/"), 0);
        let mut body = |part: &[u8]| {
            bytes += part.len();
            bytes < 100_000
        };
        let (request, progress) = (get(&url), Progress::default());
        assert_eq!(reactor.block_on(client.send(&request, &progress, &mut body)).unwrap().unwrap().status, 200);
        assert!((100_000..102_000).contains(&bytes), "{bytes}");
        assert!(soon(|| *SENT.lock().unwrap() % 4096 == 1), "the connection is still open");
    }
}
