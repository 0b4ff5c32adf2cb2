//! What people are told, one story at a time.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use super::simulation::{HOUR, MINUTE, SECOND, World, policy};
use super::{Network, Policy};
use crate::snapshot::{FailureKind, Millis, NoticeKind, State};
use NoticeKind::{BackOnline, Down, Flapping, Recovered, Reminder};

const FOREVER: Millis = Millis::MAX;

fn kinds(world: &World) -> Vec<NoticeKind> {
    world.told.iter().map(|notice| notice.kind).collect()
}

/// A monitor that is down at its first failure, with a check every 10 s.
fn strict() -> Policy {
    Policy { failure_threshold: 1, ..policy() }
}

#[test]
fn down_and_recovered_are_told_once_each() {
    let mut world = World::new(vec![policy()], vec![]).with_outages(&[(0, 60_000, HOUR)]);
    world.run_until(2 * HOUR);
    assert_eq!(world.messages(), [(Down, vec![0]), (Recovered, vec![0])]);
    let (down, up) = (&world.told[0], &world.told[1]);
    assert_eq!((down.at, down.items[0].lasted, down.items[0].cause.as_str()), (75_060, 15_040, "connect"));
    assert_eq!((up.at, up.items[0].lasted, up.items[0].cause.as_str()), (HOUR + 5_020, HOUR - MINUTE, "connect"));
}

#[test]
fn what_is_mended_before_it_is_told_is_not_told() {
    let quick = Policy { interval: SECOND, ..strict() };
    let mut world = World::new(vec![quick], vec![]).with_outages(&[(0, 60_000, 64_000)]);
    world.run_until(HOUR);
    assert_eq!(world.changes.len(), 3, "it was down and up again");
    assert_eq!(world.told, []);
}

#[test]
fn what_falls_again_before_its_recovery_is_told_has_been_down_all_the_time() {
    let quick = Policy { interval: SECOND, ..strict() };
    let outages = &[(0, 60_000, 80_000), (0, 83_000, 120_000)];
    let mut world = World::new(vec![quick], vec![]).with_outages(outages);
    world.run_until(HOUR);
    assert_eq!(world.messages(), [(Down, vec![0]), (Recovered, vec![0])]);
    assert_eq!(world.told[1].items[0].lasted, MINUTE, "of what people were told");
}

#[test]
fn thirty_monitors_of_one_dead_host_are_one_message() {
    let one_host = Policy { interval: MINUTE, host: Some(1), ..policy() };
    let mut world = World::new(vec![one_host; 30], vec![]);
    world.service = Box::new(|id, now| {
        let failure = if id % 2 == 0 { FailureKind::Timeout } else { FailureKind::Connect };
        (20, (20 * MINUTE + 7..40 * MINUTE).contains(&now).then_some(failure))
    });
    world.run_until(HOUR);
    assert_eq!(world.messages(), [(Down, (0..30).collect()), (Recovered, (0..30).collect())]);
}

#[test]
fn thirty_hosts_behind_one_switch_are_a_few_messages_although_nobody_said_so() {
    let mut world = World::new(vec![Policy { interval: MINUTE, ..policy() }; 30], vec![]);
    world.service =
        Box::new(|_, now| (20, (20 * MINUTE + 7..40 * MINUTE).contains(&now).then_some(FailureKind::Timeout)));
    world.run_until(HOUR);
    let told: Vec<_> = world.messages().iter().map(|(kind, of)| (*kind, of.len())).collect();
    assert_eq!(told, [(Down, 16), (Down, 14), (Recovered, 3), (Recovered, 15), (Recovered, 12)]);
}

#[test]
fn what_falls_one_after_the_other_is_told_now_and_then_and_not_each_time() {
    let mut world = World::new(vec![Policy { interval: MINUTE, ..strict() }; 30], vec![]);
    world.service = Box::new(|_, now| (20, (now > 20 * MINUTE).then_some(FailureKind::Timeout)));
    world.run_until(HOUR);
    let told: Vec<_> = world.told.iter().map(|notice| (notice.at - 20 * MINUTE, notice.items.len())).collect();
    assert_eq!(told, [(7_020, 3), (37_020, 15), (67_020, 12)]);
}

