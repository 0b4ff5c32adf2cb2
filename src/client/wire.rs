//! A connection that carries one request and its answer, with TLS or without.

use std::io;
use std::sync::Arc;

use crate::client::Client;
use crate::client::explain::{failure, reason};
use crate::client::progress::{Phase, Progress};
use crate::client::stream::Stream;
use crate::client::tls::{HTTP_1_1, Tunnel};
use crate::client::url::Target;
use crate::client::workers::{Slot, Standing, Taken};
use crate::config::monitors::Tls;
use crate::limits::PEER_READ_BYTES;
use crate::snapshot::{Failure, FailureKind};

/// The connection, and what of the answer has come.
pub(super) struct Wire<'c> {
    client: &'c Client,
    progress: &'c Progress,
    stream: Stream,
    tunnel: Option<Box<Tunnel>>,
    /// Why the request has not gone out whole: the peer may have answered before.
    unsent: Option<io::Error>,
    pub(super) input: Vec<u8>,
}

pub(super) type Step = Box<dyn FnOnce() -> Result<Box<Tunnel>, Failure> + Send>;

impl Client {
    /// Connects to `target` and sends it `request`. Another origin than the one that was asked for is not shown who we are.
    pub(super) async fn open<'c>(
        &'c self,
        target: &Target,
        tls: &Tls,
        own_origin: bool,
        request: Vec<u8>,
        progress: &'c Progress,
    ) -> Result<Wire<'c>, Failure> {
        let connected = self.connect(&target.host, target.port, progress).await;
        let stream = connected.map_err(|error| error.failure(&target.host, target.port))?;
        let mut wire = Wire { client: self, progress, stream, tunnel: None, unsent: None, input: Vec::new() };
        if !target.https {
            progress.enter(Phase::Sending);
            wire.unsent = wire.stream.write(&request).await.err();
            progress.enter(Phase::Waiting);
            return Ok(wire);
        }
        progress.enter(Phase::Handshake);
        let configs = Arc::clone(&self.configs);
        let client = if own_origin { tls.client.clone() } else { None };
        let tls = Tls { client, ..tls.clone() };
        let host = target.host.clone();
        wire.tunnel = Some(self.step(Box::new(move || Tunnel::open(&configs, &tls, HTTP_1_1, &host, &request))).await?);
        Ok(wire)
    }

    /// Has one step of TLS made on a thread.
    pub(super) async fn step(&self, step: Step) -> Result<Box<Tunnel>, Failure> {
        let slot = Slot::new();
        let put = Arc::clone(&slot);
        let job = move || {
            if !put.abandoned() {
                put.put(step());
            }
        };
        match self.arithmetic.submit(Standing::Proven, Box::new(job)) {
            Ok(()) => Taken(slot).await,
            Err(error) => Err(failure(FailureKind::Node, &["no thread for TLS on this node: ", &reason(&error)])),
        }
    }
}

impl Wire<'_> {
    /// Reads some more of the answer; how much. Nothing: there is no more.
    pub(super) async fn read(&mut self) -> Result<usize, Failure> {
        let Some(mut tunnel) = self.tunnel.take() else {
            let read = self.stream.read(&mut self.input, PEER_READ_BYTES).await;
            return self.judge(read);
        };
        while tunnel.plain.is_empty() && !tunnel.ended {
            if !tunnel.to_send.is_empty() {
                self.unsent = self.stream.write(&tunnel.to_send).await.err();
                tunnel.to_send.clear();
            }
            let read = self.stream.read(&mut tunnel.received, PEER_READ_BYTES).await;
            tunnel.ended = self.judge(read)? == 0;
            let step = move || {
                tunnel.advance();
                Ok(tunnel)
            };
            tunnel = self.client.step(Box::new(step)).await?;
            self.progress.set_certificate_expiry(tunnel.certificate_expiry);
            if let Some(failure) = tunnel.failure.take() {
                // The peer is told why, if it still listens.
                self.stream.write_some(&tunnel.to_send);
                return Err(failure);
            }
            if self.progress.phase() == Phase::Handshake && !tunnel.handshaking() {
                self.progress.enter(Phase::Waiting);
            }
        }
        let read = tunnel.plain.len();
        self.input.append(&mut tunnel.plain);
        self.tunnel = Some(tunnel);
        Ok(read)
    }

    /// A peer that reads no more may still have said why: what it did say counts.
    fn judge(&mut self, read: io::Result<usize>) -> Result<usize, Failure> {
        let error = match (read, self.unsent.take()) {
            (Ok(read), unsent) if read > 0 || unsent.is_none() => return Ok(read),
            (_, Some(error)) | (Err(error), None) => error,
            (Ok(read), None) => return Ok(read),
        };
        let text = ["connection to ", &self.progress.peer(), " broke: ", &reason(&error)];
        Err(failure(FailureKind::Connect, &text))
    }

    /// What this peer has failed for.
    pub(super) fn failure(&self, kind: FailureKind, text: &[&str]) -> Failure {
        failure(kind, &[&self.progress.peer(), " ", &text.concat()])
    }
}
