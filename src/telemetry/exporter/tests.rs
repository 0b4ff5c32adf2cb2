//! Exports to real sockets, over gRPC and over HTTP.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use prost::Message;
use rustls::version::TLS13;

use super::*;
use crate::client::grpc::testing::Deed::{Data, Head, Only, Trailers};
use crate::client::grpc::testing::{self, Answering, FINE, GRPC, collector, fine, framed};
use crate::client::testing::{
    Authority, UNCHECKED, answering, client, file, nobody, request_head, server, silent, tls_config, tls_server,
    trusting,
};
use crate::config::monitors::Secret;
use crate::config::otlp::{Protocol, Target};
use crate::reactor::Reactor;
use crate::telemetry::messages::collector::{ExportPartialSuccess, ExportServiceResponse};
use crate::telemetry::messages::rpc;

pub(super) struct Exporting {
    reactor: Rc<Reactor>,
    exporter: Exporter,
    pub(super) to: otlp::Signal,
}

impl Exporting {
    pub(super) fn new(protocol: Protocol, address: SocketAddr) -> Self {
        let path = match protocol {
            Protocol::Grpc => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Protocol::HttpProtobuf => "/v1/metrics",
        };
        let to = otlp::Signal {
            protocol,
            target: Target { https: false, host: "127.0.0.1".into(), port: address.port(), path: path.into() },
            headers: vec![("authorization".into(), Secret::new("Basic YWxpY2U6c2VjcmV0".into()))],
            timeout: Duration::from_secs(5),
            tls: UNCHECKED,
            gzip: false,
        };
        let (reactor, client) = client();
        Exporting { reactor, exporter: Exporter::new(Rc::new(client), &to), to }
    }

    pub(super) fn export_of(&mut self, which: Signal, message: &[u8]) -> Answer {
        let mut answer = self.reactor.block_on(self.exporter.export(which, &self.to, message)).unwrap();
        if let Some((_, line)) = &mut answer.line {
            *line = line.replace(&format!("127.0.0.1:{}", self.to.target.port), "PEER");
        }
        answer
    }

    /// As an exporter that is made for what `to` says now.
    fn connect_anew(&mut self) {
        self.exporter = Exporter::new(Rc::clone(&self.exporter.client), &self.to);
    }

    /// Begins an export and gives it up.
    pub(super) fn drop_after(&mut self, patience: Duration) {
        let late = async {
            self.reactor.sleep_until(std::time::Instant::now() + patience).await;
            None
        };
        let export = async { Some(self.exporter.export(Signal::Metrics, &self.to, b"hello").await) };
        assert_eq!(self.reactor.block_on(smol::future::or(export, late)).unwrap(), None);
    }

    pub(super) fn export(&mut self) -> (Outcome, Option<String>) {
        let answer = self.export_of(Signal::Metrics, b"hello");
        let level = |outcome| if outcome == Outcome::Refused { LogLevel::Error } else { LogLevel::Warning };
        assert!(answer.line.as_ref().is_none_or(|(said, _)| *said == level(answer.outcome)), "{answer:?}");
        (answer.outcome, answer.line.map(|(_, line)| line))
    }
}

/// One export over gRPC.
fn grpc(answering: Answering) -> (Outcome, Option<String>) {
    Exporting::new(Protocol::Grpc, collector(answering).address).export()
}

/// One export over HTTP.
pub(super) fn http(answer: impl Into<Vec<u8>>) -> (Outcome, Option<String>) {
    Exporting::new(Protocol::HttpProtobuf, answering(answer)).export()
}

