//! The environment as a configuration. A value that is not understood stops the start: a node that listens on another
//! port than its operator believes is worse than one that says why it does not start.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use crate::config::variables::{self, Variable};
use crate::config::{Config, ConfigError, LogFormat, LogLevel, chat, otlp};

/// The name of a node whose host has none.
const NAMELESS: &str = "anode";

/// The configuration from the values that `lookup` finds, on a host called `host_name`.
///
/// A value that is empty but for white space counts as unset. `lookup` gives bytes that are not UTF-8 as U+FFFD, which
/// stands in no sensible value and is refused.
pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>, host_name: &str) -> Result<Config, ConfigError> {
    let mut config = Config {
        listen: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        node_name: default_name(host_name),
        wait_time: Duration::ZERO,
        log_level: LogLevel::Info,
        log_format: LogFormat::Text,
        heartbeat_format: LogFormat::Text,
        warning_percent: 0,
        error_percent: 0,
        manifest_path: None,
        config_path: None,
        proc_path: String::new(),
        disk_path: String::new(),
        max_connections: 0,
        chat: chat::Chat::default(),
    };
    let (mut warning_set, mut error_set) = (false, false);
    for variable in variables::all() {
        let found = lookup(variable.name);
        let asked = found.as_deref().map(str::trim).filter(|value| !value.is_empty());
        warning_set |= variable.name == variables::WARNING && asked.is_some();
        error_set |= variable.name == variables::ERROR && asked.is_some();
        match asked {
            Some(value) => set(&mut config, variable, value)?,
            None if variable.default.is_empty() => {}
            None => set(&mut config, variable, variable.default)?,
        }
    }
    if config.warning_percent > config.error_percent {
        // Of two thresholds the one that nobody asked for gives way.
        match (warning_set, error_set) {
            (true, true) => {
                return Err(ConfigError {
                    variable: variables::WARNING,
                    value: config.warning_percent.to_string(),
                    problem: "is above ERROR_THRESHOLD",
                    expected: Cow::Owned(String::from("at most ") + &config.error_percent.to_string()),
                });
            }
            (true, false) => config.error_percent = config.warning_percent,
            _ => config.warning_percent = config.error_percent,
        }
    }
    Ok(config)
}

fn set(config: &mut Config, variable: &'static Variable, value: &str) -> Result<(), ConfigError> {
    let problem = if value.contains(char::REPLACEMENT_CHARACTER) {
        "is not UTF-8 text"
    } else if !(variable.set)(config, value) {
        variable.problem
    } else {
        return Ok(());
    };
    let expected = Cow::Borrowed(variable.expected);
    let value = if chat::is_secret(variable.name) { "***" } else { value };
    Err(ConfigError { variable: variable.name, value: value.into(), problem, expected })
}

fn default_name<const N: usize>(host_name: &str) -> heapless::String<N> {
    let host_name = host_name.trim();
    // What the kernel and distributions call a host that nobody has named.
    let says_nothing = ["(none)", "localhost", "localhost.localdomain"].contains(&host_name);
    let name = if says_nothing { None } else { variables::node_name(host_name) };
    name.unwrap_or_else(|| variables::node_name(NAMELESS).unwrap_or_default())
}

/// Whether `name` looks like a variable of imalive but is none; nor one that Kubernetes puts into every container beside
/// a service called imalive.
pub fn is_unknown(name: &str) -> bool {
    let of_kubernetes = ["IMALIVE_SERVICE_", "IMALIVE_PORT"].iter().any(|prefix| name.starts_with(prefix));
    let of_ours = name.starts_with(variables::PREFIX) && !of_kubernetes;
    of_ours && variables::all().all(|variable| variable.name != name) || otlp::is_unknown(name)
}

