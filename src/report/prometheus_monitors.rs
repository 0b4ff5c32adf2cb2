//! What Prometheus is told of the monitors: the original's two gauges for each, then names after Prometheus' own rules.
//! A family without a value is left out, its HELP too.
//!
//! `imalive_monitor_up` is the hard state, so that an alert on it needs no `for`: a monitor that fails softly is what it
//! was before, up, down in an outage that has not been seen to end, or not known if no check of it ever passed. Where
//! nothing is known there is no series, as for every other absent value.

use alloc::string::String;
use core::mem;

use crate::config::monitors::{Check, Monitor};
use crate::limits::OUTPUT_MAPPED_BYTES;
use crate::report::View;
use crate::report::exposition::{Number, Page};
use crate::report::monitor_line::seconds;
use crate::snapshot::{Millis, MonitorStatus, State};

/// What is told of monitors besides their own state.
#[derive(Clone, Copy, Debug)]
pub struct MonitorScrape<'a> {
    /// The monitors.
    pub view: View<'a>,
    /// Whether the configuration was good when it was last read; `None`: there is none.
    pub last_reload_successful: Option<bool>,
    /// When it last was.
    pub last_reload_success: Option<Millis>,
    /// Whether this node is online in the local network and in the internet; `None`: nothing would tell.
    pub online: Online,
    /// Whether there are maintenance windows: without one no monitor is ever in one.
    pub has_windows: bool,
    /// Who is told of changes, and how that went.
    pub receivers: &'a [ReceiverCounts<'a>],
}

/// Whether this node is online, for each scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Online {
    /// In the local network.
    pub lan: Option<bool>,
    /// In the internet.
    pub wan: Option<bool>,
}

/// Messages to one receiver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverCounts<'a> {
    /// Its label: `slack`, `discord`, `webhook-1`. Never its URL, which is a secret.
    pub receiver: &'a str,
    /// Taken by the receiver.
    pub sent: u64,
    /// Given up.
    pub failed: u64,
    /// Posted again after a failure.
    pub retried: u64,
    /// Never posted, for want of room in the queue.
    pub dropped: u64,
}

/// Appends to the answer to a scrape.
pub fn append(text: &mut String, scrape: &MonitorScrape<'_>) {
    let mut page = Page { text: mem::take(text) };
    let view = &scrape.view;
    if !view.monitors.is_empty() {
        page.text.reserve_exact(OUTPUT_MAPPED_BYTES);
    }
    for (monitor, status) in view.iter() {
        original(&mut page, monitor, status);
    }
    hard_states(&mut page, view);
    figures(&mut page, view);
    agent(&mut page, scrape);
    *text = page.text;
}

/// The raw outcome of the last check. The original never set the duration of a TCP monitor.
fn original(page: &mut Page, monitor: &Monitor, status: &MonitorStatus) {
    let Some((_, outcome)) = &status.last else { return };
    let passed = Number::Float(if outcome.failure.is_none() { 1.0 } else { 0.0 });
    let duration = outcome.duration_micros.filter(|_| matches!(monitor.check, Check::Http(_)));
    let duration = duration.map(|micros| Number::Float(seconds(micros)));
    for (kind, value) in [("result", Some(passed)), ("duration", duration)] {
        // As the original's pattern: every character that is no ASCII letter or digit.
        let mut name = String::from("monitor_");
        name.extend(monitor.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
        name.push('_');
        name.push_str(kind);
        let mut help = String::from("monitor ");
        push_help(&mut help, &monitor.name);
        help.push(' ');
        help.push_str(kind);
        let labels = [("family", monitor.family.as_str()), ("kind", kind), ("name", &monitor.name)];
        page.single(&name, "gauge", &help, &labels, value);
    }
}

/// A HELP text ends with its line.
fn push_help(help: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' => help.push_str("\\\\"),
            '\n' => help.push_str("\\n"),
            _ => help.push(character),
        }
    }
}

pub(crate) fn is_up(status: &MonitorStatus) -> Option<bool> {
    match status.state {
        State::Up => Some(true),
        State::Down => Some(false),
        // As before: the outage goes on, it worked, or it was never judged.
        State::Failing if status.outage_since.is_some() => Some(false),
        State::Failing => status.last_success.map(|_| true),
        State::Unknown(_) => None,
    }
}

fn labels(monitor: &Monitor) -> [(&str, &str); 3] {
    [("monitor", &monitor.name), ("family", &monitor.family), ("type", &monitor.kind)]
}

