//! What `imalive.yml` asks for, as values: types settled, defaults filled in, secrets read.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// What is printed in place of a secret.
pub const MASK: &str = "***";

/// A value that is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value` from being printed by accident.
    pub fn new(value: String) -> Self {
        Secret(value)
    }

    /// The value, for whom it is meant.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitors {
    /// In the order of the file.
    pub monitors: Vec<Monitor>,
    /// What proves that this node is online.
    pub connectivity: Vec<Target>,
    /// When nobody is to be told.
    pub maintenance: Vec<Maintenance>,
    /// Who is told besides Slack and Discord.
    pub webhooks: Vec<Webhook>,
}

/// One monitored service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Its unique name.
    pub name: String,
    /// Its family; the name where none is given.
    pub family: String,
    /// What is checked, or why no check of it can pass.
    pub check: Check,
    /// `type` as it was given, for labels: `http`, `tcp`, or what is unknown.
    pub kind: String,
    /// Bound on a whole check, name resolution included.
    pub timeout: Duration,
    /// From one check to the next.
    pub interval: Duration,
    /// The same while it is failing softly.
    pub retry_interval: Duration,
    /// Failures in a row until it is down.
    pub failure_threshold: u32,
    /// Successes in a row until it is up again.
    pub success_threshold: u32,
    /// A check that takes longer fails.
    pub max_latency: Option<Duration>,
    /// Those whose failure explains this one's: places in [`Monitors::monitors`].
    pub depends_on: Vec<u16>,
    /// What this node must be able to reach for a failure to count.
    pub scope: Scope,
    /// While it is down, `/v1/health` says that the node should get no traffic.
    pub gate: bool,
    /// How long until people are told again that it is still down.
    pub reminder: Option<Duration>,
    /// Passed checks are logged at INFO, not at DEBUG.
    pub info: bool,
    /// Its keys as they stand in the file, without what is secret: what the log line shows.
    pub given: Vec<(String, Given)>,
}

/// What is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// One request.
    Http(Box<HttpCheck>),
    /// One connection to a host (a name, an IPv4 address or an IPv6 address without brackets) and port.
    Tcp(String, u16),
    /// What the original took at the start and failed at every round, with the words it has for that.
    Never(String),
}

/// One HTTP request and what its answer has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// GET, POST, PUT or HEAD.
    pub method: &'static str,
    /// The URL with its references resolved, so possibly secret.
    pub url: Secret,
    /// As it was given: what may be shown.
    pub shown_url: String,
    /// Sent with POST and PUT.
    pub body: Option<Secret>,
    /// Names and values; values with their references resolved.
    pub headers: Vec<(String, Secret)>,
    /// Basic authentication (RFC 7617): user and password.
    pub basic_auth: Option<(Secret, Secret)>,
    /// The codes that are fine.
    pub expected_code: super::codes::CodePattern,
    /// What the body has to contain.
    pub expected_contain: Option<String>,
    /// Redirects that are followed; 0: none is.
    pub follow_redirects: u8,
    /// TLS.
    pub tls: Tls,
    /// What is not shown even where the peer says it back: passwords, secret header fields, what references stand for.
    pub hidden: Vec<Secret>,
}

/// How a peer's certificate is judged, and how this node shows itself. One value for each different set, so that it is a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Any certificate does if not.
    pub check: bool,
    /// PEM file of the authorities trusted in place of the system's.
    pub ca_file: Option<String>,
    /// PEM files: the certificate that this node shows, and its key.
    pub client: Option<(String, String)>,
}

/// What this node must be able to reach for a failure to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The local network.
    Lan,
    /// The internet.
    Wan,
    /// Nothing: a failure always counts.
    None,
}

/// One target that proves this node online: a TCP connection is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// For monitors of this scope: [`Scope::Lan`] or [`Scope::Wan`].
    pub scope: Scope,
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A time in which nobody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// When.
    pub window: Window,
    /// Whose: places in [`Monitors::monitors`]; empty: everything.
    pub monitors: Vec<u16>,
}

/// Seconds since 1970 or of the week, UTC: the file's offset has been taken into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// From the one to the other, which is not part of it.
    Once {
        /// Seconds since 1970.
        from_unix_secs: u64,
        /// Seconds since 1970.
        to_unix_secs: u64,
    },
    /// Every week.
    Weekly {
        /// Seconds since Monday 00:00 UTC, below 604,800.
        from_week_secs: u32,
        /// Up to a week, so that it may run into the next.
        duration_secs: u32,
    },
}

/// Any URL that is told of changes by a POST of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where.
    pub url: Secret,
    /// Fields sent along.
    pub headers: Vec<(String, Secret)>,
    /// The body with `{{…}}` in it; a JSON object of our own where there is none.
    pub template: Option<Secret>,
    /// How the receiver's certificate is judged.
    pub tls: Tls,
}

/// A value as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// No value.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text, or a number that is no whole one, as it is written.
    Text(String),
    /// A list.
    List(Vec<Given>),
    /// A mapping.
    Map(Vec<(String, Given)>),
}
