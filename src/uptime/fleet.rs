//! All monitors: when each is checked, and which state follows from all their checks together.

use alloc::vec::Vec;

use super::connectivity::{Connectivity, Turn};
use super::schedule::Schedule;
use super::track::{self, Excuse, Track};
use super::{Job, Millis, Network, Policy, millis};
use crate::limits::{RECHECK_MIN_AGE, RECHECK_SPREAD};
use crate::snapshot::{Change, MonitorId, MonitorStatus, Outcome, State, Unknown};

/// The monitors and the connectivity targets. Memory grows with their number only, and with the words of their causes.
#[derive(Clone, Debug)]
pub struct Fleet {
    policies: Vec<Policy>,
    /// All places, each after those it depends on.
    order: Vec<MonitorId>,
    statuses: Vec<MonitorStatus>,
    tracks: Vec<Track>,
    schedules: Vec<Schedule>,
    connectivity: Connectivity,
}

impl Fleet {
    /// Monitors that have not been checked yet, and the networks that the connectivity targets prove online.
    pub fn new(mut policies: Vec<Policy>, targets: Vec<Network>, now: Millis) -> Fleet {
        let order = sort(&mut policies);
        let count = policies.len();
        Fleet {
            order,
            statuses: policies.iter().map(|_| track::unchecked(now)).collect(),
            tracks: policies.iter().map(|_| Track::default()).collect(),
            schedules: (0..count).map(|at| Schedule::new(at, count, policies[at].interval, now)).collect(),
            connectivity: Connectivity::new(&targets),
            policies,
        }
    }

    /// When there is something to do; `None` while all that there is runs.
    pub fn next_due(&self) -> Option<Millis> {
        self.first().map(|(due, _)| due)
    }

    /// Takes the job that has waited longest, if it is due. It runs until it is finished.
    pub fn due(&mut self, now: Millis) -> Option<Job> {
        let (_, job) = self.first().filter(|(due, _)| *due <= now)?;
        match job {
            Job::Target(target) => self.connectivity.begin(target.into(), now),
            Job::Monitor(id) => self.schedules[usize::from(id)].begin(now),
        }
        Some(job)
    }

    fn first(&self) -> Option<(Millis, Job)> {
        let target = self.connectivity.due().map(|(due, at)| (due, Job::Target(at as u16)));
        let monitors = self.schedules.iter().enumerate();
        monitors.filter_map(|(at, schedule)| Some((schedule.due()?, Job::Monitor(at as u16)))).chain(target).min()
    }

    /// A monitor's check has ended. Changes of state, its own and those of others that follow from it, go to `changes`. A
    /// check that was not taken from [`Self::due`] is ignored.
    pub fn finish(&mut self, id: MonitorId, now: Millis, outcome: Outcome, clock_set: bool, changes: &mut Vec<Change>) {
        let at = usize::from(id);
        let Some(began) = self.schedules.get(at).and_then(Schedule::running) else { return };
        let (before, outage_before) = (self.statuses[at].state, self.statuses[at].outage_since);
        let failed = outcome.failure.is_some();
        let excuse = track::excuse_of(&outcome, clock_set);
        track::count(&mut self.statuses[at], began, now, outcome);
        if failed {
            self.fail(at, began, now, excuse);
        } else {
            self.tracks[at].pass();
            if let Some(network) = self.policies[at].network.filter(|network| !self.connectivity.online(*network)) {
                self.connectivity.ask(network, now);
            }
        }
        self.settle(now, changes);
        let (status, policy) = (&self.statuses[at], &self.policies[at]);
        let retries = matches!(status.state, State::Failing)
            || excuse.is_some()
            || !failed && track::is_recovering(policy, status);
        self.schedules[at].end(now, retries.then_some(policy.retry_interval));
        if before == State::Up && self.tracks[at].counted == 1 {
            self.hurry_host(at, State::Up, now);
        } else if outage_before.is_some() && self.statuses[at].outage_since.is_none() {
            self.hurry_host(at, State::Down, now);
        }
    }

    fn fail(&mut self, at: usize, began: Millis, now: Millis, excuse: Option<Unknown>) {
        let policy = &self.policies[at];
        let track = &mut self.tracks[at];
        if policy.network.is_some_and(|network| !self.connectivity.online(network)) {
            track.excuse(Unknown::Offline, None);
        } else if let Some(why) = excuse {
            track.excuse(why, Some(0));
        } else if !track.is_excused(began) {
            // It may have failed with what it depends on, although that has been mended since.
            let mended = |parent: &&MonitorId| self.tracks[usize::from(**parent)].sound_since > began;
            match policy.depends_on.iter().find(mended) {
                Some(parent) => {
                    let why = Unknown::Dependency(*parent);
                    self.tracks[at].excuse(why, Some(now));
                    self.schedules[at].want(now);
                }
                None => self.tracks[at].fail(policy, &self.statuses[at], now),
            }
        }
    }

