//! Heartbeats: a line each to stdout, or an entry each to the journal.

use log::{info, warn};

use crate::config::{LogFormat, SYSTEMD};
use crate::notify::journal::Journal;
use crate::notify::line_writer::{LineWriter, Put};

/// Where heartbeats go, which never makes the agent wait.
#[derive(Debug)]
pub struct Heartbeats {
    outlet: Outlet,
    /// The trouble has been told; once is enough until it is over.
    told: bool,
}

#[derive(Debug)]
enum Outlet {
    Stdout(LineWriter),
    Journal(Journal),
    /// Stdout is closed.
    Nowhere,
}

impl Heartbeats {
    /// For heartbeats that look like this: to the journal, or to this process's stdout, whatever that is.
    pub fn open(format: LogFormat) -> Self {
        let outlet = if SYSTEMD && format == LogFormat::Journal {
            Journal::open().map(Outlet::Journal).unwrap_or(Outlet::Nowhere)
        } else {
            LineWriter::new(rustix::stdio::stdout()).map(Outlet::Stdout).unwrap_or(Outlet::Nowhere)
        };
        Heartbeats { outlet, told: false }
    }

    /// Writes one heartbeat and says whether it was taken. A line is given without its end.
    pub fn write(&mut self, heartbeat: &str) -> bool {
        let put = match &mut self.outlet {
            Outlet::Stdout(lines) => {
                let mut whole = Vec::with_capacity(heartbeat.len() + 1);
                whole.extend_from_slice(heartbeat.as_bytes());
                whole.push(b'\n');
                lines.put(&whole)
            }
            Outlet::Journal(journal) if SYSTEMD => journal.put(heartbeat),
            Outlet::Journal(_) | Outlet::Nowhere => Put::Failed(rustix::io::Errno::BADF),
        };
        let trouble = put != Put::Written;
        if trouble != self.told {
            self.told = trouble;
            self.tell(put);
        }
        !trouble
    }

    fn tell(&self, put: Put) {
        let name = match &self.outlet {
            Outlet::Journal(_) if SYSTEMD => "the journal",
            _ => "stdout",
        };
        match put {
            Put::Written => info!("{name} takes heartbeats again"),
            Put::Blocked => warn!("{name} is blocked, heartbeats are dropped"),
            Put::Failed(errno) => warn!("write a heartbeat to {name}: {}", std::io::Error::from(errno)),
        }
    }
}
