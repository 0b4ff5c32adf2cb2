//! What the operator is told of a source that fails: once when it starts to, once when the reason changes, once when it
//! can be read again.

use std::fmt;
use std::path::Path;

use rustix::io::Errno;

use crate::parse::ParseError;
use crate::parse::proc_mountinfo::FsType;

/// Why a source says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel refused to open or read it.
    Read(Errno),
    /// It holds something else than expected.
    Parse(ParseError),
    /// The kernel refused to tell the space of the file system.
    Statvfs(Errno),
    /// The file system, which is of this type, gives no answer at all.
    NoAnswer(FsType),
}

impl From<Errno> for Cause {
    fn from(errno: Errno) -> Self {
        Cause::Read(errno)
    }
}

impl From<ParseError> for Cause {
    fn from(error: ParseError) -> Self {
        Cause::Parse(error)
    }
}

/// A source that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError<'a> {
    /// Which.
    pub path: &'a Path,
    /// Why.
    pub cause: Cause,
}

impl fmt::Display for ReadError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.cause {
            Cause::Read(errno) => write!(f, "read {path}: {errno}"),
            Cause::Parse(error) => write!(f, "parse {path}: {error}"),
            Cause::Statvfs(errno) => write!(f, "statvfs {path}: {errno}"),
            Cause::NoAnswer(fs_type) => write!(f, "statvfs {path}: no answer ({fs_type})"),
        }
    }
}

impl std::error::Error for ReadError<'_> {}

/// A change for better or worse, worth one line of log each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    /// A source fails that did not, or for another reason than before.
    Failed(ReadError<'a>),
    /// A source that failed can be read again.
    Recovered(&'a Path),
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Failed(error) => error.fmt(f),
            Notice::Recovered(path) => write!(f, "{} can be read again", path.display()),
        }
    }
}

/// The state of one source.
#[derive(Debug, Default)]
pub(super) struct Watch {
    failing: Option<Cause>,
}

impl Watch {
    /// Takes the outcome of one reading of `path` and tells what is new.
    pub fn tell(&mut self, path: &Path, outcome: Result<(), Cause>, on_notice: &mut dyn FnMut(Notice<'_>)) {
        let failing = outcome.err();
        if std::mem::replace(&mut self.failing, failing) == failing {
            return;
        }
        on_notice(match failing {
            Some(cause) => Notice::Failed(ReadError { path, cause }),
            None => Notice::Recovered(path),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, cause: Cause) -> String {
        Notice::Failed(ReadError { path: Path::new(path), cause }).to_string()
    }

    #[test]
    fn a_failure_names_what_was_tried_the_path_and_the_reason() {
        let denied = text("/proc/meminfo", Cause::Read(Errno::ACCESS));
        assert_eq!(denied, "read /proc/meminfo: Permission denied (os error 13)");
        let parse = text("/host/proc/stat", Cause::Parse(ParseError::MissingField("idle")));
        assert_eq!(parse, "parse /host/proc/stat: missing field `idle`");
        let missing = text("/data", Cause::Statvfs(Errno::NOENT));
        assert_eq!(missing, "statvfs /data: No such file or directory (os error 2)");
        assert_eq!(text("/mnt/x", Cause::NoAnswer(FsType::new(b"nfs4"))), "statvfs /mnt/x: no answer (nfs4)");
    }

    #[test]
    fn each_change_is_told_once() {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        let denied = Err(Cause::Read(Errno::ACCESS));
        let empty = Err(Cause::Parse(ParseError::MissingLine("cpu")));
        for outcome in [Ok(()), Ok(()), denied, denied, empty, empty, Ok(()), Ok(()), denied] {
            watch.tell(Path::new("stat"), outcome, &mut |notice| told.push(notice.to_string()));
        }
        let denied = "read stat: Permission denied (os error 13)";
        assert_eq!(told, [denied, "parse stat: missing line `cpu`", "stat can be read again", denied]);
    }
}
