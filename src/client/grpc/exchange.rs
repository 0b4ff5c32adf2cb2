//! One request and its answer on a stream of HTTP/2 ("gRPC over HTTP2").

use std::future::{pending, poll_fn};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, TE, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, Version};

use crate::client::explain::failure;
use crate::client::grpc::{Call, Reply, status};
use crate::client::progress::{Phase, Progress};
use crate::config::otlp::is_reserved;
use crate::limits::{GRPC_ANSWER_BYTES, GRPC_PIECE_BYTES};
use crate::snapshot::{Failure, FailureKind};

/// Whether the message that follows is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Why there is no answer.
pub(super) enum Broken {
    Http2(h2::Error),
    /// The peer ends the connection and has not looked at this stream (RFC 9113 section 6.8).
    Unread(h2::Error),
    /// What the peer does, to be read after its name.
    Peer(&'static str),
    /// The same, where it is the message that cannot be read.
    Message(&'static str),
}

impl From<h2::Error> for Broken {
    fn from(error: h2::Error) -> Self {
        // Of a stream, `h2` says so when the last one that the peer means to see to is an earlier one. What becomes of those
        // that it has taken when the connection ends under them is an error of input and output.
        if error.is_go_away() && error.is_remote() { Broken::Unread(error) } else { Broken::Http2(error) }
    }
}

/// The head of a request.
pub(super) fn head(call: &Call<'_>, origin: &str, left: Duration) -> Result<Request<()>, Failure> {
    let uri = [origin, call.path].concat();
    let mut head = Request::new(());
    *head.method_mut() = Method::POST;
    *head.version_mut() = Version::HTTP_2;
    *head.uri_mut() = uri.parse().map_err(|_| malformed(&["no address: ", &uri]))?;
    let fields = head.headers_mut();
    fields.insert(USER_AGENT, text(call.user_agent)?);
    for (name, secret) in call.headers {
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed(&["a header's name"]))?;
        let mut value = HeaderValue::from_bytes(secret.reveal().as_bytes())
            .map_err(|_| malformed(&["the value of the header ", name, " has control characters"]))?;
        // HPACK must not put it into its table (RFC 7541 section 7.1).
        value.set_sensitive(true);
        if !is_reserved(field.as_str()) {
            fields.insert(field, value);
        }
    }
    fields.insert(TE, HeaderValue::from_static("trailers"));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    fields.insert("grpc-timeout", text(&timeout(left))?);
    if let Some(encoding) = call.encoding {
        fields.insert("grpc-encoding", text(encoding)?);
    }
    Ok(head)
}

/// `grpc-timeout`: at most eight digits, and the unit.
fn timeout(left: Duration) -> String {
    [&left.as_millis().clamp(1, 99_999_999).to_string(), "m"].concat()
}

fn text(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| malformed(&["a header's value"]))
}

fn malformed(reason: &[&str]) -> Failure {
    failure(FailureKind::Configuration, &["request cannot be made: ", &reason.concat()])
}

/// The request goes out and its answer comes in, both at once: a peer may answer before it has read all.
pub(super) async fn exchange(
    requests: &mut SendRequest<Bytes>,
    head: Request<()>,
    call: &Call<'_>,
    progress: &Progress,
) -> Result<Reply, Broken> {
    poll_fn(|context| requests.poll_ready(context)).await?;
    let (response, body) = requests.send_request(head, false)?;
    let sending = async {
        // What it has failed for, the answer tells.
        if send(body, call).await.is_ok() && progress.phase() == Phase::Sending {
            progress.enter(Phase::Waiting);
        }
        pending().await
    };
    match smol::future::or(receive(response, progress), sending).await {
        Err(Broken::Http2(error)) if error.is_reset() && error.is_remote() => {
            Ok(status::of_reset(error.reason().unwrap_or(h2::Reason::INTERNAL_ERROR)))
        }
        result => result,
    }
}

/// Sends the message in pieces, each as soon as the peer has room for it.
async fn send(mut body: SendStream<Bytes>, call: &Call<'_>) -> Result<(), h2::Error> {
    let Ok(length) = u32::try_from(call.message.len()) else {
        // Longer than the prefix can say.
        body.send_reset(h2::Reason::CANCEL);
        return Ok(());
    };
    let [a, b, c, d] = length.to_be_bytes();
    let prefix = [u8::from(call.encoding.is_some()), a, b, c, d];
    let (mut at, end) = (0, PREFIX_BYTES + call.message.len());
    while at < end {
        body.reserve_capacity((end - at).min(GRPC_PIECE_BYTES));
        while body.capacity() == 0 {
            match poll_fn(|context| body.poll_capacity(context)).await {
                Some(capacity) => drop(capacity?),
                None => return Ok(()),
            }
        }
        let next = end.min(at + body.capacity().min(GRPC_PIECE_BYTES));
        let mut piece = Vec::with_capacity(next - at);
        piece.extend_from_slice(&prefix[at.min(PREFIX_BYTES)..next.min(PREFIX_BYTES)]);
        piece.extend_from_slice(&call.message[at.saturating_sub(PREFIX_BYTES)..next.saturating_sub(PREFIX_BYTES)]);
        body.send_data(Bytes::from(piece), next == end)?;
        at = next;
    }
    Ok(())
}

