//! How far a request is: what is told of one that does not end in time, and of any how long each of its phases took.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::client::answer::Head;
use crate::client::explain::failure;
use crate::client::timeline::{Phases, Timeline};
use crate::snapshot::{Failure, FailureKind};

/// What a request is waiting for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing yet.
    #[default]
    Beginning,
    /// Other names, which are slow, are looked up before.
    Queued,
    /// The address of a name.
    Resolving,
    /// A connection.
    Connecting,
    /// The end of the TLS handshake.
    Handshake,
    /// The peer, which is to take the request.
    Sending,
    /// The head of the answer.
    Waiting,
    /// The rest of the answer.
    Reading,
}

impl Phase {
    /// As the end of a sentence: "timed out while …".
    pub fn describe(self) -> &'static str {
        match self {
            Phase::Beginning => "beginning",
            Phase::Queued => "waiting for slower names to be resolved before",
            Phase::Resolving => "resolving",
            Phase::Connecting => "connecting to",
            Phase::Handshake => "agreeing on TLS with",
            Phase::Sending => "sending the request to",
            Phase::Waiting => "waiting for the answer of",
            Phase::Reading => "reading the answer of",
        }
    }
}

/// What is known of a request while it is under way, and after it was given up.
#[derive(Debug, Default)]
pub struct Progress {
    phase: Cell<Phase>,
    certificate_expiry: Cell<Option<u64>>,
    head: Cell<Option<Head>>,
    /// Host and port.
    peer: RefCell<String>,
    timeline: RefCell<Timeline>,
}

impl Progress {
    /// What it waits for, or did when it was given up.
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// When the peer's certificate ends, in seconds since 1970; of one that was refused too.
    pub fn certificate_expiry(&self) -> Option<u64> {
        self.certificate_expiry.get()
    }

    /// The head of the last answer, where one has come: it counts, even where its body never does.
    pub fn head(&self) -> Option<Head> {
        self.head.get()
    }

    /// Host and port of the peer, after a redirect the last one's.
    pub fn peer(&self) -> String {
        self.peer.borrow().clone()
    }

    /// The phases that it has gone through, in their order, and from when to when. The last one ends with the request, or
    /// now while it is under way. Nothing before it waits for anything.
    pub fn phases(&self) -> Phases {
        self.timeline.borrow().phases(Instant::now())
    }

    /// Says that the request has ended, or was given up.
    pub fn end(&self) {
        self.timeline.borrow_mut().end(Instant::now());
    }

    /// What a request has failed for that was given up after so long.
    pub fn timed_out(&self, after: Duration) -> Failure {
        let (millis, phase, peer) = (after.as_millis().to_string(), self.phase().describe(), self.peer());
        failure(FailureKind::Timeout, &["timed out after ", &millis, " ms (while ", phase, " ", &peer, ")"])
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.timeline.borrow_mut().enter(phase, Instant::now());
    }

    /// Says that its name had to wait for others until it was looked up, at `begun`; `None`: it was not.
    pub(super) fn queued_until(&self, begun: Option<Instant>) {
        if begun.is_none() {
            self.phase.set(Phase::Queued);
        }
        self.timeline.borrow_mut().queued_until(begun, Instant::now());
    }

    pub(super) fn set_certificate_expiry(&self, unix_secs: Option<u64>) {
        self.certificate_expiry.set(unix_secs);
    }

    pub(super) fn set_head(&self, head: Head) {
        self.head.set(Some(head));
    }

    pub(super) fn set_peer(&self, host: &str, port: u16) {
        *self.peer.borrow_mut() = host_and_port(host, port);
    }
}

/// `host:port`, with brackets where the host is an IPv6 address.
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
