//! What monitors say of one another: names that differ, dependencies that exist and end.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::file::fields::{Field, remark};
use crate::config::file::monitor::Draft;
use crate::config::monitors::Monitor;
use crate::config::yaml::Mistake;

/// Whether `one` and `other` are the same once they are part of a metric's name, where all but ASCII letters and digits
/// become `_`.
fn same_metric(one: &str, other: &str) -> bool {
    let metric = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    one.chars().map(metric).eq(other.chars().map(metric))
}

/// Refuses a name that `earlier` ones have, or one that becomes the same metric.
pub(super) fn unique(earlier: &[Draft<'_>], draft: &Draft<'_>) -> Result<(), Mistake> {
    let name = draft.monitor.name.as_str();
    let Some(first) = earlier.iter().find(|known| same_metric(&known.monitor.name, name)) else { return Ok(()) };
    let mut buffer = itoa::Buffer::new();
    let line = buffer.format(first.name_at.line);
    let known = first.monitor.name.as_str();
    let parts: &[&str] = if known == name {
        &["\"", name, "\" is given twice: expected a name of its own, line ", line, " has this one"]
    } else {
        &[
            "\"",
            name,
            "\" gives the same metric as \"",
            known,
            "\" in line ",
            line,
            ": expected other letters or digits",
        ]
    };
    Err(remark(draft.name_at, "name", parts))
}

/// The places of the monitors that `field` names: one, or a list.
pub(super) fn places(field: Field<'_>, names: &[String]) -> Result<Vec<u16>, Mistake> {
    let mut places = Vec::new();
    for item in field.items() {
        let place =
            Field { key: field.key, node: item }.parse("is not a monitor", "the name of one in this file", |name| {
                names.iter().position(|known| known == name)
            })? as u16;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// Refuses dependencies that lead back to where they start.
pub(super) fn no_cycle(monitors: &[Monitor], fields: &[Option<Field<'_>>]) -> Result<(), Mistake> {
    let mut done = alloc::vec![false; monitors.len()];
    for start in 0..monitors.len() {
        let mut path = Vec::new();
        if let Some(from) = cycle(monitors, start, &mut path, &mut done) {
            let mut shown = String::from("\"");
            for at in path[from..].iter().chain([&path[from]]) {
                if shown.len() > 1 {
                    shown.push_str(" -> ");
                }
                shown.push_str(&monitors[*at].name);
            }
            shown.push_str("\" is a cycle: expected dependencies that end");
            let field = fields.get(path[from]).copied().flatten();
            return field.map_or(Ok(()), |field| Err(field.remark(&[&shown])));
        }
    }
    Ok(())
}

/// Where in `path`, that leads to `at`, a cycle begins. At most [`crate::limits::MONITORS`] deep.
fn cycle(monitors: &[Monitor], at: usize, path: &mut Vec<usize>, done: &mut [bool]) -> Option<usize> {
    if let Some(from) = path.iter().position(|known| *known == at) {
        return Some(from);
    }
    if done[at] {
        return None;
    }
    path.push(at);
    for next in &monitors[at].depends_on {
        if let Some(from) = cycle(monitors, usize::from(*next), path, done) {
            return Some(from);
        }
    }
    path.pop();
    done[at] = true;
    None
}
