//! `/manifest`: what the operator wrote of this node, or what imalive knows of itself.

use alloc::string::String;
use alloc::{boxed::Box, vec};

use miniserde::de::{Deserialize, Map, Visitor};
use miniserde::{json, make_place};

use crate::report::Build;
use crate::report::value::Value;

/// The manifest of imalive itself.
pub fn built_in(build: &Build) -> String {
    json::to_string(&Value::Object(vec![
        ("version", Value::Text(build.version)),
        ("sha", Value::Text(build.revision)),
        ("arch", Value::Text(build.arch)),
        ("status", Value::Text("success")),
    ]))
}

/// The JSON object in `text`, compact and with `"status":"success"`; everything else is kept as it is written, number
/// for number and in its order, which a parsed document would not keep. Or what is wrong with it.
pub fn from_file(text: &str) -> Result<String, &'static str> {
    json::from_str::<AnyObject>(text).map_err(|_| "not a JSON object")?;
    Ok(with_status(text))
}

struct AnyObject;

make_place!(Place);

impl Deserialize for AnyObject {
    fn begin(out: &mut Option<Self>) -> &mut dyn Visitor {
        Place::new(out)
    }
}

impl Visitor for Place<AnyObject> {
    fn map(&mut self) -> miniserde::Result<Box<dyn Map + '_>> {
        self.out = Some(AnyObject);
        Ok(Box::new(AnyMembers))
    }
}

struct AnyMembers;

impl Map for AnyMembers {
    fn key(&mut self, _: &str) -> miniserde::Result<&mut dyn Visitor> {
        Ok(<dyn Visitor>::ignore())
    }

    fn finish(&mut self) -> miniserde::Result<()> {
        Ok(())
    }
}

/// `text` is known to be a JSON object, so that brackets match and strings end.
fn with_status(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 20);
    let (mut depth, mut key_next, mut told, mut skipping) = (0u32, false, false, false);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let token = match character {
            '"' => string_len(rest),
            _ => character.len_utf8(),
        };
        let (token, after) = rest.split_at(token);
        rest = after;
        match character {
            ' ' | '\t' | '\r' | '\n' => continue,
            '"' if depth == 1 && key_next => {
                key_next = false;
                out.push_str(token);
                if json::from_str::<String>(token).is_ok_and(|key| key == "status") {
                    out.push_str(":\"success\"");
                    (told, skipping) = (true, true);
                }
                continue;
            }
            '{' | '[' => {
                depth += 1;
                key_next |= depth == 1;
            }
            '}' | ']' => {
                depth -= 1;
                if depth == 0 {
                    skipping = false;
                    if !told {
                        out.push_str(if out.ends_with('{') { "" } else { "," });
                        out.push_str("\"status\":\"success\"");
                    }
                }
            }
            ',' if depth == 1 => (key_next, skipping) = (true, false),
            _ => {}
        }
        if !skipping {
            out.push_str(token);
        }
    }
    out
}

/// The bytes of the string that `text` begins with, quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_manifest_has_the_keys_of_the_original() {
        let build = Build { version: "1.0", revision: "1c7cb1f", arch: "x86", target: "" };
        assert_eq!(built_in(&build), r#"{"version":"1.0","sha":"1c7cb1f","arch":"x86","status":"success"}"#);
    }

    #[test]
    fn a_manifest_keeps_its_order_and_its_numbers() {
        let text =
            "{\n  \"z\": 1.10, \"a\": [1e300, 12345678901234567890123, -0.0],\n  \"m\": {\"status\": \"own\"}\n}\n";
        let expected = r#"{"z":1.10,"a":[1e300,12345678901234567890123,-0.0],"m":{"status":"own"},"status":"success"}"#;
        assert_eq!(from_file(text).as_deref(), Ok(expected));
    }

    #[test]
    fn a_status_of_its_own_is_overwritten_where_it_stands() {
        assert_eq!(
            from_file(r#"{"a":"}\" ,","status":{"x":[1,{"y":2}],"s":"}"},"b":"\\"}"#).as_deref(),
            Ok(r#"{"a":"}\" ,","status":"success","b":"\\"}"#)
        );
        assert_eq!(from_file(r#"{"st\u0061tus" : 7}"#).as_deref(), Ok(r#"{"st\u0061tus":"success"}"#));
        assert_eq!(from_file("{ }").as_deref(), Ok(r#"{"status":"success"}"#));
        assert_eq!(from_file(r#"{"a":"status"}"#).as_deref(), Ok(r#"{"a":"status","status":"success"}"#));
        assert_eq!(from_file("{\"ü ñ\": \"日 本\"}").as_deref(), Ok("{\"ü ñ\":\"日 本\",\"status\":\"success\"}"));
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["", "[]", "7", "null", "\"status\"", "{", "{\"a\":}", "{} {}", "{\"a\":1,}", "{'a':1}", "{a:1}"] {
            assert_eq!(from_file(text), Err("not a JSON object"), "{text}");
        }
    }

    #[test]
    fn deep_nesting_needs_no_stack() {
        let deep = alloc::format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        assert_eq!(from_file(&deep).map(|text| text.len()), Ok(deep.len() + 19));
    }
}
