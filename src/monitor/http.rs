//! An HTTP check: the status code is one of those expected, and so is the body.

use std::cmp::Reverse;
use std::time::Duration;

use crate::client::{Client, Progress, Request};
use crate::config::basic_auth::credentials;
use crate::config::monitors::{HttpCheck, MASK, Secret};
use crate::limits::{BODY_MATCH_BYTES, BODY_SHOWN_CHARS};
use crate::monitor::check::{failed, timed_out, within};
use crate::snapshot::{Failure, FailureKind, Outcome};

pub(super) async fn check(client: &Client, check: &HttpCheck, timeout: Duration, progress: &Progress) -> Outcome {
    let mut search = check.expected_contain.as_deref().map(Search::new);
    let request = Request {
        method: check.method,
        url: check.url.reveal(),
        headers: check.headers.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect(),
        basic_auth: check.basic_auth.as_ref().map(|(user, password)| (user.reveal(), password.reveal())),
        body: check.body.as_ref().map_or("", Secret::reveal).as_bytes(),
        follow_redirects: check.follow_redirects,
        tls: &check.tls,
        wants_body: search.is_some(),
    };
    let mut body = |part: &[u8]| search.as_mut().is_some_and(|search| search.look_at(part));
    let sent = within(client, timeout, client.send(&request, progress, &mut body)).await;
    let mut outcome = Outcome { certificate_expiry_unix_secs: progress.certificate_expiry(), ..Outcome::default() };
    outcome.failure = match sent {
        None => Some(Failure {
            kind: FailureKind::Timeout,
            message: "Unexpected error".into(),
            error: Some(timed_out(timeout, progress, &progress.peer())),
        }),
        Some(Err(failure)) => Some(failure),
        Some(Ok(head)) => {
            outcome.http_status = Some(head.status);
            if !check.expected_code.matches(head.status) {
                let (expected, actual) = (check.expected_code.as_str(), head.status.to_string());
                let text = ["Not expected status code: expected = ", expected, ", actual = ", &actual];
                Some(failed(FailureKind::Status, text.concat()))
            } else {
                search.and_then(|search| search.failure(&hidden(check)))
            }
        }
    };
    outcome
}

/// Looks for a text in a body that comes in parts, in one pass whatever both are (Knuth, Morris and Pratt): it is done on the
/// executor, and the body is the peer's.
struct Search<'a> {
    expected: &'a str,
    found: bool,
    /// How much of the text what has come ends with.
    matched: usize,
    /// For each beginning of the text, how long the longest shorter one is that it ends with.
    borders: Vec<usize>,
    /// What the log shows.
    begin: Vec<u8>,
    bytes: u64,
}

impl<'a> Search<'a> {
    fn new(expected: &'a str) -> Self {
        let mut search =
            Search { expected, found: expected.is_empty(), matched: 0, borders: vec![0], begin: Vec::new(), bytes: 0 };
        for byte in expected.bytes().skip(1) {
            search.step(byte);
            search.borders.push(search.matched);
        }
        search.matched = 0;
        search
    }

    /// Takes one byte.
    fn step(&mut self, byte: u8) {
        let expected = self.expected.as_bytes();
        while self.matched > 0 && expected.get(self.matched) != Some(&byte) {
            self.matched = self.borders[self.matched - 1];
        }
        self.matched += usize::from(expected.get(self.matched) == Some(&byte));
    }

    /// Whether there is a reason to look at more.
    fn look_at(&mut self, part: &[u8]) -> bool {
        let left = usize::try_from(BODY_MATCH_BYTES - self.bytes).unwrap_or(usize::MAX);
        let part = &part[..part.len().min(left)];
        self.bytes += part.len() as u64;
        // A character has four bytes at most; one more shows that there is more.
        let room = (BODY_SHOWN_CHARS * 4 + 1).saturating_sub(self.begin.len());
        self.begin.extend_from_slice(&part[..part.len().min(room)]);
        for byte in part {
            if self.found {
                break;
            }
            self.step(*byte);
            self.found = self.matched == self.expected.len();
        }
        !self.found && self.bytes < BODY_MATCH_BYTES
    }

    fn failure(self, hidden: &[Secret]) -> Option<Failure> {
        if self.found {
            return None;
        }
        let text = hide(String::from_utf8_lossy(&self.begin).into_owned(), hidden);
        let cut = text.char_indices().nth(BODY_SHOWN_CHARS).map(|(at, _)| at);
        let (shown, more) = (&text[..cut.unwrap_or(text.len())], if cut.is_some() { "…" } else { "" });
        let bound = if self.bytes >= BODY_MATCH_BYTES { " (not within the first 256 KB)" } else { "" };
        let text = ["Response not valid: expected = ", self.expected, ", actual = ", shown, more, bound];
        Some(failed(FailureKind::Body, text.concat()))
    }
}

