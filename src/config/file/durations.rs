//! Times as people write them: `30`, `0.5`, `500ms`, `5s`, `2m`, `1h`, `1d`.

use alloc::string::String;
use core::time::Duration;

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A number of seconds, or one with a unit; fractions to the millisecond.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim_start();
    let unit_millis = if unit.is_empty() { 1000 } else { UNITS.iter().find(|(name, _)| *name == unit)?.1 };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let part = u64::from(fraction.parse::<u32>().ok()?) * unit_millis / 10u64.pow(fraction.len() as u32);
    whole.parse::<u64>().ok()?.checked_mul(unit_millis)?.checked_add(part).map(Duration::from_millis)
}

/// In the largest unit of which it is a whole number.
pub(super) fn push(text: &mut String, time: Duration) {
    let millis = time.as_millis() as u64;
    let (name, unit) =
        UNITS.into_iter().find(|(_, unit)| millis.is_multiple_of(*unit) && millis > 0).unwrap_or(("s", 1000));
    text.push_str(itoa::Buffer::new().format(millis / unit));
    text.push_str(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_number_is_seconds() {
        for (text, millis) in [("30", 30_000), ("0.5", 500), ("0", 0), ("2.25", 2250), ("0.0009", 0), ("00010", 10_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_unit_follows_its_number() {
        for (text, millis) in
            [("500ms", 500), ("5s", 5000), ("2m", 120_000), ("1h", 3_600_000), ("1d", 86_400_000), ("1.5 h", 5_400_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "s",
            ".5",
            "5.",
            "-1",
            "+1",
            "1e3",
            "5S",
            "5 parsecs",
            "1h30m",
            "1..5",
            "\u{661}",
            "99999999999999999999",
            "18446744073709551615d",
            "0.0000000001",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_is_shown_in_its_largest_unit() {
        for text in ["0s", "1ms", "1500ms", "90s", "2m", "36h", "7d"] {
            let mut shown = String::new();
            push(&mut shown, parse(text).unwrap());
            assert_eq!(shown, text);
        }
    }
}
