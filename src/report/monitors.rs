//! `/monitors` and `/monitors/{name}`: what is configured and how it is. Holds no secret: of a URL it has what may be
//! shown.

use alloc::borrow::Cow;
use alloc::string::String;
use core::time::Duration;

use crate::config::monitors::{Check, Given, Monitor, Scope};
use crate::limits::OUTPUT_MAPPED_BYTES;
use crate::report::View;
use crate::report::iso8601::iso8601;
use crate::report::json_object::{Object, push_string};
use crate::report::monitor_line::{HEALTHY, seconds};
use crate::report::number::push_integer;
use crate::snapshot::{Millis, MonitorStatus, Outcome, State};

/// What a client is told that asks for a monitor which is not there.
pub const NO_SUCH_MONITOR: &str = "No monitor of this name";

/// All monitors, and how many are in each state. The status is `ko` while any is down.
pub fn list(view: &View<'_>) -> String {
    let mut out = String::with_capacity(OUTPUT_MAPPED_BYTES);
    let mut object = Object::open(&mut out);
    let down = view.iter().any(|(_, status)| status.state == State::Down);
    object.text("status", if down { "ko" } else { "ok" });
    object.text("time", &iso8601(view.unix_micros));
    let mut counts = Object::open(object.key("counts"));
    for label in State::LABELS {
        counts.integer(label, view.iter().filter(|(_, status)| status.state.label() == label).count() as u64);
    }
    counts.close();
    object.list("monitors", view.iter(), &|out, (monitor, status)| push_monitor(out, view, monitor, status));
    object.close();
    out
}

/// The monitor with this name.
pub fn one(view: &View<'_>, name: &str) -> Option<String> {
    let (monitor, status) = view.iter().find(|(monitor, _)| monitor.name == name)?;
    let mut out = String::with_capacity(1024);
    push_monitor(&mut out, view, monitor, status);
    Some(out)
}

fn push_monitor(out: &mut String, view: &View<'_>, monitor: &Monitor, status: &MonitorStatus) {
    let time = |at: Millis| iso8601(view.unix_micros_at(at));
    let mut object = Object::open(out);
    object.text("name", &monitor.name);
    object.text("family", &monitor.family);
    object.text("type", &monitor.kind);
    object.text_or_null("url", url(monitor).as_deref());
    object.text("state", status.state.label());
    object.text("since", &time(status.since));
    object.integer("state_seconds", view.since(status.since) / 1000);
    let cause = view.cause(status.state, &status.cause);
    object.text_or_null("cause", Some(&*cause).filter(|cause| !cause.is_empty()));
    match &status.last {
        Some((at, outcome)) => push_outcome(object.key("last"), &time(*at), outcome),
        None => object.null("last"),
    }
    object.integer("consecutive_failures", u64::from(status.consecutive_failures));
    object.integer("consecutive_successes", u64::from(status.consecutive_successes));
    object.integer("checks_total", status.checks_total);
    object.integer("failures_total", status.failures_total);
    object.text_or_null("last_success", status.last_success.map(time).as_deref());
    object.text_or_null("outage_since", status.outage_since.map(time).as_deref());
    object.flag("maintenance", status.maintenance);
    let expiry = status.certificate_expiry_unix_secs.map(|secs| iso8601(secs.saturating_mul(1_000_000)));
    object.text_or_null("certificate_expires", expiry.as_deref());
    object.integer("failure_threshold", u64::from(monitor.failure_threshold));
    object.integer("success_threshold", u64::from(monitor.success_threshold));
    object.float("interval_seconds", monitor.interval.as_secs_f64());
    object.float("retry_interval_seconds", monitor.retry_interval.as_secs_f64());
    object.float("timeout_seconds", monitor.timeout.as_secs_f64());
    object.float_or_null("max_latency_seconds", monitor.max_latency.map(|latency| Duration::as_secs_f64(&latency)));
    object.float_or_null("reminder_seconds", monitor.reminder.map(|reminder| Duration::as_secs_f64(&reminder)));
    let names = monitor.depends_on.iter().filter_map(|id| Some(view.get(*id)?.0.name.as_str()));
    object.list("depends_on", names, &push_string);
    object.text("scope", scope(monitor.scope));
    object.flag("gate", monitor.gate);
    object.close();
}

fn push_outcome(out: &mut String, time: &str, outcome: &Outcome) {
    let failure = outcome.failure.as_ref();
    let mut object = Object::open(out);
    object.text("time", time);
    object.text("result", if failure.is_none() { "ok" } else { "ko" });
    object.text("message", failure.map_or(HEALTHY, |failure| &failure.message));
    object.text_or_null("error", failure.and_then(|failure| failure.error.as_deref()));
    object.text_or_null("failure", failure.map(|failure| failure.kind.label()));
    object.integer_or_null("http_status", outcome.http_status.map(u64::from));
    object.float_or_null("latency_seconds", outcome.duration_micros.map(seconds));
    object.close();
}