fn hard_states(page: &mut Page, view: &View<'_>) {
    let help = "1 while the monitored service works, 0 while it is down, nothing while that is unknown. A failure that is \
        still being retried does not count.";
    family(page, view, "imalive_monitor_up", "gauge", help, &|_, status| {
        is_up(status).map(|up| Number::Integer(u64::from(up)))
    });
    let name = "imalive_monitor_state";
    for (at, (monitor, status)) in view.iter().enumerate() {
        if at == 0 {
            page.family(name, "gauge", "1 for the state that the monitor is in, 0 for the others.");
        }
        let [a, b, c] = labels(monitor);
        for state in State::LABELS {
            let value = u64::from(state == status.state.label());
            page.sample(name, &[a, b, c, ("state", state)], Number::Integer(value));
        }
    }
}

fn figures(page: &mut Page, view: &View<'_>) {
    let name = "imalive_monitor_duration_seconds";
    family(page, view, name, "gauge", "How long the last check took.", &|_, status| {
        let micros = status.last.as_ref()?.1.duration_micros?;
        Some(Number::Seconds { ticks: micros, ticks_per_second: 1_000_000 })
    });
    family(page, view, "imalive_monitor_checks_total", "counter", "Checks done.", &|_, status| {
        Some(Number::Integer(status.checks_total))
    });
    family(page, view, "imalive_monitor_failures_total", "counter", "Checks that failed.", &|_, status| {
        Some(Number::Integer(status.failures_total))
    });
    let name = "imalive_monitor_last_success_timestamp_seconds";
    family(page, view, name, "gauge", "When a check last passed, since 1970.", &|_, status| {
        status.last_success.map(|at| unix_secs(view, at))
    });
    let name = "imalive_monitor_certificate_expiry_timestamp_seconds";
    family(page, view, name, "gauge", "When the certificate of the service ends, since 1970.", &|_, status| {
        status.certificate_expiry_unix_secs.map(Number::Integer)
    });
    let name = "imalive_monitor_maintenance";
    family(page, view, name, "gauge", "1 while a maintenance window is open for the monitor.", &|_, status| {
        Some(Number::Integer(u64::from(status.maintenance)))
    });
}

/// Whole seconds: what is reckoned back from now wavers by milliseconds, and no series should change for that.
fn unix_secs(view: &View<'_>, at: Millis) -> Number {
    Number::Integer(view.unix_micros_at(at) / 1_000_000)
}

type Value<'v> = &'v dyn Fn(&Monitor, &MonitorStatus) -> Option<Number>;

/// One family of a sample for each monitor that has a value.
fn family(page: &mut Page, view: &View<'_>, name: &str, kind: &str, help: &str, value: Value<'_>) {
    let mut first = true;
    for (monitor, status) in view.iter() {
        if let Some(value) = value(monitor, status) {
            if mem::take(&mut first) {
                page.family(name, kind, help);
            }
            page.sample(name, &labels(monitor), value);
        }
    }
}

