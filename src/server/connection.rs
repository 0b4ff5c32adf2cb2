//! One connection: requests in, answers out, in order, until one side has had enough.
//!
//! Bytes are read into, and answers made in, buffers that all connections share: nothing is kept of a connection
//! between two turns of the executor but what is unfinished, so an idle one costs a few hundred bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::rc::Rc;

use async_io::Async;

use crate::http::Reject;
use crate::http::body::Body;
use crate::http::request::{self, Head};
use crate::http::response::{self, Answer, Connection};
use crate::http::route::{self, Resolution};
use crate::limits::{CID_BYTES, LINGER_BYTES, OUTPUT_BYTES, REQUEST_HEAD_BYTES};
use crate::server::slots::{Phase, Ticket};
use crate::server::{Server, Service};
use crate::snapshot::Method;

/// What all connections share.
pub struct Scratch {
    input: Box<[u8]>,
    output: Vec<u8>,
    body: String,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch { input: vec![0; REQUEST_HEAD_BYTES].into(), output: Vec::new(), body: String::new() }
    }
}

/// A request whose body is still coming.
struct Asked {
    resolution: Resolution,
    label: (usize, &'static str),
    method: Method,
    connection: Connection,
    cid: heapless::String<CID_BYTES>,
    body: Body,
}

/// What is unfinished between two turns.
#[derive(Default)]
struct Unfinished {
    /// The front of a head, or requests that wait for answers before them to be taken.
    input: Vec<u8>,
    /// Of an answer that the client was slow to take.
    output: Vec<u8>,
    asked: Option<Asked>,
    closing: Option<Closing>,
    /// The client sends no more; it may still read.
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// The client knows that this was the last answer.
    Agreed,
    /// The client may still be sending: what it sends is read, so that no reset overtakes the answer.
    Refused,
}

/// What one turn has brought.
struct Turn {
    /// A request was answered.
    answered: bool,
    /// More requests may be complete: answers filled the output before requests ran out.
    more: bool,
}

/// Serves `stream` until it ends, and gives its place back.
pub async fn serve<S: Service>(server: Rc<Server<S>>, stream: Rc<Async<TcpStream>>, ticket: Ticket) {
    // Whatever goes wrong on a connection is the client's affair: load balancers reset theirs after every check.
    let _ = converse(&server, &stream, ticket).await;
    drop(server.slots.borrow_mut().leave(ticket));
}

async fn converse<S: Service>(server: &Server<S>, stream: &Async<TcpStream>, ticket: Ticket) -> io::Result<()> {
    let mut unfinished = Unfinished::default();
    let mut more = false;
    loop {
        if !more {
            stream.readable().await?;
        }
        let turn = turn(server, stream, &mut unfinished)?;
        more = turn.more;
        if !unfinished.output.is_empty() {
            server.set_phase(ticket, Phase::Sending);
            finish_sending(stream, &mut unfinished.output).await?;
        }
        if turn.answered {
            server.set_phase(ticket, Phase::Idle);
        }
        match unfinished.closing {
            None if unfinished.ended && !more => return Ok(()),
            None if unfinished.input.is_empty() && unfinished.asked.is_none() => {}
            None => server.set_phase(ticket, Phase::Receiving),
            Some(Closing::Agreed) if unfinished.input.is_empty() && nothing_unread(stream) => return Ok(()),
            Some(_) => {
                server.set_phase(ticket, Phase::Lingering);
                return linger(server, stream).await;
            }
        }
    }
}

/// Reads what has come, answers what is complete and sends what the kernel takes.
fn turn<S: Service>(server: &Server<S>, stream: &Async<TcpStream>, unfinished: &mut Unfinished) -> io::Result<Turn> {
    let scratch = &mut *server.scratch.borrow_mut();
    let kept = unfinished.input.len();
    scratch.input[..kept].copy_from_slice(&unfinished.input);
    let mut filled = kept;
    if kept < scratch.input.len() && !unfinished.ended {
        match stream.get_ref().read(&mut scratch.input[kept..]) {
            Ok(0) => unfinished.ended = true,
            Ok(read) => filled += read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
    }
    scratch.output.clear();
    let used = answer_all(server, &mut scratch.output, &mut scratch.body, &scratch.input[..filled], unfinished);

    unfinished.input.clear();
    if used < filled {
        unfinished.input.extend_from_slice(&scratch.input[used..filled]);
    } else {
        // An idle connection holds no buffer.
        unfinished.input = Vec::new();
    }
    let sent = send(stream, &scratch.output)?;
    unfinished.output.extend_from_slice(&scratch.output[sent..]);
    Ok(Turn { answered: !scratch.output.is_empty(), more: scratch.output.len() >= OUTPUT_BYTES && used < filled })
}

/// Whether the client has sent nothing behind the request whose answer was to be the last.
fn nothing_unread(stream: &Async<TcpStream>) -> bool {
    !matches!(stream.get_ref().read(&mut [0]), Ok(1))
}

/// Answers every request that is complete in `bytes`, as far as the output has room; how many bytes were used up.
fn answer_all<S: Service>(
    server: &Server<S>,
    output: &mut Vec<u8>,
    body: &mut String,
    bytes: &[u8],
    unfinished: &mut Unfinished,
) -> usize {
    let mut used = 0;
    while unfinished.closing.is_none() && output.len() < OUTPUT_BYTES {
        let step = match unfinished.asked.take() {
            Some(mut asked) => asked.body.skip(&bytes[used..]).map(|skipped| {
                used += skipped;
                Some(asked)
            }),
            None => request::read_head(&bytes[used..]).map(|head| {
                head.map(|(head, length)| {
                    used += length;
                    let asked = asked(&head, server.closing.get());
                    if head.expects_continue && asked.body != Body::Done && used == bytes.len() {
                        output.extend_from_slice(response::CONTINUE);
                    }
                    asked
                })
            }),
        };
        match step {
            Ok(Some(asked)) if asked.body == Body::Done => {
                if answer(server, output, body, &asked) == Connection::Close {
                    unfinished.closing = Some(Closing::Agreed);
                }
            }
            Ok(Some(asked)) => {
                let all_used = used == bytes.len();
                unfinished.asked = Some(asked);
                if all_used {
                    break;
                }
            }
            Ok(None) => break,
            Err(reject) => {
                refuse(server, output, body, reject);
                unfinished.closing = Some(Closing::Refused);
            }
        }
    }
    used
}

fn asked(head: &Head<'_>, server_is_closing: bool) -> Asked {
    let (resolution, label) = route::resolve(head.method, head.target);
    let connection = match (head.keep_alive && !server_is_closing, head.http_10) {
        (false, _) => Connection::Close,
        (true, true) => Connection::KeepAlive,
        (true, false) => Connection::Unsaid,
    };
    let cid = head.cid.and_then(|cid| cid.try_into().ok()).unwrap_or_else(fresh_cid);
    Asked { resolution, label, method: head.method, connection, cid, body: Body::new(head.framing) }
}

fn answer<S: Service>(server: &Server<S>, output: &mut Vec<u8>, body: &mut String, asked: &Asked) -> Connection {
    body.clear();
    let (status, media_type, allow) = match asked.resolution {
        Resolution::Answer(route) => (server.service.respond(route.handler, body), route.media_type, None),
        Resolution::Options(allow) => (204, "", Some(allow)),
        Resolution::MethodNotAllowed(allow) => {
            server.service.detail("Method Not Allowed", body);
            (405, "application/json", Some(allow))
        }
        Resolution::NotFound => {
            server.service.detail("Not Found", body);
            (404, "application/json", None)
        }
    };
    server.service.count(asked.label, asked.method, status);
    let answer = Answer { status, media_type, allow, body: body.as_bytes() };
    write(output, &answer, &asked.cid, asked.connection, asked.method == Method::Head)
}

fn refuse<S: Service>(server: &Server<S>, output: &mut Vec<u8>, body: &mut String, reject: Reject) {
    body.clear();
    server.service.detail(reject.detail(), body);
    server.service.count(route::UNKNOWN, Method::Other, reject.status());
    let answer = Answer { status: reject.status(), media_type: "application/json", allow: None, body: body.as_bytes() };
    write(output, &answer, &fresh_cid(), Connection::Close, false);
}

fn write(output: &mut Vec<u8>, answer: &Answer<'_>, cid: &str, connection: Connection, head_only: bool) -> Connection {
    match response::write(output, answer, cid, connection, head_only) {
        Ok(()) => connection,
        // Writing to memory does not fail; if it did, the head would be torn and the connection of no more use.
        Err(_) => Connection::Close,
    }
}

/// Tells a client whose request did not come in time, as far as it takes that at once.
pub fn time_out<S: Service>(server: &Server<S>, stream: &Async<TcpStream>) {
    let scratch = &mut *server.scratch.borrow_mut();
    scratch.output.clear();
    refuse(server, &mut scratch.output, &mut scratch.body, Reject::Timeout);
    let _ = send(stream, &scratch.output);
    let _ = stream.get_ref().shutdown(Shutdown::Write);
}

/// Sends what the kernel takes at once.
fn send(stream: &Async<TcpStream>, bytes: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.get_ref().write(&bytes[sent..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => sent += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

async fn finish_sending(stream: &Async<TcpStream>, output: &mut Vec<u8>) -> io::Result<()> {
    let mut sent = 0;
    while sent < output.len() {
        stream.writable().await?;
        sent += send(stream, &output[sent..])?;
    }
    *output = Vec::new();
    Ok(())
}

/// Reads and drops until the client closes (RFC 9112 section 9.6); the sweep ends it if the client does not.
async fn linger<S: Service>(server: &Server<S>, stream: &Async<TcpStream>) -> io::Result<()> {
    stream.get_ref().shutdown(Shutdown::Write)?;
    let mut dropped = 0;
    while dropped < LINGER_BYTES {
        stream.readable().await?;
        match stream.get_ref().read(&mut server.scratch.borrow_mut().input) {
            Ok(0) => break,
            Ok(read) => dropped += read as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A UUID of version 4 (RFC 9562 section 5.4). It tells requests apart and guards nothing, so it need not be secret.
fn fresh_cid() -> heapless::String<CID_BYTES> {
    const VERSION: u128 = 4 << 76;
    const VARIANT: u128 = 2 << 62;
    let bits = fastrand::u128(..) & !(0xf << 76 | 0x3 << 62) | VERSION | VARIANT;
    let mut cid = heapless::String::new();
    for at in 0..32u32 {
        let digit = (bits >> (124 - 4 * at)) as u32 & 0xf;
        if matches!(at, 8 | 12 | 16 | 20) {
            let _ = cid.push('-');
        }
        // 36 characters fit into 64, and every digit is below 16.
        let _ = cid.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
    cid
}

const _: () = assert!(CID_BYTES >= 36);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_cid_is_a_uuid_of_version_4() {
        for _ in 0..1000 {
            let cid = fresh_cid();
            assert_eq!(cid.len(), 36);
            for (at, digit) in cid.chars().enumerate() {
                match at {
                    8 | 13 | 18 | 23 => assert_eq!(digit, '-'),
                    14 => assert_eq!(digit, '4'),
                    19 => assert!("89ab".contains(digit)),
                    _ => assert!("0123456789abcdef".contains(digit)),
                }
            }
        }
        assert_ne!(fresh_cid(), fresh_cid());
    }
}
