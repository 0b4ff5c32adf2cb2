//! A webhook's template: text with `{{text}}`, `{{node}}` and the like in it. What stands in their place is made by the
//! reports; here is what may be asked for.

use alloc::string::String;

/// What is put in place of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The sentence for people.
    Text,
    /// The node's name.
    Node,
    /// `down`, `reminder`, `recovered`, `flapping` or `back_online`.
    Kind,
    /// `error`, `warning` or `info`.
    Level,
    /// The names of the monitors, `a, b and c`.
    Monitors,
    /// When, UTC.
    Time,
    /// The whole body that is sent without a template: an object, so without quotes around it.
    Json,
}

const ALL: [(&str, Placeholder); 7] = [
    ("text", Placeholder::Text),
    ("node", Placeholder::Node),
    ("kind", Placeholder::Kind),
    ("level", Placeholder::Level),
    ("monitors", Placeholder::Monitors),
    ("time", Placeholder::Time),
    ("json", Placeholder::Json),
];

/// One piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// As it stands.
    Text(&'t str),
    /// To be filled in.
    Placeholder(Placeholder),
}

/// The pieces of a template in their order, up to the first that is not understood, with what is wrong with it.
#[derive(Clone, Debug)]
pub struct Pieces<'t>(&'t str);

/// The pieces of `template`.
pub fn pieces(template: &str) -> Pieces<'_> {
    Pieces(template)
}

/// Says in one line which placeholder of `template` is none, and what is.
pub fn placeholders_are_known(template: &str) -> Result<(), String> {
    pieces(template).try_for_each(|piece| piece.map(drop))
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<Piece<'t>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(inner) = self.0.strip_prefix("{{") else {
            let (text, rest) = self.0.split_at(self.0.find("{{").unwrap_or(self.0.len()));
            self.0 = rest;
            return (!text.is_empty()).then_some(Ok(Piece::Text(text)));
        };
        self.0 = "";
        let Some((name, rest)) = inner.split_once("}}") else {
            return Some(Err(String::from("`{{` without `}}`: expected a placeholder such as `{{text}}`")));
        };
        let name = name.trim();
        match ALL.iter().find(|(known, _)| *known == name) {
            Some((_, placeholder)) => {
                self.0 = rest;
                Some(Ok(Piece::Placeholder(*placeholder)))
            }
            None => Some(Err(unknown(name))),
        }
    }
}

fn unknown(name: &str) -> String {
    let mut problem = String::from("unknown placeholder `{{");
    problem.extend(name.chars().filter(|character| !character.is_control()).take(32));
    problem.push_str("}}`: expected ");
    for (at, (known, _)) in ALL.iter().enumerate() {
        problem.push_str(match at {
            0 => "",
            _ if at + 1 == ALL.len() => " or ",
            _ => ", ",
        });
        problem.push_str(known);
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_template_is_text_and_placeholders() {
        let found: Vec<_> = pieces(r#"{"a":{"b":"{{ text }}","c":{{json}}}}"#).map(Result::unwrap).collect();
        assert_eq!(
            found,
            [
                Piece::Text(r#"{"a":{"b":""#),
                Piece::Placeholder(Placeholder::Text),
                Piece::Text(r#"","c":"#),
                Piece::Placeholder(Placeholder::Json),
                Piece::Text("}}"),
            ]
        );
        assert_eq!(pieces("").count(), 0);
    }

    #[test]
    fn every_placeholder_is_known() {
        for (name, placeholder) in ALL {
            let template = ["{{", name, "}}"].concat();
            assert_eq!(pieces(&template).collect::<Vec<_>>(), [Ok(Piece::Placeholder(placeholder))]);
        }
    }

    #[test]
    fn what_is_no_placeholder_is_named_with_what_is_one() {
        assert_eq!(
            placeholders_are_known("{{text}} {{nam\u{7}e}} {{node}}"),
            Err("unknown placeholder `{{name}}`: expected text, node, kind, level, monitors, time or json".into())
        );
        for template in ["{{text", "a {{", "{{}}", "{{Text}}", "{{{text}}}"] {
            let problem = placeholders_are_known(template).unwrap_err();
            assert!(problem.contains(": expected "), "{template}: {problem}");
        }
        assert_eq!(placeholders_are_known("{ {text} } }}"), Ok(()));
    }
}
