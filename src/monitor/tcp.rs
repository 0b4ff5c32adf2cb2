//! A TCP check: something takes the connection.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

use crate::client::{Client, ConnectError, Progress, ResolveError, reason};
use crate::monitor::check::{failed, timed_out, within};
use crate::snapshot::{Failure, FailureKind, Outcome};

pub(super) async fn check(client: &Client, host: &str, port: u16, timeout: Duration) -> Outcome {
    let progress = Progress::default();
    let failure = match within(client, timeout, client.connect(host, port, &progress)).await {
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(explain(&error)),
        None => {
            let peer = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            let error = Some(timed_out(timeout, &progress, &peer));
            Some(Failure { error, ..original(FailureKind::Timeout, "TimeoutError", "timed out") })
        }
    };
    Outcome { failure, ..Outcome::default() }
}

/// In the words that Python has for it, which the original logs.
fn explain(error: &ConnectError) -> Failure {
    match error {
        ConnectError::Resolve(error) => {
            let text = match error {
                ResolveError::NotFound => "[Errno -2] Name or service not known",
                ResolveError::TryAgain => "[Errno -3] Temporary failure in name resolution",
                ResolveError::NoAddress => "[Errno -5] No address associated with hostname",
                ResolveError::Other(reason) => reason,
            };
            original(FailureKind::Resolve, "socket.gaierror", text)
        }
        ConnectError::Connect(_, error) => {
            let text = match error.raw_os_error() {
                Some(number) => format!("[Errno {number}] {}", reason(error)),
                None => reason(error),
            };
            original(FailureKind::Connect, class(error), &text)
        }
    }
}

/// The class of Python's exception (its library reference, "OS exceptions").
fn class(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::CONNREFUSED) => "ConnectionRefusedError",
        Some(Errno::CONNRESET) => "ConnectionResetError",
        Some(Errno::CONNABORTED) => "ConnectionAbortedError",
        Some(Errno::PIPE) => "BrokenPipeError",
        Some(Errno::TIMEDOUT) => "TimeoutError",
        Some(Errno::ACCESS | Errno::PERM) => "PermissionError",
        _ => "OSError",
    }
}

fn original(kind: FailureKind, class: &str, text: &str) -> Failure {
    failed(kind, ["Unable to open connection, e.type = <class '", class, "'>, e.msg = ", text].concat())
}
