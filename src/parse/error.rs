//! Why the text of a kernel file says nothing.

use core::fmt;

/// What is wrong, and with which part; whoever opened the file adds its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The line is not there.
    MissingLine(&'static str),
    /// The line, or what came of it, ends before its end.
    CutOff(&'static str),
    /// The field is not there.
    MissingField(&'static str),
    /// The field is there, but no number.
    NotANumber(&'static str),
    /// The field is in another unit than the kernel's.
    WrongUnit(&'static str),
    /// The field is beyond 64 bits.
    TooLarge(&'static str),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, name, after) = match self {
            ParseError::MissingLine(name) => ("missing line", name, ""),
            ParseError::CutOff(name) => ("line", name, " is cut off"),
            ParseError::MissingField(name) => ("missing field", name, ""),
            ParseError::NotANumber(name) => ("field", name, " is not a number"),
            ParseError::WrongUnit(name) => ("field", name, " is not in kB"),
            ParseError::TooLarge(name) => ("field", name, " is too large"),
        };
        write!(f, "{before} `{name}`{after}")
    }
}

impl core::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_message_names_the_thing() {
        assert_eq!(ParseError::MissingField("idle").to_string(), "missing field `idle`");
        assert_eq!(ParseError::CutOff("cpu").to_string(), "line `cpu` is cut off");
        assert_eq!(ParseError::TooLarge("MemTotal").to_string(), "field `MemTotal` is too large");
    }

    #[test]
    fn an_error_is_no_larger_than_a_name_and_its_kind() {
        assert!(size_of::<ParseError>() <= 3 * size_of::<usize>());
    }
}
