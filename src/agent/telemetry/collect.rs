//! All metrics of one moment.

use prost::Message;

use crate::agent::telemetry::Telemetry;
use crate::agent::{Agent, unix_micros};
use crate::read;
use crate::telemetry::messages::metrics::{Data, Metric, ScopeMetrics};
use crate::telemetry::metrics::{Clocks, metrics};
use crate::telemetry::ring::{Record, Signal};

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
        agent.scrape(&mut |scrape| {
            checks.scrape(&mut |monitors| {
                let all = metrics(scrape, Some(monitors), &clocks);
                let items: usize = all.iter().map(points).sum();
                let encoded = ScopeMetrics { scope: None, metrics: all }.encode_to_vec();
                let record = Record { unix_nanos: scrape.snapshot.unix_micros * 1000, items: items as u32 };
                lane.leave(Signal::Metrics, record, &encoded);
            });
        });
        lane.flush();
    }
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        None => 0,
    }
}
