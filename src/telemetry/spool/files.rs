//! The directory of the spool: names, and the calls on its files.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::ring::Signal;
use crate::limits::OTLP_SPOOL_SEGMENTS;

const LOCK: &str = "lock";
const NUMBER_DIGITS: usize = 16;

/// A number that no segment of ours reaches.
const NUMBER_END: u64 = 1 << 48;

/// Waits until the card has written. Run it where that may take seconds.
#[derive(Debug, Default)]
pub struct SyncJob {
    pub(super) files: Vec<File>,
    pub(super) directory: Option<File>,
}

impl SyncJob {
    /// fdatasync(2) of what was written, and fsync(2) of the directory where a file has come or gone.
    pub fn run(self) -> io::Result<()> {
        self.files.iter().try_for_each(File::sync_data)?;
        self.directory.map_or(Ok(()), |directory| directory.sync_all())
    }
}

/// A segment that was found.
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) signal: Signal,
    pub(super) len: u64,
}

#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Held while this agent uses the directory.
    _lock: Option<File>,
}

impl Directory {
    /// Opens or makes it. With the segments in it, the oldest first.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<Found>), String> {
        let mut directory = Directory { path: path.into(), _lock: None };
        let failed = |directory: &Self, error: io::Error| directory.line(&["cannot be used: ", &error.to_string()]);
        if !path.is_absolute() {
            return Err(directory.line(&["is not an absolute path"]));
        }
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| failed(&directory, error))?;
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(path.join(LOCK));
        let lock = lock.map_err(|error| failed(&directory, error))?;
        // Where the file system knows no locks there are none.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(directory.line(&["is used by another agent"]));
        }
        directory._lock = Some(lock);
        let found = directory.list().map_err(|error| failed(&directory, error))?;
        Ok((directory, found))
    }

    fn list(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        // What is beyond that is seen at the next start.
        for entry in fs::read_dir(&self.path)?.flatten().take(4 * OTLP_SPOOL_SEGMENTS) {
            if let Some((number, signal)) = entry.file_name().to_str().and_then(parse_name)
                && let Ok(metadata) = entry.metadata()
                && metadata.is_file()
            {
                found.push(Found { number, signal, len: metadata.len() });
            }
        }
        found.sort_unstable_by_key(|segment| segment.number);
        Ok(found)
    }

    /// Appends to a segment of `len` bytes, or begins it. What a failure leaves of it is cut off, if that is possible.
    pub(super) fn append(&self, number: u64, signal: Signal, len: u64, bytes: &[u8]) -> io::Result<File> {
        let path = self.path_of(number, signal);
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create_new(len == 0).mode(0o600).open(&path)?;
        if let Err(error) = file.write_all(bytes) {
            let _ = if len == 0 { fs::remove_file(&path) } else { file.set_len(len) };
            return Err(error);
        }
        Ok(file)
    }

    /// Reads so much of a segment.
    pub(super) fn read(&self, number: u64, signal: Signal, len: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len as usize)?;
        File::open(self.path_of(number, signal))?.take(len).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn remove(&self, number: u64, signal: Signal) -> io::Result<()> {
        match fs::remove_file(self.path_of(number, signal)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// For fsync(2).
    pub(super) fn handle(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// A line for the log.
    pub(super) fn line(&self, words: &[&str]) -> String {
        ["OTEL_SPOOL_DIR: ", &self.path.to_string_lossy(), " ", &words.concat()].concat()
    }

    fn path_of(&self, number: u64, signal: Signal) -> PathBuf {
        let digits =
            (0..NUMBER_DIGITS).rev().filter_map(|place| char::from_digit((number >> (4 * place)) as u32 & 15, 16));
        let mut name: String = digits.collect();
        name.push_str(suffix(signal));
        self.path.join(name)
    }
}

fn suffix(signal: Signal) -> &'static str {
    match signal {
        Signal::Metrics => ".metrics",
        Signal::Logs => ".logs",
        Signal::Traces => ".traces",
    }
}

fn parse_name(name: &str) -> Option<(u64, Signal)> {
    let (digits, end) = name.split_at_checked(NUMBER_DIGITS)?;
    let signal = Signal::ALL.into_iter().find(|signal| suffix(*signal) == end)?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    let number = u64::from_str_radix(digits, 16).ok().filter(|number| plain && *number < NUMBER_END)?;
    Some((number, signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_number_and_signal_and_no_other_name_does() {
        let directory = Directory { path: "/spool".into(), _lock: None };
        for (number, signal, name) in [
            (0, Signal::Metrics, "0000000000000000.metrics"),
            (0xabc, Signal::Logs, "0000000000000abc.logs"),
            (NUMBER_END - 1, Signal::Traces, "0000ffffffffffff.traces"),
        ] {
            assert_eq!(directory.path_of(number, signal), Path::new("/spool").join(name));
            assert_eq!(parse_name(name), Some((number, signal)));
        }
        for other in [
            "",
            "lock",
            "0000000000000000",
            "0000000000000000.metrics.old",
            "000000000000000.metrics",
            "0000000000000ABC.logs",
            "+000000000000abc.logs",
            "0001000000000000.logs",
            "ffffffffffffffff.logs",
            "éééééééé.logs",
        ] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }
}
