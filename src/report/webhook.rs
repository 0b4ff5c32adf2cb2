//! What any URL is told of a change: a JSON object of our own, or the operator's template filled in.

use alloc::string::String;

use crate::config::LogLevel;
use crate::config::template::{Piece, Placeholder, pieces};
use crate::limits::NOTICE_ITEMS;
use crate::report::View;
use crate::report::iso8601::iso8601;
use crate::report::json_object::{Object, push_string};
use crate::report::notice::{kind, push_monitors, sentence};
use crate::report::number::push_integer;
use crate::report::words::push_cause;
use crate::snapshot::{Notice, NoticeItem};

/// The body where there is no template.
pub fn body(notice: &Notice, view: &View<'_>, node_name: &str) -> String {
    let (level, text) = sentence(notice, view, node_name);
    let mut out = String::with_capacity(256 + 256 * notice.items.len());
    let mut object = Object::open(&mut out);
    object.text("node", node_name);
    object.text("kind", kind(notice));
    object.text("level", level_word(level));
    object.text("time", &iso8601(view.unix_micros_at(notice.at)));
    object.text("text", &text);
    let items = notice.items.iter().take(NOTICE_ITEMS);
    object.list("monitors", items, &|out, item| push_item(out, notice, item, view));
    object.integer("more", notice.items.len().saturating_sub(NOTICE_ITEMS) as u64);
    object.close();
    out
}

fn push_item(out: &mut String, notice: &Notice, item: &NoticeItem, view: &View<'_>) {
    let found = view.get(item.monitor);
    let mut object = Object::open(out);
    object.text_or_null("name", found.map(|(monitor, _)| monitor.name.as_str()));
    object.text_or_null("state", found.map(|(_, status)| status.state.label()));
    let mut cause = String::new();
    push_cause(&mut cause, &item.cause);
    object.text("cause", &cause);
    object.text("since", &iso8601(view.unix_micros_at(notice.at.saturating_sub(item.lasted))));
    push_integer(object.key("lasted_seconds"), item.lasted / 1000);
    object.close();
}

/// The template filled in. Every value but `{{json}}` is escaped as the inside of a JSON string is, and stands without
/// quotes of its own. What is no placeholder, which the configuration refuses, ends the text.
pub fn filled_in(template: &str, notice: &Notice, view: &View<'_>, node_name: &str) -> String {
    let (level, text) = sentence(notice, view, node_name);
    let mut out = String::with_capacity(template.len() + 256);
    for piece in pieces(template).map_while(Result::ok) {
        let placeholder = match piece {
            Piece::Text(text) => {
                out.push_str(text);
                continue;
            }
            Piece::Placeholder(placeholder) => placeholder,
        };
        match placeholder {
            Placeholder::Text => push_escaped(&mut out, &text),
            Placeholder::Node => push_escaped(&mut out, node_name),
            Placeholder::Kind => out.push_str(kind(notice)),
            Placeholder::Level => out.push_str(level_word(level)),
            Placeholder::Monitors => {
                let mut names = String::new();
                push_monitors(&mut names, notice, view);
                push_escaped(&mut out, &names);
            }
            Placeholder::Time => out.push_str(&iso8601(view.unix_micros_at(notice.at))),
            Placeholder::Json => out.push_str(&body(notice, view, node_name)),
        }
    }
    out
}

/// The inside of a JSON string.
fn push_escaped(out: &mut String, text: &str) {
    let mut quoted = String::new();
    push_string(&mut quoted, text);
    out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
}

fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warning",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::monitor_samples::Samples;
    use crate::snapshot::NoticeKind;
    use alloc::vec;
    use miniserde::json::{Value, from_str};

    fn notice() -> Notice {
        let item = |monitor, cause: &str| NoticeItem { monitor, lasted: 65_000, cause: cause.into() };
        Notice { kind: NoticeKind::Down, at: 900_000, items: vec![item(3, "say \"no\"\\"), item(5, "refused")] }
    }

    #[test]
    fn without_a_template_it_is_an_object_of_our_own() {
        let expected = r#"{"node":"anode","kind":"down","level":"error","time":"2026-11-21T03:24:20.316957","text":"refused and tcp-ko are down on anode: say \"no\"\\ (since 03:23 UTC)","monitors":[{"name":"refused","state":"failing","cause":"say \"no\"\\","since":"2026-11-21T03:23:15.316957","lasted_seconds":65},{"name":"tcp-ko","state":"failing","cause":"refused","since":"2026-11-21T03:23:15.316957","lasted_seconds":65}],"more":0}"#;
        assert_eq!(body(&notice(), &Samples::new().view(901_000), "anode"), expected);
    }

    #[test]
    fn a_body_is_bounded_and_says_how_many_it_leaves_out() {
        let mut notice = notice();
        notice.items[0].cause = "c".repeat(1_000_000);
        let item = notice.items[0].clone();
        notice.items.resize(NOTICE_ITEMS + 7, item);
        let body = body(&notice, &Samples::new().view(901_000), "anode");
        assert!(body.len() < 32 * 1024 && body.ends_with("}],\"more\":7}"), "{}", body.len());
        assert_eq!(body.matches("\"lasted_seconds\"").count(), NOTICE_ITEMS);
    }

    #[test]
    fn values_are_escaped_inside_a_template() {
        let samples = Samples::new();
        let fill = |template: &str| filled_in(template, &notice(), &samples.view(901_000), "a\"node");
        assert_eq!(
            fill(r#"{"n":"{{node}}","m":"{{monitors}}","k":"{{kind}}","l":"{{ level }}","t":"{{time}}"}"#),
            r#"{"n":"a\"node","m":"refused and tcp-ko","k":"down","l":"error","t":"2026-11-21T03:24:20.316957"}"#
        );
        let text = fill(r#"{"text":"{{text}}","all":{{json}}}"#);
        assert!(text.contains(r#"say \"no\"\\ (since"#), "{text}");
        assert!(from_str::<Value>(&text).is_ok(), "{text}");
        assert_eq!(fill("plain"), "plain");
    }
}
