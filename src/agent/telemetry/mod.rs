//! OpenTelemetry over OTLP: what the agent knows, on its way to the collectors. Without an endpoint there is none of it.
//!
//! Each collector has a [`Lane`]: a store, and a task that sends what waits there. Metrics come at their interval; logs and
//! spans as they happen, and wait for others to go with. Nothing waits for a collector but its own task.

mod collect;
mod destinations;
mod events;
mod job;
mod lane;
mod tap;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use prost::Message;
use smol::future::or;
use smol::{LocalExecutor, Task};

use crate::agent::{Agent, next_beat};
use crate::client::Client;
use crate::config::otlp::Otlp;
use crate::config::{Config, LogLevel};
use crate::limits::{OTLP_RETURN_SPREAD, OTLP_SPOOL_BYTES, SHUTDOWN};
use crate::read;
use crate::report::Build;
use crate::server::Reactor;
use crate::telemetry::Start;
use crate::telemetry::envelope::Envelope;
use crate::telemetry::exporter::Exporter;
use crate::telemetry::messages::logs::{ResourceLogs, ScopeLogs};
use crate::telemetry::resource::{Identity, resource, scope};
use crate::telemetry::ring::Signal;
use crate::telemetry::spans::SpanContext;
use crate::telemetry::spool::Spool;
use crate::telemetry::store::Store;

use destinations::destinations;
use lane::Lane;

/// A line of the log, for whoever sends it.
pub(super) fn tell(level: LogLevel, target: &str, unix_micros: u64, text: &str) {
    tap::put(level, target, unix_micros, text);
}

/// What else ends.
pub(super) type Others<'a> = Pin<&'a mut dyn Future<Output = ()>>;
/// In a box: an agent without a collector keeps no room for it.
pub(super) type Stopping<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// See the module. What the agent calls is out of line: where there is no collector it lies apart from what runs.
pub(super) struct Telemetry {
    reactor: Rc<Reactor>,
    lanes: Vec<Rc<Lane>>,
    /// By signal: its lane.
    lane_of: [Option<usize>; 3],
    interval: Duration,
    /// The least severe record that is sent.
    level: LogLevel,
    /// How long the machine had run when the agent was started.
    started_at: Duration,
    boot: RefCell<Start>,
    start: RefCell<Start>,
    /// The heartbeat that is under way.
    beat: Cell<Option<Beat>>,
    exporters: RefCell<Vec<Exporter>>,
    tasks: RefCell<Vec<Task<()>>>,
}

#[derive(Clone, Copy)]
struct Beat {
    context: SpanContext,
    began: Instant,
}

impl Telemetry {
    /// None where nothing is to be sent.
    pub(super) fn new(
        otlp: Option<Otlp>,
        config: &Config,
        build: &Build,
        client: &Rc<Client>,
        reactor: &Rc<Reactor>,
    ) -> Option<Rc<Self>> {
        Some(Self::to(otlp?, config, build, client, reactor))
    }

    #[inline(never)]
    fn to(otlp: Otlp, config: &Config, build: &Build, client: &Rc<Client>, reactor: &Rc<Reactor>) -> Rc<Self> {
        if otlp.logs.is_some() {
            tap::open();
        }
        for warning in &otlp.warnings {
            log::warn!("{warning}");
        }
        let envelope = envelope(&otlp, config, build);
        let (destinations, lane_of) = destinations([&otlp.metrics, &otlp.logs, &otlp.traces]);
        let (started, count) = (Instant::now(), destinations.len());
        let mut exporters = Vec::with_capacity(count);
        let mut lanes = Vec::with_capacity(count);
        for (number, destination) in destinations.into_iter().enumerate() {
            exporters.push(Exporter::new(Rc::clone(client), destination.signal));
            let spool = spool(&otlp, &envelope, number, count, destination.first);
            let store = Store::new(otlp.buffer_bytes / count, envelope.clone(), spool);
            lanes.push(Lane::new(Rc::clone(reactor), destination.to, store, started));
        }
        Rc::new(Telemetry {
            reactor: Rc::clone(reactor),
            lanes,
            lane_of,
            interval: otlp.export_interval,
            level: config.log_level,
            started_at: read::uptime(),
            boot: RefCell::default(),
            start: RefCell::default(),
            beat: Cell::default(),
            exporters: RefCell::new(exporters),
            tasks: RefCell::default(),
        })
    }

