//! The one table of what is answered. The server, `/openapi.json` and `/docs` all read it.

use crate::config::MONITORS;
use crate::http::DESCRIBED;
use crate::http::target::Target;
use crate::snapshot::Method;

/// What makes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Handler {
    Root,
    Health,
    Manifest,
    Metrics,
    Prom,
    Monitors,
    Monitor,
    OpenApi,
    Docs,
}

/// One endpoint.
#[derive(Debug)]
pub struct Route {
    /// What makes the answer.
    pub handler: Handler,
    /// Its paths, the documented one first. `{name}` at the end stands for any one segment.
    pub paths: &'static [&'static str],
    /// The value of `Allow`.
    pub allow: &'static str,
    /// POST is answered as GET.
    pub post: bool,
    /// What it is for, in a few words.
    pub summary: &'static str,
    /// What it is for, in full.
    pub description: &'static str,
    /// The media type of its answer.
    pub media_type: &'static str,
    /// The status codes of its own and when they come.
    pub responses: &'static [(u16, &'static str)],
}

/// The media type of most answers.
pub const JSON: &str = "application/json";
const READ: &str = "GET, HEAD, OPTIONS";
const READ_AND_POST: &str = "GET, HEAD, POST, OPTIONS";
const ALIVE: &[(u16, &str)] = if MONITORS {
    &[(200, "The node is alive."), (503, "The node is alive but should get no traffic: a monitor with `gate` is down.")]
} else {
    &[(200, "The node is alive.")]
};

/// `Allow` of the server itself: `OPTIONS *`.
pub const ALLOW_ANY: &str = READ_AND_POST;

/// The label under which requests for unknown paths are counted, and those that could not be read.
pub const UNKNOWN: (usize, &str) = (0, "unknown");

/// Every endpoint of this build.
pub const ROUTES: &[Route] = match (MONITORS, DESCRIBED) {
    (true, true) => &[ROOT, HEALTH, MANIFEST, METRICS, PROM, ALL_MONITORS, ONE_MONITOR, OPEN_API, DOCS],
    (true, false) => &[ROOT, HEALTH, MANIFEST, METRICS, PROM, ALL_MONITORS, ONE_MONITOR],
    (false, true) => &[ROOT, HEALTH, MANIFEST, METRICS, PROM, OPEN_API, DOCS],
    (false, false) => &[ROOT, HEALTH, MANIFEST, METRICS, PROM],
};

/// What stands for a segment in a path of the table.
const NAME: &str = "{name}";

const ROOT: Route = Route {
    handler: Handler::Root,
    paths: &["/v1/", "/v1", "/"],
    allow: READ_AND_POST,
    post: true,
    summary: "Is the node alive?",
    description: "The same answer as /v1/health.",
    media_type: JSON,
    responses: ALIVE,
};

const HEALTH: Route = Route {
    handler: Handler::Health,
    paths: &["/v1/health", "/health"],
    allow: READ_AND_POST,
    post: true,
    summary: "Is the node alive?",
    description: "The cheapest answer there is, for load balancers: status, time (UTC), alive and the node's name.",
    media_type: JSON,
    responses: ALIVE,
};

const MANIFEST: Route = Route {
    handler: Handler::Manifest,
    paths: &["/v1/manifest", "/manifest"],
    allow: READ,
    post: false,
    summary: "What runs here?",
    description: "The JSON object in MANIFEST_FILE_PATH, or version, commit and architecture of imalive itself.",
    media_type: JSON,
    responses: &[(200, "The manifest."), (500, "The manifest file cannot be read or is not a JSON object.")],
};

const METRICS: Route = Route {
    handler: Handler::Metrics,
    paths: &["/v1/metrics", "/metrics"],
    allow: READ,
    post: false,
    summary: "CPU, memory, swap and disk as JSON",
    description: "One reading of the node, at most a second old. CPU usage is measured since the reading before. \
        What could not be read is null.",
    media_type: JSON,
    responses: &[(200, "The reading.")],
};

const PROM: Route = Route {
    handler: Handler::Prom,
    paths: &["/v1/prom", "/prom"],
    allow: READ,
    post: false,
    summary: "The same for Prometheus",
    description: if MONITORS {
        "Text format 0.0.4: the node, imalive's own process, requests, heartbeats and monitors. What could not be \
        read is left out."
    } else {
        "Text format 0.0.4: the node, imalive's own process, requests and heartbeats. What could not be read is left \
        out."
    },
    media_type: "text/plain; version=0.0.4; charset=utf-8",
    responses: &[(200, "The reading.")],
};

const ALL_MONITORS: Route = Route {
    handler: Handler::Monitors,
    paths: &["/v1/monitors", "/monitors"],
    allow: READ,
    post: false,
    summary: "How are the services that this node checks?",
    description: "Every monitor of imalive.yml in its order: state, since when, last outcome with its cause, latency, \
        thresholds. The status is ko while any is down.",
    media_type: JSON,
    responses: &[(200, "The monitors.")],
};

