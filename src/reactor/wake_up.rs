//! The executor's waker.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Wake;

use rustix::event::{EventfdFlags, eventfd};

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const CALLED: u8 = 2;

/// Only a call from another thread, while the executor sleeps, costs a system call.
pub(super) struct WakeUp {
    eventfd: OwnedFd,
    state: AtomicU8,
}

impl WakeUp {
    pub(super) fn new() -> io::Result<Self> {
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(WakeUp { eventfd, state: AtomicU8::new(AWAKE) })
    }

    /// Readable when somebody has called.
    pub(super) fn eventfd(&self) -> &OwnedFd {
        &self.eventfd
    }

    /// Whether nobody has called since the executor was last awake.
    pub(super) fn fall_asleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    pub(super) fn rise(&self) {
        self.state.store(AWAKE, Ordering::SeqCst);
    }

    pub(super) fn drain(&self) {
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
