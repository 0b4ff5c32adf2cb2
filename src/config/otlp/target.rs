//! Where a signal goes.

use alloc::string::String;
use core::fmt;

use crate::config::ConfigError;
use crate::config::file::urls::{host_and_port, http_url, masked};
use crate::config::monitors::Secret;
use crate::config::otlp::Protocol;
use crate::config::otlp::reader::{Reader, Words, error};

/// Where a signal goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Over TLS.
    pub https: bool,
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The path, and the query where an operator gave one; with gRPC the method.
    pub path: String,
}

/// Without the path: some vendors have a token in it.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.https { "https://" } else { "http://" })?;
        for part in [&self.host, ":", itoa::Buffer::new().format(self.port), "/..."] {
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// An endpoint as it is given.
pub(super) struct Endpoint<'a> {
    pub(super) variable: &'static str,
    pub(super) text: &'a str,
    /// For one signal only: used as it is, and nothing is appended to its path.
    pub(super) own: bool,
    /// TLS where no scheme says otherwise.
    pub(super) tls: bool,
}

/// For metrics, logs and traces (OpenTelemetry Protocol Exporter, "Endpoint URLs for OTLP/HTTP").
const PATHS: [&str; 3] = ["v1/metrics", "v1/logs", "v1/traces"];

/// The methods of gRPC (opentelemetry-proto, `collector/*/v1/*_service.proto`).
const METHODS: [&str; 3] = [
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
];

const GRPC: Words = ("is not the address of a collector", "host:port, http://host:port or https://host:port");
const HTTP: Words = (
    "is not the URL of a collector",
    "http://host:port or https://host:port, or host:port with OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
);

/// The endpoint as the target of `signal`; with it, user and password that stand in front of the host.
///
/// A URL without a port means port 80 or 443, with gRPC too. Only gRPC goes without a scheme, and then needs the port.
pub(super) fn target(
    reader: &mut Reader<'_>,
    endpoint: &Endpoint<'_>,
    protocol: Protocol,
    signal: usize,
) -> Result<(Target, Option<(Secret, Secret)>), ConfigError> {
    let Endpoint { variable, text, own, tls } = *endpoint;
    let grpc = protocol == Protocol::Grpc;
    let refused = || error(variable, &shown(text), if grpc { GRPC } else { HTTP });
    if grpc && !text.contains("://") {
        let (host, port) = host_and_port(text).ok_or_else(refused)?;
        return Ok((Target { https: tls, host, port, path: METHODS[signal].into() }, None));
    }
    let is_text = !text.contains(char::REPLACEMENT_CHARACTER);
    let url = http_url(text).filter(|_| is_text).ok_or_else(refused)?;
    let https = url.url.starts_with("https:");
    let after_scheme = url.url.split_once("://").map_or("", |(_, rest)| rest);
    let mut path = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
    let path = if grpc {
        if path != "/" {
            reader.warn(&[variable, ": the path is not used: gRPC has its own"]);
        }
        METHODS[signal].into()
    } else if own {
        path.into()
    } else {
        path = path.split('?').next().unwrap_or(path);
        [path, if path.ends_with('/') { "" } else { "/" }, PATHS[signal]].concat()
    };
    Ok((Target { https, host: url.host, port: url.port, path }, url.user))
}

/// What may be wrong with an endpoint: neither its password nor its path, which may be a secret, is.
pub(super) fn shown(text: &str) -> String {
    let masked = masked(text);
    let start = masked.find("://").map_or(0, |at| at + 3);
    match masked[start..].find(['/', '?', '#']) {
        Some(at) => [&masked[..start + at], "/..."].concat(),
        None => masked,
    }
}
