//! Checks of other services; one protocol a file.

pub mod healthcheck;
mod http_answer;
mod url;