fn agent(page: &mut Page, scrape: &MonitorScrape<'_>) {
    let successful = scrape.last_reload_successful.map(|successful| Number::Integer(u64::from(successful)));
    let help = "1 when imalive.yml was good when it was last read; while it is not, the last good one stays.";
    page.gauge("imalive_config_last_reload_successful", help, successful);
    let at = scrape.last_reload_success.map(|at| unix_secs(&scrape.view, at));
    let help = "When imalive.yml was last read and good, since 1970.";
    page.gauge("imalive_config_last_reload_success_timestamp_seconds", help, at);

    let name = "imalive_node_online";
    let mut first = true;
    for (scope, online) in [("lan", scrape.online.lan), ("wan", scrape.online.wan)] {
        if let Some(online) = online {
            if mem::take(&mut first) {
                page.family(name, "gauge", "1 while a connectivity target of this scope answers, 0 while none does.");
            }
            page.sample(name, &[("scope", scope)], Number::Integer(u64::from(online)));
        }
    }

    if scrape.receivers.is_empty() {
        return;
    }
    let name = "imalive_notifications_total";
    page.family(name, "counter", "Messages to Slack, Discord and webhooks by what became of them.");
    for counts in scrape.receivers {
        for (result, count) in [("sent", counts.sent), ("failed", counts.failed), ("dropped", counts.dropped)] {
            page.sample(name, &[("receiver", counts.receiver), ("result", result)], Number::Integer(count));
        }
    }
    let name = "imalive_notification_retries_total";
    page.family(name, "counter", "Messages that were posted again after a failure.");
    for counts in scrape.receivers {
        page.sample(name, &[("receiver", counts.receiver)], Number::Integer(counts.retried));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::monitor_samples::{Samples, monitor};
    use crate::snapshot::Unknown;
    use alloc::vec;

    fn text(samples: &Samples, receivers: &[ReceiverCounts<'_>]) -> String {
        let mut text = String::from("before 1\n");
        let view = samples.view(10_000);
        let online = Online { lan: Some(true), wan: None };
        let (last_reload_successful, last_reload_success) = (Some(false), Some(500));
        append(
            &mut text,
            &MonitorScrape { view, last_reload_successful, last_reload_success, online, has_windows: true, receivers },
        );
        text
    }

    #[test]
    fn a_soft_failure_does_not_turn_up_into_down() {
        let mut samples = Samples::new();
        let up = |samples: &Samples, value: Option<u8>| {
            let line = "\nimalive_monitor_up{monitor=\"tcp-ok\",family=\"tcp-ok\",type=\"tcp\"} ";
            let text = text(samples, &[]);
            let found = text.split_once(line).and_then(|(_, rest)| rest.lines().next()?.parse().ok());
            assert_eq!(found, value, "{text}");
        };
        up(&samples, Some(1));
        samples.statuses[4].state = State::Failing;
        up(&samples, Some(1));
        samples.statuses[4].state = State::Down;
        up(&samples, Some(0));
        samples.statuses[4].state = State::Unknown(Unknown::Offline);
        up(&samples, None);
        // The outage from before it was unknown is not over.
        (samples.statuses[4].state, samples.statuses[4].outage_since) = (State::Failing, Some(2000));
        up(&samples, Some(0));
        (samples.statuses[4].last_success, samples.statuses[4].outage_since) = (None, None);
        up(&samples, None);
    }

    #[test]
    fn a_monitor_is_in_one_state() {
        let text = text(&Samples::new(), &[]);
        let series = "imalive_monitor_state{monitor=\"web ok\",family=\"web\",type=\"http\",state=";
        for (state, value) in [("unknown", 0), ("up", 1), ("failing", 0), ("down", 0)] {
            assert!(text.contains(&alloc::format!("{series}\"{state}\"}} {value}\n")), "{text}");
        }
    }

    #[test]
    fn what_is_absent_has_no_series_and_no_help() {
        let mut samples = Samples::new();
        for status in &mut samples.statuses {
            (status.last, status.last_success, status.state) = (None, None, State::Unknown(Unknown::NotChecked));
        }
        let text = text(&samples, &[]);
        for family in
            ["monitor_", "imalive_monitor_up", "imalive_monitor_duration", "imalive_monitor_last", "imalive_not"]
        {
            assert!(!text.contains(&alloc::format!("# HELP {family}")), "{family}\n{text}");
        }
        assert!(text.starts_with("before 1\n# HELP imalive_monitor_state "), "{text}");
        assert!(text.contains("\nimalive_node_online{scope=\"lan\"} 1\n") && !text.contains("scope=\"wan\""), "{text}");

        (samples.monitors, samples.statuses) = (vec![], vec![]);
        let view = samples.view(0);
        let (last_reload_successful, online) = (None, Online::default());
        let mut none = String::new();
        append(
            &mut none,
            &MonitorScrape {
                view,
                last_reload_successful,
                last_reload_success: None,
                online,
                has_windows: false,
                receivers: &[],
            },
        );
        assert_eq!(none, "");
    }

    #[test]
    fn a_name_breaks_neither_a_label_nor_a_line_nor_a_metric_name() {
        let mut samples = Samples::new();
        samples.monitors[0] = monitor("http", "kü\\c\"h\ne", vec![]);
        let text = text(&samples, &[]);
        assert!(text.contains("# HELP monitor_k__c_h_e_result monitor kü\\\\c\"h\\ne result\n"), "{text}");
        assert!(text.contains("\nmonitor_k__c_h_e_result{family=\"kü\\\\c\\\"h\\ne\",kind=\"result\",name="), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok()), "{line}");
        }
    }

    #[test]
    fn receivers_have_their_counts() {
        let counts = ReceiverCounts { receiver: "slack", sent: 7, failed: 1, retried: 5, dropped: 2 };
        let text = text(&Samples::new(), &[counts]);
        for (result, count) in [("sent", 7), ("failed", 1), ("dropped", 2)] {
            let line =
                alloc::format!("\nimalive_notifications_total{{receiver=\"slack\",result=\"{result}\"}} {count}\n");
            assert!(text.contains(&line), "{text}");
        }
        assert!(text.ends_with("\nimalive_notification_retries_total{receiver=\"slack\"} 5\n"), "{text}");
        assert!(text.contains("\nimalive_config_last_reload_successful 0\n"), "{text}");
        assert!(text.contains("\nimalive_config_last_reload_success_timestamp_seconds 1795231451\n"), "{text}");
    }
}
