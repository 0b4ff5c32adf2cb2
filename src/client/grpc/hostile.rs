//! A channel against servers that keep to no rule, and against silence.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use super::testing::Deed::*;
use super::testing::{Answering, CALL, FINE, GRPC, ask, asked, channel_to, collector, fine, framed, well};
use super::*;
use crate::client::testing::{UNCHECKED, server, silent};
use crate::limits::GRPC_ANSWER_BYTES;

/// One that says this, whatever it hears.
fn saying(bytes: &'static [u8]) -> SocketAddr {
    server(move |mut stream| {
        let _ = stream.write_all(bytes);
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

#[test]
fn ten_megabytes_are_not_taken() {
    let collector = collector(|_| vec![Head(200, GRPC), Data(framed(&vec![7; 10_000_000])), Trailers(FINE)]);
    let refused = (FailureKind::Body, "PEER answers with a message longer than is taken".to_owned());
    assert_eq!(asked(collector.address, 5000), Err(refused));
}

#[test]
fn what_is_no_http_2_is_a_failure() {
    for bytes in [&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"] {
        let (kind, text) = asked(saying(bytes), 5000).unwrap_err();
        assert_eq!(kind, FailureKind::Protocol, "{text}");
        assert!(text.starts_with("PEER does not speak HTTP/2, or breaks its rules: "), "{text}");
    }
    // SETTINGS, the beginning of an answer's fields, and a thousand times what continues them.
    let fields = [&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x88][..]];
    let more = [&[0, 0x40, 0, 9, 0, 0, 0, 0, 1][..], &[0x88; 0x4000]].concat().repeat(1000);
    let (kind, text) = asked(saying(Vec::leak([fields.concat(), more].concat())), 5000).unwrap_err();
    assert_eq!(kind, FailureKind::Protocol, "{text}");
}

#[test]
fn silence_and_dripping_end_at_the_deadline() {
    let dripping = server(|mut stream| {
        // An empty SETTINGS frame, byte by byte, again and again.
        for byte in [0, 0, 0, 4, 0, 0, 0, 0, 0].iter().cycle() {
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
            sleep(Duration::from_millis(50));
        }
    });
    let slow = collector(|_| vec![Head(200, GRPC), Pause(60_000)]);
    for (address, phase) in [(silent(), "waiting for"), (dripping, "waiting for"), (slow.address, "reading")] {
        let (kind, text) = asked(address, 300).unwrap_err();
        assert_eq!(kind, FailureKind::Timeout, "{text}");
        assert!(
            text.starts_with("timed out after ") && text.ends_with(&format!(" ms (while {phase} the answer of PEER)")),
            "{text}"
        );
    }
    let (reactor, mut channel) = channel_to(silent(), Some(&UNCHECKED));
    let failure =
        reactor.block_on(channel.unary(&CALL, Instant::now() + Duration::from_millis(100))).unwrap().unwrap_err();
    assert!(failure.cause().contains("(while agreeing on TLS with 127.0.0.1:"), "{}", failure.cause());
}

#[test]
fn a_peer_that_floods_with_pings_delays_nobody() {
    let flooding = server(|mut stream| {
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8].repeat(1000);
        let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let mut reader = stream.try_clone().unwrap();
        std::thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
        while stream.write_all(&ping).is_ok() {}
    });
    let (reactor, mut channel) = channel_to(flooding, None);
    let (begun, mut latest) = (Instant::now(), Duration::ZERO);
    let ticks = async {
        loop {
            let due = Instant::now() + Duration::from_millis(10);
            reactor.sleep_until(due).await;
            latest = latest.max(due.elapsed());
        }
    };
    let call = channel.unary(&CALL, begun + Duration::from_millis(500));
    let answered = reactor.block_on(smol::future::or(call, ticks)).unwrap();
    assert_eq!(answered.unwrap_err().kind, FailureKind::Timeout);
    assert!(latest < Duration::from_millis(200), "{latest:?}");
}

#[test]
fn a_connection_that_ends_within_an_answer_is_a_failure() {
    let collector = collector(|_| vec![Head(200, GRPC), Data(framed(b"half")), Pause(50), Abrupt]);
    let (kind, text) = asked(collector.address, 5000).unwrap_err();
    assert_eq!((kind, text.as_str()), (FailureKind::Connect, "PEER closed the connection before it had answered"));
    let hasty = server(drop);
    assert_eq!(asked(hasty, 5000).unwrap_err().0, FailureKind::Connect);
}

#[test]
fn an_answer_against_the_rules_is_a_failure_with_its_reason() {
    let refused = |answering: Answering| ask(&mut channel_to(collector(answering).address, None), &CALL).unwrap_err();
    assert_eq!(
        refused(|_| vec![Only(200, &[("content-type", "text/html")])]),
        "PEER answers with something else than gRPC"
    );
    let unfinished = "PEER ends its answer without a status of gRPC";
    assert_eq!(refused(|_| vec![Head(200, GRPC), Data(framed(b"x")), Trailers(&[])]), unfinished);
    let torn = "PEER answers with a message that is not as long as it says";
    assert_eq!(refused(|_| vec![Head(200, GRPC), Data(vec![0, 0, 0, 0, 9, 1]), Trailers(FINE)]), torn);
    let compressed = "PEER answers with a compressed message, which was not asked for";
    assert_eq!(refused(|_| vec![Head(200, GRPC), Data(vec![1, 0, 0, 0, 0]), Trailers(FINE)]), compressed);
}

#[test]
fn an_answer_as_long_as_is_taken_comes_whole_and_one_byte_more_does_not() {
    let fits = collector(|_| fine(&vec![7; GRPC_ANSWER_BYTES]));
    assert_eq!(ask(&mut channel_to(fits.address, None), &CALL), well(&vec![7; GRPC_ANSWER_BYTES]));
    let longer = collector(|_| fine(&vec![7; GRPC_ANSWER_BYTES + 1]));
    let refused = "PEER answers with a message longer than is taken";
    assert_eq!(ask(&mut channel_to(longer.address, None), &CALL).unwrap_err(), refused);
}
