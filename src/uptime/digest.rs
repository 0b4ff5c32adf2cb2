//! What belongs into one message, and what comes too often.

use crate::snapshot::{FailureKind, Millis, MonitorStatus, State};

/// Failures that one cause may have: a host that is gone is a timeout here and a refusal there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Group {
    /// No check can pass.
    #[default]
    Configuration,
    /// Nobody is there.
    Unreachable,
    /// TLS.
    Tls,
    /// It answers, but not as it should.
    Answer,
    /// It takes too long.
    Latency,
}

impl Group {
    /// How many there are.
    pub const COUNT: usize = Group::ALL.len();

    /// Each.
    pub const ALL: [Group; 5] = [Group::Configuration, Group::Unreachable, Group::Tls, Group::Answer, Group::Latency];

    /// That of a monitor's last failure.
    pub fn of(status: &MonitorStatus) -> Group {
        let kind = status.last.as_ref().and_then(|(_, outcome)| outcome.failure.as_ref()).map(|failure| failure.kind);
        match kind {
            None | Some(FailureKind::Configuration | FailureKind::Node) => Group::Configuration,
            Some(FailureKind::Resolve | FailureKind::Connect | FailureKind::Timeout) => Group::Unreachable,
            Some(FailureKind::Tls | FailureKind::TlsNotYetValid) => Group::Tls,
            Some(FailureKind::Protocol | FailureKind::Status | FailureKind::Body) => Group::Answer,
            Some(FailureKind::Latency) => Group::Latency,
        }
    }

    /// Whether the monitor is about to be down for a cause of this group, and would be told.
    pub fn is_falling(self, status: &MonitorStatus) -> bool {
        status.state == State::Failing && !status.maintenance && Group::of(status) == self
    }
}

/// The last `N` times at which something happened.
#[derive(Clone, Copy, Debug)]
pub struct Recent<const N: usize> {
    /// Latest first.
    times: [Option<Millis>; N],
}

impl<const N: usize> Default for Recent<N> {
    fn default() -> Self {
        Recent { times: [None; N] }
    }
}

impl<const N: usize> Recent<N> {
    /// It has happened.
    pub fn push(&mut self, at: Millis) {
        self.times.rotate_right(1);
        if let Some(latest) = self.times.first_mut() {
            *latest = Some(at);
        }
    }

    /// The last time.
    pub fn latest(&self) -> Option<Millis> {
        self.times.first().copied().flatten()
    }

    /// The time `N` times ago; `None` if it has happened less often.
    pub fn oldest(&self) -> Option<Millis> {
        self.times.last().copied().flatten()
    }

    /// If it has happened `N` times within `window`: `pause` after the last time.
    pub fn crowded(&self, now: Millis, window: Millis, pause: Millis) -> Option<Millis> {
        let oldest = self.oldest().filter(|oldest| now.saturating_sub(*oldest) <= window);
        oldest.and(self.latest()).map(|latest| latest + pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uptime::simulation::outcome;
    use crate::uptime::track;

    fn group(kind: FailureKind) -> Group {
        Group::of(&MonitorStatus { last: Some((0, outcome(Some(kind)))), ..track::unchecked(0) })
    }

    #[test]
    fn a_host_that_is_gone_is_one_cause_and_a_wrong_answer_another() {
        assert_eq!(group(FailureKind::Timeout), group(FailureKind::Connect));
        assert_eq!(group(FailureKind::Status), group(FailureKind::Body));
        assert_ne!(group(FailureKind::Timeout), group(FailureKind::Status));
        assert_ne!(group(FailureKind::Tls), group(FailureKind::Status));
    }

    #[test]
    fn what_has_happened_often_within_the_window_is_crowded() {
        let mut recent = Recent::<3>::default();
        for at in [100, 200, 300] {
            assert_eq!((recent.oldest(), recent.crowded(at, 1_000, 50)), (None, None));
            recent.push(at);
        }
        assert_eq!((recent.oldest(), recent.latest()), (Some(100), Some(300)));
        assert_eq!(recent.crowded(1_100, 1_000, 50), Some(350));
        assert_eq!(recent.crowded(1_101, 1_000, 50), None);
        recent.push(400);
        assert_eq!(recent.oldest(), Some(200));
    }
}
