//! One reading as metrics: the original's instruments under their names, the semantic conventions' `system.*` and
//! `process.*` (1.44), and imalive's own, whose names a collector turns into those of `/v1/prom`. What is absent has no
//! point, and a metric without a point is left out.
//!
//! No metric has a description: they would be a quarter of each export, and of what is kept while the collector is away.
//! What may be left out is left out for the same reason: see `monitors`, `system` and `original`.

mod agent;
pub(super) mod exporter;
mod monitors;
mod original;
mod system;

use std::time::Duration;

use crate::report::prometheus::Scrape;
use crate::report::prometheus_monitors::MonitorScrape;
use crate::telemetry::records::Records;

/// When it is, and since when is counted.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// Now: nanoseconds since 1970-01-01 UTC.
    pub unix_nanos: u64,
    /// When the machine was started, by [`Start`](crate::telemetry::Start); 0: unknown.
    pub boot_unix_nanos: u64,
    /// How long ago that was.
    pub uptime: Option<Duration>,
    /// When the agent was started, by [`Start`](crate::telemetry::Start).
    pub agent_unix_nanos: u64,
    /// How long ago that was.
    pub agent_uptime: Duration,
}

/// All metrics of one reading.
pub(super) fn write(all: &mut Records<'_>, scrape: &Scrape<'_>, monitors: Option<&MonitorScrape<'_>>, clocks: &Clocks) {
    // A reading is up to a second older than the export.
    all.unix_nanos = scrape.snapshot.unix_micros.saturating_mul(1000);
    original::node(all, scrape.snapshot);
    system::node(all, scrape, clocks);
    all.unix_nanos = clocks.unix_nanos;
    system::uptime(all, clocks);
    original::requests(all, scrape.counters, clocks);
    agent::counters(all, scrape.counters, clocks);
    if let Some(process) = scrape.process {
        agent::process(all, process, clocks);
    }
    if let Some(monitors) = monitors {
        original::monitors(all, &monitors.view);
        monitors::monitors(all, monitors, clocks);
        agent::configured(all, monitors, clocks);
    }
}

#[cfg(test)]
pub(super) mod tests;
