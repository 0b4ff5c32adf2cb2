//! A world in simulated time for the tests: services that pass or fail as a test says, and an agent that checks them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Fleet, Job, Network, Notices, Policy};
use crate::snapshot::{Change, Failure, FailureKind, Millis, MonitorId, Notice, NoticeKind, Outcome, State};

pub const SECOND: Millis = 1_000;
pub const MINUTE: Millis = 60 * SECOND;
pub const HOUR: Millis = 60 * MINUTE;

/// Defaults as the configuration has them.
pub fn policy() -> Policy {
    Policy {
        interval: 10 * SECOND,
        retry_interval: 5 * SECOND,
        failure_threshold: 3,
        success_threshold: 1,
        depends_on: Vec::new(),
        network: None,
        host: None,
        reminder: None,
        never: false,
    }
}

pub fn outcome(failure: Option<FailureKind>) -> Outcome {
    let failure = failure.map(|kind| Failure { kind, message: kind.label().into(), error: None });
    Outcome { failure, ..Outcome::default() }
}

/// How long a check takes and what it finds.
pub type Found = (Millis, Option<FailureKind>);

pub struct World {
    pub fleet: Fleet,
    pub notices: Notices,
    pub now: Millis,
    pub clock_set: bool,
    /// What a check of a monitor that begins then finds.
    pub service: Box<dyn FnMut(MonitorId, Millis) -> Found>,
    /// How long a check of a target that begins then takes, and whether it is reached.
    pub target: Box<dyn FnMut(u16, Millis) -> (Millis, bool)>,
    running: Vec<(Millis, Job, Found)>,
    /// When checks have begun.
    pub begun: Vec<(Millis, Job)>,
    pub changes: Vec<Change>,
    pub told: Vec<Notice>,
}

impl World {
    /// In which everything works.
    pub fn new(policies: Vec<Policy>, targets: Vec<Network>) -> World {
        World {
            notices: Notices::new(policies.len()),
            fleet: Fleet::new(policies, targets, 0),
            now: 0,
            clock_set: true,
            service: Box::new(|_, _| (20, None)),
            target: Box::new(|_, _| (20, true)),
            running: Vec::new(),
            begun: Vec::new(),
            changes: Vec::new(),
            told: Vec::new(),
        }
    }

    /// With services that are down from the one time to the other, not including it.
    pub fn with_outages(mut self, outages: &'static [(MonitorId, Millis, Millis)]) -> World {
        self.service = Box::new(move |id, now| {
            let down = outages.iter().any(|(of, from, to)| *of == id && (*from..*to).contains(&now));
            (20, down.then_some(FailureKind::Connect))
        });
        self
    }

    /// Whether targets can be reached except from the one time to the other.
    pub fn offline(mut self, from: Millis, to: Millis) -> World {
        self.target = Box::new(move |_, now| if (from..to).contains(&now) { (100, false) } else { (20, true) });
        self
    }

    pub fn next(&self) -> Option<Millis> {
        let ends = self.running.iter().map(|(end, ..)| *end);
        ends.chain(self.fleet.next_due()).chain(self.notices.next_due()).min()
    }

    pub fn run_until(&mut self, end: Millis) {
        let mut turns_at_once = 0;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            turns_at_once = if next > self.now { 0 } else { turns_at_once + 1 };
            assert!(turns_at_once < 1_000, "time stands still at {next}");
            self.turn(next.max(self.now));
        }
        self.now = end;
    }

    fn turn(&mut self, now: Millis) {
        self.now = now;
        let from = self.changes.len();
        while let Some(at) = self.running.iter().position(|(end, ..)| *end <= now) {
            let (_, job, (_, failure)) = self.running.swap_remove(at);
            match job {
                Job::Monitor(id) => {
                    self.fleet.finish(id, now, outcome(failure), self.clock_set, &mut self.changes);
                }
                Job::Target(target) => self.fleet.finish_target(target, now, failure.is_none(), &mut self.changes),
            }
        }
        while let Some(job) = self.fleet.due(now) {
            assert!(self.running.iter().all(|(_, other, _)| *other != job), "{job:?} runs twice at {now}");
            let found = match job {
                Job::Monitor(id) => (self.service)(id, now),
                Job::Target(target) => {
                    let (takes, reached) = (self.target)(target, now);
                    (takes, (!reached).then_some(FailureKind::Connect))
                }
            };
            self.begun.push((now, job));
            self.running.push((now + found.0, job, found));
        }
        assert!(self.fleet.next_due().is_none_or(|due| due > now), "not all was taken at {now}");
        for change in &self.changes[from..] {
            self.notices.observe(change, &self.fleet);
        }
        if self.notices.next_due().is_some_and(|due| due <= now) {
            self.told.extend(self.notices.take(now, &self.fleet));
        }
    }

    pub fn state(&self, id: MonitorId) -> State {
        self.fleet.status(id).state
    }

    /// The states that a monitor went through, with their times.
    pub fn history(&self, id: MonitorId) -> Vec<(Millis, State)> {
        self.changes.iter().filter(|change| change.monitor == id).map(|change| (change.at, change.to)).collect()
    }

    /// When checks of this have begun.
    pub fn begun(&self, job: Job) -> Vec<Millis> {
        self.begun.iter().filter(|(_, other)| *other == job).map(|(at, _)| *at).collect()
    }

    /// What was told, of whom.
    pub fn messages(&self) -> Vec<(NoticeKind, Vec<MonitorId>)> {
        let of = |notice: &Notice| notice.items.iter().map(|item| item.monitor).collect();
        self.told.iter().map(|notice| (notice.kind, of(notice))).collect()
    }
}
