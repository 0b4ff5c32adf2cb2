//! Whether this node is online. Nothing is sent while all is well: targets are checked when a monitor's failure asks for
//! proof, and until they are reached again.

use alloc::vec::Vec;

use super::{Millis, Network, millis};
use crate::limits::{CONNECTIVITY_RETRY, CONNECTIVITY_SPACING};

/// What a target's check has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// This network is offline.
    Offline(Network),
    /// It is back.
    Online(Network),
}

#[derive(Clone, Debug)]
struct Target {
    network: Network,
    running: bool,
    began: Option<Millis>,
    due: Option<Millis>,
    /// Not reached in this round.
    failed: bool,
}

/// A round asks all targets of the network, until one is reached or all have failed.
#[derive(Clone, Debug, Default)]
struct Link {
    round: Option<Millis>,
    /// When the latest check of a target that was reached began.
    proven: Option<Millis>,
    offline_since: Option<Millis>,
    online_since: Millis,
}

/// The connectivity targets, and what follows from them for each network.
#[derive(Clone, Debug)]
pub struct Connectivity {
    targets: Vec<Target>,
    links: [Link; 2],
}

impl Connectivity {
    /// Online until it is known better.
    pub fn new(targets: &[Network]) -> Self {
        let target =
            |network: &Network| Target { network: *network, running: false, began: None, due: None, failed: false };
        Connectivity { targets: targets.iter().map(target).collect(), links: Default::default() }
    }

    /// Takes over what `old` knew of the networks that still have targets. Those offline are asked anew at once.
    pub fn resume(&mut self, old: &Connectivity, now: Millis) {
        for network in [Network::Lan, Network::Wan] {
            if self.has_targets(network) {
                self.links[network as usize] = Link { round: None, ..old.links[network as usize].clone() };
                if !self.online(network) {
                    self.start(network, now, 0);
                }
            }
        }
    }

    /// Whether there is anything that could prove this network online.
    pub fn has_targets(&self, network: Network) -> bool {
        self.targets.iter().any(|target| target.network == network)
    }

    /// Whether it is not known to be offline.
    pub fn online(&self, network: Network) -> bool {
        self.offline_since(network).is_none()
    }

    /// Since when it is offline.
    pub fn offline_since(&self, network: Network) -> Option<Millis> {
        self.links[network as usize].offline_since
    }

    /// When it was last back online.
    pub fn online_since(&self, network: Network) -> Millis {
        self.links[network as usize].online_since
    }

    /// Whether it has been reached by a check that began at `since` or later, or cannot be proven at all.
    pub fn is_proven(&self, network: Network, since: Millis) -> bool {
        !self.has_targets(network) || self.links[network as usize].proven.is_some_and(|began| began >= since)
    }

    /// Asks for proof: starts a round where there is none, and while offline brings the next one forward.
    pub fn ask(&mut self, network: Network, now: Millis) {
        if self.links[network as usize].round.is_none() {
            self.start(network, now, millis(CONNECTIVITY_SPACING));
        } else if !self.online(network) {
            for target in self.targets.iter_mut().filter(|target| target.network == network) {
                target.hurry(now, millis(CONNECTIVITY_SPACING));
            }
        }
    }

    fn start(&mut self, network: Network, now: Millis, pause: Millis) {
        self.links[network as usize].round = Some(now);
        for target in self.targets.iter_mut().filter(|target| target.network == network) {
            target.failed = false;
            target.due = None;
            target.hurry(now, pause);
        }
    }

    /// When the next target is due, and which.
    pub fn due(&self) -> Option<(Millis, usize)> {
        let waiting = self.targets.iter().enumerate().filter(|(_, target)| !target.running);
        waiting.filter_map(|(at, target)| target.due.map(|due| (due, at))).min()
    }

    /// A target's check begins.
    pub fn begin(&mut self, at: usize, now: Millis) {
        if let Some(target) = self.targets.get_mut(at) {
            target.running = true;
            target.began = Some(now);
            target.due = None;
        }
    }

    /// It has ended. One that is not known to run is ignored.
    pub fn finish(&mut self, at: usize, now: Millis, reached: bool) -> Option<Turn> {
        let target = self.targets.get_mut(at).filter(|target| target.running)?;
        target.running = false;
        let (network, began) = (target.network, target.began?);
        let link = &mut self.links[network as usize];
        // A round that began after this check does not take its failure, but asks again.
        let of_this_round = link.round.is_some_and(|round| began >= round);
        if reached {
            link.proven = link.proven.max(Some(began));
            let back = link.offline_since.take().is_some();
            if of_this_round || back {
                link.round = None;
                self.targets.iter_mut().filter(|target| target.network == network).for_each(|target| target.due = None);
            }
            if back {
                self.links[network as usize].online_since = now;
                return Some(Turn::Online(network));
            }
            return None;
        }
        target.failed = of_this_round;
        let all_failed = self.targets.iter().all(|target| target.network != network || target.failed);
        if !of_this_round || !all_failed {
            return None;
        }
        self.start(network, now, millis(CONNECTIVITY_RETRY));
        let link = &mut self.links[network as usize];
        if link.offline_since.is_some() {
            return None;
        }
        link.offline_since = Some(now);
        Some(Turn::Offline(network))
    }
}

