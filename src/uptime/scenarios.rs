//! What happens to a fleet, told one story at a time.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::simulation::{HOUR, MINUTE, SECOND, World, policy};
use super::{Fleet, Job, Network, Policy};
use crate::snapshot::{FailureKind, Millis, MonitorId, State, Unknown};
use State::{Down, Failing, Up};

const FOREVER: Millis = Millis::MAX;

fn wan() -> Policy {
    Policy { network: Some(Network::Wan), ..policy() }
}

fn child(parents: &[MonitorId]) -> Policy {
    Policy { depends_on: parents.to_vec(), ..policy() }
}

#[test]
fn before_its_first_check_nothing_is_known_of_a_monitor() {
    let mut world = World::new(vec![policy(), policy()], vec![]);
    assert_eq!(world.state(1), State::Unknown(Unknown::NotChecked));
    world.run_until(MINUTE);
    assert_eq!((world.history(0), world.history(1)), (vec![(20, Up)], vec![(5_020, Up)]));
    assert_eq!(world.changes[0].cause, "the check passed");
    let status = world.fleet.status(0);
    assert_eq!((status.checks_total, status.failures_total, status.last_success), (6, 0, Some(50_020)));
}

#[test]
fn a_failure_is_retried_before_it_is_down() {
    let mut world = World::new(vec![policy()], vec![]).with_outages(&[(0, 60_000, 120_000)]);
    world.run_until(3 * MINUTE);
    assert_eq!(world.history(0), [(20, Up), (60_020, Failing), (70_060, Down), (120_020, Up)]);
    assert_eq!(world.begun(Job::Monitor(0))[6..10], [60_000, 65_020, 70_040, 80_000], "and then back on its grid");
    let (down, up) = (&world.changes[2], &world.changes[3]);
    assert_eq!((down.from, down.lasted, down.cause.as_ref()), (Failing, 10_040, "connect"));
    assert_eq!((up.from, up.lasted), (Down, 60_000), "the whole outage, from its first failure");
}

#[test]
fn a_blink_is_no_outage() {
    let mut world = World::new(vec![policy()], vec![]).with_outages(&[(0, 60_000, 66_000)]);
    world.run_until(3 * MINUTE);
    assert_eq!(world.history(0), [(20, Up), (60_020, Failing), (70_060, Up)]);
    assert_eq!(world.fleet.status(0).outage_since, None);
    assert_eq!(world.told, []);
}

#[test]
fn a_monitor_that_is_back_has_to_pass_as_often_as_its_threshold_says() {
    let careful = Policy { success_threshold: 3, ..policy() };
    let mut world = World::new(vec![careful], vec![]).with_outages(&[(0, 0, 60_000), (0, 66_000, 71_000)]);
    world.run_until(3 * MINUTE);
    // 60 s and 65 s pass, 70 s fails, and then it takes three.
    assert_eq!(world.history(0), [(20, Failing), (10_060, Down), (90_060, Up)]);
    assert_eq!(world.changes[2].lasted, 90_040);
}

#[test]
fn no_network_but_the_failing_one_is_asked_and_only_when_something_fails() {
    let mut world =
        World::new(vec![wan()], vec![Network::Wan, Network::Lan, Network::Wan]).with_outages(&[(0, 60_000, 120_000)]);
    world.run_until(59_000);
    assert!(!world.begun.iter().any(|(_, job)| matches!(job, Job::Target(_))));
    world.run_until(3 * MINUTE);
    assert_eq!(world.begun(Job::Target(1)), []);
    assert_eq!(world.begun(Job::Target(0)), [60_020, 65_040, 70_060], "not while it is down");
    assert_eq!(world.history(0), [(20, Up), (60_020, Failing), (70_080, Down), (120_020, Up)]);
}

