//! The systemd journal, spoken to in its own protocol: an entry of fields is a datagram.
//!
//! The crates for it take their entries from a logger of their own or bring a hash and a serializer along; what is
//! needed of the protocol is one send. Entries stay below what a datagram takes, so none has to go by memfd.

use std::io::{self, ErrorKind};
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::io::Errno;

use crate::notify::line_writer::Put;

/// Where journald listens (systemd-journald.service(8)).
const SOCKET: &str = "/run/systemd/journal/socket";

/// A socket for entries.
#[derive(Debug)]
pub(super) struct Journal {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Journal {
    pub(super) fn open() -> io::Result<Self> {
        Self::at(SOCKET)
    }

    fn at(path: &str) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        // Not connected: each entry finds the journal that listens now.
        Ok(Journal { socket, address: SocketAddr::from_pathname(path)? })
    }

    pub(super) fn put(&self, entry: &str) -> Put {
        match self.socket.send_to_addr(entry.as_bytes(), &self.address) {
            Ok(_) => Put::Written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Put::Blocked,
            Err(error) => Put::Failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        }
    }
}

/// Whether a journal listens here.
pub fn listens() -> bool {
    UnixDatagram::unbound().and_then(|socket| socket.connect(SOCKET)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_datagram_and_a_journal_that_does_not_read_stops_nothing() {
        let path = std::env::temp_dir().join(format!("imalive-journal-{}", std::process::id()));
        let journald = UnixDatagram::bind(&path).unwrap();
        let journal = Journal::at(path.to_str().unwrap()).unwrap();
        assert_eq!(journal.put("MESSAGE=a\nPRIORITY=6\n"), Put::Written);
        let mut bytes = [0; 64];
        let read = journald.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..read], b"MESSAGE=a\nPRIORITY=6\n");

        let taken = (0..100_000).take_while(|_| journal.put("MESSAGE=b\n") == Put::Written).count();
        assert_eq!(journal.put("MESSAGE=c\n"), Put::Blocked);
        for _ in 0..taken {
            journald.recv(&mut bytes).unwrap();
        }
        assert_eq!(journal.put("MESSAGE=d\n"), Put::Written);

        // A journal that was started anew has the same path and another socket.
        drop(journald);
        assert_eq!(journal.put("MESSAGE=e\n"), Put::Failed(Errno::CONNREFUSED));
        std::fs::remove_file(&path).unwrap();
        let journald = UnixDatagram::bind(&path).unwrap();
        assert_eq!(journal.put("MESSAGE=f\n"), Put::Written);
        drop(journald);
        std::fs::remove_file(path).unwrap();
    }
}
