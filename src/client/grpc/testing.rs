//! A server of HTTP/2 for tests, which does what it is told.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::grpc::{Call, Channel, Reply};
use crate::client::testing::{UNCHECKED, client, server};
use crate::config::monitors::Tls;
use crate::reactor::Reactor;
use crate::snapshot::FailureKind;
use Deed::*;

/// A socket that is asked again and again, for as long as it has nothing.
struct Asked<S>(S);

fn later<T>(result: io::Result<T>, context: &Context<'_>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            sleep(Duration::from_millis(1));
            context.waker().wake_by_ref();
            Poll::Pending
        }
        result => Poll::Ready(result),
    }
}

impl<S: Read + Unpin> AsyncRead for Asked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.read(buffer.initialize_unfilled());
        later(read, context).map_ok(|read| buffer.advance(read))
    }
}

impl<S: Write + Unpin> AsyncWrite for Asked<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        later(self.0.write(bytes), context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        later(self.0.flush(), context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// What a server does with the request of this number, on a connection of this number; each from 0.
pub(crate) type Answering = fn(Request) -> Vec<Deed>;

pub(crate) struct Request {
    pub(crate) number: usize,
    pub(crate) path: String,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) enum Deed {
    Head(u16, &'static [(&'static str, &'static str)]),
    /// The head and the end.
    Only(u16, &'static [(&'static str, &'static str)]),
    Data(Vec<u8>),
    Trailers(&'static [(&'static str, &'static str)]),
    Reset(Reason),
    GoAway,
    Abrupt,
    Pause(u64),
}
pub(crate) const GRPC: &[(&str, &str)] = &[("content-type", "application/grpc")];
pub(crate) const FINE: &[(&str, &str)] = &[("grpc-status", "0")];

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

pub(crate) fn fine(message: &[u8]) -> Vec<Deed> {
    vec![Head(200, GRPC), Data(framed(message)), Trailers(FINE)]
}

fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
    list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn head_of(status: u16, list: &[(&'static str, &'static str)]) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = status.try_into().unwrap();
    *head.headers_mut() = fields(list);
    head
}

/// A server of HTTP/2, and how many connections it has had.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
}

pub(crate) fn collector(answering: Answering) -> Collector {
    collector_with(None, answering)
}

pub(crate) fn collector_with(tls: Option<Arc<ServerConfig>>, answering: Answering) -> Collector {
    let (connections, numbers) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let address = server(move |stream: TcpStream| {
        counted.fetch_add(1, Ordering::SeqCst);
        match &tls {
            None => serve_plain(stream, &numbers, answering),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                let mut stream = StreamOwned::new(connection, stream);
                if stream.conn.complete_io(&mut stream.sock).is_ok() {
                    stream.sock.set_nonblocking(true).unwrap();
                    serve(Asked(stream), &numbers, answering);
                }
            }
        }
    });
    Collector { address, connections }
}

/// One connection.
pub(super) fn serve_plain(stream: TcpStream, numbers: &AtomicUsize, answering: Answering) {
    stream.set_nonblocking(true).unwrap();
    serve(Asked(stream), numbers, answering);
}

fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, numbers: &AtomicUsize, answering: Answering) {
    let executor = smol::LocalExecutor::new();
    let doomed = Rc::new(RefCell::new(None));
    let serving = async {
        let mut connection = h2::server::Builder::new().handshake::<_, Bytes>(stream).await.ok()?;
        loop {
            let next = poll_fn(|context| {
                match doomed.borrow_mut().take() {
                    Some(true) => return Poll::Ready(None),
                    Some(false) => connection.graceful_shutdown(),
                    None => {}
                }
                connection.poll_accept(context)
            });
            let (request, respond) = next.await?.ok()?;
            let number = numbers.fetch_add(1, Ordering::SeqCst);
            executor.spawn(answer(number, request, respond, answering, Rc::clone(&doomed))).detach();
        }
    };
    let _: Option<()> = smol::block_on(executor.run(serving));
}

async fn answer(
    number: usize,
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    answering: Answering,
    doomed: Rc<RefCell<Option<bool>>>,
) -> Option<()> {
    let (parts, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(part)) = incoming.data().await {
        body.extend_from_slice(&part);
        incoming.flow_control().release_capacity(part.len()).ok()?;
    }
    let mut sender: Option<h2::SendStream<Bytes>> = None;
    for deed in answering(Request { number, path: parts.uri.path().into(), fields: parts.headers, body }) {
        match deed {
            Head(status, list) => sender = respond.send_response(head_of(status, list), false).ok(),
            Only(status, list) => drop(respond.send_response(head_of(status, list), true).ok()?),
            Data(bytes) => sender.as_mut()?.send_data(bytes.into(), false).ok()?,
            Trailers(list) => sender.as_mut()?.send_trailers(fields(list)).ok()?,
            Reset(reason) => respond.send_reset(reason),
            GoAway => *doomed.borrow_mut() = Some(false),
            Abrupt => *doomed.borrow_mut() = Some(true),
            Pause(millis) => drop(smol::Timer::after(Duration::from_millis(millis)).await),
        }
    }
    Some(())
}

pub(super) const CALL: Call<'static> =
    Call { path: "/a.Service/Export", user_agent: "x/1", headers: &[], message: b"hello", encoding: None };

pub(super) fn channel_to(address: SocketAddr, tls: Option<&Tls>) -> (Rc<Reactor>, Channel) {
    let (reactor, client) = client();
    let channel = Channel::new(
        Rc::new(client),
        "127.0.0.1".into(),
        address.port(),
        tls.is_some(),
        tls.unwrap_or(&UNCHECKED).clone(),
    );
    (reactor, channel)
}

pub(super) fn ask((reactor, channel): &mut (Rc<Reactor>, Channel), call: &Call<'_>) -> Result<Reply, String> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let asked = reactor.block_on(channel.unary(call, deadline)).unwrap();
    asked.map_err(|failure| failure.cause().replace(&channel.progress.peer(), "PEER"))
}

/// One call, and the kind of its failure.
pub(super) fn asked(address: SocketAddr, millis: u64) -> Result<Reply, (FailureKind, String)> {
    let (reactor, mut channel) = channel_to(address, None);
    let begun = Instant::now();
    let asked = reactor.block_on(channel.unary(&CALL, begun + Duration::from_millis(millis))).unwrap();
    assert!(begun.elapsed() < Duration::from_millis(millis + 500), "{:?}", begun.elapsed());
    assert_eq!(asked.is_ok(), channel.is_open());
    asked.map_err(|failure| (failure.kind, failure.cause().replace(&channel.progress.peer(), "PEER")))
}

pub(super) fn well(body: &[u8]) -> Result<Reply, String> {
    Ok(Reply { body: body.to_vec(), ..Reply::default() })
}

pub(super) fn reply_of(grpc_status: u32, message: &str) -> Result<Reply, String> {
    Ok(Reply { grpc_status, message: message.into(), ..Reply::default() })
}
