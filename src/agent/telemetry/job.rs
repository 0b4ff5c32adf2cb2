//! A thread that waits for the card, which may take seconds.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use crate::limits::WORKER_STACK_BYTES;
use crate::telemetry::spool::SyncJob;

/// One job on its thread, which ends with it.
pub(super) struct Job {
    slot: Arc<Mutex<Slot>>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Slot {
    result: Option<io::Result<()>>,
    waker: Option<Waker>,
}

impl Job {
    pub(super) fn start(job: SyncJob) -> io::Result<Self> {
        let slot = Arc::new(Mutex::new(Slot::default()));
        let put = Arc::clone(&slot);
        let work = move || {
            let result = job.run();
            let mut slot = put.lock().unwrap_or_else(PoisonError::into_inner);
            slot.result = Some(result);
            let waker = slot.waker.take();
            drop(slot);
            waker.into_iter().for_each(Waker::wake);
        };
        let thread = thread::Builder::new().name("imalive spool".into()).stack_size(WORKER_STACK_BYTES).spawn(work)?;
        Ok(Job { slot, thread })
    }

    /// How it went, once it is done.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// How it went. Waits for it.
    pub(super) fn wait(self) -> io::Result<()> {
        let lost = || Err(io::Error::other("the thread has ended"));
        if self.thread.join().is_err() {
            return lost();
        }
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).result.take().unwrap_or_else(lost)
    }
}
