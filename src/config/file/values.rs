//! Tests: what a file without mistakes means.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::{Context, Loaded, Sources, Warning, load, parse};
use crate::config::environment::from_environment;
use crate::config::monitors::{Check, Given, HttpCheck, Monitor, Monitors, Scope, Tls};

const RECORDED: &str = include_str!("../../../tests/golden/original/imalive.yml");

/// Variables and files that the tests' files refer to.
pub(super) fn context() -> Context<'static> {
    Context {
        lookup: &|name| match name {
            "TOKEN" => Some("geheim-token".into()),
            "HOST" => Some("db.example.org".into()),
            "CREDENTIALS_DIRECTORY" => Some("/run/credentials/imalive".into()),
            "EMPTY" => Some(String::new()),
            "LINES" => Some("geheim\nInjected: 1".into()),
            "LARGE" => Some("x".repeat(1000)),
            _ => None,
        },
        read: &|path| match path {
            "/run/credentials/imalive/password" => Ok("geheim-password\n".into()),
            "/run/body" => Ok("geheim-body\r\n".into()),
            "/run/lines" => Ok("geheim 1\ngeheim 2\n".into()),
            "/run/url" => Ok("https://hooks.example.org/geheim-url\n".into()),
            "/run/empty" => Ok("\n".into()),
            _ => Err(["read ", path, ": No such file or directory (os error 2)"].concat()),
        },
        wait_time: Duration::from_secs(10),
        resolved: Default::default(),
    }
}

