//! One question and one answer of gRPC at a time, over HTTP/2 that is kept open from one to the next.
//!
//! The protocol's machine is `h2`. Its connection is driven by whoever asks, next to the question: between two questions
//! nothing is waited for, so an open channel wakes nobody, and what its peer has sent meanwhile, GOAWAY or the end among it,
//! is heard before the next one goes out.
//!
//! What a hostile peer can make a channel hold is bounded, to 128 KB (`tests/grpc_bounded.rs`): one frame (16 KB), a header
//! block and HPACK's table ([`ANSWER_HEAD_BYTES`] and 4 KB), a stream's window ([`GRPC_WINDOW_BYTES`]), what `h2` makes of
//! the frames in one read ([`GRPC_READ_BYTES`](crate::limits::GRPC_READ_BYTES)), the answer
//! ([`GRPC_ANSWER_BYTES`](crate::limits::GRPC_ANSWER_BYTES)) and two pieces on their way out ([`GRPC_PIECE_BYTES`]). With
//! TLS the records on their way are added, by sum 100 KB more. Whatever fails closes the connection, and with it all of that
//! is given back.

mod exchange;
#[cfg(test)]
mod hostile;
mod status;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod transport;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::Reason;
use h2::client::{Builder, SendRequest};

use crate::client::Client;
use crate::client::explain::{failure, reason};
use crate::client::grpc::exchange::{Broken, exchange, head};
use crate::client::grpc::transport::{Io, Transport};
use crate::client::progress::{Phase, Progress, host_and_port};
use crate::client::tls::{Alpn, Tunnel};
use crate::config::monitors::{Secret, Tls};
use crate::limits::{ANSWER_HEAD_BYTES, GRPC_PIECE_BYTES, GRPC_WINDOW_BYTES};
use crate::snapshot::{Failure, FailureKind};

/// RFC 9113 section 3.2.
const H2: Alpn = Alpn { id: "h2", name: "HTTP/2" };

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Service and method: `/package.Service/Method`.
    pub path: &'a str,
    /// Who asks, unless `headers` say it.
    pub user_agent: &'a str,
    /// Fields beside those of the protocol.
    pub headers: &'a [(String, Secret)],
    /// The message, encoded.
    pub message: &'a [u8],
    /// How the message is compressed, where it is: the value of `grpc-encoding`.
    pub encoding: Option<&'a str>,
}

/// What the peer has answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// 0 is success ("Status codes and their use in gRPC"). Of an answer without one, what stands for its HTTP status or
    /// for how the stream was broken off.
    pub grpc_status: u32,
    /// For people: one line.
    pub message: String,
    /// A `google.rpc.Status`, encoded; empty where there is none.
    pub details: Vec<u8>,
    /// The answer's message, encoded; empty where something has failed.
    pub body: Vec<u8>,
}

/// A way to one peer. It connects when it is asked and stays connected.
pub struct Channel {
    client: Rc<Client>,
    host: String,
    port: u16,
    https: bool,
    tls: Tls,
    progress: Progress,
    connection: Option<Connection>,
}

struct Connection {
    transport: Rc<RefCell<Transport>>,
    driver: h2::client::Connection<Io, Bytes>,
    ended: bool,
    requests: SendRequest<Bytes>,
}

impl Channel {
    /// One to `host`, a name or an address (IPv6 without brackets).
    pub fn new(client: Rc<Client>, host: String, port: u16, https: bool, tls: Tls) -> Self {
        Channel { client, host, port, https, tls, progress: Progress::default(), connection: None }
    }

    /// Whether a connection is kept for the next call.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// Closes the connection; the next call opens another.
    pub fn close(&mut self) {
        self.connection = None;
    }

    /// Sends one message and waits for the answer until `deadline`. Whatever the peer answers is a [`Reply`]; a failure is
    /// what kept it from answering, and closes the connection. One of [`FailureKind::Body`] means that the peer has done what
    /// was asked, but its message cannot be read: it gives one only then. Dropping it leaves nothing. A peer that ends the
    /// connection (GOAWAY) before it has looked at the call, as it says, is asked once more over another; where it does not
    /// say so, it is not asked again, for it may have done what was asked.
    pub async fn unary(&mut self, call: &Call<'_>, deadline: Instant) -> Result<Reply, Failure> {
        let (begun, client) = (Instant::now(), Rc::clone(&self.client));
        self.progress.set_peer(&self.host, self.port);
        let late = async {
            client.reactor().sleep_until(deadline).await;
            None
        };
        let answered = smol::future::or(async { Some(self.ask(call, deadline).await) }, late).await;
        answered.unwrap_or_else(|| Err(self.progress.timed_out(deadline.saturating_duration_since(begun))))
    }

