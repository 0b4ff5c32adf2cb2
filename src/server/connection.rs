//! One connection: requests in, answers out, in order, until one side has had enough.
//!
//! Bytes are read into, and answers made in, buffers that all connections share: nothing is kept of a connection
//! between two turns but what is unfinished, so an idle one costs a few hundred bytes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::http::Reject;
use crate::http::body::Body;
use crate::http::framing::Framing;
use crate::http::parameter::Parameter;
use crate::http::request::{self, Head};
use crate::http::response::{self, Answer, Writer};
use crate::http::route::{self, Resolution};
use crate::limits::{
    CID_BYTES, LINGER_BYTES, OUTPUT_BYTES, OUTPUT_KEPT_BYTES, OUTPUT_MAPPED_BYTES, REQUEST_HEAD_BYTES,
    RESPONSE_HEAD_BYTES,
};
use crate::server::cid::fresh_cid;
use crate::server::seen::{Kept, Seen};
use crate::server::slots::Phase;
use crate::server::{Interest, Service};
use crate::snapshot::Method;

/// What all connections share.
pub struct Shared<S> {
    /// What makes the answers.
    pub service: S,
    /// From now on every answer is the last on its connection.
    pub closing: bool,
    input: Box<[u8]>,
    out: Output,
}

/// Where answers are made.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    body: String,
    writer: Writer,
}

impl<S> Shared<S> {
    /// Around `service`.
    pub fn new(service: S) -> Self {
        Shared { service, closing: false, input: vec![0; REQUEST_HEAD_BYTES].into(), out: Output::default() }
    }

    /// Gives back the memory of a long answer: what is kept is enough for a health check.
    pub fn settle(&mut self) {
        self.out.body = String::new();
        if self.out.bytes.capacity() > OUTPUT_KEPT_BYTES {
            self.out.bytes = Vec::with_capacity(OUTPUT_KEPT_BYTES);
        }
    }

    /// Tells the wall clock, for `Date`: seconds since 1970.
    pub fn set_time(&mut self, unix_secs: u64) {
        self.out.writer.set_time(unix_secs);
    }
}

/// A connection and what is unfinished on it.
pub struct Connection {
    /// Which way the reactor waits for its socket.
    pub interest: Interest,
    stream: TcpStream,
    /// The front of a head, or requests that wait for the answers before them to be taken.
    input: Vec<u8>,
    /// Of an answer that the client was slow to take.
    output: Vec<u8>,
    asked: Option<Asked>,
    /// What is to be told of it.
    pub(super) kept: Kept,
    closing: Option<Closing>,
    /// The client sends no more; it may still read.
    ended: bool,
    lingered_bytes: u64,
}

/// A request whose body is still coming.
struct Asked {
    resolution: Resolution,
    parameter: Parameter,
    label: (usize, &'static str),
    method: Method,
    connection: response::Connection,
    cid: heapless::String<CID_BYTES>,
    body: Body,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// The client knows that this was the last answer.
    Agreed,
    /// The client may still be sending: what it sends is read, so that no reset overtakes the answer.
    Refused,
}

/// What a connection waits for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// For its client, in this phase. The flag tells that a request was answered, which makes it as good as new.
    Wait(Phase, bool),
    /// For room to write, as more requests may be complete than answers found room for.
    GoOn,
    /// Nothing: it is over.
    Close,
}

impl Connection {
    /// Around `stream`, which does not block.
    pub fn new(stream: TcpStream) -> Self {
        Connection {
            interest: Interest::Read,
            stream,
            input: Vec::new(),
            output: Vec::new(),
            asked: None,
            kept: Kept::default(),
            closing: None,
            ended: false,
            lingered_bytes: 0,
        }
    }

    /// Its socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Goes on where the socket allows it. Whatever goes wrong on a connection is the client's affair and ends it:
    /// load balancers reset theirs after every check.
    pub fn turn<S: Service>(&mut self, phase: Phase, shared: &mut Shared<S>) -> Next {
        let next = match phase {
            Phase::Lingering => self.linger(&mut shared.input),
            Phase::Sending => self.finish_sending(),
            Phase::Idle | Phase::Receiving => self.converse(shared),
        };
        next.unwrap_or(Next::Close)
    }

