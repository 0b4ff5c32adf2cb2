//! Sockets: accept, connection slots, time-outs. What is answered is the business of a [`Service`].

#[cfg(feature = "systemd")]
mod activation;
mod cid;
mod connection;
mod exchange;
#[cfg(feature = "otlp")]
mod seen;
#[cfg(not(feature = "otlp"))]
#[path = "no_seen.rs"]
mod seen;
mod signals;
mod slots;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use rustix::io::Errno;

use crate::http::route::Handler;
use crate::limits::{ACCEPT_BATCH, ACCEPT_RETRY, EXHAUSTED, LISTEN_BACKLOG, SHUTDOWN, SHUTDOWN_POLL};
use crate::server::connection::{Connection, Next, Shared};
use crate::server::slots::{Phase, Slots, Ticket};
use crate::snapshot::Method;

pub use crate::reactor::{Interest, Reactor, Sleep};
pub use cid::fresh_cid;
pub use exchange::Exchange;
pub use signals::{Signal, Signals};

#[cfg(feature = "systemd")]
pub use activation::inherited;

/// The listening socket that the service manager has handed over: none, in a build that does not know of them.
#[cfg(not(feature = "systemd"))]
pub fn inherited() -> io::Result<Option<TcpListener>> {
    Ok(None)
}

