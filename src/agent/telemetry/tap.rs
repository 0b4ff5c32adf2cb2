//! Diagnostics on their way from the log, which any thread may write, to the one that sends them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::config::LogLevel;
use crate::limits::OTLP_DIAGNOSTICS_BYTES;

/// What is said of the exporter itself, and by libraries, may be what comes of an export. It goes along with others, so that
/// no export is made for the sake of the one before.
const OURS: &str = "imalive::agent::telemetry";
const IMALIVE: &str = "imalive";

/// One line.
pub(super) struct Diagnostic {
    pub(super) level: LogLevel,
    pub(super) unix_micros: u64,
    pub(super) text: String,
    /// It is not sent for its own sake.
    pub(super) quiet: bool,
}

/// What waits to be taken.
#[derive(Default)]
struct Tap {
    waiting: VecDeque<Diagnostic>,
    bytes: usize,
    /// Lines that there was no room for.
    dropped: u64,
    waker: Option<Waker>,
}

/// `None`: nobody takes any.
static TAP: Mutex<Option<Tap>> = Mutex::new(None);

fn tap() -> MutexGuard<'static, Option<Tap>> {
    TAP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps diagnostics from now on.
pub(super) fn open() {
    tap().get_or_insert_default();
}

/// Keeps a diagnostic, where there is room. Nothing here may be logged.
pub(super) fn put(level: LogLevel, target: &str, unix_micros: u64, text: &str) {
    let mut tap = tap();
    let Some(tap) = &mut *tap else { return };
    if tap.bytes + text.len() > OTLP_DIAGNOSTICS_BYTES {
        tap.dropped += 1;
    } else {
        let of_imalive = target.split("::").next() == Some(IMALIVE);
        tap.bytes += text.len();
        tap.waiting.push_back(Diagnostic {
            level,
            unix_micros,
            text: text.into(),
            quiet: !of_imalive || target.starts_with(OURS),
        });
    }
    tap.waker.take().into_iter().for_each(Waker::wake);
}

/// Those that wait, as soon as there are any, and how many there was no room for.
pub(super) async fn take() -> (VecDeque<Diagnostic>, u64) {
    poll_fn(|context| {
        let mut tap = tap();
        let Some(tap) = &mut *tap else { return Poll::Pending };
        if tap.waiting.is_empty() {
            tap.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        tap.bytes = 0;
        Poll::Ready((std::mem::take(&mut tap.waiting), std::mem::take(&mut tap.dropped)))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, as there is one tap.
    #[test]
    fn diagnostics_are_kept_within_bounds_and_those_of_an_export_are_quiet() {
        put(LogLevel::Info, "imalive::server", 1, "before anybody takes any");
        open();
        let long = "x".repeat(OTLP_DIAGNOSTICS_BYTES / 4);
        for (target, text) in [
            ("imalive::server", "a"),
            ("imalive::agent::telemetry::lane", "b"),
            ("rustls::client", "c"),
            ("imalive", &long),
            ("imalive", &long),
            ("imalive", &long),
            ("imalive", &long),
        ] {
            put(LogLevel::Warning, target, 2, text);
        }
        let (taken, dropped) = smol::block_on(take());
        let kept: Vec<_> = taken.iter().map(|one| (&one.text[..1], one.quiet)).collect();
        assert_eq!(kept, [("a", false), ("b", true), ("c", true), ("x", false), ("x", false), ("x", false)]);
        assert_eq!(dropped, 1);
        put(LogLevel::Warning, "imalive", 3, &long);
        let (taken, dropped) = smol::block_on(take());
        assert_eq!((taken.len(), taken[0].unix_micros, dropped), (1, 3, 0));
        *tap() = None;
    }
}
