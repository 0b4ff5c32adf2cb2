//! Kernel files: bytes in, `snapshot` values out; one kernel file a file, without allocation.
//!
//! A parser takes one line at a time and says when it has seen enough, so a file of any size goes through one page of
//! memory, and what nobody asks for (the `intr` line of a large machine is tens of kilobytes) is never read.

mod cpu_list;
mod error;
mod lines;
pub mod proc_meminfo;
pub mod proc_mountinfo;
pub mod proc_stat;

#[cfg(test)]
mod mutation;

pub use cpu_list::cpu_list;
pub use error::ParseError;
pub use lines::{Line, OnLine, Page, lines};

/// The number that `digits` spell, as the value of `field`.
fn decimal(digits: &[u8], field: &'static str) -> Result<u64, ParseError> {
    if digits.is_empty() {
        return Err(ParseError::MissingField(field));
    }
    let mut value = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(ParseError::NotANumber(field));
        }
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u64::from(digit - b'0')))
            .ok_or(ParseError::TooLarge(field))?;
    }
    Ok(value)
}

/// The words of a line: what stands between runs of blanks.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_that_fit_64_bits() {
        assert_eq!(decimal(b"18446744073709551615", "idle"), Ok(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616", "idle"), Err(ParseError::TooLarge("idle")));
        assert_eq!(decimal(b"-1", "idle"), Err(ParseError::NotANumber("idle")));
        assert_eq!(decimal(b"+1", "idle"), Err(ParseError::NotANumber("idle")));
        assert_eq!(decimal(b"", "idle"), Err(ParseError::MissingField("idle")));
    }
}
