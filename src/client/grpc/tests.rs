//! A channel against real servers of HTTP/2.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};

use super::testing::Deed::*;
use super::testing::{
    Answering, CALL, FINE, GRPC, ask, asked, channel_to, collector, collector_with, fine, framed, reply_of,
    serve_plain, well,
};
use super::*;
use crate::client::testing::{Authority, Identity, UNCHECKED, file, nobody, server, soon, tls_config, trusting};

#[test]
fn a_message_goes_out_whole_and_its_answer_comes_back() {
    let collector = collector(|request| {
        assert_eq!(
            (request.path.as_str(), request.body.as_slice()),
            ("/a.Service/Export", &b"\x01\0\0\0\x05hello"[..])
        );
        let field = |name| request.fields.get(name).map(|value| value.to_str().unwrap());
        assert_eq!((field("te"), field("content-type")), (Some("trailers"), Some("application/grpc")));
        assert_eq!((field("grpc-encoding"), field("x-key")), (Some("gzip"), Some("secret")));
        let millis: u32 = field("grpc-timeout").unwrap().strip_suffix('m').unwrap().parse().unwrap();
        assert!((4000..=5000).contains(&millis));
        fine(b"thanks")
    });
    let headers = [("X-Key".to_owned(), Secret::new("secret".into()))];
    let call = Call { headers: &headers, encoding: Some("gzip"), ..CALL };
    assert_eq!(ask(&mut channel_to(collector.address, None), &call), well(b"thanks"));
}

