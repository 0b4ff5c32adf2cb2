//! What Prometheus is told of the export over OTLP. Where there is none, nothing is.

use alloc::string::String;
use core::mem;

use crate::report::exposition::{Number, Page};

/// The export over OTLP as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtlpScrape {
    /// Each signal that is sent, at the place of its name in [`OtlpScrape::SIGNALS`].
    pub signals: [Option<OtlpSignal>; 3],
    /// Of memory, what waits for collectors.
    pub buffer_bytes: u64,
    /// And the most that it may be.
    pub buffer_limit_bytes: u64,
    /// Where telemetry may wait in files.
    pub spool: Option<OtlpSpool>,
}

/// One signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtlpSignal {
    /// Items that the collector has taken: data points, log records or spans.
    pub sent: u64,
    /// Items that it did not want of requests that it has taken.
    pub rejected: u64,
    /// Items of requests that it did not want.
    pub refused: u64,
    /// Items that had to make room.
    pub dropped: u64,
    /// Items that wait.
    pub held: u64,
    /// Whether the collector answers; `None` before it was asked.
    pub is_up: Option<bool>,
    /// When it last took a request, in seconds since 1970.
    pub last_success_unix_secs: Option<u64>,
}

/// The files in which telemetry waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtlpSpool {
    /// Of the disk, what they take.
    pub bytes: u64,
    /// What was ever written since the agent was started: cards wear out.
    pub written_bytes: u64,
}

impl OtlpScrape {
    /// The labels of the signals.
    pub const SIGNALS: [&'static str; 3] = ["metrics", "logs", "traces"];
}

type Figure<'f> = &'f dyn Fn(&OtlpSignal) -> Option<u64>;

/// Appends to the answer to a scrape.
pub fn append(text: &mut String, scrape: &OtlpScrape) {
    let mut page = Page { text: mem::take(text) };
    let name = "imalive_otlp_items_total";
    let mut first = true;
    for (label, of) in signals(scrape) {
        if mem::take(&mut first) {
            page.family(name, "counter", "Data points, log records and spans by what became of them.");
        }
        let outcomes = [("sent", of.sent), ("rejected", of.rejected), ("refused", of.refused), ("dropped", of.dropped)];
        for (outcome, items) in outcomes {
            page.sample(name, &[("signal", label), ("outcome", outcome)], Number::Integer(items));
        }
    }
    let families: [(&str, &str, Figure<'_>); 3] = [
        ("imalive_otlp_held_items", "Data points, log records and spans that wait for the collector.", &|of| {
            Some(of.held)
        }),
        ("imalive_otlp_collector_up", "1 while the collector answers, 0 while it does not.", &|of| {
            of.is_up.map(u64::from)
        }),
        ("imalive_otlp_last_success_timestamp_seconds", "When the collector last took a request, since 1970.", &|of| {
            of.last_success_unix_secs
        }),
    ];
    for (name, help, figure) in families {
        let mut first = true;
        for (label, of) in signals(scrape) {
            let Some(value) = figure(of) else { continue };
            if mem::take(&mut first) {
                page.family(name, "gauge", help);
            }
            page.sample(name, &[("signal", label)], Number::Integer(value));
        }
    }
    let bytes = |value: u64| Some(Number::Integer(value));
    page.gauge("imalive_otlp_buffer_bytes", "Memory in which telemetry waits.", bytes(scrape.buffer_bytes));
    let help = "Memory in which telemetry may wait; the oldest makes room for more.";
    page.gauge("imalive_otlp_buffer_limit_bytes", help, bytes(scrape.buffer_limit_bytes));
    if let Some(spool) = scrape.spool {
        page.gauge("imalive_otlp_spool_bytes", "Disk space in which telemetry waits.", bytes(spool.bytes));
        let help = "Bytes written to the disk for telemetry that waits, each of which wears a card out.";
        page.counter("imalive_otlp_spool_written_bytes_total", help, bytes(spool.written_bytes));
    }
    *text = page.text;
}

fn signals(scrape: &OtlpScrape) -> impl Iterator<Item = (&'static str, &OtlpSignal)> {
    OtlpScrape::SIGNALS.into_iter().zip(&scrape.signals).filter_map(|(label, of)| Some((label, of.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_that_is_sent_has_its_series() {
        let metrics = OtlpSignal {
            sent: 700,
            rejected: 3,
            refused: 2,
            dropped: 1,
            held: 58,
            is_up: Some(false),
            last_success_unix_secs: Some(1_795_231_462),
        };
        let traces = OtlpSignal { sent: 5, ..OtlpSignal::default() };
        let scrape = OtlpScrape {
            signals: [Some(metrics), None, Some(traces)],
            buffer_bytes: 4096,
            buffer_limit_bytes: 262_144,
            spool: Some(OtlpSpool { bytes: 8192, written_bytes: 12_288 }),
        };
        let mut text = String::from("before 1\n");
        append(&mut text, &scrape);
        assert!(text.starts_with("before 1\n# HELP imalive_otlp_items_total "), "{text}");
        for line in [
            "imalive_otlp_items_total{signal=\"metrics\",outcome=\"sent\"} 700",
            "imalive_otlp_items_total{signal=\"metrics\",outcome=\"rejected\"} 3",
            "imalive_otlp_items_total{signal=\"metrics\",outcome=\"refused\"} 2",
            "imalive_otlp_items_total{signal=\"metrics\",outcome=\"dropped\"} 1",
            "imalive_otlp_items_total{signal=\"traces\",outcome=\"sent\"} 5",
            "imalive_otlp_held_items{signal=\"metrics\"} 58",
            "imalive_otlp_held_items{signal=\"traces\"} 0",
            "imalive_otlp_collector_up{signal=\"metrics\"} 0",
            "imalive_otlp_last_success_timestamp_seconds{signal=\"metrics\"} 1795231462",
            "imalive_otlp_buffer_bytes 4096",
            "imalive_otlp_buffer_limit_bytes 262144",
            "imalive_otlp_spool_bytes 8192",
            "imalive_otlp_spool_written_bytes_total 12288",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        assert!(!text.contains("\"logs\"") && !text.contains("collector_up{signal=\"traces\"}"), "{text}");
        assert_eq!(text.matches("# TYPE ").count(), 8);
    }

    #[test]
    fn what_there_is_not_has_no_series_and_no_help() {
        let mut text = String::new();
        append(&mut text, &OtlpScrape { buffer_limit_bytes: 65_536, ..OtlpScrape::default() });
        assert_eq!(text.matches("# HELP ").count(), 2);
        assert!(!text.contains("items") && !text.contains("spool") && !text.contains("collector"), "{text}");
    }
}
