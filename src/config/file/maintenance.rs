//! `maintenance`: times in which nobody is told.
//!
//! ```yaml
//! maintenance:
//!   - from: 2026-12-24T22:00:00+01:00     # RFC 3339
//!     to: 2026-12-25T02:00:00Z
//!   - weekly: [sat, sunday]               # a day, several, or daily
//!     at: "02:00"                         # HH:MM or HH:MM:SS
//!     duration: 2h
//!     offset: "+01:00"                    # of that time from UTC, where it is another
//!     monitors: [web, db]                 # a name or several; left out: all
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::file::dates::{instant, of_week, offset, time_of_day, weekdays};
use crate::config::file::fields::{Field, Fields};
use crate::config::file::names::places;
use crate::config::monitors::{Maintenance, Window};
use crate::config::yaml::{Mistake, Value};
use crate::limits::{MAINTENANCE_MIN, MAINTENANCE_WINDOWS};

const KEYS: [&str; 7] = ["monitors", "from", "to", "weekly", "at", "duration", "offset"];
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// The windows under `field`, of monitors called `names`.
pub(super) fn windows(field: Field<'_>, names: &[String]) -> Result<Vec<Maintenance>, Mistake> {
    let Value::Sequence(items) = &field.node.value else {
        return Err(field.wrong("is not a list", "a list of windows"));
    };
    let mut all = Vec::new();
    for item in items {
        let one = Field { key: field.key, node: item };
        let fields = Fields::of(field.key, item, &KEYS)?;
        let monitors = fields.get("monitors").map_or(Ok(Vec::new()), |field| places(field, names))?;
        let windows = match (fields.get("from"), fields.get("weekly")) {
            (Some(from), None) => Vec::from([once(one, &fields, from)?]),
            (None, Some(weekly)) => self::weekly(one, &fields, weekly)?,
            _ => return Err(one.remark(&["neither once nor weekly: expected from and to, or weekly, at and duration"])),
        };
        all.extend(windows.into_iter().map(|window| Maintenance { window, monitors: monitors.clone() }));
        if all.len() > MAINTENANCE_WINDOWS {
            let mut buffer = itoa::Buffer::new();
            let most = buffer.format(MAINTENANCE_WINDOWS);
            return Err(one.remark(&[
                "too many windows: expected at most ",
                most,
                ", one for each day of a weekly one",
            ]));
        }
    }
    Ok(all)
}

fn once(one: Field<'_>, fields: &Fields<'_>, from: Field<'_>) -> Result<Window, Mistake> {
    none_of(fields, &["at", "duration", "offset"], "weekly")?;
    let to = needed(one, fields, "to")?;
    let secs = |field: Field<'_>| field.parse("is not a time", "one such as 2026-12-24T22:00:00+01:00", instant);
    let (from_unix_secs, to_unix_secs) = (secs(from)?, secs(to)?);
    if from_unix_secs >= to_unix_secs {
        return Err(to.wrong("is not after from", "a later time"));
    }
    Ok(Window::Once { from_unix_secs, to_unix_secs })
}

fn weekly(one: Field<'_>, fields: &Fields<'_>, weekly: Field<'_>) -> Result<Vec<Window>, Mistake> {
    none_of(fields, &["to"], "from")?;
    let at = needed(one, fields, "at")?.parse("is not a time of the day", "HH:MM", time_of_day)?;
    let duration_secs = needed(one, fields, "duration")?.duration(MAINTENANCE_MIN, WEEK)?.as_secs() as u32;
    let offset = fields
        .get("offset")
        .map_or(Ok(0), |field| field.parse("is not an offset", "one such as +01:00, or Z", offset))?;
    let mut windows = Vec::new();
    for item in weekly.items() {
        let days = Field { key: weekly.key, node: item }.parse(
            "is not a day of the week",
            "monday to sunday, or daily",
            weekdays,
        )?;
        windows.extend(days.map(|day| Window::Weekly { from_week_secs: of_week(day, at, offset), duration_secs }));
    }
    Ok(windows)
}

fn needed<'a>(one: Field<'_>, fields: &Fields<'a>, key: &str) -> Result<Field<'a>, Mistake> {
    fields.get(key).ok_or_else(|| one.remark(&["a window without ", key, ": expected it"]))
}

