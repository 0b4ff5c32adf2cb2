//! What the executor sleeps in: one epoll(7) for the sockets, with the time of the next timer as its time-out.
//!
//! `async_io::block_on` would do, at a price that was measured: its second thread takes turns at waiting, which costs a
//! dozen wake-ups a heartbeat where this has one, five system calls a turn where this has one, and 60 KB of queues and
//! stack. Futures of async-io may still be awaited here: its thread then calls our waker, [`WakeUp`].

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use crate::limits::EVENTS;

/// Which way a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read.
    Read,
    /// Room to write.
    Write,
    /// Nothing for now.
    Nothing,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Interest::Read => EventFlags::IN,
            Interest::Write => EventFlags::OUT,
            Interest::Nothing => EventFlags::empty(),
        }
    }
}

/// The token of the reactor's own eventfd; sockets have others.
const WAKE_UP: u64 = u64::MAX;

/// The token of what [`Reactor::readable`] waits for.
const WATCHED: u64 = u64::MAX - 1;

/// Sockets, timers and the waker of one executor.
pub struct Reactor {
    epoll: OwnedFd,
    wake_up: Arc<WakeUp>,
    /// Tokens of the sockets that the last wait found ready.
    ready: RefCell<heapless::Vec<u64, EVENTS>>,
    /// Who takes them.
    server: Cell<Option<Waker>>,
    /// When the server wants to be woken even if none is ready.
    server_deadline: Cell<Option<Instant>>,
    timers: RefCell<Vec<(Instant, Waker)>>,
    watched: Cell<bool>,
    watcher: Cell<Option<Waker>>,
}

impl Reactor {
    /// Opens the epoll and the eventfd.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &eventfd, EventData::new_u64(WAKE_UP), EventFlags::IN)?;
        Ok(Reactor {
            epoll,
            wake_up: Arc::new(WakeUp { eventfd, state: AtomicU8::new(AWAKE) }),
            ready: RefCell::default(),
            server: Cell::default(),
            server_deadline: Cell::default(),
            timers: RefCell::default(),
            watched: Cell::default(),
            watcher: Cell::default(),
        })
    }

    /// Waits for `socket` from now on, for as long as it is open; level-triggered (epoll(7)).
    pub fn add(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), interest.flags())?)
    }

    /// Waits for something else of `socket`.
    pub fn modify(&self, socket: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(token), interest.flags())?)
    }

    /// Waits for `socket` no longer. For one that another process holds open too: closing our end changes nothing then.
    pub fn remove(&self, socket: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// The tokens of sockets that are ready, at least one; none when `deadline` is reached before.
    pub async fn ready(&self, deadline: Option<Instant>) -> heapless::Vec<u64, EVENTS> {
        self.server_deadline.set(deadline);
        std::future::poll_fn(|context| {
            let late = || deadline.is_some_and(|deadline| deadline <= Instant::now());
            if self.ready.borrow().is_empty() && !late() {
                self.server.set(Some(context.waker().clone()));
                return Poll::Pending;
            }
            Poll::Ready(self.ready.take())
        })
        .await
    }

    /// Waits until `source`, which is no socket of the server's, can be read: the signals are one. One at a time.
    pub async fn readable(&self, source: impl AsFd) -> io::Result<()> {
        epoll::add(&self.epoll, &source, EventData::new_u64(WATCHED), EventFlags::IN | EventFlags::ONESHOT)?;
        std::future::poll_fn(|context| {
            if self.watched.take() {
                return Poll::Ready(());
            }
            self.watcher.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
        Ok(epoll::delete(&self.epoll, &source)?)
    }

    /// Sleeps until `deadline`.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep<'_> {
        Sleep { reactor: self, deadline }
    }

    /// Runs `future` to its end on this thread, sleeping whenever it waits.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> io::Result<T> {
        let waker = Waker::from(Arc::clone(&self.wake_up));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Ok(value);
            }
            self.wait()?;
        }
    }

    /// Sleeps until a socket is ready, a timer is due or somebody calls the waker.
    fn wait(&self) -> io::Result<()> {
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; EVENTS];
        let found = {
            let timeout = if self.wake_up.fall_asleep() { self.time_left() } else { Some(Timespec::default()) };
            epoll::wait(&self.epoll, &mut events, timeout.as_ref())
        };
        self.wake_up.rise();
        let found = match found {
            Ok(found) => found,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        let mut ready = self.ready.borrow_mut();
        for event in &events[..found] {
            match event.data.u64() {
                WAKE_UP => self.wake_up.drain(),
                WATCHED => {
                    self.watched.set(true);
                    self.watcher.take().into_iter().for_each(Waker::wake);
                }
                // The server takes all of them before the next wait, so there is room.
                token => drop(ready.push(token)),
            }
        }
        let now = Instant::now();
        if (!ready.is_empty() || self.server_deadline.get().is_some_and(|deadline| deadline <= now))
            && let Some(server) = self.server.take()
        {
            server.wake();
        }
        self.wake_due_timers(now);
        Ok(())
    }

    /// To the next timer; `None` when there is none.
    fn time_left(&self) -> Option<Timespec> {
        let timers = self.timers.borrow();
        let next = timers.iter().map(|(deadline, _)| *deadline).chain(self.server_deadline.get()).min()?;
        Timespec::try_from(next.saturating_duration_since(Instant::now())).ok()
    }

    fn wake_due_timers(&self, now: Instant) {
        self.timers.borrow_mut().retain(|(deadline, waker)| {
            let due = *deadline <= now;
            if due {
                waker.wake_by_ref();
            }
            !due
        });
    }
}

