//! TLS over bytes: what has come goes in, what is to be sent comes out, and no socket is near. Each step may take a slow
//! processor 100 ms, so it is made on a thread of the pool.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::client::explain::{explain, failure, reason};
use crate::client::identity::{certificates, private_key, unusable};
use crate::client::trust::{Authorities, Stamp};
use crate::client::verify::{Verifier, expiry_seen};
use crate::config::monitors::Tls;
use crate::limits::TLS_CONFIGS;
use crate::snapshot::{Failure, FailureKind};

/// A protocol that TLS is to carry (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alpn {
    /// As it is registered.
    pub(super) id: &'static str,
    /// For people.
    pub(super) name: &'static str,
}

/// What one request and its answer are sent with.
pub(super) const HTTP_1_1: Alpn = Alpn { id: "http/1.1", name: "HTTP/1.1" };

/// What all connections share: whom to trust, ready for each different [`Tls`].
pub(super) struct TlsConfigs {
    provider: Arc<CryptoProvider>,
    system: Arc<Authorities>,
    ready: Mutex<Vec<Ready>>,
}

struct Ready {
    tls: Tls,
    alpn: Alpn,
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

    fn config(&self, tls: &Tls, alpn: Alpn) -> Result<Arc<ClientConfig>, Failure> {
        let stamp = |path: &str| Stamp::of(path).map_err(|error| unusable(path, &reason(&error)));
        let stamps = match &tls.client {
            Some((certificate, key)) => Some((stamp(certificate)?, stamp(key)?)),
            None => None,
        };
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |ready: &Ready| ready.tls == *tls && ready.alpn == alpn;
        if let Some(found) = ready.iter().find(|ready| same(ready) && ready.stamps == stamps) {
            return Ok(Arc::clone(&found.config));
        }
        ready.retain(|ready| !same(ready));
        if ready.len() >= TLS_CONFIGS {
            ready.remove(0);
        }
        let config = Arc::new(self.make(tls, alpn)?);
        ready.push(Ready { tls: tls.clone(), alpn, stamps, config: Arc::clone(&config) });
        Ok(config)
    }

    fn make(&self, tls: &Tls, alpn: Alpn) -> Result<ClientConfig, Failure> {
        let authorities = match &tls.ca_file {
            _ if !tls.check => None,
            Some(path) => Some(Arc::new(Authorities::in_file(path))),
            None => Some(Arc::clone(&self.system)),
        };
        let algorithms = self.provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| explain(&error, alpn.name, "", None))?
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
        config.alpn_protocols = vec![alpn.id.into()];
        Ok(config)
    }
}

