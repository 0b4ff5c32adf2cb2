//! What a hostile collector can make the gRPC client hold, counted in the allocator; and it ends in time, whatever comes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use imalive::client::Client;
use imalive::client::grpc::{Call, Channel};
use imalive::config::monitors::Tls;
use imalive::reactor::Reactor;

/// What `src/client/grpc/mod.rs` promises, without TLS.
const BOUND_BYTES: isize = 128 * 1024;

/// The system's allocator; knows how many bytes each thread has taken, and the most.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Not there any more while a thread ends.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call is the system allocator's own; the count needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Says `first` to everyone and then `again` for as long as anyone listens.
fn flooding(first: Vec<u8>, again: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = stream.try_clone().unwrap();
            // What belongs to a stream is believed once there is one.
            let mut heard = [0; 4096];
            let _ = reader.read(&mut heard);
            thread::spawn(move || while reader.read(&mut heard).is_ok_and(|read| read > 0) {});
            thread::sleep(Duration::from_millis(50));
            if stream.write_all(&first).is_ok() {
                while stream.write_all(&again).is_ok() {}
            }
        }
    });
    address
}

const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A frame of stream 1, or of the connection (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = u8::from(!matches!(kind, 4 | 6 | 7));
    [&length[..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// Status 200 and the kind of content, for HPACK (RFC 7541 appendix A).
fn head() -> Vec<u8> {
    frame(1, 4, &[&[0x88, 0x0f, 0x10, 16][..], b"application/grpc"].concat())
}

/// The most that was held, and what became of the call.
fn peak_of(address: SocketAddr) -> (isize, String) {
    let reactor = Rc::new(Reactor::new().unwrap());
    let client = Rc::new(Client::new(Rc::clone(&reactor), None));
    let tls = Tls { check: true, ca_file: None, client: None };
    let mut channel = Channel::new(client, "127.0.0.1".into(), address.port(), false, tls);
    let message = vec![0; 1000];
    let call = Call { path: "/a.B/C", user_agent: "x/1", headers: &[], message: &message, encoding: None };
    let before = HELD.get();
    MOST.set(before);
    let begun = Instant::now();
    let answer = reactor.block_on(channel.unary(&call, begun + Duration::from_secs(1))).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(channel.is_open(), answer.is_ok());
    let peak = MOST.get() - before;
    (peak, answer.map_or_else(|failure| failure.cause().into(), |reply| format!("{reply:?}")))
}

#[test]
fn whatever_a_collector_sends_little_is_held_of_it() {
    // A field of 4,000 bytes for the table, and then that same field again and again: each a byte on the wire.
    let large = [&[0x88, 0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'y'; 4000]].concat();
    let bomb = frame(1, 4, &[&large[..], &[0xbe; 12_000]].concat());
    let floods = [
        (
            "a header block without end",
            [SETTINGS.to_vec(), frame(1, 0, &[0x88])].concat(),
            frame(9, 0, &[0x88; 16_000]),
        ),
        ("empty continuations", [SETTINGS.to_vec(), frame(1, 0, &[0x88])].concat(), frame(9, 0, &[]).repeat(1000)),
        ("fields that swell", SETTINGS.to_vec(), bomb),
        ("informational heads", SETTINGS.to_vec(), frame(1, 4, &[0x08, 3, b'1', b'0', b'3']).repeat(1000)),
        ("data", [SETTINGS.to_vec(), head()].concat(), frame(0, 0, &[7; 16_000])),
        ("data, byte by byte", [SETTINGS.to_vec(), head()].concat(), frame(0, 0, &[7]).repeat(1000)),
        ("empty data", [SETTINGS.to_vec(), head()].concat(), frame(0, 0, &[]).repeat(1000)),
        (
            "padding",
            [SETTINGS.to_vec(), head()].concat(),
            frame(0, 8, &[[255].as_slice(), &[0; 255]].concat()).repeat(100),
        ),
        ("pings", SETTINGS.to_vec(), frame(6, 0, &[7; 8]).repeat(1000)),
        ("settings", SETTINGS.to_vec(), frame(4, 0, &[0, 4, 0, 0, 255, 255]).repeat(1000)),
        ("window updates", SETTINGS.to_vec(), frame(8, 0, &[0, 0, 0, 1]).repeat(1000)),
        ("frames of an unknown kind", SETTINGS.to_vec(), frame(77, 0, &[7; 16_000])),
        (
            "a frame that is too long",
            SETTINGS.to_vec(),
            [&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1][..], &[7; 16_000]].concat(),
        ),
        ("goodbyes", SETTINGS.to_vec(), frame(7, 0, &[&[0, 0, 0, 1, 0, 0, 0, 0][..], &[7; 16_000]].concat())),
    ];
    let mut beyond = Vec::new();
    for (what, first, again) in floods {
        let (peak, answer) = peak_of(flooding(first, again));
        println!("{peak:>8}  {what}: {answer}");
        if peak > BOUND_BYTES {
            beyond.push((what, peak));
        }
    }
    assert!(beyond.is_empty(), "{beyond:?}");
}
