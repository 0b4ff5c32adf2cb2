//! The syntax of Prometheus' text format 0.0.4; `prometheus` has what is said in it.

use alloc::string::String;

use crate::report::number::{push_float, push_integer, push_seconds};

#[derive(Clone, Copy)]
pub(super) enum Number {
    Integer(u64),
    Float(f64),
    Seconds { ticks: u64, ticks_per_second: u64 },
}

pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
            self.text.push_str(part);
        }
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: Number) {
        self.text.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    _ => self.text.push(character),
                }
            }
            self.text.push('"');
        }
        self.text.push_str(if labels.is_empty() { " " } else { "} " });
        match value {
            Number::Integer(value) => push_integer(&mut self.text, value),
            Number::Float(value) => push_float(&mut self.text, value),
            Number::Seconds { ticks, ticks_per_second } => push_seconds(&mut self.text, ticks, ticks_per_second),
        }
        self.text.push('\n');
    }

    pub(super) fn single(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        labels: &[(&str, &str)],
        value: Option<Number>,
    ) {
        if let Some(value) = value {
            self.family(name, kind, help);
            self.sample(name, labels, value);
        }
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: Option<Number>) {
        self.single(name, "gauge", help, &[], value);
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: Option<Number>) {
        self.single(name, "counter", help, &[], value);
    }
}
