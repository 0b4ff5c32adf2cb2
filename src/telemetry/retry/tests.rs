//! Every code, every pause.

use super::*;

const SEC: Millis = 1000;
const HALF: u32 = 1 << 31;

fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// The pause after this outcome of a request at the time 0.
fn pause_after(outcome: Outcome, random: u32) -> Millis {
    let mut retry = Retry::new(false);
    assert_eq!(retry.next(0, random), Action::Send);
    retry.done(0, outcome);
    match retry.next(0, random) {
        Action::Wait(due) => due,
        Action::Send => 0,
        Action::Busy => panic!("busy"),
    }
}

#[test]
fn a_grpc_status_is_final_or_not_as_the_specification_says() {
    // In order of their numbers, OK first; `None` for RESOURCE_EXHAUSTED, which depends on RetryInfo.
    let retryable = [
        None,
        Some(true),
        Some(false),
        Some(false),
        Some(true),
        Some(false),
        Some(false),
        Some(false),
        None,
        Some(false),
        Some(true),
        Some(true),
        Some(false),
        Some(false),
        Some(true),
        Some(true),
        Some(false),
    ];
    for (status, retryable) in retryable.into_iter().enumerate() {
        for asked in [None, secs(0), secs(30)] {
            let expected = match (status, retryable) {
                (0, _) => Outcome::Accepted { rejected: 0 },
                (8, _) if asked.is_some() => Outcome::Again(asked),
                (_, Some(true)) => Outcome::Again(asked),
                _ => Outcome::Refused,
            };
            assert_eq!(Outcome::of_grpc(status as u32, asked), expected, "{status} {asked:?}");
        }
    }
    for unknown in [17, 100, u32::MAX] {
        assert_eq!(Outcome::of_grpc(unknown, secs(1)), Outcome::Refused);
    }
}

#[test]
fn of_all_http_statuses_four_are_tried_again() {
    for status in 100..=999 {
        let expected = match status {
            200..=299 => Outcome::Accepted { rejected: 0 },
            429 | 502 | 503 | 504 => Outcome::Again(secs(7)),
            _ => Outcome::Refused,
        };
        assert_eq!(Outcome::of_http(status, secs(7)), expected, "{status}");
    }
}

#[test]
fn one_request_at_a_time_and_no_pause_while_all_is_well() {
    let mut retry = Retry::new(false);
    for now in 0..10 {
        assert_eq!(retry.next(now, u32::MAX), Action::Send);
        assert_eq!(retry.next(now, u32::MAX), Action::Busy);
        assert_eq!(retry.done(now, Outcome::Accepted { rejected: now }), Fate::Sent { rejected: now });
        assert_eq!(retry.caught_up(), None);
    }
    assert_eq!(retry.next(10, 0), Action::Send);
    retry.cancel();
    assert_eq!(retry.next(10, 0), Action::Send);
}

#[test]
fn what_was_partly_rejected_or_refused_is_not_sent_again() {
    for (outcome, fate) in [
        (Outcome::Accepted { rejected: 5 }, Fate::Sent { rejected: 5 }),
        (Outcome::Refused, Fate::Refused),
        (Outcome::UNREACHABLE, Fate::Kept),
        (Outcome::Again(secs(9)), Fate::Kept),
    ] {
        let mut retry = Retry::new(false);
        retry.next(0, 0);
        assert_eq!(retry.done(0, outcome), fate);
    }
}

#[test]
fn pauses_double_up_to_a_bound_and_begin_anew_after_a_success() {
    for (random, expected) in [(0, [5, 10, 20, 40, 60, 60, 60]), (HALF, [7, 15, 30, 60, 90, 90, 90])] {
        let (mut retry, mut now, mut pauses) = (Retry::new(false), 0, Vec::new());
        for _ in 0..7 {
            assert_eq!(retry.next(now, 0), Action::Send);
            retry.done(now, Outcome::UNREACHABLE);
            let Action::Wait(due) = retry.next(now, random) else { panic!("no pause") };
            assert_eq!(retry.next(due - 1, HALF), Action::Wait(due), "luck is asked once");
            pauses.push((due - now) / SEC);
            now = due;
        }
        assert_eq!(pauses, expected);
        assert_eq!(retry.next(now, 0), Action::Send);
        retry.done(now, Outcome::Accepted { rejected: 0 });
        assert_eq!(retry.next(now + 2 * SEC, 0), Action::Send);
        retry.done(now + 2 * SEC, Outcome::UNREACHABLE);
        assert_eq!(retry.next(now, 0), Action::Wait(now + 7 * SEC));
    }
}

