//! `http://host:port/path`, as far as a health check needs it.

/// Where the health is that every agent answers.
pub(super) const PATH: &str = "/v1/health";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) host: String,
    pub(super) port: u16,
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
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err("expected a URL such as http://127.0.0.1:8080/v1/health");
        };
        if scheme.eq_ignore_ascii_case("https") {
            return Err("https is not supported here: ask the agent itself, by http");
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err("expected a URL such as http://127.0.0.1:8080/v1/health");
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("user names in the URL are not supported");
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|bracketed| bracketed.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':').or(port.is_empty().then_some(""))),
            None => authority.split_once(':').map_or((authority, Some("")), |(host, port)| (host, Some(port))),
        };
        let port = match port {
            Some("") => Some(80),
            Some(port) => port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit())),
            None => None,
        };
        let Some(port) = port.filter(|port| *port != 0) else {
            return Err("the URL's port is not a number from 1 to 65535");
        };
        if host.is_empty() {
            return Err("the URL has no host");
        }
        let target = match target {
            "" => PATH.into(),
            query if query.starts_with('?') => format!("/{query}"),
            target => target.into(),
        };
        Ok(Url { host: host.into(), port, authority: authority.into(), target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_in_every_form() {
        for (url, host, port, target) in [
            ("http://pi", "pi", 80, "/v1/health"),
            ("HTTP://pi:8080/", "pi", 8080, "/"),
            ("http://[::1]:8080/health?a=b#c", "::1", 8080, "/health?a=b"),
            ("http://[fe80::1]", "fe80::1", 80, "/v1/health"),
            ("http://10.0.0.1:81?x", "10.0.0.1", 81, "/?x"),
        ] {
            let parsed = Url::parse(url).unwrap();
            assert_eq!((parsed.host.as_str(), parsed.port, parsed.target.as_str()), (host, port, target), "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_asked_is_refused() {
        for url in [
            "https://pi/",
            "pi:8080",
            "",
            "ftp://pi/",
            "http://",
            "http://:80/",
            "http://pi:0/",
            "http://pi:x/",
            "http://pi:+8/",
            "http://pi:65536/",
            "http://[::1]x/",
            "http://u:p@pi/",
            "http://pi/a b",
            "http://pi/\r\nx: y",
            "http://::1/",
        ] {
            assert!(Url::parse(url).is_err(), "{url}");
        }
    }
}
