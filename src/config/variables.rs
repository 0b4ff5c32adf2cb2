//! The one table of variables: reading them, `imalive check`, `--help` and the warning about unknown ones all go by it.
//! Those of OpenTelemetry are read otherwise, as its specification says, and have a table of their own: `otlp/table`.

use alloc::string::{String, ToString};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use crate::config::{Config, LogFormat, LogLevel, SYSTEMD, chat, file};
use crate::limits::CONNECTIONS;

pub(super) struct Variable {
    pub(super) name: &'static str,
    /// Read when the variable is not set. Empty: no value at all.
    pub(super) default: &'static str,
    /// How the help puts it, where that is not the default itself.
    pub(super) default_is: &'static str,
    pub(super) help: &'static str,
    /// What a value that is not accepted is said to be.
    pub(super) problem: &'static str,
    pub(super) expected: &'static str,
    /// Says whether the value is accepted.
    pub(super) set: fn(&mut Config, &str) -> bool,
    pub(super) show: fn(&Config) -> String,
}

pub(super) const NODE_NAME: &str = "IMALIVE_NODE_NAME";
pub(super) const WARNING: &str = "WARNING_THRESHOLD";
pub(super) const ERROR: &str = "ERROR_THRESHOLD";
pub(super) const LOG_FORMAT: &str = "LOG_FORMAT";
pub(super) const HEARTBEAT_JSON: &str = "HEART_BIT_LOG_JSON";

/// The prefix that is ours alone: a variable with it that is not in the table is a slip of the pen.
pub(super) const PREFIX: &str = "IMALIVE_";

/// In the order of the help: those of every build, then those of monitors and of chats.
pub(super) fn all() -> impl Iterator<Item = &'static Variable> {
    VARIABLES.iter().chain(file::VARIABLES).chain(chat::VARIABLES)
}