#[test]
fn all_monitors_of_a_network_that_is_offline_are_unknown_at_once_and_nobody_is_alarmed() {
    let lan = Policy { network: Some(Network::Lan), ..policy() };
    let outages = &[(0, 60_000, 20 * MINUTE), (1, 60_000, 20 * MINUTE)];
    let mut world =
        World::new(vec![wan(), wan(), lan, policy()], vec![Network::Wan, Network::Lan]).with_outages(outages);
    world.target = Box::new(|at, now| (50, at == 1 || !(60_000..20 * MINUTE).contains(&now)));
    world.run_until(61_000);
    let offline = State::Unknown(Unknown::Offline);
    assert_eq!((world.state(0), world.state(1)), (offline, offline));
    assert_eq!(world.history(1).last(), Some(&(60_070, offline)), "before its own check could fail");
    assert_eq!(world.changes.last().unwrap().cause, "this node is offline");
    assert!(!world.fleet.online(Network::Wan) && world.fleet.online(Network::Lan));
    world.run_until(HOUR);
    assert_eq!((world.state(0), world.state(1)), (Up, Up));
    assert!(world.begun(Job::Target(0)).windows(2).all(|pair| pair[1] - pair[0] == 5_000), "until it is back");
    assert_eq!((world.history(2).len(), world.history(3).len()), (1, 1), "others do not mind");
    assert!(!world.changes.iter().any(|change| change.to == Down));
    assert_eq!(world.messages(), [(crate::snapshot::NoticeKind::BackOnline, vec![0, 1])]);
    let told = &world.told[0].items[0];
    assert_eq!((told.lasted, told.cause.as_str()), (20 * MINUTE + 20 - 60_070, "this node was offline"));
}

#[test]
fn back_online_monitors_are_checked_soon_and_unknown_until_then() {
    let slow = Policy { interval: 10 * MINUTE, ..wan() };
    let mut world = World::new(vec![slow; 6], vec![Network::Wan]).offline(5 * SECOND, 4 * MINUTE);
    world.service = Box::new(|_, now| (20, (5 * SECOND..4 * MINUTE).contains(&now).then_some(FailureKind::Connect)));
    world.run_until(4 * MINUTE);
    assert!((0..6).all(|id| world.state(id) == State::Unknown(Unknown::Offline)));
    world.run_until(5 * MINUTE);
    let back = world.fleet.online_since(Network::Wan);
    let up: Vec<_> = (0..6).map(|id| world.history(id).last().unwrap().0 - back).collect();
    assert_eq!(up, [20, 520, 1_020, 1_520, 2_020, 2_520]);
}

#[test]
fn a_check_from_before_the_link_was_back_does_not_count() {
    // It hangs for 30 s, as packets got lost, and ends when all is well again.
    let quick = Policy { failure_threshold: 1, interval: MINUTE, ..wan() };
    let mut world = World::new(vec![quick, wan()], vec![Network::Wan]).offline(60_000, 75_000);
    world.service = Box::new(|id, now| match (id, (60_000..75_000).contains(&now)) {
        (_, false) => (20, None),
        (0, true) => (30_000, Some(FailureKind::Timeout)),
        (_, true) => (20, Some(FailureKind::Connect)),
    });
    world.run_until(5 * MINUTE);
    let states: Vec<_> = world.history(0).iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [Up, State::Unknown(Unknown::Offline), Up]);
}

#[test]
fn a_check_that_passes_while_offline_is_proof_by_itself() {
    let odd = Policy { interval: 7 * SECOND, ..wan() };
    let mut world = World::new(vec![wan(), odd], vec![Network::Wan]).offline(0, 10 * MINUTE);
    world.service = Box::new(|id, _| (20, (id == 0).then_some(FailureKind::Connect)));
    world.run_until(5 * MINUTE);
    assert_eq!((world.state(0), world.state(1)), (State::Unknown(Unknown::Offline), Up));
    let asked = world.begun(Job::Target(0));
    assert!(asked.windows(2).any(|pair| pair[1] - pair[0] < 5_000), "it asks again sooner: {asked:?}");
    world.run_until(11 * MINUTE);
    assert_eq!(world.state(0), Down);
}

#[test]
fn a_link_that_goes_between_the_first_and_the_last_failure_is_seen() {
    // The first failure is its own; the others come from the link, which is checked again before it is called down.
    let mut world = World::new(vec![wan()], vec![Network::Wan]).offline(62_000, 90_000);
    world.service = Box::new(|_, now| (20, (60_000..90_000).contains(&now).then_some(FailureKind::Connect)));
    world.run_until(5 * MINUTE);
    assert!(!world.changes.iter().any(|change| change.to == Down), "{:?}", world.changes);
    assert_eq!(world.state(0), Up);
}

