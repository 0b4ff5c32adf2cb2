//! What the agent itself has done since it started.

/// Beats and requests.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Heartbeats due and made.
    pub heartbeats: u64,
    /// Heartbeats that a blocked or closed stdout did not take.
    pub heartbeats_dropped: u64,
    /// Connections closed to make room for another client.
    pub connections_evicted: u64,
    /// Requests answered.
    pub requests: RequestCounts,
}

/// The method of a request, as a label: all that nobody asks of a health endpoint are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Head,
    Post,
    Options,
    Other,
}

impl Method {
    /// Every method, in the order of their numbers.
    pub const ALL: [Method; 5] = [Method::Get, Method::Head, Method::Post, Method::Options, Method::Other];

    /// Its label.
    pub fn label(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Options => "OPTIONS",
            Method::Other => "other",
        }
    }
}

/// The first digit of a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StatusClass {
    Success,
    Redirection,
    ClientError,
    ServerError,
}

impl StatusClass {
    /// Every class, in the order of their numbers.
    pub const ALL: [StatusClass; 4] =
        [StatusClass::Success, StatusClass::Redirection, StatusClass::ClientError, StatusClass::ServerError];

    /// The class of `status`.
    pub fn of(status: u16) -> Self {
        match status {
            0..300 => StatusClass::Success,
            300..400 => StatusClass::Redirection,
            400..500 => StatusClass::ClientError,
            _ => StatusClass::ServerError,
        }
    }

    /// Its label.
    pub fn label(self) -> &'static str {
        match self {
            StatusClass::Success => "2xx",
            StatusClass::Redirection => "3xx",
            StatusClass::ClientError => "4xx",
            StatusClass::ServerError => "5xx",
        }
    }
}

/// Handlers that are counted apart; `http::route` has fewer.
pub const HANDLERS: usize = 20;

/// Requests by handler, method and class of status. The table has a fixed size: no client can make it grow.
#[derive(Clone, Debug)]
pub struct RequestCounts {
    counts: [[[u64; StatusClass::ALL.len()]; Method::ALL.len()]; HANDLERS],
    labels: [&'static str; HANDLERS],
}

impl Default for RequestCounts {
    fn default() -> Self {
        RequestCounts { counts: [[[0; 4]; 5]; HANDLERS], labels: [""; HANDLERS] }
    }
}

impl RequestCounts {
    /// Counts one request that `handler` (its number and its label) answered with `status`.
    pub fn count(&mut self, handler: (usize, &'static str), method: Method, status: u16) {
        let at = handler.0.min(HANDLERS - 1);
        self.labels[at] = handler.1;
        self.counts[at][method as usize][StatusClass::of(status) as usize] += 1;
    }

    /// Every count that is not 0: handler, method, class of status, requests.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Method, StatusClass, u64)> + '_ {
        self.counts.iter().zip(self.labels).flat_map(|(methods, handler)| {
            methods.iter().zip(Method::ALL).flat_map(move |(classes, method)| {
                classes
                    .iter()
                    .zip(StatusClass::ALL)
                    .filter(|(count, _)| **count > 0)
                    .map(move |(count, class)| (handler, method, class, *count))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_is_listed() {
        let mut counts = RequestCounts::default();
        counts.count((3, "/v1/health"), Method::Get, 200);
        counts.count((3, "/v1/health"), Method::Get, 200);
        counts.count((0, "unknown"), Method::Other, 404);
        let mut listed = counts.iter();
        assert_eq!(listed.next(), Some(("unknown", Method::Other, StatusClass::ClientError, 1)));
        assert_eq!(listed.next(), Some(("/v1/health", Method::Get, StatusClass::Success, 2)));
        assert_eq!(listed.next(), None);
    }
}