const VARIABLES: &[Variable] = &[
    Variable {
        name: "LISTEN_ADDR",
        default: "0.0.0.0",
        default_is: "",
        help: "address to listen on",
        problem: "is not an address",
        expected: "an IPv4 or IPv6 address, or localhost",
        set: |config, value| set(address(value), |ip| config.listen.set_ip(ip)),
        show: |config| config.listen.ip().to_string(),
    },
    Variable {
        name: "LISTEN_PORT",
        default: "8080",
        default_is: "",
        help: "port to listen on; 0: any that is free",
        problem: "is not a port",
        expected: "a number from 0 to 65535",
        set: |config, value| set(number(value, 0, 65_535), |port| config.listen.set_port(port as u16)),
        show: |config| config.listen.port().to_string(),
    },
    Variable {
        name: NODE_NAME,
        default: "",
        default_is: "the host's name",
        help: "name of the node",
        problem: "is not a name",
        expected: "at most 64 bytes without control characters",
        set: |config, value| set(node_name(value), |name| config.node_name = name),
        show: |config| config.node_name.as_str().into(),
    },
    Variable {
        name: "WAIT_TIME",
        default: "10",
        default_is: "",
        help: "seconds from one heartbeat to the next",
        problem: "is not a time",
        expected: "whole seconds from 1 to 86400",
        set: |config, value| {
            set(number(value, 1, 86_400), |secs| config.wait_time = Duration::from_secs(u64::from(secs)))
        },
        show: |config| config.wait_time.as_secs().to_string(),
    },
    Variable {
        name: "LOG_LEVEL",
        default: "INFO",
        default_is: "",
        help: "least level written; heartbeats are INFO",
        problem: "is not a level",
        expected: "debug, info, warning or error",
        set: |config, value| set(level(value), |level| config.log_level = level),
        show: |config| {
            let name = match config.log_level {
                LogLevel::Error => "ERROR",
                LogLevel::Warning => "WARNING",
                LogLevel::Info => "INFO",
                LogLevel::Debug => "DEBUG",
            };
            name.into()
        },
    },
    Variable {
        name: LOG_FORMAT,
        default: "text",
        default_is: "",
        help: if SYSTEMD { "text, json or journal" } else { "text, or json: one object a line" },
        problem: "is not a format",
        expected: if SYSTEMD { "text, json or journal" } else { "text or json" },
        set: |config, value| {
            let format = one_of(value, if SYSTEMD { &FORMATS } else { &FORMATS[..2] });
            set(format, |format| (config.log_format, config.heartbeat_format) = (format, format))
        },
        show: |config| {
            let name = FORMATS.iter().find(|(_, format)| *format == config.log_format);
            name.map_or("", |(name, _)| name).into()
        },
    },
    // After LOG_FORMAT, of which it changes the half.
    Variable {
        name: HEARTBEAT_JSON,
        default: "no",
        default_is: "",
        help: "yes: heartbeats as JSON in any LOG_FORMAT",
        problem: "is neither yes nor no",
        expected: "yes, no, true or false",
        set: |config, value| {
            let json = one_of(value, &[("yes", true), ("true", true), ("no", false), ("false", false)]);
            set(json, |json| {
                if json {
                    config.heartbeat_format = LogFormat::Json;
                }
            })
        },
        show: |config| if config.heartbeat_format == LogFormat::Json { "yes".into() } else { "no".into() },
    },
    Variable {
        name: WARNING,
        default: "80",
        default_is: "",
        help: "percent in use that is worth a warning",
        problem: "is not a percentage",
        expected: "a number from 0 to 100",
        set: |config, value| set(number(value, 0, 100), |percent| config.warning_percent = percent as u8),
        show: |config| config.warning_percent.to_string(),
    },
    Variable {
        name: ERROR,
        default: "90",
        default_is: "",
        help: "percent in use that is an error",
        problem: "is not a percentage",
        expected: "a number from 0 to 100",
        set: |config, value| set(number(value, 0, 100), |percent| config.error_percent = percent as u8),
        show: |config| config.error_percent.to_string(),
    },
    Variable {
        name: "MANIFEST_FILE_PATH",
        default: "",
        default_is: "built in",
        help: "JSON object that /manifest answers with",
        problem: "is not a path",
        expected: "a path without control characters",
        set: |config, value| set(path(value), |path| config.manifest_path = Some(path)),
        show: |config| config.manifest_path.clone().unwrap_or_default(),
    },
    Variable {
        name: "IMALIVE_PROC_PATH",
        default: "/proc",
        default_is: "",
        help: "where the node's /proc is mounted",
        problem: "is not an absolute path",
        expected: "a path that begins with /",
        set: |config, value| set(absolute(value), |path| config.proc_path = path),
        show: |config| config.proc_path.clone(),
    },
    Variable {
        name: "IMALIVE_DISK_PATH",
        default: "/",
        default_is: "",
        help: "a path on the disk that is reported",
        problem: "is not an absolute path",
        expected: "a path that begins with /",
        set: |config, value| set(absolute(value), |path| config.disk_path = path),
        show: |config| config.disk_path.clone(),
    },
    Variable {
        name: "MAX_CONNECTIONS",
        default: "128",
        default_is: "",
        help: "simultaneous connections",
        problem: "is not a number of connections",
        expected: "a number from 1 to 128",
        set: |config, value| {
            set(number(value, 1, CONNECTIONS as u32), |connections| config.max_connections = connections as usize)
        },
        show: |config| config.max_connections.to_string(),
    },
];

/// The last one where systemd is.
const FORMATS: [(&str, LogFormat); 3] =
    [("text", LogFormat::Text), ("json", LogFormat::Json), ("journal", LogFormat::Journal)];

const _: () = assert!(CONNECTIONS == 128, "the table's words say 128");

pub(super) fn set<T>(value: Option<T>, set: impl FnOnce(T)) -> bool {
    value.map(set).is_some()
}

pub(super) fn number(text: &str, least: u32, most: u32) -> Option<u32> {
    // `parse` takes a sign too.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| digits && (least..=most).contains(value))
}

pub(super) fn one_of<T: Copy>(text: &str, values: &[(&str, T)]) -> Option<T> {
    values.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

fn address(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    match text.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

/// The names that the original's logger knows.
fn level(text: &str) -> Option<LogLevel> {
    let names = [
        ("debug", LogLevel::Debug),
        ("notice", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("warning", LogLevel::Warning),
        ("warn", LogLevel::Warning),
        ("error", LogLevel::Error),
        ("fatal", LogLevel::Error),
        ("crit", LogLevel::Error),
    ];
    one_of(text, &names)
}

pub(super) fn node_name<const N: usize>(text: &str) -> Option<heapless::String<N>> {
    heapless::String::try_from(text).ok().filter(|name| !name.is_empty() && !name.contains(char::is_control))
}

pub(super) fn path(text: &str) -> Option<String> {
    (!text.contains(char::is_control)).then(|| text.into())
}

pub(super) fn absolute(text: &str) -> Option<String> {
    path(text).filter(|path| path.starts_with('/'))
}
