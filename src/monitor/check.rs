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
    use crate::client::Phase;
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

    /// The phases of a check with the milliseconds that each took, and its failure.
    fn phases(monitor: &Monitor) -> (Vec<(Phase, u64)>, Option<FailureKind>) {
        let (reactor, client) = client();
        let (progress, before) = (Progress::default(), Instant::now());
        let outcome = reactor.block_on(check(&client, monitor, &progress)).unwrap();
        let after = Instant::now();
        // It has ended: what comes later is not told as a part of it.
        std::thread::sleep(Duration::from_millis(20));
        let mut phases: Vec<(Phase, u64)> = Vec::new();
        let mut end = before;
        for (phase, began, ended) in progress.phases() {
            assert!(end <= began && began <= ended && ended <= after, "{phase:?}");
            assert!(phases.is_empty() || end == began, "{phase:?}");
            phases.push((phase, (ended - began).as_millis() as u64));
            end = ended;
        }
        assert_eq!(progress.phases().left_out(), 0);
        (phases, outcome.failure.map(|failure| failure.kind))
    }

    #[test]
    fn a_check_hands_over_its_phases_and_how_long_each_took() {
        use Phase::{Connecting, Handshake, Reading, Resolving, Sending, Waiting};
        let slow = server(|mut stream| {
            request_head(&mut stream);
            std::thread::sleep(Duration::from_millis(80));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n").unwrap();
            std::thread::sleep(Duration::from_millis(40));
            let _ = stream.write_all(b"end");
        });
        // On a busy machine a name waits for its thread.
        let names = |phases: &[(Phase, u64)]| {
            phases.iter().map(|(phase, _)| *phase).filter(|phase| *phase != Phase::Queued).collect::<Vec<_>>()
        };
        let (found, failure) = phases(&http(slow));
        assert_eq!((names(&found), failure), (vec![Resolving, Connecting, Sending, Waiting], None));
        assert!(found[3].1 >= 79, "{found:?}");
        let with_body = HttpCheck { expected_contain: Some("end".into()), ..http_check(&format!("http://{slow}/")) };
        let (found, failure) = phases(&monitor(Check::Http(Box::new(with_body))));
        assert_eq!((names(&found)[3..].to_vec(), failure), (vec![Waiting, Reading], None));
        assert!(found[3].1 >= 79 && found[4].1 >= 39, "{found:?}");
        let (found, failure) = phases(&monitor(Check::Tcp("localhost".into(), slow.port())));
        assert_eq!((names(&found), failure), (vec![Resolving, Connecting], None));
        let (found, failure) = phases(&http(nobody()));
        assert_eq!((names(&found), failure), (vec![Resolving, Connecting], Some(FailureKind::Connect)));
        let (found, failure) = phases(&monitor(Check::Never("Missing mandatory url".into())));
        assert_eq!((names(&found), failure), (vec![], Some(FailureKind::Configuration)));
        let not_tls = format!("https://{}/", answering("HTTP/1.1 400 None\r\n\r\n"));
        let (found, _) = phases(&monitor(Check::Http(Box::new(http_check(&not_tls)))));
        assert_eq!(names(&found), [Resolving, Connecting, Handshake]);
    }

    #[test]
    fn a_check_that_was_given_up_keeps_its_phases_up_to_then() {
        for (scheme, last) in [("http", Phase::Waiting), ("https", Phase::Handshake)] {
            let check = Check::Http(Box::new(http_check(&format!("{scheme}://{}/", silent()))));
            let (found, failure) = phases(&Monitor { timeout: Duration::from_millis(120), ..monitor(check) });
            assert_eq!(failure, Some(FailureKind::Timeout));
            let (phase, millis) = found[found.len() - 1];
            assert!(phase == last && (60..1000).contains(&millis), "{found:?}");
            assert!(found.iter().map(|(_, millis)| millis).sum::<u64>() >= 110, "{found:?}");
        }
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
