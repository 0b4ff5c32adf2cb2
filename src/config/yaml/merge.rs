//! `<<`, the merge key of YAML 1.1: entries of other mappings, unless they are given.

use alloc::vec::Vec;

use super::{Entry, Mistake, Node, Value};

pub(super) const KEY: &str = "<<";

/// Adds the entries of `node`, one mapping or a list of them. Of several that have a key, the first counts.
pub(super) fn merge<'a>(merged: &mut Vec<Entry<'a>>, node: Node<'a>) -> Result<(), Mistake> {
    let at = node.at;
    let mappings = match node.value {
        Value::Sequence(items) => items,
        value => Vec::from([Node { at, value }]),
    };
    // The last comes first, as in the original: what overrides it keeps its place.
    for mapping in mappings.into_iter().rev() {
        let Value::Mapping(entries) = mapping.value else {
            return Err(super::mistake(
                mapping.at,
                "<<: not a mapping: expected an alias of a mapping, or a list of such",
            ));
        };
        for entry in entries {
            replace(merged, entry);
        }
    }
    Ok(())
}

pub(super) fn overridden<'a>(mut merged: Vec<Entry<'a>>, own: Value<'a>) -> Value<'a> {
    match own {
        Value::Mapping(entries) if !merged.is_empty() => {
            for entry in entries {
                replace(&mut merged, entry);
            }
            Value::Mapping(merged)
        }
        own => own,
    }
}

fn replace<'a>(entries: &mut Vec<Entry<'a>>, entry: Entry<'a>) {
    match entries.iter_mut().find(|known| known.key == entry.key) {
        Some(known) => *known = entry,
        None => entries.push(entry),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::yaml::tests::{error, tree};

    #[test]
    fn a_merge_key_brings_what_is_not_given() {
        let merged = tree("- &x {a: 1, b: 2}\n- &y {b: 3, c: 4}\n- {b: 5, d: 6, <<: [*x, *y]}\n- {<<: *x, e: 7}\n");
        assert_eq!(merged, "[{a: 1, b: 2}, {b: 3, c: 4}, {b: 5, c: 4, a: 1, d: 6}, {a: 1, b: 2, e: 7}]");
        assert_eq!(tree("{'<<': 1}"), "{<<: 1}");
        assert_eq!(error("a: 1\n<<: x\n"), "2:5: <<: not a mapping: expected an alias of a mapping, or a list of such");
    }

    #[test]
    fn what_was_merged_is_merged_further() {
        let nested = "a0: &a0 {<<: {}, k: 1}\na1: &a1 {<<: [*a0, *a0], l: 2}\n";
        assert_eq!(tree(nested), "{a0: {k: 1}, a1: {k: 1, l: 2}}");
    }
}