    /// A connectivity target's check has ended.
    pub fn finish_target(&mut self, target: u16, now: Millis, reached: bool, changes: &mut Vec<Change>) {
        match self.connectivity.finish(target.into(), now, reached) {
            None => {}
            Some(Turn::Offline(network)) => {
                for (track, policy) in self.tracks.iter_mut().zip(&self.policies) {
                    if policy.network == Some(network) {
                        track.excuse(Unknown::Offline, None);
                    }
                }
            }
            Some(Turn::Online(network)) => self.lift(Some(network), now),
        }
        self.settle(now, changes);
    }

    /// Nothing offline excuses failures in `network` any longer: those it did are checked soon.
    fn lift(&mut self, network: Option<Network>, now: Millis) {
        let mut those = Vec::new();
        for (at, track) in self.tracks.iter_mut().enumerate() {
            if let Some(Excuse { why: Unknown::Offline, gone: gone @ None }) = &mut track.excuse
                && self.policies[at].network == network
            {
                *gone = Some(now);
                those.push(at);
            }
        }
        self.hurry(&those, now);
    }

    /// Checks `those` soon, one after the other.
    fn hurry(&mut self, those: &[usize], now: Millis) {
        for (place, at) in those.iter().enumerate() {
            self.schedules[*at].want(now + millis(RECHECK_SPREAD) * place as u64 / those.len() as u64);
        }
    }

    /// Checks those soon that ask the same host and are in `state`, as it will not last.
    fn hurry_host(&mut self, of: usize, state: State, now: Millis) {
        let host = self.policies[of].host;
        let is_old = |at: usize| {
            let began = self.schedules[at].running().or(self.statuses[at].last.as_ref().map(|(began, _)| *began));
            began.is_none_or(|began| began + millis(RECHECK_MIN_AGE) <= now)
        };
        let is_meant = |at: &usize| *at != of && self.policies[*at].host == host && self.statuses[*at].state == state;
        let those: Vec<usize> = (0..self.policies.len()).filter(is_meant).filter(|at| is_old(*at)).collect();
        if host.is_some() {
            self.hurry(&those, now);
        }
    }

    /// Brings every state up to what is known, parents before children, and asks for the proofs that are missing.
    fn settle(&mut self, now: Millis, changes: &mut Vec<Change>) {
        for place in 0..self.order.len() {
            let at = usize::from(self.order[place]);
            let state = self.judge(at, now);
            if state != self.statuses[at].state {
                changes.push(self.change(at, state, now));
            }
        }
    }

    fn judge(&mut self, at: usize, now: Millis) -> State {
        let explains = |parent: MonitorId| track::explains(self.statuses[usize::from(parent)].state);
        let culprit = self.policies[at].depends_on.iter().copied().find(|parent| explains(*parent));
        let track = &mut self.tracks[at];
        if let Some(Excuse { why: Unknown::Dependency(parent), gone }) = &mut track.excuse {
            if let Some(culprit) = culprit {
                *gone = None;
                if !explains(*parent) {
                    *parent = culprit;
                }
            } else if gone.is_none() {
                *gone = Some(now);
                self.schedules[at].want(now);
            }
        } else if let Some(culprit) = culprit.filter(|_| track.counted > 0) {
            track.excuse(Unknown::Dependency(culprit), None);
        }
        match self.tracks[at].state(&self.policies[at], &self.statuses[at]) {
            State::Down if self.statuses[at].state != State::Down && !self.confirm(at, now) => State::Failing,
            State::Failing => {
                self.confirm(at, now);
                State::Failing
            }
            state => state,
        }
    }

    /// Whether this node and all that the monitor depends on have been seen to work since it failed; what has not is
    /// asked for.
    fn confirm(&mut self, at: usize, now: Millis) -> bool {
        let (policy, needs) = (&self.policies[at], self.tracks[at].needs);
        let mut confirmed = true;
        if let Some(network) = policy.network.filter(|network| !self.connectivity.is_proven(*network, needs)) {
            self.connectivity.ask(network, now);
            confirmed = false;
        }
        for parent in policy.depends_on.iter().map(|parent| usize::from(*parent)) {
            let status = &self.statuses[parent];
            let seen = status.last.as_ref().is_some_and(|(began, _)| *began >= needs);
            if !seen && self.schedules[parent].running().is_none_or(|began| began < needs) {
                self.schedules[parent].want(now);
            }
            confirmed &= seen && status.state == State::Up;
        }
        confirmed
    }

