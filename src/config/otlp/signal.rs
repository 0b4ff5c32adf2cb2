//! How one signal is sent: its own variables first, then the general ones (OpenTelemetry Protocol Exporter).

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::ConfigError;
use crate::config::file::headers::is_token;
use crate::config::monitors::{MASK, Secret, Tls};
use crate::config::otlp::collector::{self, Collector, basic, is_field_value};
use crate::config::otlp::names::{
    self, CERTIFICATE, CLIENT_CERTIFICATE, CLIENT_KEY, COMPRESSION, ENDPOINT, EXPORTER, GENERAL, HEADERS, HEADERS_FILE,
    INSECURE, PROTOCOL, TIMEOUT,
};
use crate::config::otlp::pairs::{pairs, put};
use crate::config::otlp::reader::{Reader, Words, error};
use crate::config::otlp::target::{Endpoint, target};
use crate::config::otlp::{Protocol, Signal};
use crate::config::variables::{number, one_of, path};
use crate::limits::{CHECK_HEADERS, OTLP_TIMEOUT, OTLP_TIMEOUT_MAX};

const AUTHORIZATION: &str = "authorization";

/// What is ours to set, or has no place in HTTP/2 (RFC 9113 section 8.2.2).
const RESERVED: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header field, whose name is in lower case, is not for an operator to set. gRPC keeps `grpc-` for itself.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("grpc-")
}

/// `None` where the signal is not sent: it has no endpoint, or is switched off. With it, whether the original's endpoint
/// is the one that is used.
pub(super) fn signal(
    reader: &mut Reader<'_>,
    signal: usize,
    collector: Option<&Collector>,
) -> Result<Option<(Signal, bool)>, ConfigError> {
    let exporters = [("otlp", 1), ("none", 0)];
    let words = ("is not an exporter that is built in", "otlp or none");
    if reader.number(&EXPORTER[signal..=signal], &|text| one_of(text, &exporters), words) == Some(0) {
        return Ok(None);
    }
    let standard = reader.first(&names::of(&ENDPOINT, signal));
    if let (Some((variable, _)), Some(_)) = (&standard, collector) {
        reader.warn(&[variable, " is used in place of ", collector::ENDPOINT]);
    }
    let (endpoint, default, collector) = match (&standard, collector) {
        (Some((variable, text)), _) => {
            let tls = !reader.truth(&names::of(&INSECURE, signal));
            let own = *variable != ENDPOINT[GENERAL];
            (Endpoint { variable, text, own, tls }, Protocol::HttpProtobuf, None)
        }
        (None, Some(collector)) => {
            let Collector { endpoint, tls, .. } = collector;
            let endpoint = Endpoint { variable: collector::ENDPOINT, text: endpoint, own: false, tls: *tls };
            // As the original, whatever the scheme.
            (endpoint, Protocol::Grpc, Some(collector))
        }
        (None, None) => return Ok(None),
    };
    let protocol = protocol(reader, signal)?.unwrap_or(default);
    let (mut target, user) = target(reader, &endpoint, protocol, signal)?;
    target.https |= collector.is_some_and(|collector| collector.tls);
    let headers = headers(reader, signal)?;
    let authorization = collector.and_then(|collector| collector.authorization.as_ref());
    let headers = authorized(reader, headers, authorization, user, target.https);
    let words = ("is not a time in milliseconds", "a number from 0 (no limit) to 2147483647");
    let millis = reader.number(&names::of(&TIMEOUT, signal), &|text| number(text, 0, i32::MAX as u32), words);
    let timeout = match millis {
        Some(0) => OTLP_TIMEOUT_MAX,
        Some(millis) => Duration::from_millis(u64::from(millis)),
        None => OTLP_TIMEOUT,
    };
    let (compressions, words) = ([("gzip", 1), ("none", 0)], ("is not a compression that is built in", "gzip or none"));
    let gzip = reader.number(&names::of(&COMPRESSION, signal), &|text| one_of(text, &compressions), words) == Some(1);
    let tls = tls(reader, signal, target.https)?;
    Ok(Some((Signal { protocol, target, headers, timeout, tls, gzip }, collector.is_some())))
}

