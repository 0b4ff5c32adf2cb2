//! One check of one monitor, within its time.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::client::{Client, Progress};
use crate::config::monitors::{Check, Monitor, Target};
use crate::monitor::{http, tcp};
use crate::snapshot::{Failure, FailureKind, Outcome};

/// Checks `monitor` once. `progress`, a new one, has its phases then; the last one ends when the check does or is given up.
pub async fn check(client: &Client, monitor: &Monitor, progress: &Progress) -> Outcome {
    let begun = Instant::now();
    let mut outcome = match &monitor.check {
        Check::Http(check) => http::check(client, check, monitor.timeout, progress).await,
        Check::Tcp(host, port) => tcp::check(client, host, *port, monitor.timeout, progress).await,
        Check::Never(reason) => {
            return Outcome { failure: Some(failed(FailureKind::Configuration, reason.clone())), ..Outcome::default() };
        }
    };
    progress.end();
    let took = begun.elapsed();
    if outcome.failure.is_none()
        && let Some(most) = monitor.max_latency
        && took > most
    {
        let text = ["Too slow: expected = ", &time(most), ", actual = ", &time(took)].concat();
        outcome.failure = Some(failed(FailureKind::Latency, text));
    }
    // The original gives no duration where nothing came of it.
    let came = outcome.failure.as_ref().map(|failure| failure.kind);
    if matches!(came, None | Some(FailureKind::Status | FailureKind::Body | FailureKind::Latency)) {
        outcome.duration_micros = Some(took.as_micros() as u64);
    }
    outcome
}

/// Whether `target` takes a connection within `timeout`.
pub async fn reach(client: &Client, target: &Target, timeout: Duration) -> bool {
    let progress = Progress::default();
    let connected = within(client, timeout, client.connect(&target.host, target.port, &progress)).await;
    matches!(connected, Some(Ok(_)))
}

/// What `work` gives, or nothing if it takes longer than `timeout`; it is dropped then.
pub(super) async fn within<T>(client: &Client, timeout: Duration, work: impl Future<Output = T>) -> Option<T> {
    let deadline = Instant::now().checked_add(timeout);
    let late = async {
        match deadline {
            Some(deadline) => client.reactor().sleep_until(deadline).await,
            None => std::future::pending().await,
        }
        None
    };
    smol::future::or(async { Some(work.await) }, late).await
}

/// What a check failed for that did not end in time.
pub(super) fn timed_out(timeout: Duration, progress: &Progress, peer: &str) -> String {
    ["timed out after ", &time(timeout), " (while ", progress.phase().describe(), " ", peer, ")"].concat()
}

pub(super) fn failed(kind: FailureKind, message: String) -> Failure {
    Failure { kind, message, error: None }
}

