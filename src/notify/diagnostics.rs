//! The `log` backend: diagnostics, a line each, to stderr; or an entry each to the journal.
//!
//! The text is `simple_logger`'s. It prints with `eprintln!`, which panics when stderr fails and waits while stderr is
//! blocked: a full disk under a log file, or a log collector that has crashed, would end or stop the agent. So it prints
//! into a pipe of ours in stderr's place, which is empty before and put back after, and the line goes out from there.

use std::fmt::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use simple_logger::SimpleLogger;

use crate::config::{Config, LogFormat, LogLevel, MONITORS, OTLP, SYSTEMD};
use crate::limits::{CID_BYTES, DIAGNOSTIC_BYTES};
use crate::notify::journal::Journal;
use crate::notify::line_writer::{LineWriter, Put};
use crate::report::iso8601::iso8601;
use crate::report::{journal, json};

/// What diagnostics cannot know themselves.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    /// Microseconds since 1970-01-01 UTC.
    pub unix_micros: fn() -> u64,
    /// A fresh correlation id.
    pub cid: fn() -> heapless::String<CID_BYTES>,
    /// Who else is told, where [`OTLP`] is built in: of the level, the target, the time in microseconds since 1970-01-01 UTC
    /// and the text. It must not log.
    pub told: fn(LogLevel, &str, u64, &str),
}

/// The target of what a collector is told in another form.
pub const EVENT: &str = "imalive::event";

/// Writes diagnostics from now on: to the journal if that is the format, else to stderr. `journal_stream` is the value of
/// `$JOURNAL_STREAM`.
pub fn init(config: &Config, journal_stream: Option<&str>, sources: Sources) -> Result<(), Errno> {
    let stderr = rustix::stdio::stderr();
    let stat = rustix::fs::fstat(stderr)?;
    let level = match config.log_level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
    };
    let diagnostics = Diagnostics {
        simple: SimpleLogger::new().with_level(level),
        level,
        format: config.log_format,
        node_name: config.node_name.as_str().into(),
        journal: is_journal(journal_stream, stat.st_dev, stat.st_ino),
        entries: if SYSTEMD && config.log_format == LogFormat::Journal { Journal::open().ok() } else { None },
        sources,
        stderr: Mutex::new(Stderr { lines: LineWriter::new(stderr)?, stand_in: StandIn::new()? }),
    };
    // A second logger is refused, which leaves the first in place: as it should be.
    if log::set_boxed_logger(Box::new(diagnostics)).is_ok() {
        log::set_max_level(level);
    }
    Ok(())
}

/// Whether stderr is the journal's, for what has to be said before there is a configuration.
pub fn stderr_is_journal(journal_stream: Option<&str>) -> bool {
    rustix::fs::fstat(rustix::stdio::stderr()).is_ok_and(|stat| is_journal(journal_stream, stat.st_dev, stat.st_ino))
}

/// `$JOURNAL_STREAM` holds the device and inode of the journal's stream; a child whose stderr was redirected inherits
/// the variable too (systemd.exec(5)).
fn is_journal(journal_stream: Option<&str>, device: u64, inode: u64) -> bool {
    let Some((stream_device, stream_inode)) = journal_stream.and_then(|stream| stream.split_once(':')) else {
        return false;
    };
    stream_device.parse() == Ok(device) && stream_inode.parse() == Ok(inode)
}

struct Diagnostics {
    simple: SimpleLogger,
    level: LevelFilter,
    format: LogFormat,
    node_name: Box<str>,
    /// Stderr is the journal's.
    journal: bool,
    /// Where entries go in place of lines.
    entries: Option<Journal>,
    sources: Sources,
    stderr: Mutex<Stderr>,
}

struct Stderr {
    lines: LineWriter,
    stand_in: StandIn,
}

