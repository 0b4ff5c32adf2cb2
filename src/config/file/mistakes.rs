//! Tests: a file with a mistake is refused in one line with its place, and no line or value shows a secret.

use alloc::format;
use alloc::string::{String, ToString};

use super::values::{context, read};
use super::{FileError, parse};
use crate::config::monitors::Check;

pub(super) fn error(text: &str) -> String {
    match parse(text, "imalive.yml", &context()) {
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains(char::is_control) && line.starts_with("imalive.yml:"), "{line}");
            assert!(!line.contains("geheim"), "{line}");
            line.strip_prefix("imalive.yml:").unwrap_or(&line).into()
        }
        Ok(_) => panic!("accepted: {text}"),
    }
}

/// The mistake in one monitor that has this line, the fifth of the file.
fn of_monitor(line: &str) -> String {
    error(&format!("monitors:\n  - name: x\n    type: http\n    url: http://h\n    {line}\n"))
}

#[test]
fn a_mistake_has_file_line_column_key_value_and_what_was_expected() {
    let file = parse("monitors:\n- name: x\n  timeout: soon\n", "/etc/imalive/imalive.yml", &context()).unwrap_err();
    let text =
        "timeout: \"soon\" is not a time: expected seconds, or a number with ms, s, m, h or d, from 100ms to 10m";
    let expected = FileError { file: "/etc/imalive/imalive.yml".into(), line: 3, column: 12, text: text.into() };
    assert_eq!(file, expected);
    assert_eq!(file.to_string(), format!("/etc/imalive/imalive.yml:3:12: {text}"));
}

#[test]
fn an_unknown_key_is_told_with_what_may_have_been_meant() {
    assert_eq!(of_monitor("timout: 5"), "5:5: timout: unknown key: expected timeout, perhaps");
    assert!(
        of_monitor("nonsense: 5")
            .starts_with("5:5: nonsense: unknown key: expected one of name, url, depends_on, type,")
    );
    assert_eq!(error("monitor: []"), "1:1: monitor: unknown key: expected monitors, perhaps");
    assert_eq!(
        error("a: 1"),
        "1:1: a: unknown key: expected one of monitors, defaults, connectivity, maintenance, webhook, webhooks"
    );
    assert!(error("x-a: 1\nb: 1").ends_with("webhook, webhooks"));
    assert!(error("defaults: {name: x}").starts_with("1:12: name: unknown key: expected "));
    assert!(error("defaults: {url: x}").starts_with("1:12: url: unknown key: expected "));
    assert_eq!(error("connectivity: {man: 'h:1'}"), "1:16: man: unknown key: expected lan, perhaps");
    assert_eq!(of_monitor("headers: [{name: a, valeu: geheim}]"), "5:25: valeu: unknown key: expected value, perhaps");
    assert!(error("webhook: {urls: x, method: PUT}").starts_with("1:11: urls: unknown key: expected url, perhaps"));
    assert!(
        error("maintenance: [{start: x}]").starts_with("1:16: start: unknown key: expected one of monitors, from,")
    );
}