pub(super) fn read(text: &str) -> (Monitors, Vec<Warning>) {
    parse(text, "imalive.yml", &context()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The only monitor of a file that has these lines for it, behind `name: x`.
fn monitor(lines: &str) -> Monitor {
    let indented: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    let (mut file, _) = read(&format!("monitors:\n  - name: x\n{indented}"));
    assert_eq!(file.monitors.len(), 1);
    file.monitors.remove(0)
}

fn http(lines: &str) -> HttpCheck {
    let check = monitor(&format!("type: http\n{lines}")).check;
    let Check::Http(check) = check else { panic!("{check:?}") };
    *check
}

fn never(lines: &str) -> String {
    let check = monitor(lines).check;
    let Check::Never(reason) = check else { panic!("{check:?}") };
    reason
}

fn text(value: &str) -> Given {
    Given::Text(value.into())
}

#[test]
fn the_recorded_file_is_read_unchanged() {
    let (file, warnings) = read(RECORDED);
    let names: Vec<_> = file.monitors.iter().map(|monitor| monitor.name.as_str()).collect();
    let expected =
        ["web ok", "web-bad-code", "web-bad-body", "refused", "tcp-ok", "tcp-ko", "tcp-bad", "unknown-type", "patch"];
    assert_eq!(names, expected);
    let [web, _, body, refused, tcp, _, bad, ftp, patch] = &file.monitors[..] else { panic!("{names:?}") };
    assert_eq!((web.family.as_str(), web.info, refused.family.as_str(), refused.info), ("web", true, "refused", false));
    assert_eq!((web.timeout, refused.timeout), (Duration::from_secs(30), Duration::from_secs(2)));
    let (Check::Http(web_check), Check::Http(body_check)) = (&web.check, &body.check) else {
        panic!("{web:?} {body:?}")
    };
    assert_eq!(web_check.expected_contain.as_deref(), Some("\"status\":\"ok\""));
    assert_eq!((web_check.headers[0].0.as_str(), web_check.headers[0].1.reveal()), ("accept", "application/json"));
    let (user, password) = body_check.basic_auth.as_ref().unwrap();
    assert_eq!((user.reveal(), password.reveal()), ("alice", "secret"));
    assert_eq!(tcp.check, Check::Tcp("127.0.0.1".into(), 18_191));
    // The words of the recorded log.
    for (monitor, reason) in [
        (bad, "Incorrect url (expected host:port): actual = nonsense"),
        (ftp, "Bad configuration of monitor: name = unknown-type, type = ftp"),
        (patch, "Not supported http method: actual = PATCH"),
    ] {
        assert_eq!(monitor.check, Check::Never(reason.into()));
    }
    let places: Vec<_> = warnings.iter().map(|warning| (warning.line, warning.column)).collect();
    assert_eq!(places, [(35, 10), (36, 11), (42, 13)]);
}

#[test]
fn a_recorded_monitor_is_shown_as_the_original_showed_it() {
    let (file, _) = read(RECORDED);
    let header = Given::Map([("name".into(), text("accept")), ("value".into(), text("application/json"))].into());
    let expected: Vec<(String, Given)> = [
        ("type", text("http")),
        ("name", text("web ok")),
        ("family", text("web")),
        ("url", text("http://127.0.0.1:18191/ok.json")),
        ("expected_contain", text("\"status\":\"ok\"")),
        ("level", text("INFO")),
        ("headers", Given::List([header].into())),
    ]
    .map(|(key, value)| (key.to_string(), value))
    .into();
    assert_eq!(file.monitors[0].given, expected);
    // Neither user nor password.
    let keys: Vec<_> = file.monitors[2].given.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["type", "name", "url", "expected_contain"]);
    assert_eq!(file.monitors[3].given[3], ("timeout".into(), Given::Integer(2)));
}

#[test]
fn nothing_but_a_name_type_and_url_is_needed() {
    let expected = Monitor {
        name: "x".into(),
        family: "x".into(),
        check: Check::Http(
            HttpCheck {
                method: "GET",
                url: crate::config::monitors::Secret::new("http://host/".into()),
                shown_url: "http://host".into(),
                body: None,
                headers: Vec::new(),
                basic_auth: None,
                expected_code: crate::config::codes::CodePattern::parse("20*").unwrap(),
                expected_contain: None,
                follow_redirects: 10,
                tls: Tls { check: true, ca_file: None, client: None },
                hidden: Vec::new(),
            }
            .into(),
        ),
        kind: "http".into(),
        timeout: Duration::from_secs(30),
        interval: Duration::from_secs(10),
        retry_interval: Duration::from_secs(5),
        failure_threshold: 3,
        success_threshold: 1,
        max_latency: None,
        depends_on: Vec::new(),
        scope: Scope::None,
        gate: false,
        reminder: None,
        info: false,
        given: ["name", "type", "url"]
            .map(String::from)
            .into_iter()
            .zip(["x", "http", "http://host"].map(text))
            .collect(),
    };
    assert_eq!(monitor("type: http\nurl: http://host"), expected);
}

#[test]
fn a_file_without_monitors_is_no_mistake() {
    for file in ["", "---\n", "monitors:\n", "monitors: []\n", "monitors: ~\n", "# nothing\n", "{}", "x-a: [1]\n"] {
        assert_eq!(read(file), (Monitors::default(), Vec::new()), "{file:?}");
    }
}

#[test]
fn the_field_decides_the_type() {
    let x = monitor(
        "type: http\nurl: http://host\nusername: 007\npassword: 0123\nexpected_http_code: 200\nfamily: 5\nbody: 1e3\n\
         timeout: 0.5\ninterval: \"2m\"\nfailure_threshold: '2'\ngate: yes\nreminder: 1h\nmax_latency: 250ms",
    );
    let Check::Http(check) = x.check else { panic!("{x:?}") };
    let (user, password) = check.basic_auth.unwrap();
    assert_eq!((user.reveal(), password.reveal()), ("007", "0123"));
    assert_eq!((check.expected_code.as_str(), x.family.as_str(), check.body.unwrap().reveal()), ("200", "5", "1e3"));
    assert_eq!((x.timeout, x.interval), (Duration::from_millis(500), Duration::from_secs(120)));
    assert_eq!((x.failure_threshold, x.gate), (2, true));
    assert_eq!((x.reminder, x.max_latency), (Some(Duration::from_secs(3600)), Some(Duration::from_millis(250))));
    assert_eq!(read("monitors: [{name: 5}]").0.monitors[0].name, "5");
}

#[test]
fn words_for_nothing_are_nothing_where_the_original_had_it_so() {
    for word in ["", "''", "~", "none", "'None'", "NULL", "nil", "false"] {
        let lines = [
            "family",
            "timeout",
            "level",
            "method",
            "expected_http_code",
            "expected_contain",
            "body",
            "headers",
            "username",
            "password",
        ]
        .map(|key| format!("{key}: {word}\n"))
        .concat();
        let with_words = monitor(&format!("type: http\nurl: http://host\n{lines}"));
        let mut without = monitor("type: http\nurl: http://host");
        without.given = with_words.given.clone();
        assert_eq!(with_words, without, "{word}");
        assert_eq!(never(&format!("type: tcp\nurl: {word}")), "Missing mandatory url");
        assert_eq!(never(&format!("type: {word}")), "Bad configuration of monitor: name = x, type = undefined");
        let (file, warnings) = read(&format!("monitors:\n- name: {word}\n  type: tcp\n- type: http\n"));
        assert_eq!((file.monitors.len(), warnings.len()), (0, 2), "{word}");
        assert_eq!(warnings[0].text, "name: missing, so nothing is checked: expected one");
    }
    assert_eq!(monitor("type: http\nurl: http://h\ntimeout: 0").timeout, Duration::from_secs(30));
    assert_eq!(monitor("type: http\nurl: http://h\nreminder: off").reminder, None);
    assert!(http("url: http://h\ncheck_tls: ''").tls.check);
}

#[test]
fn tls_is_not_checked_only_where_it_is_said() {
    for (word, checked) in
        [("false", false), ("no", false), ("'off'", false), ("KO", false), ("true", true), ("'Yes'", true)]
    {
        assert_eq!(http(&format!("url: https://h\ncheck_tls: {word}")).tls.check, checked, "{word}");
    }
    let tls =
        http("url: https://h\nca_file: ${CREDENTIALS_DIRECTORY}/ca\nclient_cert_file: /c\nclient_key_file: /k").tls;
    let ca_file = Some("/run/credentials/imalive/ca".into());
    assert_eq!(tls, Tls { check: true, ca_file, client: Some(("/c".into(), "/k".into())) });
}

#[test]
fn redirects_are_a_word_or_a_number() {
    for (word, number) in [("true", 10), ("no", 0), ("0", 0), ("30", 30), ("~", 10)] {
        assert_eq!(http(&format!("url: http://h\nfollow_redirects: {word}")).follow_redirects, number, "{word}");
    }
}

#[test]
fn what_the_original_failed_at_every_round_still_starts_with_a_warning() {
    for (lines, reason, warning) in [
        ("type: http", "Missing mandatory url", "url: missing, so every check fails: expected one"),
        (
            "type: http\nurl: http://h\nmethod: get",
            "Not supported http method: actual = get",
            "method: \"get\" is not supported, so every check fails: expected GET, POST, PUT or HEAD",
        ),
        (
            "type: HTTP\nurl: http://h",
            "Bad configuration of monitor: name = x, type = HTTP",
            "type: \"HTTP\" is not supported, so every check fails: expected http or tcp",
        ),
        (
            "url: http://h",
            "Bad configuration of monitor: name = x, type = undefined",
            "type: missing, so every check fails: expected http or tcp",
        ),
        (
            "type: tcp\nurl: u:geheim@h:0",
            "Incorrect url (expected host:port): actual = u:***@h:0",
            "url: \"u:***@h:0\" is not an address, so every check fails: expected host:port",
        ),
        (
            "type: http\nurl: u:geheim@h",
            "Incorrect url (expected http://host or https://host): actual = u:***@h",
            "url: \"u:***@h\" is not a URL of http, so every check fails: expected http://host or https://host",
        ),
    ] {
        assert_eq!(never(lines), reason);
        let indented = lines.replace('\n', "\n  ");
        let (_, warnings) = read(&format!("monitors:\n- name: x\n  {indented}\n"));
        assert_eq!(warnings.iter().map(|warning| warning.text.as_str()).collect::<Vec<_>>(), [warning]);
    }
    let (file, warnings) = read("monitors:\n- {name: x, type: tcp, url: 'h:1', level: info}\n");
    assert!(!file.monitors[0].info);
    assert_eq!(warnings[0].text, "level: \"info\" is not a level, so it is DEBUG: expected INFO or DEBUG");
    let (_, warnings) =
        read("monitors:\n- {name: x, type: http, url: 'http://h', username: u, headers: [{name: a}]}\n");
    assert_eq!(warnings[0].text, "username: not sent: expected both username and password");
    assert_eq!(warnings[1].text, "headers: not sent: expected a name and a value");
}

#[test]
fn an_address_may_be_ipv6_or_come_from_the_environment() {
    assert_eq!(monitor("type: tcp\nurl: '[::1]:80'").check, Check::Tcp("::1".into(), 80));
    let db = monitor("type: tcp\nurl: ${HOST}:5432");
    assert_eq!(db.check, Check::Tcp("db.example.org".into(), 5432));
    assert_eq!(db.given[2], ("url".into(), text("${HOST}:5432")));
}

#[test]
fn defaults_hold_for_what_a_monitor_does_not_say() {
    let (file, _) = read(
        "defaults: {type: tcp, interval: 1m, failure_threshold: 5, gate: true, scope: lan, family: f}\n\
         connectivity: {lan: 'h:1'}\n\
         monitors:\n- {name: a, url: 'h:1'}\n- {name: b, url: 'h:1', interval: 30, gate: no, family: ~}\n",
    );
    let [a, b] = &file.monitors[..] else { panic!("{file:?}") };
    assert_eq!(
        (a.kind.as_str(), a.interval.as_secs(), a.failure_threshold, a.gate, a.scope),
        ("tcp", 60, 5, true, Scope::Lan)
    );
    assert_eq!(
        (b.kind.as_str(), b.interval.as_secs(), b.failure_threshold, b.gate, b.scope),
        ("tcp", 30, 5, false, Scope::Lan)
    );
    assert_eq!((a.family.as_str(), b.family.as_str()), ("f", "b"));
    assert_eq!(a.given.len(), 2, "{a:?}");
}

#[test]
fn a_retry_is_not_later_than_the_next_check_unless_it_is_said() {
    assert_eq!(monitor("type: tcp\nurl: h:1\ninterval: 2").retry_interval, Duration::from_secs(2));
    assert_eq!(monitor("type: tcp\nurl: h:1\ninterval: 2\nretry_interval: 4").retry_interval, Duration::from_secs(4));
}

#[test]
fn dependencies_are_places_in_the_file() {
    let (file, _) = read(
        "monitors:\n- {name: a, type: tcp, url: 'h:1', depends_on: [c, b, c]}\n- {name: b, type: tcp, url: 'h:1', depends_on: c}\n\
         - {type: tcp}\n- {name: c, type: tcp, url: 'h:1'}\n",
    );
    let places: Vec<_> = file.monitors.iter().map(|monitor| monitor.depends_on.as_slice()).collect();
    assert_eq!(places, [&[2, 1][..], &[2], &[]]);
}

#[test]
fn merge_keys_work_as_in_the_original() {
    let (file, _) = read(
        "x-common: &common {type: http, timeout: 5, headers: [{name: a, value: b}]}\n\
         monitors:\n- {<<: *common, name: a, url: 'http://h'}\n- {name: b, url: 'http://h', timeout: 6, <<: *common}\n",
    );
    assert_eq!(file.monitors.iter().map(|monitor| monitor.timeout.as_secs()).collect::<Vec<_>>(), [5, 6]);
    let keys: Vec<_> = file.monitors[1].given.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["type", "timeout", "headers", "name", "url"]);
}

