//! Slack and Discord, as the original's variables ask for them.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::config::ConfigError;
use crate::config::monitors::Secret;
use crate::config::variables::{one_of, set};

pub(super) use crate::config::chat_variables::VARIABLES;

/// Which chats are told, and of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chat {
    /// Slack, or what takes its webhooks.
    pub slack: Service,
    /// Discord, which takes Slack's messages too.
    pub discord: Service,
    /// Every line of the log, as the original sends them, in place of notices (`NOTIFY_EVERY_LINE`).
    pub every_line: bool,
}

/// One chat service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// `*_TRIGGER`: either one switches on both services, as in the original.
    pub trigger: bool,
    /// `*_TOKEN`: of the webhook, or its whole URL.
    pub token: Option<Secret>,
    /// `*_TOKEN_PUBLIC`: of one more webhook, which is told of monitors only.
    pub token_public: Option<Secret>,
    /// `*_USERNAME`.
    pub username: Option<String>,
    /// `SLACK_CHANNEL`.
    pub channel: Option<String>,
    /// `SLACK_EMOJI`.
    pub emoji: Option<String>,
}

/// One webhook of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatHook {
    /// `slack` or `discord`.
    pub service: &'static str,
    /// Where messages go: the token is part of it.
    pub url: Secret,
    /// Others read it than those who run the node.
    pub public: bool,
    /// Who messages are from.
    pub username: String,
    /// Where Slack shows them, if not where the webhook belongs.
    pub channel: Option<String>,
    /// What Slack shows beside them.
    pub emoji: Option<String>,
}

/// Who messages are from where no variable says so.
pub(super) const USERNAME: &str = "logger";

/// Each service with what stands around its token in the URL of a webhook.
const SERVICES: [(&str, &str, &str); 2] =
    [("slack", "https://hooks.slack.com/services/", ""), ("discord", "https://discord.com/api/webhooks/", "/slack")];

impl Chat {
    /// Whether a chat is to be told at all.
    pub fn is_on(&self) -> bool {
        self.slack.trigger || self.discord.trigger
    }

    /// The webhooks that are told; none where no trigger is set.
    pub fn hooks(&self) -> Vec<ChatHook> {
        let mut hooks = Vec::new();
        let username = self.slack.username.as_deref().or(self.discord.username.as_deref()).unwrap_or(USERNAME);
        for ((name, before, after), service) in SERVICES.into_iter().zip([&self.slack, &self.discord]) {
            for (token, public) in [(&service.token, false), (&service.token_public, true)] {
                if let Some(token) = token.as_ref().filter(|_| self.is_on()) {
                    hooks.push(ChatHook {
                        service: name,
                        url: Secret::new(url(token.reveal(), before, after)),
                        public,
                        username: username.into(),
                        channel: service.channel.clone(),
                        emoji: service.emoji.clone(),
                    });
                }
            }
        }
        hooks
    }

    /// What the operator surely means otherwise, in a line.
    pub fn warning(&self) -> Option<&'static str> {
        let has_token = |service: &Service| service.token.is_some() || service.token_public.is_some();
        match (has_token(&self.slack) || has_token(&self.discord), self.is_on()) {
            (true, false) => Some("a chat has a token, but no chat is told: set SLACK_TRIGGER or DISCORD_TRIGGER"),
            (false, true) => Some("a chat's trigger is set, but no chat is told: set SLACK_TOKEN or DISCORD_TOKEN"),
            _ => None,
        }
    }

    /// Takes the secrets that stand in files (`NAME_FILE`), each of which `read` reads.
    pub fn read_secrets(
        &mut self,
        lookup: &dyn Fn(&str) -> Option<String>,
        read: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<(), ConfigError> {
        for (name, file, slot) in SECRETS {
            let Some(path) = lookup(file).filter(|path| is_given(path.trim())) else { continue };
            let path = path.trim();
            let refuse = |problem, expected| Err(ConfigError { variable: file, value: path.into(), problem, expected });
            let slot = slot(self);
            if slot.is_some() {
                return refuse("is one secret too many", Cow::Owned([name, " or ", file, ", not both"].concat()));
            }
            let text = match read(path) {
                Ok(text) => text,
                Err(reason) => return refuse("cannot be read", Cow::Owned(["a file (", &reason, ")"].concat())),
            };
            if !set_token(slot, text.trim()) {
                return refuse("holds no token", Cow::Borrowed(TOKEN));
            }
        }
        Ok(())
    }
}

fn url(token: &str, before: &str, after: &str) -> String {
    if token.contains("://") {
        return [token, if token.ends_with(after) { "" } else { after }].concat();
    }
    [before, token, after].concat()
}

/// What hands out one secret.
type Slot = fn(&mut Chat) -> &mut Option<Secret>;

