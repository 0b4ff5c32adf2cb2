//! OTLP, as the environment asks for it: by the variables of OpenTelemetry's specification (OpenTelemetry Protocol
//! Exporter; Environment Variable Specification) and by the original's `OTEL_COLLECTOR_*`.
//!
//! Nothing is sent unless an endpoint is set: most nodes have no collector, so the specification's default of one on the
//! same host would be a connection refused every minute.
//!
//! Numbers, words and truth values that are not understood, and a bad `OTEL_RESOURCE_ATTRIBUTES`, are ignored with a warning
//! because the specification says so. About endpoints, header fields, files and `http/json` it does not; and variables such
//! as `OTEL_BUFFER_BYTES` are not in it. A mistake in these stops the start.
//!
//! The original's endpoint takes the place of `OTEL_EXPORTER_OTLP_ENDPOINT` for the signals that have no standard one; the
//! other standard variables count for it too, as they did in the original. Its credentials are sent to no other endpoint.

mod collector;
mod effective;
mod names;
mod pairs;
mod reader;
mod signal;
mod table;
mod target;
#[cfg(test)]
mod tests;

pub use effective::effective;
pub use signal::is_reserved;
pub(super) use table::{is_unknown, push_help};
pub use target::Target;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::ConfigError;
use crate::config::monitors::{Secret, Tls};
use crate::config::otlp::collector::{Collector, warn_of_credentials};
use crate::config::otlp::pairs::{pairs, put};
use crate::config::otlp::reader::{Reader, error};
use crate::config::variables::{absolute, number};
use crate::limits::{
    OTLP_BUFFER_BYTES, OTLP_BUFFER_BYTES_MAX, OTLP_BUFFER_BYTES_MIN, OTLP_INTERVAL, OTLP_INTERVAL_MAX,
    OTLP_INTERVAL_MIN, OTLP_RESOURCE_BYTES, OTLP_SERVICE_NAME_BYTES,
};

/// What is sent to which collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// How metrics are sent; `None`: they are not.
    pub metrics: Option<Signal>,
    /// How logs are sent.
    pub logs: Option<Signal>,
    /// How traces are sent.
    pub traces: Option<Signal>,
    /// Resource attributes, each key once: `service.name` first, then those of `OTEL_RESOURCE_ATTRIBUTES`.
    pub resource: Vec<(String, String)>,
    /// From one export of metrics to the next (`OTEL_METRIC_EXPORT_INTERVAL`).
    pub export_interval: Duration,
    /// What is kept in memory while the collector is away (`OTEL_BUFFER_BYTES`).
    pub buffer_bytes: usize,
    /// Where it is kept on disk (`OTEL_SPOOL_DIR`).
    pub spool_dir: Option<String>,
    /// What the operator may mean otherwise, one line each. No secret is in them.
    pub warnings: Vec<String>,
}

/// How one signal is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub protocol: Protocol,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub target: Target,
    /// `OTEL_EXPORTER_OTLP_HEADERS`, and authorization: names in lower case, each once.
    pub headers: Vec<(String, Secret)>,
    /// Of one export (`OTEL_EXPORTER_OTLP_TIMEOUT`).
    pub timeout: Duration,
    /// `OTEL_EXPORTER_OTLP_CERTIFICATE`, `_CLIENT_CERTIFICATE` and `_CLIENT_KEY`, where the target is reached over TLS.
    pub tls: Tls,
    /// `OTEL_EXPORTER_OTLP_COMPRESSION` is gzip.
    pub gzip: bool,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf over gRPC.
    Grpc,
    /// Protobuf as the body of a POST.
    HttpProtobuf,
}

const DISABLED: &str = "OTEL_SDK_DISABLED";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const EXPORT_INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const BUFFER_BYTES: &str = "OTEL_BUFFER_BYTES";
const SPOOL_DIR: &str = "OTEL_SPOOL_DIR";

impl Otlp {
    /// What the variables that `lookup` finds ask for, on a node of that name. `read` reads a file that holds a secret.
    ///
    /// `None` where nothing is sent: there is no endpoint, or all is switched off. Then the other variables are not looked at.
    pub fn from_environment(
        lookup: &dyn Fn(&str) -> Option<String>,
        read: &dyn Fn(&str) -> Result<String, String>,
        node_name: &str,
    ) -> Result<Option<Otlp>, ConfigError> {
        let reader = &mut Reader { lookup, read, warnings: Vec::new() };
        if !has_endpoint(reader) || reader.truth(&[DISABLED]) {
            return Ok(None);
        }
        Self::read(reader, node_name)
    }

