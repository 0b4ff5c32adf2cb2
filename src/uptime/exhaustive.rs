//! All sequences of outcomes up to a length, against rules that look at the whole sequence instead of keeping a state.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use std::cell::Cell;
use std::rc::Rc;

use super::simulation::{MINUTE, World, outcome, policy};
use super::{Fleet, Job, Network, Policy};
use crate::snapshot::{FailureKind, NoticeKind, State, Unknown};

/// All sequences of `length` letters.
fn sequences(letters: &[char], length: u32) -> impl Iterator<Item = Vec<char>> {
    let count = letters.len();
    (0..count.pow(length)).map(move |number| (0..length).map(|at| letters[number / count.pow(at) % count]).collect())
}

/// Whether an outage is open after `seen`: `down` failures that count came in a row, and after them never `up` passes.
fn is_open(seen: &[char], down: usize, up: usize) -> bool {
    let row = |from: usize, length: usize, letter| {
        from + length <= seen.len() && seen[from..from + length].iter().all(|other| *other == letter)
    };
    (0..seen.len()).any(|at| row(at, down, 'F') && !(at + down..seen.len()).any(|later| row(later, up, 'P')))
}

#[test]
fn passes_and_failures_in_any_order_make_the_state_that_the_thresholds_say() {
    for (down, up) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 3), (4, 2)] {
        let policy = Policy { failure_threshold: down as u32, success_threshold: up as u32, ..policy() };
        for sequence in sequences(&['P', 'F'], 11) {
            let mut fleet = Fleet::new(vec![policy.clone()], vec![], 0);
            let mut changes = Vec::new();
            for (at, letter) in sequence.iter().enumerate() {
                let now = fleet.next_due().unwrap();
                assert_eq!(fleet.due(now), Some(Job::Monitor(0)));
                let failure = (*letter == 'F').then_some(FailureKind::Status);
                fleet.finish(0, now, outcome(failure), true, &mut changes);
                let seen = &sequence[..=at];
                let status = fleet.status(0);
                let expected = match is_open(seen, down, up) {
                    true => State::Down,
                    false if *letter == 'P' => State::Up,
                    false => State::Failing,
                };
                assert_eq!(status.state, expected, "{down}/{up}: {seen:?}");
                assert_eq!(status.outage_since.is_some(), expected == State::Down);
                let row = seen.iter().rev().take_while(|other| *other == letter).count() as u32;
                let rows = if failure.is_some() { (row, 0) } else { (0, row) };
                assert_eq!((status.consecutive_failures, status.consecutive_successes), rows);
                let failures = seen.iter().filter(|letter| **letter == 'F').count() as u64;
                assert_eq!((status.checks_total, status.failures_total), (at as u64 + 1, failures));
            }
            assert!(changes.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].to != pair[1].to));
        }
    }
}

/// P passes; F fails for a reason of its own; O fails while this node is offline; D fails as its parent does; C fails
/// because the clock is not set. It stays so until the next check.
const LETTERS: [char; 5] = ['P', 'F', 'O', 'D', 'C'];

const OFFLINE: State = State::Unknown(Unknown::Offline);
const PARENT: State = State::Unknown(Unknown::Dependency(1));

/// The state after each letter, once all proofs are in. `parent_seen`: whether the parent was checked meanwhile.
fn expected(sequence: &[char], parent_seen: &[bool], down: usize, up: usize) -> Vec<State> {
    let (mut states, mut counted) = (vec![State::Unknown(Unknown::NotChecked)], Vec::new());
    for (at, letter) in sequence.iter().enumerate() {
        let before = states[at];
        // What hid the monitor until now is believed to hide it still, as that is checked only later.
        let last = at.checked_sub(1).map(|last| sequence[last]);
        let offline = before == OFFLINE && last == Some('O');
        let parent = last == Some('D') && parent_seen[at - 1];
        counted.push(if *letter == 'P' || *letter == 'F' && !offline && !parent { *letter } else { '-' });
        let open = is_open(&counted, down, up);
        states.push(match letter {
            'P' if open => before,
            'P' => State::Up,
            _ if offline => OFFLINE,
            'C' => State::Unknown(Unknown::ClockNotSet),
            'D' => PARENT,
            _ if parent => PARENT,
            // Nobody asks whether this node is online while nothing is about to fall.
            'O' if before == State::Down => State::Down,
            'O' => OFFLINE,
            _ if open => State::Down,
            _ => State::Failing,
        });
    }
    states.split_off(1)
}

