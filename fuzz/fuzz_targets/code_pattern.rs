//! A pattern of status codes matches what a search of every way to take it apart matches.
#![no_main]

use imalive::config::codes::CodePattern;
use libfuzzer_sys::fuzz_target;

/// `*` is one digit or more: each number of them is tried.
fn slowly(pattern: &str, code: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => code.is_empty(),
        Some('*') => (1..=code.len()).any(|taken| slowly(rest.as_str(), &code[taken..])),
        Some(digit) => code.strip_prefix(digit).is_some_and(|code| slowly(rest.as_str(), code)),
    }
}

fuzz_target!(|input: (u16, &str)| {
    let (code, text) = input;
    let is_code = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || c == '*');
    let parsed = CodePattern::parse(text);
    assert_eq!(parsed.is_some(), text.split(',').all(|part| is_code(part.trim())));
    if let Some(pattern) = parsed {
        assert_eq!(pattern.as_str(), text);
        let code_text = code.to_string();
        let expected = text.split(',').any(|part| slowly(part.trim(), &code_text));
        assert_eq!(pattern.matches(code), expected, "{text} {code}");
    }
});
