//! TLS over bytes: what has come goes in, what is to be sent comes out, and no socket is near. Each step may take a slow
//! processor 100 ms, so it is made on a thread of the pool.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection};

use crate::client::explain::{explain, failure};
use crate::client::trust::{Authorities, Stamp};
use crate::client::verify::{Verifier, expiry_seen};
use crate::config::monitors::Tls;
use crate::limits::{CLIENT_CERTIFICATE_BYTES, TLS_CONFIGS};
use crate::snapshot::{Failure, FailureKind};

/// What all connections share: whom to trust, ready for each different [`Tls`].
pub(super) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    system: Arc<Authorities>,
    ready: Mutex<Vec<Ready>>,
}

struct Ready {
    tls: Tls,
    /// Of the files that it was made of.
    stamps: Option<(Stamp, Stamp)>,
    config: Arc<ClientConfig>,
}

impl TlsConfigs {
    /// `authorities` is the value of `$SSL_CERT_FILE`.
    pub(super) fn new(authorities: Option<String>) -> Arc<Self> {
        Arc::new(TlsConfigs {
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            system: Arc::new(Authorities::of_system(authorities)),
            ready: Mutex::default(),
        })
    }

    /// Forgets whatever was read from files.
    pub(super) fn forget(&self) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn config(&self, tls: &Tls) -> Result<Arc<ClientConfig>, Failure> {
        let stamp = |path: &str| Stamp::of(path).map_err(|error| unusable(path, &error.to_string()));
        let stamps = match &tls.client {
            Some((certificate, key)) => Some((stamp(certificate)?, stamp(key)?)),
            None => None,
        };
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = ready.iter().find(|ready| ready.tls == *tls && ready.stamps == stamps) {
            return Ok(Arc::clone(&found.config));
        }
        ready.retain(|ready| ready.tls != *tls);
        if ready.len() >= TLS_CONFIGS {
            ready.remove(0);
        }
        let config = Arc::new(self.make(tls)?);
        ready.push(Ready { tls: tls.clone(), stamps, config: Arc::clone(&config) });
        Ok(config)
    }

    fn make(&self, tls: &Tls) -> Result<ClientConfig, Failure> {
        let authorities = match &tls.ca_file {
            _ if !tls.check => None,
            Some(path) => Some(Arc::new(Authorities::in_file(path))),
            None => Some(Arc::clone(&self.system)),
        };
        let algorithms = self.provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| explain(&error, "", None))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier { authorities, algorithms }));
        let mut config = match &tls.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|_| unusable(key, "not the key of the client certificate, or of a kind not supported"))?,
        };
        // A check proves that a whole handshake works, and what is not kept takes no memory.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let whole = || {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(CLIENT_CERTIFICATE_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    whole().map_err(|error: std::io::Error| unusable(path, &error.to_string()))
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = read(path)?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(unusable(path, "no certificate in PEM in it")),
    }
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| unusable(path, "no unencrypted private key in PEM in it"))
}

fn unusable(path: &str, reason: &str) -> Failure {
    failure(FailureKind::Configuration, &[path, ": ", reason])
}

/// One connection's TLS between its steps.
pub(super) struct Tunnel {
    connection: ClientConnection,
    host: String,
    /// What has come from the peer.
    pub(super) received: Vec<u8>,
    /// Nothing more will.
    pub(super) ended: bool,
    /// What the peer is to be sent.
    pub(super) to_send: Vec<u8>,
    /// What the peer has said.
    pub(super) plain: Vec<u8>,
    /// Until when its certificate is valid.
    pub(super) certificate_expiry: Option<u64>,
    /// It goes no further.
    pub(super) failure: Option<Failure>,
}

impl Tunnel {
    /// The first step. The peer is told `request` once it has shown who it is.
    pub(super) fn open(configs: &TlsConfigs, tls: &Tls, host: &str, request: &[u8]) -> Result<Box<Self>, Failure> {
        let config = configs.config(tls)?;
        // A name may end in the root's dot, which is no part of it in TLS (RFC 6066 section 3).
        let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned())
            .map_err(|_| failure(FailureKind::Configuration, &["not a name that a certificate can have: ", host]))?;
        let mut connection = ClientConnection::new(config, name).map_err(|error| explain(&error, host, None))?;
        // Until the handshake is done it is kept.
        connection.set_buffer_limit(None);
        connection.writer().write_all(request).map_err(|error| failure(FailureKind::Tls, &[&error.to_string()]))?;
        let mut tunnel = Tunnel {
            connection,
            host: host.into(),
            received: Vec::new(),
            ended: false,
            to_send: Vec::new(),
            plain: Vec::new(),
            certificate_expiry: None,
            failure: None,
        };
        tunnel.flush();
        Ok(Box::new(tunnel))
    }

    /// Whether it is not yet known who the peer is.
    pub(super) fn handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Any further step.
    pub(super) fn advance(&mut self) {
        if let Err(error) = self.process() {
            self.failure = Some(explain(&error, &self.host, self.certificate_expiry));
        }
        self.received.clear();
        self.flush();
        if self.ended && self.failure.is_none() && self.handshaking() {
            let reason = [self.host.as_str(), " closed the connection within the TLS handshake"];
            self.failure = Some(failure(FailureKind::Tls, &reason));
        }
    }

    fn process(&mut self) -> Result<(), rustls::Error> {
        let mut received = self.received.as_slice();
        while !received.is_empty() {
            if self.connection.read_tls(&mut received).is_err() {
                // It takes no more, so what it has must be wrong.
                return Err(rustls::Error::PeerSentOversizedRecord);
            }
            let processed = self.connection.process_new_packets();
            self.certificate_expiry = expiry_seen().or(self.certificate_expiry);
            let plain = processed?.plaintext_bytes_to_read();
            let filled = self.plain.len();
            self.plain.resize(filled + plain, 0);
            let read = self.connection.reader().read(&mut self.plain[filled..]).unwrap_or(0);
            self.plain.truncate(filled + read);
        }
        Ok(())
    }

    fn flush(&mut self) {
        while self.connection.wants_write() {
            // A vector takes all.
            let _ = self.connection.write_tls(&mut self.to_send);
        }
    }
}