/// The head of a request, and its body.
fn posted(stream: &mut impl Read) -> (String, Vec<u8>) {
    let head = request_head(stream);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

pub(super) fn protobuf(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

pub(super) fn partial(rejected: i64, error_message: &str) -> Vec<u8> {
    let partial_success = Some(ExportPartialSuccess { rejected, error_message: error_message.into() });
    ExportServiceResponse { partial_success }.encode_to_vec()
}

pub(super) const ALL: Outcome = Outcome::Accepted { rejected: 0 };
pub(super) const LATER: Outcome = Outcome::Again(None);

pub(super) fn said(line: &str) -> Option<String> {
    Some(line.into())
}

#[test]
fn over_grpc_a_message_goes_to_the_service_with_the_fields_that_were_asked_for() {
    static GOT: Mutex<Vec<testing::Request>> = Mutex::new(Vec::new());
    let collector = collector(|request| {
        GOT.lock().unwrap().push(request);
        fine(b"")
    });
    let mut exporting = Exporting::new(Protocol::Grpc, collector.address);
    assert_eq!(exporting.export(), (ALL, None));
    exporting.to.target.path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export".into();
    exporting.to.headers.push(("user-agent".into(), Secret::new("me/2".into())));
    let answer = exporting.export_of(Signal::Logs, b"");
    assert_eq!(answer, Answer { outcome: ALL, line: None });
    assert_eq!(collector.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    let got = GOT.lock().unwrap();
    let agent = concat!("imalive-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));
    for (request, path, body, agent) in [
        (&got[0], "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", &b"\0\0\0\0\x05hello"[..], agent),
        (&got[1], "/opentelemetry.proto.collector.logs.v1.LogsService/Export", &b"\0\0\0\0\0"[..], "me/2"),
    ] {
        assert_eq!((request.path.as_str(), &request.body[..]), (path, body));
        assert_eq!(request.fields["authorization"], "Basic YWxpY2U6c2VjcmV0");
        assert_eq!(request.fields["user-agent"], agent);
        assert_eq!(request.fields.get("grpc-encoding"), None);
    }
}

#[test]
fn a_status_of_grpc_says_what_becomes_of_the_message() {
    let refused =
        (Outcome::Refused, said("OTLP: PEER refuses metrics (gRPC status 3 INVALID_ARGUMENT: bad); they are dropped"));
    assert_eq!(grpc(|_| vec![Only(200, &[("grpc-status", "3"), ("grpc-message", "bad")])]), refused);
    let unknown = (Outcome::Refused, said("OTLP: PEER refuses metrics (gRPC status 99); they are dropped"));
    assert_eq!(grpc(|_| vec![Only(200, &[("grpc-status", "99")])]), unknown);
    let exhausted = "OTLP: PEER refuses metrics (gRPC status 8 RESOURCE_EXHAUSTED: full); they are dropped";
    static FULL: &[(&str, &str)] = &[("grpc-status", "8"), ("grpc-message", "full"), ("grpc-status-details-bin", "//")];
    assert_eq!(grpc(|_| vec![Only(200, FULL)]), (Outcome::Refused, said(exhausted)));
    let away = "OTLP: PEER does not take metrics now (gRPC status 14 UNAVAILABLE: from details); what is not sent is kept, \
                and sent again";
    let from_details = |_| {
        vec![
            Head(200, GRPC),
            Trailers(&[("grpc-status", "14"), ("grpc-status-details-bin", "CA4SDGZyb20gZGV0YWlscw==")]),
        ]
    };
    assert_eq!(grpc(from_details), (LATER, said(away)));
    let slow = "OTLP: PEER does not take metrics now (gRPC status 8 RESOURCE_EXHAUSTED: slow), and asks for a pause of 7 s; \
                what is not sent is kept, and sent again";
    let with_retry_info = |_| {
        let details = "CAgSBHNsb3caMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIBw==";
        vec![Only(200, Vec::leak(vec![("grpc-status", "8"), ("grpc-status-details-bin", details)]))]
    };
    assert_eq!(grpc(with_retry_info), (Outcome::Again(Some(Duration::from_secs(7))), said(slow)));
}

#[test]
fn what_was_taken_only_in_part_is_said() {
    let some = "OTLP: PEER has rejected 5 data points: too old; they are dropped";
    let rejected = Outcome::Accepted { rejected: 5 };
    assert_eq!(grpc(|_| fine(&partial(5, "too old"))), (rejected, said(some)));
    assert_eq!(http(protobuf("200 OK", &partial(5, "too old"))), (rejected, said(some)));
    let silent = (Outcome::Accepted { rejected: 1 }, said("OTLP: PEER has rejected 1 data points; they are dropped"));
    assert_eq!(http(protobuf("200 OK", &partial(1, ""))), silent);
    let advice = (ALL, said("OTLP: PEER has taken metrics, and says: use delta"));
    assert_eq!(grpc(|_| fine(&partial(0, "use delta"))), advice);
    assert_eq!(http(protobuf("200 OK", &partial(0, "use delta"))), advice);
    assert_eq!(http(protobuf("200 OK", b"")), (ALL, None));
}

#[test]
fn what_was_taken_by_its_status_is_not_sent_again_whatever_else_the_answer_says() {
    let taken = |why: &str| (ALL, Some(format!("OTLP: PEER has taken metrics, but not as expected: {why}")));
    let garbage = "the collector's answer of 3 bytes is not the expected protobuf Export…ServiceResponse";
    assert_eq!(grpc(|_| fine(b"\xff\xff\xff")), taken(garbage));
    assert_eq!(http(protobuf("200 OK", b"\xff\xff\xff")), taken(garbage));
    let torn = "PEER answers with a message that is not as long as it says";
    assert_eq!(grpc(|_| vec![Head(200, GRPC), Data(vec![0, 0, 0, 0, 9, 1]), Trailers(FINE)]), taken(torn));
    let long = "PEER answers with a message longer than is taken";
    assert_eq!(grpc(|_| vec![Head(200, GRPC), Data(framed(&[7; 100_000])), Trailers(FINE)]), taken(long));
}

#[test]
fn without_a_connection_the_message_is_kept() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let line = "OTLP: connect to PEER: Connection refused; what is not sent is kept, and sent again";
        assert_eq!(Exporting::new(protocol, nobody()).export(), (LATER, said(line)));
        let mut exporting = Exporting::new(protocol, silent());
        exporting.to.timeout = Duration::from_millis(80);
        let (outcome, line) = exporting.export();
        let line = line.unwrap();
        assert_eq!(outcome, LATER);
        let late = "OTLP: timed out after 80 ms (while waiting for the answer of PEER); what is not sent is kept, and sent again";
        assert_eq!(line.replace(" 79 ms", " 80 ms"), late);
    }
}

#[test]
fn over_http_a_message_is_the_body_of_a_post() {
    static GOT: Mutex<Vec<(String, Vec<u8>)>> = Mutex::new(Vec::new());
    let address = server(|mut stream| {
        GOT.lock().unwrap().push(posted(&mut stream));
        stream.write_all(&protobuf("200 OK", b"")).unwrap();
    });
    let mut exporting = Exporting::new(Protocol::HttpProtobuf, address);
    exporting.to.target.path = "/otlp/v1/traces?token=x".into();
    exporting.to.headers.push(("content-type".into(), Secret::new("text/plain".into())));
    assert_eq!(exporting.export(), (ALL, None));
    let got = GOT.lock().unwrap();
    let (head, body) = &got[0];
    assert_eq!(body, b"hello");
    assert!(head.starts_with("POST /otlp/v1/traces?token=x HTTP/1.1\r\n"), "{head}");
    let agent = concat!("user-agent: imalive-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));
    for line in ["authorization: Basic YWxpY2U6c2VjcmV0", "content-type: application/x-protobuf", agent] {
        assert_eq!(head.lines().filter(|given| *given == line).count(), 1, "{line}: {head}");
    }
    assert!(!head.contains("text/plain") && !head.contains("content-encoding"), "{head}");
}

#[test]
fn what_is_to_be_compressed_is_where_that_makes_it_shorter() {
    static GOT: Mutex<Vec<(bool, Vec<u8>)>> = Mutex::new(Vec::new());
    let unpacked = |bytes: &[u8]| {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut text).unwrap();
        text
    };
    let long = b"imalive.monitor.state ".repeat(100);
    let over_grpc = collector(|request| {
        let named = request.fields.get("grpc-encoding").is_some_and(|encoding| encoding == "gzip");
        assert_eq!(request.body[0], u8::from(named));
        GOT.lock().unwrap().push((named, request.body[5..].to_vec()));
        fine(b"")
    });
    let over_http = server(|mut stream| {
        let (head, body) = posted(&mut stream);
        GOT.lock().unwrap().push((head.contains("\r\ncontent-encoding: gzip\r\n"), body));
        stream.write_all(&protobuf("200 OK", b"")).unwrap();
    });
    for (protocol, address) in [(Protocol::Grpc, over_grpc.address), (Protocol::HttpProtobuf, over_http)] {
        let mut exporting = Exporting::new(protocol, address);
        for (gzip, message, packed) in [(true, &long[..], true), (false, &long, false), (true, b"hello", false)] {
            exporting.to.gzip = gzip;
            assert_eq!(exporting.export_of(Signal::Logs, message), Answer { outcome: ALL, line: None });
            let (named, body) = GOT.lock().unwrap().pop().unwrap();
            assert_eq!(named, packed);
            assert!(if packed { body.len() < 100 && unpacked(&body) == message } else { body == message });
        }
    }
}

#[test]
fn a_status_of_http_says_what_becomes_of_the_message() {
    let body = rpc::Status { code: 3, message: "no\nsuch".into(), details: Vec::new() }.encode_to_vec();
    let refused = "OTLP: PEER refuses metrics (HTTP status 400: no such); they are dropped";
    assert_eq!(http(protobuf("400 Bad Request", &body)), (Outcome::Refused, said(refused)));
    let alone = "OTLP: PEER refuses metrics (HTTP status 500); they are dropped";
    for unread in ["content-type: text/plain\r\n\r\n\n\x02no", "content-type: application/x-protobuf\r\n\r\n\u{ff}"] {
        assert_eq!(http(format!("HTTP/1.1 500 Oops\r\n{unread}")), (Outcome::Refused, said(alone)));
    }
    let pause = "OTLP: PEER does not take metrics now (HTTP status 429: no such), and asks for a pause of 9 s; \
                 what is not sent is kept, and sent again";
    let nine = Outcome::Again(Some(Duration::from_secs(9)));
    assert_eq!(http(protobuf("429 Slow\r\nretry-after: 9", &body)), (nine, said(pause)));
    let date = "503 Later\r\ndate: Sun, 06 Nov 1994 08:49:28 GMT\r\nretry-after: Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(http(protobuf(date, &body)).0, nine);
    for status in ["502 x", "503 x", "504 x", "429 x"] {
        assert_eq!(http(protobuf(status, b"")).0, LATER);
    }
}

#[test]
fn over_tls_a_collector_is_trusted_by_its_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    let identity = authority.sign(&["127.0.0.1"], 2020, 2099);
    let address = tls_server(tls_config(&identity, &[&TLS13], None), protobuf("200 OK", &partial(3, "")));
    let ask = |protocol, authority: &Authority| {
        let mut exporting = Exporting::new(protocol, address);
        exporting.to.target.https = true;
        exporting.to.tls = trusting(&file("otlp-ca", &authority.pem));
        exporting.connect_anew();
        exporting.export()
    };
    assert_eq!(ask(Protocol::HttpProtobuf, &authority).0, Outcome::Accepted { rejected: 3 });
    let untrusted = "OTLP: PEER: certificate is not signed by an authority that is trusted here; what is not sent is kept, and \
                     sent again";
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        assert_eq!(ask(protocol, &other), (LATER, said(untrusted)));
    }
}

