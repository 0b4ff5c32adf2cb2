//! Which status codes are fine: `"20*"`, `"200,204,30*"`.

use alloc::string::String;

/// A list of codes, of which each may have `*` for one or more digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePattern(String);

impl CodePattern {
    /// Or `None` where that is no list of codes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits_and_stars = |code: &str| !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit() || b == b'*');
        text.split(',').all(|code| digits_and_stars(code.trim())).then(|| CodePattern(text.into()))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `code` is one of them.
    pub fn matches(&self, code: u16) -> bool {
        let code = alloc::format!("{code}");
        self.0.split(',').any(|pattern| pattern.trim() == code)
    }
}
