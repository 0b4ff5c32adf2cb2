//! What a request asks for: the four forms of RFC 9112 section 3.2, and the host they name.

use crate::http::Reject;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'b> {
    /// A path, without the query.
    Path(&'b str),
    /// The server itself: `OPTIONS *`.
    Server,
    /// A tunnel: `CONNECT host:port`.
    Tunnel,
}

impl<'b> Target<'b> {
    /// Reads the target of a request with `method`.
    pub fn read(method: &str, target: &'b str) -> Result<Target<'b>, Reject> {
        let path = |target: &'b str| Target::Path(target.split('?').next().unwrap_or(target));
        let malformed = Reject::Malformed("Malformed request target");
        if method == "CONNECT" {
            return Ok(Target::Tunnel);
        }
        if target.starts_with('/') {
            return Ok(path(target));
        }
        if target == "*" {
            return if method == "OPTIONS" { Ok(Target::Server) } else { Err(malformed) };
        }
        let (scheme, rest) = target.split_once("://").ok_or(malformed)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(malformed);
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(authority_end);
        // RFC 9110 section 4.2: an http URI has a host and, from an untrusted source, no user.
        if authority.is_empty() || authority.starts_with(':') || !is_host(authority.as_bytes()) {
            return Err(malformed);
        }
        if rest.starts_with('/') {
            return Ok(path(rest));
        }
        // RFC 9112 section 3.2.4: OPTIONS of a bare authority asks about the server.
        Ok(if method == "OPTIONS" && rest.is_empty() { Target::Server } else { Target::Path("/") })
    }
}

/// `uri-host [ ":" port ]`, or nothing (RFC 9112 section 3.2; RFC 3986 section 3.2.2).
pub fn is_host(value: &[u8]) -> bool {
    let (host, port) = if value.first() == Some(&b'[') {
        let Some(end) = value.iter().position(|byte| *byte == b']') else { return false };
        let (host, port) = value.split_at(end + 1);
        let address = core::str::from_utf8(&host[1..end]).ok().map(str::parse::<core::net::Ipv6Addr>);
        if !matches!(address, Some(Ok(_))) {
            return false;
        }
        (&b""[..], port)
    } else {
        value.split_at(value.iter().position(|byte| *byte == b':').unwrap_or(value.len()))
    };
    is_name(host) && (port.is_empty() || port[0] == b':' && port[1..].iter().all(u8::is_ascii_digit))
}

/// `reg-name`: a percent sign stands before two hexadecimal digits.
fn is_name(mut host: &[u8]) -> bool {
    loop {
        host = match host {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [byte, rest @ ..] if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) => rest,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_asked_for_without_its_query() {
        assert_eq!(Target::read("GET", "/v1/health?a=/b"), Ok(Target::Path("/v1/health")));
    }

    #[test]
    fn the_absolute_form_asks_for_its_path() {
        assert_eq!(Target::read("GET", "http://other:80/v1/health?x"), Ok(Target::Path("/v1/health")));
        assert_eq!(Target::read("GET", "HTTPS://other"), Ok(Target::Path("/")));
        assert_eq!(Target::read("GET", "http://other?/v1/health"), Ok(Target::Path("/")));
    }

    #[test]
    fn options_of_the_server_and_a_tunnel_are_no_paths() {
        assert_eq!(Target::read("OPTIONS", "*"), Ok(Target::Server));
        assert_eq!(Target::read("OPTIONS", "http://a"), Ok(Target::Server));
        assert_eq!(Target::read("CONNECT", "a:443"), Ok(Target::Tunnel));
    }

    #[test]
    fn what_is_none_of_the_four_forms_is_400() {
        for target in ["*", "health", "http:///x", "http://:80/", "ftp://h/", "http://u@h/", "a:443", "http://[x]/"] {
            assert_eq!(Target::read("GET", target).map_err(Reject::status), Err(400), "{target}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in ["", "a", "a:8080", "a_b.c", "10.0.0.1:", "[::1]", "[::1]:80", "[fe80::1]:", "%41b"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "a b", "a:b", "http://a", "[::1", "[x]", "a/b", "a@b", "[::1]x", "[::1]80", "\u{e9}", "a:1:2", "a%zz", "%4",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