/// `30 s`, or `1500 ms`.
fn time(duration: Duration) -> String {
    let millis = duration.as_millis() as u64;
    match millis % 1000 {
        0 if millis > 0 => format!("{} s", millis / 1000),
        _ => format!("{millis} ms"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::client::testing::{answering, client, nobody, request_head, server, silent, soon};
    use crate::config::codes::CodePattern;
    use crate::config::monitors::{HttpCheck, Scope, Secret, Tls};
    use smol::LocalExecutor;
    use std::cell::RefCell;
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener};

    pub(in crate::monitor) fn monitor(check: Check) -> Monitor {
        Monitor {
            name: "name".into(),
            family: "name".into(),
            check,
            kind: "http".into(),
            timeout: Duration::from_secs(5),
            interval: Duration::from_secs(60),
            retry_interval: Duration::from_secs(5),
            failure_threshold: 3,
            success_threshold: 1,
            max_latency: None,
            depends_on: Vec::new(),
            scope: Scope::None,
            gate: false,
            reminder: None,
            info: false,
            given: Vec::new(),
        }
    }

    pub(in crate::monitor) fn http_check(url: &str) -> HttpCheck {
        HttpCheck {
            method: "GET",
            url: Secret::new(url.into()),
            shown_url: url.into(),
            body: None,
            headers: Vec::new(),
            basic_auth: None,
            expected_code: CodePattern::parse("200").unwrap(),
            expected_contain: None,
            follow_redirects: 5,
            tls: Tls { check: false, ca_file: None, client: None },
            hidden: Vec::new(),
        }
    }

    pub(in crate::monitor) fn http(address: SocketAddr) -> Monitor {
        monitor(Check::Http(Box::new(http_check(&format!("http://{address}/")))))
    }

    pub(in crate::monitor) fn checked(monitor: &Monitor) -> Outcome {
        let (reactor, client) = client();
        let outcome = reactor.block_on(check(&client, monitor, &Progress::default())).unwrap();
        assert_eq!(
            outcome.duration_micros.is_none(),
            outcome.failure.as_ref().is_some_and(|failure| {
                !matches!(failure.kind, FailureKind::Status | FailureKind::Body | FailureKind::Latency)
            })
        );
        outcome
    }

    #[test]
    fn what_can_never_pass_fails_with_the_words_that_the_configuration_has_for_it() {
        let outcome = checked(&monitor(Check::Never("Missing mandatory url".into())));
        let failure = outcome.failure.unwrap();
        assert_eq!((failure.kind, failure.cause()), (FailureKind::Configuration, "Missing mandatory url"));
    }

    #[test]
    fn what_works_but_takes_too_long_fails() {
        let slow = server(|mut stream| {
            request_head(&mut stream);
            std::thread::sleep(Duration::from_millis(60));
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        });
        let most = |millis| Some(Duration::from_millis(millis));
        let outcome = checked(&Monitor { max_latency: most(50), ..http(slow) });
        let failure = outcome.failure.unwrap();
        assert!(failure.message.starts_with("Too slow: expected = 50 ms, actual = "), "{}", failure.message);
        assert_eq!((failure.kind, outcome.http_status), (FailureKind::Latency, Some(200)));
        assert_eq!(checked(&Monitor { max_latency: most(3000), ..http(slow) }).failure, None);
        let wrong = Monitor { max_latency: most(0), ..http(answering("HTTP/1.1 404 None\r\n\r\n")) };
        assert_eq!(checked(&wrong).failure.unwrap().kind, FailureKind::Status);
    }

    #[test]
    fn a_target_that_takes_a_connection_is_reached() {
        let (reactor, client) = client();
        let reached = |address: SocketAddr| {
            let target = Target { scope: Scope::Lan, host: address.ip().to_string(), port: address.port() };
            reactor.block_on(reach(&client, &target, Duration::from_millis(200))).unwrap()
        };
        assert!(reached(silent()) && !reached(nobody()));
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let address = full.local_addr().unwrap();
        let wait = Duration::from_millis(50);
        let _queue: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect_timeout(&address, wait)).collect();
        assert!(!reached(address));
    }

    #[test]
    fn checks_that_hang_delay_no_other() {
        let (fine, hangs) = (answering("HTTP/1.1 200 OK\r\n\r\n"), silent());
        let (reactor, client) = client();
        let monitors: Vec<Monitor> = (0..64)
            .map(|number| {
                let (timeout, address) = (Duration::from_millis(600), if number % 2 == 0 { hangs } else { fine });
                // A quarter hangs within the TLS handshake.
                let scheme = if number % 4 == 0 { "https" } else { "http" };
                let check = Check::Http(Box::new(http_check(&format!("{scheme}://{address}/"))));
                Monitor { timeout, ..monitor(check) }
            })
            .collect();
        let ended = RefCell::new(Vec::new());
        let begun = Instant::now();
        let executor = LocalExecutor::new();
        let tasks: Vec<_> = monitors
            .iter()
            .map(|monitor| {
                let (client, ended) = (&client, &ended);
                executor.spawn(async move {
                    let outcome = check(client, monitor, &Progress::default()).await;
                    ended.borrow_mut().push((begun.elapsed(), outcome));
                })
            })
            .collect();
        let all = async {
            for task in tasks {
                task.await;
            }
        };
        reactor.block_on(executor.run(all)).unwrap();
        let ended = ended.borrow();
        let (passed, hung): (Vec<_>, Vec<_>) = ended.iter().partition(|(_, outcome)| outcome.failure.is_none());
        assert_eq!((passed.len(), hung.len()), (32, 32));
        assert!(passed.iter().all(|(at, _)| *at < Duration::from_millis(400)), "{passed:?}");
        assert!(hung.iter().all(|(at, outcome)| {
            *at < Duration::from_millis(1200) && outcome.failure.as_ref().unwrap().kind == FailureKind::Timeout
        }));
        assert!(soon(|| client.threads() == 0));
    }

    #[test]
    fn a_check_under_way_takes_little_memory() {
        let (_, client) = client();
        let monitor = http(nobody());
        let progress = Progress::default();
        let bytes = size_of_val(&check(&client, &monitor, &progress)) + size_of_val(&progress);
        assert!(bytes <= 8 * 1024, "{bytes}");
    }
}
