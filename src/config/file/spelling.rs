//! A key that nobody knows, and the one that was meant.

use crate::config::file::fields::remark;
use crate::config::yaml::{Entry, Mistake};

/// Letters that may be wrong, missing or too many.
const SLIPS: usize = 2;

/// Keys longer than this are not compared; ours are shorter.
const LONGEST: usize = 24;

/// `KEY: unknown key: expected …`.
pub(super) fn unknown(entry: &Entry<'_>, known: &[&str]) -> Mistake {
    let key = entry.key.as_ref();
    let nearest = known.iter().map(|known| (slips(key, known), *known)).min();
    if let Some((slips, meant)) = nearest
        && slips <= SLIPS.min(meant.len() / 2)
    {
        return remark(entry.at, key, &["unknown key: expected ", meant, ", perhaps"]);
    }
    remark(entry.at, key, &["unknown key: expected one of ", &known.join(", ")])
}

/// Letters to change, add or remove (Levenshtein 1965); more than [`SLIPS`] where there is nothing to compare.
fn slips(one: &str, other: &str) -> usize {
    if one.len() > LONGEST {
        return usize::MAX;
    }
    let mut row = [0; LONGEST + 1];
    for (at, cost) in row.iter_mut().enumerate() {
        *cost = at;
    }
    for (line, letter) in other.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (at, byte) in one.bytes().enumerate() {
            let changed = diagonal + usize::from(byte != letter);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(row[at] + 1).min(row[at + 1] + 1);
        }
    }
    row[one.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_counted() {
        for (one, other, expected) in [
            ("", "", 0),
            ("url", "url", 0),
            ("ulr", "url", 2),
            ("timout", "timeout", 1),
            ("", "abc", 3),
            ("abc", "", 3),
        ] {
            assert_eq!(slips(one, other), expected, "{one} {other}");
        }
        assert_eq!(slips(&"x".repeat(25), "x"), usize::MAX);
    }
}
