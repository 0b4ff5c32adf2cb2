//! Whatever a collector sends over a connection ends in an outcome, within the time-out, and in one short line at most.
#![no_main]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use imalive::client::Client;
use imalive::config::monitors::{Secret, Tls};
use imalive::config::otlp::{Protocol, Signal, Target};
use imalive::reactor::Reactor;
use imalive::telemetry::exporter::Exporter;
use imalive::telemetry::ring;
use libfuzzer_sys::fuzz_target;

static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Says what is in `ANSWER` and no more, on each connection.
static COLLECTOR: LazyLock<SocketAddr> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(&ANSWER.lock().unwrap());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
});

/// RFC 7541 section 5.1, in 7 bits.
fn string(block: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        length @ 0..127 => block.push(length as u8),
        length => {
            block.push(127);
            let mut rest = length - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text);
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    [&[a, b, c, kind, flags, 0, 0, 0, stream][..], payload].concat()
}

/// An answer of gRPC that is a status alone: pieces of `bytes` are its fields.
fn status(bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0x88];
    let names = [&b"grpc-status"[..], b"grpc-message", b"grpc-status-details-bin", b"content-type"];
    for (name, value) in names.into_iter().zip(bytes.split(|byte| *byte == b'\n')) {
        block.push(0);
        string(&mut block, name);
        string(&mut block, value);
    }
    block.truncate(16 * 1024);
    [frame(4, 0, 0, b""), frame(1, 5, 1, &block)].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let (protocol, answer) = match kind % 4 {
        0 => (Protocol::HttpProtobuf, [b"HTTP/1.1 ", bytes].concat()),
        1 => (Protocol::HttpProtobuf, [b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\r\n", bytes].concat()),
        2 => (Protocol::Grpc, [&frame(4, 0, 0, b""), bytes].concat()),
        _ => (Protocol::Grpc, status(bytes)),
    };
    *ANSWER.lock().unwrap() = answer;
    let to = Signal {
        protocol,
        target: Target { https: false, host: "127.0.0.1".into(), port: COLLECTOR.port(), path: "/v1/logs".into() },
        headers: vec![("api-key".into(), Secret::new("fuzzed-secret".into()))],
        timeout: Duration::from_secs(2),
        tls: Tls { check: true, ca_file: None, client: None },
        gzip: false,
    };
    let reactor = Rc::new(Reactor::new().unwrap());
    let mut exporter = Exporter::new(Rc::new(Client::new(Rc::clone(&reactor), None)), &to);
    let begun = Instant::now();
    let answer = reactor.block_on(exporter.export(ring::Signal::Logs, &to, b"hello")).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4));
    if let Some((_, line)) = answer.line {
        assert!(line.starts_with("OTLP: ") && line.len() < 800 && !line.contains(char::is_control), "{line:?}");
        assert!(!line.contains("fuzzed-secret"), "{line:?}");
    }
});
