//! The variables of chats: the original's, and `NOTIFY_EVERY_LINE`.

use alloc::string::String;

use crate::config::Config;
use crate::config::chat::{TOKEN, USERNAME, set_switch, set_text, set_token};
use crate::config::monitors::Secret;
use crate::config::variables::Variable;

/// In the order of the help.
pub(super) const VARIABLES: &[Variable] = &[
    token(
        "SLACK_TOKEN",
        "token or URL of a webhook of Slack",
        |config, value| set_token(&mut config.chat.slack.token, value),
        |config| hidden(&config.chat.slack.token),
    ),
    token(
        "SLACK_TOKEN_PUBLIC",
        "another, told of monitors only",
        |config, value| set_token(&mut config.chat.slack.token_public, value),
        |config| hidden(&config.chat.slack.token_public),
    ),
    text(
        "SLACK_USERNAME",
        "DISCORD_USERNAME",
        "who messages are from",
        |config, value| set_text(&mut config.chat.slack.username, value),
        |config| shown(&config.chat.slack.username),
    ),
    text(
        "SLACK_CHANNEL",
        "the webhook's",
        "where Slack shows them",
        |config, value| set_text(&mut config.chat.slack.channel, value),
        |config| shown(&config.chat.slack.channel),
    ),
    text(
        "SLACK_EMOJI",
        "the webhook's",
        "what Slack shows beside them",
        |config, value| set_text(&mut config.chat.slack.emoji, value),
        |config| shown(&config.chat.slack.emoji),
    ),
    switch(
        "SLACK_TRIGGER",
        "yes: tell Slack and Discord",
        |config, value| set_switch(&mut config.chat.slack.trigger, value),
        |config| yes_or_no(config.chat.slack.trigger),
    ),
    token(
        "DISCORD_TOKEN",
        "token or URL of a webhook of Discord",
        |config, value| set_token(&mut config.chat.discord.token, value),
        |config| hidden(&config.chat.discord.token),
    ),
    token(
        "DISCORD_TOKEN_PUBLIC",
        "another, told of monitors only",
        |config, value| set_token(&mut config.chat.discord.token_public, value),
        |config| hidden(&config.chat.discord.token_public),
    ),
    text(
        "DISCORD_USERNAME",
        USERNAME,
        "who messages are from",
        |config, value| set_text(&mut config.chat.discord.username, value),
        |config| shown(&config.chat.discord.username),
    ),
    switch(
        "DISCORD_TRIGGER",
        "yes: tell Slack and Discord",
        |config, value| set_switch(&mut config.chat.discord.trigger, value),
        |config| yes_or_no(config.chat.discord.trigger),
    ),
    switch(
        "NOTIFY_EVERY_LINE",
        "yes: every line of the log, not changes",
        |config, value| set_switch(&mut config.chat.every_line, value),
        |config| yes_or_no(config.chat.every_line),
    ),
];

type Set = fn(&mut Config, &str) -> bool;
type Show = fn(&Config) -> String;

const fn token(name: &'static str, help: &'static str, set: Set, show: Show) -> Variable {
    Variable { name, default: "", default_is: "none", help, problem: "is not a token", expected: TOKEN, set, show }
}

const fn text(name: &'static str, default_is: &'static str, help: &'static str, set: Set, show: Show) -> Variable {
    let (problem, expected) = ("is not a name", "text without control characters");
    Variable { name, default: "", default_is, help, problem, expected, set, show }
}

const fn switch(name: &'static str, help: &'static str, set: Set, show: Show) -> Variable {
    let (problem, expected) = ("is neither yes nor no", "yes, no, true or false");
    Variable { name, default: "no", default_is: "", help, problem, expected, set, show }
}

fn hidden(secret: &Option<Secret>) -> String {
    if secret.is_some() { "***".into() } else { String::new() }
}

fn shown(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

fn yes_or_no(value: bool) -> String {
    if value { "yes".into() } else { "no".into() }
}