#[test]
fn two_causes_are_two_messages() {
    let mut world = World::new(vec![policy(); 3], vec![]);
    world.service = Box::new(|id, now| {
        let kind = if id == 1 { FailureKind::Status } else { FailureKind::Timeout };
        (20, (now >= MINUTE).then_some(kind))
    });
    world.run_until(10 * MINUTE);
    let mut told = world.messages();
    told.sort_by_key(|(_, of)| of[0]);
    assert_eq!(told, [(Down, vec![0, 2]), (Down, vec![1])]);
}

#[test]
fn a_message_waits_for_those_about_to_fall_but_not_for_ever() {
    // The second one fails softly for minutes.
    let slow = Policy { failure_threshold: 100, ..policy() };
    let mut world =
        World::new(vec![strict(), slow], vec![]).with_outages(&[(0, 60_000, FOREVER), (1, 50_000, FOREVER)]);
    world.run_until(5 * MINUTE);
    assert_eq!((world.messages(), world.told[0].at), (vec![(Down, vec![0])], 60_020 + 30_000));
}

#[test]
fn a_reminder_comes_as_long_as_it_is_down() {
    let policies = vec![Policy { reminder: Some(HOUR), ..policy() }, Policy { reminder: Some(HOUR), ..policy() }];
    let outages = &[(0, 60_000, 3 * HOUR), (1, 60_000, 3 * HOUR)];
    let mut world = World::new(policies, vec![]).with_outages(outages);
    world.run_until(10 * HOUR);
    assert_eq!(kinds(&world), [Down, Reminder, Reminder, Recovered]);
    assert!(world.told.iter().all(|notice| notice.items.len() == 2), "together");
    assert_eq!(world.told[1].at - world.told[0].at, HOUR);
    assert_eq!(world.told[1].items[0].lasted, world.told[1].at - 60_020);
}

#[test]
fn nobody_is_reminded_of_what_is_unknown() {
    let policies = vec![policy(), Policy { depends_on: vec![0], reminder: Some(10 * MINUTE), ..policy() }];
    let outages = &[(1, 60_000, 3 * HOUR), (0, 5 * MINUTE, 2 * HOUR)];
    let mut world = World::new(policies, vec![]).with_outages(outages);
    world.run_until(2 * HOUR);
    assert_eq!(world.messages(), [(Down, vec![1]), (Down, vec![0])]);
    world.run_until(2 * HOUR + 8 * MINUTE);
    assert_eq!(world.messages()[2..], [(Recovered, vec![0]), (Reminder, vec![1])], "as soon as it is seen down again");
}

#[test]
fn a_maintenance_window_silences_and_what_is_left_of_it_is_told() {
    let outages = &[(0, 60_000, 10 * MINUTE), (1, 60_000, FOREVER), (2, 0, 5 * MINUTE)];
    let mut world = World::new(vec![strict(), strict(), strict()], vec![]).with_outages(outages);
    world.run_until(30_000);
    assert_eq!(world.messages(), [(Down, vec![2])]);
    (0..3).for_each(|id| world.fleet.set_maintenance(id, true));
    world.run_until(20 * MINUTE);
    assert_eq!(world.told.len(), 1, "silence");
    assert!(world.changes[4..].iter().all(|change| change.maintenance));
    (0..3).for_each(|id| world.fleet.set_maintenance(id, false));
    world.run_until(20 * MINUTE + 10_000);
    assert_eq!(world.messages()[1..], [(Down, vec![1]), (Recovered, vec![2])]);
    assert_eq!(world.told[1].items[0].lasted, world.told[1].at - 60_000 - 3_353, "since it fell");
}

#[test]
fn to_take_right_after_a_window_tells_at_once() {
    let mut world = World::new(vec![strict()], vec![]).with_outages(&[(0, 60_000, FOREVER)]);
    world.fleet.set_maintenance(0, true);
    world.run_until(10 * MINUTE);
    world.fleet.set_maintenance(0, false);
    let told = world.notices.take(world.now, &world.fleet);
    assert_eq!((told.len(), told[0].kind), (1, Down));
    assert_eq!(world.notices.next_due(), None);
}