    /// Sends from now on.
    #[inline(never)]
    pub(super) fn start(self: &Rc<Self>, executor: &LocalExecutor<'static>, agent: &Rc<Agent>) {
        let mut tasks = self.tasks.borrow_mut();
        for (lane, exporter) in self.lanes.iter().zip(self.exporters.take()) {
            tasks.push(executor.spawn(Rc::clone(lane).run(exporter)));
        }
        if self.wants(Signal::Metrics) {
            executor.spawn(Rc::clone(self).measure(Rc::clone(agent))).detach();
        }
        if self.wants(Signal::Logs) {
            let telemetry = Rc::clone(self);
            executor.spawn(async move { telemetry.listen().await }).detach();
        }
    }

    /// Has metrics sent at each interval, the first one after one ("Periodic exporting MetricReader"), and somewhat later
    /// still: agents that were started together do not export together.
    async fn measure(self: Rc<Self>, agent: Rc<Agent>) {
        let spread = self.interval.min(OTLP_RETURN_SPREAD).as_millis() as u64;
        let mut due = Instant::now() + self.interval + Duration::from_millis(fastrand::u64(..=spread));
        loop {
            self.reactor.sleep_until(due).await;
            self.collect(&agent);
            due = next_beat(due, Instant::now(), self.interval);
        }
    }

    /// The network is back.
    #[inline(never)]
    pub(super) fn hurry(&self) {
        self.lanes.iter().for_each(|lane| lane.hurry());
    }

    /// A last export, as far as that is done by `deadline`. It has what happens until `others` have ended, where they do so
    /// soon.
    #[inline(never)]
    pub(super) fn stop<'a>(&'a self, agent: &'a Agent, deadline: Instant, others: Others<'a>) -> Stopping<'a> {
        Box::pin(self.end(agent, deadline, others))
    }

    async fn end(&self, agent: &Agent, deadline: Instant, mut others: Others<'_>) {
        let soon = self.reactor.sleep_until(deadline - SHUTDOWN / 2);
        let all_ended = or(
            async {
                others.as_mut().await;
                true
            },
            async {
                soon.await;
                false
            },
        )
        .await;
        if all_ended {
            self.export_last(agent, deadline).await;
        } else {
            smol::future::zip(others, self.export_last(agent, deadline)).await;
        }
    }

    async fn export_last(&self, agent: &Agent, deadline: Instant) {
        if self.wants(Signal::Metrics) {
            self.collect(agent);
        }
        self.lanes.iter().for_each(|lane| lane.close(deadline));
        let tasks = self.tasks.take();
        let ended = async {
            for task in tasks {
                task.await;
            }
        };
        or(ended, self.reactor.sleep_until(deadline)).await;
    }

    /// Keeps what is left, where that is asked for. May take seconds.
    #[inline(never)]
    pub(super) fn shut_down(&self) {
        self.lanes.iter().for_each(|lane| lane.shut_down());
    }

    /// Whether a signal is sent.
    fn wants(&self, signal: Signal) -> bool {
        self.lane_of[signal as usize].is_some()
    }

    fn lane(&self, signal: Signal) -> Option<&Lane> {
        Some(self.lanes.get(self.lane_of[signal as usize]?)?)
    }
}

/// What stands around all that is sent: the three signals have it alike.
fn envelope(otlp: &Otlp, config: &Config, build: &Build) -> Envelope {
    let host_name = read::host_name();
    let identity = Identity {
        build,
        node_name: &config.node_name,
        host_name: host_name.as_deref(),
        given: &otlp.resource,
        service_name: None,
    };
    let resource = ResourceLogs { resource: Some(resource(&identity)), scope_logs: Vec::new() };
    let scope = ScopeLogs { scope: Some(scope(build)), log_records: Vec::new() };
    Envelope::new(resource.encode_to_vec(), scope.encode_to_vec())
}

/// The spool of the collector of this number, where one is asked for. What goes where the first signal goes is in the
/// directory itself, as it is where all go the same way.
fn spool(otlp: &Otlp, envelope: &Envelope, number: usize, collectors: usize, first: Signal) -> Option<Spool> {
    let mut directory = PathBuf::from(otlp.spool_dir.as_ref()?);
    if number > 0 {
        directory.push(match first {
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
            Signal::Traces => "traces",
        });
    }
    let opened = Spool::open(&directory, OTLP_SPOOL_BYTES / collectors as u64, envelope.clone());
    opened.map_err(|error| log::error!("{error}; telemetry waits in memory only")).ok()
}