#[test]
fn failures_with_an_excuse_never_count_in_any_order() {
    for (down, up, length) in [(1, 1, 4), (2, 1, 5), (2, 2, 5), (3, 1, 5)] {
        for sequence in sequences(&LETTERS, length) {
            let (states, parent_seen) = run(&sequence, down, up);
            let expected = expected(&sequence, &parent_seen, down, up);
            assert_eq!(states, expected, "{down}/{up}: {sequence:?} {parent_seen:?}");
        }
    }
}

/// The state after each letter, and whether the parent was checked before the next one was read.
fn run(sequence: &[char], down: usize, up: usize) -> (Vec<State>, Vec<bool>) {
    const INTERVAL: u64 = 12_000;
    let parent = Policy { interval: 2_000, failure_threshold: 1, ..policy() };
    let child = Policy {
        interval: INTERVAL,
        retry_interval: INTERVAL,
        failure_threshold: down as u32,
        success_threshold: up as u32,
        depends_on: vec![1],
        network: Some(Network::Wan),
        ..policy()
    };
    let mut world = World::new(vec![child, parent], vec![Network::Wan, Network::Wan]);
    world.clock_set = false;
    let letter = Rc::new(Cell::new('P'));
    let (of_services, of_targets) = (letter.clone(), letter);
    let mut left = sequence.to_vec();
    world.service = Box::new(move |id, _| {
        if id == 0 {
            of_services.set(if left.is_empty() { 'P' } else { left.remove(0) });
        }
        let failure = match (id, of_services.get()) {
            (_, 'P') => None,
            (0, 'C') => Some(FailureKind::TlsNotYetValid),
            (0, _) | (_, 'D') => Some(FailureKind::Connect),
            _ => None,
        };
        (1, failure)
    });
    world.target = Box::new(move |_, _| (1, of_targets.get() != 'O'));
    world.run_until((sequence.len() as u64 + 1) * INTERVAL);
    let (begun, of_parent) = (world.begun(Job::Monitor(0)), world.begun(Job::Monitor(1)));
    let history = world.history(0);
    let state = |next: &u64| history.iter().rev().find(|(at, _)| at <= next).map(|(_, state)| *state).unwrap();
    let letters = &begun[..=sequence.len()];
    let seen = |pair: &[u64]| of_parent.iter().any(|at| (pair[0]..pair[1]).contains(at));
    (letters[1..].iter().map(state).collect(), letters.windows(2).map(seen).collect())
}

/// P passes, F fails, U is unknown for want of a clock, M opens or closes a maintenance window, W waits for an hour.
const NEWS: [char; 5] = ['P', 'F', 'U', 'M', 'W'];

#[test]
fn messages_match_what_is_and_are_never_sent_in_a_window() {
    for sequence in sequences(&NEWS, 5) {
        let mut world = World::new(
            vec![Policy { failure_threshold: 1, interval: 5 * MINUTE, retry_interval: 5 * MINUTE, ..policy() }],
            vec![],
        );
        let letter = Rc::new(Cell::new('P'));
        let of = letter.clone();
        world.service = Box::new(move |_, _| {
            let failure = match of.get() {
                'P' => None,
                'F' => Some(FailureKind::Connect),
                _ => Some(FailureKind::TlsNotYetValid),
            };
            (20, failure)
        });
        world.clock_set = false;
        let (mut open, mut told) = (false, 0);
        for next in sequence.iter().chain(&['W']) {
            match next {
                'M' => {
                    open = !open;
                    world.fleet.set_maintenance(0, open);
                }
                'W' => world.run_until(world.now + 61 * MINUTE),
                next => {
                    letter.set(*next);
                    world.run_until(world.now + 5 * MINUTE);
                }
            }
            assert!(!open || world.told.len() == told, "told in a window: {sequence:?}");
            told = world.told.len();
        }
        let kinds: Vec<NoticeKind> = world.told.iter().map(|notice| notice.kind).collect();
        let mut down = false;
        for kind in &kinds {
            match kind {
                NoticeKind::Down if !down => down = true,
                NoticeKind::Recovered if down => down = false,
                // Three outages in a row have been told by then.
                NoticeKind::Flapping if kinds.len() > 6 => down = true,
                _ => panic!("{kinds:?} after {sequence:?}"),
            }
        }
        match world.state(0) {
            _ if open => {}
            State::Down => assert!(down, "nobody knows: {sequence:?}"),
            State::Up => assert!(!down, "nobody knows: {sequence:?}"),
            _ => {}
        }
        assert!(down || kinds.is_empty() || sequence.contains(&'F'), "{kinds:?} without a failure: {sequence:?}");
    }
}
