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
        for (at, character) in self.value.chars().enumerate() {
            match character {
                _ if at == SHOWN_CHARS => {
                    f.write_str("...")?;
                    break;
                }
                _ if character.is_control() => f.write_str("?")?,
                _ => f.write_str(character.encode_utf8(&mut [0; 4]))?,
            }
        }
        for part in ["\" ", self.problem, ": expected ", &self.expected] {
            f.write_str(part)?;
        }
        Ok(())
    }
}

impl core::error::Error for ConfigError {}
