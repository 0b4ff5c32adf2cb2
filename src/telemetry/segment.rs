//! One file of the spool, as bytes. It holds what one request takes, so it is sent as a whole and then removed: that it is
//! there is all the bookkeeping.
//!
//! ```text
//! header: "imalive1"  signal  resource length  scope length  time  resource  scope  sum
//!               8       1           4               4          8                     4      bytes
//! record: length  items  time  sum  encoded
//!            4      4      8    4
//! ```
//! Numbers are little-endian. Each sum is the CRC-32C of all that stands before it and is no sum, and of the record that it
//! stands in. So a record proves those before it, and what the card held there before is taken for nothing.

use super::checksum::crc32c;
use super::envelope::Envelope;
use super::ring::{Record, Signal, Tally};

const MAGIC: &[u8; 8] = b"imalive1";
const HEADER_BYTES: usize = 8 + 1 + 4 + 4 + 8;
const SUM_BYTES: usize = 4;
/// Bytes in front of each record.
pub(super) const RECORD_BYTES: usize = 4 + 4 + 8 + SUM_BYTES;

/// Begins a segment whose first record has this time. Returns the sum to go on with.
pub(super) fn begin(signal: Signal, unix_nanos: u64, envelope: &Envelope, to: &mut Vec<u8>) -> u32 {
    let from = to.len();
    to.extend_from_slice(MAGIC);
    to.push(signal as u8);
    to.extend_from_slice(&(envelope.resource().len() as u32).to_le_bytes());
    to.extend_from_slice(&(envelope.scope().len() as u32).to_le_bytes());
    to.extend_from_slice(&unix_nanos.to_le_bytes());
    to.extend_from_slice(envelope.resource());
    to.extend_from_slice(envelope.scope());
    let sum = crc32c(0, to.get(from..).unwrap_or_default());
    to.extend_from_slice(&sum.to_le_bytes());
    sum
}

/// Adds a record, which comes in pieces.
pub(super) fn append(sum: u32, record: Record, pieces: [&[u8]; 2], to: &mut Vec<u8>) -> u32 {
    let from = to.len();
    to.extend_from_slice(&((pieces[0].len() + pieces[1].len()) as u32).to_le_bytes());
    to.extend_from_slice(&record.items.to_le_bytes());
    to.extend_from_slice(&record.unix_nanos.to_le_bytes());
    let sum = crc32c(sum, to.get(from..).unwrap_or_default());
    let sum = pieces.iter().fold(sum, |sum, piece| crc32c(sum, piece));
    to.extend_from_slice(&sum.to_le_bytes());
    pieces.iter().for_each(|piece| to.extend_from_slice(piece));
    sum
}

/// What could be read of a segment: all before its first fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents<'b> {
    pub(super) signal: Signal,
    pub(super) envelope: Envelope,
    pub(super) tally: Tally,
    /// Bytes of the records alone.
    pub(super) records_len: usize,
    /// Of the file, the bytes that are whole.
    pub(super) whole_len: usize,
    records: &'b [u8],
}

impl Contents<'_> {
    /// Makes the request that these records are.
    pub(super) fn encode(&self, request: &mut Vec<u8>) {
        self.envelope.begin(self.records_len, request);
        let mut rest = self.records;
        while let Some(record) = record(rest) {
            request.extend_from_slice(record.encoded);
            rest = record.rest;
        }
    }
}

/// Reads a segment. `None` if not even its header is whole.
pub(super) fn read(bytes: &[u8]) -> Option<Contents<'_>> {
    let (header, rest) = bytes.split_at_checked(HEADER_BYTES)?;
    let (magic, numbers) = header.split_first_chunk::<8>()?;
    if magic != MAGIC {
        return None;
    }
    let (signal, numbers) = numbers.split_first()?;
    let (resource_len, numbers) = number(numbers)?;
    let (scope_len, _) = number(numbers)?;
    let (resource, rest) = rest.split_at_checked(resource_len as usize)?;
    let (scope, rest) = rest.split_at_checked(scope_len as usize)?;
    let (written, rest) = number(rest)?;
    let mut sum = crc32c(crc32c(crc32c(0, header), resource), scope);
    if sum != written {
        return None;
    }
    let (mut tally, mut records_len, mut left) = (Tally::default(), 0, rest);
    while let Some(record) = record(left) {
        sum = crc32c(crc32c(sum, record.head), record.encoded);
        if sum != record.sum {
            break;
        }
        tally.add(Tally::one(number(record.head.get(4..)?)?.0));
        records_len += record.encoded.len();
        left = record.rest;
    }
    Some(Contents {
        signal: *Signal::ALL.get(usize::from(*signal))?,
        envelope: Envelope::new(resource.into(), scope.into()),
        tally,
        records_len,
        whole_len: bytes.len() - left.len(),
        records: rest.get(..rest.len() - left.len())?,
    })
}

