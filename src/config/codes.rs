//! Which status codes are fine: `"20*"`, `"200,204,30*"`.

use alloc::string::String;

/// A list of codes, of which each may have `*` for one or more digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePattern(String);

impl Default for CodePattern {
    /// The original's: `20*`.
    fn default() -> Self {
        CodePattern("20*".into())
    }
}

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
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(code).as_bytes();
        self.0.split(',').any(|pattern| matches_one(pattern.trim().as_bytes(), digits))
    }
}

/// One look at each byte of the pattern: a bit of `ends` is set where what has been seen of it may end in `digits`.
fn matches_one(pattern: &[u8], digits: &[u8]) -> bool {
    // A `u16` has five digits: six places are enough.
    let mut ends: u8 = 1;
    for byte in pattern {
        let mut next = 0;
        for (at, digit) in digits.iter().enumerate() {
            if *byte == b'*' {
                // One digit more, or as many as the `*` has taken already.
                next |= ((ends | next) & (1 << at)) << 1;
            } else if byte == digit {
                next |= (ends & (1 << at)) << 1;
            }
        }
        ends = next;
    }
    ends & (1 << digits.len()) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn matches(pattern: &str, code: u16) -> bool {
        CodePattern::parse(pattern).unwrap().matches(code)
    }

    #[test]
    fn a_star_is_one_digit_or_more() {
        assert!(matches("20*", 200) && matches("20*", 208) && matches("20*", 2000));
        assert!(!matches("20*", 20) && !matches("20*", 210) && !matches("20*", 120));
        assert!(matches("*", 7) && matches("*", 65_535));
        assert!(matches("*4", 404) && !matches("*4", 4));
        assert!(matches("4*4", 404) && !matches("4*4", 44));
        assert!(matches("**", 20) && !matches("**", 2));
        assert!(matches("2*0*1", 25_031) && !matches("2*0*1", 2001));
    }

    #[test]
    fn a_list_has_spaces_and_any_number_of_codes() {
        for code in [200, 204, 301] {
            assert!(matches(" 200 , 204,30* ", code), "{code}");
        }
        assert!(!matches("200,204", 20_020));
        assert!(!matches("200,204", 20));
    }

    #[test]
    fn what_is_no_list_of_codes_is_refused() {
        for text in ["", ",", "200,", "2xx", "20?", "200 204", "-1", "20[0-4]", "\u{0662}00"] {
            assert_eq!(CodePattern::parse(text), None, "{text}");
        }
    }

    /// All that a pattern may be followed by, letter by letter.
    fn slowly(pattern: &str, code: &str) -> bool {
        let mut rest = pattern.chars();
        match rest.next() {
            None => code.is_empty(),
            Some('*') => (1..=code.len()).any(|taken| slowly(rest.as_str(), &code[taken..])),
            Some(digit) => code.strip_prefix(digit).is_some_and(|code| slowly(rest.as_str(), code)),
        }
    }

    #[test]
    fn every_short_pattern_matches_what_a_slow_search_says() {
        let mut patterns: Vec<alloc::string::String> = Vec::from(["".to_string()]);
        for _ in 0..5 {
            let longer = patterns.iter().flat_map(|text| ['0', '1', '2', '*'].map(|letter| format!("{text}{letter}")));
            patterns = patterns.iter().cloned().chain(longer).collect();
            patterns.sort();
            patterns.dedup();
        }
        assert_eq!(patterns.len(), 1 + 4 + 16 + 64 + 256 + 1024);
        let codes = (0..=222).chain(1000..1023).chain([2000, 2020, 10_000, 10_201, 20_202, 22_222, 65_535]);
        let codes: Vec<u16> = codes.collect();
        for pattern in patterns.iter().filter(|pattern| !pattern.is_empty()) {
            let parsed = CodePattern::parse(pattern).unwrap();
            for code in &codes {
                assert_eq!(parsed.matches(*code), slowly(pattern, &code.to_string()), "{pattern} {code}");
            }
        }
    }

    #[test]
    fn a_long_pattern_takes_no_long_time() {
        assert!(!matches(&"*".repeat(100_000), 200));
        assert!(matches(&format!("{}200", "*1,".repeat(50_000)), 200));
    }
}
