//! What is said of a trouble: what went wrong, with whom, and what becomes of the telemetry.

use crate::client::host_and_port;
use crate::config::LogLevel;
use crate::config::monitors::MASK;
use crate::config::otlp::{self, Protocol};
use crate::telemetry::exporter::Trouble;
use crate::telemetry::retry::Outcome;
use crate::telemetry::ring::Signal;

/// One line.
pub(super) fn line(which: Signal, to: &otlp::Signal, trouble: &Trouble, outcome: Outcome) -> (LogLevel, String) {
    let peer = host_and_port(&to.target.host, to.target.port);
    let (what, items) = match which {
        Signal::Metrics => ("metrics", "data points"),
        Signal::Logs => ("logs", "log records"),
        Signal::Traces => ("traces", "spans"),
    };
    const KEPT: &str = "; what is not sent is kept, and sent again";
    let text = match trouble {
        Trouble::Unreachable(failure) if failure.cause().contains(&*peer) => ["OTLP: ", failure.cause(), KEPT].concat(),
        Trouble::Unreachable(failure) => ["OTLP: ", &peer, ": ", failure.cause(), KEPT].concat(),
        Trouble::Stranger(does, status) => {
            ["OTLP: ", &peer, " ", does, " (", status, "): it is no collector", KEPT].concat()
        }
        Trouble::Later(status, message) => {
            let pause = match outcome {
                Outcome::Again(Some(pause)) if pause.as_secs() > 0 => {
                    [", and asks for a pause of ", itoa::Buffer::new().format(pause.as_secs()), " s"].concat()
                }
                _ => String::new(),
            };
            let why = because(status, &hidden(message, to));
            ["OTLP: ", &peer, " does not take ", what, " now", &why, &pause, KEPT].concat()
        }
        Trouble::Refused(_, status, message) => {
            let why = because(status, &hidden(message, to));
            ["OTLP: ", &peer, " refuses ", what, &why, "; they are dropped"].concat()
        }
        Trouble::Partial(partial) if partial.rejected == 0 => {
            ["OTLP: ", &peer, " has taken ", what, ", and says: ", &hidden(&partial.message, to)].concat()
        }
        Trouble::Partial(partial) => {
            let count = itoa::Buffer::new().format(partial.rejected).to_owned();
            let colon = if partial.message.is_empty() { "" } else { ": " };
            let told = hidden(&partial.message, to);
            ["OTLP: ", &peer, " has rejected ", &count, " ", items, colon, &told, "; they are dropped"].concat()
        }
        Trouble::Unreadable(why) => ["OTLP: ", &peer, " has taken ", what, ", but not as expected: ", why].concat(),
    };
    let level = if matches!(trouble, Trouble::Refused(..)) { LogLevel::Error } else { LogLevel::Warning };
    (level, text)
}

fn because(status: &str, message: &str) -> String {
    let colon = if message.is_empty() { "" } else { ": " };
    [" (", status, colon, message, ")"].concat()
}

/// A collector may say back what it was sent: header fields, and a path with a token in it. What is shorter than four bytes
/// is a word or a number, and stays.
fn hidden(text: &str, to: &otlp::Signal) -> String {
    let mut text = text.to_owned();
    let known = |path: &str| path.strip_prefix("/v1/").is_some_and(|rest| !rest.contains(['/', '?']));
    let path = Some(&*to.target.path).filter(|path| to.protocol == Protocol::HttpProtobuf && !known(path));
    let values = to.headers.iter().map(|(_, value)| value.reveal());
    // A credential stands behind its scheme.
    let credentials = to.headers.iter().filter_map(|(_, value)| value.reveal().split_once(' ')).map(|(_, rest)| rest);
    for secret in values.chain(credentials).chain(path).filter(|secret| secret.len() >= 4) {
        if text.contains(secret) {
            text = text.replace(secret, MASK);
        }
    }
    text
}
