//! An HTTP check: the status code is one of those expected, and so is the body.

use std::time::Duration;

use crate::client::{Client, Progress, Request};
use crate::config::monitors::{HttpCheck, Secret};
use crate::limits::{BODY_MATCH_BYTES, BODY_SHOWN_CHARS};
use crate::monitor::check::{failed, timed_out, within};
use crate::snapshot::{Failure, FailureKind, Outcome};

pub(super) async fn check(client: &Client, check: &HttpCheck, timeout: Duration) -> Outcome {
    let progress = Progress::default();
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
    let sent = within(client, timeout, client.send(&request, &progress, &mut body)).await;
    let mut outcome = Outcome { certificate_expiry_unix_secs: progress.certificate_expiry(), ..Outcome::default() };
    outcome.failure = match sent {
        None => Some(Failure {
            kind: FailureKind::Timeout,
            message: "Unexpected error".into(),
            error: Some(timed_out(timeout, &progress, &progress.peer())),
        }),
        Some(Err(failure)) => Some(failure),
        Some(Ok(head)) => {
            outcome.http_status = Some(head.status);
            if !check.expected_code.matches(head.status) {
                let (expected, actual) = (check.expected_code.as_str(), head.status.to_string());
                let text = ["Not expected status code: expected = ", expected, ", actual = ", &actual];
                Some(failed(FailureKind::Status, text.concat()))
            } else {
                search.and_then(Search::failure)
            }
        }
    };
    outcome
}

/// Looks for a text in a body that comes in parts.
struct Search<'a> {
    expected: &'a str,
    found: bool,
    /// The end of what has come, in which the text may have begun.
    tail: Vec<u8>,
    /// What the log shows.
    begin: Vec<u8>,
    bytes: u64,
}

impl<'a> Search<'a> {
    fn new(expected: &'a str) -> Self {
        Search { expected, found: expected.is_empty(), tail: Vec::new(), begin: Vec::new(), bytes: 0 }
    }

    /// Whether there is a reason to look at more.
    fn look_at(&mut self, part: &[u8]) -> bool {
        let left = usize::try_from(BODY_MATCH_BYTES - self.bytes).unwrap_or(usize::MAX);
        let part = &part[..part.len().min(left)];
        self.bytes += part.len() as u64;
        // A character has four bytes at most; one more shows that there is more.
        let room = (BODY_SHOWN_CHARS * 4 + 1).saturating_sub(self.begin.len());
        self.begin.extend_from_slice(&part[..part.len().min(room)]);
        self.tail.extend_from_slice(part);
        let expected = self.expected.as_bytes();
        self.found = self.found || self.tail.windows(expected.len()).any(|window| window == expected);
        let kept = self.tail.len().min(expected.len().saturating_sub(1));
        self.tail.drain(..self.tail.len() - kept);
        !self.found && self.bytes < BODY_MATCH_BYTES
    }

    fn failure(self) -> Option<Failure> {
        if self.found {
            return None;
        }
        let text = String::from_utf8_lossy(&self.begin);
        let cut = text.char_indices().nth(BODY_SHOWN_CHARS).map(|(at, _)| at);
        let (shown, more) = (&text[..cut.unwrap_or(text.len())], if cut.is_some() { "…" } else { "" });
        let bound = if self.bytes >= BODY_MATCH_BYTES { " (not within the first 256 KB)" } else { "" };
        let text = ["Response not valid: expected = ", self.expected, ", actual = ", shown, more, bound];
        Some(failed(FailureKind::Body, text.concat()))
    }
}
