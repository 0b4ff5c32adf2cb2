//! A build that sends nothing over OTLP.

use alloc::string::String;

use crate::config::ConfigError;

/// There is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Otlp {}

impl Otlp {
    /// None.
    pub fn from_environment(
        _lookup: &dyn Fn(&str) -> Option<String>,
        _read: &dyn Fn(&str) -> Result<String, String>,
        _node_name: &str,
    ) -> Result<Option<Otlp>, ConfigError> {
        Ok(None)
    }

    /// None.
    pub fn warnings(&self) -> &[String] {
        match *self {}
    }
}

/// Nothing.
pub fn effective(_lookup: &dyn Fn(&str) -> Option<String>, _otlp: Option<&Otlp>) -> String {
    String::new()
}

pub(super) fn is_unknown(_name: &str) -> bool {
    false
}

pub(super) fn push_help(_text: &mut String) {}
