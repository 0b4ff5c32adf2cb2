//! What every report on monitors is made of.

use alloc::borrow::{Cow, ToOwned};
use alloc::vec::Vec;

use crate::config::monitors::Monitor;
use crate::limits::NOTICE_NAME_CHARS;
use crate::report::words::push_cut;
use crate::snapshot::{Millis, MonitorId, MonitorStatus, State, Unknown};

/// All monitors at one instant.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// As configured.
    pub monitors: &'a [Monitor],
    /// How they are, in the same order.
    pub statuses: &'a [MonitorStatus],
    /// The instant.
    pub now: Millis,
    /// The same by the wall clock: microseconds since 1970-01-01 UTC.
    pub unix_micros: u64,
}

impl<'a> View<'a> {
    /// The wall time of an earlier instant, by the clock as it is set now.
    pub fn unix_micros_at(&self, at: Millis) -> u64 {
        self.unix_micros.saturating_sub(self.since(at).saturating_mul(1000))
    }

    /// How long ago that was.
    pub fn since(&self, at: Millis) -> Millis {
        self.now.saturating_sub(at)
    }

    /// Each monitor and how it is.
    pub fn iter(&self) -> impl Iterator<Item = (&'a Monitor, &'a MonitorStatus)> + use<'a> {
        self.monitors.iter().zip(self.statuses)
    }

    /// One monitor and how it is; `None` for one that is no longer configured.
    pub fn get(&self, id: MonitorId) -> Option<(&'a Monitor, &'a MonitorStatus)> {
        self.monitors.get(usize::from(id)).zip(self.statuses.get(usize::from(id)))
    }

    /// What brought a monitor into `state`: `cause`, or the name of the one that it depends on.
    pub(super) fn cause<'c>(&self, state: State, cause: &'c str) -> Cow<'c, str> {
        match state {
            State::Unknown(Unknown::Dependency(id)) => self.get(id).map_or(Cow::Borrowed(cause), |(monitor, _)| {
                let mut text = "depends on \"".to_owned();
                push_cut(&mut text, &monitor.name, NOTICE_NAME_CHARS);
                text.push_str("\", which is not up");
                Cow::Owned(text)
            }),
            _ => Cow::Borrowed(cause),
        }
    }

    /// The names of the monitors for which the node should get no traffic: down, with `gate`.
    pub fn closed_gates(&self) -> Vec<&'a str> {
        let closed = self.iter().filter(|(monitor, status)| monitor.gate && status.state == State::Down);
        closed.map(|(monitor, _)| monitor.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::monitor_samples::{Samples, WALL_MICROS};

    #[test]
    fn an_instant_has_the_wall_time_of_the_clock_as_it_is_now() {
        let samples = Samples::new();
        let mut view = samples.view(60_000);
        assert_eq!(view.unix_micros_at(60_000), WALL_MICROS);
        assert_eq!(view.unix_micros_at(59_000), WALL_MICROS - 1_000_000);
        // Not yet: an instant ahead is now. And before 1970 it is 1970.
        assert_eq!(view.unix_micros_at(99_000), WALL_MICROS);
        view.unix_micros = 5;
        assert_eq!(view.unix_micros_at(0), 0);
    }

    #[test]
    fn what_waits_for_another_one_names_it() {
        let samples = Samples::new();
        let (name, view) = (&samples.monitors[0].name, samples.view(0));
        let waiting = |id| State::Unknown(Unknown::Dependency(id));
        assert_eq!(view.cause(waiting(0), "words"), format!("depends on \"{name}\", which is not up"));
        // Of one that a reload has removed no more is known than that there was one.
        assert_eq!(view.cause(waiting(999), "words"), "words");
        assert_eq!(view.cause(State::Down, "refused"), "refused");
    }

    #[test]
    fn only_a_gate_that_is_down_is_closed() {
        let mut samples = Samples::new();
        for (at, state) in [State::Down, State::Failing, State::Down, State::Up].into_iter().enumerate() {
            samples.statuses[at].state = state;
            samples.monitors[at].gate = at != 2;
        }
        assert_eq!(samples.view(0).closed_gates(), ["web ok"]);
    }
}
