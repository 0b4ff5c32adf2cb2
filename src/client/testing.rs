//! Peers for tests: real sockets on the loopback interface, each connection in a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::client::{Client, Progress, Request};
use crate::config::monitors::Tls;
use crate::reactor::Reactor;

/// Serves with `serve`, each connection in its own thread, for as long as the test process is there.
pub(crate) fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    server_on("127.0.0.1:0", serve)
}

pub(crate) fn server_on(address: &str, serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let (address, serve) = (listener.local_addr().unwrap(), Arc::new(serve));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

/// The head of a request, to its empty line.
pub(crate) fn request_head(stream: &mut impl Read) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// One that answers every request with `answer` and closes.
pub(crate) fn answering(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    server(move |mut stream| {
        request_head(&mut stream);
        let _ = stream.write_all(&answer);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// One that takes connections and says nothing.
pub(crate) fn silent() -> SocketAddr {
    server(|mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

/// An address where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A client, and what it waits in.
pub(crate) fn client() -> (Rc<Reactor>, Client) {
    let reactor = Rc::new(Reactor::new().unwrap());
    (Rc::clone(&reactor), Client::new(reactor, None))
}

/// Waits until `true`; whether it became so.
pub(crate) fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let late = Instant::now() + Duration::from_secs(3);
    while !condition() {
        if Instant::now() > late {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// A file of its own, which is left in the temporary directory.
pub(crate) fn file(name: &str, text: &str) -> String {
    let path: PathBuf = std::env::temp_dir().join(format!("imalive-test-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().into()
}

/// An authority that signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) pem: String,
    pub(crate) key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        params.distinguished_name.push(DnType::CommonName, format!("{:?}", key.public_key_raw()));
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `names` that is valid in these years.
    pub(crate) fn sign(&self, names: &[&str], from: i32, to: i32) -> Identity {
        let key = KeyPair::generate().unwrap();
        let signed = params(names, from, to).signed_by(&key, &self.issuer).unwrap();
        Identity { chain: vec![signed.der().clone()], pem: signed.pem(), key }
    }
}

impl Identity {
    pub(crate) fn self_signed(names: &[&str], is_authority: bool) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = params(names, 2020, 2099);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let signed = params.self_signed(&key).unwrap();
        Identity { chain: vec![signed.der().clone()], pem: signed.pem(), key }
    }
}

fn params(names: &[&str], from: i32, to: i32) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).unwrap();
    params.not_before = date_time_ymd(from, 1, 2);
    params.not_after = date_time_ymd(to, 1, 2);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// How a server shows itself: with TLS of `versions`, asking clients for a certificate that `clients` has signed.
pub(crate) fn tls_config(
    identity: &Identity,
    versions: &[&'static rustls::SupportedProtocolVersion],
    clients: Option<&Authority>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let pem = authority.pem.as_bytes();
            roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(pem).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    Arc::new(builder.with_single_cert(identity.chain.clone(), key).unwrap())
}

/// One that answers every request over TLS with `answer`.
pub(crate) fn tls_server(config: Arc<ServerConfig>, answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    server(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        if request_head(&mut stream).is_empty() {
            return;
        }
        let _ = stream.write_all(&answer);
        stream.conn.send_close_notify();
        let _ = stream.flush();
        let _ = stream.sock.shutdown(std::net::Shutdown::Write);
        let _ = stream.sock.read_to_end(&mut Vec::new());
    })
}

/// Trusts the authorities in a file.
pub(crate) fn trusting(ca_file: &str) -> Tls {
    Tls { check: true, ca_file: Some(ca_file.into()), client: None }
}

/// Trusts anybody.
pub(crate) const UNCHECKED: Tls = Tls { check: false, ca_file: None, client: None };

pub(crate) fn get(url: &str) -> Request<'_> {
    Request {
        method: "GET",
        url,
        headers: Vec::new(),
        basic_auth: None,
        body: b"",
        follow_redirects: 3,
        tls: &UNCHECKED,
        wants_body: true,
    }
}

/// Status and body, or what went wrong without whose fault it was.
pub(crate) fn sent(request: &Request<'_>) -> Result<(u16, String), String> {
    let (reactor, client) = client();
    let progress = Progress::default();
    let mut whole = Vec::new();
    let mut body = |part: &[u8]| {
        whole.extend_from_slice(part);
        true
    };
    let head = reactor.block_on(client.send(request, &progress, &mut body)).unwrap();
    assert_eq!(head.is_err(), head.as_ref().is_err_and(|failure| failure.message == "Unexpected error"));
    let head = head.map_err(|failure| match progress.peer().as_str() {
        "" => failure.cause().to_string(),
        peer => failure.cause().replace(peer, "PEER"),
    })?;
    Ok((head.status, String::from_utf8_lossy(&whole).into_owned()))
}

pub(crate) fn asked(address: SocketAddr) -> Result<(u16, String), String> {
    sent(&get(&format!("http://{address}/")))
}

pub(crate) fn answered(answer: &str) -> Result<(u16, String), String> {
    asked(answering(answer))
}

pub(crate) fn ok(status: u16, body: &str) -> Result<(u16, String), String> {
    Ok((status, body.into()))
}

pub(crate) fn err(text: &str) -> Result<(u16, String), String> {
    Err(text.into())
}