#[test]
fn a_portal_in_between_has_taken_nothing() {
    let redirect = "OTLP: PEER redirects, which is not followed (HTTP status 302): it is no collector; what is not sent is \
                    kept, and sent again";
    assert_eq!(http("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n\r\n"), (LATER, said(redirect)));
    assert_eq!(http("HTTP/1.1 307 Again\r\n\r\n").0, LATER);
    let page = "OTLP: PEER answers with a page of HTML (HTTP status 200): it is no collector; what is not sent is kept, and \
                sent again";
    assert_eq!(http("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<p>Log in"), (LATER, said(page)));
    let gateway = http("HTTP/1.1 403 No\r\ncontent-type: text/html\r\n\r\n<p>No").0;
    assert_eq!(gateway, Outcome::Refused);
    let other = "OTLP: PEER answers with something else than gRPC; what is not sent is kept, and sent again";
    assert_eq!(grpc(|_| vec![Only(200, &[("content-type", "text/html")])]), (LATER, said(other)));
}

#[test]
fn a_trouble_is_told_once_until_all_is_well() {
    let collector = collector(|request| match request.number {
        0 | 1 | 6 | 9 => vec![Only(200, &[("grpc-status", "14")])],
        2 | 3 | 8 => vec![Only(200, &[("grpc-status", "3")])],
        4 => vec![Only(200, &[("grpc-status", "16")])],
        5 | 10 => fine(&partial(2, "")),
        _ => fine(b""),
    });
    let mut exporting = Exporting::new(Protocol::Grpc, collector.address);
    let told: Vec<bool> = (0..=10).map(|_| exporting.export().1.is_some()).collect();
    assert_eq!(told, [true, false, true, false, true, true, true, false, true, true, true]);
}