/// The secrets: their variables, those of their files, and where they belong.
const SECRETS: [(&str, &str, Slot); 4] = [
    ("SLACK_TOKEN", "SLACK_TOKEN_FILE", |chat| &mut chat.slack.token),
    ("SLACK_TOKEN_PUBLIC", "SLACK_TOKEN_PUBLIC_FILE", |chat| &mut chat.slack.token_public),
    ("DISCORD_TOKEN", "DISCORD_TOKEN_FILE", |chat| &mut chat.discord.token),
    ("DISCORD_TOKEN_PUBLIC", "DISCORD_TOKEN_PUBLIC_FILE", |chat| &mut chat.discord.token_public),
];

/// Whether the variable's value is never to be printed.
pub(super) fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|(secret, ..)| *secret == name)
}

/// What a token is.
pub(super) const TOKEN: &str = "a webhook's token, or its URL with http:// or https://";

/// What the original takes for no value.
pub(super) fn is_given(value: &str) -> bool {
    let says_nothing = ["", "null", "nil", "none", "false"].iter().any(|word| word.eq_ignore_ascii_case(value));
    !says_nothing && !value.contains("changeit")
}

pub(super) fn set_token(slot: &mut Option<Secret>, value: &str) -> bool {
    if !is_given(value) {
        return true;
    }
    let is_url = ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme));
    let fits = value.bytes().all(|byte| byte.is_ascii_graphic()) && (is_url || !value.contains("://"));
    if fits {
        *slot = Some(Secret::new(value.into()));
    }
    fits
}

pub(super) fn set_text(slot: &mut Option<String>, value: &str) -> bool {
    if is_given(value) {
        *slot = Some(value.into());
    }
    !value.contains(char::is_control)
}