    /// Tells a client whose request did not come in time, as far as it takes that at once.
    pub fn time_out<S: Service>(&mut self, shared: &mut Shared<S>) {
        shared.out.bytes.clear();
        shared.out.refuse(&shared.service, Reject::Timeout, &self.kept.seen(), &self.stream);
        let _ = self.send(&shared.out.bytes);
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads what has come, answers what is complete and sends what the kernel takes.
    fn converse<S: Service>(&mut self, shared: &mut Shared<S>) -> io::Result<Next> {
        let kept = self.input.len();
        shared.input[..kept].copy_from_slice(&self.input);
        let mut filled = kept;
        if kept < shared.input.len() && !self.ended {
            match self.stream.read(&mut shared.input[kept..]) {
                Ok(0) => self.ended = true,
                Ok(read) => filled += read,
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        shared.out.bytes.clear();
        let used = self.answer_all(shared, filled);
        if used < filled {
            self.input.clear();
            self.input.extend_from_slice(&shared.input[used..filled]);
        } else if kept > 0 {
            // An idle connection holds no buffer.
            self.input = Vec::new();
        }
        let sent = self.send(&shared.out.bytes)?;
        if sent < shared.out.bytes.len() {
            self.output.extend_from_slice(&shared.out.bytes[sent..]);
            return Ok(Next::Wait(Phase::Sending, false));
        }
        self.settle(!shared.out.bytes.is_empty(), shared.out.bytes.len() >= OUTPUT_BYTES)
    }

    fn finish_sending(&mut self) -> io::Result<Next> {
        let output = std::mem::take(&mut self.output);
        let sent = self.send(&output)?;
        if sent < output.len() {
            self.output = output;
            self.output.drain(..sent);
            return Ok(Next::Wait(Phase::Sending, false));
        }
        self.settle(true, !self.input.is_empty())
    }

    /// What comes next when all output is sent.
    fn settle(&mut self, answered: bool, more: bool) -> io::Result<Next> {
        match self.closing {
            None if more && !self.input.is_empty() => Ok(Next::GoOn),
            None if self.ended => Ok(Next::Close),
            None if self.input.is_empty() && self.asked.is_none() => Ok(Next::Wait(Phase::Idle, answered)),
            None => Ok(Next::Wait(Phase::Receiving, answered)),
            Some(Closing::Agreed) if self.input.is_empty() && self.nothing_unread() => Ok(Next::Close),
            Some(_) => {
                self.input = Vec::new();
                self.stream.shutdown(Shutdown::Write)?;
                Ok(Next::Wait(Phase::Lingering, false))
            }
        }
    }

    /// Whether the client has sent nothing behind the request whose answer was to be the last.
    fn nothing_unread(&self) -> bool {
        !matches!((&self.stream).read(&mut [0]), Ok(1))
    }

    /// Reads and drops until the client closes (RFC 9112 section 9.6).
    fn linger(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        match self.stream.read(buffer) {
            Ok(0) => return Ok(Next::Close),
            Ok(read) => self.lingered_bytes += read as u64,
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(if self.lingered_bytes < LINGER_BYTES { Next::Wait(Phase::Lingering, false) } else { Next::Close })
    }

    /// Sends what the kernel takes at once.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.stream.write(&bytes[sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(more) => sent += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Answers every request that is complete, as far as the output has room; how many bytes of the input were used up.
    fn answer_all<S: Service>(&mut self, shared: &mut Shared<S>, filled: usize) -> usize {
        let Shared { service, closing, input, out } = shared;
        let bytes = &input[..filled];
        let kept = std::mem::take(&mut self.kept);
        let (mut seen, mut is_kept) = (kept.seen(), true);
        let mut used = 0;
        while self.closing.is_none() && out.bytes.len() < OUTPUT_BYTES {
            let step = match self.asked.take() {
                Some(mut asked) => asked.body.skip(&bytes[used..]).map(|skipped| {
                    used += skipped;
                    Some(asked)
                }),
                None => request::read_head({
                    (seen, is_kept) = (Seen::default(), false);
                    used += request::empty_lines(&bytes[used..]);
                    &bytes[used..]
                })
                .map(|head| {
                    head.map(|(head, length)| {
                        let bytes_of_head = bytes.get(used..used + length).unwrap_or_default();
                        seen = Seen::of(service, &head, bytes_of_head, &self.stream);
                        used += length;
                        if head.expects_continue && head.framing != Framing::None && used == bytes.len() {
                            out.bytes.extend_from_slice(response::CONTINUE);
                        }
                        Asked::new(&head)
                    })
                }),
            };
            match step {
                Ok(Some(mut asked)) if asked.body == Body::Done => {
                    if *closing {
                        asked.connection = response::Connection::Close;
                    }
                    if out.answer(service, &asked, &seen, &self.stream) == response::Connection::Close {
                        self.closing = Some(Closing::Agreed);
                    }
                }
                Ok(Some(asked)) => {
                    self.asked = Some(asked);
                    if used == bytes.len() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(reject) => {
                    out.refuse(service, reject, &seen, &self.stream);
                    self.closing = Some(Closing::Refused);
                }
            }
        }
        if self.asked.is_some() {
            self.kept = if is_kept { kept } else { seen.keep() };
        }
        used
    }
}

impl Asked {
    fn new(head: &Head<'_>) -> Self {
        let (resolution, label) = route::resolve(head.method, head.target);
        let connection = match (head.keep_alive, head.http_10) {
            (false, _) => response::Connection::Close,
            (true, true) => response::Connection::KeepAlive,
            (true, false) => response::Connection::Unsaid,
        };
        let cid = head.cid.and_then(|cid| cid.try_into().ok()).unwrap_or_else(fresh_cid);
        let parameter = Parameter::of(resolution, head.target);
        Asked { resolution, parameter, label, method: head.method, connection, cid, body: Body::new(head.framing) }
    }
}

impl Output {
    /// For one more answer. Beyond what is kept it is so much at once that every C library maps it apart from its heap,
    /// and gives all of it back: pages that are not written cost nothing.
    fn make_room(&mut self) {
        if self.bytes.capacity() - self.bytes.len() < self.body.len() + RESPONSE_HEAD_BYTES {
            self.bytes.reserve_exact(OUTPUT_MAPPED_BYTES.max(self.body.len() + RESPONSE_HEAD_BYTES));
        }
    }

    fn answer<S: Service>(
        &mut self,
        service: &S,
        asked: &Asked,
        seen: &Seen<'_>,
        stream: &TcpStream,
    ) -> response::Connection {
        let body = &mut self.body;
        let (status, media_type, allow) = match asked.resolution {
            Resolution::Answer(route) => {
                (service.respond(route.handler, asked.parameter.as_str(), body), route.media_type, None)
            }
            Resolution::Options(allow) => (204, "", Some(allow)),
            Resolution::MethodNotAllowed(allow) => {
                service.detail("Method Not Allowed", body);
                (405, route::JSON, Some(allow))
            }
            Resolution::NotFound => {
                service.detail("Not Found", body);
                (404, route::JSON, None)
            }
        };
        service.count(asked.label, asked.method, status);
        let route = match asked.resolution {
            Resolution::Answer(route) => Some((route.handler, asked.label.1)),
            _ => None,
        };
        seen.tell(service, route, &asked.cid, status, stream);
        self.make_room();
        let answer = Answer { status, media_type, allow, body: self.body.as_bytes() };
        let head_only = asked.method == Method::Head;
        match self.writer.write(&mut self.bytes, &answer, &asked.cid, asked.connection, head_only) {
            Ok(()) => asked.connection,
            // Writing to memory does not fail; if it did, the head would be torn and the connection of no more use.
            Err(_) => response::Connection::Close,
        }
    }

    fn refuse<S: Service>(&mut self, service: &S, reject: Reject, seen: &Seen<'_>, stream: &TcpStream) {
        service.detail(reject.detail(), &mut self.body);
        service.count(route::UNKNOWN, Method::Other, reject.status());
        self.make_room();
        let answer =
            Answer { status: reject.status(), media_type: route::JSON, allow: None, body: self.body.as_bytes() };
        let cid = fresh_cid();
        // Writing to memory does not fail, and the connection is closed in any case.
        let _ = self.writer.write(&mut self.bytes, &answer, &cid, response::Connection::Close, false);
        seen.tell(service, None, &cid, reject.status(), stream);
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