#[test]
fn what_depends_on_a_monitor_that_is_down_is_unknown() {
    let mut world = World::new(vec![policy(), child(&[0]), child(&[1])], vec![]).with_outages(&[
        (0, 60_000, 20 * MINUTE),
        (1, 60_000, 20 * MINUTE),
        (2, 60_000, 20 * MINUTE),
    ]);
    world.run_until(10 * MINUTE);
    let unknown = |parent| State::Unknown(Unknown::Dependency(parent));
    assert_eq!([0, 1, 2].map(|id| world.state(id)), [Down, unknown(0), unknown(1)]);
    assert_eq!(world.fleet.status(1).cause, "what it depends on is down or unknown");
    world.run_until(HOUR);
    assert_eq!([0, 1, 2].map(|id| world.state(id)), [Up, Up, Up]);
    assert!(!world.changes.iter().any(|change| change.monitor != 0 && change.to == Down));
    assert_eq!(world.told.len(), 2, "down and up, of the parent alone: {:?}", world.told);
}

#[test]
fn a_child_is_down_only_when_its_parent_was_seen_to_work_since() {
    let parent = Policy { interval: HOUR, ..policy() };
    let mut world = World::new(vec![parent, child(&[0])], vec![]).with_outages(&[(1, 65_000, FOREVER)]);
    world.run_until(2 * MINUTE);
    assert_eq!(world.begun(Job::Monitor(0)), [0, 65_020, 70_040, 75_060], "after each failure");
    assert_eq!(world.history(1), [(5_020, Up), (65_020, Failing), (75_080, Down)]);
}

#[test]
fn a_child_that_fell_first_waits_for_its_parent() {
    // The parent takes 30 s to fail, three times.
    let mut world = World::new(vec![policy(), child(&[0])], vec![]);
    world.service = Box::new(|id, now| match (id, now < 60_000) {
        (_, true) => (20, None),
        (0, false) => (30_000, Some(FailureKind::Timeout)),
        (_, false) => (20, Some(FailureKind::Connect)),
    });
    world.run_until(10 * MINUTE);
    let states: Vec<_> = world.history(1).iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [Up, Failing, State::Unknown(Unknown::Dependency(0))]);
}

#[test]
fn when_a_parent_is_back_its_children_are_checked_soon_and_their_old_failures_do_not_count() {
    let slow = Policy { interval: 10 * MINUTE, ..child(&[0]) };
    let mut world = World::new(vec![policy(), slow], vec![]).with_outages(&[(0, 0, 60_000), (1, 0, FOREVER)]);
    world.run_until(2 * MINUTE);
    assert_eq!(world.begun(Job::Monitor(1))[3..6], [60_020, 65_040, 70_060]);
    assert_eq!(world.history(1).last(), Some(&(70_100, Down)), "three failures since its parent is back");
    assert_eq!(world.fleet.status(1).outage_since, Some(60_040));
}

#[test]
fn a_check_from_while_the_parent_was_down_does_not_count() {
    let parent = Policy { failure_threshold: 1, interval: 2 * SECOND, ..policy() };
    let quick = Policy { failure_threshold: 1, interval: 43 * SECOND, ..child(&[0]) };
    let mut world = World::new(vec![parent, quick], vec![]);
    world.service = Box::new(|id, now| match (id, (60_000..70_000).contains(&now)) {
        (_, false) => (20, None),
        (0, true) => (20, Some(FailureKind::Connect)),
        (_, true) => (40_000, Some(FailureKind::Timeout)),
    });
    world.run_until(5 * MINUTE);
    assert_eq!(world.begun(Job::Monitor(1))[1..3], [64_500, 104_500], "it ended long after its parent was back");
    let states: Vec<_> = world.history(1).iter().map(|(_, state)| *state).collect();
    assert_eq!(states, [Up, State::Unknown(Unknown::Dependency(0)), Up]);
}

#[test]
fn several_parents_all_have_to_work() {
    let outages = &[(1, 60_000, 10 * MINUTE), (2, 60_000, 20 * MINUTE)];
    let mut world = World::new(vec![policy(), policy(), child(&[0, 1])], vec![]).with_outages(outages);
    world.run_until(9 * MINUTE);
    assert_eq!(world.state(2), State::Unknown(Unknown::Dependency(1)));
    world.run_until(15 * MINUTE);
    assert_eq!(world.state(2), Down, "it is its own fault now");
    world.run_until(HOUR);
    assert_eq!(world.state(2), Up);
}

