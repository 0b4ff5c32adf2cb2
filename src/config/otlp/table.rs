//! The table of OTLP's variables: `imalive check`, `--help` and the warning about unknown ones go by it. They are read in the
//! files beside this one, which a test holds against it.

use alloc::string::String;
use alloc::vec::Vec;

/// A variable, or all forms of one.
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// The value that means the same as none. Empty: there is no such value.
    pub(super) default: &'static str,
    /// How the help puts it, where that is not the default itself.
    default_is: &'static str,
    help: &'static str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// A password may be in it, and a token in its path.
    Endpoint,
    /// May stand in a file too, which `NAME_FILE` names.
    Secret,
}

/// In front of what each signal may have of its own (OpenTelemetry Protocol Exporter, "Configuration Options").
const FORMS: &str = "OTEL_EXPORTER_OTLP_";

const SIGNALS: [&str; 3] = ["METRICS_", "LOGS_", "TRACES_"];

/// In the order of the help.
pub(super) const ENTRIES: &[Entry] = &[
    endpoint("OTEL_EXPORTER_OTLP_ENDPOINT", "http(s) URL; with grpc host:port"),
    optional("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "http/protobuf or grpc"),
    text("OTEL_EXPORTER_OTLP_INSECURE", "false", "true: host:port without TLS"),
    secret("OTEL_EXPORTER_OTLP_HEADERS", "name=value,name=value"),
    text("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "ms for an export; 0: any"),
    text("OTEL_EXPORTER_OTLP_COMPRESSION", "none", "gzip or none"),
    optional("OTEL_EXPORTER_OTLP_CERTIFICATE", "the system's", "authorities, PEM"),
    optional("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "none", "this node's, PEM"),
    optional("OTEL_EXPORTER_OTLP_CLIENT_KEY", "none", "its key, PEM"),
    text("OTEL_METRICS_EXPORTER", "otlp", "none: metrics are not sent"),
    text("OTEL_LOGS_EXPORTER", "otlp", "none: logs are not sent"),
    text("OTEL_TRACES_EXPORTER", "otlp", "none: traces are not sent"),
    text("OTEL_METRIC_EXPORT_INTERVAL", "60000", "ms between metrics"),
    optional("OTEL_SERVICE_NAME", "imalive-NODE", "name of the service"),
    optional("OTEL_RESOURCE_ATTRIBUTES", "none", "key=value,key=value"),
    text("OTEL_BUFFER_BYTES", "262144", "bytes kept of an outage"),
    optional("OTEL_SPOOL_DIR", "none", "folder for longer ones"),
    text("OTEL_SDK_DISABLED", "false", "true: nothing is sent"),
    endpoint("OTEL_COLLECTOR_ENDPOINT", "host:port, gRPC, all signals"),
    text("OTEL_COLLECTOR_TLS_CHECK", "no", "yes: over TLS"),
    secret("OTEL_COLLECTOR_USERNAME", "user, for that endpoint"),
    secret("OTEL_COLLECTOR_PASSWORD", "its password"),
    secret("OTEL_COLLECTOR_AUTH_HEADER", "in place of both"),
];

const fn text(name: &'static str, default: &'static str, help: &'static str) -> Entry {
    Entry { name, default, default_is: default, help, kind: Kind::Text }
}

/// Of which no value means the same as none; of the protocol, because that of the original's endpoint is another.
const fn optional(name: &'static str, default_is: &'static str, help: &'static str) -> Entry {
    Entry { name, default: "", default_is, help, kind: Kind::Text }
}

const fn endpoint(name: &'static str, help: &'static str) -> Entry {
    Entry { name, default: "", default_is: "none", help, kind: Kind::Endpoint }
}

const fn secret(name: &'static str, help: &'static str) -> Entry {
    Entry { name, default: "", default_is: "none", help, kind: Kind::Secret }
}

impl Entry {
    /// The general form, then those of each signal, then those that name a file.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::from([String::from(self.name)]);
        if let Some(what) = self.name.strip_prefix(FORMS) {
            names.extend(SIGNALS.iter().map(|signal| [FORMS, signal, what].concat()));
        }
        if self.kind == Kind::Secret {
            for at in 0..names.len() {
                names.push([&names[at], "_FILE"].concat());
            }
        }
        names
    }
}

/// Whether `name` looks like one of the exporter's but is none that is known here. Not `OTEL_COLLECTOR_`: beside a service
/// called otel-collector, Kubernetes puts such variables into every container.
pub(in crate::config) fn is_unknown(name: &str) -> bool {
    name.starts_with(FORMS) && ENTRIES.iter().all(|entry| entry.names().iter().all(|known| known != name))
}

const TITLE: &str = "
OpenTelemetry, where an endpoint is set:
";

const OTHER_FORMS: &str = "
For one signal: OTEL_EXPORTER_OTLP_METRICS_..., _LOGS_... and _TRACES_...
From a file, which NAME_FILE names: ..._HEADERS, and the last three.
";

/// Column of a description: the longest name and two spaces.
const COLUMN: usize = 41;

/// Its part of `--help`.
pub(in crate::config) fn push_help(text: &mut String) {
    text.push_str(TITLE);
    for entry in ENTRIES {
        text.push_str("  ");
        text.push_str(entry.name);
        for _ in 2 + entry.name.len()..COLUMN {
            text.push(' ');
        }
        for part in [entry.help, " [", entry.default_is, "]\n"] {
            text.push_str(part);
        }
    }
    text.push_str(OTHER_FORMS);
}
