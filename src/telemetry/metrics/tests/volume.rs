//! How much an export is, and how it is torn into records.

use super::*;
use crate::limits::MONITORS;

#[test]
fn the_largest_snapshot_is_encoded() {
    let (snapshot, counters) = (samples::largest(), counters());
    let all = metrics(&scrape(&snapshot, &counters), None, &CLOCKS);
    assert_eq!(lines(&all, "system.memory.limit"), [format!("{{}} {}", i64::MAX)]);
    assert_eq!(lines(&all, "system.cpu.utilization").len(), crate::limits::CPUS);
    assert!(bytes(&scrape(&snapshot, &counters), None) < 8 * 1024);
}

/// Of all records: what an export takes of the ring, but for its headers.
fn bytes(scrape: &Scrape<'_>, monitors: Option<&MonitorScrape<'_>>) -> usize {
    records(scrape, monitors, &CLOCKS).iter().map(|(_, encoded)| encoded.len()).sum()
}

/// So many HTTPS monitors, all of them up.
fn full(count: usize) -> Samples {
    let mut full = Samples::new();
    full.monitors = (0..count).map(|at| monitor("http", &format!("monitor-{at:03}"), vec![])).collect();
    full.statuses = vec![full.statuses[0].clone(); count];
    full.statuses.iter_mut().for_each(|status| status.certificate_expiry_unix_secs = Some(1_800_000_000));
    full
}

#[test]
fn an_export_is_small() {
    let (snapshot, counters) = (samples::of_2021(), counters());
    let scrape = scrape(&snapshot, &counters);
    let receivers = [ReceiverCounts { receiver: "slack", ..ReceiverCounts::default() }];
    let mut own = 0;
    let otlp = OtlpScrape { signals: [Some(OtlpSignal::default()); 3], spool: None, ..OTLP };
    records::exporter(&otlp, &CLOCKS, &mut |_, encoded| own += encoded.len());
    let of = |count: usize| own + bytes(&scrape, Some(&monitored(&full(count), &receivers)));
    let measured = [own + bytes(&scrape, None), of(20), of(MONITORS)];
    for (bytes, most) in measured.into_iter().zip([4_250, 14_000, 62_500]) {
        assert!(bytes <= most, "{measured:?}");
    }
}

#[test]
fn a_metric_that_is_longer_than_a_record_goes_on_in_the_next() {
    let full = full(MONITORS);
    let (snapshot, counters) = (samples::recorded(), counters());
    let (scrape, monitored) = (scrape(&snapshot, &counters), monitored(&full, &[]));
    let all = metrics(&scrape, Some(&monitored), &CLOCKS);
    let codes = lines(&all, "imalive.monitor.state_code");
    assert_eq!(codes.len(), MONITORS);
    assert!(codes.iter().enumerate().all(|(at, line)| line.starts_with(&format!("{{name=monitor-{at:03}}}"))));
    // What fits into one is not torn apart.
    let mut parts = std::collections::BTreeMap::<String, usize>::new();
    let records = records(&scrape, Some(&monitored), &CLOCKS);
    for (_, encoded) in &records {
        let read = ScopeMetrics::decode(&encoded[..]).unwrap();
        read.metrics.into_iter().for_each(|metric| *parts.entry(metric.name).or_default() += 1);
    }
    for (name, parts) in parts {
        assert!(parts == if name.starts_with("imalive.monitor.") { 2 } else { 1 }, "{parts} {name}");
    }
}