#[test]
fn one_that_flaps_is_told_once_and_then_when_it_is_stable() {
    let mut world = World::new(vec![policy()], vec![]);
    // Ten minutes: five up, five down.
    let down = |now: Millis| now < 3 * HOUR && now / (5 * MINUTE) % 2 == 1;
    world.service = Box::new(move |_, now| (20, down(now).then_some(FailureKind::Connect)));
    world.run_until(5 * HOUR);
    assert_eq!(kinds(&world), [Down, Recovered, Down, Recovered, Down, Recovered, Flapping, Recovered]);
    let (flapping, stable) = (&world.told[6], &world.told[7]);
    assert_eq!(flapping.items[0].lasted, flapping.at - 5 * MINUTE - 20, "since the first of these outages");
    assert_eq!(stable.at, 3 * HOUR + 20 + 10 * MINUTE);
    assert_eq!(stable.items[0].lasted, 5 * MINUTE, "the last outage");
}

#[test]
fn one_that_flaps_and_stays_down_is_told_to_be_down() {
    let mut world = World::new(vec![policy()], vec![]);
    let down = |now: Millis| now >= HOUR || now / (5 * MINUTE) % 2 == 1;
    world.service = Box::new(move |_, now| (20, down(now).then_some(FailureKind::Connect)));
    world.run_until(5 * HOUR);
    assert_eq!(kinds(&world)[6..], [Flapping, Down]);
}

#[test]
fn flaps_that_are_too_short_to_be_told_are_told_as_flapping() {
    let quick = Policy { interval: SECOND, ..strict() };
    let mut world = World::new(vec![quick], vec![]);
    world.service = Box::new(|_, now| (20, (now / SECOND % 4 < 2).then_some(FailureKind::Connect)));
    world.run_until(HOUR);
    assert_eq!(kinds(&world), [Flapping]);
}

#[test]
fn an_outage_each_hour_is_no_flapping() {
    let mut world = World::new(vec![policy()], vec![]);
    world.service = Box::new(move |_, now| (20, (now % HOUR > 50 * MINUTE).then_some(FailureKind::Connect)));
    world.run_until(24 * HOUR + MINUTE);
    assert_eq!(world.told.len(), 48);
    assert!(!kinds(&world).contains(&Flapping));
}

#[test]
fn a_link_that_blinks_is_not_told_and_one_that_flaps_is_told_now_and_then() {
    let wan = Policy { network: Some(Network::Wan), interval: SECOND, ..policy() };
    let mut world = World::new(vec![wan.clone()], vec![Network::Wan]).offline(60_000, 61_000);
    world.service = Box::new(|_, now| (20, (60_000..61_000).contains(&now).then_some(FailureKind::Connect)));
    world.run_until(HOUR);
    assert!(world.changes.len() > 2 && world.state(0) == State::Up);
    assert_eq!(world.told, [], "it was offline for a moment");

    let mut world = World::new(vec![wan], vec![Network::Wan]);
    let off = |now: Millis| now < 4 * HOUR && now % MINUTE > 30_000;
    world.service = Box::new(move |_, now| (20, off(now).then_some(FailureKind::Connect)));
    world.target = Box::new(move |_, now| (20, !off(now)));
    world.run_until(6 * HOUR);
    assert!(kinds(&world).iter().all(|kind| *kind == BackOnline), "{:?}", kinds(&world));
    assert_eq!(world.told.len(), 3 + 24, "three at once, then every ten minutes");
    let told: Millis = world.told.iter().map(|notice| notice.items[0].lasted).sum();
    assert!((240 * 28_900..240 * 30_000).contains(&told), "every second of it: {told}");
}

#[test]
fn after_a_reload_nothing_is_told_twice() {
    let mut world = World::new(vec![strict(), strict()], vec![]).with_outages(&[(0, 0, FOREVER), (1, 0, FOREVER)]);
    world.run_until(MINUTE + 500);
    let kept = [None, Some(0)];
    world.fleet = world.fleet.reconfigure(vec![strict(), strict()], vec![], &kept, world.now);
    world.notices = world.notices.reconfigure(&kept);
    world.told.clear();
    world.run_until(HOUR);
    assert_eq!(world.messages(), [(Down, vec![0])], "the new one alone");
}
