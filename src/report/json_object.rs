//! A JSON object written member by member, for what is too varied for a tree of values.

use alloc::string::String;

use miniserde::json::to_string;

use crate::report::number::{push_float, push_integer};

pub(super) fn push_string(out: &mut String, text: &str) {
    out.push_str(&to_string(text));
}

/// An object that is being written. Its keys are our own, so they need no escapes.
pub(super) struct Object<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Object<'o> {
    pub(super) fn open(out: &'o mut String) -> Self {
        out.push('{');
        Object { out, first: true }
    }

    pub(super) fn close(self) {
        self.out.push('}');
    }

    /// Where the value of the next member goes.
    pub(super) fn key(&mut self, key: &str) -> &mut String {
        let parts: &[&str] = if self.first { &["\"", key, "\":"] } else { &[",\"", key, "\":"] };
        self.first = false;
        for part in parts {
            self.out.push_str(part);
        }
        self.out
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        push_string(self.key(key), text);
    }

    pub(super) fn integer(&mut self, key: &str, value: u64) {
        push_integer(self.key(key), value);
    }

    pub(super) fn float(&mut self, key: &str, value: f64) {
        push_float(self.key(key), value);
    }

    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.key(key).push_str(if value { "true" } else { "false" });
    }

    pub(super) fn null(&mut self, key: &str) {
        self.key(key).push_str("null");
    }

    /// What is absent is null, and its key stays.
    pub(super) fn text_or_null(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.null(key),
        }
    }

    pub(super) fn integer_or_null(&mut self, key: &str, value: Option<u64>) {
        match value {
            Some(value) => self.integer(key, value),
            None => self.null(key),
        }
    }

    pub(super) fn float_or_null(&mut self, key: &str, value: Option<f64>) {
        match value {
            Some(value) => self.float(key, value),
            None => self.null(key),
        }
    }

    /// A list of which each element writes itself.
    pub(super) fn list<T>(&mut self, key: &str, elements: impl Iterator<Item = T>, push: &dyn Fn(&mut String, T)) {
        let out = self.key(key);
        out.push('[');
        for (at, element) in elements.enumerate() {
            if at > 0 {
                out.push(',');
            }
            push(out, element);
        }
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_in_their_order_and_what_is_absent_is_null() {
        let mut out = String::new();
        let mut object = Object::open(&mut out);
        object.text("a", "say \"hi\"\n");
        object.integer("b", 7);
        object.float("c", 7.0);
        object.flag("d", true);
        object.text_or_null("e", None);
        object.integer_or_null("f", None);
        object.float_or_null("g", Some(0.5));
        object.list("h", [1, 2].into_iter(), &push_integer);
        object.list("i", core::iter::empty(), &push_integer);
        Object::open(object.key("j")).close();
        object.close();
        let expected =
            r#"{"a":"say \"hi\"\n","b":7,"c":7.0,"d":true,"e":null,"f":null,"g":0.5,"h":[1,2],"i":[],"j":{}}"#;
        assert_eq!(out, expected);
    }
}