/// Ends when its time has come.
pub struct Sleep<'r> {
    reactor: &'r Reactor,
    deadline: Instant,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        let mut timers = self.reactor.timers.borrow_mut();
        let waker = context.waker();
        if !timers.iter().any(|(deadline, other)| *deadline == self.deadline && other.will_wake(waker)) {
            timers.push((self.deadline, waker.clone()));
        }
        Poll::Pending
    }
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const CALLED: u8 = 2;

/// The executor's waker. Only a call from another thread, while the executor sleeps, costs a system call.
struct WakeUp {
    eventfd: OwnedFd,
    state: AtomicU8,
}

impl WakeUp {
    /// Whether nobody has called since the executor was last awake.
    fn fall_asleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    fn rise(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    fn drain(&self) {
        // It is non-blocking, and holds a count as long as it is readable.
        let _ = rustix::io::read(&self.eventfd, &mut [0u8; 8]);
    }
}

impl Wake for WakeUp {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(CALLED, Ordering::SeqCst) == ASLEEP {
            // It fails only when the count is at its end, and then the executor is called anyway.
            let _ = rustix::io::write(&self.eventfd, &1u64.to_ne_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    #[test]
    fn a_ready_socket_is_named_by_its_token_until_it_is_read() {
        let reactor = Reactor::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        reactor.add(&far, 7, Interest::Read).unwrap();
        near.write_all(b"x").unwrap();
        for _ in 0..2 {
            assert_eq!(reactor.block_on(reactor.ready(None)).unwrap().as_slice(), [7]);
        }
    }

    #[test]
    fn without_a_ready_socket_the_server_wakes_at_its_deadline() {
        let reactor = Reactor::new().unwrap();
        let deadline = Instant::now() + Duration::from_millis(20);
        assert!(reactor.block_on(reactor.ready(Some(deadline))).unwrap().is_empty());
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn a_timer_ends_not_before_its_time() {
        let reactor = Reactor::new().unwrap();
        let deadline = Instant::now() + Duration::from_millis(20);
        reactor.block_on(reactor.sleep_until(deadline)).unwrap();
        assert!(Instant::now() >= deadline && reactor.timers.borrow().is_empty());
    }

    #[test]
    fn a_call_from_another_thread_ends_the_sleep() {
        let reactor = Reactor::new().unwrap();
        let (sender, receiver) = smol::channel::bounded(1);
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            sender.send_blocking(5).unwrap();
        });
        assert_eq!(reactor.block_on(receiver.recv()).unwrap(), Ok(5));
        thread.join().unwrap();
    }

    #[test]
    fn what_is_watched_is_waited_for_once() {
        let reactor = Reactor::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        let late = async {
            reactor.sleep_until(Instant::now() + Duration::from_millis(20)).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        assert!(reactor.block_on(smol::future::or(reactor.readable(&far), late)).unwrap().is_err());
        near.write_all(b"x").unwrap();
        epoll::delete(&reactor.epoll, &far).unwrap();
        for _ in 0..2 {
            reactor.block_on(reactor.readable(&far)).unwrap().unwrap();
        }
    }

    #[test]
    fn a_timer_of_async_io_wakes_this_executor_too() {
        let reactor = Reactor::new().unwrap();
        reactor.block_on(async_io::Timer::after(Duration::from_millis(5))).unwrap();
    }
}
