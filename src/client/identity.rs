//! How this node shows itself: the files with its certificate and the key of it.

use std::io::Read;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::explain::{failure, reason};
use crate::client::trust::open;
use crate::limits::CLIENT_CERTIFICATE_BYTES;
use crate::snapshot::{Failure, FailureKind};

fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let whole = || {
        let mut bytes = Vec::new();
        open(path)?.0.take(CLIENT_CERTIFICATE_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    whole().map_err(|error: std::io::Error| unusable(path, &reason(&error)))
}

/// All certificates in a file.
pub(super) fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = read(path)?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(unusable(path, "no certificate in PEM in it")),
    }
}

/// The key in a file.
pub(super) fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, Failure> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| unusable(path, "no unencrypted private key in PEM in it"))
}

/// A file that no connection can be made with.
pub(super) fn unusable(path: &str, reason: &str) -> Failure {
    failure(FailureKind::Configuration, &[path, ": ", reason])
}
