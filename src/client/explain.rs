//! What is wrong with a connection, in one clear text each.

use std::io;

use rustix::io::Errno;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use crate::client::verify::Distrust;
use crate::limits::HOST_BYTES;
use crate::report::iso8601::iso8601;
use crate::snapshot::{Failure, FailureKind};

/// Names of a certificate that are shown.
const NAMES_SHOWN: usize = 3;

/// A failed check, in the original's form.
pub(super) fn failure(kind: FailureKind, text: &[&str]) -> Failure {
    Failure { kind, message: "Unexpected error".into(), error: Some(text.concat()) }
}

/// What the system says of an error, in glibc's words where these have become everyone's; musl has others.
pub fn reason(error: &io::Error) -> String {
    let known = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::CONNREFUSED) => "Connection refused",
        Some(Errno::CONNRESET) => "Connection reset by peer",
        Some(Errno::HOSTUNREACH) => "No route to host",
        Some(Errno::NETUNREACH) => "Network is unreachable",
        Some(Errno::TIMEDOUT) => "Connection timed out",
        Some(Errno::ADDRNOTAVAIL) => "Cannot assign requested address",
        Some(Errno::PIPE) => "Broken pipe",
        Some(Errno::MFILE) => "Too many open files",
        _ => {
            let text = error.to_string();
            return text.split(" (os error").next().unwrap_or_default().into();
        }
    };
    known.into()
}

/// The day of a moment.
fn day(unix_secs: u64) -> String {
    let mut text = iso8601(unix_secs.saturating_mul(1_000_000));
    text.truncate(text.find('T').unwrap_or(text.len()));
    text
}

/// What TLS with `host`, which was to carry `protocol` and whose certificate ends as said, has failed for.
pub(super) fn explain(error: &Error, protocol: &str, host: &str, expiry: Option<u64>) -> Failure {
    let tls = |text: &[&str]| failure(FailureKind::Tls, text);
    match error {
        Error::InvalidCertificate(error) => certificate(error, host, expiry),
        Error::AlertReceived(alert) => match refusal(*alert) {
            _ if *alert == AlertDescription::NoApplicationProtocol => {
                tls(&[host, " refuses TLS: it does not speak ", protocol])
            }
            Some(reason) => tls(&[host, " refuses TLS: ", reason]),
            None => tls(&[host, " refuses TLS: alert ", &u8::from(*alert).to_string()]),
        },
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            tls(&[host, " does not speak TLS"])
        }
        Error::PeerIncompatible(_) => tls(&[host, " has no version or cipher of TLS in common with us"]),
        Error::NoApplicationProtocol => tls(&[host, " does not speak ", protocol]),
        Error::General(reason) => tls(&["TLS with ", host, " failed: ", reason]),
        Error::FailedToGetRandomBytes => tls(&["TLS failed: the system gives no random bytes"]),
        _ => tls(&[host, " breaks the rules of TLS"]),
    }
}

fn certificate(error: &CertificateError, host: &str, expiry: Option<u64>) -> Failure {
    let tls = |text: &[&str]| failure(FailureKind::Tls, text);
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            let whose = if expiry == Some(not_after.as_secs()) { "certificate" } else { "certificate of the issuer" };
            tls(&[whose, " expired on ", &day(not_after.as_secs())])
        }
        CertificateError::NotValidYetContext { not_before, time } => failure(
            FailureKind::TlsNotYetValid,
            &[
                "certificate is not valid before ",
                &day(not_before.as_secs()),
                "; by this node's clock it is ",
                &day(time.as_secs()),
            ],
        ),
        CertificateError::UnknownIssuer => tls(&["certificate is not signed by an authority that is trusted here"]),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let shown = presented.iter().take(NAMES_SHOWN).map(|name| plain_name(name)).collect::<Vec<_>>().join(", ");
            match (presented.len(), shown) {
                (0, _) => tls(&["certificate is not for ", host, ": it holds no name"]),
                (..=NAMES_SHOWN, shown) => tls(&["certificate is not for ", host, " but for ", &shown]),
                (_, shown) => tls(&["certificate is not for ", host, " but for ", &shown, " and others"]),
            }
        }
        CertificateError::BadSignature => tls(&["certificate has a wrong signature"]),
        CertificateError::InvalidPurposeContext { .. } => tls(&["certificate is not one for servers"]),
        CertificateError::BadEncoding => tls(&["certificate cannot be read"]),
        #[allow(deprecated)]
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            tls(&["certificate is signed in a way that is not supported, because it is outdated or too new"])
        }
        CertificateError::Other(other) => match other.0.downcast_ref() {
            Some(Distrust::SelfSigned) => tls(&["certificate has signed itself, and is not one that is trusted here"]),
            Some(Distrust::NoAuthorities(reason)) => {
                failure(FailureKind::Configuration, &["trusted authorities: ", reason])
            }
            // An authority's own certificate, or of a version before 3.
            None => tls(&["certificate is of a kind that a server may not have"]),
        },
        _ => tls(&["certificate is not acceptable"]),
    }
}

/// `DnsName("example.org")` as `example.org`, `IpAddress(127.0.0.1)` as `127.0.0.1`.
fn plain_name(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let name = inside.map_or(name, |name| name.trim_matches('"'));
    // A peer may have any in its certificate.
    name.char_indices().nth(HOST_BYTES).map_or(name, |(end, _)| &name[..end])
}

fn refusal(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::HandshakeFailure => "no cipher in common, or it wants a client certificate",
        AlertDescription::ProtocolVersion => "no version in common",
        AlertDescription::CertificateRequired => "it wants a client certificate",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "it does not accept our client certificate, or wants one",
        AlertDescription::UnknownCA => "it does not trust our client certificate",
        AlertDescription::CertificateExpired => "our client certificate has expired",
        AlertDescription::CertificateRevoked => "our client certificate is revoked",
        AlertDescription::UnrecognisedName => "it does not know that name",
        AlertDescription::InternalError => "an error of its own",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificates_name_is_shown_plain_and_no_longer_than_names_are() {
        assert_eq!(plain_name("DnsName(\"example.org\")"), "example.org");
        assert_eq!(plain_name("IpAddress(127.0.0.1)"), "127.0.0.1");
        let long = ["DnsName(\"", &"ä".repeat(60_000), "\")"].concat();
        assert_eq!(plain_name(&long).chars().count(), HOST_BYTES);
    }
}
