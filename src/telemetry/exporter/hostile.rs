//! An exporter against servers of HTTP that keep to no rule, and against silence. What is one of gRPC, `client::grpc` is
//! held against.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::tests::{ALL, Exporting, LATER, http, partial, protobuf, said};
use super::*;
use crate::client::testing::{request_head, server};
use crate::config::otlp::Protocol;

/// Asks one that first says `begin`, and then `again` every so many milliseconds, without end.
fn dripping(begin: &'static str, again: &'static [u8], millis: u64) -> (Outcome, Option<String>) {
    let address = server(move |mut stream| {
        request_head(&mut stream);
        let _ = stream.write_all(begin.as_bytes());
        while stream.write_all(again).is_ok() {
            sleep(Duration::from_millis(millis));
        }
    });
    within(address, Duration::from_millis(200))
}

fn within(address: SocketAddr, timeout: Duration) -> (Outcome, Option<String>) {
    let mut exporting = Exporting::new(Protocol::HttpProtobuf, address);
    exporting.to.timeout = timeout;
    let begun = Instant::now();
    let (outcome, line) = exporting.export();
    assert!(begun.elapsed() < timeout + Duration::from_millis(500), "{:?}", begun.elapsed());
    (outcome, line.map(|line| line.replace(" 199 ms", " 200 ms")))
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n";

#[test]
fn a_status_counts_where_the_rest_of_the_answer_drips_or_never_comes() {
    let late = "timed out after 200 ms (while reading the answer of PEER)";
    let taken = Some(format!("OTLP: PEER has taken metrics, but not as expected: {late}"));
    assert_eq!(dripping("HTTP/1.1 200 OK\r\n\r\n", b"x", 50), (ALL, taken));
    let refused = "OTLP: PEER refuses metrics (HTTP status 413); they are dropped";
    assert_eq!(dripping("HTTP/1.1 413 Long\r\n\r\n", b"x", 50), (Outcome::Refused, said(refused)));
    let pause = dripping("HTTP/1.1 503 x\r\nretry-after: 8\r\n\r\n", b"x", 50).0;
    assert_eq!(pause, Outcome::Again(Some(Duration::from_secs(8))));
    let closed = "OTLP: PEER has taken metrics, but not as expected: PEER closed the connection within its answer";
    assert_eq!(http(HEAD), (ALL, said(closed)));
}

#[test]
fn a_head_that_drips_is_no_answer() {
    let late =
        "OTLP: timed out after 200 ms (while waiting for the answer of PEER); what is not sent is kept, and sent again";
    assert_eq!(dripping("HTTP/1.1 200 OK\r\nx: ", b"x", 50), (LATER, said(late)));
    let torn =
        "OTLP: PEER closed the connection within the head of its answer; what is not sent is kept, and sent again";
    assert_eq!(http("HTTP/1.1 200 OK\r\ncontent-"), (LATER, said(torn)));
    let none = "OTLP: PEER closed the connection without an answer; what is not sent is kept, and sent again";
    assert_eq!(http(""), (LATER, said(none)));
    let other = "OTLP: PEER answers, but not by HTTP/1; what is not sent is kept, and sent again";
    assert_eq!(http("SSH-2.0-OpenSSH_9.2\r\n"), (LATER, said(other)));
}

#[test]
fn a_body_without_end_is_read_no_further_than_answers_are_long() {
    let address = server(|mut stream| {
        request_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\r\n");
        let mut bytes = 0;
        while stream.write_all(&[b'x'; 4096]).is_ok() {
            bytes += 4096;
        }
        // What the kernel takes for the two sockets.
        assert!(bytes < 16 * 1024 * 1024);
    });
    let begun = Instant::now();
    let (outcome, line) = within(address, Duration::from_secs(5));
    let long = "OTLP: PEER has taken metrics, but not as expected: the collector's answer has 8193 bytes, expected at most 8192";
    assert_eq!((outcome, line), (ALL, said(long)));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn what_is_no_protobuf_is_not_read() {
    for kind in ["application/json", "text/plain", "application/grpc", ""] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n");
        assert_eq!(http([head.as_bytes(), &partial(7, "no")].concat()), (ALL, None), "{kind}");
    }
    let refused = "OTLP: PEER refuses metrics (HTTP status 400); they are dropped";
    let answer = "HTTP/1.1 400 Bad\r\ncontent-type: text/html\r\n\r\n\x12\x02no";
    assert_eq!(http(answer), (Outcome::Refused, said(refused)));
}

#[test]
fn what_a_collector_says_stays_one_short_line() {
    let long = ["two\nlines \x1b[31m", &"ä".repeat(3000)].concat();
    let (_, line) = http(protobuf("200 OK", &partial(i64::MAX, &long)));
    let line = line.unwrap();
    assert!(line.contains("9223372036854775807 data points: two lines  [31mä") && line.len() < 400, "{line}");
    assert!(!line.contains(char::is_control), "{line}");
}

#[test]
fn an_export_that_is_dropped_leaves_nothing() {
    let (closed, is_closed) = std::sync::mpsc::channel();
    let closed = std::sync::Mutex::new(closed);
    let address = server(move |mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
        closed.lock().unwrap().send(()).unwrap();
    });
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        let mut exporting = Exporting::new(protocol, address);
        exporting.drop_after(Duration::from_millis(100));
        assert!(is_closed.recv_timeout(Duration::from_secs(3)).is_ok());
    }
}
