//! The export's own figures, for `/v1/prom` and for the collector itself.

use super::ring::Signal;
use super::store::Store;
use crate::report::prometheus_otlp::{OtlpScrape, OtlpSignal};
use crate::snapshot::Millis;

/// Adds what is known of the way to one collector, which gets these signals, each at the place that its number says.
/// `unix_micros` is the wall time of `now`.
pub fn add(to: &mut OtlpScrape, store: &Store, signals: [bool; 3], now: Millis, unix_micros: u64) {
    let last_success = store.last_success().map(|at| {
        let age_micros = now.saturating_sub(at).saturating_mul(1000);
        unix_micros.saturating_sub(age_micros) / 1_000_000
    });
    for signal in Signal::ALL.into_iter().filter(|signal| signals[*signal as usize]) {
        let counts = store.counts(signal);
        to.signals[signal as usize] = Some(OtlpSignal {
            sent: counts.sent.items,
            rejected: counts.rejected,
            refused: counts.refused.items,
            dropped: counts.dropped.items,
            held: store.held(signal).items,
            is_up: store.is_up(),
            last_success_unix_secs: last_success,
        });
    }
    to.buffer_bytes += store.ring().used_bytes() as u64;
    to.buffer_limit_bytes += store.ring().bound() as u64;
    if let Some(spool) = store.spool() {
        let sum = to.spool.get_or_insert_default();
        sum.bytes += spool.used_bytes();
        sum.written_bytes += spool.written_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::envelope::testing::envelope;
    use crate::telemetry::retry::Outcome;
    use crate::telemetry::ring::Record;
    use crate::telemetry::store::Step;

    const METRICS: [bool; 3] = [true, false, false];
    const RECORD: Record = Record { unix_nanos: 1, items: 7 };

    fn asked(store: &mut Store, now: Millis, outcome: Outcome) {
        let mut request = Vec::new();
        assert!(matches!(store.next(now, 0, &mut request), Step::Send(Signal::Metrics)));
        store.finish(now, outcome);
    }

    fn of(store: &Store, now: Millis) -> OtlpSignal {
        let mut scrape = OtlpScrape::default();
        add(&mut scrape, store, METRICS, now, 1_795_231_462_999_999);
        assert_eq!((scrape.signals[1], scrape.signals[2], scrape.spool), (None, None, None));
        scrape.signals[0].unwrap()
    }

    #[test]
    fn a_collector_is_up_once_it_has_answered_and_not_while_it_is_away() {
        let mut store = Store::new(65_536, envelope(), None);
        store.push(Signal::Metrics, RECORD, b"x");
        assert_eq!(of(&store, 0), OtlpSignal { held: 7, ..OtlpSignal::default() });
        asked(&mut store, 1000, Outcome::UNREACHABLE);
        assert_eq!(of(&store, 1000), OtlpSignal { held: 7, is_up: Some(false), ..OtlpSignal::default() });
        asked(&mut store, 60_000, Outcome::Accepted { rejected: 2 });
        let sent = OtlpSignal {
            sent: 5,
            rejected: 2,
            is_up: Some(true),
            last_success_unix_secs: Some(1_795_231_432),
            ..OtlpSignal::default()
        };
        assert_eq!(of(&store, 90_000), sent);
        store.push(Signal::Metrics, RECORD, b"x");
        asked(&mut store, 90_000, Outcome::Refused);
        assert_eq!(of(&store, 90_000), OtlpSignal { refused: 7, ..sent });
    }

    #[test]
    fn two_collectors_share_the_memory_and_each_has_its_signals() {
        let mut stores = [Store::new(65_536, envelope(), None), Store::new(65_536, envelope(), None)];
        stores[1].push(Signal::Traces, RECORD, b"x");
        let mut scrape = OtlpScrape::default();
        add(&mut scrape, &stores[0], [true, true, false], 0, 0);
        add(&mut scrape, &stores[1], [false, false, true], 0, 0);
        let held: Vec<_> = scrape.signals.iter().flatten().map(|of| of.held).collect();
        assert_eq!(held, [0, 0, 7]);
        assert_eq!((scrape.buffer_bytes, scrape.buffer_limit_bytes), (17, 131_072));
    }
}
