//! A collector: OTLP over HTTP or over gRPC, plain. It keeps what it gets.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Response};
use imalive::telemetry::messages::collector::{
    ExportLogsServiceRequest, ExportMetricsServiceRequest, ExportTraceServiceRequest,
};
use imalive::telemetry::messages::common::KeyValue;
use imalive::telemetry::messages::logs::LogRecord;
use imalive::telemetry::messages::metrics::Metric;
use imalive::telemetry::messages::trace::Span;
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What it has got.
#[derive(Default)]
pub struct Got {
    pub connections: usize,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
    traces: Vec<ExportTraceServiceRequest>,
}

impl Got {
    fn take(&mut self, path: &str, message: &[u8]) {
        match path {
            "/v1/metrics" | "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => {
                self.metrics.push(Message::decode(message).unwrap());
            }
            "/v1/logs" | "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => {
                self.logs.push(Message::decode(message).unwrap());
            }
            "/v1/traces" | "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => {
                self.traces.push(Message::decode(message).unwrap());
            }
            path => panic!("{path}"),
        }
    }

    /// The records of an event.
    pub fn logs(&self, event_name: &str) -> Vec<LogRecord> {
        let scopes = self.logs.iter().flat_map(|request| &request.resource_logs).flat_map(|of| &of.scope_logs);
        scopes.flat_map(|scope| &scope.log_records).filter(|record| record.event_name == event_name).cloned().collect()
    }

    fn all_spans(&self) -> impl Iterator<Item = &Span> {
        let scopes = self.traces.iter().flat_map(|request| &request.resource_spans).flat_map(|of| &of.scope_spans);
        scopes.flat_map(|scope| &scope.spans)
    }

    /// The spans of a name.
    pub fn spans(&self, name: &str) -> Vec<Span> {
        self.all_spans().filter(|span| span.name == name).cloned().collect()
    }

    /// The spans within another.
    pub fn children(&self, parent: &[u8]) -> Vec<Span> {
        self.all_spans().filter(|span| span.parent_span_id == parent).cloned().collect()
    }

    pub fn metrics(&self) -> Vec<Metric> {
        let scopes = self.metrics.iter().flat_map(|request| &request.resource_metrics).flat_map(|of| &of.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics).cloned().collect()
    }

    pub fn metric(&self, name: &str) -> Option<Metric> {
        self.metrics().into_iter().find(|metric| metric.name == name)
    }

    /// The attributes of each resource.
    pub fn resources(&self) -> Vec<Vec<KeyValue>> {
        let metrics = self.metrics.iter().flat_map(|request| &request.resource_metrics).map(|of| &of.resource);
        let logs = self.logs.iter().flat_map(|request| &request.resource_logs).map(|of| &of.resource);
        let traces = self.traces.iter().flat_map(|request| &request.resource_spans).map(|of| &of.resource);
        metrics.chain(logs).chain(traces).map(|resource| resource.clone().unwrap().attributes).collect()
    }
}

/// How it behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It takes everything.
    Answers,
    /// It says nothing.
    Hangs,
}

#[derive(Default)]
struct Shared {
    got: Mutex<Got>,
    changed: Condvar,
}

impl Shared {
    fn take(&self, path: &str, message: &[u8]) {
        self.got.lock().unwrap().take(path, message);
        self.changed.notify_all();
    }
}

pub struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Collector {
    pub fn http(manner: Manner) -> Collector {
        Collector::new(move |stream, shared| serve_http(stream, manner, shared))
    }

    pub fn grpc() -> Collector {
        Collector::new(serve_grpc)
    }

    fn new(serve: impl Fn(TcpStream, &Shared) + Clone + Send + 'static) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let kept = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                kept.got.lock().unwrap().connections += 1;
                kept.changed.notify_all();
                let (serve, kept) = (serve.clone(), Arc::clone(&kept));
                thread::spawn(move || serve(stream.unwrap(), &kept));
            }
        });
        Collector { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at what it has got.
    pub fn with<T>(&self, look: impl Fn(&Got) -> T) -> T {
        look(&self.shared.got.lock().unwrap())
    }

    /// Looks until there is what is looked for.
    pub fn wait<T>(&self, patience: Duration, look: impl Fn(&Got) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + patience;
        let mut got = self.shared.got.lock().unwrap();
        loop {
            if let Some(found) = look(&got) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            got = self.shared.changed.wait_timeout(got, left).unwrap().0;
        }
    }
}

fn serve_http(mut stream: TcpStream, manner: Manner, shared: &Shared) {
    let mut bytes = Vec::new();
    let mut some = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let mut lines = head.split("\r\n");
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            let fields: HashMap<String, &str> =
                lines.filter_map(|line| line.split_once(':')).map(|(k, v)| (k.to_lowercase(), v.trim())).collect();
            let length: usize = fields.get("content-length").map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                if !path.starts_with("/v1/") {
                    return drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
                }
                assert_eq!(fields["content-type"], "application/x-protobuf");
                if manner == Manner::Answers {
                    shared.take(&path, &bytes[end + 4..end + 4 + length]);
                    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                bytes.drain(..end + 4 + length);
                continue;
            }
        }
        match stream.read(&mut some) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&some[..read]),
        }
    }
}

/// A socket that is asked again and again, for as long as it has nothing.
struct Asked(TcpStream);

fn later<T>(result: io::Result<T>, context: &Context<'_>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            thread::sleep(Duration::from_millis(1));
            context.waker().wake_by_ref();
            Poll::Pending
        }
        result => Poll::Ready(result),
    }
}

impl AsyncRead for Asked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.read(buffer.initialize_unfilled());
        later(read, context).map_ok(|read| buffer.advance(read))
    }
}

impl AsyncWrite for Asked {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        later(self.0.write(bytes), context)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// One call after the other.
fn serve_grpc(stream: TcpStream, shared: &Shared) {
    stream.set_nonblocking(true).unwrap();
    let executor = smol::LocalExecutor::new();
    let serving = async {
        let mut connection = h2::server::Builder::new().handshake::<_, Bytes>(Asked(stream)).await.ok()?;
        loop {
            let (request, mut respond) = poll_fn(|context| connection.poll_accept(context)).await?.ok()?;
            let answer = async move {
                let (parts, mut incoming) = request.into_parts();
                let mut body = Vec::new();
                while let Some(Ok(part)) = incoming.data().await {
                    body.extend_from_slice(&part);
                    incoming.flow_control().release_capacity(part.len()).ok()?;
                }
                assert_eq!(body[0], 0, "plain");
                shared.take(parts.uri.path(), &body[5..]);
                let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
                let mut sender = respond.send_response(head, false).ok()?;
                sender.send_data(Bytes::from_static(&[0; 5]), false).ok()?;
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                sender.send_trailers(trailers).ok()
            };
            executor.spawn(answer).detach();
        }
    };
    let _: Option<()> = smol::block_on(executor.run(serving));
}