#[test]
fn a_wrong_type_is_told() {
    for (line, expected) in [
        (
            "interval: 0.5",
            "5:15: interval: \"0.5\" is out of range: expected seconds, or a number with ms, s, m, h or d, from 1s to 1d",
        ),
        (
            "interval: [5]",
            "5:15: interval: a list is not a time: expected seconds, or a number with ms, s, m, h or d, from 1s to 1d",
        ),
        (
            "timeout: 11m",
            "5:14: timeout: \"11m\" is out of range: expected seconds, or a number with ms, s, m, h or d, from 100ms to 10m",
        ),
        (
            "reminder: 5",
            "5:15: reminder: \"5\" is out of range: expected seconds, or a number with ms, s, m, h or d, from 1m to 30d",
        ),
        (
            "failure_threshold: 0",
            "5:24: failure_threshold: \"0\" is not such a number: expected a number from 1 to 1000",
        ),
        (
            "success_threshold: +1",
            "5:24: success_threshold: \"+1\" is not such a number: expected a number from 1 to 1000",
        ),
        ("gate: maybe", "5:11: gate: \"maybe\" is neither true nor false: expected true or false"),
        ("check_tls: maybe", "5:16: check_tls: \"maybe\" is neither true nor false: expected true or false"),
        ("scope: internet", "5:12: scope: \"internet\" is not a scope: expected lan, wan or none"),
        (
            "follow_redirects: 31",
            "5:23: follow_redirects: \"31\" is not a number of redirects: expected true, false or a number from 0 to 30",
        ),
        (
            "expected_http_code: 2xx",
            "5:25: expected_http_code: \"2xx\" is not a list of codes: expected digits and *, such as 20* or 200,204,30*",
        ),
        ("expected_contain: [a]", "5:23: expected_contain: a list is not text: expected text"),
        (
            "family: {a: b}",
            "5:13: family: a mapping is no text to be shown: expected at most 128 bytes without control characters",
        ),
        (
            "family: \"a\\nb\"",
            "5:13: family: \"a?b\" is no text to be shown: expected at most 128 bytes without control characters",
        ),
        ("headers: accept", "5:14: headers: \"accept\" is not a list: expected a list of name and value"),
        ("headers: [accept]", "5:15: headers: \"accept\" is not a mapping: expected keys with values"),
        (
            "headers: [{name: a b, value: c}]",
            "5:22: name: \"a b\" is not the name of a header field: expected letters, digits and -",
        ),
        ("client_cert_file: /c", "5:23: client_cert_file: alone: expected client_key_file beside it"),
        ("client_key_file: /k", "5:22: client_key_file: alone: expected client_cert_file beside it"),
        ("ca_file: \"a\\0\"", "5:14: ca_file: not a path: expected one without control characters"),
        ("depends_on: y", "5:17: depends_on: \"y\" is not a monitor: expected the name of one in this file"),
        ("depends_on: [x, {}]", "5:21: depends_on: a mapping is not a monitor: expected the name of one in this file"),
        ("depends_on: x", "5:17: depends_on: \"x -> x\" is a cycle: expected dependencies that end"),
    ] {
        assert_eq!(of_monitor(line), expected);
    }
    assert_eq!(error("monitors: {a: b}"), "1:11: monitors: a mapping is not a list: expected a list of monitors");
    assert_eq!(error("monitors: [x]"), "1:12: monitors: \"x\" is not a mapping: expected keys with values");
    assert_eq!(error("hello"), "1:1: file: \"hello\" is not a mapping: expected keys with values");
    assert_eq!(error("defaults: [x]"), "1:11: defaults: a list is not a mapping: expected keys with values");
    assert!(error("defaults: {interval: x}").starts_with("1:22: interval: \"x\" is not a time: expected "));
    assert!(error("- a: b").starts_with("1:1: file: a list is not a mapping"));
}

#[test]
fn a_name_is_given_once_and_is_a_metric_of_its_own() {
    let two = |one: &str, other: &str| error(&format!("monitors:\n- {{name: {one}}}\n- {{name: {other}}}\n"));
    assert_eq!(
        two("web", "web"),
        "3:10: name: \"web\" is given twice: expected a name of its own, line 2 has this one"
    );
    assert_eq!(
        two("web ok", "web-ok"),
        "3:10: name: \"web-ok\" gives the same metric as \"web ok\" in line 2: expected other letters or digits"
    );
    assert!(two("k\u{fc}che", "k\u{f6}che").contains("gives the same metric"));
    assert_eq!(read("monitors: [{name: Web}, {name: web}]").0.monitors.len(), 2);
    let long = two("x", &"y".repeat(129));
    assert!(
        long.ends_with("...\" is no text to be shown: expected at most 128 bytes without control characters"),
        "{long}"
    );
}

#[test]
fn a_cycle_is_named() {
    let file = "monitors:\n- {name: a, depends_on: b}\n- {name: b, depends_on: [d, c]}\n- {name: c, depends_on: b}\n- {name: d}\n";
    assert_eq!(error(file), "3:25: depends_on: \"b -> c -> b\" is a cycle: expected dependencies that end");
    let chain: String = (0..128).map(|at| format!("- {{name: m{at}, depends_on: m{}}}\n", (at + 1) % 128)).collect();
    assert!(error(&format!("monitors:\n{chain}")).contains("m127 -> m0\" is a cycle"));
    let diamond =
        "monitors: [{name: a, depends_on: [b, c]}, {name: b, depends_on: d}, {name: c, depends_on: d}, {name: d}]";
    assert_eq!(read(diamond).0.monitors.len(), 4);
}