fn hidden(check: &HttpCheck) -> Vec<Secret> {
    let login = check.basic_auth.iter().map(|(user, password)| credentials(user.reveal(), password.reveal()));
    check.hidden.iter().cloned().chain(login.map(Secret::new)).collect()
}

/// A peer may say back what it was sent. What is shorter than four bytes is a word or a number, and stays.
fn hide(text: String, hidden: &[Secret]) -> String {
    let mut secrets: Vec<_> = hidden.iter().map(Secret::reveal).filter(|secret| secret.len() >= 4).collect();
    // One may be the beginning of another.
    secrets.sort_unstable_by_key(|secret| Reverse(secret.len()));
    secrets.iter().fold(text, |text, secret| if text.contains(secret) { text.replace(secret, MASK) } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{answering, nobody, request_head, server, silent};
    use crate::config::codes::CodePattern;
    use crate::config::monitors::{Check, Monitor};
    use crate::monitor::check::tests::{checked, http, http_check, monitor};
    use std::io::Write;
    use std::net::SocketAddr;
    use std::sync::Mutex;

    fn containing(address: SocketAddr, text: &str) -> Outcome {
        let check = HttpCheck { expected_contain: Some(text.into()), ..http_check(&format!("http://{address}/")) };
        checked(&monitor(Check::Http(Box::new(check))))
    }

    fn message(outcome: Outcome) -> String {
        outcome.failure.unwrap().cause().into()
    }

    #[test]
    fn an_answer_as_expected_passes() {
        let address = answering("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}");
        let outcome = checked(&http(address));
        assert_eq!((outcome.failure, outcome.http_status), (None, Some(200)));
        assert_eq!(containing(address, "\"status\":\"ok\"").failure, None);
    }

    #[test]
    fn another_code_or_body_fails_in_the_words_of_the_original() {
        let missing = answering("HTTP/1.1 404 Not Found\r\n\r\n");
        let url = format!("http://{missing}/");
        let check = HttpCheck { expected_code: CodePattern::parse("20*").unwrap(), ..http_check(&url) };
        let outcome = checked(&monitor(Check::Http(Box::new(check))));
        assert_eq!(outcome.http_status, Some(404));
        assert_eq!(message(outcome), "Not expected status code: expected = 20*, actual = 404");
        let outcome = containing(answering("HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}"), "nope");
        assert_eq!(outcome.failure.as_ref().unwrap().kind, FailureKind::Body);
        assert_eq!(message(outcome), "Response not valid: expected = nope, actual = {\"status\":\"ok\"}");
    }

    #[test]
    fn what_hinders_an_answer_is_the_error_of_the_originals_message() {
        let address = nobody();
        let failure = checked(&http(address)).failure.unwrap();
        assert_eq!(failure.message, "Unexpected error");
        assert_eq!(failure.error, Some(format!("connect to {address}: Connection refused")));
        assert_eq!(failure.kind, FailureKind::Connect);
    }

    #[test]
    fn a_check_that_takes_too_long_says_what_it_waited_for() {
        let drips = server(|mut stream| {
            request_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(30));
            }
        });
        let hung = silent();
        for (url, what) in [
            (format!("http://{hung}/?secret"), format!("waiting for the answer of {hung}")),
            (format!("https://{hung}/"), format!("agreeing on TLS with {hung}")),
            (format!("http://{drips}/"), format!("reading the answer of {drips}")),
        ] {
            let check = HttpCheck { expected_contain: Some("nope".into()), ..http_check(&url) };
            let timeout = Duration::from_millis(150);
            let outcome = checked(&Monitor { timeout, ..monitor(Check::Http(Box::new(check))) });
            let failure = outcome.failure.unwrap();
            assert_eq!(failure.kind, FailureKind::Timeout);
            assert_eq!(failure.cause(), format!("timed out after 150 ms (while {what})"));
        }
    }

    #[test]
    fn what_the_configuration_says_of_a_request_is_sent() {
        static SENT: Mutex<String> = Mutex::new(String::new());
        let address = server(|mut stream| {
            let mut text = request_head(&mut stream);
            let mut body = [0; 5];
            std::io::Read::read_exact(&mut stream, &mut body).unwrap();
            text.push_str(str::from_utf8(&body).unwrap());
            *SENT.lock().unwrap() = text;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        });
        let secret = |text: &str| Secret::new(text.into());
        let check = HttpCheck {
            method: "PUT",
            body: Some(secret("hello")),
            headers: vec![("X-Token".into(), secret("t"))],
            basic_auth: Some((secret("alice"), secret("secret"))),
            ..http_check(&format!("http://{address}/p?q"))
        };
        assert_eq!(checked(&monitor(Check::Http(Box::new(check)))).failure, None);
        let sent = SENT.lock().unwrap();
        assert!(sent.starts_with("PUT /p?q HTTP/1.1\r\n") && sent.ends_with("\r\n\r\nhello"), "{sent}");
        assert!(sent.contains("\r\nx-token: t\r\n") && sent.contains("\r\nauthorization: Basic YWxpY2U6c2VjcmV0\r\n"));
    }

    fn found(expected: &str, parts: &[&[u8]]) -> Option<String> {
        let mut search = Search::new(expected);
        for part in parts {
            if !search.look_at(part) {
                break;
            }
        }
        search.failure(&[]).map(|failure| failure.message)
    }

    #[test]
    fn a_peer_that_says_secrets_back_gets_none_of_them_into_the_log() {
        let hidden = ["geheim", "geheimer", "ok"].map(|text| Secret::new(text.into()));
        let mut search = Search::new("nope");
        search.look_at("a=geheim&b=geheimer ok".as_bytes());
        let message = search.failure(&hidden).unwrap().message;
        assert_eq!(message, "Response not valid: expected = nope, actual = a=***&b=*** ok");
    }

    #[test]
    fn an_answer_that_repeats_the_request_shows_no_password() {
        let address = server(|mut stream| {
            let answer = format!("HTTP/1.1 200 OK\r\n\r\n{}", request_head(&mut stream));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let secret = |text: &str| Secret::new(text.into());
        let check = HttpCheck {
            expected_contain: Some("nope".into()),
            basic_auth: Some((secret("alice"), secret("geheim"))),
            ..http_check(&format!("http://{address}/"))
        };
        let message = message(checked(&monitor(Check::Http(Box::new(check)))));
        assert!(message.contains("uthorization: Basic ***"), "{message}");
    }

    #[test]
    fn a_text_is_found_wherever_the_body_is_cut() {
        let (body, expected) = (b"aababaabababc".as_slice(), "ababc");
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let parts = [&body[..first], &body[first..second], &body[second..]];
                assert_eq!(found(expected, &parts), None, "{first} {second}");
            }
        }
        let single: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(found(expected, &single), None);
        assert!(found("ababd", &single).is_some() && found("", &[]).is_none());
    }

    #[test]
    fn an_unexpected_body_is_shown_up_to_its_256th_character() {
        let shown =
            |body: &str| found("nope", &[body.as_bytes()]).unwrap().split_once("actual = ").unwrap().1.to_owned();
        for letter in ["x", "é", "€", "🦀"] {
            let whole = letter.repeat(256);
            assert_eq!(shown(&whole), whole);
            assert_eq!(shown(&letter.repeat(257)), format!("{whole}…"));
            assert_eq!(shown(&letter.repeat(3000)), format!("{whole}…"));
        }
        assert_eq!(found("nope", &[b"a\xffb"]).unwrap(), "Response not valid: expected = nope, actual = a\u{fffd}b");
    }

    #[test]
    fn a_body_made_for_it_does_not_make_the_search_slow() {
        let (expected, body) = (format!("{}b", "a".repeat(130_000)), vec![b'a'; BODY_MATCH_BYTES as usize]);
        let time = |body: &[u8]| {
            let begun = std::time::Instant::now();
            assert!(found(&expected, &body.chunks(1024).collect::<Vec<_>>()).is_some());
            begun.elapsed()
        };
        let (plain, made_for_it) = (time(&vec![b'c'; body.len()]), time(&body));
        // A search of another kind takes 10,000 times as long.
        assert!(made_for_it < plain * 200, "{made_for_it:?}, and {plain:?} for any body");
        assert_eq!(found(&expected, &[&body[..200_000], b"b"]), None);
    }

    #[test]
    fn a_body_is_searched_no_further_than_its_first_256_kilobytes() {
        let most = BODY_MATCH_BYTES as usize;
        let body = |at: usize| {
            let mut body = vec![b'x'; most * 2];
            body[at..at + 4].copy_from_slice(b"text");
            found("text", &body.chunks(1000).collect::<Vec<_>>())
        };
        assert_eq!(body(most - 4), None);
        assert!(body(most - 3).unwrap().ends_with("x… (not within the first 256 KB)"));
        let endless = server(|mut stream| {
            request_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
        });
        assert!(message(containing(endless, "nope")).ends_with("(not within the first 256 KB)"));
    }
}
