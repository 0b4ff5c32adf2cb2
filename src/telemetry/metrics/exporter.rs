//! The export itself, after the semantic conventions ("SDK metrics"): what waits in memory or in files is in flight, since
//! it is tried again until the collector takes it or it has to make room.
//!
//! Type and name of the component are left out, which the conventions recommend: there is one exporter of each signal.

use crate::report::prometheus_otlp::OtlpScrape;
use crate::telemetry::metrics::Clocks;
use crate::telemetry::records::{Kind, Number, Records, Value};

const NAMES: [(&str, &str); 3] = [("metric_data_point", "{data_point}"), ("log", "{log_record}"), ("span", "{span}")];

pub(in crate::telemetry) fn write(all: &mut Records<'_>, scrape: &OtlpScrape, clocks: &Clocks) {
    all.unix_nanos = clocks.unix_nanos;
    let (counter, up_down) = (Kind::Counter(clocks.agent_unix_nanos), Kind::UpDownCounter(clocks.agent_unix_nanos));
    for ((name, unit), of) in NAMES.into_iter().zip(&scrape.signals) {
        let Some(of) = of else { continue };
        all.metric(counter, &["otel.sdk.exporter.", name, ".exported"], unit);
        all.point(Number::Int(of.sent), &[]);
        for (error, items) in [("rejected", of.rejected), ("refused", of.refused), ("queue_full", of.dropped)] {
            // There is no error before it has occurred.
            if items > 0 {
                all.point(Number::Int(items), &[("error.type", Value::Text(error))]);
            }
        }
        all.metric(up_down, &["otel.sdk.exporter.", name, ".inflight"], unit);
        all.point(Number::Int(of.held), &[]);
    }
    all.single(up_down, "imalive.otlp.buffer", "By", Some(Number::Int(scrape.buffer_bytes)));
    all.single(up_down, "imalive.otlp.buffer.limit", "By", Some(Number::Int(scrape.buffer_limit_bytes)));
    if let Some(spool) = scrape.spool {
        all.single(up_down, "imalive.otlp.spool", "By", Some(Number::Int(spool.bytes)));
        all.single(counter, "imalive.otlp.spool.written", "By", Some(Number::Int(spool.written_bytes)));
    }
}