#[test]
fn capacities_are_kept() {
    let many = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let monitors = |count| format!("monitors:\n{}", many(count, &|at| format!("- {{name: m{at}}}\n")));
    assert_eq!(read(&monitors(128)).0.monitors.len(), 128);
    assert_eq!(error(&monitors(129)), "2:3: monitors: 129 are too many: expected at most 128");
    let headers = many(33, &|at| format!("{{name: h{at}, value: v}}, "));
    assert_eq!(of_monitor(&format!("headers: [{headers}]")), "5:14: headers: too many: expected at most 32");
    let targets = many(9, &|at| format!("'h:{}', ", at + 1));
    assert_eq!(error(&format!("connectivity: {{wan: [{targets}]}}")), "1:21: wan: too many: expected at most 8");
    let webhooks = many(9, &|at| format!("- http://h/{at}\n"));
    assert_eq!(error(&format!("webhooks:\n{webhooks}")), "10:3: webhooks: too many: expected at most 8");
    let template = "webhook:\n  url: http://h/\n  template: '{{txt}}'\n";
    assert!(
        error(template).starts_with("3:13: template: unknown placeholder `{{txt}}`: expected text"),
        "{}",
        error(template)
    );
    let windows = many(10, &|_| "- {weekly: daily, at: '01:00', duration: 1h}\n".to_string());
    let expected = "11:3: maintenance: too many windows: expected at most 64, one for each day of a weekly one";
    assert_eq!(error(&format!("maintenance:\n{windows}")), expected);
    assert_eq!(
        of_monitor(&format!("body: {}", "${LARGE}".repeat(100))),
        "5:11: body: too long: expected at most 65536 bytes"
    );
}

#[test]
fn what_is_not_yaml_is_told_with_its_place() {
    assert_eq!(error("monitors:\n- name: x\n  name: y\n"), "3:3: name: given twice: expected once, as in line 2");
    let line = error("monitors:\n- password: geheim\n  url: 'x\n");
    assert!(line.starts_with("3:") && line.contains(": not YAML: "), "{line}");
    assert_eq!(error("a: 1\n---\nb: 2\n"), "2:1: a second document: expected one");
}

#[test]
fn a_reference_that_leads_nowhere_names_key_and_variable() {
    for (line, expected) in [
        ("password: ${NONE}", "5:15: password: ${NONE} is not set: expected a variable of the environment"),
        ("password: ${EMPTY}", "5:15: password: ${EMPTY} is not set: expected a variable of the environment"),
        ("password: geheim${", "5:15: password: \"${\" without a name: expected ${NAME}, or $${ for the characters ${"),
        (
            "password: ${geheim-1}",
            "5:15: password: \"${\" without a name: expected ${NAME}, or $${ for the characters ${",
        ),
        ("password: '${}'", "5:15: password: \"${\" without a name: expected ${NAME}, or $${ for the characters ${"),
        ("password_file: /none", "5:20: password_file: read /none: No such file or directory (os error 2)"),
        ("password_file: /run/empty", "5:20: password_file: the file is empty: expected a value in it"),
        ("password: [geheim]", "5:15: password: a list is not text: expected text"),
        ("headers: [{name: a, value: '${LINES}'}]", "5:32: value: has control characters: expected one line of text"),
        (
            "headers: [{name: a, value_file: /run/lines}]",
            "5:37: value_file: has control characters: expected one line of text",
        ),
    ] {
        assert_eq!(of_monitor(line), expected);
    }
    let both = "monitors:\n- name: x\n  password: geheim\n  password_file: /run/x\n";
    assert_eq!(error(both), "4:3: password_file: given beside password: expected one of the two");
    for (file, expected) in [
        ("webhook: hooks.example.org/geheim", "1:10: webhook: not a URL: expected http://host or https://host"),
        (
            "webhook: {url: 'https://u:geheim@h/'}",
            "1:16: url: a user in the URL: expected a header Authorization for it",
        ),
        ("webhook: {headers: []}", "1:10: webhook: without a url: expected one"),
        ("webhook: {url: '${NONE}'}", "1:16: url: ${NONE} is not set: expected a variable of the environment"),
        (
            "connectivity: {lan: 'http://u:geheim@h:x/'}",
            "1:21: lan: not a target: expected host:port, or a URL of http",
        ),
    ] {
        assert_eq!(error(file), expected);
    }
}

