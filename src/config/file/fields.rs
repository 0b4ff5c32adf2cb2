//! The keys of a mapping, each of a type that is settled by who asks.

use alloc::string::String;
use core::time::Duration;

use crate::config::error::write_shown;
use crate::config::file::{durations, spelling};
use crate::config::yaml::{Entry, Mistake, Node, Position, Value};

/// A mapping, and what holds where it says nothing.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) own: &'a [Entry<'a>],
    pub(super) defaults: &'a [Entry<'a>],
}

/// A key with its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) key: &'a str,
    pub(super) node: &'a Node<'a>,
}

impl<'a> Fields<'a> {
    /// The mapping at `node`, which may have the keys `known` only.
    pub(super) fn of(key: &str, node: &'a Node<'a>, known: &[&str]) -> Result<Self, Mistake> {
        Self::of_any(key, node, known, |_| false)
    }

    /// The same with others that nobody looks at.
    pub(super) fn of_any(
        key: &str,
        node: &'a Node<'a>,
        known: &[&str],
        ignored: fn(&str) -> bool,
    ) -> Result<Self, Mistake> {
        match &node.value {
            Value::Mapping(entries) => {
                for entry in entries {
                    if !known.contains(&entry.key.as_ref()) && !ignored(&entry.key) {
                        return Err(spelling::unknown(entry, known));
                    }
                }
                Ok(Fields { own: entries, defaults: &[] })
            }
            _ if node.is_null() => Ok(Fields { own: &[], defaults: &[] }),
            _ => Err(Field { key, node }.wrong("is not a mapping", "keys with values")),
        }
    }

    /// What stands under `key`. No value hides a default too.
    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        let find = |entries: &'a [Entry<'a>]| entries.iter().find(|entry| entry.key == key);
        let entry = find(self.own).or_else(|| find(self.defaults))?;
        Some(Field { key: &entry.key, node: &entry.node }).filter(|field| !field.node.is_null())
    }

    /// What stands under `key`, unless it is a word that the original takes for nothing.
    pub(super) fn get_original(&self, key: &str) -> Option<Field<'a>> {
        let nothing = ["", "null", "nil", "false", "none"];
        self.get(key).filter(|field| {
            field.scalar().is_none_or(|text| nothing.iter().all(|word| !text.eq_ignore_ascii_case(word)))
        })
    }

    pub(super) fn bool(&self, key: &str, default: bool) -> Result<bool, Mistake> {
        self.get(key).map_or(Ok(default), |field| field.parse("is neither true nor false", "true or false", truth))
    }

    pub(super) fn count(&self, key: &str, default: u32, least: u32, most: u32) -> Result<u32, Mistake> {
        let Some(field) = self.get(key) else { return Ok(default) };
        let mut expected = String::from("a number from ");
        let mut buffer = itoa::Buffer::new();
        expected.push_str(buffer.format(least));
        expected.push_str(" to ");
        expected.push_str(buffer.format(most));
        field.parse("is not such a number", &expected, |text| {
            whole(text).filter(|number| (least..=most).contains(number))
        })
    }

    pub(super) fn duration(&self, key: &str, least: Duration, most: Duration) -> Result<Option<Duration>, Mistake> {
        self.get(key).map(|field| field.duration(least, most)).transpose()
    }
}

impl<'a> Field<'a> {
    pub(super) fn scalar(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Plain(text) | Value::Quoted(text) => Some(text),
            _ => None,
        }
    }

    /// The text, or that it is none.
    pub(super) fn text(&self) -> Result<&'a str, Mistake> {
        self.scalar().ok_or_else(|| self.wrong("is not text", "text"))
    }

    pub(super) fn parse<T>(
        &self,
        problem: &str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, Mistake> {
        self.scalar().and_then(parse).ok_or_else(|| self.wrong(problem, expected))
    }

    pub(super) fn duration(&self, least: Duration, most: Duration) -> Result<Duration, Mistake> {
        let parsed = self.scalar().and_then(durations::parse);
        parsed.filter(|time| (least..=most).contains(time)).ok_or_else(|| {
            let mut expected = String::from("seconds, or a number with ms, s, m, h or d, from ");
            durations::push(&mut expected, least);
            expected.push_str(" to ");
            durations::push(&mut expected, most);
            self.wrong(if parsed.is_some() { "is out of range" } else { "is not a time" }, &expected)
        })
    }

    /// The values of a list, or the only one.
    pub(super) fn items(&self) -> &'a [Node<'a>] {
        match &self.node.value {
            Value::Sequence(items) => items,
            _ => core::slice::from_ref(self.node),
        }
    }

    /// `KEY: "value" is not …: expected …`.
    pub(super) fn wrong(&self, problem: &str, expected: &str) -> Mistake {
        match &self.node.value {
            Value::Plain(value) | Value::Quoted(value) => self.wrong_but(value, problem, expected),
            Value::Sequence(_) => self.remark(&["a list ", problem, ": expected ", expected]),
            Value::Mapping(_) => self.remark(&["a mapping ", problem, ": expected ", expected]),
        }
    }

    /// The same with what may be shown of the value.
    pub(super) fn wrong_but(&self, shown: &str, problem: &str, expected: &str) -> Mistake {
        let mut text = String::from(self.key);
        text.push_str(": \"");
        let _ = write_shown(&mut text, shown);
        text.push_str("\" ");
        for part in [problem, ": expected ", expected] {
            text.push_str(part);
        }
        Mistake { at: self.node.at, text }
    }

    /// `KEY: …`, without the value.
    pub(super) fn remark(&self, parts: &[&str]) -> Mistake {
        remark(self.node.at, self.key, parts)
    }
}

/// `KEY: …`.
pub(super) fn remark(at: Position, key: &str, parts: &[&str]) -> Mistake {
    let mut text = String::new();
    let _ = write_shown(&mut text, key);
    text.push_str(": ");
    for part in parts {
        text.push_str(part);
    }
    Mistake { at, text }
}

/// The words of YAML 1.1, which the original's reader knows, and `ko`, which the original does.
pub(super) fn truth(text: &str) -> Option<bool> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match () {
        () if is_one_of(&["true", "yes", "on"]) => Some(true),
        () if is_one_of(&["false", "no", "off", "ko"]) => Some(false),
        () => None,
    }
}

/// A whole number without a sign.
pub(super) fn whole(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
