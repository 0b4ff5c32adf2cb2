//! Whole lines into a file descriptor, without waiting for it.
//!
//! `O_NONBLOCK` belongs to the open file description, which stdout shares with the shell that started us and with
//! everything else on its terminal: setting it would break them. So each kind of file is written in its own way.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SendFlags;

use crate::limits::HEARTBEAT_BYTES;

/// What a pipe with room takes without waiting (`PIPE_BUF`, pipe(7)).
const PIPE_BUF: usize = 4096;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// Written, or begun: then the rest goes out before the next line.
    Written,
    /// Dropped: there is no room now.
    Blocked,
    /// Dropped: this went wrong.
    Failed(Errno),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A regular file never blocks, and has to keep the offset that it shares with others.
    Plain,
    /// A socket has a flag for a single write; this is journald's stdout.
    Send,
    /// A pipe or a terminal, opened once more, so that the description with `O_NONBLOCK` is ours alone.
    Reopened,
    /// A pipe or a terminal that may not be opened (it belongs to another user): asked for room first. Somebody else
    /// may still take the room between the question and the write.
    Polled,
}

#[derive(Debug)]
pub(super) struct LineWriter {
    fd: OwnedFd,
    way: Way,
    rest: Vec<u8>,
}

impl LineWriter {
    pub(super) fn new(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
        let way = match kind {
            FileType::RegularFile => Way::Plain,
            FileType::Socket => Way::Send,
            _ => Way::Polled,
        };
        if way == Way::Polled
            && let Ok(own) = reopen(fd)
        {
            return Ok(LineWriter { fd: own, way: Way::Reopened, rest: Vec::new() });
        }
        let fd = rustix::io::fcntl_dupfd_cloexec(fd, 3)?;
        Ok(LineWriter { fd, way, rest: Vec::new() })
    }

    /// Writes `line`, which has its end already, as far as there is room.
    pub(super) fn put(&mut self, line: &[u8]) -> Put {
        let rest = std::mem::take(&mut self.rest);
        if let (written, Some(errno)) = self.write(&rest) {
            self.keep(&rest[written..], errno);
            return if errno == Errno::AGAIN { Put::Blocked } else { Put::Failed(errno) };
        }
        if line.len() > HEARTBEAT_BYTES {
            return Put::Blocked;
        }
        match self.write(line) {
            (_, None) => Put::Written,
            (0, Some(Errno::AGAIN)) => Put::Blocked,
            (written, Some(Errno::AGAIN)) => {
                self.keep(&line[written..], Errno::AGAIN);
                Put::Written
            }
            (written, Some(errno)) => {
                if written > 0 {
                    self.keep(&line[written..], errno);
                }
                Put::Failed(errno)
            }
        }
    }

    /// Half a line must be finished wherever it can be read, which is: not where its reader has gone.
    fn keep(&mut self, rest: &[u8], errno: Errno) {
        if [Errno::AGAIN, Errno::NOSPC, Errno::DQUOT].contains(&errno) {
            self.rest = rest.to_vec();
        }
    }

    /// The bytes that were taken, and why it was not all of them.
    fn write(&self, bytes: &[u8]) -> (usize, Option<Errno>) {
        let mut written = 0;
        while written < bytes.len() {
            match self.write_some(&bytes[written..]) {
                Ok(0) => return (written, Some(Errno::AGAIN)),
                Ok(some) => written += some,
                Err(Errno::INTR) => {}
                Err(errno) => return (written, Some(errno)),
            }
        }
        (written, None)
    }

    fn write_some(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.way {
            Way::Plain | Way::Reopened => rustix::io::write(&self.fd, bytes),
            Way::Send => rustix::net::send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Way::Polled => {
                let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
                poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
                if fds[0].revents().is_empty() {
                    return Err(Errno::AGAIN);
                }
                // Room, or an error that the write will name.
                rustix::io::write(&self.fd, &bytes[..bytes.len().min(PIPE_BUF)])
            }
        }
    }
}

