//! The way to one collector: what waits for it, and who sends it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::future::or;

use crate::agent::nudge::Nudge;
use crate::agent::telemetry::job::Job;
use crate::client::host_and_port;
use crate::config::LogLevel;
use crate::config::otlp;
use crate::limits::{OTLP_BATCH_BYTES, OTLP_BATCH_DELAY};
use crate::report::prometheus_otlp::OtlpScrape;
use crate::server::Reactor;
use crate::snapshot::Millis;
use crate::telemetry::exporter::Exporter;
use crate::telemetry::figures;
use crate::telemetry::retry::Outcome;
use crate::telemetry::ring::{Record, Signal};
use crate::telemetry::spool::SyncJob;
use crate::telemetry::store::{Step, Store};

/// So much is sent before its time, as half of a request is worth one.
const ENOUGH_BYTES: usize = OTLP_BATCH_BYTES / 2;

/// Requests that are made one after the other: as many as it takes for what there was at the first.
const ROUND: usize = 2 * Signal::ALL.len();

/// See the module.
pub(super) struct Lane {
    reactor: Rc<Reactor>,
    /// Host and port of the collector.
    peer: String,
    /// By signal: how it is sent, where this collector gets it.
    to: [Option<otlp::Signal>; 3],
    store: RefCell<Store>,
    /// The start of monotonic time.
    started: Instant,
    /// When what waits is to be sent.
    flush_at: Cell<Option<Instant>>,
    /// [`Lane::flush_at`] has changed, or the store knows something new.
    nudge: Nudge,
    /// What waits for the card.
    job: RefCell<Option<Job>>,
    /// The agent stops then.
    deadline: Cell<Option<Instant>>,
}

impl Lane {
    pub(super) fn new(reactor: Rc<Reactor>, to: [Option<otlp::Signal>; 3], store: Store, started: Instant) -> Rc<Self> {
        let target = to.iter().flatten().next().map(|signal| &signal.target);
        Rc::new(Lane {
            reactor,
            peer: target.map(|target| host_and_port(&target.host, target.port)).unwrap_or_default(),
            to,
            store: RefCell::new(store),
            started,
            // Of an earlier life.
            flush_at: Cell::new(Some(started)),
            nudge: Nudge::default(),
            job: RefCell::default(),
            deadline: Cell::default(),
        })
    }

    /// Adds how it goes.
    pub(super) fn add_to(&self, scrape: &mut OtlpScrape, unix_micros: u64) {
        let signals = self.to.each_ref().map(Option::is_some);
        figures::add(scrape, &self.store.borrow(), signals, self.now(), unix_micros);
    }

    /// Leaves a record, which is sent soon.
    pub(super) fn push(&self, signal: Signal, record: Record, encoded: &[u8]) {
        self.leave(signal, record, encoded);
        let enough = self.store.borrow().ring().used_bytes() >= ENOUGH_BYTES;
        if enough || self.flush_at.get().is_none() {
            self.flush_by(Instant::now() + if enough { Duration::ZERO } else { OTLP_BATCH_DELAY });
        }
    }

    /// Leaves a record, which goes along with the next one that is sent soon.
    pub(super) fn leave(&self, signal: Signal, record: Record, encoded: &[u8]) {
        self.store.borrow_mut().push(signal, record, encoded);
    }

    /// Has what waits sent now.
    pub(super) fn flush(&self) {
        self.flush_by(Instant::now());
    }

    fn flush_by(&self, at: Instant) {
        if self.flush_at.get().is_none_or(|before| at < before) {
            self.flush_at.set(Some(at));
            self.nudge.call();
        }
    }

    /// The network is back.
    pub(super) fn hurry(&self) {
        self.store.borrow_mut().hurry(self.now(), fastrand::u32(..));
        self.flush();
    }

    /// The agent stops: what can be sent until `deadline` is, and then [`Lane::run`] ends.
    pub(super) fn close(&self, deadline: Instant) {
        self.deadline.set(Some(deadline));
        self.store.borrow_mut().stop(self.now());
        self.flush_at.set(Some(Instant::now()));
        self.nudge.call();
    }

    /// Keeps in the spool what has not been sent. May take seconds.
    pub(super) fn shut_down(&self) {
        let mut store = self.store.borrow_mut();
        // Its end is not known, so it is sent again.
        store.finish(self.now(), Outcome::UNREACHABLE);
        if let Some(job) = self.job.take() {
            store.synced(job.wait());
        }
        store.shut_down(self.now());
        drop(store);
        self.tell();
    }