impl Target {
    fn hurry(&mut self, now: Millis, pause: Millis) {
        let at = self.began.map_or(now, |began| now.max(began.saturating_add(pause)));
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Network::{Lan, Wan};

    /// Checks what is due at `now`, each for `duration`, and says what that has changed.
    fn check(connectivity: &mut Connectivity, now: Millis, duration: Millis, reached: bool) -> Vec<Turn> {
        let mut turns = Vec::new();
        while let Some((_, at)) = connectivity.due().filter(|(due, _)| *due <= now) {
            connectivity.begin(at, now);
            turns.extend(connectivity.finish(at, now + duration, reached));
        }
        turns
    }

    #[test]
    fn nothing_is_sent_while_nobody_asks() {
        let mut connectivity = Connectivity::new(&[Lan, Wan, Wan]);
        assert_eq!(connectivity.due(), None);
        connectivity.ask(Wan, 100);
        assert_eq!(connectivity.due(), Some((100, 1)));
        assert_eq!(check(&mut connectivity, 100, 10, true), []);
        assert_eq!(connectivity.due(), None, "the first one reached is proof enough");
        assert!(
            connectivity.is_proven(Wan, 100) && !connectivity.is_proven(Wan, 101) && !connectivity.is_proven(Lan, 0)
        );
    }

    #[test]
    fn a_network_is_offline_when_all_its_targets_have_failed() {
        let mut connectivity = Connectivity::new(&[Wan, Lan, Wan]);
        connectivity.ask(Wan, 100);
        connectivity.begin(0, 100);
        connectivity.begin(2, 100);
        assert_eq!(connectivity.finish(0, 200, false), None);
        assert_eq!(connectivity.finish(2, 300, false), Some(Turn::Offline(Wan)));
        assert!(!connectivity.online(Wan) && connectivity.online(Lan));
        assert_eq!(connectivity.offline_since(Wan), Some(300));
    }

    #[test]
    fn while_offline_targets_are_checked_every_few_seconds_until_one_is_reached() {
        let mut connectivity = Connectivity::new(&[Wan, Wan]);
        connectivity.ask(Wan, 0);
        assert_eq!(check(&mut connectivity, 0, 100, false), [Turn::Offline(Wan)]);
        for round in 1..10 {
            assert_eq!(connectivity.due(), Some((round * 5_000, 0)));
            assert_eq!(check(&mut connectivity, round * 5_000, 100, false), [], "it is told once");
        }
        assert_eq!(check(&mut connectivity, 50_000, 100, true), [Turn::Online(Wan)]);
        assert_eq!((connectivity.due(), connectivity.online_since(Wan)), (None, 50_100));
    }

    #[test]
    fn the_first_target_reached_ends_it_while_others_still_hang() {
        let mut connectivity = Connectivity::new(&[Wan, Wan]);
        connectivity.ask(Wan, 0);
        check(&mut connectivity, 0, 100, false);
        connectivity.begin(0, 5_000);
        connectivity.begin(1, 5_000);
        assert_eq!(connectivity.finish(1, 5_010, true), Some(Turn::Online(Wan)));
        assert_eq!(connectivity.finish(0, 8_000, false), None);
        assert!(connectivity.online(Wan));
    }

    #[test]
    fn a_target_is_checked_once_a_second_however_many_ask() {
        let mut connectivity = Connectivity::new(&[Wan]);
        let mut checks = 0;
        for now in (0..60_000).step_by(20) {
            connectivity.ask(Wan, now);
            while let Some((_, at)) = connectivity.due().filter(|(due, _)| *due <= now) {
                connectivity.begin(at, now);
                connectivity.finish(at, now, true);
                checks += 1;
            }
        }
        assert_eq!(checks, 60);
    }

    #[test]
    fn a_failure_from_before_the_round_is_no_failure_in_it() {
        let mut connectivity = Connectivity::new(&[Wan, Wan]);
        connectivity.ask(Wan, 0);
        connectivity.begin(0, 0);
        connectivity.begin(1, 0);
        assert_eq!(connectivity.finish(0, 10, true), None);
        connectivity.ask(Wan, 2_000);
        assert_eq!(connectivity.finish(1, 3_000, false), None, "it began at 0");
        connectivity.begin(0, 3_000);
        assert_eq!(connectivity.finish(0, 3_500, false), None, "the other one has to be asked again");
        assert_eq!(connectivity.due(), Some((2_000, 1)));
        connectivity.begin(1, 3_500);
        assert_eq!(connectivity.finish(1, 4_000, false), Some(Turn::Offline(Wan)));
    }

    #[test]
    fn to_ask_while_offline_brings_the_next_check_forward() {
        let mut connectivity = Connectivity::new(&[Wan]);
        connectivity.ask(Wan, 0);
        check(&mut connectivity, 0, 100, false);
        connectivity.ask(Wan, 2_000);
        assert_eq!(connectivity.due(), Some((2_000, 0)));
    }

    #[test]
    fn what_cannot_be_proven_needs_no_proof() {
        let mut connectivity = Connectivity::new(&[Lan]);
        assert!(connectivity.is_proven(Wan, 0));
        connectivity.ask(Wan, 0);
        assert_eq!(connectivity.due(), None);
        assert_eq!(connectivity.finish(0, 10, true), None, "it was not running");
        assert_eq!(connectivity.finish(7, 10, true), None, "it does not exist");
        assert!(!connectivity.is_proven(Lan, 0));
    }

    #[test]
    fn after_a_reload_a_network_is_as_offline_as_it_was_and_asked_at_once() {
        let mut old = Connectivity::new(&[Wan, Lan]);
        old.ask(Wan, 0);
        old.ask(Lan, 0);
        check(&mut old, 0, 100, false);
        let mut new = Connectivity::new(&[Wan, Wan]);
        new.resume(&old, 1_000);
        assert!(!new.online(Wan) && new.online(Lan), "nothing can prove the LAN now");
        assert_eq!(check(&mut new, 1_000, 10, true), [Turn::Online(Wan)]);
    }
}
