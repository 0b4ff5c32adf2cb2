//! Who is told without asking: stdout of heartbeats, stderr of diagnostics.
pub mod stdout;
