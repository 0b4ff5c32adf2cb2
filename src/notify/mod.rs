//! Who is told without asking: stdout of heartbeats, stderr of diagnostics, the journal of both, the service manager of
//! how the agent is. None of them may ever stop the agent: not a pipe that nobody reads, not a full disk, not a terminal
//! that is held.

pub mod diagnostics;
pub mod heartbeats;
pub mod journal;
mod line_writer;
#[cfg(feature = "monitors")]
pub mod outbox;
pub mod service_manager;