#[test]
fn an_outage_is_told_once_for_each_reason_and_for_all_signals_and_a_refusal_for_each_signal() {
    let mut quiet = Quiet::default();
    let mut is_new = |which, trouble: &Trouble| quiet.is_new(which, Some(trouble));
    let away = |kind| Trouble::Unreachable(Failure { kind, message: "".into(), error: None });
    use crate::snapshot::FailureKind::{Connect, Timeout};
    assert!(is_new(Signal::Metrics, &away(Connect)));
    assert!(!is_new(Signal::Logs, &away(Connect)));
    assert!(is_new(Signal::Logs, &away(Timeout)));
    assert!(!is_new(Signal::Metrics, &away(Connect)));
    let refused = Trouble::Refused(12, String::new(), String::new());
    assert!(is_new(Signal::Logs, &refused));
    assert!(is_new(Signal::Traces, &refused));
    assert!(!is_new(Signal::Logs, &refused));
    assert!(is_new(Signal::Metrics, &away(Connect)));
    assert!(!quiet.is_new(Signal::Logs, None));
    assert!(!quiet.is_new(Signal::Traces, Some(&refused)));
    assert!(quiet.is_new(Signal::Logs, Some(&refused)));
}

#[test]
fn a_line_shows_no_secret_that_the_collector_says_back() {
    let told = "bad authorization Basic YWxpY2U6c2VjcmV0, YWxpY2U6c2VjcmV0 at /secret-token/v1/metrics";
    let body = rpc::Status { code: 3, message: told.into(), details: Vec::new() }.encode_to_vec();
    for answer in [protobuf("400 Bad", &body), protobuf("503 Bad", &body), protobuf("200 OK", &partial(1, told))] {
        let mut exporting = Exporting::new(Protocol::HttpProtobuf, answering(answer));
        exporting.to.target.path = "/secret-token/v1/metrics".into();
        let line = exporting.export().1.unwrap();
        assert!(line.contains("bad authorization ***, *** at ***") && line.lines().count() == 1, "{line}");
    }
}
