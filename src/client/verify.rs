//! Whether a peer's certificate is to be believed.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use crate::client::certificate::Certificate;
use crate::client::trust::{Authorities, Authority};

thread_local! {
    /// The end of the certificate that this thread was last asked about.
    static EXPIRY: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The end of the certificate that this thread was asked about since it last asked for that, in seconds since 1970.
pub(super) fn expiry_seen() -> Option<u64> {
    EXPIRY.take()
}

/// Why a certificate is not believed, beside what TLS itself has words for.
#[derive(Debug)]
pub(super) enum Distrust {
    /// The file with the authorities cannot be used.
    NoAuthorities(String),
    /// It has signed itself, and is not in that file.
    SelfSigned,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distrust::NoAuthorities(reason) => reason,
            Distrust::SelfSigned => "signed by itself",
        })
    }
}

impl std::error::Error for Distrust {}

impl From<Distrust> for Error {
    fn from(distrust: Distrust) -> Self {
        CertificateError::Other(OtherError(Arc::new(distrust))).into()
    }
}

/// A peer's certificate is signed by an authority; or none is asked for.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) authorities: Option<Arc<Authorities>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let read = Certificate::parse(end_entity);
        EXPIRY.set(read.map(|certificate| certificate.not_after));
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        let read = read.ok_or(CertificateError::BadEncoding)?;
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let others = intermediates.iter().filter_map(|der| Certificate::parse(der));
        let issuers: Vec<&[u8]> = others.chain([read]).map(|certificate| certificate.issuer).collect();
        let named = authorities.named(&issuers).map_err(Distrust::NoAuthorities)?;
        // The certificate itself is in the file, as that of a device which has signed its own. It is most often marked as
        // an authority's, which a server's may not be elsewhere.
        if named.iter().any(|authority| matches!(authority, Authority::File(der) if der == end_entity)) {
            in_time(&read, now)?;
        } else {
            let store = Authority::store(&named);
            verify_server_cert_signed_by_trust_anchor(&parsed, &store, intermediates, now, self.algorithms.all)
                .map_err(|error| match error {
                    Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
                        if read.issuer == read.subject =>
                    {
                        Distrust::SelfSigned.into()
                    }
                    error => error,
                })?;
        }
        verify_server_name(&parsed, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn in_time(certificate: &Certificate<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let time = |unix_secs| UnixTime::since_unix_epoch(std::time::Duration::from_secs(unix_secs));
    if now.as_secs() < certificate.not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: time(certificate.not_before) });
    }
    if now.as_secs() > certificate.not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after: time(certificate.not_after) });
    }
    Ok(())
}
