//! Lists of CPUs as sysfs prints them: `0`, `0-3`, `0-3,8-11` (cpuset(7), "List format").

use core::ops::RangeInclusive;

/// The ranges of a list, in its order. What is no number or range ends it.
///
/// The first number of a CPU's own `core_cpus_list` names its core: the CPU that comes first in it stands for the core.
pub fn cpu_list(text: &[u8]) -> impl Iterator<Item = RangeInclusive<u16>> + '_ {
    text.trim_ascii().split(|byte| *byte == b',').map_while(|range| {
        let mut ends = range.splitn(2, |byte| *byte == b'-').map(number);
        let first = ends.next()??;
        let last = ends.next().unwrap_or(Some(first))?;
        Some(first..=last)
    })
}

fn number(digits: &[u8]) -> Option<u16> {
    super::decimal(digits, "cpu").ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn all(text: &[u8]) -> Vec<u16> {
        cpu_list(text).flatten().collect()
    }

    #[test]
    fn every_form_that_the_kernel_prints_is_read() {
        assert_eq!(all(b"0\n"), [0]);
        assert_eq!(all(b"0-1\n"), [0, 1]);
        assert_eq!(all(b"0,4\n"), [0, 4]);
        assert_eq!(all(b"0-3,8-11\n"), [0, 1, 2, 3, 8, 9, 10, 11]);
    }

    #[test]
    fn what_is_no_list_is_empty() {
        for text in ["", "\n", "none", "-1", "1-", "65536", "x,1"] {
            assert_eq!(all(text.as_bytes()), [0_u16; 0], "{text:?}");
        }
    }

    #[test]
    fn a_list_that_turns_to_garbage_keeps_its_front() {
        assert_eq!(all(b"3,x,5"), [3]);
    }
}