    fn change(&mut self, at: usize, to: State, now: Millis) -> Change {
        let (status, track) = (&mut self.statuses[at], &mut self.tracks[at]);
        let mut since = status.since;
        match to {
            State::Up => since = status.outage_since.take().unwrap_or(since),
            State::Down if status.outage_since.is_none() => status.outage_since = Some(track.first),
            _ => {}
        }
        if track::explains(status.state) && !track::explains(to) {
            track.sound_since = now;
        }
        status.cause = track::cause(to, status);
        let from = core::mem::replace(&mut status.state, to);
        status.since = now;
        Change {
            monitor: at as MonitorId,
            from,
            to,
            at: now,
            lasted: now.saturating_sub(since),
            cause: status.cause.clone(),
            maintenance: status.maintenance,
        }
    }

    /// Opens or closes a monitor's maintenance window. Its checks and states go on.
    pub fn set_maintenance(&mut self, id: MonitorId, open: bool) {
        if let Some(status) = self.statuses.get_mut(usize::from(id)) {
            status.maintenance = open;
        }
    }

    /// A monitor as it is now. Panics where there is none of this number.
    pub fn status(&self, id: MonitorId) -> &MonitorStatus {
        &self.statuses[usize::from(id)]
    }

    /// All monitors as they are now.
    pub fn statuses(&self) -> &[MonitorStatus] {
        &self.statuses
    }

    /// How a monitor is judged.
    pub fn policy(&self, id: MonitorId) -> Option<&Policy> {
        self.policies.get(usize::from(id))
    }

    /// Whether this node is not known to be offline.
    pub fn online(&self, network: Network) -> bool {
        self.connectivity.online(network)
    }

    /// Since when this node is offline.
    pub fn offline_since(&self, network: Network) -> Option<Millis> {
        self.connectivity.offline_since(network)
    }

    /// When this node was last back online; 0 where it has never been offline.
    pub fn online_since(&self, network: Network) -> Millis {
        self.connectivity.online_since(network)
    }

    /// The fleet after a reload. `kept[i]` is the place that monitor `i` had when it is the same as before: its state, its
    /// counters and its schedule go on, and a check that runs may be finished under the new number. Checks of targets
    /// that run are to be forgotten.
    pub fn reconfigure(
        self,
        policies: Vec<Policy>,
        targets: Vec<Network>,
        kept: &[Option<MonitorId>],
        now: Millis,
    ) -> Fleet {
        let mut new = Fleet::new(policies, targets, now);
        new.connectivity.resume(&self.connectivity, now);
        for (at, was) in kept.iter().enumerate().take(new.policies.len()) {
            let Some(was) = was.map(usize::from).filter(|was| *was < self.policies.len()) else { continue };
            new.statuses[at] = self.statuses[was].clone();
            new.tracks[at] = self.tracks[was].clone();
            new.schedules[at] = self.schedules[was].clone();
            new.schedules[at].set_interval(new.policies[at].interval, now);
            let rename = |why: Unknown| match why {
                Unknown::Dependency(parent) => match kept.iter().position(|kept| *kept == Some(parent)) {
                    Some(parent) => Unknown::Dependency(parent as MonitorId),
                    None => Unknown::NotChecked,
                },
                why => why,
            };
            if let State::Unknown(why) = &mut new.statuses[at].state {
                *why = rename(*why);
            }
            if let Some(excuse) = &mut new.tracks[at].excuse {
                excuse.why = rename(excuse.why);
                if excuse.why == Unknown::NotChecked {
                    excuse.gone = Some(now);
                    new.schedules[at].want(now);
                }
            }
        }
        // What was excused by a network that nothing can prove any longer is not excused now.
        for network in [Network::Lan, Network::Wan] {
            if new.online(network) {
                new.lift(Some(network), now);
            }
        }
        new.lift(None, now);
        new
    }
}

/// All places, each after those it depends on. An edge that closes a circle or leads nowhere is taken out, and so is
/// everything from and to a monitor that can never pass.
fn sort(policies: &mut [Policy]) -> Vec<MonitorId> {
    for policy in policies.iter_mut().filter(|policy| policy.never) {
        policy.network = None;
        policy.depends_on.clear();
    }
    let never: Vec<bool> = policies.iter().map(|policy| policy.never).collect();
    for policy in policies.iter_mut() {
        policy.depends_on.retain(|parent| never.get(usize::from(*parent)) != Some(&true));
    }
    let count = policies.len();
    let mut placed = alloc::vec![false; count];
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        let is_ready = |at: &usize| {
            !placed[*at]
                && policies[*at].depends_on.iter().all(|parent| *placed.get(usize::from(*parent)).unwrap_or(&true))
        };
        let ready = (0..count).find(is_ready);
        let Some(at) = ready.or_else(|| placed.iter().position(|placed| !placed)) else { break };
        policies[at].depends_on.retain(|parent| placed.get(usize::from(*parent)) == Some(&true));
        placed[at] = true;
        order.push(at as MonitorId);
    }
    order
}
