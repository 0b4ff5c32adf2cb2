//! Signals: SIGTERM and SIGINT end the agent, SIGHUP has it reload.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

use crate::server::{Interest, Reactor};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To look at everything anew.
    Reload,
    /// To end.
    Stop,
}

/// Those that have come and not been seen yet.
pub struct Signals {
    stream: UnixStream,
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// From here on they are noted and no longer end the process.
    pub fn new() -> io::Result<Self> {
        let (stream, sender) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        let (stop, reload) = (Arc::default(), Arc::default());
        for (signal, noted) in [(SIGTERM, &stop), (SIGINT, &stop), (SIGHUP, &reload)] {
            // In this order: whoever wakes up finds it noted.
            flag::register(signal, Arc::clone(noted))?;
            pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Signals { stream, stop, reload })
    }

    /// Waits for the next one.
    pub async fn next(&mut self, reactor: &Reactor) -> io::Result<Signal> {
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return Ok(Signal::Stop);
            }
            if self.reload.swap(false, Ordering::SeqCst) {
                return Ok(Signal::Reload);
            }
            reactor.wait_for(self.stream.as_fd(), Interest::Read).await?;
            // More of them than this are not lost: the flags say which have come.
            let _ = self.stream.read(&mut [0; 16]);
        }
    }
}