#[test]
fn every_pause_lies_between_half_and_whole() {
    let mut random = fastrand::Rng::with_seed(5);
    for failures in [0, 1, 3, 4, 16, 40, u32::MAX] {
        let (least, most) = (Pause::Failed(failures, 0).millis(0), Pause::Failed(failures, 0).millis(u32::MAX));
        assert!(least >= 5 * SEC && most < 120 * SEC && most >= 2 * least - 1, "{failures}: {least} {most}");
        let pauses: Vec<Millis> = (0..400).map(|_| Pause::Failed(failures, 0).millis(random.u32(..))).collect();
        assert!(pauses.iter().all(|pause| (least..=most).contains(pause)));
        // Spread over all of it: none of ten parts is empty.
        for part in 0..10 {
            let (from, to) = (least + (most - least) * part / 10, least + (most - least) * (part + 1) / 10);
            assert!(pauses.iter().any(|pause| (from..=to).contains(pause)), "{failures}: none in {from}..{to}");
        }
    }
}

#[test]
fn a_collector_may_ask_for_a_longer_pause_but_not_for_ever() {
    for (asked, least, most) in [
        (secs(0), 5 * SEC, 10 * SEC),
        (secs(1), 5 * SEC, 10 * SEC),
        (secs(30), 30 * SEC, 38 * SEC),
        (secs(86_400), 3600 * SEC, 4501 * SEC),
        (secs(u64::MAX), 3600 * SEC, 4501 * SEC),
        (Some(Duration::MAX), 3600 * SEC, 4501 * SEC),
    ] {
        for random in [0, HALF, u32::MAX] {
            let pause = pause_after(Outcome::Again(asked), random);
            assert!((least..=most).contains(&pause), "{asked:?}: {pause}");
        }
    }
    // If that fails too, the pauses go on growing.
    let mut retry = Retry::new(false);
    let mut now = 0;
    for expected in [8, 10, 20, 40] {
        retry.next(now, 0);
        retry.done(now, Outcome::Again(secs(8)));
        let Action::Wait(due) = retry.next(now, 0) else { panic!("no pause") };
        assert_eq!(due - now, expected * SEC);
        now = due;
    }
}

#[test]
fn one_that_refuses_everything_is_not_fed_without_pause() {
    assert_eq!(pause_after(Outcome::Refused, 0), 5 * SEC);
    let mut retry = Retry::new(false);
    retry.next(0, 0);
    retry.done(0, Outcome::Refused);
    assert_eq!((retry.away_since(), retry.caught_up()), (None, None), "it is not away");
}

#[test]
fn what_an_outage_has_left_is_sent_with_pauses_between() {
    let mut retry = Retry::new(false);
    retry.next(0, 0);
    retry.done(SEC, Outcome::UNREACHABLE);
    assert_eq!(retry.away_since(), Some(SEC));
    let mut now = 60 * SEC;
    assert_eq!(retry.next(now, 0), Action::Send);
    for random in [0, HALF, u32::MAX, 0] {
        retry.done(now, Outcome::Accepted { rejected: 0 });
        assert_eq!(retry.away_since(), None);
        let Action::Wait(due) = retry.next(now, random) else { panic!("a thundering start") };
        assert!((now + SEC..now + 3 * SEC / 2).contains(&due), "{due}");
        now = due;
        assert_eq!(retry.next(now, 0), Action::Send);
    }
    retry.done(now, Outcome::Accepted { rejected: 0 });
    assert_eq!(retry.caught_up(), Some(Away { began: SEC, returned: 60 * SEC }));
    assert_eq!((retry.caught_up(), retry.next(now, 0)), (None, Action::Send));
}

#[test]
fn a_link_that_falls_again_before_all_is_sent_is_one_outage() {
    let mut retry = Retry::new(false);
    for (now, outcome) in [
        (0, Outcome::UNREACHABLE),
        (100, Outcome::Accepted { rejected: 0 }),
        (200, Outcome::UNREACHABLE),
        (300, Outcome::Refused),
        (400, Outcome::Accepted { rejected: 0 }),
    ] {
        assert_eq!(retry.next(now * SEC, 0), Action::Send, "{now}");
        if now == 300 {
            assert_eq!(retry.caught_up(), None, "it is away");
        }
        retry.done(now * SEC, outcome);
    }
    assert_eq!(retry.caught_up(), Some(Away { began: 0, returned: 300 * SEC }));
}

