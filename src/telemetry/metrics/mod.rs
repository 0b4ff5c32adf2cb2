//! One reading as metrics: the original's instruments under their names, the semantic conventions' `system.*` and
//! `process.*` (1.44), and imalive's own, whose names a collector turns into those of `/v1/prom`. What is absent has no
//! point, and a metric without a point is left out.
//!
//! No metric has a description: they would be a quarter of each export, and of what is kept while the collector is away.

mod agent;
mod collection;
mod monitors;
mod original;
mod system;

use std::time::Duration;

use crate::report::prometheus::Scrape;
use crate::report::prometheus_monitors::MonitorScrape;
use crate::telemetry::messages::collector::ExportMetricsServiceRequest;
use crate::telemetry::messages::common::InstrumentationScope;
use crate::telemetry::messages::metrics::{Metric, ResourceMetrics, ScopeMetrics};
use crate::telemetry::messages::resource::Resource;
use crate::telemetry::metrics::collection::Collection;

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

/// All metrics of one reading. `monitors` is absent where none are configured.
pub fn metrics(scrape: &Scrape<'_>, monitors: Option<&MonitorScrape<'_>>, clocks: &Clocks) -> Vec<Metric> {
    // A reading is up to a second older than the export.
    let read = scrape.snapshot.unix_micros.saturating_mul(1000);
    let mut all = Collection::new(read);
    original::node(&mut all, scrape.snapshot);
    system::node(&mut all, scrape, clocks);
    all.time_unix_nano = clocks.unix_nanos;
    system::uptime(&mut all, clocks);
    original::requests(&mut all, scrape.counters, clocks);
    agent::counters(&mut all, scrape.counters, clocks);
    if let Some(process) = scrape.process {
        agent::process(&mut all, process, clocks);
    }
    if let Some(monitors) = monitors {
        original::monitors(&mut all, &monitors.view);
        monitors::monitors(&mut all, &monitors.view, clocks);
        agent::configured(&mut all, monitors, clocks);
    }
    all.metrics
}

/// Metrics on their way.
pub fn export(resource: Resource, scope: InstrumentationScope, metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics }];
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { resource: Some(resource), scope_metrics }] }
}

#[cfg(test)]
pub(super) mod tests;
