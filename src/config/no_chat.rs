//! A build that tells no chat.

use alloc::string::String;

use crate::config::ConfigError;
use crate::config::variables::Variable;

/// None.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chat {}

impl Chat {
    /// None.
    pub fn warning(&self) -> Option<&'static str> {
        None
    }

    /// None.
    pub fn read_secrets(
        &mut self,
        _lookup: &dyn Fn(&str) -> Option<String>,
        _read: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<(), ConfigError> {
        Ok(())
    }
}

pub(super) fn is_secret(_name: &str) -> bool {
    false
}

pub(super) const VARIABLES: &[Variable] = &[];
