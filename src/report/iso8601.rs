//! `2021-11-06T14:45:33.902885`: UTC without a zone, the form of Python's `isoformat`, and always with microseconds
//! (Python leaves out `.000000`, which no log pattern expects).

use alloc::string::String;

use crate::report::number::push_integer;

/// Microseconds since 1970-01-01 as a date and a time of day, UTC.
pub fn iso8601(unix_micros: u64) -> String {
    let (secs, micros) = (unix_micros / 1_000_000, unix_micros % 1_000_000);
    let (days, second_of_day) = (secs / 86_400, secs % 86_400);
    let (year, month, day) = civil_from_days(days);
    let mut text = String::with_capacity(26);
    let parts = [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, 'T'),
        (second_of_day / 3600, 2, ':'),
        (second_of_day / 60 % 60, 2, ':'),
        (second_of_day % 60, 2, '.'),
    ];
    for (value, width, end) in parts {
        push_padded(&mut text, value, width);
        text.push(end);
    }
    push_padded(&mut text, micros, 6);
    text
}

/// Year, month and day of a day counted from 1970-01-01. Counted in eras of 400 years from 1 March 0000, so that the
/// leap day is the last of its year.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let day = days + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_year - (153 * month_from_march + 2) / 5 + 1)
}

fn push_padded(text: &mut String, value: u64, width: u32) {
    for digits in 1..width {
        if value < 10u64.pow(digits) {
            text.push('0');
        }
    }
    push_integer(text, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_python_prints_it() {
        assert_eq!(iso8601(1_636_209_933_902_885), "2021-11-06T14:45:33.902885");
        assert_eq!(iso8601(951_782_400_000_001), "2000-02-29T00:00:00.000001");
        assert_eq!(iso8601(4_107_542_399_999_999), "2100-02-28T23:59:59.999999");
        assert_eq!(iso8601(4_107_542_400_000_000), "2100-03-01T00:00:00.000000");
    }

    #[test]
    fn a_pi_without_a_clock_starts_in_1970() {
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000000");
    }

    #[test]
    fn the_last_microsecond_of_all_is_a_date() {
        assert_eq!(iso8601(u64::MAX), "586524-01-19T08:01:49.551615");
    }

    #[test]
    fn every_day_follows_the_day_before() {
        let mut before = civil_from_days(0);
        for day in 1..200_000 {
            let (year, month, of_month) = civil_from_days(day);
            let next = (before.0, before.1, before.2 + 1);
            let new_month = (before.0, before.1 + 1, 1);
            let new_year = (before.0 + 1, 1, 1);
            let date = (year, month, of_month);
            assert!(date == next || date == new_month || (date == new_year && before.1 == 12), "{before:?} {date:?}");
            assert!((1..=12).contains(&month) && of_month <= 31);
            before = date;
        }
        assert_eq!(before, (2517, 7, 31));
    }
}
