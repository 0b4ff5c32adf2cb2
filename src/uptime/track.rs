//! What one monitor's checks add up to, before it is known what the rest of the fleet says to it.

use alloc::borrow::Cow;
use alloc::string::String;

use super::{Millis, Policy};
use crate::snapshot::{FailureKind, MonitorStatus, Outcome, State, Unknown};

/// Why failures do not count.
#[derive(Clone, Copy, Debug)]
pub struct Excuse {
    /// The reason.
    pub why: Unknown,
    /// Since when it is gone: a check that began later counts. `None`: it holds.
    pub gone: Option<Millis>,
}

/// What is kept of a monitor besides its status.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// Failures in a row that count.
    pub counted: u32,
    /// The first of them.
    pub first: Millis,
    /// What confirms these failures has to have begun here or later.
    pub needs: Millis,
    /// Holds from the failure that brought it until a check passes, or fails without it.
    pub excuse: Option<Excuse>,
    /// When this monitor last stopped to be what explains the failures of others.
    pub sound_since: Millis,
}

/// A monitor before its first check.
pub fn unchecked(now: Millis) -> MonitorStatus {
    MonitorStatus {
        state: State::Unknown(Unknown::NotChecked),
        since: now,
        cause: words(Unknown::NotChecked).into(),
        last: None,
        consecutive_failures: 0,
        consecutive_successes: 0,
        outage_since: None,
        checks_total: 0,
        failures_total: 0,
        last_success: None,
        certificate_expiry_unix_secs: None,
        maintenance: false,
    }
}

/// Counts what a check has found.
pub fn count(status: &mut MonitorStatus, began: Millis, now: Millis, outcome: Outcome) {
    status.checks_total += 1;
    if outcome.failure.is_some() {
        status.failures_total += 1;
        status.consecutive_failures = status.consecutive_failures.saturating_add(1);
        status.consecutive_successes = 0;
    } else {
        status.last_success = Some(now);
        status.consecutive_successes = status.consecutive_successes.saturating_add(1);
        status.consecutive_failures = 0;
    }
    if outcome.certificate_expiry_unix_secs.is_some() {
        status.certificate_expiry_unix_secs = outcome.certificate_expiry_unix_secs;
    }
    status.last = Some((began, outcome));
}

impl Track {
    /// A check has passed.
    pub fn pass(&mut self) {
        self.counted = 0;
        self.excuse = None;
    }

    /// A check has failed, and counts.
    pub fn fail(&mut self, policy: &Policy, status: &MonitorStatus, now: Millis) {
        self.excuse = None;
        self.counted = self.counted.saturating_add(1);
        if self.counted == 1 {
            self.first = now;
        }
        // Each failure up to the one that decides: a link may go between two of them. None after it, as otherwise one
        // that fails faster than its proofs come in would never be down.
        if self.counted == 1 || status.outage_since.is_none() && self.counted <= policy.failure_threshold {
            self.needs = now;
        }
    }

    /// Failures do not count, nor do those before.
    pub fn excuse(&mut self, why: Unknown, gone: Option<Millis>) {
        self.counted = 0;
        self.excuse = Some(Excuse { why, gone });
    }

    /// Whether a failed check that began at `began` has an excuse that was still there.
    pub fn is_excused(&self, began: Millis) -> bool {
        self.excuse.is_some_and(|excuse| excuse.gone.is_none_or(|gone| began < gone))
    }

    /// The state by this monitor's own checks; [`State::Down`] has to be confirmed, unless it was down before.
    pub fn state(&self, policy: &Policy, status: &MonitorStatus) -> State {
        match (self.excuse, self.counted) {
            (Some(excuse), _) => State::Unknown(excuse.why),
            (None, 0) if status.last.is_none() => State::Unknown(Unknown::NotChecked),
            (None, 0) if is_recovering(policy, status) => status.state,
            (None, 0) => State::Up,
            // An outage that was lost from sight goes on with the first failure seen again.
            (None, _) if status.outage_since.is_some() => State::Down,
            (None, counted) if counted >= policy.failure_threshold => State::Down,
            _ => State::Failing,
        }
    }
}

/// Whether it has not passed often enough to be up again.
pub fn is_recovering(policy: &Policy, status: &MonitorStatus) -> bool {
    status.outage_since.is_some() && status.consecutive_successes < policy.success_threshold
}

/// Whether a monitor in this state explains the failures of those that depend on it. Before its first check it does not
/// yet: they wait for it.
pub fn explains(state: State) -> bool {
    match state {
        State::Unknown(why) => why != Unknown::NotChecked,
        state => state == State::Down,
    }
}

/// Why a failed check says nothing of the peer: this node does not know the time, or lacks what a check takes.
pub fn excuse_of(outcome: &Outcome, clock_set: bool) -> Option<Unknown> {
    match outcome.failure.as_ref()?.kind {
        FailureKind::TlsNotYetValid if !clock_set => Some(Unknown::ClockNotSet),
        FailureKind::Node => Some(Unknown::NoResources),
        _ => None,
    }
}

/// What brought a monitor into `state`, for people.
pub fn cause(state: State, status: &MonitorStatus) -> Cow<'static, str> {
    let failure = status.last.as_ref().and_then(|(_, outcome)| outcome.failure.as_ref());
    match (state, failure) {
        (State::Unknown(Unknown::NoResources), Some(failure)) => String::from(failure.cause()).into(),
        (State::Unknown(why), _) => words(why).into(),
        (State::Up, _) | (_, None) => "the check passed".into(),
        (_, Some(failure)) => String::from(failure.cause()).into(),
    }
}

fn words(why: Unknown) -> &'static str {
    match why {
        Unknown::NotChecked => "not checked yet",
        Unknown::Offline => "this node is offline",
        Unknown::Dependency(_) => "what it depends on is down or unknown",
        Unknown::ClockNotSet => "the clock has not been set",
        Unknown::NoResources => "this node lacks what a check takes",
    }
}
