//! What is posted to Slack and to Discord, in the original's form: one attachment, coloured by its level.

use alloc::string::String;

use crate::config::LogLevel;
use crate::limits::{DISCORD_TEXT_CHARS, SLACK_TEXT_CHARS};
use crate::report::json_object::{Object, push_string};
use crate::report::words::{level_name, push_cut};

/// As whom and where a message appears.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chat<'a> {
    /// The name of the sender.
    pub username: &'a str,
    /// The channel, of Slack alone; its webhook has one of its own.
    pub channel: Option<&'a str>,
    /// The sender's picture, of Slack alone.
    pub icon_emoji: Option<&'a str>,
}

/// The level as a title, which is what the original has.
pub fn title(level: LogLevel) -> &'static str {
    level_name(level)
}

/// For `https://hooks.slack.com/services/…`.
pub fn slack(chat: &Chat<'_>, level: LogLevel, title: &str, text: &str) -> String {
    let mut cut = String::with_capacity(text.len() + 16);
    push_cut(&mut cut, text, SLACK_TEXT_CHARS);
    // Slack's own three escapes: without them a server that is checked could call a whole channel by what it answers.
    let mut escaped = String::with_capacity(cut.len() + 16);
    for character in cut.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(character),
        }
    }
    body(chat, level, title, &escaped)
}

/// For `https://discord.com/api/webhooks/…/slack`, which takes Slack's form.
pub fn discord(chat: &Chat<'_>, level: LogLevel, title: &str, text: &str) -> String {
    let mut cut = String::with_capacity(text.len() + 16);
    push_cut(&mut cut, text, DISCORD_TEXT_CHARS);
    body(&Chat { username: chat.username, ..Chat::default() }, level, title, &cut)
}

fn body(chat: &Chat<'_>, level: LogLevel, title: &str, text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut object = Object::open(&mut out);
    object.list("attachments", [color(level)].into_iter(), &|out, color| {
        let mut attachment = Object::open(out);
        attachment.text("color", color);
        attachment.text("text", text);
        attachment.text("title", title);
        attachment.close();
    });
    object.text("username", chat.username);
    for (key, value) in [("channel", chat.channel), ("icon_emoji", chat.icon_emoji)] {
        if let Some(value) = value {
            push_string(object.key(key), value);
        }
    }
    object.close();
    out
}

/// The original's colours.
fn color(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "#D80020",
        LogLevel::Warning => "#FDCB94",
        LogLevel::Info => "#95C8F3",
        LogLevel::Debug => "#D4D5D7",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Chat<'static> = Chat { username: "logger", channel: Some("#ops"), icon_emoji: Some(":pi:") };

    #[test]
    fn slack_and_discord_get_the_form_of_the_original() {
        assert_eq!(
            slack(&CHAT, LogLevel::Error, title(LogLevel::Error), "it's \"down\""),
            r##"{"attachments":[{"color":"#D80020","text":"it's \"down\"","title":"ERROR"}],"username":"logger","channel":"#ops","icon_emoji":":pi:"}"##
        );
        assert_eq!(
            discord(&CHAT, LogLevel::Info, "INFO", "up"),
            r##"{"attachments":[{"color":"#95C8F3","text":"up","title":"INFO"}],"username":"logger"}"##
        );
    }

    #[test]
    fn each_level_has_its_colour() {
        for (level, color) in [
            (LogLevel::Error, "#D80020"),
            (LogLevel::Warning, "#FDCB94"),
            (LogLevel::Info, "#95C8F3"),
            (LogLevel::Debug, "#D4D5D7"),
        ] {
            assert!(discord(&CHAT, level, "", "").contains(color));
        }
    }

    #[test]
    fn what_a_server_has_sent_calls_nobody_in_slack() {
        let body = slack(&CHAT, LogLevel::Error, "ERROR", "actual = <!channel> & co");
        assert!(body.contains(r#""text":"actual = &lt;!channel&gt; &amp; co""#), "{body}");
    }

    #[test]
    fn a_text_is_no_longer_than_they_take() {
        let text = "ü".repeat(SLACK_TEXT_CHARS + 1);
        assert_eq!(slack(&CHAT, LogLevel::Error, "", &text).matches('ü').count(), SLACK_TEXT_CHARS - 1);
        assert_eq!(discord(&CHAT, LogLevel::Error, "", &text).matches('ü').count(), DISCORD_TEXT_CHARS - 1);
    }
}
