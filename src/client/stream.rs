//! One TCP connection that the executor waits for.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, getrlimit};

use crate::limits::{ADDRESS_HEAD_START, ADDRESSES, RESERVED_DESCRIPTORS};
use crate::reactor::{Interest, Reactor};

/// A connection; closed when it is dropped.
pub struct Stream {
    pub(super) socket: OwnedFd,
    pub(super) reactor: Rc<Reactor>,
}

impl Stream {
    async fn open(reactor: Rc<Reactor>, address: SocketAddr) -> io::Result<Stream> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        if is_reserved(&socket) {
            return Err(Errno::MFILE.into());
        }
        // A request is written at once, so there is nothing to gather.
        sockopt::set_tcp_nodelay(&socket, true)?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) => {}
            Err(Errno::INPROGRESS) => {
                reactor.wait_for(socket.as_fd(), Interest::Write).await?;
                sockopt::socket_error(&socket)??;
            }
            Err(error) => return Err(error.into()),
        }
        if is_connected_to_itself(&socket) {
            return Err(Errno::CONNREFUSED.into());
        }
        Ok(Stream { socket, reactor })
    }

    /// Appends what has come, at most `most` bytes, to `buffer`; how much that is. Nothing: the peer has ended. Others have
    /// their turn before each: a peer may send faster than it is read, for ever.
    pub(super) async fn read(&self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        loop {
            self.reactor.wait_for(self.socket.as_fd(), Interest::Read).await?;
            let filled = buffer.len();
            buffer.resize(filled + most, 0);
            let received = rustix::net::recv(&self.socket, &mut buffer[filled..], RecvFlags::empty());
            buffer.truncate(filled + received.as_ref().map_or(0, |(received, _)| *received));
            match received {
                Ok((received, _)) => return Ok(received),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends all of `bytes`.
    pub(super) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(Errno::AGAIN) => self.reactor.wait_for(self.socket.as_fd(), Interest::Write).await?,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends what of `bytes` can go at once: a last word to a peer whose hearing it nothing depends on.
    pub(super) fn write_some(&self, bytes: &[u8]) {
        let _ = rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL);
    }
}

/// Whether the peer has no part in it: no descriptor, no memory.
pub(super) fn is_lack(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// The last descriptors are the server's: whoever asks for this node's health gets an answer, however many checks hang.
/// The kernel hands out the lowest number that is free.
pub(super) fn is_reserved(socket: &OwnedFd) -> bool {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    u64::try_from(socket.as_raw_fd()).unwrap_or(0) >= limit - (limit / 2).min(RESERVED_DESCRIPTORS)
}

/// Where nobody listens on a port of this node that the kernel gives to those who connect, it may give that very port, and
/// the connection meets itself (RFC 9293 section 3.5, simultaneous open).
fn is_connected_to_itself(socket: &OwnedFd) -> bool {
    match (rustix::net::getsockname(socket), rustix::net::getpeername(socket)) {
        (Ok(own), Ok(Some(peer))) => own == peer,
        _ => false,
    }
}

type Attempt = Pin<Box<dyn Future<Output = io::Result<Stream>>>>;

/// A connection to the first of `addresses` that takes one. Each has a head start on the next, as RFC 8305 has it; or the
/// last error and whose it was.
pub(super) async fn connect(
    reactor: &Rc<Reactor>,
    addresses: &[IpAddr],
    port: u16,
) -> Result<Stream, (SocketAddr, io::Error)> {
    let mut next = by_turns(addresses).into_iter().map(|address| SocketAddr::new(address, port));
    let mut attempts: Vec<(SocketAddr, Attempt)> = Vec::new();
    let mut failed = (SocketAddr::from(([0, 0, 0, 0], port)), Errno::ADDRNOTAVAIL.into());
    loop {
        match next.next() {
            Some(address) => attempts.push((address, Box::pin(Stream::open(Rc::clone(reactor), address)))),
            None if attempts.is_empty() => return Err(failed),
            None => {}
        }
        let mut head_start = (next.len() > 0).then(|| reactor.sleep_until(Instant::now() + ADDRESS_HEAD_START));
        let ended = std::future::poll_fn(|context| {
            for at in 0..attempts.len() {
                if let Poll::Ready(result) = attempts[at].1.as_mut().poll(context) {
                    let (address, _) = attempts.remove(at);
                    return Poll::Ready(Some(result.map_err(|error| (address, error))));
                }
            }
            match &mut head_start {
                Some(head_start) => Pin::new(head_start).poll(context).map(|()| None),
                None => Poll::Pending,
            }
        });
        match ended.await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => failed = error,
            None => {}
        }
    }
}

/// Each family in its turn, in the order that the system gave; no more than are tried.
fn by_turns(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first = addresses.first().is_some_and(IpAddr::is_ipv6);
    let mut these = addresses.iter().filter(|address| address.is_ipv6() == first);
    let mut others = addresses.iter().filter(|address| address.is_ipv6() != first);
    let mut turns = Vec::new();
    while turns.len() < ADDRESSES {
        let before = turns.len();
        turns.extend(these.next());
        turns.extend(others.next());
        if turns.len() == before {
            break;
        }
    }
    turns.truncate(ADDRESSES);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Duration;

    fn connected(addresses: &[IpAddr], port: u16) -> Result<Stream, (SocketAddr, io::Error)> {
        let reactor = Rc::new(Reactor::new().unwrap());
        reactor.block_on(connect(&reactor, addresses, port)).unwrap()
    }

    #[test]
    fn a_connection_to_itself_is_told_from_one_to_another() {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        rustix::net::connect(&socket, &rustix::net::getsockname(&socket).unwrap()).unwrap();
        assert!(is_connected_to_itself(&socket));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!is_connected_to_itself(&other.into()));
    }

    #[test]
    fn families_take_turns_in_the_order_of_the_system() {
        let turns = |text: &[&str]| {
            let addresses: Vec<IpAddr> = text.iter().map(|address| address.parse().unwrap()).collect();
            by_turns(&addresses).iter().map(IpAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(turns(&["::1", "::2", "::3", "1.0.0.1", "1.0.0.2"]), ["::1", "1.0.0.1", "::2", "1.0.0.2"]);
        assert_eq!(turns(&["1.0.0.1", "::1"]), ["1.0.0.1", "::1"]);
        assert_eq!(turns(&["1.0.0.1", "1.0.0.2"]), ["1.0.0.1", "1.0.0.2"]);
        assert!(turns(&[]).is_empty());
    }

    #[test]
    fn where_nobody_listens_the_next_address_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let [silent, local] = ["::1", "127.0.0.1"].map(|address| address.parse::<IpAddr>().unwrap());
        assert!(connected(&[silent, local], port).is_ok());
        let (address, error) = connected(&[silent, "127.0.0.2".parse().unwrap()], 9).err().unwrap();
        assert_eq!((address.to_string().as_str(), error.raw_os_error()), ("127.0.0.2:9", Some(111)));
    }

    #[test]
    fn an_address_that_does_not_answer_costs_no_more_than_its_head_start() {
        // Its queue of pending connections is full, so the kernel leaves further ones without an answer.
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let address = full.local_addr().unwrap();
        let _queue: Vec<_> =
            (0..3).map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50))).collect();
        let other = TcpListener::bind(("127.0.0.2", address.port())).unwrap();
        let begun = Instant::now();
        assert!(connected(&[address.ip(), other.local_addr().unwrap().ip()], address.port()).is_ok());
        let took = begun.elapsed();
        assert!(took >= ADDRESS_HEAD_START && took < ADDRESS_HEAD_START * 3, "{took:?}");
    }
}
