//! Where a request goes: a URL in its parts (RFC 3986), as far as HTTP has a use for them.

use std::fmt::Write;
use std::net::Ipv6Addr;

use ureq_proto::http::Uri;

use crate::client::progress::host_and_port;
use crate::limits::HOST_BYTES;

/// One URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) https: bool,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
    /// The whole, without user and password.
    pub(super) uri: Uri,
    /// User and password.
    pub(super) credentials: Option<(String, String)>,
}

impl Target {
    /// Or what is wrong with it. The URL is not in the text: it may hold a secret.
    pub(super) fn parse(url: &str) -> Result<Target, &'static str> {
        let (scheme, rest) = url.split_once("://").ok_or("the URL does not begin with http:// or https://")?;
        let https = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => true,
            scheme if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err("the URL does not begin with http:// or https://"),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?', '\\']).unwrap_or(rest.len()));
        let (credentials, host_port) = match authority.rsplit_once('@') {
            Some((credentials, host_port)) => (Some(credentials), host_port),
            None => (None, authority),
        };
        let credentials = credentials.map(|text| {
            let (user, password) = text.split_once(':').unwrap_or((text, ""));
            (decoded(user), decoded(password))
        });
        let (host, port) = match host_port.strip_prefix('[').and_then(|bracketed| bracketed.split_once(']')) {
            Some((address, port)) => {
                address.parse::<Ipv6Addr>().map_err(|_| "what the URL has in brackets is no IPv6 address")?;
                (address, port)
            }
            None => host_port.split_at(host_port.find(':').unwrap_or(host_port.len())),
        };
        if !host.is_ascii() {
            return Err("the URL's host has letters outside ASCII: give it in its ASCII form, which begins with xn--");
        }
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
        if host.is_empty() || host.len() > HOST_BYTES || !host.bytes().all(fine) {
            return Err("the URL's host is no name and no address");
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some("") => {
                if https {
                    443
                } else {
                    80
                }
            }
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().unwrap_or(0),
            _ => 0,
        };
        if port == 0 {
            return Err("the URL's port is not a number from 1 to 65535");
        }
        let default = if https { 443 } else { 80 };
        let authority = match host_and_port(host, port) {
            whole if port == default => whole.rsplit_once(':').map(|(host, _)| host.to_owned()).unwrap_or(whole),
            whole => whole,
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        let uri = [if https { "https://" } else { "http://" }, &authority, slash, &encoded(path)].concat();
        let uri = uri.try_into().map_err(|_| "the URL is malformed or too long")?;
        Ok(Target { https, host: host.into(), port, uri, credentials })
    }

    /// Whether what is meant for the one is for the other too.
    pub(super) fn same_origin(&self, other: &Target) -> bool {
        self.https == other.https && self.port == other.port && self.host.eq_ignore_ascii_case(&other.host)
    }
}

/// With `%xx` for what cannot stand in a request line.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            0..=b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x7f.. => {
                let _ = write!(encoded, "%{byte:02X}");
            }
            _ => encoded.push(char::from(byte)),
        }
    }
    encoded
}

/// Without `%xx`.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| str::from_utf8(digits).ok());
        let value = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, https, host, port, uri) in [
            ("http://example.org", false, "example.org", 80, "http://example.org/"),
            ("HTTPS://Example.org:443/a?b#c", true, "Example.org", 443, "https://Example.org/a?b"),
            ("https://[::1]:8443/", true, "::1", 8443, "https://[::1]:8443/"),
            ("http://[::1]?x", false, "::1", 80, "http://[::1]/?x"),
            ("http://a:8080/ä b/\"{}", false, "a", 8080, "http://a:8080/%C3%A4%20b/%22%7B%7D"),
            ("http://a:/x%20y", false, "a", 80, "http://a/x%20y"),
            ("http://under_score.local./", false, "under_score.local.", 80, "http://under_score.local./"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.https, target.host.as_str(), target.port), (https, host, port), "{url}");
            assert_eq!(target.uri.to_string(), uri);
            assert_eq!(target.credentials, None);
        }
    }

    #[test]
    fn user_and_password_are_kept_apart() {
        for (url, user, password) in [
            ("http://alice:s%40c:ret%zz@h/", "alice", "s@c:ret%zz"),
            ("http://a@b:c@h:8080/", "a@b", "c"),
            ("http://alice@h/", "alice", ""),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(target.credentials, Some((user.into(), password.into())));
            assert!(!target.uri.to_string().contains('@') && target.host == "h", "{target:?}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_without_being_repeated() {
        for url in [
            "",
            &format!("http://{}/", "a.".repeat(HOST_BYTES)),
            "example.org",
            "ftp://h/",
            "http://",
            "http:///x",
            "http://h:0/",
            "http://h:65536/",
            "http://h:+1/",
            "http://h:80:80/",
            "http://[::1/",
            "http://[::1]80/",
            "http://[localhost]/",
            "http://::1/",
            "http://a b/",
            "http://h\r\nx/",
            "http://müller.example/",
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(url.len() < 8 || !error.contains(url), "{error}");
        }
        assert!(Target::parse("http://müller.example/").unwrap_err().contains("xn--"));
    }
}
