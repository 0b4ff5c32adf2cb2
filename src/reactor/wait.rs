//! What a task waits for: a time, or a socket of its own.

use std::future::Future;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use rustix::event::epoll::{self, EventData, EventFlags};

use crate::reactor::{Interest, Reactor};

/// What the token of a socket that a [`Wait`] waits for begins with. The server's tokens are below it or at the very end.
pub(super) const WAIT: u64 = 1 << 62;

/// How far a [`Wait`] is.
pub(super) enum Place {
    Free,
    Waiting(Waker),
    Ready,
}

/// Ends when its time has come.
pub struct Sleep<'r> {
    pub(super) reactor: &'r Reactor,
    pub(super) deadline: Instant,
    pub(super) number: u64,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        let mut timers = self.reactor.timers.borrow_mut();
        let waker = context.waker();
        match timers.iter_mut().find(|timer| timer.1 == self.number) {
            Some(timer) => timer.2.clone_from(waker),
            None => timers.push((self.deadline, self.number, waker.clone())),
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.reactor.timers.borrow_mut().retain(|timer| timer.1 != self.number);
    }
}

/// Ends when a socket is ready; the reactor knows of it only as long as this is there.
pub struct Wait<'r> {
    pub(super) reactor: &'r Reactor,
    pub(super) socket: BorrowedFd<'r>,
    pub(super) interest: Interest,
    pub(super) place: Option<usize>,
}

impl Future for Wait<'_> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut places = self.reactor.waits.borrow_mut();
        let place = match self.place {
            Some(place) => place,
            None => {
                let free = places.iter().position(|place| matches!(place, Place::Free)).unwrap_or(places.len());
                let flags = self.interest.flags() | EventFlags::ONESHOT;
                epoll::add(&self.reactor.epoll, self.socket, EventData::new_u64(WAIT | free as u64), flags)?;
                if free == places.len() {
                    places.push(Place::Free);
                }
                free
            }
        };
        if matches!(places[place], Place::Ready) {
            return Poll::Ready(Ok(()));
        }
        places[place] = Place::Waiting(context.waker().clone());
        drop(places);
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.reactor.waits.borrow_mut()[place] = Place::Free;
            // It cannot fail: the socket is borrowed, so it is still open.
            let _ = epoll::delete(&self.reactor.epoll, self.socket);
        }
    }
}
