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
    pub fn new() -> Self {
        Stdout { lines: LineWriter::new(rustix::stdio::stdout()).ok(), told: false }
    }

    /// Writes one heartbeat, given without the end of its line, and says whether it was taken.
    pub fn beat(&mut self, mut line: String) -> bool {
        line.push('\n');
        let put = match &mut self.lines {
            Some(lines) => lines.put(line.as_bytes()),
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

impl Default for Stdout {
    fn default() -> Self {
        Stdout::new()
    }
}
