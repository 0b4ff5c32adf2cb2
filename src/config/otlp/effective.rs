//! What `imalive check` says of OTLP.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::monitors::MASK;
use crate::config::otlp::reader::Reader;
use crate::config::otlp::table::{ENTRIES, Kind};
use crate::config::otlp::target::shown;
use crate::config::otlp::{DISABLED, Otlp, Protocol, Signal, has_endpoint};
use crate::limits::OTLP_TIMEOUT_MAX;

/// The variables, one a line; then, as comments, what is sent where. A variable for one signal, or for a file, is there if it
/// is set. No secret is in it.
pub fn effective(lookup: &dyn Fn(&str) -> Option<String>, otlp: Option<&Otlp>) -> String {
    let mut reader = Reader { lookup, read: &|_| Err(String::new()), warnings: Vec::new() };
    let mut text = String::new();
    for entry in ENTRIES {
        for name in entry.names() {
            let given = reader.value(&name);
            let is_general = name == entry.name;
            if given.is_none() && !is_general {
                continue;
            }
            let value = match (given, entry.kind) {
                (None, _) => entry.default.into(),
                (Some(_), Kind::Secret) if !name.ends_with("_FILE") => MASK.into(),
                (Some(value), Kind::Endpoint) => shown(&value),
                (Some(value), _) => value,
            };
            text.push_str(&name);
            text.push('=');
            text.extend(value.chars().map(|c| if c.is_control() { '?' } else { c }));
            text.push('\n');
        }
    }
    match otlp {
        Some(otlp) => push_what_is_sent(otlp, &mut text),
        None => {
            let reason = if !has_endpoint(&reader) {
                "no endpoint is set"
            } else if reader.truth(&[DISABLED]) {
                "OTEL_SDK_DISABLED is true"
            } else {
                "each signal is switched off, or has no endpoint"
            };
            text.push('\n');
            push_line(&["OpenTelemetry: nothing is sent, as ", reason], &mut text);
        }
    }
    text
}

fn push_what_is_sent(otlp: &Otlp, text: &mut String) {
    let name = otlp.resource.first().map_or("", |(_, name)| name);
    text.push('\n');
    push_line(&["OpenTelemetry: service ", name, ", metrics every ", &millis(otlp.export_interval)], text);
    for (name, signal) in [("metrics", &otlp.metrics), ("logs", &otlp.logs), ("traces", &otlp.traces)] {
        match signal {
            Some(signal) => push_signal(name, signal, text),
            None => push_line(&[name, ": not sent"], text),
        }
    }
    let (before, spool) = match &otlp.spool_dir {
        Some(spool) => (", then in ", spool.as_str()),
        None => ("", ""),
    };
    let mut digits = itoa::Buffer::new();
    push_line(&["kept of an outage: ", digits.format(otlp.buffer_bytes), " bytes in memory", before, spool], text);
}

fn push_signal(name: &str, signal: &Signal, text: &mut String) {
    let target = &signal.target;
    let host = if target.host.contains(':') { ["[", &target.host, "]"].concat() } else { target.host.clone() };
    let mut port = itoa::Buffer::new();
    let mut line = Vec::from([
        name,
        ": ",
        match signal.protocol {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http/protobuf",
        },
        if target.https { " to https://" } else { " to http://" },
        &host,
        ":",
        port.format(target.port),
        ", within ",
    ]);
    let timeout = millis(signal.timeout);
    line.push(if signal.timeout == OTLP_TIMEOUT_MAX { "any time" } else { &timeout });
    if signal.gzip {
        line.push(", gzip");
    }
    for (at, (name, _)) in signal.headers.iter().enumerate() {
        line.push(if at == 0 { ", with " } else { " " });
        line.push(name);
    }
    push_line(&line, text);
}

fn push_line(parts: &[&str], text: &mut String) {
    text.push_str("# ");
    for part in parts {
        text.extend(part.chars().map(|c| if c.is_control() { '?' } else { c }));
    }
    text.push('\n');
}

fn millis(time: Duration) -> String {
    [itoa::Buffer::new().format(time.as_millis() as u64), " ms"].concat()
}
