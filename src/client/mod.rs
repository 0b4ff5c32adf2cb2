//! Asking others: names to addresses, connections, TLS, one HTTP request. Nothing here blocks the executor.

mod certificate;
mod progress;
mod resolve;
mod stream;
mod trust;
mod workers;
