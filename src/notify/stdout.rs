//! Heartbeats, a line each, to stdout.

use log::{info, warn};

use crate::notify::line_writer::{LineWriter, Put};

/// Stdout, which never makes the agent wait.
#[derive(Debug)]
pub struct Stdout {
    /// `None`: there is none.
    lines: Option<LineWriter>,
    /// The trouble has been told; once is enough until it is over.
    told: bool,
}

impl Stdout {
    /// This process's stdout, whatever it is.
    pub fn open() -> Self {
        Stdout { lines: LineWriter::new(rustix::stdio::stdout()).ok(), told: false }
    }

    /// Writes one heartbeat, given without the end of its line, and says whether it was taken.
    pub fn write_line(&mut self, line: &str) -> bool {
        let mut whole = Vec::with_capacity(line.len() + 1);
        whole.extend_from_slice(line.as_bytes());
        whole.push(b'\n');
        let put = match &mut self.lines {
            Some(lines) => lines.put(&whole),
            None => Put::Failed(rustix::io::Errno::BADF),
        };
        let trouble = put != Put::Written;
        if trouble != self.told {
            self.told = trouble;
            match put {
                Put::Written => info!("stdout takes heartbeats again"),
                Put::Blocked => warn!("stdout is blocked, heartbeats are dropped"),
                Put::Failed(errno) => {
                    warn!("write a heartbeat to stdout: {}", std::io::Error::from(errno));
                }
            }
        }
        !trouble
    }
}
