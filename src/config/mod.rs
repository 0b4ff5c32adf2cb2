//! What the operator asked for, as values. `variables` is the one table of what can be asked; `environment` reads it,
//! `help` prints it.

#[cfg(feature = "monitors")]
pub mod basic_auth;
#[cfg(feature = "monitors")]
pub mod chat;
#[cfg(not(feature = "monitors"))]
#[path = "no_chat.rs"]
pub mod chat;
#[cfg(feature = "monitors")]
mod chat_variables;
#[cfg(feature = "monitors")]
pub mod codes;
pub mod environment;
mod error;
#[cfg(feature = "monitors")]
pub mod file;
#[cfg(not(feature = "monitors"))]
#[path = "no_file.rs"]
pub mod file;
pub mod help;
#[cfg(feature = "monitors")]
pub mod monitors;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "no_otlp.rs"]
pub mod otlp;
#[cfg(feature = "monitors")]
pub mod template;
mod variables;
#[cfg(feature = "monitors")]
pub mod yaml;

pub use error::ConfigError;

use alloc::string::String;
use core::net::SocketAddr;
use core::time::Duration;

use crate::limits::NODE_NAME_BYTES;

/// Whether this build talks to systemd: notification, watchdog, socket activation, journal. Unit tests do in any build.
pub const SYSTEMD: bool = cfg!(any(test, feature = "systemd"));

/// Whether this build checks other services.
pub const MONITORS: bool = cfg!(feature = "monitors");

/// Whether this build sends telemetry over OTLP.
pub const OTLP: bool = cfg!(feature = "otlp");

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As log pipelines match it since 2021.
    Text,
    /// One JSON object a line.
    Json,
    /// Fields for the systemd journal, where [`SYSTEMD`] is built in.
    Journal,
}

/// The least severe message that is still written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warning,
    Info,
    Debug,
}

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen (`LISTEN_ADDR`, `LISTEN_PORT`).
    pub listen: SocketAddr,
    /// The node's name (`IMALIVE_NODE_NAME`).
    pub node_name: heapless::String<NODE_NAME_BYTES>,
    /// From one heartbeat to the next (`WAIT_TIME`).
    pub wait_time: Duration,
    /// `LOG_LEVEL`.
    pub log_level: LogLevel,
    /// How diagnostics look (`LOG_FORMAT`).
    pub log_format: LogFormat,
    /// How heartbeats look (`HEART_BIT_LOG_JSON`, or else `LOG_FORMAT`).
    pub heartbeat_format: LogFormat,
    /// Percent of a resource in use above which a warning is logged (`WARNING_THRESHOLD`).
    pub warning_percent: u8,
    /// Percent of a resource in use above which an error is logged (`ERROR_THRESHOLD`).
    pub error_percent: u8,
    /// The file that `/manifest` answers with (`MANIFEST_FILE_PATH`).
    pub manifest_path: Option<String>,
    /// The file of the monitors (`IMALIVE_CONFIG`), where [`MONITORS`] are built in.
    pub config_path: Option<String>,
    /// Where the node's /proc is mounted (`IMALIVE_PROC_PATH`).
    pub proc_path: String,
    /// A path on the file system whose space is reported (`IMALIVE_DISK_PATH`).
    pub disk_path: String,
    /// Simultaneous connections (`MAX_CONNECTIONS`), at most [`crate::limits::CONNECTIONS`].
    pub max_connections: usize,
    /// Slack and Discord, where [`MONITORS`] are built in.
    pub chat: chat::Chat,
}
