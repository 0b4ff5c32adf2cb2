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