fn reopen(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let mut path = String::from("/proc/self/fd/");
    path.push_str(itoa::Buffer::new().format(fd.as_fd().as_raw_fd()));
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::fs::File;
    use std::io::{Read, Seek};
    use std::os::unix::net::UnixStream;

    fn drain(from: &OwnedFd) -> Vec<u8> {
        let (mut all, mut some) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = rustix::io::read(from, &mut some) {
            all.extend_from_slice(&some[..read]);
        }
        all
    }

    /// Numbered lines longer than `PIPE_BUF` until the writer refuses one; then everything is read and one more is put.
    fn every_line_that_was_taken_is_read_whole(writer: &mut LineWriter, mut read: impl FnMut() -> Vec<u8>) {
        let line = |number: usize| format!("{number} {}\n", "x".repeat(5000)).into_bytes();
        let mut taken = Vec::new();
        for number in 0..10_000 {
            match writer.put(&line(number)) {
                Put::Written => taken.extend(line(number)),
                Put::Blocked => break,
                Put::Failed(errno) => panic!("{errno}"),
            }
        }
        assert_eq!(writer.put(b"dropped\n"), Put::Blocked);
        let mut seen = read();
        assert!(!seen.is_empty());
        assert_eq!(writer.put(b"last\n"), Put::Written);
        taken.extend(b"last\n");
        seen.extend(read());
        assert!(seen == taken, "{} bytes read of {} taken", seen.len(), taken.len());
    }

    #[test]
    fn a_full_pipe_blocks_nothing_and_tears_no_line() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let flags = rustix::fs::fcntl_getfl(&reader).unwrap();
        rustix::fs::fcntl_setfl(&reader, flags | OFlags::NONBLOCK).unwrap();
        let mut lines = LineWriter::new(writer.as_fd()).unwrap();
        assert_eq!(lines.way, Way::Reopened);
        every_line_that_was_taken_is_read_whole(&mut lines, || drain(&reader));
        // The description that others share is as it was.
        assert!(!rustix::fs::fcntl_getfl(&writer).unwrap().contains(OFlags::NONBLOCK));
    }

    #[test]
    fn a_full_pipe_of_somebody_else_blocks_nothing_either() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let flags = rustix::fs::fcntl_getfl(&reader).unwrap();
        rustix::fs::fcntl_setfl(&reader, flags | OFlags::NONBLOCK).unwrap();
        let mut lines = LineWriter { fd: writer, way: Way::Polled, rest: Vec::new() };
        every_line_that_was_taken_is_read_whole(&mut lines, || drain(&reader));
    }

    #[test]
    fn a_full_socket_blocks_nothing_and_tears_no_line() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        let mut lines = LineWriter::new(writer.as_fd()).unwrap();
        assert_eq!(lines.way, Way::Send);
        every_line_that_was_taken_is_read_whole(&mut lines, || {
            let (mut all, mut some) = (Vec::new(), [0; 4096]);
            while let Ok(read @ 1..) = reader.read(&mut some) {
                all.extend_from_slice(&some[..read]);
            }
            all
        });
    }

    #[test]
    fn a_reader_that_has_gone_is_an_error_and_no_signal() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        let mut reopened = LineWriter::new(writer.as_fd()).unwrap();
        let mut polled = LineWriter { fd: writer, way: Way::Polled, rest: Vec::new() };
        let (gone, socket) = UnixStream::pair().unwrap();
        let mut sent = LineWriter::new(socket.as_fd()).unwrap();
        drop((reader, gone));
        for lines in [&mut reopened, &mut polled, &mut sent] {
            assert_eq!(lines.put(b"a line\n"), Put::Failed(Errno::PIPE));
        }
    }

    #[test]
    fn a_pipe_without_a_reader_works_once_it_has_one() {
        let path = std::env::temp_dir().join(format!("imalive-fifo-{}", std::process::id()));
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let reader = || rustix::fs::open(&path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
        let first = reader();
        let writer = rustix::fs::open(&path, OFlags::WRONLY, Mode::empty()).unwrap();
        drop(first);
        let mut lines = LineWriter::new(writer.as_fd()).unwrap();
        assert_eq!(lines.put(b"lost\n"), Put::Failed(Errno::PIPE));
        let second = reader();
        assert_eq!(lines.put(b"seen\n"), Put::Written);
        assert_eq!(drain(&second), b"seen\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_keeps_the_offset_that_it_shares() {
        let path = std::env::temp_dir().join(format!("imalive-file-{}", std::process::id()));
        let mut file = File::create_new(&path).unwrap();
        std::io::Write::write_all(&mut file, b"before\n").unwrap();
        let mut lines = LineWriter::new(file.as_fd()).unwrap();
        assert_eq!(lines.put(b"a line\n"), Put::Written);
        std::io::Write::write_all(&mut file, b"after\n").unwrap();
        assert_eq!(file.stream_position().unwrap(), 20);
        assert_eq!(std::fs::read(&path).unwrap(), b"before\na line\nafter\n");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_full_disk_is_an_error_and_nothing_else() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut lines = LineWriter::new(full.as_fd()).unwrap();
        assert_eq!(lines.put(b"a line\n"), Put::Failed(Errno::NOSPC));
        assert_eq!(lines.put(b"a line\n"), Put::Failed(Errno::NOSPC));
    }
}