impl Log for Diagnostics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level && !(MONITORS && is_inner_talk(metadata))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let body = body(record);
        if OTLP && record.target() != EVENT {
            let level = match record.level() {
                Level::Error => LogLevel::Error,
                Level::Warn => LogLevel::Warning,
                Level::Info => LogLevel::Info,
                Level::Debug | Level::Trace => LogLevel::Debug,
            };
            (self.sources.told)(level, record.target(), (self.sources.unix_micros)(), &body);
        }
        let (level, priority) = match record.level() {
            Level::Error => ("ERROR", "<3>"),
            Level::Warn => ("WARN", "<4>"),
            Level::Info => ("INFO", "<6>"),
            Level::Debug | Level::Trace => ("DEBUG", "<7>"),
        };
        if SYSTEMD && let Some(entries) = &self.entries {
            let put = entries.put(&journal::diagnostic(&body, priority.as_bytes()[1] - b'0', &self.node_name));
            // Where no journal is left, stderr may still be read.
            if !matches!(put, Put::Failed(_)) {
                return;
            }
        }
        let unix_micros = (self.sources.unix_micros)();
        let mut stderr = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = Vec::from(if self.journal { priority } else { "" });
        if self.format == LogFormat::Json {
            let cid = (self.sources.cid)();
            line.extend(json::diagnostic(&body, level, unix_micros, &self.node_name, &cid).into_bytes());
            line.push(b'\n');
        } else {
            // The journal has times of its own.
            let target = if self.journal { "imalive".into() } else { iso8601(unix_micros) };
            stderr.stand_in.catch(&mut line, &mut || {
                let args = format_args!("{body}");
                self.simple.log(&Record::builder().level(record.level()).target(&target).args(args).build());
            });
        }
        // There is nobody left to tell of a diagnostic that is not taken.
        let _ = stderr.lines.put(&line);
    }

    fn flush(&self) {}
}

/// The text of `record` on one line and within bounds, with its source where that is not imalive.
fn body(record: &Record<'_>) -> String {
    let mut body = Body(String::with_capacity(128));
    let target = record.target();
    // An error is Body's way to say that it is full.
    let _ = match target.split("::").next() {
        Some("imalive") => body.write_fmt(*record.args()),
        _ => body.write_str(target).and_then(|()| body.write_str(": ")).and_then(|()| body.write_fmt(*record.args())),
    };
    body.0
}

struct Body(String);

impl Write for Body {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.0.len() + character.len_utf8() > DIAGNOSTIC_BYTES {
                return Err(fmt::Error);
            }
            self.0.push(if character.is_control() { ' ' } else { character });
        }
        Ok(())
    }
}

/// What libraries say of every step of every check.
fn is_inner_talk(metadata: &Metadata<'_>) -> bool {
    metadata.level() >= Level::Debug && !metadata.target().starts_with("imalive")
}

/// What takes stderr's place while something prints that must not fail.
struct StandIn {
    stderr: OwnedFd,
    reader: OwnedFd,
    writer: OwnedFd,
}

impl StandIn {
    fn new() -> Result<Self, Errno> {
        let stderr = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok(StandIn { stderr, reader, writer })
    }

    /// Appends to `line` what `print` prints to stderr, which fits an empty pipe.
    fn catch(&self, line: &mut Vec<u8>, print: &mut dyn FnMut()) {
        if rustix::io::retry_on_intr(|| rustix::stdio::dup2_stderr(&self.writer)).is_err() {
            return;
        }
        print();
        // It can only be interrupted: both descriptors are there.
        let _ = rustix::io::retry_on_intr(|| rustix::stdio::dup2_stderr(&self.stderr));
        let mut some = [0; 512];
        while let Ok(read @ 1..) = rustix::io::read(&self.reader, &mut some) {
            line.extend_from_slice(&some[..read]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        assert!(is_journal(Some("9:40123"), 9, 40_123));
        assert!(!is_journal(Some("9:40123"), 9, 40_124));
        assert!(!is_journal(Some("8:40123"), 9, 40_123));
        for nonsense in [None, Some(""), Some("9"), Some("9:"), Some(":40123"), Some("9:40123:1"), Some("a:b")] {
            assert!(!is_journal(nonsense, 9, 40_123), "{nonsense:?}");
        }
    }

    #[test]
    fn libraries_are_heard_when_they_warn_and_not_when_they_debug() {
        let quiet = |target, level| is_inner_talk(&Metadata::builder().target(target).level(level).build());
        assert!(quiet("ureq_proto::client", Level::Debug) && quiet("rustls::client", Level::Trace));
        assert!(!quiet("rustls::client", Level::Warn) && !quiet("imalive::config", Level::Debug));
    }

    #[test]
    fn a_diagnostic_is_one_line_within_bounds() {
        let long = "ü".repeat(DIAGNOSTIC_BYTES);
        let text =
            |target: &str, text: &str| body(&Record::builder().target(target).args(format_args!("{text}")).build());
        assert_eq!(text("imalive::config", "a\r\nb\x1b[31m"), "a  b [31m");
        assert_eq!(text("imalive", "a"), "a");
        assert_eq!(text("polling::epoll", "a"), "polling::epoll: a");
        assert_eq!(text("imalive", &long).len(), DIAGNOSTIC_BYTES);
    }
}