#[test]
fn a_monitor_that_can_never_pass_is_down_and_excuses_nobody() {
    let never = Policy { never: true, ..wan() };
    let mut world = World::new(vec![never, child(&[0])], vec![Network::Wan]).offline(0, FOREVER);
    world.service =
        Box::new(|id, _| (0, Some(if id == 0 { FailureKind::Configuration } else { FailureKind::Connect })));
    world.run_until(MINUTE);
    assert_eq!((world.state(0), world.state(1)), (Down, Down), "a mistake in the file explains no outage");
}

#[test]
fn circles_and_parents_that_do_not_exist_keep_nobody_waiting() {
    let policies = vec![child(&[1]), child(&[0]), child(&[2, 77])];
    let mut world = World::new(policies, vec![]).with_outages(&[(0, 0, FOREVER), (1, 0, FOREVER), (2, 0, FOREVER)]);
    world.run_until(MINUTE);
    assert_eq!([0, 1, 2].map(|id| world.state(id)), [Down, State::Unknown(Unknown::Dependency(0)), Down]);
}

#[test]
fn a_certificate_is_not_judged_before_the_clock_is_set() {
    let mut world = World::new(vec![policy()], vec![]);
    world.clock_set = false;
    world.service = Box::new(|_, _| (20, Some(FailureKind::TlsNotYetValid)));
    world.run_until(10 * MINUTE);
    assert_eq!(world.history(0), [(20, State::Unknown(Unknown::ClockNotSet))]);
    assert_eq!(world.fleet.status(0).cause, "the clock has not been set");
    assert_eq!(world.begun(Job::Monitor(0))[1..3], [5_020, 10_040], "it is looked at again soon");
    assert_eq!(world.fleet.status(0).failures_total, world.fleet.status(0).checks_total);
    world.clock_set = true;
    world.run_until(11 * MINUTE);
    assert_eq!(world.state(0), Down, "now it is the certificate");
}

#[test]
fn what_this_node_lacks_is_nobodys_outage() {
    let mut world = World::new(vec![policy()], vec![]);
    world.service = Box::new(|_, now| (20, (MINUTE..5 * MINUTE).contains(&now).then_some(FailureKind::Node)));
    world.run_until(10 * MINUTE);
    let states: Vec<_> = world.history(0).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [Up, State::Unknown(Unknown::NoResources), Up]);
    assert!(world.told.is_empty(), "{:?}", world.told);
}

#[test]
fn an_outage_that_was_lost_from_sight_goes_on() {
    let outages = &[(0, 60_000, HOUR)];
    let mut world = World::new(vec![wan()], vec![Network::Wan]).with_outages(outages).offline(10 * MINUTE, 20 * MINUTE);
    // While it is down nobody asks for the link; another monitor does.
    world.run_until(9 * MINUTE);
    assert_eq!(world.fleet.status(0).outage_since, Some(60_020));
    let mut changes = Vec::new();
    world.fleet.finish_target(0, world.now, false, &mut changes);
    assert_eq!(changes, [], "it was not running");
    world.run_until(2 * HOUR);
    let recovery = world.changes.last().unwrap();
    assert_eq!((recovery.to, recovery.lasted), (Up, HOUR - 60_000));
}

#[test]
fn when_one_service_of_a_host_fails_the_others_are_checked_soon() {
    let slow = |host| Policy { interval: 10 * MINUTE, host: Some(host), ..policy() };
    let mut world = World::new(vec![slow(1), slow(1), slow(1), slow(2)], vec![]);
    world.service = Box::new(|_, now| (20, (8 * MINUTE..30 * MINUTE).contains(&now).then_some(FailureKind::Timeout)));
    world.run_until(10 * MINUTE);
    assert_eq!([0, 1, 2, 3].map(|id| world.state(id)), [Up; 4]);
    world.run_until(11 * MINUTE);
    assert_eq!([0, 1, 2, 3].map(|id| world.state(id)), [Down, Down, Down, Up], "the last one is on another host");
    let recovered = |world: &World| (0..3).filter(|id| world.state(*id) == Up).count();
    world.run_until(30 * MINUTE);
    while recovered(&world) == 0 {
        world.run_until(world.now + SECOND);
    }
    world.run_until(world.now + 5 * SECOND);
    assert_eq!(recovered(&world), 3, "and when one is back as well");
}

