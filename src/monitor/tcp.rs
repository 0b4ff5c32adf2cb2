//! A TCP check: something takes the connection.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

use crate::client::{Client, ConnectError, Progress, ResolveError, reason};
use crate::monitor::check::{failed, timed_out, within};
use crate::snapshot::{Failure, FailureKind, Outcome};

pub(super) async fn check(client: &Client, host: &str, port: u16, timeout: Duration, progress: &Progress) -> Outcome {
    let failure = match within(client, timeout, client.connect(host, port, progress)).await {
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(explain(&error)),
        None => {
            let peer = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            let error = Some(timed_out(timeout, progress, &peer));
            Some(Failure { error, ..original(FailureKind::Timeout, "TimeoutError", "timed out") })
        }
    };
    Outcome { failure, ..Outcome::default() }
}

/// In the words that Python has for it, which the original logs.
fn explain(error: &ConnectError) -> Failure {
    let kind = error.kind();
    match error {
        ConnectError::Resolve(error) => {
            let text = match error {
                ResolveError::NotFound => "[Errno -2] Name or service not known",
                ResolveError::TryAgain => "[Errno -3] Temporary failure in name resolution",
                ResolveError::NoAddress => "[Errno -5] No address associated with hostname",
                ResolveError::Node(reason) | ResolveError::Other(reason) => reason,
            };
            original(kind, "socket.gaierror", text)
        }
        ConnectError::Connect(_, error) => {
            let text = match error.raw_os_error() {
                Some(number) => format!("[Errno {number}] {}", reason(error)),
                None => reason(error),
            };
            original(kind, class(error), &text)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{nobody, server_on, silent};
    use crate::config::monitors::{Check, Monitor};
    use crate::monitor::check::tests::{checked, monitor};
    use std::net::TcpListener;

    fn tcp(host: &str, port: u16) -> Monitor {
        monitor(Check::Tcp(host.into(), port))
    }

    #[test]
    fn whoever_takes_the_connection_is_healthy() {
        let v6 = server_on("[::1]:0", |_| ());
        for (host, port) in [("127.0.0.1", silent().port()), ("localhost", silent().port()), ("::1", v6.port())] {
            assert_eq!(checked(&tcp(host, port)).failure, None, "{host}");
        }
    }

    #[test]
    fn failures_are_told_in_the_words_of_the_original() {
        let failure = checked(&tcp("127.0.0.1", nobody().port())).failure.unwrap();
        assert_eq!(
            failure.cause(),
            "Unable to open connection, e.type = <class 'ConnectionRefusedError'>, e.msg = [Errno 111] Connection refused"
        );
        assert_eq!(failure.kind, FailureKind::Connect);
        for (error, expected) in [
            (Errno::HOSTUNREACH, "OSError'>, e.msg = [Errno 113] No route to host"),
            (Errno::NETUNREACH, "OSError'>, e.msg = [Errno 101] Network is unreachable"),
            (Errno::CONNRESET, "ConnectionResetError'>, e.msg = [Errno 104] Connection reset by peer"),
            (Errno::TIMEDOUT, "TimeoutError'>, e.msg = [Errno 110] Connection timed out"),
            (Errno::ACCESS, "PermissionError'>, e.msg = [Errno 13] Permission denied"),
        ] {
            let error = ConnectError::Connect(([127, 0, 0, 1], 1).into(), error.into());
            assert!(explain(&error).cause().ends_with(expected), "{}", explain(&error).cause());
        }
        let failure = explain(&ConnectError::Resolve(ResolveError::NotFound));
        assert_eq!(
            (failure.kind, failure.cause()),
            (
                FailureKind::Resolve,
                "Unable to open connection, e.type = <class 'socket.gaierror'>, e.msg = [Errno -2] Name or service not known"
            )
        );
    }

    #[test]
    fn a_connection_that_takes_too_long_is_given_up() {
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let address = full.local_addr().unwrap();
        let wait = Duration::from_millis(50);
        let _queue: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect_timeout(&address, wait)).collect();
        let monitor = Monitor { timeout: Duration::from_millis(100), ..tcp("127.0.0.1", address.port()) };
        let failure = checked(&monitor).failure.unwrap();
        assert_eq!(failure.message, "Unable to open connection, e.type = <class 'TimeoutError'>, e.msg = timed out");
        assert_eq!(failure.kind, FailureKind::Timeout);
        assert_eq!(failure.cause(), format!("timed out after 100 ms (while connecting to {address})"));
    }
}
