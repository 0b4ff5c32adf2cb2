//! Checks of other services; one protocol a file.

#[cfg(feature = "monitors")]
pub mod check;
pub mod healthcheck;
#[cfg(feature = "monitors")]
mod http;
mod http_answer;
#[cfg(feature = "monitors")]
mod tcp;
mod url;