/// One connection's TLS between its steps.
pub(super) struct Tunnel {
    pub(super) connection: ClientConnection,
    alpn: Alpn,
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
    pub(super) fn open(
        configs: &TlsConfigs,
        tls: &Tls,
        alpn: Alpn,
        host: &str,
        request: &[u8],
    ) -> Result<Box<Self>, Failure> {
        let config = configs.config(tls, alpn)?;
        // A name may end in the root's dot, which is no part of it in TLS (RFC 6066 section 3).
        let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned())
            .map_err(|_| failure(FailureKind::Configuration, &["not a name that a certificate can have: ", host]))?;
        let mut connection =
            ClientConnection::new(config, name).map_err(|error| explain(&error, alpn.name, host, None))?;
        // Until the handshake is done it is kept.
        connection.set_buffer_limit(None);
        connection.writer().write_all(request).map_err(|error| failure(FailureKind::Tls, &[&error.to_string()]))?;
        let mut tunnel = Tunnel {
            connection,
            alpn,
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
            self.failure = Some(explain(&error, self.alpn.name, &self.host, self.certificate_expiry));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{
        Authority, Identity, UNCHECKED, client, file, get, server, tls_config, tls_server, trusting,
    };
    use crate::client::{Client, Progress};
    use crate::reactor::Reactor;
    use rcgen::KeyPair;
    use rustls::SupportedProtocolVersion;
    use rustls::version::{TLS12, TLS13};
    use std::net::SocketAddr;

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

    /// Status, or what went wrong; and the year in which the certificate ends.
    fn asked_by(
        (reactor, client): &(std::rc::Rc<Reactor>, Client),
        address: SocketAddr,
        host: &str,
        tls: &Tls,
    ) -> (Result<u16, (FailureKind, String)>, Option<u64>) {
        let (url, progress) = (format!("https://{host}:{}/", address.port()), Progress::default());
        let request = crate::client::Request { tls, ..get(&url) };
        let mut whole = Vec::new();
        let mut body = |part: &[u8]| {
            whole.extend_from_slice(part);
            true
        };
        let head = reactor.block_on(client.send(&request, &progress, &mut body)).unwrap();
        assert!(head.is_err() || whole == b"hello");
        let head = head.map(|head| head.status).map_err(|failure| (failure.kind, failure.cause().into()));
        (head, progress.certificate_expiry().map(|secs| 1970 + secs / 31_556_952))
    }

    fn asked(address: SocketAddr, host: &str, tls: &Tls) -> (Result<u16, (FailureKind, String)>, Option<u64>) {
        asked_by(&client(), address, host, tls)
    }

    fn tls(text: &str) -> Result<u16, (FailureKind, String)> {
        Err((FailureKind::Tls, text.into()))
    }

    #[test]
    fn a_good_certificate_is_believed_in_both_versions() {
        let authority = Authority::new();
        let trusted = trusting(&file("good", &authority.pem));
        let identity = authority.sign(&["localhost", "127.0.0.1"], 2020, 2099);
        for version in [&TLS12, &TLS13] {
            let address = tls_server(tls_config(&identity, &[version], None), OK);
            for host in ["localhost", "127.0.0.1"] {
                assert_eq!(asked(address, host, &trusted), (Ok(200), Some(2099)), "{host}");
            }
        }
    }

    #[test]
    fn a_bad_certificate_is_refused_with_its_reason_and_its_end_is_known() {
        let authority = Authority::new();
        let trusted = trusting(&file("bad", &authority.pem));
        let ask = |identity: &Identity| asked(tls_server(tls_config(identity, BOTH, None), OK), "127.0.0.1", &trusted);
        let here = &["127.0.0.1"];
        let expired = ask(&authority.sign(here, 2020, 2021));
        assert_eq!(expired, (tls("certificate expired on 2021-01-02"), Some(2021)));
        let (early, expiry) = ask(&authority.sign(here, 2090, 2099));
        let (kind, text) = early.unwrap_err();
        assert_eq!((kind, expiry), (FailureKind::TlsNotYetValid, Some(2099)));
        assert!(
            text.starts_with("certificate is not valid before 2090-01-02; by this node's clock it is 20"),
            "{text}"
        );
        let (name, _) = ask(&authority.sign(&["example.org", "10.0.0.1"], 2020, 2099));
        assert_eq!(name, tls("certificate is not for 127.0.0.1 but for example.org, 10.0.0.1"));
        let (names, _) = ask(&authority.sign(&["a.example", "b.example", "c.example", "d.example"], 2020, 2099));
        assert_eq!(names, tls("certificate is not for 127.0.0.1 but for a.example, b.example, c.example and others"));
        let (nameless, _) = ask(&authority.sign(&[], 2020, 2099));
        assert_eq!(nameless, tls("certificate is not for 127.0.0.1: it holds no name"));
        let unknown = ask(&Authority::new().sign(here, 2020, 2098));
        assert_eq!(unknown, (tls("certificate is not signed by an authority that is trusted here"), Some(2098)));
        for is_authority in [false, true] {
            let (own, _) = ask(&Identity::self_signed(here, is_authority));
            assert_eq!(own, tls("certificate has signed itself, and is not one that is trusted here"));
        }
    }

    #[test]
    fn without_checks_any_certificate_does_and_its_end_is_known_all_the_same() {
        for identity in
            [Authority::new().sign(&["example.org"], 2020, 2021), Identity::self_signed(&["example.org"], true)]
        {
            for version in [&TLS12, &TLS13] {
                let address = tls_server(tls_config(&identity, &[version], None), OK);
                let (answer, expiry) = asked(address, "127.0.0.1", &UNCHECKED);
                assert_eq!(answer, Ok(200));
                assert!(matches!(expiry, Some(2021 | 2099)));
            }
        }
    }

    #[test]
    fn a_certificate_in_the_file_itself_is_believed_in_its_time_for_its_names() {
        for is_authority in [false, true] {
            let own = Identity::self_signed(&["127.0.0.1"], is_authority);
            let trusted = trusting(&file(&format!("own{is_authority}"), &own.pem));
            let address = tls_server(tls_config(&own, BOTH, None), OK);
            assert_eq!(asked(address, "127.0.0.1", &trusted).0, Ok(200));
            let name = tls("certificate is not for localhost but for 127.0.0.1");
            assert_eq!(asked(address, "localhost", &trusted).0, name);
        }
    }

    #[test]
    fn one_monitor_that_takes_anything_changes_nothing_for_another() {
        let client = client();
        let own = Identity::self_signed(&["127.0.0.1"], false);
        let address = tls_server(tls_config(&own, BOTH, None), OK);
        let system = Tls { check: true, ca_file: None, client: None };
        for _ in 0..2 {
            assert_eq!(asked_by(&client, address, "127.0.0.1", &UNCHECKED).0, Ok(200));
            assert!(asked_by(&client, address, "127.0.0.1", &system).0.is_err());
        }
        assert_eq!(client.1.configs.ready.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_server_that_wants_to_know_who_asks_is_told() {
        let authority = Authority::new();
        let trusted = trusting(&file("mutual", &authority.pem));
        let server = authority.sign(&["127.0.0.1"], 2020, 2099);
        let us = authority.sign(&["us"], 2020, 2099);
        let certificate = file("us.crt", &us.pem);
        let client_tls = |key: &str| Tls { client: Some((certificate.clone(), key.into())), ..trusted.clone() };
        let known = client_tls(&file("us.key", &us.key.serialize_pem()));
        for version in [&TLS12, &TLS13] {
            let address = tls_server(tls_config(&server, &[version], Some(&authority)), OK);
            assert_eq!(asked(address, "127.0.0.1", &known).0, Ok(200));
            let (kind, text) = asked(address, "127.0.0.1", &trusted).0.unwrap_err();
            assert!(matches!(kind, FailureKind::Tls | FailureKind::Connect), "{text}");
        }
        let address = tls_server(tls_config(&server, BOTH, Some(&authority)), OK);
        let other = file("other.key", &KeyPair::generate().unwrap().serialize_pem());
        for (key, reason) in [
            (other.as_str(), "not the key of the client certificate, or of a kind not supported"),
            (certificate.as_str(), "no unencrypted private key in PEM in it"),
            ("/proc/none", "No such file or directory"),
            ("/dev/zero", "not a file"),
        ] {
            let refused = Err((FailureKind::Configuration, format!("{key}: {reason}")));
            assert_eq!(asked(address, "127.0.0.1", &client_tls(key)).0, refused);
        }
    }

    #[test]
    fn authorities_that_change_are_read_anew() {
        let client = client();
        let (old, new) = (Authority::new(), Authority::new());
        let path = file("changing", &old.pem);
        let address = tls_server(tls_config(&new.sign(&["127.0.0.1"], 2020, 2099), BOTH, None), OK);
        let trusted = trusting(&path);
        assert!(asked_by(&client, address, "127.0.0.1", &trusted).0.is_err());
        std::fs::write(&path, format!("{}{}", old.pem, new.pem)).unwrap();
        assert_eq!(asked_by(&client, address, "127.0.0.1", &trusted).0, Ok(200));
        std::fs::remove_file(&path).unwrap();
        let gone = format!("trusted authorities: {path}: No such file or directory");
        assert_eq!(asked_by(&client, address, "127.0.0.1", &trusted).0, Err((FailureKind::Configuration, gone)));
    }

    #[test]
    fn what_is_no_tls_is_named() {
        let says = |bytes: &'static [u8]| {
            let address = server(move |mut stream| {
                let _ = stream.write_all(bytes);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            });
            asked(address, "127.0.0.1", &UNCHECKED).0
        };
        assert_eq!(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), tls("127.0.0.1 does not speak TLS"));
        assert_eq!(says(b""), tls("127.0.0.1 closed the connection within the TLS handshake"));
        assert_eq!(
            says(b"\x15\x03\x01\0\x02\x02\x28"),
            tls("127.0.0.1 refuses TLS: no cipher in common, or it wants a client certificate")
        );
        assert_eq!(says(b"\x15\x03\x01\0\x02\x02\x55"), tls("127.0.0.1 refuses TLS: alert 85"));
        let long = [&b"\x16\x03\x03\x40\x00\x02\xff\xff\xff"[..], &[0; 70_000]].concat();
        assert_eq!(says(Vec::leak(long)), tls("127.0.0.1 breaks the rules of TLS"));
    }
}
