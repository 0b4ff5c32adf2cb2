//! Asking others: names to addresses, connections, TLS, one HTTP request. Nothing here blocks the executor: what waits
//! for the network does it in the reactor; what blocks or takes long, looking up names and the arithmetic of TLS, is done
//! by threads that come and go.
//!
//! ```text
//! request ─► wire ─┬─► resolve ─► stream ─► reactor
//!     grpc ─(h2)───┴─► tls ─(verify, trust)
//! ```

mod answer;
mod certificate;
mod explain;
#[cfg(feature = "otlp")]
pub mod grpc;
mod http;
mod identity;
mod progress;
mod request;
mod resolve;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod timeline;
mod tls;
mod trust;
mod url;
mod verify;
mod wire;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::client::explain::failure;
use crate::client::resolve::Resolver;
use crate::client::tls::TlsConfigs;
use crate::client::workers::Pool;
use crate::limits::TLS_THREADS;
use crate::reactor::Reactor;
use crate::snapshot::{Failure, FailureKind};

pub use answer::{Head, Media, Sink};
pub use explain::reason;
pub use progress::{Phase, Progress, host_and_port};
pub use request::Request;
pub use resolve::ResolveError;
pub use stream::Stream;
pub use timeline::Phases;

/// What asks others; one for the whole agent, so that the same name is asked for once and authorities are read once.
pub struct Client {
    reactor: Rc<Reactor>,
    resolver: Resolver,
    arithmetic: Pool,
    configs: Arc<TlsConfigs>,
}

impl Client {
    /// One without threads: they come with work and go with it. `authorities` is the value of `$SSL_CERT_FILE`: whom to
    /// trust in place of the system's authorities.
    pub fn new(reactor: Rc<Reactor>, authorities: Option<String>) -> Self {
        Client {
            reactor,
            resolver: Resolver::new(),
            arithmetic: Pool::new("imalive tls", TLS_THREADS, TLS_THREADS),
            configs: TlsConfigs::new(authorities),
        }
    }

    /// What it waits in.
    pub fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// Reads certificates and keys anew when they are next needed. A changed file is noticed without.
    pub fn reload(&self) {
        self.configs.forget();
    }

    /// Connects to `host`, a name or an address (IPv6 without brackets). Dropping it leaves nothing, as with
    /// [`Client::send`].
    pub async fn connect(&self, host: &str, port: u16, progress: &Progress) -> Result<Stream, ConnectError> {
        progress.enter(Phase::Resolving);
        let addresses = self.resolver.resolve(host, progress).await.map_err(ConnectError::Resolve)?;
        progress.enter(Phase::Connecting);
        let connected = stream::connect(&self.reactor, &addresses, port).await;
        connected.map_err(|(address, error)| ConnectError::Connect(address, error))
    }

    /// Threads there are now.
    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.arithmetic.threads() + self.resolver.threads()
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The name has no address.
    Resolve(ResolveError),
    /// No address has taken it: the last one, and what it said.
    Connect(SocketAddr, io::Error),
}

impl ConnectError {
    /// What kind of failure it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            ConnectError::Resolve(ResolveError::Node(_)) => FailureKind::Node,
            ConnectError::Resolve(_) => FailureKind::Resolve,
            ConnectError::Connect(_, error) if stream::is_lack(error) => FailureKind::Node,
            ConnectError::Connect(..) => FailureKind::Connect,
        }
    }

    fn failure(&self, host: &str, port: u16) -> Failure {
        match self {
            ConnectError::Resolve(error) => failure(self.kind(), &[host, " does not resolve: ", error.describe()]),
            ConnectError::Connect(address, error) => {
                let (peer, ip) = (host_and_port(host, port), address.ip().to_string());
                let at = if ip == host { String::new() } else { [" (", &ip, ")"].concat() };
                failure(self.kind(), &["connect to ", &peer, &at, ": ", &reason(error)])
            }
        }
    }
}
