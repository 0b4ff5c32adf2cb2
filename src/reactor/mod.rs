//! What the executor sleeps in: one epoll(7) for the sockets, with the time of the next timer as its time-out.
//!
//! `async_io::block_on` would do, at a price that was measured: its second thread takes turns at waiting, which costs a
//! dozen wake-ups a heartbeat where this has one, five system calls a turn where this has one, and 60 KB of queues and
//! stack. Futures of async-io may still be awaited here: its thread then calls our waker, [`WakeUp`].

mod wait;
mod wake_up;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::limits::EVENTS;
use crate::reactor::wait::{Place, WAIT};
use crate::reactor::wake_up::WakeUp;

pub use crate::reactor::wait::{Sleep, Wait};

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
    timers: RefCell<Vec<(Instant, u64, Waker)>>,
    next_timer: Cell<u64>,
    /// Where each [`Wait`] has its place.
    waits: RefCell<Vec<Place>>,
}

impl Reactor {
    /// Opens the epoll and the eventfd.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake_up = WakeUp::new()?;
        epoll::add(&epoll, wake_up.eventfd(), EventData::new_u64(WAKE_UP), EventFlags::IN)?;
        Ok(Reactor {
            epoll,
            wake_up: Arc::new(wake_up),
            ready: RefCell::default(),
            server: Cell::default(),
            server_deadline: Cell::default(),
            timers: RefCell::default(),
            next_timer: Cell::default(),
            waits: RefCell::default(),
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

    /// Waits until `socket`, which is none of the server's, is ready for `interest`.
    pub fn wait_for<'r>(&'r self, socket: BorrowedFd<'r>, interest: Interest) -> Wait<'r> {
        Wait { reactor: self, socket, interest, place: None }
    }

    /// Sleeps until `deadline`.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep<'_> {
        let number = self.next_timer.get();
        self.next_timer.set(number.wrapping_add(1));
        Sleep { reactor: self, deadline, number }
    }

    /// Makes room for so many tasks that wait at once, each for a socket and for a time. It would come anyway, but then
    /// among allocations that do not last, which musl's malloc keeps whole pages for the sake of.
    pub fn reserve(&self, tasks: usize) {
        self.timers.borrow_mut().reserve(2 * tasks);
        self.waits.borrow_mut().reserve(tasks);
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
            // After SIGCONT too (signal(7)): sockets that became ready meanwhile come before the timers that are due.
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut ready = self.ready.borrow_mut();
        for event in &events[..found] {
            match event.data.u64() {
                WAKE_UP => self.wake_up.drain(),
                token if token & WAIT != 0 && token >> 63 == 0 => self.end_wait((token & !WAIT) as usize),
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
        let next = timers.iter().map(|(deadline, ..)| *deadline).chain(self.server_deadline.get()).min()?;
        Timespec::try_from(next.saturating_duration_since(Instant::now())).ok()
    }

    fn end_wait(&self, place: usize) {
        if let Some(place) = self.waits.borrow_mut().get_mut(place)
            && let Place::Waiting(waker) = std::mem::replace(place, Place::Ready)
        {
            waker.wake();
        }
    }

    fn wake_due_timers(&self, now: Instant) {
        self.timers.borrow_mut().retain(|(deadline, _, waker)| {
            let due = *deadline <= now;
            if due {
                waker.wake_by_ref();
            }
            !due
        });
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
    fn a_dropped_timer_leaves_nothing_and_takes_no_other_along() {
        let reactor = Reactor::new().unwrap();
        let (soon, late) = (Duration::from_millis(20), Duration::from_secs(3600));
        let both = Instant::now() + soon;
        let sleeps = async {
            let mut kept = pin!(reactor.sleep_until(both));
            let mut dropped = Box::pin(reactor.sleep_until(both));
            let never = reactor.sleep_until(Instant::now() + late);
            std::future::poll_fn(|context| {
                assert!(dropped.as_mut().poll(context).is_pending() && kept.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            drop(dropped);
            smol::future::or(kept, never).await;
        };
        reactor.block_on(sleeps).unwrap();
        assert!(Instant::now() >= both);
        assert!(reactor.timers.borrow().is_empty());
    }

    /// The sockets that the epoll knows, its eventfd aside.
    fn known(reactor: &Reactor) -> usize {
        let path = format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&reactor.epoll));
        std::fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with("tfd:")).count() - 1
    }

    async fn too_late(reactor: &Reactor) -> io::Result<()> {
        reactor.sleep_until(Instant::now() + Duration::from_millis(20)).await;
        Err(io::ErrorKind::TimedOut.into())
    }

    #[test]
    fn what_is_no_longer_waited_for_is_forgotten() {
        let reactor = Reactor::new().unwrap();
        let (mut near, far) = UnixStream::pair().unwrap();
        for _ in 0..3 {
            let wait = reactor.wait_for(far.as_fd(), Interest::Read);
            assert!(reactor.block_on(smol::future::or(wait, too_late(&reactor))).unwrap().is_err());
            assert_eq!(known(&reactor), 0);
        }
        near.write_all(b"x").unwrap();
        for _ in 0..2 {
            reactor.block_on(reactor.wait_for(far.as_fd(), Interest::Read)).unwrap().unwrap();
        }
        assert_eq!((known(&reactor), reactor.waits.borrow().len()), (0, 1));
    }

    #[test]
    fn many_tasks_wait_each_for_its_own_socket() {
        let reactor = Reactor::new().unwrap();
        let pairs: Vec<_> = (0..100).map(|_| UnixStream::pair().unwrap()).collect();
        let executor = smol::LocalExecutor::new();
        let (ended, numbers) = smol::channel::unbounded();
        for (number, (_, far)) in pairs.iter().enumerate() {
            let (reactor, ended) = (&reactor, ended.clone());
            let wait = async move {
                reactor.wait_for(far.as_fd(), Interest::Read).await.unwrap();
                ended.send(number).await.unwrap();
            };
            executor.spawn(wait).detach();
        }
        let told = executor.run(async {
            for (number, (near, _)) in pairs.iter().enumerate().rev() {
                reactor.wait_for(near.as_fd(), Interest::Write).await.unwrap();
                { near }.write_all(b"x").unwrap();
                assert_eq!(numbers.recv().await, Ok(number));
            }
        });
        reactor.block_on(told).unwrap();
        assert_eq!(known(&reactor), 0);
    }

    #[test]
    fn a_timer_of_async_io_wakes_this_executor_too() {
        let reactor = Reactor::new().unwrap();
        reactor.block_on(async_io::Timer::after(Duration::from_millis(5))).unwrap();
    }
}