/// What makes the answers and keeps the counts. Nothing here may block: every connection waits for it.
pub trait Service {
    /// Sets `body` to the answer of `handler`; its status code. `parameter` is what stands in the path in place of
    /// `{name}`: empty where there is nothing, or no name.
    fn respond(&self, handler: Handler, parameter: &str, body: &mut String) -> u16;
    /// Sets `body` to what a client is told whose request cannot be answered as asked.
    fn detail(&self, detail: &str, body: &mut String);
    /// Counts one request: under which number and label, and how it ended.
    fn count(&self, label: (usize, &'static str), method: Method, status: u16);
    /// Counts one connection that was closed to make room for another.
    fn count_evicted(&self);
    /// Whether [`Service::observe`] is to be called. Where it is not, nothing of a request is read or kept for it.
    fn observes(&self) -> bool {
        false
    }
    /// Is told of one request whose answer has been decided.
    fn observe(&self, _: &Exchange<'_>) {}
}

/// The listener's token; a connection's is its ticket's.
const LISTENER: u64 = u64::MAX - 2;

/// The listening server.
pub struct Server<S> {
    reactor: Rc<Reactor>,
    listener: Option<TcpListener>,
    /// Boxed, so that a free place costs a few bytes: an idle agent has 128 of them.
    slots: Slots<Box<Connection>>,
    shared: Shared<S>,
    /// When to look for connections whose time is up. `None` without connections: an idle agent sleeps.
    sweep_at: Option<Instant>,
    /// When to accept again after accept(2) said that there are no more descriptors.
    accept_at: Option<Instant>,
    /// The log was told that there are no more descriptors. It is over when accept(2) has not said so for a while.
    exhausted_until: Option<Instant>,
}

impl<S: Service> Server<S> {
    /// Listens on `listener`, for at most `max_connections` clients at a time.
    #[inline(never)]
    pub fn new(
        listener: TcpListener,
        max_connections: usize,
        reactor: Rc<Reactor>,
        service: S,
    ) -> io::Result<Box<Self>> {
        // A second listen(2) sets the backlog; the standard library's is 128, which a flood fills at once.
        rustix::net::listen(&listener, LISTEN_BACKLOG)?;
        listener.set_nonblocking(true)?;
        reactor.add(&listener, LISTENER, Interest::Read)?;
        Ok(Box::new(Server {
            reactor,
            listener: Some(listener),
            slots: Slots::new(max_connections),
            shared: Shared::new(service),
            sweep_at: None,
            accept_at: None,
            exhausted_until: None,
        }))
    }

    /// Where it listens: the port is the real one, whatever was asked for.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref()?.local_addr().ok()
    }

    /// Accepts and serves for ever.
    pub async fn run(&mut self) {
        loop {
            self.serve_once(None).await;
        }
    }

    /// Stops listening, which tells a balancer to go elsewhere, and finishes the requests under way; those of clients
    /// whom the kernel has already greeted too.
    pub async fn shut_down(&mut self) {
        self.shared.closing = true;
        self.accept(Instant::now());
        if let Some(listener) = self.listener.take() {
            // A listener that a service manager keeps goes on being ready. It cannot fail: the listener has been added.
            let _ = self.reactor.remove(&listener);
        }
        let deadline = Instant::now() + SHUTDOWN;
        // A turn without an event shows that all that has come is read, and so known to be under way.
        while self.serve_once(Some(Instant::now() + SHUTDOWN_POLL)).await || self.slots.busy() {
            if Instant::now() >= deadline {
                break;
            }
        }
    }

    /// Serves whoever is ready, at the latest when `deadline` or a time-out is reached; whether anybody was.
    async fn serve_once(&mut self, deadline: Option<Instant>) -> bool {
        let deadline = [deadline, self.sweep_at, self.accept_at].into_iter().flatten().min();
        let ready = self.reactor.ready(deadline).await;
        let now = Instant::now();
        self.shared.set_time(unix_secs());
        for token in &ready {
            match *token {
                LISTENER => self.accept(now),
                token => self.serve(Ticket::from_token(token), now),
            }
        }
        if self.accept_at.is_some_and(|at| at <= now) {
            self.accept_at = None;
            self.listen_for(Interest::Read);
        }
        self.shared.settle();
        if self.exhausted_until.is_some_and(|until| until <= now) {
            self.exhausted_until = None;
        }
        self.sweep(now);
        !ready.is_empty()
    }

    fn serve(&mut self, ticket: Ticket, now: Instant) {
        // One that was closed a moment ago, in this very turn, is no longer there.
        let Some((phase, connection)) = self.slots.get(ticket) else { return };
        let next = connection.turn(phase, &mut self.shared);
        let interest = match next {
            Next::Close => return drop(self.slots.leave(ticket)),
            Next::GoOn | Next::Wait(Phase::Sending, _) => Interest::Write,
            Next::Wait(..) => Interest::Read,
        };
        if connection.interest != interest {
            connection.interest = interest;
            if self.reactor.modify(connection.stream(), ticket.token(), interest).is_err() {
                return drop(self.slots.leave(ticket));
            }
        }
        match next {
            Next::Wait(phase, answered) => {
                if answered {
                    self.slots.renew(ticket, now);
                }
                self.slots.set_phase(ticket, phase, now);
                self.sweep_at = self.sweep_at.map(|at| at.min(now + phase.limit()));
            }
            Next::GoOn | Next::Close => self.slots.renew(ticket, now),
        }
    }

    fn accept(&mut self, now: Instant) {
        // So many at a time that those accepted are served before the next: no flood keeps a health check waiting.
        for _ in 0..ACCEPT_BATCH {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((stream, _)) => {
                    self.enter(stream, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => self.recover(&error, now),
            }
        }
    }

    fn enter(&mut self, stream: TcpStream, now: Instant) {
        // An answer is written at once and whole: Nagle's algorithm could only delay it. A client that is gone already
        // makes this fail, and then it does not matter.
        let _ = stream.set_nodelay(true);
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let (ticket, evicted) = self.slots.enter(now, Box::new(Connection::new(stream)));
        if evicted.is_some() {
            self.shared.service.count_evicted();
        }
        let added = match self.slots.get(ticket) {
            Some((_, connection)) => self.reactor.add(connection.stream(), ticket.token(), Interest::Read),
            None => return,
        };
        if added.is_err() {
            drop(self.slots.leave(ticket));
        }
    }

    /// accept(2) fails for the one client, or for want of descriptors or memory, which a closed connection gives back.
    fn recover(&mut self, error: &io::Error, now: Instant) {
        let lacking = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if !Errno::from_io_error(error).is_some_and(|errno| lacking.contains(&errno)) {
            return;
        }
        if self.exhausted_until.replace(now + EXHAUSTED).is_none() {
            log::error!("accept: {error}: until that is over, a new connection takes the place of an old one");
        }
        if self.slots.evict().is_some() {
            self.shared.service.count_evicted();
        } else {
            self.accept_at = Some(now + ACCEPT_RETRY);
            self.listen_for(Interest::Nothing);
        }
    }

    fn listen_for(&self, interest: Interest) {
        if let Some(listener) = &self.listener {
            // It fails only for want of kernel memory, and then the next event brings the same again.
            let _ = self.reactor.modify(listener, LISTENER, interest);
        }
    }

    /// Closes connections whose time is up.
    fn sweep(&mut self, now: Instant) {
        match self.sweep_at {
            Some(at) if at > now => return,
            None if self.slots.open() == 0 => return,
            _ => {}
        }
        while let Some((phase, mut connection)) = self.slots.expire(now) {
            if phase == Phase::Receiving {
                connection.time_out(&mut self.shared);
            }
        }
        self.sweep_at = self.slots.next_deadline();
    }
}

/// The wall clock; before 1970 it is 1970.
fn unix_secs() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MONITORS;
    use std::io::{Read, Write};

    struct Echo;

    impl Service for Echo {
        fn respond(&self, handler: Handler, parameter: &str, body: &mut String) -> u16 {
            *body = format!("{handler:?} {parameter:?}");
            200
        }

        fn detail(&self, detail: &str, body: &mut String) {
            *body = detail.into();
        }

        fn count(&self, _: (usize, &'static str), _: Method, _: u16) {}

        fn count_evicted(&self) {}
    }

    /// What is answered to a request that comes in these pieces.
    fn answer(pieces: &[&str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut connection = Connection::new(stream);
        let mut shared = Shared::new(Echo);
        for piece in pieces {
            client.write_all(piece.as_bytes()).unwrap();
            connection.turn(Phase::Idle, &mut shared);
        }
        drop(connection);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text.rsplit("\r\n").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_name_in_a_path_reaches_the_service_even_where_a_body_comes_later() {
        let whole = "GET /v1/monitors/a%20b?x HTTP/1.0\r\n\r\n";
        assert_eq!(answer(&[whole]), if MONITORS { "Monitor \"a b\"" } else { "Not Found" });
        let head = "GET /monitors/%C3%BC HTTP/1.0\r\nContent-Length: 4\r\n\r\n";
        assert_eq!(answer(&[head, "ab", "cd"]), if MONITORS { "Monitor \"ü\"" } else { "Not Found" });
        assert_eq!(answer(&["GET /v1/health HTTP/1.0\r\n\r\n"]), "Health \"\"");
    }
}
