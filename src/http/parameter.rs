//! What stands in a path in place of `{name}`: one segment, percent-encoded UTF-8 (RFC 3986 section 2.1).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::http::route::{self, Handler, Resolution};
use crate::http::target::Target;
use crate::limits::PATH_PARAMETER_BYTES;

/// The name in a path; empty where a path has none, and where it is none: a name is not empty.
#[derive(Default)]
pub struct Parameter(Box<str>);

impl Parameter {
    /// Of a request that is answered so.
    pub fn of(resolution: Resolution, target: Target<'_>) -> Self {
        match (resolution, target) {
            (Resolution::Answer(route), Target::Path(path)) if route.handler == Handler::Monitor => {
                let segment = route.paths.iter().find_map(|known| route::segment(known, path));
                Parameter(segment.and_then(decoded).unwrap_or_default().into())
            }
            _ => Parameter::default(),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `None`: a percent sign without two hexadecimal digits, what is not UTF-8, or more than any name.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    loop {
        let (byte, after) = match rest {
            [] => return String::from_utf8(bytes).ok(),
            [b'%', high, low, after @ ..] => (hexadecimal(*high)? << 4 | hexadecimal(*low)?, after),
            [b'%', ..] => return None,
            [byte, after @ ..] => (*byte, after),
        };
        if bytes.len() == PATH_PARAMETER_BYTES {
            return None;
        }
        bytes.push(byte);
        rest = after;
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Method;

    fn parameter(path: &str) -> Box<str> {
        let target = Target::Path(path);
        Parameter::of(route::resolve(Method::Get, target).0, target).0
    }

    #[test]
    fn a_name_stands_for_one_segment_and_all_names_share_a_label() {
        let (found, label) = route::resolve(Method::Get, Target::Path("/v1/monitors/web%20ok"));
        assert!(matches!(found, Resolution::Answer(route) if route.handler == Handler::Monitor), "{found:?}");
        assert_eq!(label.1, "/v1/monitors/{name}");
        assert_eq!(route::resolve(Method::Head, Target::Path("/v1/monitors/b")).1, label);
        assert_eq!(route::resolve(Method::Get, Target::Path("/monitors/b")).1.1, "/monitors/{name}");
        for path in ["/v1/monitors/", "/v1/monitors/a/b", "/v1/monitors/a/", "/monitorsa", "/v1/health/a"] {
            assert_eq!(
                route::resolve(Method::Get, Target::Path(path)),
                (Resolution::NotFound, route::UNKNOWN),
                "{path}"
            );
        }
        assert_eq!(
            route::resolve(Method::Post, Target::Path("/monitors/a")).0,
            Resolution::MethodNotAllowed("GET, HEAD, OPTIONS")
        );
    }

    #[test]
    fn a_name_is_decoded() {
        assert_eq!(&*parameter("/v1/monitors/web%20ok"), "web ok");
        assert_eq!(&*parameter("/monitors/k%C3%BCche%2F1"), "küche/1");
        assert_eq!(&*parameter("/monitors/a+b%25"), "a+b%");
    }

    #[test]
    fn what_is_no_name_is_empty() {
        for name in ["%", "%4", "a%zz", "%+4", "%ff", "%C3", "%c3%28"] {
            assert_eq!(&*parameter(&["/v1/monitors/", name].concat()), "", "{name}");
        }
        assert_eq!(&*parameter("/v1/health"), "");
    }

    #[test]
    fn a_name_is_bounded() {
        let longest = "%41".repeat(PATH_PARAMETER_BYTES);
        assert_eq!(parameter(&["/monitors/", &longest].concat()).len(), PATH_PARAMETER_BYTES);
        assert_eq!(&*parameter(&["/monitors/", &longest, "a"].concat()), "");
    }
}
