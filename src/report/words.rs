//! Lengths of time, lists of names and texts of others as people read them.

use alloc::string::String;

use crate::config::LogLevel;
use crate::limits::{NOTICE_CAUSE_CHARS, NOTICE_NAME_CHARS, NOTICE_NAMES};
use crate::report::iso8601::iso8601;
use crate::report::number::push_integer;
use crate::snapshot::Millis;

/// A clock that says an earlier year than 2024 has not been set.
const CLOCK_SET_UNIX_MICROS: u64 = 1_704_067_200_000_000;

/// A level as the original's log has it.
pub(crate) fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warning => "WARN",
        LogLevel::Info => "INFO",
        LogLevel::Debug => "DEBUG",
    }
}

/// `800 ms`, `35 s`, `12 min 5 s`, `2 h 5 min`, `3 d 4 h`: the two largest units.
pub(super) fn push_duration(out: &mut String, duration: Millis) {
    const UNITS: [(u64, &str); 4] = [(86_400, " d"), (3600, " h"), (60, " min"), (1, " s")];
    let secs = duration / 1000;
    let Some(at) = UNITS.iter().position(|(unit, _)| secs >= *unit) else {
        push_integer(out, duration);
        return out.push_str(" ms");
    };
    let mut rest = secs;
    for (index, (unit, name)) in UNITS.iter().enumerate().skip(at).take(2) {
        if index == at || rest >= *unit {
            if index > at {
                out.push(' ');
            }
            push_integer(out, rest / unit);
            out.push_str(name);
        }
        rest %= unit;
    }
}

/// `since 03:24 UTC`, with the date where that is over a day ago; `for 35 s` while the clock has not been set.
pub(super) fn push_since(out: &mut String, unix_micros: u64, lasted: Millis) {
    if unix_micros < CLOCK_SET_UNIX_MICROS {
        out.push_str("for ");
        return push_duration(out, lasted);
    }
    out.push_str("since ");
    let date = iso8601(unix_micros);
    let (day, time) = date.split_once('T').unwrap_or((&date, ""));
    if lasted >= 86_400_000 {
        out.push_str(day);
        out.push(' ');
    }
    // Hours and minutes.
    out.push_str(time.get(..5).unwrap_or(time));
    out.push_str(" UTC");
}

/// `a`, `a and b`, `a, b and 3 more`; how many there are.
pub(super) fn push_names<'a>(out: &mut String, names: impl Iterator<Item = &'a str> + Clone) -> usize {
    let total = names.clone().count();
    // "and 1 more" is no shorter than the name.
    let shown = if total > NOTICE_NAMES { NOTICE_NAMES - 1 } else { total };
    for (at, name) in names.take(shown).enumerate() {
        if at > 0 {
            out.push_str(if at + 1 == total { " and " } else { ", " });
        }
        push_cut(out, name, NOTICE_NAME_CHARS);
    }
    if shown < total {
        out.push_str(" and ");
        push_integer(out, (total - shown) as u64);
        out.push_str(" more");
    }
    total
}

/// Why, in one line of bounded length.
pub(super) fn push_cause(out: &mut String, cause: &str) {
    push_cut(out, cause.trim(), NOTICE_CAUSE_CHARS);
}

/// At most so many characters, of which the last tells that there were more. Control characters become blanks: one line.
pub(super) fn push_cut(out: &mut String, text: &str, chars: usize) {
    let cut = text.chars().nth(chars).is_some();
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    out.extend(text.chars().take(if cut { chars.saturating_sub(1) } else { chars }).map(plain));
    if cut {
        out.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_length_of_time_has_its_two_largest_units() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (725_000, "12 min 5 s"),
            (3_600_000, "1 h"),
            (3_605_000, "1 h"),
            (7_500_000, "2 h 5 min"),
            (86_400_000, "1 d"),
            (273_600_000, "3 d 4 h"),
            (86_460_000, "1 d"),
        ] {
            let mut out = String::new();
            push_duration(&mut out, millis);
            assert_eq!(out, text, "{millis}");
        }
    }

    fn since(unix_micros: u64, lasted: Millis) -> String {
        let mut out = String::new();
        push_since(&mut out, unix_micros, lasted);
        out
    }

    #[test]
    fn since_when_is_a_time_of_day_or_a_date_or_a_length() {
        assert_eq!(since(1_795_231_461_316_957, 1000), "since 03:24 UTC");
        assert_eq!(since(1_795_231_461_316_957, 86_400_000), "since 2026-11-21 03:24 UTC");
        assert_eq!(since(35_000_000, 35_000), "for 35 s");
    }

    fn names(names: &[&str]) -> String {
        let mut out = String::new();
        assert_eq!(push_names(&mut out, names.iter().copied()), names.len());
        out
    }

    #[test]
    fn names_read_as_a_list_and_the_rest_is_counted() {
        assert_eq!(names(&["web"]), "web");
        assert_eq!(names(&["web", "db"]), "web and db");
        assert_eq!(names(&["web", "db", "mail"]), "web, db and mail");
        let many: Vec<_> = core::iter::repeat_n("x", NOTICE_NAMES).collect();
        assert!(names(&many).ends_with("x, x and x"));
        let more: Vec<_> = core::iter::repeat_n("x", 64).collect();
        assert!(names(&more).ends_with("x, x and 55 more"), "{}", names(&more));
        assert_eq!(names(&more).matches('x').count(), NOTICE_NAMES - 1);
    }

    #[test]
    fn a_text_of_others_is_one_line_of_bounded_length() {
        let mut out = String::new();
        push_cut(&mut out, "a\nb\u{1b}[m", 10);
        assert_eq!(out, "a b [m");
        out.clear();
        push_cut(&mut out, &"ü".repeat(11), 10);
        assert_eq!(out, ["ü".repeat(9).as_str(), "…"].concat());
    }
}
