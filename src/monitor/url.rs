//! `http://address:port/path`, as far as a health check needs it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the health is that every agent answers.
pub(super) const PATH: &str = "/v1/health";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// Where it leads; `localhost` is both loopback addresses.
    first: SocketAddr,
    second: Option<SocketAddr>,
    /// Host and port as they were given, for the `Host` field.
    pub(super) authority: String,
    pub(super) target: String,
}

impl Url {
    /// Or what is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Url, &'static str> {
        if url.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
            return Err("the URL has spaces, control characters or letters outside ASCII");
        }
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if scheme.eq_ignore_ascii_case("https") {
            return Err("https is not supported here: ask the agent itself, by http");
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err("expected a URL such as http://127.0.0.1:8080/v1/health");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[').and_then(|bracketed| bracketed.split_once(']')) {
            Some((host, "")) => (host, ""),
            Some((host, port)) => (host, port.strip_prefix(':').unwrap_or("none")),
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port = if port.is_empty() { "80" } else { port };
        let port = port.parse().ok().filter(|number| *number != 0 && port.bytes().all(|byte| byte.is_ascii_digit()));
        let port = port.ok_or("the URL's port is not a number from 1 to 65535")?;
        let (first, second) = match host.parse::<IpAddr>() {
            // An IPv6 address is in brackets, and nothing else is.
            Ok(ip) if ip.is_ipv6() == authority.starts_with('[') => (ip, None),
            _ if host.eq_ignore_ascii_case("localhost") => {
                (Ipv4Addr::LOCALHOST.into(), Some(Ipv6Addr::LOCALHOST.into()))
            }
            _ => return Err("the URL's host is neither an address nor localhost; names are not looked up"),
        };
        let target = match target {
            "" => PATH.into(),
            query if query.starts_with('?') => ["/", query].concat(),
            target => target.into(),
        };
        let address = |ip| SocketAddr::new(ip, port);
        Ok(Url { first: address(first), second: second.map(address), authority: authority.into(), target })
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &SocketAddr> {
        [&self.first].into_iter().chain(&self.second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_in_every_form() {
        for (url, addresses, target) in [
            ("http://127.0.0.1", &["127.0.0.1:80"][..], "/v1/health"),
            ("HTTP://LocalHost:8080/", &["127.0.0.1:8080", "[::1]:8080"], "/"),
            ("http://[::1]:8080/health?a=b#c", &["[::1]:8080"], "/health?a=b"),
            ("http://[fe80::1]", &["[fe80::1]:80"], "/v1/health"),
            ("http://10.0.0.1:81?x", &["10.0.0.1:81"], "/?x"),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert!(parsed.addresses().map(ToString::to_string).eq(addresses.iter().copied()), "{url}");
            assert_eq!(parsed.target, target, "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_asked_is_refused() {
        for url in [
            "https://127.0.0.1/",
            "127.0.0.1:8080",
            "",
            "ftp://127.0.0.1/",
            "http://",
            "http://:80/",
            "http://pi/",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:x/",
            "http://127.0.0.1:+8/",
            "http://127.0.0.1:65536/",
            "http://[::1]x/",
            "http://[::1/",
            "http://[127.0.0.1]/",
            "http://u:p@127.0.0.1/",
            "http://u@127.0.0.1/",
            "http://127.0.0.1/a b",
            "http://127.0.0.1/\r\nx: y",
            "http://::1/",
        ] {
            assert!(Url::parse(url).is_err(), "{url}");
        }
    }
}
