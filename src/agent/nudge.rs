//! A task's tap on another's shoulder, on one thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

/// Wakes the one task that waits for it; a call while nobody waits is kept.
#[derive(Default)]
pub(super) struct Nudge {
    called: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

impl Nudge {
    pub(super) fn call(&self) {
        self.called.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    pub(super) async fn called(&self) {
        poll_fn(|context| {
            if self.called.take() {
                return Poll::Ready(());
            }
            self.waiting.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}
