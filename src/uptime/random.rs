//! Whole fleets in days of bad luck: what must never happen does not. The same luck each time.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::simulation::{HOUR, MINUTE, SECOND, World};
use super::{Job, Network, Policy};
use crate::snapshot::{Change, FailureKind, Millis, MonitorId, Notice, NoticeKind, State, Unknown};

const KINDS: [FailureKind; 5] =
    [FailureKind::Connect, FailureKind::Timeout, FailureKind::Status, FailureKind::Tls, FailureKind::TlsNotYetValid];

fn policies(random: &mut fastrand::Rng) -> Vec<Policy> {
    let count = random.u16(1..12);
    let network = |random: &mut fastrand::Rng| match random.u8(..3) {
        0 => None,
        1 => Some(Network::Lan),
        _ => Some(Network::Wan),
    };
    (0..count)
        .map(|id| Policy {
            interval: random.u64(1..120) * SECOND,
            retry_interval: random.u64(1..20) * SECOND,
            failure_threshold: random.u32(1..5),
            success_threshold: random.u32(1..4),
            depends_on: (0..id).filter(|_| random.u8(..4) == 0).collect(),
            network: network(random),
            host: random.bool().then(|| random.u32(..3)),
            reminder: random.bool().then(|| random.u64(1..100) * MINUTE),
            never: random.u8(..12) == 0,
        })
        .collect()
}

/// Something that is well for a while, then not, then well again.
#[derive(Clone)]
struct Luck {
    random: fastrand::Rng,
    well: bool,
    until: Millis,
}

impl Luck {
    fn is_well(&mut self, now: Millis) -> bool {
        while self.until <= now {
            self.well = !self.well;
            let longest = [30 * SECOND, 5 * MINUTE, HOUR][self.random.usize(..3)];
            self.until += self.random.u64(SECOND..longest) * if self.well { 4 } else { 1 };
        }
        self.well
    }
}

fn world(seed: u64) -> World {
    let mut random = fastrand::Rng::with_seed(seed);
    let policies = policies(&mut random);
    let targets: Vec<_> =
        (0..random.usize(..4)).map(|_| if random.bool() { Network::Lan } else { Network::Wan }).collect();
    let luck = |random: &mut fastrand::Rng| Luck { random: random.fork(), well: false, until: 0 };
    let mut links = [luck(&mut random), luck(&mut random)];
    let mut hosts: Vec<_> = policies.iter().map(|_| luck(&mut random)).collect();
    let mut world = World::new(policies.clone(), targets.clone());
    let mut dice = random.fork();
    let mut links_of_targets = links.clone();
    world.service = Box::new(move |id, now| {
        let policy = &policies[usize::from(id)];
        let mut works = hosts[usize::from(id)].is_well(now) && dice.u8(..50) > 0;
        works &= policy.network.is_none_or(|network| links[network as usize].is_well(now));
        works &= policy.depends_on.iter().all(|parent| hosts[usize::from(*parent)].is_well(now));
        let takes = if dice.u8(..10) == 0 { dice.u64(..40_000) } else { dice.u64(..500) };
        let failure = match (policy.never, works) {
            (true, _) => Some(FailureKind::Configuration),
            (false, true) => None,
            (false, false) => Some(KINDS[dice.usize(..KINDS.len())]),
        };
        (takes, failure)
    });
    let mut dice = random.fork();
    world.target = Box::new(move |at, now| {
        let reached = links_of_targets[targets[usize::from(at)] as usize].is_well(now) && dice.u8(..10) > 0;
        (dice.u64(..3_000), reached)
    });
    world.clock_set = random.bool();
    world
}

/// What people know of one monitor after the messages so far.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Up,
    Down,
    Flapping,
}

fn check_changes(world: &World, id: MonitorId, seed: u64) {
    let policy = world.fleet.policy(id).unwrap();
    let changes: Vec<&Change> = world.changes.iter().filter(|change| change.monitor == id).collect();
    let mut before = State::Unknown(Unknown::NotChecked);
    let mut outage = None;
    let mut first_failure = None;
    for change in changes {
        assert_eq!(change.from, before, "seed {seed}");
        assert_ne!(change.from, change.to);
        assert!(!change.cause.is_empty());
        if outage.is_none() {
            match change.to {
                State::Failing => first_failure = Some(change.at),
                State::Unknown(_) | State::Up => first_failure = None,
                State::Down => {
                    outage = first_failure.or(Some(change.at));
                    let soft = policy.failure_threshold > 1 && change.from != State::Failing;
                    assert!(!soft, "seed {seed}: down without a warning: {change:?}");
                }
            }
        } else if change.to == State::Up {
            assert_eq!(Some(change.at - change.lasted), outage, "seed {seed}: the whole outage");
            outage = None;
        }
        before = change.to;
    }
    let status = world.fleet.status(id);
    assert_eq!((status.state, status.outage_since), (before, outage), "seed {seed}");
    assert!(policy.network.is_some() || before != State::Unknown(Unknown::Offline));
}