fn none_of(fields: &Fields<'_>, keys: &[&str], with: &str) -> Result<(), Mistake> {
    match keys.iter().find_map(|key| fields.get(key)) {
        Some(field) => Err(field.remark(&["of no use here: expected it beside ", with, " only"])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::mistakes::error;
    use crate::config::file::values::read;
    use alloc::format;

    #[test]
    fn maintenance_is_once_or_weekly() {
        let (file, _) = read(
            "monitors: [{name: a, type: tcp, url: 'h:1'}, {name: b, type: tcp, url: 'h:1'}]\nmaintenance:\n\
             - {from: 2026-12-24T22:00:00+01:00, to: 2026-12-24T22:00:00Z, monitors: b}\n\
             - {weekly: [mon, Sunday], at: 00:30, duration: 2h, offset: +01:00}\n\
             - {weekly: sun, at: \"23:00\", duration: 7d, monitors: [b, a]}\n",
        );
        let windows = |window, monitors: &[u16]| Maintenance { window, monitors: monitors.into() };
        let weekly = |from_week_secs, duration_secs| Window::Weekly { from_week_secs, duration_secs };
        let expected = [
            windows(Window::Once { from_unix_secs: 1_798_146_000, to_unix_secs: 1_798_149_600 }, &[1]),
            windows(weekly(604_800 - 1800, 7200), &[]),
            windows(weekly(6 * 86_400 - 1800, 7200), &[]),
            windows(weekly(6 * 86_400 + 82_800, 604_800), &[1, 0]),
        ];
        assert_eq!(file.maintenance, expected);
        assert_eq!(read("maintenance: [{weekly: daily, at: '02:00', duration: 1h}]\n").0.maintenance.len(), 7);
    }

    #[test]
    fn a_maintenance_window_is_whole() {
        let one = |window: &str| error(&format!("maintenance:\n- {{{window}}}\n"));
        for (window, expected) in [
            ("", "2:3: maintenance: neither once nor weekly: expected from and to, or weekly, at and duration"),
            ("from: 2026-01-01T00:00:00Z", "2:3: maintenance: a window without to: expected it"),
            ("weekly: mon, at: '02:00'", "2:3: maintenance: a window without duration: expected it"),
            (
                "from: x, weekly: mon",
                "2:3: maintenance: neither once nor weekly: expected from and to, or weekly, at and duration",
            ),
            (
                "from: tomorrow, to: x",
                "2:10: from: \"tomorrow\" is not a time: expected one such as 2026-12-24T22:00:00+01:00",
            ),
            (
                "from: 2026-01-01T00:00:00Z, to: 2026-01-01T01:00:00+02:00",
                "2:36: to: \"2026-01-01T01:00:00+02:00\" is not after from: expected a later time",
            ),
            (
                "weekly: someday, at: '02:00', duration: 1h",
                "2:12: weekly: \"someday\" is not a day of the week: expected monday to sunday, or daily",
            ),
            ("weekly: mon, at: 2am, duration: 1h", "2:21: at: \"2am\" is not a time of the day: expected HH:MM"),
            (
                "weekly: mon, at: '02:00', duration: 8d",
                "2:40: duration: \"8d\" is out of range: expected seconds, or a number with ms, s, m, h or d, from 1m to 7d",
            ),
            (
                "weekly: mon, at: '02:00', duration: 1h, offset: CET",
                "2:52: offset: \"CET\" is not an offset: expected one such as +01:00, or Z",
            ),
            ("weekly: mon, to: x, at: '02:00', duration: 1h", "2:21: to: of no use here: expected it beside from only"),
            ("from: x, at: '02:00'", "2:17: at: of no use here: expected it beside weekly only"),
            (
                "from: 2026-01-01T00:00:00Z, to: 2026-01-02T00:00:00Z, monitors: x",
                "2:68: monitors: \"x\" is not a monitor: expected the name of one in this file",
            ),
        ] {
            assert_eq!(one(window), expected);
        }
        assert!(
            error("maintenance: x").starts_with("1:14: maintenance: \"x\" is not a list: expected a list of windows")
        );
    }
}
