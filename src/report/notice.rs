//! A message to people, in plain words.

use alloc::string::String;

use crate::config::LogLevel;
use crate::limits::NODE_NAME_BYTES;
use crate::report::View;
use crate::report::words::{push_cause, push_cut, push_duration, push_names, push_since};
use crate::snapshot::{Millis, Notice, NoticeKind};

/// How severe `notice` is, and what it says: `web and db are down on anode: Connection refused (since 03:24 UTC)`.
pub fn sentence(notice: &Notice, view: &View<'_>, node_name: &str) -> (LogLevel, String) {
    let mut text = String::with_capacity(256);
    let total = notice.items.iter().filter(|item| view.get(item.monitor).is_some()).count();
    // Of several the longest outage counts.
    let lasted = notice.items.iter().map(|item| item.lasted).max().unwrap_or(0);
    let names = |text: &mut String, one: &str, several: &str| {
        push_monitors(text, notice, view);
        text.push_str(if total == 1 { one } else { several });
    };
    let level = match notice.kind {
        NoticeKind::Down => {
            names(&mut text, " is down on ", " are down on ");
            push_node(&mut text, node_name);
            push_reason(&mut text, notice);
            push_start(&mut text, notice, view, lasted);
            LogLevel::Error
        }
        NoticeKind::Reminder => {
            names(&mut text, " is still down on ", " are still down on ");
            push_node(&mut text, node_name);
            push_length(&mut text, total, lasted);
            push_reason(&mut text, notice);
            push_start(&mut text, notice, view, lasted);
            LogLevel::Error
        }
        NoticeKind::Recovered => {
            names(&mut text, " works again on ", " work again on ");
            push_node(&mut text, node_name);
            push_length(&mut text, total, lasted);
            LogLevel::Info
        }
        NoticeKind::Flapping => {
            names(&mut text, " goes up and down on ", " go up and down on ");
            push_node(&mut text, node_name);
            push_reason(&mut text, notice);
            text.push_str(" (no more messages until that is over)");
            LogLevel::Warning
        }
        NoticeKind::BackOnline => {
            push_node(&mut text, node_name);
            text.push_str(" is back online");
            push_length(&mut text, 1, lasted);
            if total > 0 {
                text.push_str("; meanwhile nothing was known of ");
                push_monitors(&mut text, notice, view);
            }
            LogLevel::Info
        }
    };
    (level, text)
}

/// Its kind in a word, for programs.
pub fn kind(notice: &Notice) -> &'static str {
    match notice.kind {
        NoticeKind::Down => "down",
        NoticeKind::Reminder => "reminder",
        NoticeKind::Recovered => "recovered",
        NoticeKind::Flapping => "flapping",
        NoticeKind::BackOnline => "back_online",
    }
}

/// The names of its monitors, but of those that are no longer configured.
pub(super) fn push_monitors(text: &mut String, notice: &Notice, view: &View<'_>) {
    push_names(text, notice.items.iter().filter_map(|item| Some(view.get(item.monitor)?.0.name.as_str())));
}

fn push_node(text: &mut String, node_name: &str) {
    push_cut(text, node_name, NODE_NAME_BYTES);
}

/// `: Connection refused`. Monitors that share a message share the cause.
fn push_reason(text: &mut String, notice: &Notice) {
    if let Some(item) = notice.items.first().filter(|item| !item.cause.is_empty()) {
        text.push_str(": ");
        push_cause(text, &item.cause);
    }
}

/// ` (since 03:24 UTC)`.
fn push_start(text: &mut String, notice: &Notice, view: &View<'_>, lasted: Millis) {
    text.push_str(" (");
    push_since(text, view.unix_micros_at(notice.at.saturating_sub(lasted)), lasted);
    text.push(')');
}

/// ` after 12 min 5 s`; nothing where no time has passed.
fn push_length(text: &mut String, total: usize, lasted: Millis) {
    if lasted > 0 {
        text.push_str(if total == 1 { " after " } else { " after up to " });
        push_duration(text, lasted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DISCORD_TEXT_CHARS, NOTICE_CAUSE_CHARS};
    use crate::report::monitor_samples::Samples;
    use crate::snapshot::NoticeItem;

    fn notice(kind: NoticeKind, monitors: &[u16], lasted: Millis) -> Notice {
        let item = |&monitor: &u16| NoticeItem { monitor, lasted, cause: "Connection refused".into() };
        Notice { kind, at: 900_000, items: monitors.iter().map(item).collect() }
    }

    fn said(kind: NoticeKind, monitors: &[u16], lasted: Millis) -> (LogLevel, String) {
        sentence(&notice(kind, monitors, lasted), &Samples::new().view(901_000), "anode")
    }

    fn error(text: &str) -> (LogLevel, String) {
        (LogLevel::Error, text.into())
    }

    #[test]
    fn monitors_that_fall_with_one_cause_are_one_sentence() {
        assert_eq!(
            said(NoticeKind::Down, &[3], 15_000),
            error("refused is down on anode: Connection refused (since 03:24 UTC)")
        );
        assert_eq!(
            said(NoticeKind::Down, &[3, 5, 6], 120_000),
            error("refused, tcp-ko and tcp-bad are down on anode: Connection refused (since 03:22 UTC)")
        );
    }

    #[test]
    fn a_reminder_and_a_recovery_tell_the_length_of_the_outage() {
        assert_eq!(
            said(NoticeKind::Reminder, &[3], 725_000),
            error("refused is still down on anode after 12 min 5 s: Connection refused (since 03:12 UTC)")
        );
        let info = |text: &str| (LogLevel::Info, text.into());
        assert_eq!(said(NoticeKind::Recovered, &[3], 725_000), info("refused works again on anode after 12 min 5 s"));
        assert_eq!(
            said(NoticeKind::Recovered, &[3, 5], 725_000),
            info("refused and tcp-ko work again on anode after up to 12 min 5 s")
        );
        assert_eq!(
            said(NoticeKind::BackOnline, &[0, 3], 300_000),
            info("anode is back online after 5 min; meanwhile nothing was known of web ok and refused")
        );
        assert_eq!(said(NoticeKind::BackOnline, &[], 0), info("anode is back online"));
    }

    #[test]
    fn flapping_is_said_to_be_said_once() {
        let text = "refused goes up and down on anode: Connection refused (no more messages until that is over)";
        assert_eq!(said(NoticeKind::Flapping, &[3], 0), (LogLevel::Warning, text.into()));
    }

    #[test]
    fn a_monitor_that_is_gone_is_not_named() {
        let text = "refused is down on anode: Connection refused (since 03:24 UTC)";
        assert_eq!(said(NoticeKind::Down, &[3, 77], 0), error(text));
    }

    #[test]
    fn the_longest_sentence_fits_everywhere() {
        let mut samples = Samples::new();
        for monitor in &mut samples.monitors {
            monitor.name = "n".repeat(256);
        }
        let mut longest = notice(NoticeKind::Reminder, &[1; 64], u64::MAX);
        for item in &mut longest.items {
            item.cause = "c\n".repeat(NOTICE_CAUSE_CHARS);
        }
        let (_, text) = sentence(&longest, &samples.view(901_000), &"a".repeat(NODE_NAME_BYTES));
        assert!(text.chars().count() <= DISCORD_TEXT_CHARS && !text.contains('\n'), "{text}");
        assert!(text.contains(" and 55 more are still down on aaa"), "{text}");
    }
}