/// A record as it says of itself.
struct Raw<'b> {
    /// What stands before the sum.
    head: &'b [u8],
    sum: u32,
    encoded: &'b [u8],
    /// What comes after the record.
    rest: &'b [u8],
}

fn record(bytes: &[u8]) -> Option<Raw<'_>> {
    let (head, rest) = bytes.split_at_checked(RECORD_BYTES - SUM_BYTES)?;
    let (sum, rest) = number(rest)?;
    let (encoded, rest) = rest.split_at_checked(number(head)?.0 as usize)?;
    Some(Raw { head, sum, encoded, rest })
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk::<4>().map(|(number, rest)| (u32::from_le_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::super::envelope::testing::{envelope, item, numbers, record};
    use super::*;

    /// A segment of three records, and how long it was after each.
    fn segment() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut sum = begin(Signal::Logs, 7, &envelope(), &mut bytes);
        let mut lengths = vec![bytes.len()];
        for number in 0..3 {
            let encoded = record(&[item(number, "up"), item(number, "again")]);
            let (front, back) = encoded.split_at(number as usize);
            sum = append(sum, Record { unix_nanos: number, items: 2 }, [front, back], &mut bytes);
            lengths.push(bytes.len());
        }
        (bytes, lengths)
    }

    fn sent(contents: &Contents) -> Vec<u64> {
        let mut request = Vec::new();
        contents.encode(&mut request);
        numbers(&request)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (bytes, _) = segment();
        let contents = read(&bytes).unwrap();
        assert_eq!((contents.signal, contents.whole_len), (Signal::Logs, bytes.len()));
        assert_eq!(contents.tally, Tally { records: 3, items: 6 });
        assert_eq!(sent(&contents), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn cut_at_any_byte_all_before_the_cut_is_there() {
        let (bytes, lengths) = segment();
        for cut in 0..=bytes.len() {
            let whole = lengths.iter().filter(|length| **length <= cut).count();
            match read(&bytes[..cut]) {
                None => assert_eq!(whole, 0, "{cut}"),
                Some(contents) => {
                    assert_eq!(contents.tally.records + 1, whole as u64, "{cut}");
                    assert_eq!(contents.whole_len, lengths[whole - 1]);
                    assert_eq!(sent(&contents), [0, 0, 1, 1, 2, 2][..2 * (whole - 1)]);
                }
            }
            // What a file system may have put there instead.
            for filler in [0, 0xff] {
                let mut filled = bytes[..cut].to_vec();
                filled.resize(bytes.len() + 50, filler);
                let same = bytes.iter().zip(&filled).take_while(|(one, other)| one == other).count();
                let whole = lengths.iter().filter(|length| **length <= same).count();
                assert_eq!(read(&filled).map_or(0, |contents| contents.tally.records as usize + 1), whole, "{cut}");
            }
        }
    }

    #[test]
    fn a_bit_that_has_changed_spoils_its_record_and_those_after_it_only() {
        let (bytes, lengths) = segment();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let whole = lengths.iter().filter(|length| **length <= bit / 8).count();
            assert_eq!(read(&changed).map_or(0, |contents| contents.tally.records as usize + 1), whole, "bit {bit}");
        }
    }

    #[test]
    fn a_record_of_another_segment_is_taken_for_nothing() {
        let (old, lengths) = segment();
        let mut new = Vec::new();
        begin(Signal::Logs, 8, &envelope(), &mut new);
        assert_eq!(new.len(), lengths[0]);
        new.extend_from_slice(&old[lengths[0]..]);
        assert_eq!(read(&new).unwrap().tally, Tally::default());
        // Nor is one of the same segment in another place.
        let swapped = [&old[..lengths[0]], &old[lengths[1]..lengths[2]], &old[lengths[0]..lengths[1]]].concat();
        assert_eq!(read(&swapped).unwrap().tally, Tally::default());
    }

    #[test]
    fn what_is_no_segment_is_none() {
        let (bytes, _) = segment();
        for other in [&b""[..], b"imalive1", &[0; 400], &[0xff; 400], &bytes[1..]] {
            assert_eq!(read(other), None);
        }
    }
}