/// The effective configuration, one variable a line, as `EnvironmentFile=` reads it.
pub fn effective(config: &Config) -> String {
    let mut text = String::new();
    for variable in variables::all() {
        text.push_str(variable.name);
        text.push('=');
        text.push_str(&(variable.show)(config));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MONITORS;

    fn config(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let lookup = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        from_environment(&lookup, "pi")
    }

    fn refused(name: &str, value: &str) -> String {
        match config(&[(name, value)]) {
            Err(error) => error.to_string(),
            Ok(_) => alloc::format!("{name}={value:?} was accepted"),
        }
    }

    #[test]
    fn nothing_is_required() {
        let config = config(&[]).unwrap();
        let expected = "LISTEN_ADDR=0.0.0.0\nLISTEN_PORT=8080\nIMALIVE_NODE_NAME=pi\nWAIT_TIME=10\nLOG_LEVEL=INFO\n\
            LOG_FORMAT=text\nHEART_BIT_LOG_JSON=no\nWARNING_THRESHOLD=80\nERROR_THRESHOLD=90\nMANIFEST_FILE_PATH=\n\
            IMALIVE_PROC_PATH=/proc\nIMALIVE_DISK_PATH=/\nMAX_CONNECTIONS=128\n";
        let printed = effective(&config);
        assert!(printed.starts_with(expected), "{printed}");
        assert!(MONITORS || printed == expected, "{printed}");
    }

    #[test]
    fn what_check_prints_gives_the_same_configuration() {
        let values = [
            ("LISTEN_ADDR", "[::1]"),
            ("LISTEN_PORT", "0"),
            ("IMALIVE_NODE_NAME", " küche 1 "),
            ("WAIT_TIME", "86400"),
            ("LOG_LEVEL", "Notice"),
            ("HEART_BIT_LOG_JSON", "YES"),
            ("WARNING_THRESHOLD", "0"),
            ("ERROR_THRESHOLD", "100"),
            ("MANIFEST_FILE_PATH", "manifest.json"),
            ("IMALIVE_PROC_PATH", "/host/proc"),
            ("IMALIVE_DISK_PATH", "/host"),
            ("MAX_CONNECTIONS", "1"),
        ];
        let first = config(&values).unwrap();
        assert_eq!(first.listen, "[::1]:0".parse().unwrap());
        assert_eq!(first.node_name, "küche 1");
        assert_eq!((first.log_level, first.log_format), (LogLevel::Debug, LogFormat::Text));
        assert_eq!(first.heartbeat_format, LogFormat::Json);
        assert_eq!(first.manifest_path.as_deref(), Some("manifest.json"));
        let printed = effective(&first);
        let again: alloc::vec::Vec<_> = printed.lines().filter_map(|line| line.split_once('=')).collect();
        assert_eq!(config(&again), Ok(first));
    }

    #[test]
    fn an_empty_value_is_no_value() {
        for variable in variables::all() {
            assert_eq!(config(&[(variable.name, "")]), config(&[]));
            assert_eq!(config(&[(variable.name, " \t\n")]), config(&[]));
        }
    }

    #[test]
    fn a_bad_value_is_named_with_what_was_expected() {
        assert_eq!(
            refused("LISTEN_PORT", "abc"),
            "LISTEN_PORT: \"abc\" is not a port: expected a number from 0 to 65535"
        );
        assert_eq!(
            refused("LISTEN_PORT", "a\nb\x1b"),
            "LISTEN_PORT: \"a?b?\" is not a port: expected a number from 0 to 65535"
        );
        let long = "x".repeat(100);
        assert_eq!(
            refused("LISTEN_ADDR", &long),
            alloc::format!(
                "LISTEN_ADDR: \"{}...\" is not an address: expected an IPv4 or IPv6 address, or localhost",
                &long[..64]
            )
        );
        let not_utf8 = "LOG_LEVEL: \"inf\u{fffd}\" is not UTF-8 text: expected debug, info, warning or error";
        assert_eq!(refused("LOG_LEVEL", "inf\u{fffd}"), not_utf8);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let long_name = "n".repeat(65);
        let cases = [
            ("LISTEN_ADDR", &["[::1", "::1]", "[127.0.0.1]", "127.0.0.1:80", "example.org", "256.1.1.1"][..]),
            ("LISTEN_PORT", &["65536", "-1", "+80", "80 80", "0x50", "99999999999999999999"]),
            ("IMALIVE_NODE_NAME", &[&long_name, "a\u{1}b", "a\nb"]),
            ("WAIT_TIME", &["0", "86401", "1.5", "10s"]),
            ("LOG_LEVEL", &["loud", "0"]),
            ("LOG_FORMAT", &["xml"]),
            ("HEART_BIT_LOG_JSON", &["maybe", "1"]),
            ("WARNING_THRESHOLD", &["101", "-5", "80%"]),
            ("ERROR_THRESHOLD", &["256", "90.0"]),
            ("IMALIVE_PROC_PATH", &["proc", "/pr\0c"]),
            ("IMALIVE_DISK_PATH", &["."]),
            ("MAX_CONNECTIONS", &["0", "129"]),
        ];
        for (name, values) in cases {
            for value in values {
                let message = refused(name, value);
                assert!(message.starts_with(name) && message.contains(": expected "), "{message}");
            }
        }
    }

    #[test]
    fn addresses_come_in_every_form() {
        for (text, address) in [
            ("localhost", "127.0.0.1:8080"),
            ("192.168.1.7", "192.168.1.7:8080"),
            ("::", "[::]:8080"),
            ("[fe80::1]", "[fe80::1]:8080"),
            (" 0.0.0.0 ", "0.0.0.0:8080"),
        ] {
            assert_eq!(config(&[("LISTEN_ADDR", text)]).unwrap().listen, address.parse().unwrap());
        }
    }

    #[test]
    fn levels_have_the_names_of_the_original() {
        for (text, level) in [
            ("DEBUG", LogLevel::Debug),
            ("notice", LogLevel::Debug),
            ("info", LogLevel::Info),
            ("WARN", LogLevel::Warning),
            ("Warning", LogLevel::Warning),
            ("fatal", LogLevel::Error),
            ("crit", LogLevel::Error),
        ] {
            assert_eq!(config(&[("LOG_LEVEL", text)]).unwrap().log_level, level);
        }
    }

    #[test]
    fn heartbeats_are_json_by_either_variable() {
        let formats = |values: &[(&str, &str)]| {
            let config = config(values).unwrap();
            (config.log_format, config.heartbeat_format)
        };
        use LogFormat::{Json, Text};
        assert_eq!(formats(&[("LOG_FORMAT", "JSON")]), (Json, Json));
        assert_eq!(formats(&[("HEART_BIT_LOG_JSON", "true")]), (Text, Json));
        assert_eq!(formats(&[("LOG_FORMAT", "json"), ("HEART_BIT_LOG_JSON", "no")]), (Json, Json));
        assert_eq!(formats(&[("HEART_BIT_LOG_JSON", "false")]), (Text, Text));
    }

    #[test]
    fn a_threshold_that_nobody_set_gives_way() {
        let thresholds = |values: &[(&str, &str)]| config(values).map(|c| (c.warning_percent, c.error_percent));
        assert_eq!(thresholds(&[("ERROR_THRESHOLD", "70")]), Ok((70, 70)));
        assert_eq!(thresholds(&[("WARNING_THRESHOLD", "95")]), Ok((95, 95)));
        assert_eq!(thresholds(&[("WARNING_THRESHOLD", "90"), ("ERROR_THRESHOLD", "90")]), Ok((90, 90)));
        let error = thresholds(&[("WARNING_THRESHOLD", "91"), ("ERROR_THRESHOLD", "90")]).unwrap_err();
        assert_eq!(error.to_string(), "WARNING_THRESHOLD: \"91\" is above ERROR_THRESHOLD: expected at most 90");
    }

    #[test]
    fn a_host_without_a_name_is_anode() {
        for name in ["", " ", "(none)", "localhost", "a\u{7}b", &"n".repeat(65)] {
            assert_eq!(from_environment(&|_| None, name).unwrap().node_name, "anode", "{name:?}");
        }
        assert_eq!(from_environment(&|_| None, "raspberrypi\n").unwrap().node_name, "raspberrypi");
    }

    #[test]
    fn only_our_own_prefix_is_watched_for_slips() {
        assert!(is_unknown("IMALIVE_NODENAME"));
        assert!(!is_unknown("IMALIVE_NODE_NAME"));
        assert!(!is_unknown("LISTEN_PROT"));
    }
}
