//! A connection as `h2` wants it: tokio's traits of reading and writing, over our own socket or over TLS. Every buffer is
//! bounded, and others have their turn between two reads.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::Client;
use crate::client::stream::{Stream, is_reserved};
use crate::client::tls::Tunnel;
use crate::limits::{GRPC_PIECE_BYTES, GRPC_READ_BYTES, PEER_READ_BYTES};
use crate::reactor::Interest;
use crate::snapshot::Failure;

type Waiting = Pin<Box<dyn Future<Output = io::Result<()>>>>;
type Step = Pin<Box<dyn Future<Output = Result<Box<Tunnel>, Failure>>>>;

fn waiting(stream: &Rc<Stream>, interest: Interest) -> Waiting {
    let stream = Rc::clone(stream);
    Box::pin(async move { stream.reactor.wait_for(stream.socket.as_fd(), interest).await })
}

/// The TCP connection, and what it is waited for.
struct Socket {
    stream: Rc<Stream>,
    reading: Option<Waiting>,
    writing: Option<Waiting>,
    /// The peer reads no more. It may have said why, so that is read before this is told.
    unsent: Option<io::Error>,
}

impl Socket {
    /// What has come, after everyone else has had a turn: a peer may send faster than it is read, for ever.
    fn poll_receive(&mut self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let wait = self.reading.get_or_insert_with(|| waiting(&self.stream, Interest::Read));
            let ready = ready!(wait.as_mut().poll(context));
            self.reading = None;
            ready?;
            match rustix::net::recv(&self.stream.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((received @ 1.., _)) => return Poll::Ready(Ok(received)),
                Ok(_) => return Poll::Ready(self.unsent.take().map_or(Ok(0), Err)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(self.unsent.take().unwrap_or(error.into()))),
            }
        }
    }

    fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if let Some(wait) = &mut self.writing {
                let ready = ready!(wait.as_mut().poll(context));
                self.writing = None;
                ready?;
            }
            match rustix::net::send(&self.stream.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => return Poll::Ready(Ok(sent)),
                Err(Errno::AGAIN) => self.writing = Some(waiting(&self.twin()?, Interest::Write)),
                Err(Errno::INTR) => {}
                Err(error @ (Errno::PIPE | Errno::CONNRESET)) => {
                    self.unsent = Some(error.into());
                    return Poll::Ready(Ok(bytes.len()));
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// The same socket under another number: epoll(7) waits once for each number, and it is waited for both ways.
    fn twin(&self) -> io::Result<Rc<Stream>> {
        let socket = rustix::io::fcntl_dupfd_cloexec(&self.stream.socket, 0)?;
        if is_reserved(&socket) {
            return Err(Errno::MFILE.into());
        }
        Ok(Rc::new(Stream { socket, reactor: Rc::clone(&self.stream.reactor) }))
    }

    /// Whether the peer has said nothing, not even that it ends.
    fn is_quiet(&self) -> bool {
        let peeked = rustix::net::recv(&self.stream.socket, &mut [0][..], RecvFlags::PEEK);
        matches!(peeked, Err(Errno::AGAIN))
    }
}

/// TLS, whose steps are made elsewhere.
struct Secure {
    client: Rc<Client>,
    /// Here between its steps.
    tunnel: Option<Box<Tunnel>>,
    step: Option<Step>,
    /// What is to go out, at most [`GRPC_PIECE_BYTES`].
    to_seal: Vec<u8>,
    /// The same after its step, and how much of it has gone.
    sealed: Vec<u8>,
    sent: usize,
    /// What has come, no more than of one step, and how much of it was taken.
    plain: Vec<u8>,
    taken: usize,
    /// Some was just taken: others have their turn before there is more.
    yields: bool,
    ended: bool,
    /// Why it goes no further.
    failure: Option<Failure>,
}

impl Secure {
    /// Moves everything as far as it goes now.
    fn turn(&mut self, socket: &mut Socket, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            if let Some(step) = &mut self.step
                && let Poll::Ready(made) = step.as_mut().poll(context)
            {
                self.step = None;
                let mut tunnel = made.map_err(|failure| self.fail(failure))?;
                self.sealed.append(&mut tunnel.to_send);
                self.plain.append(&mut tunnel.plain);
                if let Some(failure) = tunnel.failure.take() {
                    // The peer is told why, if it still listens.
                    socket.stream.write_some(&self.sealed[self.sent..]);
                    return Err(self.fail(failure));
                }
                self.tunnel = Some(tunnel);
            }
            while self.sent < self.sealed.len() {
                match socket.poll_send(context, &self.sealed[self.sent..])? {
                    Poll::Ready(sent) => self.sent += sent,
                    Poll::Pending => break,
                }
            }
            if self.sent == self.sealed.len() {
                self.sealed.clear();
                self.sent = 0;
            }
            let Some(mut tunnel) = self.tunnel.take() else { return Ok(()) };
            if self.plain.is_empty() && !self.ended {
                let mut buffer = [0; PEER_READ_BYTES];
                if let Poll::Ready(received) = socket.poll_receive(context, &mut buffer) {
                    let received = received?;
                    tunnel.received.extend_from_slice(&buffer[..received]);
                    tunnel.ended = received == 0;
                }
            }
            let seals = self.sealed.is_empty() && !self.to_seal.is_empty();
            if tunnel.received.is_empty() && tunnel.ended == self.ended && !seals {
                self.tunnel = Some(tunnel);
                return Ok(());
            }
            self.ended = tunnel.ended;
            let outgoing = if seals { std::mem::take(&mut self.to_seal) } else { Vec::new() };
            let client = Rc::clone(&self.client);
            let step = move || {
                // Without a limit of its own it takes all.
                let _ = tunnel.connection.writer().write_all(&outgoing);
                tunnel.advance();
                Ok(tunnel)
            };
            self.step = Some(Box::pin(async move { client.step(Box::new(step)).await }));
        }
    }

    /// Keeps what has happened: `h2` passes on errors of the system only.
    fn fail(&mut self, failure: Failure) -> io::Error {
        self.failure = Some(failure);
        io::Error::from(io::ErrorKind::ConnectionAborted)
    }

    fn take(&mut self, context: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = &self.plain[self.taken..];
        if left.is_empty() {
            let over = self.ended && self.step.is_none();
            return if over { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        self.yields = !self.yields;
        if !self.yields {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let part = left.len().min(buffer.remaining()).min(GRPC_READ_BYTES);
        buffer.put_slice(&left[..part]);
        self.taken += part;
        if self.taken == self.plain.len() {
            self.plain.clear();
            self.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}

/// A connection, with TLS or without.
pub(super) struct Transport {
    socket: Socket,
    secure: Option<Secure>,
}

impl Transport {
    pub(super) fn new(stream: Stream) -> Self {
        Transport {
            socket: Socket { stream: Rc::new(stream), reading: None, writing: None, unsent: None },
            secure: None,
        }
    }

    /// Everything goes through `tunnel` from now on.
    pub(super) fn secure(&mut self, client: &Rc<Client>, mut tunnel: Box<Tunnel>) {
        self.secure = Some(Secure {
            client: Rc::clone(client),
            step: None,
            to_seal: Vec::new(),
            sealed: std::mem::take(&mut tunnel.to_send),
            sent: 0,
            plain: Vec::new(),
            taken: 0,
            yields: false,
            ended: false,
            failure: None,
            tunnel: Some(tunnel),
        });
    }

    /// The protocol that the peer has selected, when it has shown who it is.
    pub(super) fn poll_selected(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let Some(secure) = &mut self.secure else { return Poll::Ready(Ok(None)) };
        secure.turn(&mut self.socket, context)?;
        match &secure.tunnel {
            Some(tunnel) if !tunnel.handshaking() => {
                Poll::Ready(Ok(tunnel.connection.alpn_protocol().map(<[u8]>::to_vec)))
            }
            _ => Poll::Pending,
        }
    }

    /// Why TLS has failed, where it has.
    pub(super) fn take_failure(&mut self) -> Option<Failure> {
        self.secure.as_mut()?.failure.take()
    }

    /// Whether there is nothing to hear of the peer now.
    pub(super) fn is_quiet(&self) -> bool {
        let between_steps = |secure: &Secure| secure.tunnel.is_some() && secure.plain.is_empty();
        self.secure.as_ref().is_none_or(between_steps) && self.socket.is_quiet()
    }

    /// Waits for nothing any more, until it is used again: what a peer sends meanwhile wakes nobody.
    pub(super) fn rest(&mut self) {
        (self.socket.reading, self.socket.writing) = (None, None);
    }
}

/// What `h2` reads and writes.
pub(super) struct Io(pub(super) Rc<RefCell<Transport>>);

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Transport { socket, secure } = &mut *self.0.borrow_mut();
        if let Some(secure) = secure {
            secure.turn(socket, context)?;
            return secure.take(context, buffer);
        }
        let most = buffer.remaining().min(GRPC_READ_BYTES);
        let received = ready!(socket.poll_receive(context, buffer.initialize_unfilled_to(most)))?;
        buffer.advance(received);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Transport { socket, secure } = &mut *self.0.borrow_mut();
        let Some(secure) = secure else { return socket.poll_send(context, bytes) };
        secure.turn(socket, context)?;
        let part = bytes.len().min(GRPC_PIECE_BYTES.saturating_sub(secure.to_seal.len()));
        if part == 0 && !bytes.is_empty() {
            return Poll::Pending;
        }
        secure.to_seal.extend_from_slice(&bytes[..part]);
        secure.turn(socket, context)?;
        Poll::Ready(Ok(part))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Transport { socket, secure } = &mut *self.0.borrow_mut();
        let Some(secure) = secure else { return Poll::Ready(Ok(())) };
        secure.turn(socket, context)?;
        // A step that is being made may have something to send, too.
        let gone = secure.to_seal.is_empty() && secure.sealed.is_empty() && secure.step.is_none();
        if gone { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The socket is closed when it is dropped.
        self.poll_flush(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::Reactor;
    use std::future::poll_fn;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn io() -> (Rc<Reactor>, Io, UnixStream) {
        let reactor = Rc::new(Reactor::new().unwrap());
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let stream = Stream { socket: near.into(), reactor: Rc::clone(&reactor) };
        (reactor, Io(Rc::new(RefCell::new(Transport::new(stream)))), far)
    }

    async fn read(io: &mut Io) -> io::Result<Vec<u8>> {
        let mut bytes = [0; 4 * GRPC_READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|context| Pin::new(&mut *io).poll_read(context, &mut buffer)).await?;
        Ok(buffer.filled().to_vec())
    }

    #[test]
    fn what_a_peer_has_said_before_it_stopped_reading_is_heard_first() {
        let (reactor, mut io, mut far) = io();
        far.write_all(b"why").unwrap();
        drop(far);
        let written = reactor.block_on(poll_fn(|context| Pin::new(&mut io).poll_write(context, b"hello"))).unwrap();
        assert_eq!(written.unwrap(), 5);
        assert_eq!(reactor.block_on(read(&mut io)).unwrap().unwrap(), b"why");
        assert_eq!(reactor.block_on(read(&mut io)).unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn others_have_their_turn_before_each_read_and_reads_are_short() {
        let (reactor, mut io, mut far) = io();
        far.write_all(&[7; 3 * GRPC_READ_BYTES]).unwrap();
        for _ in 0..3 {
            let (mut turns, mut part) = (0, Box::pin(read(&mut io)));
            let read = poll_fn(|context| {
                turns += 1;
                part.as_mut().poll(context)
            });
            assert_eq!(reactor.block_on(read).unwrap().unwrap().len(), GRPC_READ_BYTES);
            assert!(turns >= 2);
        }
    }

    #[test]
    fn a_full_socket_is_waited_for_both_ways() {
        let (reactor, mut io, mut far) = io();
        let chunk = [7; 64 * 1024];
        let mut full = || {
            let waker = std::task::Waker::noop();
            let mut context = Context::from_waker(waker);
            Pin::new(&mut io).poll_write(&mut context, &chunk).is_pending()
        };
        while !full() {}
        // It is read while it waits to be written.
        far.write_all(b"x").unwrap();
        assert_eq!(reactor.block_on(read(&mut io)).unwrap().unwrap(), b"x");
        let drained = std::thread::spawn(move || io::copy(&mut far, &mut io::sink()).map(drop));
        let written = reactor.block_on(poll_fn(|context| Pin::new(&mut io).poll_write(context, &chunk))).unwrap();
        assert!(written.unwrap() > 0);
        drop(io);
        drained.join().unwrap().unwrap();
    }
}