    /// Out of line: an agent without a collector does not run it.
    #[inline(never)]
    fn read(reader: &mut Reader<'_>, node_name: &str) -> Result<Option<Otlp>, ConfigError> {
        let collector = Collector::from_environment(reader)?;
        let mut signals = [None, None, None];
        let mut collector_used = false;
        for (place, slot) in signals.iter_mut().enumerate() {
            if let Some((signal, of_collector)) = signal::signal(reader, place, collector.as_ref())? {
                collector_used |= of_collector;
                *slot = Some(signal);
            }
        }
        if signals.iter().all(Option::is_none) {
            return Ok(None);
        }
        if !collector_used {
            warn_of_credentials(reader);
        }
        let [metrics, logs, traces] = signals;
        Ok(Some(Otlp {
            metrics,
            logs,
            traces,
            resource: resource(reader, node_name)?,
            export_interval: export_interval(reader),
            buffer_bytes: buffer_bytes(reader)?,
            spool_dir: reader
                .text(&[SPOOL_DIR], absolute, ("is not a directory", "an absolute path"))?
                .map(|(_, dir)| dir),
            warnings: core::mem::take(&mut reader.warnings),
        }))
    }

    /// What the operator may mean otherwise, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn has_endpoint(reader: &Reader<'_>) -> bool {
    reader.first(&names::ENDPOINT).is_some() || collector::given(reader, collector::ENDPOINT).is_some()
}

/// A list that is not understood is discarded as a whole (Resource SDK, "Specifying resource information via an environment
/// variable"). `OTEL_SERVICE_NAME` comes before `service.name` in it.
fn resource(reader: &mut Reader<'_>, node_name: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut resource = Vec::new();
    put(&mut resource, "service.name".into(), ["imalive-", node_name].concat());
    if let Some(text) = reader.value(RESOURCE_ATTRIBUTES) {
        let fits = text.len() <= OTLP_RESOURCE_BYTES && !text.contains(char::REPLACEMENT_CHARACTER);
        match pairs(&text).filter(|_| fits) {
            Some(pairs) => pairs.into_iter().for_each(|(key, value)| put(&mut resource, key, value)),
            None if fits => {
                let words = ("is not a list of attributes", "key=value,key=value, with % , = as %25 %2C %3D");
                reader.ignored(RESOURCE_ATTRIBUTES, &text, words);
            }
            None => {
                reader.ignored(RESOURCE_ATTRIBUTES, &text, ("is too long or not text", "at most 4096 bytes of UTF-8"))
            }
        }
    }
    let is_name = |text: &str| {
        (text.len() <= OTLP_SERVICE_NAME_BYTES && !text.contains(char::is_control)).then(|| String::from(text))
    };
    let words = ("is not a name", "at most 255 bytes without control characters");
    if let Some((_, name)) = reader.text(&[SERVICE_NAME], is_name, words)? {
        put(&mut resource, "service.name".into(), name);
    }
    Ok(resource)
}

fn export_interval(reader: &mut Reader<'_>) -> Duration {
    let range = |text: &str| number(text, OTLP_INTERVAL_MIN.as_millis() as u32, OTLP_INTERVAL_MAX.as_millis() as u32);
    let words = ("is not an interval in milliseconds", "a number from 1000 to 86400000");
    let millis = reader.number(&[EXPORT_INTERVAL], &range, words);
    millis.map_or(OTLP_INTERVAL, |millis| Duration::from_millis(u64::from(millis)))
}

fn buffer_bytes(reader: &Reader<'_>) -> Result<usize, ConfigError> {
    let Some(text) = reader.value(BUFFER_BYTES) else { return Ok(OTLP_BUFFER_BYTES) };
    match number(&text, OTLP_BUFFER_BYTES_MIN as u32, OTLP_BUFFER_BYTES_MAX as u32) {
        Some(bytes) => Ok(bytes as usize),
        None => Err(error(BUFFER_BYTES, &text, ("is not a number of bytes", "a number from 65536 to 16777216"))),
    }
}

const _: () = assert!(OTLP_RESOURCE_BYTES == 4096 && OTLP_SERVICE_NAME_BYTES == 255, "the words above say so");
const _: () = assert!(OTLP_INTERVAL_MIN.as_millis() == 1000 && OTLP_INTERVAL_MAX.as_millis() == 86_400_000);
const _: () = assert!(OTLP_BUFFER_BYTES_MIN == 65_536 && OTLP_BUFFER_BYTES_MAX == 16_777_216);