    /// Sends, until the agent stops.
    pub(super) async fn run(self: Rc<Self>, mut exporter: Exporter) {
        // Since something was waited for.
        let mut requests = 0;
        loop {
            let mut request = Vec::new();
            match self.step(&mut request) {
                Step::Send(signal) => {
                    self.send(&mut exporter, signal, &request).await;
                    drop(request);
                    requests += 1;
                    // What has come meanwhile is not worth a request each time.
                    if requests == ROUND && !self.is_behind() {
                        self.rest(None).await;
                    }
                    requests %= ROUND;
                }
                Step::Sync(job) => self.start(job),
                Step::Wait(due) => {
                    let due = due.map(|due| self.started + Duration::from_millis(due));
                    if self.deadline.get().is_some_and(|deadline| due.is_none_or(|due| due >= deadline)) {
                        return;
                    }
                    self.rest(due).await;
                    requests = 0;
                }
            }
        }
    }

    fn step(&self, request: &mut Vec<u8>) -> Step {
        let step = self.store.borrow_mut().next(self.now(), fastrand::u32(..), request);
        self.tell();
        step
    }

    async fn send(&self, exporter: &mut Exporter, signal: Signal, request: &[u8]) {
        let Some(to) = &self.to[signal as usize] else {
            // It was left in the spool when this signal still went the same way.
            log::warn!("OTEL_SPOOL_DIR: what it holds of a signal that is sent elsewhere now is dropped");
            return self.store.borrow_mut().finish(self.now(), Outcome::Refused);
        };
        let export = async { Some(exporter.export(signal, to, request).await) };
        let Some(answer) = or(export, self.tend()).await else { return };
        self.store.borrow_mut().finish(self.now(), answer.outcome);
        match answer.line {
            Some((LogLevel::Error, line)) => log::error!("{line}"),
            Some((LogLevel::Warning, line)) => log::warn!("{line}"),
            Some((LogLevel::Info, line)) => log::info!("{line}"),
            Some((LogLevel::Debug, line)) => log::debug!("{line}"),
            None => {}
        }
    }

    /// What else there is to do while a request is on its way, which no collector may hold up.
    async fn tend<T>(&self) -> Option<T> {
        loop {
            match self.step(&mut Vec::new()) {
                Step::Sync(job) => self.start(job),
                Step::Wait(Some(due)) => {
                    let due = self.started + Duration::from_millis(due);
                    or(self.reactor.sleep_until(due), self.called()).await
                }
                // There is no other request while one is on its way.
                Step::Wait(None) | Step::Send(_) => self.called().await,
            }
        }
    }

    /// Until `due`, until what waits is to be sent, or until the card has written.
    async fn rest(&self, due: Option<Instant>) {
        loop {
            if self.flush_at.get().is_some_and(|at| at <= Instant::now()) {
                return self.flush_at.set(None);
            }
            let synced = self.job.borrow().as_ref().is_none();
            match [due, self.flush_at.get()].into_iter().flatten().min() {
                Some(at) if at <= Instant::now() => return,
                Some(at) => or(self.reactor.sleep_until(at), self.called()).await,
                None => self.called().await,
            }
            if !synced && self.job.borrow().is_none() {
                return;
            }
        }
    }

    /// Until somebody nudges, or the card has written.
    async fn called(&self) {
        or(self.nudge.called(), self.synced()).await;
    }

    async fn synced(&self) {
        let result: io::Result<()> = std::future::poll_fn(|context| match &*self.job.borrow() {
            Some(job) => job.poll(context),
            None => std::task::Poll::Pending,
        })
        .await;
        *self.job.borrow_mut() = None;
        self.store.borrow_mut().synced(result);
    }

    fn start(&self, job: SyncJob) {
        match Job::start(job) {
            Ok(job) => *self.job.borrow_mut() = Some(job),
            // What was written is on its way to the card all the same.
            Err(error) => self.store.borrow_mut().synced(Err(error)),
        }
    }

    /// Whether more waits than came during the last requests.
    fn is_behind(&self) -> bool {
        let store = self.store.borrow();
        self.deadline.get().is_some()
            || store.away_since().is_some()
            || store.spool().is_some_and(|spool| !spool.is_empty())
            || store.ring().used_bytes() >= ENOUGH_BYTES
    }

    /// What there is to say about an outage that is over, and about the spool.
    fn tell(&self) {
        let (outage, news) = {
            let mut store = self.store.borrow_mut();
            (store.outage(), store.news())
        };
        if let Some(news) = news {
            log::warn!("{news}");
        }
        let Some(outage) = outage else { return };
        let seconds = outage.lasted / 1000;
        let (peer, sent, dropped) = (&self.peer, outage.sent_items, outage.dropped_items);
        let level = if dropped > 0 { log::Level::Warn } else { log::Level::Info };
        log::log!(
            level,
            "OTLP: {peer} takes telemetry again after {seconds} s: {sent} items sent since, {dropped} dropped"
        );
    }

    /// Milliseconds since the start.
    fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }
}

#[cfg(test)]
mod tests;