#[test]
fn what_was_checked_a_moment_ago_is_not_checked_again_for_another_service_of_its_host() {
    let one_host = Policy { host: Some(1), ..policy() };
    let mut world = World::new(vec![one_host; 6], vec![]).with_outages(&[(1, 60_000, 65_000)]);
    world.run_until(65_000);
    assert_eq!(world.history(1)[1], (61_686, Failing));
    assert_eq!(world.begun(Job::Monitor(0)).last(), Some(&60_000), "less than two seconds ago");
    assert_eq!(world.begun(Job::Monitor(2))[6..], [61_686, 63_333], "ten seconds ago");
}

#[test]
fn a_reload_keeps_what_is_unchanged() {
    let outages = &[(0, 0, FOREVER), (2, 0, FOREVER), (3, 0, FOREVER)];
    let mut world = World::new(vec![policy(), policy(), child(&[0]), policy()], vec![]).with_outages(outages);
    world.run_until(MINUTE);
    let before = world.fleet.clone();
    let kept = [Some(2), None, Some(0), Some(1), Some(99)];
    let policies = vec![child(&[2]), policy(), policy(), policy(), policy()];
    let fleet = before.clone().reconfigure(policies, vec![], &kept, MINUTE);
    assert_eq!(fleet.status(0).state, State::Unknown(Unknown::Dependency(2)), "the parent under its new number");
    assert_eq!(fleet.status(1).state, State::Unknown(Unknown::NotChecked));
    assert_eq!((fleet.status(2), fleet.status(3)), (before.status(0), before.status(1)));
    assert_eq!(fleet.status(4).checks_total, 0, "there was no such monitor");
    let mut world = World::new(vec![policy()], vec![]);
    world.fleet = fleet;
    world.run_until(HOUR);
    assert!(world.begun(Job::Monitor(3)).iter().all(|at| at % 10_000 == 2_500), "on the grid that it had");
}

#[test]
fn a_check_that_runs_over_a_reload_may_be_finished() {
    let mut fleet = Fleet::new(vec![policy(), policy()], vec![], 0);
    assert_eq!(fleet.due(0), Some(Job::Monitor(0)));
    let mut fleet = fleet.reconfigure(vec![policy(), policy()], vec![], &[None, Some(0)], 100);
    assert_eq!(fleet.due(100), Some(Job::Monitor(0)), "a new one");
    assert_eq!(fleet.due(9_000), None, "the old one still runs");
    fleet.finish(1, 9_000, Default::default(), true, &mut Vec::new());
    assert_eq!((fleet.status(1).state, fleet.due(10_000)), (Up, Some(Job::Monitor(1))));
}

#[test]
fn a_reload_without_targets_ends_being_offline() {
    let mut world = World::new(vec![wan(), wan()], vec![Network::Wan]).offline(0, FOREVER);
    world.service = Box::new(|_, _| (20, Some(FailureKind::Connect)));
    world.run_until(MINUTE);
    let mut kept = world.fleet.clone().reconfigure(vec![wan(), wan()], vec![Network::Wan], &[Some(0), Some(1)], MINUTE);
    assert!(!kept.online(Network::Wan));
    assert_eq!(kept.due(MINUTE), Some(Job::Target(0)), "asked anew at once");
    world.fleet = world.fleet.reconfigure(vec![wan(), policy()], vec![], &[Some(0), Some(1)], MINUTE);
    assert_eq!(world.fleet.status(0).state, State::Unknown(Unknown::Offline), "until it is checked");
    world.run_until(2 * MINUTE);
    assert_eq!((world.state(0), world.state(1)), (Down, Down));
}

#[test]
fn one_half_that_hangs_delays_nobody_else() {
    const COUNT: u64 = 64;
    let mut world = World::new(vec![policy(); COUNT as usize], vec![]);
    world.service = Box::new(|id, _| if id % 2 == 0 { (30_000, Some(FailureKind::Timeout)) } else { (200, None) });
    world.run_until(HOUR);
    for id in 0..COUNT {
        let begun = world.begun(Job::Monitor(id as MonitorId));
        let phase = 10_000 * id / COUNT;
        if id % 2 == 1 {
            let grid: Vec<_> = (0..HOUR / 10_000).map(|point| phase + point * 10_000).collect();
            assert_eq!(begun, grid, "monitor {id}");
        } else {
            assert!(begun.len() > 70 && begun.windows(2).all(|pair| pair[1] - pair[0] >= 30_000), "monitor {id}");
            assert!(begun[4..].iter().all(|at| at % 10_000 == phase), "monitor {id} is on its grid again");
        }
    }
}
