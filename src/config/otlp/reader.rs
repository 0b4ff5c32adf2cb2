//! Variables by the types of the specification (Environment Variable Specification, "Type-specific guidance"): what it
//! wants ignored is ignored with a warning, any other mistake stops the start.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::config::ConfigError;
use crate::config::monitors::MASK;

/// The environment, and what there is to say about it.
pub(super) struct Reader<'a> {
    pub(super) lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file that holds a secret.
    pub(super) read: &'a dyn Fn(&str) -> Result<String, String>,
    pub(super) warnings: Vec<String>,
}

/// What is said of a value that is not accepted: what is wrong with it, and what would be right.
pub(super) type Words = (&'static str, &'static str);

impl Reader<'_> {
    /// The variable's value. An empty one counts as unset ("Parsing empty value").
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        Some(value.trim()).filter(|value| !value.is_empty()).map(String::from)
    }

    /// One of the variables that is set, the first one first.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| self.value(name).map(|value| (*name, value)))
    }

    /// The same, which must be what `accept` takes.
    pub(super) fn text(
        &self,
        names: &[&'static str],
        accept: fn(&str) -> Option<String>,
        words: Words,
    ) -> Result<Option<(&'static str, String)>, ConfigError> {
        let Some((name, value)) = self.first(names) else { return Ok(None) };
        match accept(&value) {
            _ if value.contains(char::REPLACEMENT_CHARACTER) => {
                Err(error(name, &value, ("is not UTF-8 text", words.1)))
            }
            Some(value) => Ok(Some((name, value))),
            None => Err(error(name, &value, words)),
        }
    }

    /// A number, or a word as one. What is none is ignored with a warning ("Numeric", "Enum"), and the next name is tried.
    pub(super) fn number(
        &mut self,
        names: &[&'static str],
        parse: &dyn Fn(&str) -> Option<u32>,
        words: Words,
    ) -> Option<u32> {
        for name in names {
            let Some(value) = self.value(name) else { continue };
            match parse(&value) {
                Some(number) => return Some(number),
                None => self.ignored(name, &value, words),
            }
        }
        None
    }

    /// Whether the first of the variables that is set says `true`. Nothing else does ("Boolean").
    pub(super) fn truth(&mut self, names: &[&'static str]) -> bool {
        let Some((name, value)) = self.first(names) else { return false };
        let truth = value.eq_ignore_ascii_case("true");
        if !truth && !value.eq_ignore_ascii_case("false") {
            let reason = error(name, &value, ("is neither true nor false", "true or false"));
            self.warn(&[&reason.to_string(), "; it counts as false"]);
        }
        truth
    }

    /// A secret, and the variable that it came from: the one called `name`, or the one that names its file. `is_given` says
    /// what counts as set.
    pub(super) fn secret(
        &self,
        name: &'static str,
        file: &'static str,
        is_given: fn(&str) -> bool,
    ) -> Result<Option<(&'static str, String)>, ConfigError> {
        let secret = self.value(name).filter(|value| is_given(value));
        let Some(path) = self.value(file).filter(|path| is_given(path)) else {
            return match secret {
                Some(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
                    Err(error(name, MASK, ("is not UTF-8 text", "text")))
                }
                secret => Ok(secret.map(|secret| (name, secret))),
            };
        };
        let refuse = |problem, expected| Err(ConfigError { variable: file, value: path.clone(), problem, expected });
        if secret.is_some() {
            return refuse("is one secret too many", Cow::Owned([name, " or ", file, ", not both"].concat()));
        }
        let text = match (self.read)(&path) {
            Ok(text) => text,
            Err(reason) => return refuse("cannot be read", Cow::Owned(["a file (", &reason, ")"].concat())),
        };
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return refuse("is empty", Cow::Borrowed("a file with the secret in it"));
        }
        Ok(is_given(text).then(|| (file, text.into())))
    }

    /// Says that a variable counts as unset.
    pub(super) fn ignored(&mut self, name: &'static str, value: &str, words: Words) {
        let reason = error(name, value, words);
        self.warn(&[&reason.to_string(), "; it counts as unset"]);
    }

    /// Says something, once.
    pub(super) fn warn(&mut self, parts: &[&str]) {
        let line = parts.concat();
        if !self.warnings.contains(&line) {
            self.warnings.push(line);
        }
    }
}

/// A value that is not accepted.
pub(super) fn error(variable: &'static str, value: &str, (problem, expected): Words) -> ConfigError {
    ConfigError { variable, value: value.into(), problem, expected: Cow::Borrowed(expected) }
}
