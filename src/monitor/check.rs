//! One check of one monitor, within its time.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::client::{Client, Progress};
use crate::config::monitors::{Check, Monitor, Target};
use crate::monitor::{http, tcp};
use crate::snapshot::{Failure, FailureKind, Outcome};

/// Checks `monitor` once.
pub async fn check(client: &Client, monitor: &Monitor) -> Outcome {
    let begun = Instant::now();
    let mut outcome = match &monitor.check {
        Check::Http(check) => http::check(client, check, monitor.timeout).await,
        Check::Tcp(host, port) => tcp::check(client, host, *port, monitor.timeout).await,
        Check::Never(reason) => {
            return Outcome { failure: Some(failed(FailureKind::Configuration, reason.clone())), ..Outcome::default() };
        }
    };
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