async fn receive(response: ResponseFuture, progress: &Progress) -> Result<Reply, Broken> {
    let (head, body) = response.await?.into_parts();
    // An answer that is a status alone has it here.
    if let Some(reply) = status::of_fields(&head.headers) {
        return Ok(reply);
    }
    if head.status != StatusCode::OK {
        return Ok(status::of_http(head.status));
    }
    if !is_grpc(&head.headers) {
        return Err(Broken::Peer("answers with something else than gRPC"));
    }
    progress.enter(Phase::Reading);
    let (body, trailers) = read(body).await?;
    let mut reply = trailers
        .as_ref()
        .and_then(status::of_fields)
        .ok_or(Broken::Peer("ends its answer without a status of gRPC"))?;
    // Where something has failed, the message says nothing. Without one, the status still says that all is well.
    if reply.grpc_status == 0 && !body.is_empty() {
        reply.body = message(body)?;
    }
    Ok(reply)
}

fn is_grpc(fields: &HeaderMap) -> bool {
    let Some(rest) = fields.get(CONTENT_TYPE).and_then(|kind| kind.as_bytes().strip_prefix(b"application/grpc")) else {
        return false;
    };
    matches!(rest.first(), None | Some(b'+' | b';'))
}

async fn read(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), Broken> {
    let mut whole = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        if whole.len() + part.len() > PREFIX_BYTES + GRPC_ANSWER_BYTES {
            return Err(Broken::Message("answers with a message longer than is taken"));
        }
        whole.extend_from_slice(&part);
        body.flow_control().release_capacity(part.len())?;
    }
    Ok((whole, body.trailers().await?))
}

/// The one message of an answer.
fn message(mut body: Vec<u8>) -> Result<Vec<u8>, Broken> {
    const TORN: Broken = Broken::Message("answers with a message that is not as long as it says");
    let [flag, length @ ..] = *body.first_chunk::<PREFIX_BYTES>().ok_or(TORN)?;
    if flag != 0 {
        return Err(Broken::Message("answers with a compressed message, which was not asked for"));
    }
    body.drain(..PREFIX_BYTES);
    if usize::try_from(u32::from_be_bytes(length)) == Ok(body.len()) { Ok(body) } else { Err(TORN) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::monitors::Secret;

    const CALL: Call<'static> = Call { path: "/a.B/C", user_agent: "x/1", headers: &[], message: b"", encoding: None };

    fn fields(headers: &[(&str, &str)], encoding: Option<&str>) -> Result<Vec<String>, String> {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_string(), Secret::new(value.to_string()))).collect();
        let call = Call { headers: &headers, encoding, ..CALL };
        let head =
            head(&call, "http://h:4317", Duration::from_millis(1500)).map_err(|failure| failure.cause().to_owned())?;
        assert_eq!((head.method(), head.uri().to_string().as_str()), (&Method::POST, "http://h:4317/a.B/C"));
        let mut lines: Vec<_> =
            head.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        Ok(lines)
    }

    #[test]
    fn a_request_has_the_fields_of_the_protocol_and_those_asked_for_but_not_others_of_the_protocol() {
        let plain = ["content-type: application/grpc", "grpc-timeout: 1500m", "te: trailers", "user-agent: x/1"];
        assert_eq!(fields(&[("TE", "x"), ("grpc-timeout", "9H"), ("Content-Type", "text/html")], None).unwrap(), plain);
        let more = fields(&[("Authorization", "Basic x"), ("api-key", "s")], Some("gzip")).unwrap();
        assert_eq!(more[..2], ["api-key: s", "authorization: Basic x"]);
        assert!(more.contains(&"grpc-encoding: gzip".to_owned()));
    }

    #[test]
    fn a_field_that_cannot_be_sent_is_named_without_its_value() {
        let refused = fields(&[("x-key", "sec\nret")], None);
        assert_eq!(
            refused.unwrap_err(),
            "request cannot be made: the value of the header x-key has control characters"
        );
        assert_eq!(fields(&[("x key", "secret")], None).unwrap_err(), "request cannot be made: a header's name");
    }

    #[test]
    fn a_time_that_is_left_has_at_most_eight_digits() {
        assert_eq!(timeout(Duration::ZERO), "1m");
        assert_eq!(timeout(Duration::from_secs(10)), "10000m");
        assert_eq!(timeout(Duration::from_secs(1_000_000)), "99999999m");
    }

    #[test]
    fn a_message_is_as_long_as_it_says_and_there_is_one() {
        let read = |bytes: &[u8]| message(bytes.to_vec()).ok();
        assert_eq!(read(b"\0\0\0\0\x02hi"), Some(b"hi".to_vec()));
        assert_eq!(read(b"\0\0\0\0\0"), Some(Vec::new()));
        for wrong in
            [&b"\0\0\0\0"[..], b"\0\0\0\0\x03hi", b"\0\0\0\0\x01hi", b"\x01\0\0\0\x02hi", b"\0\xff\xff\xff\xffhi"]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
