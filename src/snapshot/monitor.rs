//! What is true of the monitored services: what a check has found, which state follows from it, and what of that is to be
//! told.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Monotonic time: milliseconds since the agent started. The wall clock is only for printing: a Pi's jumps by years.
pub type Millis = u64;

/// A monitor's place in the configuration, and so in every list here.
pub type MonitorId = u16;

/// What kind of thing a check has found wrong. Monitors that fall with one cause are told in one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It is configured in a way that no check can pass: an unknown type, a TCP address without a port.
    Configuration,
    /// The name did not resolve.
    Resolve,
    /// No connection: refused, unreachable, reset.
    Connect,
    /// Not done within the time-out.
    Timeout,
    /// TLS: an untrusted certificate, the wrong name, no common version.
    Tls,
    /// The certificate is not valid yet, which is what a clock that has not been set makes of a good one.
    TlsNotYetValid,
    /// The peer does not speak the protocol.
    Protocol,
    /// Another status code than expected.
    Status,
    /// The body is not as expected.
    Body,
    /// It works, but took longer than `max_latency`.
    Latency,
    /// This node lacks what a check takes: descriptors, threads, memory. That says nothing of the peer.
    Node,
}

impl FailureKind {
    /// In a word, for labels and JSON.
    pub fn label(self) -> &'static str {
        match self {
            FailureKind::Configuration => "configuration",
            FailureKind::Resolve => "resolve",
            FailureKind::Connect => "connect",
            FailureKind::Timeout => "timeout",
            FailureKind::Tls => "tls",
            FailureKind::TlsNotYetValid => "tls_not_yet_valid",
            FailureKind::Protocol => "protocol",
            FailureKind::Status => "status",
            FailureKind::Body => "body",
            FailureKind::Latency => "latency",
            FailureKind::Node => "node",
        }
    }
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of thing was wrong.
    pub kind: FailureKind,
    /// What the log says of it, in the original's words where it has some. Holds no secret.
    pub message: String,
    /// What lies behind a message that says little (`Unexpected error`): the `error` of the log line.
    pub error: Option<String>,
}

impl Failure {
    /// The message, or what lies behind it where it says little.
    pub fn cause(&self) -> &str {
        self.error.as_deref().unwrap_or(&self.message)
    }
}

/// What one check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// From the start of the check to its end; absent where nothing came of it, as in the original.
    pub duration_micros: Option<u64>,
    /// Why it failed; `None`: it passed.
    pub failure: Option<Failure>,
    /// The status code of the answer.
    pub http_status: Option<u16>,
    /// When the peer's certificate ends, in seconds since 1970.
    pub certificate_expiry_unix_secs: Option<u64>,
}

/// Why nothing is known of a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It has not been checked yet.
    NotChecked,
    /// This node itself is offline in the monitor's scope.
    Offline,
    /// It depends on this monitor, which is down or unknown itself.
    Dependency(MonitorId),
    /// Its certificate cannot be judged before this node's clock has been set.
    ClockNotSet,
    /// This node lacks what a check takes.
    NoResources,
}

/// The hard state of a monitor, and the soft one between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing can be said of it.
    Unknown(Unknown),
    /// It works.
    Up,
    /// Checks have failed, but not yet as often as it takes.
    Failing,
    /// It does not work.
    Down,
}

impl State {
    /// Every state's label, in the order of a series of `imalive_monitor_state`.
    pub const LABELS: [&'static str; 4] = ["unknown", "up", "failing", "down"];

    /// In a word.
    pub fn label(self) -> &'static str {
        match self {
            State::Unknown(_) => "unknown",
            State::Up => "up",
            State::Failing => "failing",
            State::Down => "down",
        }
    }
}

/// A monitor as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorStatus {
    /// Its state.
    pub state: State,
    /// Since when it is in this state.
    pub since: Millis,
    /// What brought it there, for people: the failure, or why nothing is known.
    pub cause: Cow<'static, str>,
    /// When the last check began, and what it found.
    pub last: Option<(Millis, Outcome)>,
    /// Checks that have failed in a row until now.
    pub consecutive_failures: u32,
    /// Checks that have passed in a row until now.
    pub consecutive_successes: u32,
    /// Since when it does not work, from the first failure on: of an outage that has not been seen to end.
    pub outage_since: Option<Millis>,
    /// Checks done.
    pub checks_total: u64,
    /// Of them, those that failed.
    pub failures_total: u64,
    /// When a check last passed.
    pub last_success: Option<Millis>,
    /// When the peer's certificate ends, as last seen; in seconds since 1970.
    pub certificate_expiry_unix_secs: Option<u64>,
    /// A maintenance window is open for it.
    pub maintenance: bool,
}

/// One change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub monitor: MonitorId,
    /// From this state.
    pub from: State,
    /// To this one.
    pub to: State,
    /// When.
    pub at: Millis,
    /// How long the state before lasted; for a recovery, how long the whole outage did.
    pub lasted: Millis,
    /// Why, for people.
    pub cause: Cow<'static, str>,
    /// It happened in a maintenance window, so nobody is told but the log.
    pub maintenance: bool,
}

/// What a message to people is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// These monitors are down.
    Down,
    /// They are still down.
    Reminder,
    /// They work again.
    Recovered,
    /// They go up and down: told once, and then no more until they have been stable for a while.
    Flapping,
    /// This node was offline and is back; these monitors were unknown meanwhile.
    BackOnline,
}

/// One message to people: monitors that share a kind of news and a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// When.
    pub at: Millis,
    /// Of each monitor.
    pub items: Vec<NoticeItem>,
}

/// What a message says of one monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeItem {
    /// Which.
    pub monitor: MonitorId,
    /// How long the outage has lasted, or did.
    pub lasted: Millis,
    /// Why, for people.
    pub cause: String,
}