#[test]
fn the_file_is_the_one_that_is_asked_for_or_the_first_there_is() {
    let load = |asked: Option<&str>, there: &[(&str, &str)]| -> Result<Option<Loaded>, String> {
        let mut config = from_environment(&|_| None, "pi").unwrap();
        config.config_path = asked.map(String::from);
        let config_file = |path: &str| match there.iter().find(|(known, _)| *known == path) {
            Some((_, "unreadable")) => Err(format!("read {path}: Permission denied (os error 13)")),
            found => Ok(found.map(|(_, text)| (*text).to_string())),
        };
        let context = context();
        load(&config, &Sources { lookup: context.lookup, config_file: &config_file, secret_file: context.read })
    };
    let app = ("/app/imalive.yml", "monitors: [{name: a, type: tcp, url: 'h:1'}]");
    assert_eq!(load(None, &[]), Ok(None));
    let loaded = load(None, &[app]).unwrap().unwrap();
    assert_eq!((loaded.path.as_str(), loaded.monitors.monitors.len()), ("/app/imalive.yml", 1));
    assert_eq!(load(None, &[app, ("./imalive.yml", "")]).unwrap().unwrap().path, "./imalive.yml");
    assert_eq!(
        load(Some("/app/imalive.yml"), &[app, ("./imalive.yml", "")]).unwrap().unwrap().path,
        "/app/imalive.yml"
    );
    assert_eq!(load(Some("/x"), &[app]), Err("read /x: there is no such file".into()));
    let reason = "read /etc/imalive/imalive.yml: Permission denied (os error 13)";
    assert_eq!(load(None, &[app, ("/etc/imalive/imalive.yml", "unreadable")]), Err(reason.into()));
    let reason = "/app/imalive.yml:1:1: monitor: unknown key: expected monitors, perhaps";
    assert_eq!(load(None, &[("/app/imalive.yml", "monitor: []")]), Err(reason.into()));
    let loaded = load(None, &[("/app/imalive.yml", "monitors: [{type: tcp}]")]).unwrap().unwrap();
    let lines: Vec<_> = loaded.warning_lines().collect();
    assert_eq!(lines, ["/app/imalive.yml:1:12: name: missing, so nothing is checked: expected one"]);
}
