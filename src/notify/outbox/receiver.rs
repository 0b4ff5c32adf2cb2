//! Who is told of what: the webhooks of chats, and those of the file.

use crate::config::chat::Chat;
use crate::config::monitors::{Secret, Tls, Webhook};

/// One URL that is told by a POST of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// `slack`, `discord` or `webhook`: what it is called in logs and metrics.
    pub label: &'static str,
    /// Where.
    pub url: Secret,
    /// Fields sent along.
    pub headers: Vec<(String, Secret)>,
    /// How its certificate is judged.
    pub tls: Tls,
    /// How messages to it look.
    pub form: Form,
    /// Others read it than those who run the node.
    pub public: bool,
    /// It gets every line of the log in place of notices.
    pub every_line: bool,
}

/// How messages to a receiver look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// As Slack wants them.
    Slack {
        /// Who they are from.
        username: String,
        /// Where they are shown, if not where the webhook belongs.
        channel: Option<String>,
        /// What is shown beside them.
        emoji: Option<String>,
    },
    /// As Discord takes Slack's.
    Discord {
        /// Who they are from.
        username: String,
    },
    /// A body of the operator's, or our own object.
    Webhook {
        /// The body with `{{…}}` in it.
        template: Option<Secret>,
    },
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Monitors have gone down or come back.
    Notice,
    /// A usage has crossed a threshold.
    Crossing,
    /// A heartbeat, or a check that was done: a line of the log that is at or above `LOG_LEVEL`.
    Line,
}

impl Receiver {
    /// Whether it is to be told.
    pub fn wants(&self, news: News) -> bool {
        match (news, &self.form) {
            (News::Notice, Form::Webhook { .. }) => true,
            (_, Form::Webhook { .. }) => false,
            (News::Notice, _) => !self.every_line,
            (News::Crossing, _) => !self.public,
            (News::Line, _) => self.every_line && !self.public,
        }
    }

    /// The host, which is all of the URL that may be printed.
    pub(super) fn host(&self) -> &str {
        authority_and_rest(self.url.reveal()).0
    }

    /// Whether `text` tells more of the URL than its host.
    pub(super) fn is_given_away_by(&self, text: &str) -> bool {
        let url = self.url.reveal();
        let (_, rest) = authority_and_rest(url);
        let user = url.split_once("://").and_then(|(_, after)| after.split(['/', '?', '#']).next()?.rsplit_once('@'));
        let mut parts = rest.split(['/', '?', '#', '&', '=']).chain(user.map(|(user, _)| user));
        parts.any(|part| part.len() > 3 && text.contains(part))
    }
}

/// Host and port, and what follows them.
fn authority_and_rest(url: &str) -> (&str, &str) {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let (authority, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
    (authority.rsplit_once('@').map_or(authority, |(_, host)| host), rest)
}

/// Everybody who is to be told.
pub fn receivers(chat: &Chat, webhooks: &[Webhook]) -> Vec<Receiver> {
    let mut receivers = Vec::new();
    for hook in chat.hooks() {
        let username = hook.username;
        receivers.push(Receiver {
            label: hook.service,
            url: hook.url,
            headers: Vec::new(),
            tls: Tls { check: true, ca_file: None, client: None },
            form: match hook.service {
                "slack" => Form::Slack { username, channel: hook.channel, emoji: hook.emoji },
                _ => Form::Discord { username },
            },
            public: hook.public,
            every_line: chat.every_line,
        });
    }
    for webhook in webhooks {
        receivers.push(Receiver {
            label: "webhook",
            url: webhook.url.clone(),
            headers: webhook.headers.clone(),
            tls: webhook.tls.clone(),
            form: Form::Webhook { template: webhook.template.clone() },
            public: false,
            every_line: false,
        });
    }
    receivers
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::chat::Service;

    pub fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    pub fn webhook(url: &str) -> Webhook {
        let tls = Tls { check: true, ca_file: None, client: None };
        Webhook { url: secret(url), headers: vec![("x-key".into(), secret("k"))], template: None, tls }
    }

    fn all(every_line: bool) -> Vec<Receiver> {
        let service = Service {
            trigger: true,
            token: Some(secret("private")),
            token_public: Some(secret("public")),
            ..Service::default()
        };
        receivers(&Chat { slack: service.clone(), discord: service, every_line }, &[webhook("http://hook.example/")])
    }

    fn told(every_line: bool, news: News) -> Vec<(&'static str, bool)> {
        all(every_line).iter().filter(|one| one.wants(news)).map(|one| (one.label, one.public)).collect()
    }

    #[test]
    fn notices_go_to_everybody() {
        let everybody = [("slack", false), ("slack", true), ("discord", false), ("discord", true), ("webhook", false)];
        assert_eq!(told(false, News::Notice), everybody);
        assert_eq!(told(false, News::Line), []);
        assert_eq!(told(false, News::Crossing), [("slack", false), ("discord", false)]);
    }

    #[test]
    fn every_line_is_as_in_the_original_and_webhooks_are_told_of_changes_still() {
        let private = [("slack", false), ("discord", false)];
        assert_eq!(told(true, News::Line), private);
        assert_eq!(told(true, News::Crossing), private);
        assert_eq!(told(true, News::Notice), [("webhook", false)]);
    }

    #[test]
    fn only_the_host_of_a_url_may_be_printed() {
        let of = |url: &str| receivers(&Chat::default(), &[webhook(url)]).remove(0);
        for (url, host) in [
            ("https://hooks.slack.com/services/T0/B0/hush", "hooks.slack.com"),
            ("http://user:hush@[::1]:8080?key=hush", "[::1]:8080"),
            ("http://hook.example", "hook.example"),
            ("http://hook.example#hush@other", "hook.example"),
        ] {
            assert_eq!(of(url).host(), host);
        }
        let receiver = of("https://me:pass@hook.example/in/hush?key=mum-s-the-word");
        for text in ["url: /in/hush", "key mum-s-the-word", "me:pass@hook.example", "https://hook.example/in/hush?"] {
            assert!(receiver.is_given_away_by(text), "{text}");
        }
        assert!(!receiver.is_given_away_by("hook.example: Connection refused"));
    }
}
