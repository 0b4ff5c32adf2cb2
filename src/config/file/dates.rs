//! Times of the calendar and of the day, as seconds.

const DAY_SECS: u32 = 86_400;

/// RFC 3339 with `Z` or an offset, whole seconds, which may be left out: seconds since 1970.
pub(super) fn instant(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let offset_at = rest.find(['Z', 'z', '+', '-'])?;
    let (time, offset) = rest.split_at(offset_at);
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4, 9999).filter(|year| *year >= 1970)?;
    let month = digits(parts.next()?, 2, 12).filter(|month| *month > 0)?;
    let day = digits(parts.next()?, 2, days(year, month)).filter(|day| *day > 0)?;
    let days_before = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum::<u32>()
        + (1..month).map(|month| days(year, month)).sum::<u32>()
        + day
        - 1;
    let local = u64::from(days_before) * u64::from(DAY_SECS) + u64::from(time_of_day(time)?);
    local.checked_add_signed(-i64::from(self::offset(offset)?))
}

/// `HH:MM` or `HH:MM:SS`: seconds since midnight.
pub(super) fn time_of_day(text: &str) -> Option<u32> {
    let mut parts = text.split(':');
    let (hours, minutes) = (digits(parts.next()?, 2, 23)?, digits(parts.next()?, 2, 59)?);
    let seconds = parts.next().map_or(Some(0), |seconds| digits(seconds, 2, 59))?;
    parts.next().is_none().then_some(hours * 3600 + minutes * 60 + seconds)
}

/// `Z`, `+HH:MM` or `-HH:MM`: seconds east of UTC.
pub(super) fn offset(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = text.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let secs = (digits(hours, 2, 23)? * 3600 + digits(minutes, 2, 59)? * 60) as i32;
    match sign {
        "+" => Some(secs),
        "-" => Some(-secs),
        _ => None,
    }
}

/// Days since Monday, by the English name or its first three letters; every day of `daily`.
pub(super) fn weekdays(text: &str) -> Option<core::ops::Range<u32>> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    if text.eq_ignore_ascii_case("daily") {
        return Some(0..7);
    }
    let is = |name: &&str| name.eq_ignore_ascii_case(text) || name[..3].eq_ignore_ascii_case(text);
    let day = NAMES.iter().position(is)? as u32;
    Some(day..day + 1)
}

/// Seconds since Monday 00:00 UTC of a time `secs` after the local midnight that begins `day`.
pub(super) fn of_week(day: u32, secs: u32, offset: i32) -> u32 {
    let local = (day * DAY_SECS + secs) as i32;
    (local - offset).rem_euclid(7 * DAY_SECS as i32) as u32
}

fn digits(text: &str, count: usize, most: u32) -> Option<u32> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() == count;
    text.parse().ok().filter(|value| number && *value <= most)
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_seconds_since_1970() {
        for (text, secs) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-12-24T22:00:00+01:00", 1_798_146_000),
            ("2026-12-24 22:00+01:00", 1_798_146_000),
            ("2026-12-24t16:30:00-04:30", 1_798_146_000),
            ("9999-12-31T23:59:59z", 253_402_300_799),
        ] {
            assert_eq!(instant(text), Some(secs), "{text}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "2026-12-24",
            "2026-12-24T22:00:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-1-1T0:0:0Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.5Z",
            "2026-01-01T00:00:00+1",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "2026-01-01T00:00:00+01:00x",
            "2026-01-01T00:00:00+24:00",
            "10000-01-01T00:00:00Z",
            "2100-02-29T00:00:00Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_week_begins_on_monday_in_utc() {
        assert_eq!(of_week(0, 0, 0), 0);
        assert_eq!(of_week(6, 86_399, 0), 604_799);
        assert_eq!(of_week(0, 1800, 3600), 604_800 - 1800);
        assert_eq!(of_week(6, 84_600, -3600), 1800);
    }

    #[test]
    fn weekdays_have_long_and_short_names() {
        assert_eq!(weekdays("Sunday"), Some(6..7));
        assert_eq!(weekdays("mon"), Some(0..1));
        assert_eq!(weekdays("daily"), Some(0..7));
        assert_eq!(weekdays("su"), None);
        assert_eq!(weekdays("sundays"), None);
    }
}
