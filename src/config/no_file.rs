//! A build that checks no other services, and so reads no `imalive.yml`.

use alloc::string::String;

use crate::config::Config;
use crate::config::variables::Variable;

pub(super) const VARIABLES: &[Variable] = &[];

/// Nothing is read.
#[allow(missing_docs)]
pub struct Sources<'a> {
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    pub config_file: &'a dyn Fn(&str) -> Result<Option<String>, String>,
    pub secret_file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// There is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {}

impl Loaded {
    /// None.
    pub fn warning_lines(&self) -> core::iter::Empty<String> {
        match *self {}
    }

    /// None.
    pub fn summary(&self) -> String {
        match *self {}
    }
}

/// No file.
pub fn load(_config: &Config, _sources: &Sources<'_>) -> Result<Option<Loaded>, String> {
    Ok(None)
}
