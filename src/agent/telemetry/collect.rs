//! All metrics of one moment.

use crate::agent::telemetry::Telemetry;
use crate::agent::{Agent, unix_micros};
use crate::read;
use crate::report::prometheus_otlp::{self, OtlpScrape};
use crate::telemetry::metrics::Clocks;
use crate::telemetry::records;
use crate::telemetry::ring::Signal;

impl Telemetry {
    /// Takes a reading, as a scrape does, and has it sent.
    pub(super) fn collect(&self, agent: &Agent) {
        let Some(lane) = self.lane(Signal::Metrics) else { return };
        agent.refresh();
        let unix_micros = unix_micros();
        // The last export may have had the same reading, and a series has one point of one time.
        agent.sampler.borrow_mut().stamp(unix_micros);
        let unix_nanos = unix_micros * 1000;
        let uptime = read::uptime();
        let agent_uptime = uptime.saturating_sub(self.started_at);
        let clocks = Clocks {
            unix_nanos,
            boot_unix_nanos: self.boot.borrow_mut().at(unix_nanos, uptime),
            uptime: Some(uptime),
            agent_unix_nanos: self.start.borrow_mut().at(unix_nanos, agent_uptime),
            agent_uptime,
        };
        let Some(checks) = &agent.checks else { return };
        agent.scrape(|scrape| {
            checks.scrape(&mut |monitors| {
                records::metrics(scrape, Some(monitors), &clocks, &mut |record, encoded| {
                    lane.leave(Signal::Metrics, record, encoded);
                });
            });
        });
        records::exporter(&self.scrape(), &clocks, &mut |record, encoded| lane.leave(Signal::Metrics, record, encoded));
        lane.flush();
    }

    /// Appends to `/v1/prom`.
    pub(in crate::agent) fn prom(&self, text: &mut String) {
        prometheus_otlp::append(text, &self.scrape());
    }

    /// How the export itself goes.
    fn scrape(&self) -> OtlpScrape {
        let (mut scrape, unix_micros) = (OtlpScrape::default(), unix_micros());
        self.lanes.iter().for_each(|lane| lane.add_to(&mut scrape, unix_micros));
        scrape
    }
}
