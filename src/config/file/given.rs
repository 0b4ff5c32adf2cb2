//! A monitor as it stands in the file, for its lines in the log: references as they are written, secrets left out.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::file::fields::truth;
use crate::config::file::urls::masked;
use crate::config::monitors::{Given, MASK};
use crate::config::yaml::{Entry, Node, Value};

/// Left out, as in the original.
const LEFT_OUT: [&str; 4] = ["username", "username_file", "password", "password_file"];

const TRUTHS: [&str; 3] = ["check_tls", "gate", "follow_redirects"];

const NUMBERS: [&str; 8] = [
    "timeout",
    "interval",
    "retry_interval",
    "failure_threshold",
    "success_threshold",
    "reminder",
    "max_latency",
    "follow_redirects",
];

/// The keys in the order of the file.
pub(super) fn given(entries: &[Entry<'_>]) -> Vec<(String, Given)> {
    let shown = entries.iter().filter(|entry| entry.node.is_null() || !LEFT_OUT.contains(&entry.key.as_ref()));
    shown.map(|entry| (entry.key.as_ref().into(), value(&entry.key, &entry.node))).collect()
}

fn value(key: &str, node: &Node<'_>) -> Given {
    if node.is_null() {
        return Given::Null;
    }
    match &node.value {
        Value::Plain(text) => plain(key, text),
        Value::Quoted(text) => shown(key, text),
        Value::Sequence(items) => Given::List(items.iter().map(|item| value(key, item)).collect()),
        Value::Mapping(entries) => Given::Map(header(entries)),
    }
}

fn plain(key: &str, text: &str) -> Given {
    match (truth(text), text.parse()) {
        (Some(truth), _) if TRUTHS.contains(&key) => Given::Bool(truth),
        (_, Ok(number)) if NUMBERS.contains(&key) => Given::Integer(number),
        _ => shown(key, text),
    }
}

fn shown(key: &str, text: &str) -> Given {
    Given::Text(if key == "url" { masked(text) } else { text.into() })
}

/// A header field: `value` counts as a secret by what `name` says.
fn header(entries: &[Entry<'_>]) -> Vec<(String, Given)> {
    let name = entries.iter().find_map(|entry| match &entry.node.value {
        Value::Plain(text) | Value::Quoted(text) if entry.key == "name" => Some(text.as_ref()),
        _ => None,
    });
    let secret = name.is_none_or(is_secret);
    let field = |entry: &Entry<'_>| {
        let hidden = secret && entry.key == "value" && !entry.node.is_null();
        let given = if hidden { Given::Text(MASK.into()) } else { value("", &entry.node) };
        (entry.key.as_ref().into(), given)
    };
    entries.iter().map(field).collect()
}

/// Whether the header field `name` usually holds a secret: `Authorization`, `Set-Cookie`, `X-Api-Key`, `PRIVATE-TOKEN`.
pub(super) fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 8] = ["auth", "cookie", "token", "key", "secret", "passw", "credential", "session"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::parse;
    use alloc::format;

    fn given_of(text: &str) -> Vec<(String, Given)> {
        let Value::Mapping(entries) = parse(text).unwrap().unwrap().value else { panic!("{text}") };
        given(&entries)
    }

    fn text(value: &str) -> Given {
        Given::Text(value.into())
    }

    #[test]
    fn the_key_decides_the_type() {
        let given = given_of("{timeout: 2, interval: 0.5, check_tls: no, gate: 'yes', family: 5, level: , body: ~}");
        let values: Vec<_> = given.into_iter().map(|(_, value)| value).collect();
        let expected =
            [Given::Integer(2), text("0.5"), Given::Bool(false), text("yes"), text("5"), Given::Null, Given::Null];
        assert_eq!(values, expected);
        assert_eq!(given_of("{follow_redirects: false}")[0].1, Given::Bool(false));
        assert_eq!(given_of("{follow_redirects: 3}")[0].1, Given::Integer(3));
        assert_eq!(given_of("{depends_on: [a, b]}")[0].1, Given::List([text("a"), text("b")].into()));
    }

    #[test]
    fn secrets_are_left_out_or_masked() {
        let given = given_of(
            "url: http://u:geheim@h/\nusername: geheim\npassword: geheim\npassword_file: /geheim\nheaders:\n\
             - {name: AUTHORIZATION, value: geheim}\n- {value: geheim, name: set-cookie}\n- {name: X-Api-Key, value: geheim}\n\
             - {name: proxy-authorization, value: geheim}\n- {name: Accept, value: a}\n- {value: geheim}\n",
        );
        let printed = format!("{given:?}");
        assert!(!printed.contains("geheim"), "{printed}");
        assert_eq!(given.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["url", "headers"]);
        assert_eq!(given[0].1, text("http://u:***@h/"));
        let Given::List(headers) = &given[1].1 else { panic!("{given:?}") };
        assert_eq!(
            headers[0],
            Given::Map([("name".into(), text("AUTHORIZATION")), ("value".into(), text("***"))].into())
        );
        assert_eq!(headers[4], Given::Map([("name".into(), text("Accept")), ("value".into(), text("a"))].into()));
    }

    #[test]
    fn a_reference_is_shown_as_it_is_written() {
        assert_eq!(given_of("{body: 'a ${B} $${'}")[0].1, text("a ${B} $${"));
        assert_eq!(given_of("{password: }"), [("password".into(), Given::Null)]);
    }
}
