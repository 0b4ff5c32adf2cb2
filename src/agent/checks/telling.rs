//! Who is told: the log of checks on stdout, the log of changes on stderr, chats and webhooks.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use crate::agent::unix_micros;
use crate::client::Client;
use crate::config::monitors::{Monitor, Webhook};
use crate::config::{self, Config, LogFormat, LogLevel, SYSTEMD};
use crate::limits::NODE_NAME_BYTES;
use crate::notify::diagnostics::EVENT;
use crate::notify::heartbeats::Heartbeats;
use crate::notify::outbox::{Counts, Form, News, Outbox, Receiver, receivers};
use crate::report::chat::{self, Chat};
use crate::report::monitor_line::{self, CheckLine};
use crate::report::prometheus_monitors::ReceiverCounts;
use crate::report::{self, View, notice, webhook};
use crate::server::{self, Reactor};
use crate::snapshot::{Change, Millis, Notice, Outcome};

/// Says it all.
pub(super) struct Voice {
    lines: Rc<RefCell<Heartbeats>>,
    node_name: heapless::String<NODE_NAME_BYTES>,
    level: LogLevel,
    format: LogFormat,
    chat: config::chat::Chat,
    /// The start of monotonic time.
    started: Instant,
    outbox: Outbox,
}

impl Voice {
    pub(super) fn new(config: &Config, lines: Rc<RefCell<Heartbeats>>, webhooks: &[Webhook], started: Instant) -> Self {
        let voice = Voice {
            lines,
            node_name: config.node_name.clone(),
            level: config.log_level,
            format: config.log_format,
            chat: config.chat.clone(),
            started,
            outbox: Outbox::new(started),
        };
        voice.tell(webhooks);
        voice
    }

    /// Tells chats and these webhooks from now on.
    pub(super) fn tell(&self, webhooks: &[Webhook]) {
        self.outbox.set_receivers(receivers(&self.chat, webhooks));
    }

    /// A check that is done.
    pub(super) fn check(&self, monitor: &Monitor, outcome: &Outcome, began_unix_micros: u64) {
        let level = monitor_line::level(monitor, outcome);
        if level > self.level {
            return;
        }
        let line = CheckLine {
            monitor,
            outcome,
            began_unix_micros,
            unix_micros: unix_micros(),
            node_name: &self.node_name,
            cid: &server::fresh_cid(),
        };
        let text = match self.format {
            LogFormat::Json => monitor_line::json(&line),
            LogFormat::Journal if SYSTEMD => monitor_line::journal(&line),
            LogFormat::Text | LogFormat::Journal => monitor_line::text(&line),
        };
        self.lines.borrow_mut().write(&text);
        self.line(level, &|| match self.format {
            LogFormat::Journal => monitor_line::text(&line),
            _ => text.clone(),
        });
    }

    /// A line of the log that chats are told where they are told every one.
    pub(super) fn line(&self, level: LogLevel, text: &dyn Fn() -> String) {
        self.post(News::Line, level, text);
    }

    /// A usage has crossed a threshold.
    pub(super) fn crossing(&self, level: LogLevel, text: &str) {
        self.post(News::Crossing, level, &|| text.into());
    }

    /// A monitor has another state. It gives what was said of it.
    pub(super) fn change(&self, change: &Change, view: &View<'_>) -> Option<(LogLevel, String)> {
        let (level, text) = report::change(change, view)?;
        match level {
            LogLevel::Error => log::error!(target: EVENT, "{text}"),
            LogLevel::Warning => log::warn!(target: EVENT, "{text}"),
            LogLevel::Info => log::info!(target: EVENT, "{text}"),
            LogLevel::Debug => log::debug!(target: EVENT, "{text}"),
        }
        Some((level, text))
    }

    /// People are to be told.
    pub(super) fn notice(&self, told: &Notice, view: &View<'_>) {
        let (level, text) = notice::sentence(told, view, &self.node_name);
        self.outbox.enqueue(News::Notice, self.now(), &|receiver| match &receiver.form {
            Form::Webhook { template: Some(template) } => {
                webhook::filled_in(template.reveal(), told, view, &self.node_name)
            }
            Form::Webhook { template: None } => webhook::body(told, view, &self.node_name),
            _ => chat_body(receiver, level, &text),
        });
    }

    /// Delivers messages, for ever.
    pub(super) async fn deliver(&self, reactor: &Reactor, client: &Client) {
        self.outbox.run(reactor, client).await;
    }

    /// Tries once more to deliver what waits, until `deadline`.
    pub(super) async fn fall_silent(&self, reactor: &Reactor, client: &Client, deadline: Instant) {
        self.outbox.shut_down(reactor, client, deadline).await;
    }

    /// How messages have fared, by receiver.
    pub(super) fn counts(&self) -> Vec<ReceiverCounts<'static>> {
        let counts = self.outbox.counts().into_iter();
        let of = |(receiver, counts, _): (&'static str, Counts, usize)| ReceiverCounts {
            receiver,
            sent: counts.sent,
            failed: counts.failed,
            retried: counts.retried,
            dropped: counts.dropped,
        };
        counts.map(of).collect()
    }

    fn post(&self, news: News, level: LogLevel, text: &dyn Fn() -> String) {
        if level <= self.level {
            self.outbox.enqueue(news, self.now(), &|receiver| chat_body(receiver, level, &text()));
        }
    }

    fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }
}

fn chat_body(receiver: &Receiver, level: LogLevel, text: &str) -> String {
    let title = chat::title(level);
    match &receiver.form {
        Form::Slack { username, channel, emoji } => {
            let chat = Chat { username, channel: channel.as_deref(), icon_emoji: emoji.as_deref() };
            chat::slack(&chat, level, title, text)
        }
        Form::Discord { username } => chat::discord(&Chat { username, ..Chat::default() }, level, title, text),
        // It is told of notices alone.
        Form::Webhook { .. } => String::new(),
    }
}
