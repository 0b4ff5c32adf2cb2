//! What every report on monitors is made of.

use alloc::vec::Vec;

use crate::config::monitors::Monitor;
use crate::snapshot::{Millis, MonitorId, MonitorStatus, State};

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

    /// The names of the monitors for which the node should get no traffic: down, with `gate`.
    pub fn closed_gates(&self) -> Vec<&'a str> {
        let closed = self.iter().filter(|(monitor, status)| monitor.gate && status.state == State::Down);
        closed.map(|(monitor, _)| monitor.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::report::monitor_samples::{Samples, WALL_MICROS};
    use crate::snapshot::State;

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
    fn only_a_gate_that_is_down_is_closed() {
        let mut samples = Samples::new();
        for (at, state) in [State::Down, State::Failing, State::Down, State::Up].into_iter().enumerate() {
            samples.statuses[at].state = state;
            samples.monitors[at].gate = at != 2;
        }
        assert_eq!(samples.view(0).closed_gates(), ["web ok"]);
    }
}
