//! The monitors that the original was recorded with, and what it found, for tests. Shared with
//! `tests/golden_monitors.rs`.

use std::time::Duration;

use crate::config::codes::CodePattern;
use crate::config::monitors::{Check, Given, HttpCheck, Monitor, Scope, Secret, Tls};
use crate::report::View;
use crate::snapshot::{Failure, FailureKind, Millis, MonitorStatus, Outcome, State};

/// The wall time of every view: 2026-11-21T03:24:21.316957.
pub const WALL_MICROS: u64 = 1_795_231_461_316_957;

/// All that a view is made of.
pub struct Samples {
    pub monitors: Vec<Monitor>,
    pub statuses: Vec<MonitorStatus>,
}

impl Samples {
    /// As recorded: each checked once, one second after the start.
    pub fn new() -> Self {
        let statuses = outcomes().into_iter().map(status).collect();
        Samples { monitors: monitors(), statuses }
    }

    pub fn view(&self, now: Millis) -> View<'_> {
        View { monitors: &self.monitors, statuses: &self.statuses, now, unix_micros: WALL_MICROS }
    }
}

fn status(outcome: Outcome) -> MonitorStatus {
    let failures = u32::from(outcome.failure.is_some());
    MonitorStatus {
        state: if failures == 0 { State::Up } else { State::Failing },
        since: 1000,
        cause: outcome.failure.as_ref().map(|failure| failure.cause().to_string()).unwrap_or_default().into(),
        consecutive_failures: failures,
        consecutive_successes: 1 - failures,
        outage_since: None,
        checks_total: 1,
        failures_total: u64::from(failures),
        last_success: (failures == 0).then_some(1000),
        certificate_expiry_unix_secs: None,
        maintenance: false,
        last: Some((1000, outcome)),
    }
}

fn text(value: &str) -> Given {
    Given::Text(value.into())
}

/// One of `type`, `name` and further keys, which are given as they stand in the file; secrets are not among them.
pub fn monitor(kind: &str, name: &str, further: Vec<(&str, Given)>) -> Monitor {
    let mut given = vec![("type", text(kind)), ("name", text(name))];
    given.extend(further);
    let find = |key: &str| {
        given.iter().find_map(|(known, value)| match value {
            Given::Text(text) if *known == key => Some(text.clone()),
            _ => None,
        })
    };
    let url = find("url").unwrap_or_default();
    let check = match (kind, url.rsplit_once(':'), find("method").as_deref()) {
        ("http", _, Some("PATCH")) => Check::Never("Not supported http method: actual = PATCH".into()),
        ("http", ..) => Check::Http(Box::new(HttpCheck {
            method: "GET",
            url: Secret::new(url.clone()),
            shown_url: url.clone(),
            body: None,
            headers: Vec::new(),
            basic_auth: None,
            expected_code: CodePattern::parse("20*").expect("a pattern"),
            expected_contain: find("expected_contain"),
            follow_redirects: 30,
            tls: Tls { check: true, ca_file: None, client: None },
            hidden: Vec::new(),
        })),
        ("tcp", Some((host, port)), _) => Check::Tcp(host.into(), port.parse().expect("a port")),
        _ => Check::Never("never".into()),
    };
    let secs = Duration::from_secs;
    Monitor {
        name: name.into(),
        family: find("family").unwrap_or_else(|| name.into()),
        check,
        kind: kind.into(),
        timeout: secs(30),
        interval: secs(10),
        retry_interval: secs(5),
        failure_threshold: 3,
        success_threshold: 1,
        max_latency: None,
        depends_on: Vec::new(),
        scope: Scope::Wan,
        gate: false,
        reminder: None,
        info: find("level").as_deref() == Some("INFO"),
        given: given.into_iter().map(|(key, value)| (String::from(key), value)).collect(),
    }
}

fn monitors() -> Vec<Monitor> {
    let ok = "http://127.0.0.1:18191/ok.json";
    let accept = Given::Map(vec![("name".into(), text("accept")), ("value".into(), text("application/json"))]);
    vec![
        monitor(
            "http",
            "web ok",
            vec![
                ("family", text("web")),
                ("url", text(ok)),
                ("expected_contain", text("\"status\":\"ok\"")),
                ("level", text("INFO")),
                ("headers", Given::List(vec![accept])),
            ],
        ),
        monitor(
            "http",
            "web-bad-code",
            vec![("url", text("http://127.0.0.1:18191/missing")), ("expected_http_code", text("20*"))],
        ),
        monitor("http", "web-bad-body", vec![("url", text(ok)), ("expected_contain", text("nope"))]),
        monitor("http", "refused", vec![("url", text("http://127.0.0.1:9")), ("timeout", Given::Integer(2))]),
        monitor("tcp", "tcp-ok", vec![("url", text("127.0.0.1:18191")), ("level", text("INFO"))]),
        monitor("tcp", "tcp-ko", vec![("url", text("127.0.0.1:9"))]),
        monitor("tcp", "tcp-bad", vec![("url", text("nonsense"))]),
        monitor("ftp", "unknown-type", vec![("url", text("ftp://x"))]),
        monitor("http", "patch", vec![("url", text(ok)), ("method", text("PATCH"))]),
    ]
}

pub fn failed(kind: FailureKind, message: &str, error: Option<&str>) -> Outcome {
    let failure = Failure { kind, message: message.into(), error: error.map(String::from) };
    Outcome { failure: Some(failure), ..Outcome::default() }
}

/// Of each monitor. The durations are those of `prom.txt`.
pub fn outcomes() -> Vec<Outcome> {
    use FailureKind::{Body, Configuration, Connect, Status};
    let answered = |outcome: Outcome, status: u16, micros: u64| Outcome {
        http_status: Some(status),
        duration_micros: Some(micros),
        ..outcome
    };
    let refused = "HTTPConnectionPool(host='127.0.0.1', port=9): Max retries exceeded with url: / (Caused by \
        NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: \
        [Errno 111] Connection refused\"))";
    vec![
        answered(Outcome::default(), 200, 1646),
        answered(failed(Status, "Not expected status code: expected = 20*, actual = 404", None), 404, 918),
        answered(failed(Body, "Response not valid: expected = nope, actual = {\"status\":\"ok\"}", None), 200, 882),
        failed(Connect, "Unexpected error", Some(refused)),
        Outcome { duration_micros: Some(58), ..Outcome::default() },
        failed(
            Connect,
            "Unable to open connection, e.type = <class 'ConnectionRefusedError'>, e.msg = [Errno 111] Connection refused",
            None,
        ),
        failed(Configuration, "Incorrect url (expected host:port): actual = nonsense", None),
        failed(Configuration, "Bad configuration of monitor: name = unknown-type, type = ftp", None),
        failed(Configuration, "Not supported http method: actual = PATCH", None),
    ]
}
