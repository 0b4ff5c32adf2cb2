//! OTLP/HTTP with binary protobuf.

use std::time::{Duration, Instant};

use crate::client::{Client, Head, Media, Progress, Request, host_and_port};
use crate::config::otlp;
use crate::limits::OTLP_ANSWER_BYTES;
use crate::telemetry::answers::{export_response, refusal};
use crate::telemetry::exporter::{Ending, Payload, Trouble, USER_AGENT};
use crate::telemetry::retry::Outcome;

pub(super) async fn export(client: &Client, to: &otlp::Signal, message: Payload<'_>) -> Ending {
    let otlp::Target { https, host, port, path } = &to.target;
    let url = [if *https { "https://" } else { "http://" }, &host_and_port(host, *port), path].concat();
    let mut headers = Vec::with_capacity(to.headers.len() + 3);
    headers.push(("user-agent", USER_AGENT));
    headers.extend(to.headers.iter().map(|(name, value)| (name.as_str(), value.reveal())));
    headers.push(("content-type", "application/x-protobuf"));
    headers.extend(message.encoding.map(|encoding| ("content-encoding", encoding)));
    let request = Request {
        method: "POST",
        url: &url,
        headers,
        basic_auth: None,
        body: message.bytes,
        follow_redirects: 0,
        tls: &to.tls,
        wants_body: true,
    };
    let (progress, mut body) = (Progress::default(), Vec::new());
    let mut keep = |part: &[u8]| {
        // One byte more shows that there is more.
        let room = (OTLP_ANSWER_BYTES + 1).saturating_sub(body.len());
        body.extend_from_slice(&part[..part.len().min(room)]);
        body.len() <= OTLP_ANSWER_BYTES
    };
    let late = async {
        client.reactor().sleep_until(Instant::now() + to.timeout).await;
        Err(progress.timed_out(to.timeout))
    };
    let sent = smol::future::or(client.send(&request, &progress, &mut keep), late).await;
    match (progress.head(), sent) {
        (Some(head), Ok(_)) => ending(head, Ok(&body)),
        // Its status counts without a body.
        (Some(head), Err(failure)) => ending(head, Err(failure.cause())),
        (None, Err(failure)) => Ending::new(Outcome::UNREACHABLE, Trouble::Unreachable(failure)),
        (None, Ok(head)) => ending(head, Ok(&body)),
    }
}

/// What an answer means: its head, and its body or why that has not come whole.
fn ending(head: Head, body: Result<&[u8], &str>) -> Ending {
    let outcome = Outcome::of_http(head.status, head.retry_after_secs.map(Duration::from_secs));
    let status = ["HTTP status ", itoa::Buffer::new().format(head.status)].concat();
    // A portal of a hotel or a proxy, which answers everything that is not encrypted, is no collector: it has taken nothing.
    if (300..400).contains(&head.status) {
        return stranger("redirects, which is not followed", status);
    }
    if let (Outcome::Accepted { .. }, true) = (outcome, head.media == Media::Html) {
        return stranger("answers with a page of HTML", status);
    }
    let protobuf = body.map(|body| if head.media == Media::Protobuf { body } else { b"" });
    if let Outcome::Accepted { .. } = outcome {
        let told = protobuf.map_err(str::to_owned);
        return Ending::accepted(told.and_then(|body| export_response(body).map_err(|error| error.to_string())));
    }
    let told = protobuf.ok().and_then(|body| refusal(body).ok()).map(|told| told.message).unwrap_or_default();
    Ending::of_status(outcome, head.status.into(), status, &told)
}

fn stranger(does: &'static str, status: String) -> Ending {
    Ending::new(Outcome::Again(None), Trouble::Stranger(does, status))
}
