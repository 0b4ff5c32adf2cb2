//! Sockets: accept, connection slots, time-outs. What is answered is the business of a [`Service`].

mod connection;
mod slots;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use smol::{LocalExecutor, Task};

use crate::http::route::Handler;
use crate::limits::{ACCEPT_BATCH, ACCEPT_RETRY, HEAD_TIMEOUT_SECS, LISTEN_BACKLOG, SHUTDOWN, SHUTDOWN_POLL};
use crate::server::connection::Scratch;
use crate::server::slots::{Phase, Slots};
use crate::snapshot::Method;

/// What makes the answers and keeps the counts. Nothing here may block: every connection waits for it.
pub trait Service: 'static {
    /// Appends the answer of `handler` to `body`; its status code.
    fn respond(&self, handler: Handler, body: &mut String) -> u16;
    /// Appends what a client is told whose request cannot be answered as asked.
    fn detail(&self, detail: &str, body: &mut String);
    /// Counts one request: under which number and label, and how it ended.
    fn count(&self, label: (usize, &'static str), method: Method, status: u16);
    /// Counts one connection that was closed to make room for another.
    fn count_evicted(&self);
}

/// A connection is open as long as this is held.
struct Held {
    stream: Rc<Async<TcpStream>>,
    _task: Task<()>,
}

/// Binds `address` and listens. Nothing is accepted before [`Server::run`].
pub fn listen(address: SocketAddr) -> io::Result<Async<TcpListener>> {
    let listener = TcpListener::bind(address)?;
    // A second listen(2) sets the backlog; the standard library's is 128, which a flood fills at once.
    rustix::net::listen(&listener, LISTEN_BACKLOG)?;
    Async::new(listener)
}

/// The server: its connections and what they share.
pub struct Server<S> {
    executor: Rc<LocalExecutor<'static>>,
    service: Rc<S>,
    slots: RefCell<Slots<Held>>,
    scratch: RefCell<Scratch>,
    /// From now on every answer is the last on its connection.
    closing: Cell<bool>,
    /// Who sleeps while there is no connection to time out.
    sweeper: Cell<Option<Waker>>,
}

impl<S: Service> Server<S> {
    /// A server for at most `max_connections` clients at a time, whose tasks run on `executor`.
    pub fn new(max_connections: usize, executor: Rc<LocalExecutor<'static>>, service: Rc<S>) -> Rc<Self> {
        Rc::new(Server {
            executor,
            service,
            slots: RefCell::new(Slots::new(max_connections)),
            scratch: RefCell::new(Scratch::default()),
            closing: Cell::new(false),
            sweeper: Cell::new(None),
        })
    }

    /// Accepts and serves, for ever: an error that ends this could only be the end of epoll itself.
    pub async fn run(self: &Rc<Self>, listener: &Async<TcpListener>) -> io::Result<()> {
        let _sweeper = self.executor.spawn(Rc::clone(self).sweep());
        let mut exhausted = false;
        loop {
            listener.readable().await?;
            if let Err(error) = self.accept_batch(listener, &mut exhausted) {
                self.recover(error, &mut exhausted).await;
            }
            // The connections just accepted are served before the next ones: no flood keeps a health check waiting.
            smol::future::yield_now().await;
        }
    }

    /// Stops listening, and waits for the requests under way; those of clients whom the kernel has already greeted too.
    pub async fn shut_down(self: &Rc<Self>, listener: Async<TcpListener>) {
        self.closing.set(true);
        // An error means that there is nobody left, or no descriptor to greet them with.
        let _ = self.accept_batch(&listener, &mut true);
        drop(listener);
        let deadline = Instant::now() + SHUTDOWN;
        loop {
            // What has come in the meantime is read, and so known to be under way.
            Timer::after(SHUTDOWN_POLL).await;
            if !self.slots.borrow().busy() || Instant::now() >= deadline {
                break;
            }
        }
    }

    fn accept_batch(self: &Rc<Self>, listener: &Async<TcpListener>, exhausted: &mut bool) -> io::Result<()> {
        for _ in 0..ACCEPT_BATCH {
            match listener.get_ref().accept() {
                Ok((stream, _)) => {
                    *exhausted = false;
                    self.enter(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn enter(self: &Rc<Self>, stream: TcpStream) {
        // An answer is written at once and whole: Nagle's algorithm could only delay it. A client that is gone already
        // makes this fail, and then it does not matter.
        let _ = stream.set_nodelay(true);
        let Ok(stream) = Async::new(stream) else { return };
        let stream = Rc::new(stream);
        let evicted = self.slots.borrow_mut().enter(Instant::now(), |ticket| Held {
            stream: Rc::clone(&stream),
            _task: self.executor.spawn(connection::serve(Rc::clone(self), Rc::clone(&stream), ticket)),
        });
        if evicted.is_some() {
            self.service.count_evicted();
        }
        drop(evicted);
        if let Some(sweeper) = self.sweeper.take() {
            sweeper.wake();
        }
    }

    /// accept(2) fails for the one client, or for want of descriptors or memory, which a closed connection gives back.
    async fn recover(&self, error: io::Error, exhausted: &mut bool) {
        use rustix::io::Errno;
        let lacking = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if !Errno::from_io_error(&error).is_some_and(|errno| lacking.contains(&errno)) {
            return;
        }
        if !std::mem::replace(exhausted, true) {
            log::error!("accept: {error}: closing the connection that waited longest for each new one");
        }
        let evicted = self.slots.borrow_mut().evict();
        if evicted.is_some() {
            self.service.count_evicted();
        } else {
            Timer::after(ACCEPT_RETRY).await;
        }
    }

    /// Closes connections whose time is up. Without connections it sleeps, so that an idle agent does.
    async fn sweep(self: Rc<Self>) {
        loop {
            let deadline = self.slots.borrow().next_deadline();
            let Some(deadline) = deadline else {
                self.a_connection_came().await;
                continue;
            };
            // A connection may come to wait for something with an earlier deadline than all had a moment ago.
            Timer::at(deadline.min(Instant::now() + Duration::from_secs(HEAD_TIMEOUT_SECS))).await;
            loop {
                let expired = self.slots.borrow_mut().expire(Instant::now());
                let Some((phase, held)) = expired else { break };
                if phase == Phase::Receiving {
                    connection::time_out(&self, &held.stream);
                }
            }
        }
    }

    async fn a_connection_came(&self) {
        poll_fn(|context| {
            if self.slots.borrow().open() > 0 {
                return Poll::Ready(());
            }
            self.sweeper.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    fn set_phase(&self, ticket: slots::Ticket, phase: Phase) {
        self.slots.borrow_mut().set_phase(ticket, phase, Instant::now());
    }
}