#[test]
fn secrets_reach_the_check_and_nothing_that_is_printed() {
    let (file, warnings) = read(
        "webhooks:\n- https://hooks.example.org/${TOKEN}\n- {url_file: /run/url, headers: [{name: A, value: '${TOKEN}'}], template: '{\"key\":\"${TOKEN}\",\"a\":\"{{text}}\"}'}\n\
         monitors:\n- name: x\n  type: http\n  method: POST\n  url: https://u%40:geheim-url@h/${TOKEN}?a=${TOKEN}\n\
        \x20 body_file: /run/body\n  headers:\n  - {name: Authorization, value: 'Bearer ${TOKEN}'}\n  - {name: cookie, value: geheim-cookie}\n\
        \x20 - {name: X-Trace, value_file: /run/credentials/imalive/password}\n\
         - {name: y, type: http, url: http://h, username: geheim, password_file: '${CREDENTIALS_DIRECTORY}/password'}\n\
         - {name: z, type: http, url: http://h, body: 'a $${TOKEN} $5 ${TOKEN}$', username: geheim}\n",
    );
    let printed = format!("{file:?}{warnings:?}{}", super::summary::summary("imalive.yml", &file));
    assert!(!printed.contains("geheim"), "{printed}");
    let [x, y, z] = [0, 1, 2].map(|at| match &file.monitors[at].check {
        Check::Http(check) => check.clone(),
        other => panic!("{other:?}"),
    });
    let hidden = [&x, &y, &z].map(|check| check.hidden.iter().map(|one| one.reveal()).collect::<alloc::vec::Vec<_>>());
    let of_x = ["geheim-body", "geheim-password", "geheim-token", "geheim-url", "Bearer geheim-token", "geheim-cookie"];
    assert!(of_x.iter().all(|secret| hidden[0].contains(secret)), "{hidden:?}");
    assert!(hidden[1].contains(&"geheim-password") && hidden[2] == ["geheim-token"], "{hidden:?}");
    assert_eq!(x.url.reveal(), "https://h/geheim-token?a=geheim-token");
    assert_eq!(x.shown_url, "https://u%40:***@h/${TOKEN}?a=${TOKEN}");
    assert_eq!(
        x.basic_auth.map(|(user, password)| (user.reveal().to_string(), password.reveal().to_string())),
        Some(("u@".into(), "geheim-url".into()))
    );
    assert_eq!(x.body.unwrap().reveal(), "geheim-body");
    let headers: alloc::vec::Vec<_> = x.headers.iter().map(|(_, value)| value.reveal()).collect();
    assert_eq!(headers, ["Bearer geheim-token", "geheim-cookie", "geheim-password"]);
    let (user, password) = y.basic_auth.unwrap();
    assert_eq!((user.reveal(), password.reveal()), ("geheim", "geheim-password"));
    assert_eq!((z.body.unwrap().reveal(), z.basic_auth), ("a ${TOKEN} $5 geheim-token$", None));
    let hooks: alloc::vec::Vec<_> = file.webhooks.iter().map(|hook| hook.url.reveal()).collect();
    assert_eq!(hooks, ["https://hooks.example.org/geheim-token", "https://hooks.example.org/geheim-url"]);
    assert_eq!(file.webhooks[1].headers[0].1.reveal(), "geheim-token");
    assert_eq!(file.webhooks[1].template.as_ref().unwrap().reveal(), "{\"key\":\"geheim-token\",\"a\":\"{{text}}\"}");
}

#[test]
fn no_warning_has_control_characters_or_is_long() {
    let url = alloc::format!("\"http://a\\e[2J\\n{}\"", "x".repeat(1000));
    let (_, warnings) =
        read(&format!("monitors:\n- {{name: x, type: http, url: {url}}}\n- {{name: y, type: tcp, url: {url}}}\n"));
    assert_eq!(warnings.len(), 2);
    for warning in warnings {
        assert!(warning.text.len() < 200 && !warning.text.contains(char::is_control), "{warning:?}");
    }
}