/// What is asked for, if anything is. What the specification does not know is ignored; what it knows and this build does
/// not is refused, for no other protocol would be understood where it is.
fn protocol(reader: &mut Reader<'_>, signal: usize) -> Result<Option<Protocol>, ConfigError> {
    let protocols = [("grpc", 0), ("http/protobuf", 1), ("http/json", 2)];
    let names = names::of(&PROTOCOL, signal);
    let words = ("is not a protocol of OTLP", "grpc or http/protobuf");
    let json = |(_, value): &(_, String)| value.eq_ignore_ascii_case("http/json");
    match reader.number(&names, &|text| one_of(text, &protocols), words) {
        Some(0) => Ok(Some(Protocol::Grpc)),
        Some(1) => Ok(Some(Protocol::HttpProtobuf)),
        Some(_) => {
            let given = names.iter().filter_map(|name| Some((*name, reader.value(name)?))).find(json);
            let (name, value) = given.unwrap_or((names[1], String::new()));
            Err(error(name, &value, ("is not built in", words.1)))
        }
        None => Ok(None),
    }
}

/// Names in lower case, as HTTP/2 has them (RFC 9113 section 8.2.1).
fn headers(reader: &mut Reader<'_>, signal: usize) -> Result<Vec<(String, Secret)>, ConfigError> {
    let mut headers = Vec::new();
    for form in [signal, GENERAL] {
        let found = reader.secret(HEADERS[form], HEADERS_FILE[form], |text| !text.is_empty())?;
        let Some((variable, text)) = found else { continue };
        let refuse = |words: Words| error(variable, MASK, words);
        let words = ("is not a list of header fields", "name=value,name=value, with % , ; as %25 %2C %3B");
        let pairs = pairs(&text).filter(|_| !text.contains(';')).ok_or_else(|| refuse(words))?;
        for (name, value) in pairs {
            let name = name.to_ascii_lowercase();
            if !name.bytes().all(is_token) || !is_field_value(&value) {
                return Err(refuse((
                    "has what no header field may hold",
                    "names of letters, digits and -, values of ASCII",
                )));
            }
            if is_reserved(&name) {
                return Err(refuse(("has a header field that the exporter sets itself", "others")));
            }
            put(&mut headers, name, Secret::new(value));
        }
        if headers.len() > CHECK_HEADERS {
            return Err(refuse(("has too many header fields", "at most 32")));
        }
        break;
    }
    Ok(headers)
}

const _: () = assert!(CHECK_HEADERS == 32, "the words above say 32");

/// With the original's authorization, or that in front of the host, unless the standard variables have one.
fn authorized(
    reader: &mut Reader<'_>,
    mut headers: Vec<(String, Secret)>,
    given: Option<&(&'static str, Secret)>,
    user: Option<(Secret, Secret)>,
    https: bool,
) -> Vec<(String, Secret)> {
    let is_there = headers.iter().any(|(name, _)| name == AUTHORIZATION);
    match given {
        Some((variable, _)) if is_there => {
            reader.warn(&[variable, " is not used: the standard header fields have authorization"]);
        }
        Some((variable, _)) if !https => {
            reader.warn(&[variable, " is sent unencrypted: expected TLS, such as OTEL_COLLECTOR_TLS_CHECK=yes"]);
        }
        _ => {}
    }
    let of_url = user.map(|(user, password)| basic(user.reveal(), password.reveal()));
    if let Some(value) = given.map(|(_, value)| value.clone()).or(of_url).filter(|_| !is_there) {
        headers.push((AUTHORIZATION.into(), value));
    }
    headers
}

/// Certificates of the system's authorities, or of those in a file; `CLIENT_CERTIFICATE` only with `CLIENT_KEY`.
fn tls(reader: &mut Reader<'_>, signal: usize, https: bool) -> Result<Tls, ConfigError> {
    let words = ("is not a path", "a path without control characters");
    let mut files = [None, None, None];
    for (file, forms) in files.iter_mut().zip([&CERTIFICATE, &CLIENT_CERTIFICATE, &CLIENT_KEY]) {
        let found = reader.text(&names::of(forms, signal), path, words)?;
        if let (Some((variable, _)), false) = (&found, https) {
            reader.warn(&[variable, " is not used: the endpoint is not https"]);
        }
        *file = found.filter(|_| https);
    }
    let [authorities, certificate, key] = files;
    let ca_file = authorities.map(|(_, file)| file);
    let client = match (certificate, key) {
        (Some((_, certificate)), Some((_, key))) => Some((certificate, key)),
        (None, None) => None,
        (Some((variable, file)), None) => {
            return Err(error(variable, &file, ("is alone", "OTEL_EXPORTER_OTLP_CLIENT_KEY beside it")));
        }
        (None, Some((variable, file))) => {
            return Err(error(variable, &file, ("is alone", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE beside it")));
        }
    };
    Ok(Tls { check: true, ca_file, client })
}
