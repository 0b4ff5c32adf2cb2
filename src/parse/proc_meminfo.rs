//! `/proc/meminfo` (proc_meminfo(5)): memory and swap, each by itself, so that what one lacks does not spoil the other.

use core::ops::ControlFlow;

use super::{Line, ParseError, decimal, lines, words};
use crate::snapshot::{Memory, Swap};

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemInfo {
    /// Main memory.
    pub memory: Result<Memory, ParseError>,
    /// Swap; `None` where the kernel does not speak of any.
    pub swap: Result<Option<Swap>, ParseError>,
}

type Field = Option<Result<u64, ParseError>>;

/// Picks out the lines that matter.
#[derive(Debug, Default)]
pub struct MemLines {
    total: Field,
    available: Field,
    free: Field,
    buffers: Field,
    cached: Field,
    reclaimable: Field,
    shared: Field,
    swap_total: Field,
    swap_free: Field,
}

impl MemLines {
    /// Takes the next line; breaks when all that can matter is known.
    pub fn line(&mut self, line: Line<'_>) -> ControlFlow<()> {
        let Some(colon) = line.text.iter().position(|byte| *byte == b':') else {
            return ControlFlow::Continue(());
        };
        let (key, value) = (&line.text[..colon], &line.text[colon + 1..]);
        let (field, name) = match key {
            b"MemTotal" => (&mut self.total, "MemTotal"),
            b"MemFree" => (&mut self.free, "MemFree"),
            b"MemAvailable" => (&mut self.available, "MemAvailable"),
            b"Buffers" => (&mut self.buffers, "Buffers"),
            b"Cached" => (&mut self.cached, "Cached"),
            b"SReclaimable" => (&mut self.reclaimable, "SReclaimable"),
            b"Shmem" => (&mut self.shared, "Shmem"),
            b"SwapTotal" => (&mut self.swap_total, "SwapTotal"),
            b"SwapFree" => (&mut self.swap_free, "SwapFree"),
            _ => return ControlFlow::Continue(()),
        };
        *field = Some(if line.whole { bytes(value, name) } else { Err(ParseError::CutOff(name)) });
        if self.total.is_some() && self.available.is_some() && self.swap_total.is_some() && self.swap_free.is_some() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// What the lines say together.
    pub fn finish(self) -> MemInfo {
        MemInfo { memory: self.memory(), swap: self.swap() }
    }

    fn memory(&self) -> Result<Memory, ParseError> {
        let total_bytes = required(self.total, "MemTotal")?;
        let available_bytes = match self.available {
            Some(available) => available?,
            None => self.estimate()?,
        };
        // A container's view (lxcfs) can have more available than its limit lets it have in all.
        Ok(Memory { total_bytes, available_bytes: available_bytes.min(total_bytes) })
    }

    /// What is available, where the kernel does not say (before 3.14): free memory and what caches would give back.
    /// Shared memory and tmpfs are part of `Cached`, but have no other place to go.
    fn estimate(&self) -> Result<u64, ParseError> {
        let optional = |field: Field| field.unwrap_or(Ok(0));
        let free = required(self.free, "MemFree")?;
        let caches = optional(self.buffers)?
            .saturating_add(optional(self.cached)?)
            .saturating_add(optional(self.reclaimable)?)
            .saturating_sub(optional(self.shared)?);
        Ok(free.saturating_add(caches))
    }

    fn swap(&self) -> Result<Option<Swap>, ParseError> {
        if self.swap_total.is_none() && self.swap_free.is_none() {
            return Ok(None);
        }
        let total_bytes = required(self.swap_total, "SwapTotal")?;
        let free_bytes = required(self.swap_free, "SwapFree")?;
        Ok(Some(Swap { total_bytes, free_bytes: free_bytes.min(total_bytes) }))
    }
}

/// What `text` says.
pub fn parse(text: &[u8]) -> MemInfo {
    let mut mem_lines = MemLines::default();
    let _ = lines(text).try_for_each(|line| mem_lines.line(line));
    mem_lines.finish()
}

fn required(field: Field, name: &'static str) -> Result<u64, ParseError> {
    field.unwrap_or(Err(ParseError::MissingField(name)))
}

fn bytes(value: &[u8], name: &'static str) -> Result<u64, ParseError> {
    let mut words = words(value);
    let number = decimal(words.next().unwrap_or_default(), name)?;
    if words.next() != Some(b"kB") {
        return Err(ParseError::WrongUnit(name));
    }
    number.checked_mul(1024).ok_or(ParseError::TooLarge(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::lines::tests::in_pieces;

    const PI: &str = "MemTotal:         440692 kB\nMemFree:          123456 kB\nMemAvailable:     300000 kB\n\
        Buffers:           20000 kB\nCached:           150000 kB\nSwapCached:            0 kB\n\
        SwapTotal:        102396 kB\nSwapFree:         102000 kB\nShmem:              5000 kB\n\
        SReclaimable:      10000 kB\nHugePages_Total:       0\n";

    fn kb(n: u64) -> u64 {
        n * 1024
    }

    fn without(keys: &[&str]) -> alloc::string::String {
        PI.split_inclusive('\n').filter(|line| !keys.iter().any(|key| line.starts_with(key))).collect()
    }

    #[test]
    fn memory_and_swap_are_bytes() {
        let info = parse(PI.as_bytes());
        assert_eq!(info.memory, Ok(Memory { total_bytes: kb(440_692), available_bytes: kb(300_000) }));
        assert_eq!(info.swap, Ok(Some(Swap { total_bytes: kb(102_396), free_bytes: kb(102_000) })));
    }

    #[test]
    fn an_old_kernel_gets_an_estimate_without_shared_memory() {
        let info = parse(without(&["MemAvailable"]).as_bytes());
        let available_bytes = kb(123_456 + 20_000 + 150_000 + 10_000 - 5_000);
        assert_eq!(info.memory, Ok(Memory { total_bytes: kb(440_692), available_bytes }));
    }

    #[test]
    fn a_very_old_kernel_gets_an_estimate_from_what_it_has() {
        let info = parse(without(&["MemAvailable", "Shmem", "SReclaimable", "Buffers"]).as_bytes());
        assert_eq!(info.memory.map(|memory| memory.available_bytes), Ok(kb(123_456 + 150_000)));
        let info = parse(without(&["MemAvailable", "MemFree"]).as_bytes());
        assert_eq!(info.memory, Err(ParseError::MissingField("MemFree")));
    }

    #[test]
    fn no_more_is_available_than_there_is() {
        let info = parse(b"MemTotal: 10 kB\nMemAvailable: 20 kB\n");
        assert_eq!(info.memory, Ok(Memory { total_bytes: kb(10), available_bytes: kb(10) }));
        let info = parse(b"MemTotal: 10 kB\nMemFree: 18014398509481983 kB\nCached: 18014398509481983 kB\n");
        assert_eq!(info.memory.map(|memory| memory.available_bytes), Ok(kb(10)));
        let info = parse(b"MemTotal: 10 kB\nMemFree: 1 kB\nCached: 2 kB\nShmem: 5 kB\n");
        assert_eq!(info.memory.map(|memory| memory.available_bytes), Ok(kb(1)));
    }

    #[test]
    fn broken_memory_does_not_spoil_swap_nor_the_other_way_round() {
        let info = parse(PI.replace("440692", "lots").as_bytes());
        assert_eq!(info.memory, Err(ParseError::NotANumber("MemTotal")));
        assert!(matches!(info.swap, Ok(Some(_))));
        let info = parse(without(&["SwapFree"]).as_bytes());
        assert!(info.memory.is_ok());
        assert_eq!(info.swap, Err(ParseError::MissingField("SwapFree")));
    }

    #[test]
    fn a_kernel_that_does_not_speak_of_swap_has_none() {
        assert_eq!(parse(without(&["Swap"]).as_bytes()).swap, Ok(None));
        assert_eq!(parse(b""), MemInfo { memory: Err(ParseError::MissingField("MemTotal")), swap: Ok(None) });
    }

    #[test]
    fn a_number_that_overflows_in_bytes_is_an_error() {
        let info = parse(b"MemTotal: 18014398509481984 kB\n");
        assert_eq!(info.memory, Err(ParseError::TooLarge("MemTotal")));
    }

    #[test]
    fn a_field_without_its_number_or_its_unit_is_an_error() {
        assert_eq!(parse(b"MemTotal:\n").memory, Err(ParseError::MissingField("MemTotal")));
        assert_eq!(parse(b"MemTotal: 7\n").memory, Err(ParseError::WrongUnit("MemTotal")));
        assert_eq!(parse(b"MemTotal: 7 MB\n").memory, Err(ParseError::WrongUnit("MemTotal")));
    }

    #[test]
    fn a_cut_off_line_is_not_half_used() {
        let info = parse(b"MemTotal: 440692 kB\nMemAvailable: 3000");
        assert_eq!(info.memory, Err(ParseError::CutOff("MemAvailable")));
        assert_eq!(parse(b"MemTotal: 44 kB").memory, Err(ParseError::CutOff("MemTotal")));
    }

    #[test]
    fn pieces_of_any_size_give_the_same_values() {
        for text in [PI, &without(&["MemAvailable"])] {
            for most in [1, 7, 100, usize::MAX] {
                let mut mem_lines = MemLines::default();
                in_pieces(text.as_bytes(), most, &mut |line| mem_lines.line(line));
                assert_eq!(mem_lines.finish(), parse(text.as_bytes()), "in pieces of {most}");
            }
        }
    }
}
