//! What the export tells of itself.

use super::*;

pub(super) fn exporter() -> Vec<Metric> {
    let mut all = Vec::new();
    records::exporter(&OTLP, &CLOCKS, &mut |record, encoded| {
        let read = ScopeMetrics::decode(encoded).unwrap().metrics;
        assert_eq!(read.iter().map(|metric| points(metric).len()).sum::<usize>(), record.items as usize);
        all.extend(read);
    });
    all
}

#[test]
fn the_export_tells_of_itself_and_of_no_error_before_there_is_one() {
    let all = exporter();
    let name = "otel.sdk.exporter.metric_data_point.exported";
    let expected = ["{} 700", "{error.type=rejected} 3", "{error.type=refused} 2", "{error.type=queue_full} 1"];
    assert_eq!(
        (lines(&all, name), find(&all, name).unwrap().unit.as_str()),
        (expected.map(String::from).into(), "{data_point}")
    );
    assert_eq!(lines(&all, "otel.sdk.exporter.metric_data_point.inflight"), ["{} 58"]);
    assert_eq!(lines(&all, "otel.sdk.exporter.span.exported"), ["{} 5"]);
    assert_eq!(lines(&all, "otel.sdk.exporter.log.exported"), Vec::<String>::new());
    assert_eq!(lines(&all, "imalive.otlp.spool.written"), ["{} 12288"]);
}