/// What may be shown of what is checked.
fn url(monitor: &Monitor) -> Option<Cow<'_, str>> {
    match &monitor.check {
        Check::Http(http) => Some(Cow::Borrowed(&http.shown_url)),
        Check::Tcp(host, port) => {
            // An IPv6 address stands in brackets.
            let (open, close) = if host.contains(':') { ("[", "]:") } else { ("", ":") };
            let mut url = [open, host, close].concat();
            push_integer(&mut url, u64::from(*port));
            Some(Cow::Owned(url))
        }
        Check::Never(_) => monitor.given.iter().find_map(|(key, value)| match value {
            Given::Text(url) if key == "url" => Some(Cow::Borrowed(url.as_str())),
            _ => None,
        }),
    }
}

pub(super) fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Lan => "lan",
        Scope::Wan => "wan",
        Scope::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::monitor_samples::Samples;
    use crate::snapshot::Unknown;
    use alloc::vec;

    #[test]
    fn a_monitor_has_its_state_its_last_outcome_and_its_thresholds() {
        let mut samples = Samples::new();
        samples.monitors[1].depends_on = vec![0, 4, 99];
        samples.monitors[1].max_latency = Some(Duration::from_millis(1500));
        samples.statuses[1].certificate_expiry_unix_secs = Some(1_800_000_000);
        samples.statuses[1].outage_since = Some(1000);
        let expected = r#"{"name":"web-bad-code","family":"web-bad-code","type":"http","url":"http://127.0.0.1:18191/missing","state":"failing","since":"2026-11-21T03:24:12.316957","state_seconds":9,"cause":"Not expected status code: expected = 20*, actual = 404","last":{"time":"2026-11-21T03:24:12.316957","result":"ko","message":"Not expected status code: expected = 20*, actual = 404","error":null,"failure":"status","http_status":404,"latency_seconds":0.000918},"consecutive_failures":1,"consecutive_successes":0,"checks_total":1,"failures_total":1,"last_success":null,"outage_since":"2026-11-21T03:24:12.316957","maintenance":false,"certificate_expires":"2027-01-15T08:00:00.000000","failure_threshold":3,"success_threshold":1,"interval_seconds":10.0,"retry_interval_seconds":5.0,"timeout_seconds":30.0,"max_latency_seconds":1.5,"reminder_seconds":null,"depends_on":["web ok","tcp-ok"],"scope":"wan","gate":false}"#;
        assert_eq!(one(&samples.view(10_000), "web-bad-code").as_deref(), Some(expected));
        assert_eq!(one(&samples.view(10_000), "web"), None);
        assert_eq!(one(&samples.view(10_000), ""), None);
    }

    #[test]
    fn the_list_counts_states_and_is_ko_while_any_is_down() {
        let mut samples = Samples::new();
        let text = list(&samples.view(10_000));
        let head = r#"{"status":"ok","time":"2026-11-21T03:24:21.316957","counts":{"unknown":0,"up":2,"failing":7,"down":0},"monitors":[{"name":"web ok","#;
        assert!(text.starts_with(head), "{text}");
        samples.statuses[1].state = State::Down;
        samples.statuses[2].state = State::Unknown(Unknown::Offline);
        let text = list(&samples.view(10_000));
        assert!(text.starts_with(r#"{"status":"ko","#), "{text}");
        assert!(text.contains(r#""counts":{"unknown":1,"up":2,"failing":5,"down":1}"#), "{text}");
        assert_eq!(text.matches(r#""failure_threshold":3"#).count(), 9);
        assert!(miniserde::json::from_str::<miniserde::json::Value>(&text).is_ok(), "{text}");
    }

    #[test]
    fn no_secret_is_shown() {
        let mut samples = Samples::new();
        if let Check::Http(http) = &mut samples.monitors[2].check {
            use crate::config::monitors::Secret;
            http.url = Secret::new("http://h/?token=hush".into());
            http.shown_url = "http://h/?token=${TOKEN}".into();
            http.basic_auth = Some((Secret::new("hush".into()), Secret::new("hush".into())));
            http.headers = vec![("Authorization".into(), Secret::new("hush".into()))];
        }
        let text = list(&samples.view(10_000));
        assert!(text.contains(r#""url":"http://h/?token=${TOKEN}""#) && !text.contains("hush"), "{text}");
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let mut samples = Samples::new();
        samples.monitors[4].check = Check::Tcp("::1".into(), 80);
        assert_eq!(url(&samples.monitors[4]).as_deref(), Some("[::1]:80"));
        assert_eq!(url(&samples.monitors[5]).as_deref(), Some("127.0.0.1:9"));
        assert_eq!(url(&samples.monitors[7]).as_deref(), Some("ftp://x"));
    }
}
