//! A change of state as a line of the log.

use alloc::string::String;

use crate::config::LogLevel;
use crate::limits::NOTICE_NAME_CHARS;
use crate::report::View;
use crate::report::number::push_integer;
use crate::report::words::{push_cause, push_cut, push_duration};
use crate::snapshot::{Change, State};

/// How severe `change` is, and what the log says of it: `monitor "web": down after 3 failed checks: Connection refused`.
/// `None`: the monitor is no longer configured.
pub fn change(change: &Change, view: &View<'_>) -> Option<(LogLevel, String)> {
    let (monitor, status) = view.get(change.monitor)?;
    let mut text = String::with_capacity(128);
    text.push_str("monitor \"");
    push_cut(&mut text, &monitor.name, NOTICE_NAME_CHARS);
    text.push_str("\": ");
    let failures = u64::from(status.consecutive_failures.max(1));
    let level = match change.to {
        State::Down => {
            text.push_str("down after ");
            push_integer(&mut text, failures);
            text.push_str(if failures == 1 { " failed check" } else { " failed checks" });
            push_reason(&mut text, view, change);
            LogLevel::Error
        }
        State::Failing => {
            text.push_str("failing, down at ");
            push_integer(&mut text, u64::from(monitor.failure_threshold));
            text.push_str(" failed checks in a row");
            push_reason(&mut text, view, change);
            LogLevel::Warning
        }
        State::Up => {
            text.push_str("up");
            match change.from {
                State::Down | State::Failing => push_length(&mut text, " again after ", change),
                State::Unknown(_) => push_length(&mut text, " after being unknown for ", change),
                State::Up => {}
            }
            LogLevel::Info
        }
        State::Unknown(_) => {
            text.push_str("unknown");
            push_reason(&mut text, view, change);
            LogLevel::Warning
        }
    };
    if !change.maintenance {
        return Some((level, text));
    }
    text.push_str(" (maintenance)");
    Some((LogLevel::Info, text))
}

fn push_reason(text: &mut String, view: &View<'_>, change: &Change) {
    let cause = view.cause(change.to, &change.cause);
    if !cause.is_empty() {
        text.push_str(": ");
        push_cause(text, &cause);
    }
}

fn push_length(text: &mut String, words: &str, change: &Change) {
    text.push_str(words);
    push_duration(text, change.lasted);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::monitor_samples::Samples;
    use crate::snapshot::Unknown;

    fn said(from: State, to: State, cause: &'static str, maintenance: bool) -> Option<(LogLevel, String)> {
        let mut samples = Samples::new();
        samples.statuses[3].consecutive_failures = 3;
        let lasted = 725_000;
        let it = Change { monitor: 3, from, to, at: 9, lasted, cause: cause.into(), maintenance };
        change(&it, &samples.view(10_000))
    }

    #[test]
    fn every_change_names_the_monitor_its_state_and_the_cause() {
        let unknown = State::Unknown(Unknown::Offline);
        for (from, to, cause, level, text) in [
            (
                State::Failing,
                State::Down,
                "refused by peer",
                LogLevel::Error,
                "down after 3 failed checks: refused by peer",
            ),
            (State::Up, State::Failing, "a\nb", LogLevel::Warning, "failing, down at 3 failed checks in a row: a b"),
            (State::Down, State::Up, "", LogLevel::Info, "up again after 12 min 5 s"),
            (unknown, State::Up, "", LogLevel::Info, "up after being unknown for 12 min 5 s"),
            (State::Up, unknown, "this node is offline", LogLevel::Warning, "unknown: this node is offline"),
        ] {
            assert_eq!(said(from, to, cause, false), Some((level, ["monitor \"refused\": ", text].concat())));
        }
    }

    #[test]
    fn in_maintenance_no_change_is_an_alarm() {
        let text = "monitor \"refused\": down after 3 failed checks (maintenance)";
        assert_eq!(said(State::Failing, State::Down, "", true), Some((LogLevel::Info, text.into())));
    }

    #[test]
    fn a_monitor_that_is_gone_has_no_line() {
        let it = Change {
            monitor: 99,
            from: State::Up,
            to: State::Down,
            at: 0,
            lasted: 0,
            cause: "".into(),
            maintenance: false,
        };
        assert_eq!(change(&it, &Samples::new().view(0)), None);
    }
}