    async fn ask(&mut self, call: &Call<'_>, deadline: Instant) -> Result<Reply, Failure> {
        let scheme = if self.https { "https://" } else { "http://" };
        let origin = [scheme, &host_and_port(&self.host, self.port)].concat();
        let mut turned_away = false;
        loop {
            let mut connection = match self.kept().await {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let head = head(call, &origin, deadline.saturating_duration_since(Instant::now()))?;
            self.progress.enter(Phase::Sending);
            match connection.exchange(head, call, &self.progress).await {
                Ok(reply) => {
                    if !connection.ended {
                        connection.transport.borrow_mut().rest();
                        self.connection = Some(connection);
                    }
                    return Ok(reply);
                }
                Err(Broken::Unread(_)) if !turned_away => turned_away = true,
                Err(broken) => return Err(self.explain(&broken, &connection.transport)),
            }
        }
    }

    /// The connection of before, if it still is one when all has been heard that came meanwhile.
    async fn kept(&mut self) -> Option<Connection> {
        let mut connection = self.connection.take()?;
        self.progress.enter(Phase::Sending);
        let alive = poll_fn(|context| {
            if connection.advance(context).is_some() {
                return Poll::Ready(false);
            }
            if connection.transport.borrow().is_quiet() { Poll::Ready(true) } else { Poll::Pending }
        });
        alive.await.then_some(connection)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let connected = self.client.connect(&self.host, self.port, &self.progress).await;
        let stream = connected.map_err(|error| error.failure(&self.host, self.port))?;
        let transport = Rc::new(RefCell::new(Transport::new(stream)));
        if self.https {
            self.progress.enter(Phase::Handshake);
            let (configs, tls, host) = (Arc::clone(&self.client.configs), self.tls.clone(), self.host.clone());
            let open = move || Tunnel::open(&configs, &tls, H2, &host, b"");
            let tunnel = self.client.step(Box::new(open)).await?;
            transport.borrow_mut().secure(&self.client, tunnel);
            let selected = poll_fn(|context| transport.borrow_mut().poll_selected(context)).await;
            let selected = selected.map_err(|error| self.broke(&error, &transport))?;
            if selected.as_deref() != Some(H2.id.as_bytes()) {
                return Err(self.failure(FailureKind::Tls, "does not select HTTP/2 in TLS (ALPN h2)"));
            }
        }
        self.progress.enter(Phase::Sending);
        let opened = settings().handshake(Io(Rc::clone(&transport))).await;
        let (requests, driver) = opened.map_err(|error| self.explain(&Broken::Http2(error), &transport))?;
        Ok(Connection { transport, driver, ended: false, requests })
    }

    fn failure(&self, kind: FailureKind, text: &str) -> Failure {
        failure(kind, &[&self.progress.peer(), " ", text])
    }

    fn broke(&self, error: &std::io::Error, transport: &RefCell<Transport>) -> Failure {
        transport.borrow_mut().take_failure().unwrap_or_else(|| {
            failure(FailureKind::Connect, &["connection to ", &self.progress.peer(), " broke: ", &reason(error)])
        })
    }

    fn explain(&self, broken: &Broken, transport: &RefCell<Transport>) -> Failure {
        let error = match broken {
            Broken::Peer(text) => return self.failure(FailureKind::Protocol, text),
            Broken::Message(text) => return self.failure(FailureKind::Body, text),
            Broken::Http2(error) | Broken::Unread(error) => error,
        };
        let reason = error.reason();
        match (error.get_io(), reason.as_ref().map(Reason::description)) {
            (Some(error), _) if error.raw_os_error().is_none() && error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.failure(FailureKind::Connect, "closed the connection before it had answered")
            }
            (Some(error), _) => self.broke(error, transport),
            (None, Some(reason)) if error.is_remote() => {
                self.failure(FailureKind::Connect, &["turns us away: ", reason].concat())
            }
            (None, Some(reason)) => {
                self.failure(FailureKind::Protocol, &["does not speak HTTP/2, or breaks its rules: ", reason].concat())
            }
            (None, None) => self.failure(FailureKind::Protocol, "cannot be sent such a request over HTTP/2"),
        }
    }
}

impl Connection {
    /// Does what is to do for the connection itself. It gives what has ended it, once it has.
    fn advance(&mut self, context: &mut Context<'_>) -> Option<Option<h2::Error>> {
        if self.ended {
            return Some(None);
        }
        match Pin::new(&mut self.driver).poll(context) {
            Poll::Ready(result) => {
                self.ended = true;
                Some(result.err())
            }
            Poll::Pending => None,
        }
    }

    async fn exchange(
        &mut self,
        head: http::Request<()>,
        call: &Call<'_>,
        progress: &Progress,
    ) -> Result<Reply, Broken> {
        let mut requests = self.requests.clone();
        let mut work = pin!(exchange(&mut requests, head, call, progress));
        poll_fn(|context| {
            let ended = self.advance(context);
            match (work.as_mut().poll(context), ended) {
                (Poll::Pending, None) => Poll::Pending,
                (Poll::Ready(Err(Broken::Unread(error))), _) => Poll::Ready(Err(Broken::Unread(error))),
                // What has ended the connection is closer to the cause than what its stream makes of that.
                (Poll::Pending | Poll::Ready(Err(_)), Some(Some(error))) => Poll::Ready(Err(Broken::Http2(error))),
                (Poll::Pending, Some(None)) => {
                    Poll::Ready(Err(Broken::Peer("ended the connection before it had answered")))
                }
                (Poll::Ready(result), _) => Poll::Ready(result),
            }
        })
        .await
    }
}

/// What the peer is told of our bounds.
fn settings() -> Builder {
    let mut settings = Builder::new();
    settings
        .enable_push(false)
        .initial_window_size(GRPC_WINDOW_BYTES)
        .max_header_list_size(ANSWER_HEAD_BYTES as u32)
        .max_send_buffer_size(GRPC_PIECE_BYTES);
    settings
}