fn check_messages(world: &World, id: MonitorId, seed: u64) {
    let mut known = Known::Up;
    let mut last = None;
    for notice in &world.told {
        let Some(item) = notice.items.iter().find(|item| item.monitor == id) else { continue };
        known = match (known, notice.kind) {
            (Known::Up | Known::Flapping, NoticeKind::Down) => Known::Down,
            (Known::Down | Known::Flapping, NoticeKind::Recovered) => Known::Up,
            (Known::Up | Known::Down, NoticeKind::Flapping) => Known::Flapping,
            (Known::Down, NoticeKind::Reminder) => Known::Down,
            (known, NoticeKind::BackOnline) => known,
            _ => panic!("seed {seed}: {:?} to people who know it {known:?}", notice.kind),
        };
        let at = state_at(world, id, notice.at);
        match notice.kind {
            NoticeKind::Down | NoticeKind::Reminder => assert_eq!(at, State::Down, "seed {seed}"),
            NoticeKind::Recovered => assert_eq!(at, State::Up, "seed {seed}"),
            _ => {}
        }
        assert!(item.lasted <= notice.at && !item.cause.is_empty(), "seed {seed}: {notice:?}");
        last = Some(notice.at);
    }
    // Nothing is left untold for long.
    let status = world.fleet.status(id);
    let long_ago = world.now - status.since > 11 * MINUTE && last.is_none_or(|last| world.now - last > 11 * MINUTE);
    match status.state {
        State::Up if long_ago => assert_eq!(known, Known::Up, "seed {seed}"),
        State::Down if long_ago => assert_eq!(known, Known::Down, "seed {seed}"),
        _ => {}
    }
}

fn state_at(world: &World, id: MonitorId, at: Millis) -> State {
    let before = world.changes.iter().rev().find(|change| change.monitor == id && change.at <= at);
    before.map_or(State::Unknown(Unknown::NotChecked), |change| change.to)
}

/// At least one check in each interval, and none more often than retries and wishes make it.
fn check_schedule(world: &World, id: MonitorId, seed: u64) {
    let interval = world.fleet.policy(id).unwrap().interval;
    let begun = world.begun(Job::Monitor(id));
    // The longest check takes 40 s, and the second one may come half an interval late.
    let longest = interval + interval / 2 + 40 * SECOND;
    let gap = begun.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    assert!(gap <= longest, "seed {seed}: monitor {id} waits {gap} ms");
    assert!(world.now - begun.last().unwrap() <= longest, "seed {seed}: monitor {id} starves");
}

#[test]
fn days_of_bad_luck_break_no_rule() {
    let mut told = vec![0; 5];
    for seed in 0..40 {
        let mut world = world(seed);
        world.run_until(6 * HOUR);
        for id in 0..world.fleet.statuses().len() as MonitorId {
            check_changes(&world, id, seed);
            check_messages(&world, id, seed);
            check_schedule(&world, id, seed);
        }
        for Notice { kind, .. } in &world.told {
            told[*kind as usize] += 1;
        }
    }
    assert!(told.iter().all(|count| *count > 20), "every kind of message was there: {told:?}");
}

#[test]
fn when_all_is_well_again_every_state_and_everybody_says_so() {
    for seed in 0..40 {
        let mut world = world(seed);
        world.run_until(HOUR);
        let policies: Vec<bool> =
            (0..world.fleet.statuses().len()).map(|id| world.fleet.policy(id as MonitorId).unwrap().never).collect();
        let never = policies.clone();
        world.service = Box::new(move |id, _| (20, never[usize::from(id)].then_some(FailureKind::Configuration)));
        world.target = Box::new(|_, _| (20, true));
        world.run_until(2 * HOUR);
        for (id, never) in policies.into_iter().enumerate() {
            assert_eq!(world.state(id as MonitorId), if never { State::Down } else { State::Up }, "seed {seed}");
            check_messages(&world, id as MonitorId, seed);
        }
        assert!(world.fleet.online(Network::Lan) && world.fleet.online(Network::Wan), "seed {seed}");
    }
}

#[test]
fn when_all_services_fail_for_good_those_at_the_root_are_down_and_the_others_have_a_reason() {
    for seed in 0..40 {
        let mut world = world(seed);
        world.run_until(HOUR);
        world.service = Box::new(|_, _| (20, Some(FailureKind::Connect)));
        world.target = Box::new(|_, _| (20, true));
        world.run_until(2 * HOUR);
        for id in 0..world.fleet.statuses().len() as MonitorId {
            let policy = world.fleet.policy(id).unwrap();
            match world.state(id) {
                State::Down => assert!(policy.depends_on.is_empty(), "seed {seed}"),
                State::Unknown(Unknown::Dependency(parent)) => {
                    assert!(policy.depends_on.contains(&parent), "seed {seed}")
                }
                state => panic!("seed {seed}: monitor {id} is {state:?}, which says nothing"),
            }
        }
    }
}
