//! Who is told without asking: stdout of heartbeats, stderr of diagnostics. Neither may ever stop the agent: not a pipe
//! that nobody reads, not a full disk, not a terminal that is held.

pub mod diagnostics;
mod line_writer;
pub mod stdout;
