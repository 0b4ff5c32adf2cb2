//! A document as Python's `repr` prints it, which is what the log patterns of 2021 match.

use alloc::string::String;

use crate::report::number::{push_float, push_integer, seconds};
use crate::report::value::Value;

pub(super) fn push_repr(out: &mut String, value: &Value<'_>) {
    match value {
        Value::Absent => out.push_str("None"),
        Value::Integer(value) => push_integer(out, *value),
        Value::Float(value) => push_float(out, *value),
        Value::Text(text) => push_string(out, text),
        Value::Owned(text) => push_string(out, text),
        Value::List(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                separate(out, at);
                push_repr(out, value);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (key, value)) in members.iter().enumerate() {
                separate(out, at);
                push_string(out, key);
                out.push_str(": ");
                push_repr(out, value);
            }
            out.push('}');
        }
        Value::Times { times, ticks_per_second } => {
            out.push_str("scputimes(");
            for (at, (name, ticks)) in times.fields().into_iter().enumerate() {
                separate(out, at);
                out.push_str(name);
                out.push('=');
                push_float(out, seconds(ticks, *ticks_per_second));
            }
            out.push(')');
        }
    }
}

fn separate(out: &mut String, at: usize) {
    if at > 0 {
        out.push_str(", ");
    }
}

/// Single quotes, unless the text holds some and no double ones. What would break the line, or could not be seen in
/// it, is escaped; the letters of the world are not.
pub(super) fn push_string(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(quote);
            }
            '\0'..' ' | '\x7f'..='\u{a0}' | '\u{ad}' => push_hex(out, 'x', character, 2),
            '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{feff}' => {
                push_hex(out, 'u', character, 4);
            }
            _ => out.push(character),
        }
    }
    out.push(quote);
}

fn push_hex(out: &mut String, kind: char, character: char, digits: u32) {
    out.push('\\');
    out.push(kind);
    for at in (0..digits).rev() {
        let digit = u32::from(character) >> (4 * at) & 0xf;
        out.push(char::from_digit(digit, 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn string(text: &str) -> String {
        let mut out = String::new();
        push_string(&mut out, text);
        out
    }

    #[test]
    fn strings_read_as_python_prints_them() {
        assert_eq!(string("anode"), "'anode'");
        assert_eq!(string("it's"), "\"it's\"");
        assert_eq!(string("say \"hi\""), "'say \"hi\"'");
        assert_eq!(string("it's \"both\""), "'it\\'s \"both\"'");
        assert_eq!(string("a\\b"), "'a\\\\b'");
        assert_eq!(string("küche-日本-🍓"), "'küche-日本-🍓'");
        assert_eq!(string("\n\r\t\0\x1b\x7f\u{85}\u{a0}"), "'\\n\\r\\t\\x00\\x1b\\x7f\\x85\\xa0'");
        assert_eq!(string("\u{2028}\u{202e}\u{feff}"), "'\\u2028\\u202e\\ufeff'");
    }

    #[test]
    fn what_is_absent_is_none() {
        let mut out = String::new();
        push_repr(&mut out, &Value::Object(vec![("a", Value::Absent), ("b", Value::List(vec![Value::Float(1.0)]))]));
        assert_eq!(out, "{'a': None, 'b': [1.0]}");
    }
}
