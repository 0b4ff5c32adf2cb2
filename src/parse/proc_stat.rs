//! `/proc/stat`, its `cpu` lines only (proc_stat(5)). They come first; what follows is left unread.

use core::ops::ControlFlow;

use super::{Line, ParseError, decimal, lines, words};
use crate::snapshot::{Cpu, CpuReading, CpuTimes};

/// Linux 2.5 had these four columns; each of the other six came with a later kernel, and more may come.
const COLUMNS_AT_LEAST: usize = 4;

/// Fills a reading line by line.
#[derive(Debug)]
pub struct CpuLines<'a> {
    reading: &'a mut CpuReading,
    all: Option<Result<(), ParseError>>,
    highest: Option<u16>,
}

impl<'a> CpuLines<'a> {
    /// Forgets what `reading` held.
    pub fn new(reading: &'a mut CpuReading) -> Self {
        reading.all = CpuTimes::default();
        reading.each.clear();
        reading.dropped = 0;
        CpuLines { reading, all: None, highest: None }
    }

    /// Takes the next line; breaks after the last `cpu` line.
    pub fn line(&mut self, line: Line<'_>) -> ControlFlow<()> {
        let Some(rest) = line.text.strip_prefix(b"cpu") else {
            return ControlFlow::Break(());
        };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (id, columns) = rest.split_at(digits);
        let times = if line.whole { times(columns) } else { Err(ParseError::CutOff("cpu")) };
        if id.is_empty() {
            // A second sum cannot be told from the first: the first stands.
            if self.all.is_none() {
                self.all = Some(times.map(|times| self.reading.all = times));
            }
        } else {
            match (decimal(id, "cpu").map(u16::try_from), times) {
                (Ok(Ok(id)), Ok(times)) if !self.has(id) => {
                    self.highest = self.highest.max(Some(id));
                    self.reading.add(Cpu { id, times });
                }
                _ => self.reading.dropped = self.reading.dropped.saturating_add(1),
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether the line of all CPUs was there and could be read. The line of one CPU that could not is counted as dropped.
    pub fn finish(self) -> Result<(), ParseError> {
        self.all.unwrap_or(Err(ParseError::MissingLine("cpu")))
    }

    fn has(&self, id: u16) -> bool {
        // The kernel's numbers rise, so the search is for files that the kernel did not write.
        self.highest >= Some(id) && self.reading.each.iter().any(|cpu| cpu.id == id)
    }
}

/// The reading that `text` holds.
pub fn parse(text: &[u8]) -> Result<CpuReading, ParseError> {
    let mut reading = CpuReading::default();
    let mut cpu_lines = CpuLines::new(&mut reading);
    let _ = lines(text).try_for_each(|line| cpu_lines.line(line));
    cpu_lines.finish()?;
    Ok(reading)
}

fn times(text: &[u8]) -> Result<CpuTimes, ParseError> {
    if text.first().is_some_and(|byte| *byte != b' ') {
        return Err(ParseError::NotANumber("cpu"));
    }
    let mut columns = [0; 10];
    let mut words = words(text);
    for (at, column) in columns.iter_mut().enumerate() {
        let name = || CpuTimes::default().fields()[at].0;
        match words.next() {
            Some(digits) => *column = decimal(digits, name())?,
            None if at < COLUMNS_AT_LEAST => return Err(ParseError::MissingField(name())),
            None => break,
        }
    }
    Ok(CpuTimes::from_columns(columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::CPUS;
    use crate::parse::lines::tests::in_pieces;
    use alloc::{format, string::String, vec::Vec};

    const PI: &[u8] = b"cpu  100 2 30 4000 50 0 6 0 0 0\n\
        cpu0 25 1 10 1000 20 0 6 0 0 0\n\
        cpu1 75 1 20 3000 30 0 0 0 0 0\n\
        intr 547479 0 0\nbtime 1795236910\n";

    fn ids(reading: &CpuReading) -> Vec<u16> {
        reading.each.iter().map(|cpu| cpu.id).collect()
    }

    #[test]
    fn each_column_has_its_place() {
        let reading = parse(b"cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1\n").unwrap();
        assert_eq!(reading.all, CpuTimes::from_columns([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
        assert_eq!(reading.each.as_slice(), [Cpu { id: 0, times: reading.all }]);
    }

    #[test]
    fn an_old_kernel_has_fewer_columns_and_a_new_one_may_have_more() {
        assert_eq!(parse(b"cpu 1 2 3 4\n").unwrap().all, CpuTimes::from_columns([1, 2, 3, 4, 0, 0, 0, 0, 0, 0]));
        assert_eq!(parse(b"cpu 1 2 3 4 5 6 7\n").unwrap().all, CpuTimes::from_columns([1, 2, 3, 4, 5, 6, 7, 0, 0, 0]));
        let newer = parse(b"cpu 1 2 3 4 5 6 7 8 9 10 11 twelve\n").unwrap();
        assert_eq!(newer.all, CpuTimes::from_columns([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
    }

    #[test]
    fn a_cpu_that_is_offline_leaves_a_gap() {
        let reading = parse(b"cpu  4 4 4 4\ncpu0 1 1 1 1\ncpu2 2 2 2 2\ncpu7 1 1 1 1\n").unwrap();
        assert_eq!((ids(&reading), reading.dropped), ([0, 2, 7].to_vec(), 0));
    }

    #[test]
    fn short_line_names_the_missing_field() {
        assert_eq!(parse(b"cpu  1 2 3\n"), Err(ParseError::MissingField("idle")));
        assert_eq!(parse(b"cpu\n"), Err(ParseError::MissingField("user")));
    }

    #[test]
    fn a_number_beyond_64_bits_is_an_error_and_not_a_wrong_number() {
        assert_eq!(parse(b"cpu  1 2 3 18446744073709551616\n"), Err(ParseError::TooLarge("idle")));
        assert_eq!(parse(b"cpu  1 -2 3 4\n"), Err(ParseError::NotANumber("nice")));
    }

    #[test]
    fn an_empty_or_foreign_file_lacks_the_line() {
        for text in ["", "\n", "intr 1\ncpu  1 2 3 4\n", "CPU 1 2 3 4\n"] {
            assert_eq!(parse(text.as_bytes()), Err(ParseError::MissingLine("cpu")), "{text:?}");
        }
        assert_eq!(parse(b"cpu0 1 2 3 4\nintr 1\n"), Err(ParseError::MissingLine("cpu")));
    }

    #[test]
    fn a_broken_cpu_is_counted_and_spoils_no_other() {
        let text = b"cpu  9 9 9 9\ncpu0 1 1 1 1\ncpu1 1 1 x 1\ncpu65536 1 1 1 1\ncpufreq 1 1 1 1\ncpu3 1 1 1 1\n";
        let reading = parse(text).unwrap();
        // `cpufreq` counts as a sum, and the first sum stands.
        assert_eq!((ids(&reading), reading.dropped), ([0, 3].to_vec(), 2));
        assert_eq!(reading.all, CpuTimes::from_columns([9, 9, 9, 9, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn a_line_that_comes_twice_counts_once() {
        let reading = parse(b"cpu  9 9 9 9\ncpu 1 1 1 1\ncpu1 5 5 5 5\ncpu0 1 1 1 1\ncpu1 6 6 6 6\n").unwrap();
        assert_eq!((ids(&reading), reading.dropped), ([1, 0].to_vec(), 1));
        assert_eq!((reading.all.user_ticks, reading.each[0].times.user_ticks), (9, 5));
    }

    #[test]
    fn a_cut_off_line_is_not_half_used() {
        assert_eq!(parse(b"cpu  100 2 30 40"), Err(ParseError::CutOff("cpu")));
        let reading = parse(b"cpu  100 2 30 4000\ncpu0 25 1 10 10").unwrap();
        assert_eq!((reading.each.len(), reading.dropped), (0, 1));
    }

    #[test]
    fn a_file_cut_anywhere_gives_only_numbers_that_stand_in_it() {
        let whole = parse(PI).unwrap();
        for end in 0..PI.len() {
            if let Ok(part) = parse(&PI[..end]) {
                assert_eq!(part.all, whole.all, "cut at {end}");
                assert!(part.each.iter().all(|cpu| whole.each.contains(cpu)), "cut at {end}");
            }
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_reading() {
        let mut text = String::from("cpu  9 9 9 9 9 9 9 9 9 9\n");
        for id in 0..CPUS + 2 {
            text += &format!("cpu{id} {} 0 18446744073709551615 {} 0 0 0 0 0 0\n", id * 1000, id * 77_777);
        }
        text += "intr 1 2 3\nctxt 1\n";
        let expected = parse(text.as_bytes()).unwrap();
        assert_eq!((expected.each.len(), expected.dropped), (CPUS, 2));
        for most in [1, 7, 100, 4095, 4096, usize::MAX] {
            let mut reading = CpuReading { dropped: 7, ..CpuReading::default() };
            let mut cpu_lines = CpuLines::new(&mut reading);
            in_pieces(text.as_bytes(), most, &mut |line| cpu_lines.line(line));
            cpu_lines.finish().unwrap();
            assert_eq!(reading, expected, "in pieces of {most}");
        }
    }
}
