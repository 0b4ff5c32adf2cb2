//! Which signals go the same way.

use crate::config::otlp;
use crate::telemetry::ring::Signal;

/// A collector.
pub(super) struct Destination<'a> {
    /// The first signal that it gets, and how.
    pub(super) first: Signal,
    pub(super) signal: &'a otlp::Signal,
    /// By signal: how it is sent there, if it is.
    pub(super) to: [Option<otlp::Signal>; 3],
}

/// The collectors, and by signal which of them gets it.
pub(super) fn destinations(signals: [&Option<otlp::Signal>; 3]) -> (Vec<Destination<'_>>, [Option<usize>; 3]) {
    let mut found: Vec<Destination<'_>> = Vec::new();
    let mut place_of = [None; 3];
    for (which, signal) in Signal::ALL.into_iter().zip(signals) {
        let Some(signal) = signal else { continue };
        let known = found.iter().position(|destination| goes_the_same_way(destination.signal, signal));
        let place = known.unwrap_or_else(|| {
            found.push(Destination { first: which, signal, to: [None, None, None] });
            found.len() - 1
        });
        found[place].to[which as usize] = Some(signal.clone());
        place_of[which as usize] = Some(place);
    }
    (found, place_of)
}

/// Whether one connection will do: the paths of two signals are never the same.
fn goes_the_same_way(one: &otlp::Signal, other: &otlp::Signal) -> bool {
    let peer = |signal: &otlp::Signal| (signal.target.https, signal.target.port);
    one.protocol == other.protocol
        && peer(one) == peer(other)
        && one.target.host == other.target.host
        && one.headers == other.headers
        && one.tls == other.tls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::otlp::Otlp;

    fn asked(variables: &[(&str, &str)]) -> Otlp {
        let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
        Otlp::from_environment(&lookup, &|_| Err("no files here".into()), "anode").unwrap().unwrap()
    }

    fn places(variables: &[(&str, &str)]) -> (usize, [Option<usize>; 3]) {
        let otlp = asked(variables);
        let (found, place_of) = destinations([&otlp.metrics, &otlp.logs, &otlp.traces]);
        for (which, place) in Signal::ALL.into_iter().zip(place_of) {
            assert!(place.is_none_or(|place| found[place].to[which as usize].is_some()));
        }
        (found.len(), place_of)
    }

    const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn signals_of_one_endpoint_go_the_same_way() {
        assert_eq!(places(&[GENERAL]), (1, [Some(0), Some(0), Some(0)]));
        assert_eq!(places(&[("OTEL_COLLECTOR_ENDPOINT", "collector:4317")]), (1, [Some(0), Some(0), Some(0)]));
        // How long one may take, and how it is packed, is of each message.
        let own =
            [GENERAL, ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "5"), ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip")];
        assert_eq!(places(&own), (1, [Some(0), Some(0), Some(0)]));
    }

    #[test]
    fn another_host_port_protocol_or_secret_is_another_way() {
        for other in [
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://other:4318/v1/logs"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://collector:4319/v1/logs"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://collector:4318/v1/logs"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "token=abc"),
        ] {
            assert_eq!(places(&[GENERAL, other]), (2, [Some(0), Some(1), Some(0)]), "{other:?}");
        }
    }

    #[test]
    fn what_is_switched_off_goes_nowhere() {
        assert_eq!(places(&[GENERAL, ("OTEL_METRICS_EXPORTER", "none")]), (1, [None, Some(0), Some(0)]));
    }
}
