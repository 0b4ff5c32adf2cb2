//! Why a configuration is refused, in one line.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

/// Characters of a refused value that are shown.
const SHOWN_CHARS: usize = 64;

/// A variable whose value is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Its name.
    pub variable: &'static str,
    /// Its value.
    pub value: String,
    /// What is wrong with it: `is not a port`.
    pub problem: &'static str,
    /// What would be right.
    pub expected: Cow<'static, str>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.variable)?;
        f.write_str(": \"")?;
        write_shown(f, &self.value)?;
        for part in ["\" ", self.problem, ": expected ", &self.expected] {
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// A value as messages show it: its beginning, and no control characters.
pub(super) fn write_shown(out: &mut dyn fmt::Write, value: &str) -> fmt::Result {
    for (at, character) in value.chars().enumerate() {
        match character {
            _ if at == SHOWN_CHARS => return out.write_str("..."),
            _ if character.is_control() => out.write_str("?")?,
            _ => out.write_str(character.encode_utf8(&mut [0; 4]))?,
        }
    }
    Ok(())
}

impl core::error::Error for ConfigError {}
