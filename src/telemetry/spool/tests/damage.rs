//! The spool, with its files cut, spoilt and taken away.

use super::*;

#[test]
fn cut_at_every_byte_nothing_before_the_cut_is_lost() {
    let place = Place::new("cut");
    let mut spool = place.open();
    // Three segments: the first acknowledged, the second on its way, the third cut.
    spill(&mut spool, Logs, 0..1, 64_900);
    spill(&mut spool, Logs, 1..2, 64_900);
    let mut lengths = Vec::new();
    for number in 2..6 {
        spill(&mut spool, Logs, number..number + 1, if number == 2 { 500 } else { 40 });
        lengths.push(fs::metadata(place.files().last().unwrap()).unwrap().len() as usize);
    }
    let (batch, _) = take(&mut spool).unwrap();
    spool.settle(batch, SENT);
    sync(&mut spool);
    assert_eq!(take(&mut spool).unwrap().1, [1]);
    drop(spool);
    let last = place.files().pop().unwrap();
    let whole = fs::read(&last).unwrap();
    let backup: Vec<(PathBuf, Vec<u8>)> =
        place.files().into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    for cut in 0..=whole.len() {
        backup.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        fs::write(&last, &whole[..cut]).unwrap();
        let mut spool = place.open();
        let records = lengths.iter().filter(|length| **length <= cut).count() as u64;
        // New ones come behind, also where the torn segment was the last.
        spill(&mut spool, Logs, 6..7, 10);
        let expected: Vec<u64> = (1..2 + records).chain([6]).collect();
        assert_eq!(drain(&mut spool), expected, "cut at {cut}");
        match (records as usize).checked_sub(1) {
            Some(last) => assert_eq!(spool.torn_bytes(), (cut - lengths[last]) as u64, "cut at {cut}"),
            None => assert!(spool.torn_bytes() <= cut as u64, "cut at {cut}"),
        }
        assert_eq!(place.files().len(), 0);
    }
}

#[test]
fn stopped_after_any_step_at_most_one_segment_is_sent_twice() {
    for stop in 0..24 {
        let place = Place::new("stop");
        let mut spool = place.open();
        spill(&mut spool, Logs, 0..300, 1000);
        let segments = place.files().len();
        let mut arrived = Vec::new();
        for step in 0..stop {
            match step % 3 {
                0 => sync(&mut spool),
                1 => arrived.extend(take(&mut spool).map(|(_, sent)| sent)),
                _ => {
                    // As if the batch had not been let go of.
                    let Some(front) = spool.segments.front() else { continue };
                    let (number, tally) = (front.number, front.tally.unwrap());
                    spool.settle(SegmentBatch { number, signal: Logs, tally }, SENT);
                }
            }
        }
        drop(spool);
        let mut arrived = arrived.concat();
        let before = arrived.len();
        arrived.extend(drain(&mut place.open()));
        let twice = arrived.len() - 300;
        assert!(twice <= 300 / (segments - 1), "{stop}: {twice} of {before}");
        assert_eq!(twice > 0, stop % 3 == 2 && before > 0 && stop < 3 * segments, "{stop}");
        arrived.sort_unstable();
        arrived.dedup();
        assert_eq!(arrived, (0..300).collect::<Vec<_>>(), "{stop}: something is lost");
    }
}

#[test]
fn a_segment_that_cannot_be_read_is_waited_for_and_then_left_out() {
    let place = Place::new("unreadable");
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..2, 10);
    spill(&mut spool, Traces, 2..3, 10);
    fs::remove_file(&place.files()[0]).unwrap();
    fs::create_dir(place.0.join("0000000000000000.logs")).unwrap();
    for times in 0..READS {
        assert_eq!(take(&mut spool), None, "{times}");
    }
    assert!(spool.news().unwrap().contains(" cannot be read: "));
    assert_eq!(take(&mut spool).unwrap().1, [2]);
    assert_eq!(spool.counts(Logs), Counts { taken: tally(2), dropped: tally(2), ..Counts::default() });
}

#[test]
fn what_the_card_has_lost_in_this_life_is_counted() {
    let place = Place::new("rotten");
    let mut spool = place.open();
    for number in 0..3 {
        spill(&mut spool, Logs, number..number + 1, 100);
    }
    let path = &place.files()[0];
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() - 150;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    assert_eq!(drain(&mut spool), [0]);
    assert_eq!(spool.counts(Logs), Counts { taken: tally(3), sent: tally(1), dropped: tally(2), ..Counts::default() });
    assert!(spool.torn_bytes() > 200);
}

#[test]
fn files_full_of_anything_are_left_out() {
    let place = Place::new("anything");
    drop(place.open());
    let mut random = fastrand::Rng::with_seed(9);
    for number in 0..40 {
        let mut bytes: Vec<u8> = (0..random.usize(..3000)).map(|_| random.u8(..)).collect();
        if number % 2 == 0 {
            bytes.splice(..bytes.len().min(8), *b"imalive1");
        }
        fs::write(place.0.join(["00000000000000", &(10 + number).to_string(), ".traces"].concat()), bytes).unwrap();
    }
    let mut spool = place.open();
    spill(&mut spool, Logs, 0..2, 10);
    assert_eq!(drain(&mut spool), [0, 1]);
    assert_eq!(place.files().len(), 0);
    assert_eq!(spool.counts(Traces), Counts::default());
}
