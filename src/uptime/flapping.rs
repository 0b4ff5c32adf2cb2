//! A scripted hour of flapping: how many messages the usual rules would have sent, and how many are sent here.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use std::println;

use super::simulation::{HOUR, MINUTE, SECOND, World, policy};
use crate::snapshot::{FailureKind, Millis};

/// Whether a check that begins then passes.
type Works = fn(Millis, &mut fastrand::Rng) -> bool;

/// What a monitor does in that hour.
const PATTERNS: [(&str, Works); 8] = [
    ("30 s up, 30 s down", |now, _| now % MINUTE < 30 * SECOND),
    ("2 min up, 1 min down", |now, _| now % (3 * MINUTE) < 2 * MINUTE),
    ("5 min up, 5 min down", |now, _| now % (10 * MINUTE) < 5 * MINUTE),
    ("a lost check every minute", |now, _| now % MINUTE >= 10 * SECOND),
    ("every other check lost", |now, _| now % (20 * SECOND) < 10 * SECOND),
    ("one check in five lost at random", |_, random| random.u8(..5) > 0),
    ("10 s in 50 down, at random", |now, _| fastrand::Rng::with_seed(now / (10 * SECOND)).u8(..5) > 0),
    ("down for 20 min", |now, _| !(20 * MINUTE..40 * MINUTE).contains(&now)),
];

/// What the usual rules make of a check every 10 s.
fn usual(works: Works) -> [usize; 3] {
    let (mut failed_checks, mut flips, mut thresholds) = (0, 0, 0);
    let (mut before, mut down) = (true, false);
    let (mut failures, mut successes) = (0, 0);
    let mut random = fastrand::Rng::with_seed(1);
    for now in (0..HOUR + 30 * MINUTE).step_by(10_000) {
        let passed = now >= HOUR || works(now, &mut random);
        failed_checks += usize::from(!passed);
        flips += usize::from(passed != before);
        before = passed;
        (failures, successes) = if passed { (0, successes + 1) } else { (failures + 1, 0) };
        if !down && failures == 3 || down && successes == 2 {
            down = !down;
            thresholds += 1;
        }
    }
    [failed_checks, flips, thresholds]
}

fn ours(works: Works) -> usize {
    let mut world = World::new(vec![policy()], vec![]);
    let mut random = fastrand::Rng::with_seed(1);
    world.service = Box::new(move |_, now| {
        let fails = now < HOUR && !works(now, &mut random);
        (20, fails.then_some(FailureKind::Connect))
    });
    world.run_until(HOUR + 30 * MINUTE);
    world.told.len()
}

#[test]
fn a_flapping_hour_is_a_handful_of_messages() {
    println!(
        "{:34} {:>13} {:>13} {:>17} {:>8}",
        "messages", "each failure", "each flip", "3 failures, 2 ok", "imalive"
    );
    let mut table = Vec::new();
    for (name, works) in PATTERNS {
        let [failed_checks, flips, thresholds] = usual(works);
        let ours = ours(works);
        println!("{name:34} {failed_checks:>13} {flips:>13} {thresholds:>17} {ours:>8}");
        table.push([failed_checks, flips, thresholds, ours]);
    }
    assert_eq!(
        table,
        [
            [180, 120, 120, 8],
            [120, 40, 40, 8],
            [180, 12, 12, 8],
            [60, 120, 0, 0],
            [180, 360, 0, 0],
            [78, 122, 0, 2],
            [76, 144, 0, 8],
            [120, 2, 2, 2],
        ]
    );
}
