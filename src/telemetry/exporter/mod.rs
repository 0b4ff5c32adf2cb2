//! One message to the collector and what becomes of it, over gRPC or over HTTP: the rules of OTLP's specification ("OTLP/gRPC
//! Response", "OTLP/HTTP Response", "Failures") on top of `client`.
//!
//! Whatever the collector does ends in an [`Outcome`] within the time-out. With the first trouble of a kind comes a line for
//! the log; it comes again when the collector has taken something in between.
//!
//! An answer whose status says that all was taken counts, even where the rest of it cannot be read: what was taken must not
//! be sent again. Where there is no status, the message is kept: one that was taken all the same is there twice.

mod grpc;
#[cfg(test)]
mod hostile;
mod http;
mod lines;
mod quiet;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use crate::client::Client;
use crate::client::grpc::Channel;
use crate::config::LogLevel;
use crate::config::otlp;
use crate::limits::OTLP_MESSAGE_BYTES;
use crate::snapshot::Failure;
use crate::telemetry::answers::PartialSuccess;
use crate::telemetry::cut;
use crate::telemetry::exporter::quiet::Quiet;
use crate::telemetry::gzip::gzip;
use crate::telemetry::retry::Outcome;
use crate::telemetry::ring::Signal;

/// Who asks, as the specification wants it told: exporter, language and version (OpenTelemetry Protocol Exporter, "User
/// Agent").
const USER_AGENT: &str = concat!("imalive-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));

/// How an export has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What becomes of the message.
    pub outcome: Outcome,
    /// What is to be logged: one line, and no secret is in it. Not of every try: see the module.
    pub line: Option<(LogLevel, String)>,
}

/// What the collector has against a message, or what hindered it from having it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// There is no answer.
    Unreachable(Failure),
    /// The answer is from somebody else, by its looks: how it looks.
    Stranger(&'static str, String),
    /// Not now: the status, and what the collector says.
    Later(String, String),
    /// Not ever: its number, the status, and what the collector says.
    Refused(u32, String, String),
    /// Taken, but.
    Partial(PartialSuccess),
    /// Taken, but what else the answer says is not known: why.
    Unreadable(String),
}

/// A message as it goes out.
#[derive(Clone, Copy)]
struct Payload<'a> {
    bytes: &'a [u8],
    /// How it is compressed, where it is: the value of `grpc-encoding` or `content-encoding`.
    encoding: Option<&'static str>,
}

/// How one try has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ending {
    outcome: Outcome,
    trouble: Option<Trouble>,
}

impl Ending {
    fn new(outcome: Outcome, trouble: Trouble) -> Self {
        Ending { outcome, trouble: Some(trouble) }
    }

    /// What is said in the body of an answer whose status says that all is well.
    fn accepted(partial: Result<Option<PartialSuccess>, String>) -> Self {
        let rejected = partial.as_ref().ok().and_then(Option::as_ref).map_or(0, |partial| partial.rejected);
        let trouble =
            partial.map_or_else(|why| Some(Trouble::Unreadable(why)), |partial| partial.map(Trouble::Partial));
        Ending { outcome: Outcome::Accepted { rejected }, trouble }
    }

    /// What a status means: its number, its words, and what the collector says of it.
    fn of_status(outcome: Outcome, number: u32, status: String, message: &str) -> Self {
        let message = cut(message, OTLP_MESSAGE_BYTES).into();
        let trouble = match outcome {
            Outcome::Accepted { .. } => None,
            Outcome::Again(_) => Some(Trouble::Later(status, message)),
            Outcome::Refused => Some(Trouble::Refused(number, status, message)),
        };
        Ending { outcome, trouble }
    }
}

/// Sends to one collector. It holds the connection of gRPC from one message to the next.
pub struct Exporter {
    client: Rc<Client>,
    channel: Option<Channel>,
    quiet: Quiet,
}

impl Exporter {
    /// One to where `signal` goes. Nothing is connected before there is something to send.
    pub fn new(client: Rc<Client>, signal: &otlp::Signal) -> Self {
        let channel = (signal.protocol == otlp::Protocol::Grpc).then(|| {
            let otlp::Target { https, host, port, .. } = &signal.target;
            Channel::new(Rc::clone(&client), host.clone(), *port, *https, signal.tls.clone())
        });
        Exporter { client, channel, quiet: Quiet::default() }
    }

    /// Sends `message`, an `Export…ServiceRequest` of `which`, as `to` says: a signal of the same collector. It ends within
    /// `to.timeout`. Dropping it leaves nothing.
    pub async fn export(&mut self, which: Signal, to: &otlp::Signal, message: &[u8]) -> Answer {
        let packed = if to.gzip { gzip(message).await } else { None };
        let message = packed.as_deref().map_or(Payload { bytes: message, encoding: None }, |packed| Payload {
            bytes: packed,
            encoding: Some("gzip"),
        });
        let ending = match &mut self.channel {
            Some(channel) => grpc::export(channel, to, message).await,
            None => http::export(&self.client, to, message).await,
        };
        let is_new = self.quiet.is_new(which, ending.trouble.as_ref());
        let line = ending.trouble.filter(|_| is_new).map(|trouble| lines::line(which, to, &trouble, ending.outcome));
        Answer { outcome: ending.outcome, line }
    }
}