const ONE_MONITOR: Route = Route {
    handler: Handler::Monitor,
    paths: &["/v1/monitors/{name}", "/monitors/{name}"],
    allow: READ,
    post: false,
    summary: "How is one of them?",
    description: "The monitor of this name, which is percent-encoded UTF-8.",
    media_type: JSON,
    responses: &[(200, "The monitor."), (404, "There is no monitor of this name.")],
};

const OPEN_API: Route = Route {
    handler: Handler::OpenApi,
    paths: &["/openapi.json", "/v1/openapi.json"],
    allow: READ,
    post: false,
    summary: "This interface as OpenAPI 3.1",
    description: "Made from the table that the server answers from.",
    media_type: JSON,
    responses: &[(200, "The description.")],
};

const DOCS: Route = Route {
    handler: Handler::Docs,
    paths: &["/docs", "/v1/docs"],
    allow: READ,
    post: false,
    summary: "This interface as a page",
    description: "Made from the table that the server answers from. Needs nothing from the internet.",
    media_type: "text/html; charset=utf-8",
    responses: &[(200, "The page.")],
};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 200 and what this handler makes, or what it has to say of a failure.
    Answer(&'static Route),
    /// 204 with this `Allow`.
    Options(&'static str),
    /// 405 with this `Allow`.
    MethodNotAllowed(&'static str),
    /// 404.
    NotFound,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.handler == other.handler
    }
}

impl Eq for Route {}

/// What becomes of a request for `target` by `method`, and the number and label under which it is counted.
pub fn resolve(method: Method, target: Target<'_>) -> (Resolution, (usize, &'static str)) {
    let path = match target {
        Target::Path(path) => path,
        Target::Server => return (Resolution::Options(ALLOW_ANY), UNKNOWN),
        Target::Tunnel => return (Resolution::MethodNotAllowed(ALLOW_ANY), UNKNOWN),
    };
    let mut number = UNKNOWN.0;
    for route in ROUTES {
        for &known in route.paths {
            number += 1;
            if known == path || route.handler == Handler::Monitor && segment(known, path).is_some() {
                let resolution = match method {
                    Method::Get | Method::Head => Resolution::Answer(route),
                    Method::Post if route.post => Resolution::Answer(route),
                    Method::Options => Resolution::Options(route.allow),
                    Method::Post | Method::Other => Resolution::MethodNotAllowed(route.allow),
                };
                return (resolution, (number, known));
            }
        }
    }
    (Resolution::NotFound, UNKNOWN)
}

/// The segment of `path` that stands in place of `{name}` in `known`, as it was sent.
pub(super) fn segment<'p>(known: &str, path: &'p str) -> Option<&'p str> {
    let segment = path.strip_prefix(known.strip_suffix(NAME)?)?;
    (!segment.is_empty() && !segment.contains('/')).then_some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::HANDLERS;

    fn resolution(method: Method, path: &str) -> Resolution {
        resolve(method, Target::Path(path)).0
    }

    #[test]
    fn every_path_leads_to_its_route_under_a_label_of_its_own() {
        let mut labels = Vec::from([UNKNOWN.0]);
        for route in ROUTES {
            for path in route.paths {
                let (found, label) = resolve(Method::Get, Target::Path(path));
                assert_eq!(found, Resolution::Answer(route));
                assert!(label.1 == *path && !labels.contains(&label.0) && label.0 < HANDLERS, "{label:?}");
                labels.push(label.0);
            }
        }
    }

    #[test]
    fn every_endpoint_of_the_original_stands_with_and_without_v1() {
        for path in ["", "/health", "/manifest", "/metrics", "/prom"] {
            let plain = if path.is_empty() { "/" } else { path };
            assert_eq!(resolution(Method::Head, plain), resolution(Method::Head, &format!("/v1{path}")));
            assert_ne!(resolution(Method::Head, plain), Resolution::NotFound);
        }
        assert_eq!(resolution(Method::Get, "/v1/"), resolution(Method::Get, "/"));
    }

    #[test]
    fn a_known_path_tells_which_methods_it_knows() {
        assert_eq!(resolution(Method::Other, "/v1/prom"), Resolution::MethodNotAllowed("GET, HEAD, OPTIONS"));
        assert_eq!(resolution(Method::Post, "/v1/prom"), Resolution::MethodNotAllowed("GET, HEAD, OPTIONS"));
        assert_eq!(resolution(Method::Options, "/health"), Resolution::Options("GET, HEAD, POST, OPTIONS"));
    }

    #[test]
    fn an_unknown_path_is_not_found_by_any_method() {
        for method in Method::ALL {
            assert_eq!(resolve(method, Target::Path("/v2/health")), (Resolution::NotFound, UNKNOWN));
        }
    }
}