#[test]
fn a_hundred_calls_use_one_connection() {
    let collector = collector(|request| fine(request.number.to_string().as_bytes()));
    let mut channel = channel_to(collector.address, None);
    for number in 0..100 {
        assert_eq!(ask(&mut channel, &CALL), well(number.to_string().as_bytes()));
    }
    assert_eq!(collector.connections.load(Ordering::SeqCst), 1);
    channel.1.close();
    assert_eq!(ask(&mut channel, &CALL), well(b"100"));
    assert_eq!(collector.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_status_alone_is_an_answer_and_keeps_the_connection() {
    let collector = collector(|_| {
        vec![Only(200, &[("content-type", "application/grpc"), ("grpc-status", "14"), ("grpc-message", "come%20back")])]
    });
    let mut channel = channel_to(collector.address, None);
    for _ in 0..2 {
        assert_eq!(ask(&mut channel, &CALL), reply_of(14, "come back"));
    }
    assert_eq!(collector.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_status_may_come_with_details() {
    let collector = collector(|_| {
        let fields = &[("grpc-status", "8"), ("grpc-message", "slow"), ("grpc-status-details-bin", "CAgSBHNsb3c")];
        vec![Head(200, GRPC), Trailers(fields)]
    });
    let reply = ask(&mut channel_to(collector.address, None), &CALL).unwrap();
    assert_eq!(
        (reply.grpc_status, reply.message.as_str(), &reply.details[..]),
        (8, "slow", &b"\x08\x08\x12\x04slow"[..])
    );
}

#[test]
fn a_message_longer_than_any_window_arrives_whole() {
    let collector = collector(|request| {
        assert!(request.body[5..].iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
        fine(request.body.len().to_string().as_bytes())
    });
    let message: Vec<u8> = (0..1_000_000).map(|at| (at % 251) as u8).collect();
    let mut channel = channel_to(collector.address, None);
    for _ in 0..2 {
        assert_eq!(ask(&mut channel, &Call { message: &message, ..CALL }), well(b"1000005"));
    }
}

#[test]
fn after_goaway_the_call_under_way_ends_well_and_the_next_uses_another_connection() {
    let collector = collector(|request| match request.number {
        0 => vec![GoAway, Pause(50), Head(200, GRPC), Data(framed(b"last")), Trailers(FINE)],
        _ => fine(b"first"),
    });
    let mut channel = channel_to(collector.address, None);
    assert_eq!(ask(&mut channel, &CALL), well(b"last"));
    assert_eq!(ask(&mut channel, &CALL), well(b"first"));
    assert_eq!(collector.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_connection_that_ended_between_two_calls_is_opened_anew() {
    let collector = collector(|request| match request.number {
        0 => [fine(b"last"), vec![Pause(50), Abrupt]].into_iter().flatten().collect(),
        _ => fine(b"first"),
    });
    let mut channel = channel_to(collector.address, None);
    assert_eq!(ask(&mut channel, &CALL), well(b"last"));
    sleep(Duration::from_millis(300));
    assert_eq!(ask(&mut channel, &CALL), well(b"first"));
    assert_eq!(collector.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn a_call_that_was_turned_away_unread_is_asked_once_more() {
    let (connections, numbers) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = server(move |mut stream| {
        // A first connection ends before any stream; from the second on, calls are answered.
        if counted.fetch_add(1, Ordering::SeqCst) > 0 {
            return serve_plain(stream, &numbers, |_| fine(b"second"));
        }
        let mut heard = [0; 256];
        assert!(stream.read(&mut heard).unwrap() > 0);
        sleep(Duration::from_millis(50));
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
        stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(ask(&mut channel_to(address, None), &CALL), well(b"second"));
    let unwilling = server(|mut stream| {
        let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let _ = stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let text = "PEER turns us away: detected excessive load generating behavior";
    assert_eq!(asked(unwilling, 5000), Err((FailureKind::Connect, text.to_owned())));
}

#[test]
fn a_call_that_the_peer_may_have_looked_at_is_not_sent_again() {
    // GOAWAY names the call's stream as the last that is seen to, and the connection ends without an answer to it.
    let called_off = |code: u8| {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let address = server(move |mut stream| {
            if counted.fetch_add(1, Ordering::SeqCst) > 0 {
                return serve_plain(stream, &AtomicUsize::new(0), |_| fine(b"twice"));
            }
            assert!(stream.read(&mut [0; 256]).unwrap() > 0);
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
            stream.write_all(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, code]).unwrap();
            sleep(Duration::from_millis(50));
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let failure = asked(address, 5000).unwrap_err();
        assert_eq!(connections.load(Ordering::SeqCst), 1);
        failure
    };
    let turned_away = "PEER turns us away: detected excessive load generating behavior";
    assert_eq!(called_off(11), (FailureKind::Connect, turned_away.to_owned()));
    let closed = "PEER closed the connection before it had answered";
    assert_eq!(called_off(0), (FailureKind::Connect, closed.to_owned()));
}

#[test]
fn between_two_calls_nothing_is_waited_for() {
    let collector = collector(|_| [fine(b""), vec![Pause(150), GoAway]].into_iter().flatten().collect());
    let mut channel = channel_to(collector.address, None);
    assert_eq!(ask(&mut channel, &CALL), well(b""));
    let reactor = &channel.0;
    reactor.block_on(reactor.sleep_until(Instant::now() + Duration::from_millis(50))).unwrap();
    let (mut turns, begun) = (0, Instant::now());
    let mut sleep = pin!(reactor.sleep_until(begun + Duration::from_millis(300)));
    let counted = poll_fn(|context| {
        // What had been called before is seen to at once.
        turns += u32::from(begun.elapsed() > Duration::from_millis(10));
        sleep.as_mut().poll(context)
    });
    reactor.block_on(counted).unwrap();
    assert_eq!(turns, 1);
}

#[test]
fn a_stream_that_is_broken_off_has_the_status_that_stands_for_it() {
    for (reason, code, text) in [
        (Reason::REFUSED_STREAM, 14, "broken off: refused stream before processing any application logic"),
        (Reason::ENHANCE_YOUR_CALM, 8, "broken off: detected excessive load generating behavior"),
    ] {
        let answering: Answering = match reason {
            Reason::REFUSED_STREAM => |_| vec![Reset(Reason::REFUSED_STREAM)],
            _ => |_| vec![Head(200, GRPC), Reset(Reason::ENHANCE_YOUR_CALM)],
        };
        assert_eq!(ask(&mut channel_to(collector(answering).address, None), &CALL), reply_of(code, text));
    }
}

#[test]
fn an_answer_of_http_alone_has_the_status_that_stands_for_it() {
    let collector = collector(|request| match request.number {
        0 => vec![Head(503, &[("content-type", "text/html")]), Data(vec![b'x'; 100_000])],
        1 => vec![Only(401, &[])],
        _ => fine(b""),
    });
    let mut channel = channel_to(collector.address, None);
    assert_eq!(ask(&mut channel, &CALL), reply_of(14, "HTTP status 503"));
    assert_eq!(ask(&mut channel, &CALL), reply_of(16, "HTTP status 401"));
    assert_eq!(ask(&mut channel, &CALL), well(b""));
    assert_eq!(collector.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_call_that_is_dropped_leaves_nothing() {
    static CLOSED: Mutex<u32> = Mutex::new(0);
    let address = server(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
        *CLOSED.lock().unwrap() += 1;
    });
    let (reactor, mut channel) = channel_to(address, None);
    let late = async {
        reactor.sleep_until(Instant::now() + Duration::from_millis(50)).await;
        Err(failure(FailureKind::Timeout, &[]))
    };
    let call = channel.unary(&CALL, Instant::now() + Duration::from_secs(60));
    assert!(reactor.block_on(smol::future::or(call, late)).unwrap().is_err());
    assert!(soon(|| *CLOSED.lock().unwrap() == 1));
}

#[test]
fn where_nobody_listens_it_is_said() {
    let refused = (FailureKind::Connect, "connect to PEER: Connection refused".to_owned());
    assert_eq!(asked(nobody(), 5000), Err(refused));
}

fn with_alpn(identity: &Identity, alpn: &[&str]) -> Arc<ServerConfig> {
    let mut config = Arc::into_inner(tls_config(identity, &[&TLS12, &TLS13], None)).unwrap();
    config.alpn_protocols = alpn.iter().map(|id| id.as_bytes().to_vec()).collect();
    Arc::new(config)
}

#[test]
fn over_tls_a_good_peer_is_told_and_another_is_not() {
    let (authority, other) = (Authority::new(), Authority::new());
    let identity = authority.sign(&["127.0.0.1"], 2020, 2099);
    let large: Vec<u8> = vec![7; 300_000];
    let ask_with = |alpn: &[&str], trusted: &Tls| {
        let collector =
            collector_with(Some(with_alpn(&identity, alpn)), |request| fine(request.body.len().to_string().as_bytes()));
        let mut channel = channel_to(collector.address, Some(trusted));
        let first = ask(&mut channel, &Call { message: &large, ..CALL })?;
        assert_eq!(ask(&mut channel, &CALL), well(b"10"));
        assert_eq!(collector.connections.load(Ordering::SeqCst), 1);
        Ok::<_, String>(first.body)
    };
    let trusted = trusting(&file("grpc", &authority.pem));
    assert_eq!(ask_with(&["h2"], &trusted).unwrap(), b"300005");
    assert_eq!(ask_with(&["http/1.1", "h2"], &UNCHECKED).unwrap(), b"300005");
    let untrusted = trusting(&file("grpc-other", &other.pem));
    let refused = ask_with(&["h2"], &untrusted).unwrap_err();
    assert_eq!(refused, "certificate is not signed by an authority that is trusted here");
    assert_eq!(ask_with(&[], &trusted).unwrap_err(), "PEER does not select HTTP/2 in TLS (ALPN h2)");
    assert_eq!(ask_with(&["http/1.1"], &trusted).unwrap_err(), "127.0.0.1 refuses TLS: it does not speak HTTP/2");
}

#[test]
fn a_peer_that_wants_to_know_who_asks_is_told_or_says_so() {
    let authority = Authority::new();
    let (identity, us) = (authority.sign(&["127.0.0.1"], 2020, 2099), authority.sign(&["us"], 2020, 2099));
    let mut config = Arc::into_inner(tls_config(&identity, &[&TLS13], Some(&authority))).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let collector = collector_with(Some(Arc::new(config)), |_| fine(b""));
    let trusted = trusting(&file("grpc-mutual", &authority.pem));
    let pair = (file("grpc-us.crt", &us.pem), file("grpc-us.key", &us.key.serialize_pem()));
    let known = Tls { client: Some(pair), ..trusted.clone() };
    assert_eq!(ask(&mut channel_to(collector.address, Some(&known)), &CALL), well(b""));
    // It says so after we have shown ourselves, when our first bytes may already be on their way.
    let refused = ask(&mut channel_to(collector.address, Some(&trusted)), &CALL).unwrap_err();
    assert_eq!(refused, "127.0.0.1 refuses TLS: it wants a client certificate");
}
