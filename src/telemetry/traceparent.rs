//! `traceparent`, by which a client says of which trace its request is part (W3C Trace Context level 1, section 3.2).

/// What a valid `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// Of the trace; never all zero.
    pub trace_id: [u8; 16],
    /// Of the client's span; never all zero.
    pub parent_id: [u8; 8],
    /// The client may have recorded its span. It is the only flag of level 1.
    pub sampled: bool,
}

/// The length of version 00: version, trace id, parent id and flags with a dash between.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

impl TraceParent {
    /// Reads the header of a request. Where there is none, more than one or an invalid one, a new trace begins, and
    /// `tracestate` is not looked at either.
    pub fn of_request<'a>(mut headers: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let header = headers.next()?;
        headers.next().is_none().then(|| Self::parse(header))?
    }

    /// Reads one value, without the white space around it.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(LENGTH)?;
        let dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        let [version] = hexadecimal(&known[..2])?;
        let version_fits = match version {
            0xff => false,
            0 => more.is_empty(),
            // A later version may say more, but starts with the same four fields.
            _ => more.first().is_none_or(|byte| *byte == b'-'),
        };
        let (trace_id, parent_id) = (hexadecimal(&known[3..35])?, hexadecimal(&known[36..52])?);
        let [flags] = hexadecimal(&known[53..])?;
        let valid = dashes && version_fits && trace_id != [0; 16] && parent_id != [0; 8];
        valid.then_some(TraceParent { trace_id, parent_id, sampled: flags & 1 == 1 })
    }
}

/// Lower case only (section 3.2.2).
fn hexadecimal<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of section 3.2.3.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn parse(value: &str) -> Option<TraceParent> {
        TraceParent::parse(value.as_bytes())
    }

    fn example() -> TraceParent {
        TraceParent {
            trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes(),
            parent_id: 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes(),
            sampled: true,
        }
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        assert_eq!(parse(EXAMPLE), Some(example()));
    }

    #[test]
    fn of_the_flags_only_the_one_that_level_1_knows_is_looked_at() {
        for (flags, sampled) in [("00", false), ("02", false), ("03", true), ("fe", false), ("ff", true)] {
            let read = parse(&[&EXAMPLE[..53], flags].concat());
            assert_eq!(read, Some(TraceParent { sampled, ..example() }), "{flags}");
        }
        assert_eq!(parse(&[&EXAMPLE[..53], "0g"].concat()), None);
    }

    #[test]
    fn ids_of_zeros_only_are_invalid() {
        assert_eq!(parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
        assert_eq!(parse("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"), None);
        assert!(parse("00-00000000000000000000000000000001-0000000000000001-01").is_some());
    }

    #[test]
    fn upper_case_is_invalid() {
        for at in EXAMPLE.char_indices().filter(|(_, digit)| digit.is_ascii_lowercase()).map(|(at, _)| at) {
            let mut value = EXAMPLE.to_owned();
            value[at..=at].make_ascii_uppercase();
            assert_eq!(parse(&value), None, "{value}");
        }
        assert_eq!(parse(&["0A", &EXAMPLE[2..]].concat()), None);
    }

    #[test]
    fn every_other_character_in_any_place_is_invalid() {
        for at in 0..EXAMPLE.len() {
            for other in [b'g', b' ', b'_', b'\0', 0xff] {
                let mut value = EXAMPLE.as_bytes().to_vec();
                value[at] = other;
                assert_eq!(TraceParent::parse(&value), None, "{other} at {at}");
            }
        }
    }

    #[test]
    fn version_ff_is_invalid() {
        assert_eq!(parse(&["ff", &EXAMPLE[2..]].concat()), None);
    }

    #[test]
    fn version_00_has_one_length() {
        for length in 0..EXAMPLE.len() {
            assert_eq!(parse(&EXAMPLE[..length]), None, "{length}");
        }
        for more in ["-", "-01", "0", " "] {
            assert_eq!(parse(&[EXAMPLE, more].concat()), None, "{more}");
        }
    }

    #[test]
    fn a_later_version_may_say_more_behind_a_dash() {
        for later in ["01", "cc", "fe"] {
            let value = [later, &EXAMPLE[2..]].concat();
            assert_eq!(parse(&value), Some(example()), "{value}");
            assert_eq!(parse(&[&value, "-what-the-future-will-be-like"].concat()), Some(example()));
            assert_eq!(parse(&[&value, "-"].concat()), Some(example()));
            assert_eq!(parse(&[&value, ".x"].concat()), None);
            assert_eq!(parse(&[&value, "0"].concat()), None);
            assert_eq!(parse(&value[..54]), None);
        }
    }

    #[test]
    fn a_request_with_no_header_or_two_begins_a_trace() {
        let of = |values: &[&str]| TraceParent::of_request(values.iter().map(|value| value.as_bytes()));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[EXAMPLE]), Some(example()));
        assert_eq!(of(&[EXAMPLE, EXAMPLE]), None);
        assert_eq!(of(&["00"]), None);
    }
}