#[test]
fn what_an_earlier_life_has_left_is_spaced_as_well() {
    let mut retry = Retry::new(true);
    assert_eq!(retry.next(0, 0), Action::Send);
    retry.done(0, Outcome::Accepted { rejected: 0 });
    assert_eq!(retry.next(0, 0), Action::Wait(SEC));
    // Nobody saw that outage begin: there is nothing to say of it.
    assert_eq!((retry.caught_up(), retry.next(0, 0)), (None, Action::Wait(SEC)));
}

#[test]
fn when_the_network_is_back_nodes_come_soon_but_not_together() {
    let failed = |outcome, times| {
        let mut retry = Retry::new(false);
        for now in (0..times).map(|time| time * 200 * SEC) {
            assert_eq!(retry.next(now, 0), Action::Send);
            retry.done(now, outcome);
        }
        (retry, (times - 1) * 200 * SEC)
    };
    for random in [0, HALF, u32::MAX] {
        let (mut retry, now) = failed(Outcome::UNREACHABLE, 6);
        let Action::Wait(late) = retry.next(now, random) else { panic!("no pause") };
        retry.hurry(now, random);
        let soon = now + spread(10 * SEC, random);
        assert!(soon < late);
        let expected = if soon == now { Action::Send } else { Action::Wait(soon) };
        assert_eq!(retry.next(now, 0), expected);
    }
    // A pause that ends sooner stays as it is, and one that was asked for is kept.
    let (mut retry, now) = failed(Outcome::UNREACHABLE, 1);
    retry.next(now, 0);
    retry.hurry(now, u32::MAX);
    assert_eq!(retry.next(now, 0), Action::Wait(now + 5 * SEC));
    let (mut retry, now) = failed(Outcome::Again(secs(100)), 1);
    retry.next(now, 0);
    retry.hurry(now, HALF);
    assert_eq!(retry.next(now, 0), Action::Wait(now + 100 * SEC));
}

#[test]
fn when_the_agent_stops_the_rest_is_tried_at_once_and_without_pauses() {
    let accepted = Outcome::Accepted { rejected: 0 };
    // Between the requests that make up for an outage; and while the next try is far, though the collector may be back.
    for before in [&[Outcome::UNREACHABLE, accepted][..], &[Outcome::UNREACHABLE; 6], &[Outcome::Refused]] {
        let mut retry = Retry::new(false);
        for (now, outcome) in before.iter().enumerate().map(|(at, outcome)| (at as u64 * 200 * SEC, *outcome)) {
            assert_eq!(retry.next(now, 0), Action::Send);
            retry.done(now, outcome);
        }
        let now = (before.len() as u64 - 1) * 200 * SEC;
        assert!(matches!(retry.next(now, HALF), Action::Wait(_)), "{before:?}");
        retry.stop(now);
        for _ in 0..3 {
            assert_eq!(retry.next(now, HALF), Action::Send, "{before:?}");
            retry.done(now, accepted);
        }
        assert_eq!(retry.next(now, HALF), Action::Send);
        retry.done(now, Outcome::UNREACHABLE);
        assert!(matches!(retry.next(now, HALF), Action::Wait(_)), "it is tried once, not for ever");
    }
}

#[test]
fn a_request_that_is_on_its_way_when_the_agent_stops_is_not_begun_again() {
    let mut retry = Retry::new(true);
    assert_eq!(retry.next(0, 0), Action::Send);
    retry.stop(0);
    assert_eq!(retry.next(0, 0), Action::Busy);
    retry.done(0, Outcome::Accepted { rejected: 0 });
    assert_eq!(retry.next(0, 0), Action::Send);
}

#[test]
fn a_pause_that_was_asked_for_is_kept_when_the_agent_stops() {
    let mut retry = Retry::new(false);
    assert_eq!(retry.next(0, 0), Action::Send);
    retry.done(0, Outcome::Again(secs(100)));
    retry.stop(99 * SEC);
    assert_eq!(retry.next(99 * SEC, 0), Action::Wait(100 * SEC));
}
