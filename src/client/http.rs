//! One HTTP exchange: the request goes out, the answer is read as it comes, redirects are followed.

use std::time::SystemTime;

use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, RedirectAuthHeaders};
use ureq_proto::http::header::RETRY_AFTER;
use ureq_proto::http::{Method, Response};
use ureq_proto::{BodyMode, Error};

use crate::client::Client;
use crate::client::explain::failure;
use crate::client::progress::{Phase, Progress};
use crate::client::request::{Request, prepare};
use crate::client::url::Target;
use crate::client::wire::Wire;
use crate::config::monitors::Tls;
use crate::limits::{ANSWER_HEAD_BYTES, REDIRECT_BODY_BYTES};
use crate::snapshot::{Failure, FailureKind};

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its status code.
    pub status: u16,
    /// After how many seconds the peer wants to be asked again.
    pub retry_after_secs: Option<u64>,
}

/// Where the parts of a body go, until it wants no more.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> bool;

impl Client {
    /// Sends `request` and gives the answer's body to `body`, part by part. It takes as long as it takes: whoever has no
    /// patience drops it, and nothing is left of it then. How far it was, `progress` tells.
    pub async fn send(&self, request: &Request<'_>, progress: &Progress, body: Sink<'_>) -> Result<Head, Failure> {
        let first = parse(request.url)?;
        let mut method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| failure(FailureKind::Configuration, &["no method of HTTP: ", request.method]))?;
        let mut target = first.clone();
        let mut left = request.follow_redirects;
        loop {
            progress.set_peer(&target.host, target.port);
            let own_origin = target.same_origin(&first);
            let (bytes, call) = prepare(request, &target, &method, own_origin)?;
            let mut wire = self.open(&target, request.tls, own_origin, bytes, progress).await?;
            let (head, answer) = read_head(&mut wire, call).await?;
            let answer = match answer {
                _ if !is_redirect(head.status) || request.follow_redirects == 0 => answer,
                _ if left == 0 => {
                    let most = request.follow_redirects.to_string();
                    return Err(wire.failure(FailureKind::Protocol, &["redirects further than ", &most, " times"]));
                }
                answer => match follow(&mut wire, answer).await? {
                    Some(next) => {
                        (target, method) = next;
                        left -= 1;
                        continue;
                    }
                    None => return Ok(head),
                },
            };
            if let RecvResponseResult::RecvBody(call) = answer
                && request.wants_body
            {
                progress.enter(Phase::Reading);
                read_body(&mut wire, call, body).await?;
            }
            return Ok(head);
        }
    }

    /// Posts `body` to `url`: the answer's status, and after how many seconds the peer wants to be asked again.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        tls: &Tls,
    ) -> Result<(u16, Option<u64>), Failure> {
        let request = Request {
            method: "POST",
            url,
            headers: headers.to_vec(),
            basic_auth: None,
            body,
            follow_redirects: 0,
            tls,
            wants_body: false,
        };
        let head = self.send(&request, &Progress::default(), &mut |_| false).await?;
        Ok((head.status, head.retry_after_secs))
    }
}

fn parse(url: &str) -> Result<Target, Failure> {
    Target::parse(url).map_err(|reason| failure(FailureKind::Configuration, &[reason]))
}

fn is_redirect(status: u16) -> bool {
    (300..400).contains(&status) && status != 304
}

/// Reads up to the end of the head, and past those that only announce it (RFC 9110 section 15.2).
async fn read_head(wire: &mut Wire<'_>, mut call: Call<RecvResponse>) -> Result<(Head, RecvResponseResult), Failure> {
    loop {
        let before = wire.input.len();
        if wire.read().await? == 0 {
            let how = if wire.input.is_empty() { "without an answer" } else { "within the head of its answer" };
            return Err(wire.failure(FailureKind::Protocol, &["closed the connection ", how]));
        }
        // A head ends with a line; and what is none shows in its first bytes.
        if before > 64 && !wire.input[before..].contains(&b'\n') {
            continue;
        }
        match try_head(&mut call, &mut wire.input) {
            Ok(None) if wire.input.len() < ANSWER_HEAD_BYTES => {}
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
                let retry_after_secs = retry_after_secs(&response);
                return Ok(Some(Head { status: response.status().as_u16(), retry_after_secs }));
            }
            None if used == 0 || input.is_empty() => return Ok(None),
            None => {}
        }
    }
}

/// Seconds or a date (RFC 9110 section 10.2.3).
fn retry_after_secs(response: &Response<()>) -> Option<u64> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse() {
        return Some(secs);
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).map_or(0, |left| left.as_secs()))
}

/// Where a redirect leads and with which method; `None` where it is not to be followed, and so is the answer.
async fn follow(wire: &mut Wire<'_>, answer: RecvResponseResult) -> Result<Option<(Target, Method)>, Failure> {
    let mut redirect = match answer {
        RecvResponseResult::Redirect(redirect) => redirect,
        RecvResponseResult::Cleanup(_) => return Ok(None),
        RecvResponseResult::RecvBody(call) => {
            let mut bytes = 0;
            let mut within = |part: &[u8]| {
                bytes += part.len() as u64;
                bytes <= REDIRECT_BODY_BYTES
            };
            match read_body(wire, call, &mut within).await?.proceed() {
                Some(RecvBodyResult::Redirect(redirect)) => redirect,
                Some(RecvBodyResult::Cleanup(_)) => return Ok(None),
                None => return Err(wire.failure(FailureKind::Protocol, &["redirects with a body that has no end"])),
            }
        }
    };
    // The fields are made anew for where it leads.
    match redirect.as_new_call(RedirectAuthHeaders::Never) {
        Ok(Some(call)) => {
            let target = Target::parse(&call.uri().to_string())
                .map_err(|_| wire.failure(FailureKind::Protocol, &["redirects to no address of HTTP"]))?;
            Ok(Some((Target { credentials: None, ..target }, call.method().clone())))
        }
        Ok(None) | Err(Error::NoLocationHeader) => Ok(None),
        Err(_) => Err(wire.failure(FailureKind::Protocol, &["redirects to a malformed address"])),
    }
}

/// Reads to the end of the body, or until `body` wants no more.
async fn read_body(wire: &mut Wire<'_>, mut call: Call<RecvBody>, body: Sink<'_>) -> Result<Call<RecvBody>, Failure> {
    let until_closed = call.body_mode() == BodyMode::CloseDelimited;
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
        if wire.read().await? == 0 {
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
