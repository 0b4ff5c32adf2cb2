//! Addresses: `host:port`, and URLs of HTTP.

use alloc::string::String;
use core::net::Ipv6Addr;

use crate::config::monitors::Secret;

/// A URL in the form in which it is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::config) struct HttpUrl {
    /// Without user and fragment; what may not stand in a request line is percent-encoded.
    pub(in crate::config) url: String,
    /// Name or address, without brackets.
    pub(in crate::config) host: String,
    pub(in crate::config) port: u16,
    /// User and password in front of the host, decoded.
    pub(in crate::config) user: Option<(Secret, Secret)>,
}

/// Host and port of `host:port`, IPv6 addresses in brackets.
pub(in crate::config) fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    Some((self::host(host)?, self::port(port)?))
}

fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn host(text: &str) -> Option<String> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let address = bracketed.strip_suffix(']')?;
        return address.parse::<Ipv6Addr>().ok().map(|_| address.into());
    }
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (!text.is_empty() && text.bytes().all(of_a_name)).then(|| text.into())
}

/// A URL of http or https; `None` where nobody could ask for it.
pub(in crate::config) fn http_url(text: &str) -> Option<HttpUrl> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let (scheme, default_port) = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => ("http://", 80),
        _ if scheme.eq_ignore_ascii_case("https") => ("https://", 443),
        _ => return None,
    };
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, address) = match authority.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, authority),
    };
    let (host, port) = match host_and_port(address) {
        Some(both) => both,
        None => (host(address.strip_suffix(':').unwrap_or(address))?, default_port),
    };
    let user = user.map(|user| {
        let (name, password) = user.split_once(':').unwrap_or((user, ""));
        (Secret::new(percent_decoded(name)), Secret::new(percent_decoded(password)))
    });
    let mut url = String::from(scheme);
    url.push_str(address.strip_suffix(':').unwrap_or(address));
    if !target.starts_with('/') {
        url.push('/');
    }
    for byte in target.split('#').next().unwrap_or_default().bytes() {
        // What RFC 3986 has no place for.
        if byte <= b' ' || byte >= 0x7f || b"\"<>\\^`{|}".contains(&byte) {
            push_percent_encoded(&mut url, byte);
        } else {
            url.push(char::from(byte));
        }
    }
    Some(HttpUrl { url, host, port, user })
}

fn push_percent_encoded(url: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for character in [b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]] {
        url.push(char::from(character));
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = alloc::vec::Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `url` as it may be shown: without the password in front of the host, or a user that stands alone.
pub(in crate::config) fn masked(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[start..];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let end = match authority.rfind('@') {
        Some(end) => end,
        // Not an authority: a password may have had one of those characters in it.
        None if authority.contains(':') && host_and_port(authority).is_none() && host(authority).is_none() => {
            match rest.rfind('@') {
                Some(end) => end,
                None => return url.into(),
            }
        }
        None => return url.into(),
    };
    let user = rest[..end].split_once(':').map_or("", |(user, _)| user);
    let colon = if user.is_empty() { "" } else { ":" };
    [&url[..start], user, colon, "***", &rest[end..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_host_and_a_port_come_in_every_form() {
        for (text, host, port) in [
            ("127.0.0.1:18191", "127.0.0.1", 18_191),
            ("[::1]:80", "::1", 80),
            ("db.example.org:5432", "db.example.org", 5432),
            ("my_db-1:65535", "my_db-1", 65_535),
        ] {
            assert_eq!(host_and_port(text), Some((host.to_string(), port)), "{text}");
        }
        for text in [
            "nonsense",
            "",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "::1:80",
            "[::1]",
            "[::1:80",
            "[a]:80",
            "a b:80",
            "a/b:80",
            "http://a:80",
            "u@a:80",
            "a:80/",
        ] {
            assert_eq!(host_and_port(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_is_brought_into_the_form_of_a_request() {
        for (text, url, host, port) in [
            ("http://127.0.0.1:9", "http://127.0.0.1:9/", "127.0.0.1", 9),
            ("HTTPS://Example.org?q=a b#part", "https://Example.org/?q=a%20b", "Example.org", 443),
            (" http://[::1]:8080/k\u{fc}che ", "http://[::1]:8080/k%C3%BCche", "::1", 8080),
            ("http://[::1]/%20", "http://[::1]/%20", "::1", 80),
            ("http://a:/@b", "http://a/@b", "a", 80),
        ] {
            let expected = HttpUrl { url: url.into(), host: host.into(), port, user: None };
            assert_eq!(http_url(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_user_in_front_of_the_host_is_taken_out() {
        let url = http_url("http://al%69ce:p%40:ss%@host/x").unwrap();
        assert_eq!(url.url, "http://host/x");
        let (user, password) = url.user.unwrap();
        assert_eq!((user.reveal(), password.reveal()), ("alice", "p@:ss%"));
    }

    #[test]
    fn what_nobody_could_ask_for_is_refused() {
        for text in [
            "",
            "host",
            "host:80",
            "ftp://host/",
            "http://",
            "http://:80/",
            "http:///x",
            "http://a b/",
            "http://a:0/",
            "http://a:b/",
            "http://[::1/",
            "http://k\u{fc}che/",
            "http://a\\b/",
            "//host/",
            "http://a\r\nb/",
        ] {
            assert_eq!(http_url(text), None, "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("http://u:secret@host/x", "http://u:***@host/x"),
            ("http://secret@host", "http://***@host"),
            ("http://u:se:cr@et@host", "http://u:***@host"),
            ("http://u:sec/ret@host/x", "http://u:***@host/x"),
            ("http://u:sec?ret@host/x", "http://u:***@host/x"),
            ("u:secret@host:80", "u:***@host:80"),
            ("http://host/@user?a@b", "http://host/@user?a@b"),
            ("http://[::1]:80/@user", "http://[::1]:80/@user"),
            ("http://:secret@host", "http://***@host"),
            ("http://host:80/a", "http://host:80/a"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
