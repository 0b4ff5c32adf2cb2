//! One monitor.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::file::Context;
use crate::config::file::fields::{Field, Fields, remark};
use crate::config::file::given::given;
use crate::config::file::http;
use crate::config::file::references::resolve;
use crate::config::file::urls::{host_and_port, masked};
use crate::config::monitors::{Check, Monitor, Scope};
use crate::config::yaml::{Mistake, Position};
use crate::limits::{
    CHECK_INTERVAL_MAX, CHECK_INTERVAL_MIN, CHECK_THRESHOLD, CHECK_TIMEOUT_MAX, CHECK_TIMEOUT_MIN, MONITOR_NAME_BYTES,
    REMINDER_MAX, REMINDER_MIN,
};

/// The keys of a monitor: those of the original first. After [`OWN_KEYS`] come those that `defaults` may have too.
pub(super) const KEYS: &[&str] = &[
    "name",
    "url",
    "depends_on",
    "type",
    "family",
    "method",
    "body",
    "check_tls",
    "expected_http_code",
    "expected_contain",
    "timeout",
    "username",
    "password",
    "level",
    "headers",
    "interval",
    "failure_threshold",
    "success_threshold",
    "retry_interval",
    "scope",
    "gate",
    "reminder",
    "max_latency",
    "follow_redirects",
    "ca_file",
    "client_cert_file",
    "client_key_file",
    "body_file",
    "username_file",
    "password_file",
];

/// How many of [`KEYS`] say something of one monitor only.
pub(super) const OWN_KEYS: usize = 3;

const TIMEOUT: Duration = Duration::from_secs(30);
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
const FAILURE_THRESHOLD: u32 = 3;
const SUCCESS_THRESHOLD: u32 = 1;

/// A monitor, and what can be settled once all are known.
pub(super) struct Draft<'a> {
    pub(super) monitor: Monitor,
    pub(super) name_at: Position,
    pub(super) depends_on: Option<Field<'a>>,
    pub(super) scope: Option<Field<'a>>,
}

/// The monitor that `fields` at `at` describe; `None`: it has no name, and the original skips such.
pub(super) fn monitor<'a>(
    at: Position,
    fields: &Fields<'a>,
    context: &Context<'_>,
    warnings: &mut Vec<Mistake>,
) -> Result<Option<Draft<'a>>, Mistake> {
    let Some(name_field) = fields.get_original("name") else {
        warnings.push(remark(at, "name", &["missing, so nothing is checked: expected one"]));
        return Ok(None);
    };
    let name = label(name_field)?;
    let family = fields.get_original("family").map_or(Ok(name), label)?;
    let timeout = fields.get_original("timeout").filter(|field| field.scalar() != Some("0"));
    let timeout = timeout.map_or(Ok(TIMEOUT), |field| field.duration(CHECK_TIMEOUT_MIN, CHECK_TIMEOUT_MAX))?;
    let interval = fields.duration("interval", CHECK_INTERVAL_MIN, CHECK_INTERVAL_MAX)?.unwrap_or(context.wait_time);
    let retry_interval = fields.duration("retry_interval", CHECK_INTERVAL_MIN, CHECK_INTERVAL_MAX)?;
    let scope = fields.get("scope");
    let request = http::request(fields, context, warnings)?;
    let kind_field = fields.get_original("type");
    let kind = kind_field.map_or(Ok("undefined"), label)?;
    let check = match kind {
        "http" => http::check(fields, request, context, warnings)?,
        "tcp" => tcp(fields, context, warnings)?,
        _ => {
            warnings.push(match kind_field {
                Some(field) => field.wrong("is not supported, so every check fails", "http or tcp"),
                None => remark(at, "type", &["missing, so every check fails: expected http or tcp"]),
            });
            Check::Never(["Bad configuration of monitor: name = ", name, ", type = ", kind].concat())
        }
    };
    if matches!(kind, "http" | "tcp") && fields.get_original("url").is_none() {
        warnings.push(remark(at, "url", &["missing, so every check fails: expected one"]));
    }
    Ok(Some(Draft {
        monitor: Monitor {
            name: name.into(),
            family: family.into(),
            check,
            kind: kind.into(),
            timeout,
            interval,
            retry_interval: retry_interval.unwrap_or(RETRY_INTERVAL.min(interval)),
            failure_threshold: fields.count("failure_threshold", FAILURE_THRESHOLD, 1, CHECK_THRESHOLD)?,
            success_threshold: fields.count("success_threshold", SUCCESS_THRESHOLD, 1, CHECK_THRESHOLD)?,
            max_latency: fields.duration("max_latency", Duration::from_millis(1), CHECK_TIMEOUT_MAX)?,
            depends_on: Vec::new(),
            scope: scope
                .map_or(Ok(Scope::None), |field| field.parse("is not a scope", "lan, wan or none", self::scope))?,
            gate: fields.bool("gate", false)?,
            reminder: reminder(fields)?,
            info: info(fields, warnings)?,
            given: given(fields.own),
        },
        name_at: name_field.node.at,
        depends_on: fields.get("depends_on"),
        scope,
    }))
}

/// What becomes a label.
fn label(field: Field<'_>) -> Result<&str, Mistake> {
    field.parse("is no text to be shown", "at most 128 bytes without control characters", |text| {
        (text.len() <= MONITOR_NAME_BYTES && !text.contains(char::is_control)).then_some(text)
    })
}

const _: () = assert!(MONITOR_NAME_BYTES == 128, "the words above say 128");

fn scope(text: &str) -> Option<Scope> {
    match text {
        "lan" => Some(Scope::Lan),
        "wan" => Some(Scope::Wan),
        "none" => Some(Scope::None),
        _ => None,
    }
}

/// No time, or a word for no: none.
fn reminder(fields: &Fields<'_>) -> Result<Option<Duration>, Mistake> {
    let field = fields.get("reminder").filter(|field| !matches!(field.scalar(), Some("off" | "no" | "none" | "false")));
    field.map(|field| field.duration(REMINDER_MIN, REMINDER_MAX)).transpose()
}

/// The level of passed checks; what is neither of the two is DEBUG, as in the original.
fn info(fields: &Fields<'_>, warnings: &mut Vec<Mistake>) -> Result<bool, Mistake> {
    let Some(field) = fields.get_original("level") else { return Ok(false) };
    let level = field.text()?;
    if !matches!(level, "INFO" | "DEBUG") {
        warnings.push(field.wrong("is not a level, so it is DEBUG", "INFO or DEBUG"));
    }
    Ok(level == "INFO")
}

fn tcp(fields: &Fields<'_>, context: &Context<'_>, warnings: &mut Vec<Mistake>) -> Result<Check, Mistake> {
    let Some(field) = fields.get_original("url") else {
        return Ok(Check::Never("Missing mandatory url".into()));
    };
    if let Some((host, port)) = host_and_port(resolve(field, context)?.trim()) {
        return Ok(Check::Tcp(host, port));
    }
    let shown = masked(field.text()?);
    warnings.push(field.wrong_but(&shown, "is not an address, so every check fails", "host:port"));
    Ok(Check::Never(String::from("Incorrect url (expected host:port): actual = ") + &shown))
}
