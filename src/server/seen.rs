//! What is kept of a request until it is answered, so that it can be told of then. Nothing, where nobody is to be told.

use std::net::{IpAddr, TcpStream};
use std::time::Instant;

use crate::http::caller::Caller;
use crate::http::request::Head;
use crate::http::route::Handler;
use crate::http::target::Target;
use crate::limits::OTLP_ATTRIBUTE_BYTES;
use crate::server::slots::Phase;
use crate::server::{Exchange, Service};
use crate::snapshot::Method;

/// What is known of a request that is being read or answered: `None` where nothing is, or nobody is told.
#[derive(Default)]
pub(super) struct Seen<'b>(Option<Request<'b>>);

struct Request<'b> {
    method: Method,
    path: &'b str,
    version: &'static str,
    caller: Caller<'b>,
    client_address: Option<IpAddr>,
    began: Instant,
}

impl<'b> Seen<'b> {
    /// Of a request whose head has just come: what was read of it, and its bytes.
    pub(super) fn of<S: Service>(service: &S, head: &Head<'b>, bytes: &'b [u8], stream: &TcpStream) -> Self {
        if !service.observes() {
            return Seen(None);
        }
        let path = match head.target {
            Target::Path(path) => &path[..path.floor_char_boundary(OTLP_ATTRIBUTE_BYTES)],
            Target::Server => "*",
            Target::Tunnel => "",
        };
        Seen(Some(Request {
            method: head.method,
            path,
            version: if head.http_10 { "1.0" } else { "1.1" },
            caller: Caller::of_head(bytes),
            client_address: client_address(stream),
            began: Instant::now(),
        }))
    }

    /// Tells of it, as its answer has been decided.
    pub(super) fn tell<S: Service>(
        &self,
        service: &S,
        route: Option<(Handler, &'static str)>,
        cid: &str,
        status: u16,
        stream: &TcpStream,
    ) {
        if service.observes() {
            self.describe(service, route, cid, status, stream);
        }
    }

    #[inline(never)]
    fn describe<S: Service>(
        &self,
        service: &S,
        route: Option<(Handler, &'static str)>,
        cid: &str,
        status: u16,
        stream: &TcpStream,
    ) {
        let exchange = match &self.0 {
            Some(request) => Exchange {
                method: request.method,
                method_name: request.caller.method,
                path: request.path,
                route,
                version: request.version,
                client_address: request.client_address,
                user_agent: request.caller.user_agent,
                traceparent: request.caller.traceparent,
                cid,
                status,
                began: request.began,
            },
            None => Exchange {
                method: Method::Other,
                method_name: "",
                path: "",
                route,
                version: "",
                client_address: client_address(stream),
                user_agent: None,
                traceparent: None,
                cid,
                status,
                began: unread_since(status),
            },
        };
        service.observe(&exchange);
    }

    /// For as long as its body is coming.
    pub(super) fn keep(&self) -> Kept {
        Kept(self.0.as_ref().map(|request| {
            Box::new(Owned {
                method: request.method,
                method_name: request.caller.method.into(),
                path: request.path.into(),
                version: request.version,
                user_agent: request.caller.user_agent.map(Box::from),
                traceparent: request.caller.traceparent.map(Box::from),
                client_address: request.client_address,
                began: request.began,
            })
        }))
    }
}

/// What a connection keeps of a request whose body is coming.
#[derive(Default)]
pub(super) struct Kept(Option<Box<Owned>>);

struct Owned {
    method: Method,
    method_name: Box<str>,
    path: Box<str>,
    version: &'static str,
    user_agent: Option<Box<str>>,
    traceparent: Option<Box<str>>,
    client_address: Option<IpAddr>,
    began: Instant,
}

impl Kept {
    #[cfg(test)]
    pub(super) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn seen(&self) -> Seen<'_> {
        Seen(self.0.as_ref().map(|owned| Request {
            method: owned.method,
            path: &owned.path,
            version: owned.version,
            caller: Caller {
                method: &owned.method_name,
                user_agent: owned.user_agent.as_deref(),
                traceparent: owned.traceparent.as_deref(),
            },
            client_address: owned.client_address,
            began: owned.began,
        }))
    }
}

/// It costs a call of the kernel, and no memory for each connection.
fn client_address(stream: &TcpStream) -> Option<IpAddr> {
    stream.peer_addr().ok().map(|address| address.ip().to_canonical())
}

/// Of a head that could not be read, it is known when it began only where it took too long.
fn unread_since(status: u16) -> Instant {
    let now = Instant::now();
    let waited = if status == 408 { now.checked_sub(Phase::Receiving.limit()) } else { None };
    waited.unwrap_or(now)
}

#[cfg(test)]
mod tests;