/// Also the words that switch the original off, and on.
pub(super) fn set_switch(slot: &mut bool, value: &str) -> bool {
    let words = ["no", "false", "off", "ko", "0", "null", "nil", "none"].map(|word| (word, false));
    let on = ["yes", "true", "on", "ok", "1", "enabled"].map(|word| (word, true));
    let value = if value.contains("changeit") { "no" } else { value };
    set(one_of(value, &words).or(one_of(value, &on)), |value| *slot = value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::environment::{effective, from_environment};
    use alloc::string::ToString;

    fn lookup<'a>(values: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    }

    /// `/token` is a file with a token in it, `/none` one without.
    fn config(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut config = from_environment(&lookup(values), "pi")?;
        config.chat.read_secrets(&lookup(values), &|path| match path {
            "/token" => Ok("T/B/filed\n".into()),
            "/words" => Ok("two words".into()),
            "/none" => Ok("changeit\n".into()),
            _ => Err("No such file or directory (os error 2)".into()),
        })?;
        Ok(config)
    }

    fn chat(values: &[(&str, &str)]) -> Chat {
        config(values).unwrap().chat
    }

    fn urls(values: &[(&str, &str)]) -> Vec<String> {
        chat(values).hooks().iter().map(|hook| hook.url.reveal().into()).collect()
    }

    #[test]
    fn nobody_is_told_who_was_not_asked_for() {
        assert_eq!(chat(&[]), Chat::default());
        assert_eq!(urls(&[]), [""; 0]);
        assert_eq!(urls(&[("SLACK_TOKEN", "T/B/x")]), [""; 0]);
        assert_eq!(urls(&[("SLACK_TRIGGER", "yes")]), [""; 0]);
    }

    #[test]
    fn either_trigger_switches_on_both_services_as_in_the_original() {
        let both = ["https://hooks.slack.com/services/T/B/x", "https://discord.com/api/webhooks/1/y/slack"];
        for trigger in ["SLACK_TRIGGER", "DISCORD_TRIGGER"] {
            assert_eq!(urls(&[("SLACK_TOKEN", "T/B/x"), ("DISCORD_TOKEN", "1/y"), (trigger, "True")]), both);
            assert_eq!(urls(&[("SLACK_TOKEN", "T/B/x"), ("DISCORD_TOKEN", "1/y"), (trigger, "off")]), [""; 0]);
        }
    }

    #[test]
    fn a_token_may_be_the_whole_url() {
        let values = [
            ("SLACK_TOKEN", "http://127.0.0.1:8065/hooks/x"),
            ("DISCORD_TOKEN", "https://discord.com/api/webhooks/1/y"),
            ("DISCORD_TOKEN_PUBLIC", "https://discord.com/api/webhooks/2/z/slack"),
            ("SLACK_TRIGGER", "yes"),
        ];
        let expected = [
            "http://127.0.0.1:8065/hooks/x",
            "https://discord.com/api/webhooks/1/y/slack",
            "https://discord.com/api/webhooks/2/z/slack",
        ];
        assert_eq!(urls(&values), expected);
        let public: Vec<_> = chat(&values).hooks().iter().map(|hook| hook.public).collect();
        assert_eq!(public, [false, false, true]);
    }

    #[test]
    fn what_the_original_takes_for_unset_is_unset() {
        for nothing in ["changeit", "xoxb-changeit", "null", "Nil", "NONE", "false"] {
            for variable in VARIABLES {
                assert_eq!(chat(&[(variable.name, nothing)]), Chat::default(), "{}={nothing}", variable.name);
            }
        }
    }

    #[test]
    fn messages_are_from_the_slack_name_then_discords_then_logger() {
        let username = |values: &[(&str, &str)]| {
            let values = [&[("DISCORD_TOKEN", "1/y"), ("DISCORD_TRIGGER", "yes")], values].concat();
            chat(&values).hooks()[0].username.clone()
        };
        assert_eq!(username(&[]), "logger");
        assert_eq!(username(&[("DISCORD_USERNAME", "d")]), "d");
        assert_eq!(username(&[("DISCORD_USERNAME", "d"), ("SLACK_USERNAME", "s")]), "s");
        assert_eq!(username(&[("DISCORD_USERNAME", "d"), ("SLACK_USERNAME", "changeit")]), "d");
    }

    #[test]
    fn a_secret_comes_from_a_file_as_well() {
        let values = [("SLACK_TOKEN", ""), ("SLACK_TOKEN_FILE", " /token "), ("SLACK_TRIGGER", "yes")];
        assert_eq!(urls(&values), ["https://hooks.slack.com/services/T/B/filed"]);
        let values = [("DISCORD_TOKEN_PUBLIC_FILE", "/token"), ("SLACK_TRIGGER", "yes")];
        assert_eq!(urls(&values), ["https://discord.com/api/webhooks/T/B/filed/slack"]);
        assert_eq!(chat(&[("SLACK_TOKEN_FILE", "/none")]), Chat::default());
    }

    #[test]
    fn a_secret_that_cannot_be_had_is_refused_in_a_line() {
        let refused = |values: &[(&str, &str)]| config(values).unwrap_err().to_string();
        assert_eq!(
            refused(&[("SLACK_TOKEN_FILE", "/nowhere")]),
            "SLACK_TOKEN_FILE: \"/nowhere\" cannot be read: expected a file (No such file or directory (os error 2))"
        );
        let both = [("DISCORD_TOKEN", "1/hush"), ("DISCORD_TOKEN_FILE", "/token")];
        let expected = "DISCORD_TOKEN_FILE: \"/token\" is one secret too many: expected DISCORD_TOKEN or \
            DISCORD_TOKEN_FILE, not both";
        assert_eq!(refused(&both), expected);
        assert!(refused(&[("SLACK_TOKEN_FILE", "/words")]).ends_with(TOKEN));
    }

    #[test]
    fn a_secret_is_printed_nowhere() {
        let secrets: Vec<_> = SECRETS.iter().map(|(name, ..)| (*name, "hush-hush")).collect();
        let set = config(&[secrets.as_slice(), &[("SLACK_TRIGGER", "yes")]].concat()).unwrap();
        assert_eq!(set.chat.hooks().len(), 4);
        for text in [effective(&set), alloc::format!("{set:?}{:?}", set.chat.hooks())] {
            assert!(!text.contains("hush"), "{text}");
        }
        for (name, ..) in SECRETS {
            assert!(effective(&set).contains(&alloc::format!("\n{name}=***\n")), "{name}");
            for bad in ["hush hush", "ftp://hush", "hush\u{fffd}", "hush\u{7}hush"] {
                let error = config(&[(name, bad)]).unwrap_err().to_string();
                assert!(error.starts_with(&alloc::format!("{name}: \"***\" is not ")), "{error}");
            }
        }
    }

    #[test]
    fn what_check_prints_of_chats_can_be_read_again() {
        let values = [
            ("SLACK_USERNAME", "imalive"),
            ("SLACK_CHANNEL", "#ops"),
            ("SLACK_EMOJI", ":strawberry:"),
            ("SLACK_TRIGGER", "YES"),
            ("DISCORD_USERNAME", "pi"),
            ("NOTIFY_EVERY_LINE", "true"),
        ];
        let first = config(&values).unwrap();
        assert!(first.chat.every_line && first.chat.slack.channel.as_deref() == Some("#ops"));
        let printed = effective(&first);
        let again: Vec<_> = printed.lines().filter_map(|line| line.split_once('=')).collect();
        assert_eq!(config(&again), Ok(first));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (name, value) in [("SLACK_TRIGGER", "maybe"), ("NOTIFY_EVERY_LINE", "2"), ("SLACK_CHANNEL", "a\nb")] {
            let message = config(&[(name, value)]).unwrap_err().to_string();
            assert!(message.starts_with(name) && message.contains(": expected "), "{message}");
        }
    }

    #[test]
    fn half_a_configuration_is_worth_a_warning() {
        let warned = |values: &[(&str, &str)]| chat(values).warning().is_some();
        assert!(warned(&[("SLACK_TOKEN", "T/B/x")]) && warned(&[("DISCORD_TRIGGER", "yes")]));
        assert!(!warned(&[]) && !warned(&[("SLACK_TOKEN", "T/B/x"), ("DISCORD_TRIGGER", "yes")]));
    }
}
