//! Lines, out of a whole text or out of the pieces in which a file is read.

use core::ops::ControlFlow;

use crate::limits::READ_BYTES;

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its bytes, or the first [`READ_BYTES`] of them.
    pub text: &'a [u8],
    /// Whether this is all of the line: false for one that is longer, and for a last one that lacks its line feed, which
    /// the kernel never forgets.
    pub whole: bool,
}

/// The lines of `text`.
pub fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let (text, whole) = match line.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (line, false),
        };
        match text.get(..READ_BYTES) {
            Some(front) => Line { text: front, whole: false },
            None => Line { text, whole },
        }
    })
}

/// Takes one line after another until it has seen enough.
pub type OnLine<'a> = &'a mut dyn FnMut(Line<'_>) -> ControlFlow<()>;

/// One page of memory that a file goes through piece by piece; lines come out as [`lines`] would give them.
#[derive(Debug)]
pub struct Page {
    bytes: [u8; READ_BYTES],
    filled: usize,
    skips: bool,
}

impl Default for Page {
    fn default() -> Self {
        Page { bytes: [0; READ_BYTES], filled: 0, skips: false }
    }
}

impl Page {
    /// Forgets what an earlier file left.
    pub fn clear(&mut self) {
        self.filled = 0;
        self.skips = false;
    }

    /// Where the next piece goes; never empty.
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Takes the first `count` bytes of [`Page::space`] as read and hands out each line that they end.
    pub fn fill(&mut self, count: usize, on_line: OnLine<'_>) -> ControlFlow<()> {
        let end = self.bytes.len().min(self.filled + count);
        // What an earlier piece left holds no line feed.
        let mut unseen = self.filled;
        let mut start = 0;
        while let Some(length) = self.bytes[unseen..end].iter().position(|byte| *byte == b'\n') {
            let line_feed = unseen + length;
            if !core::mem::take(&mut self.skips) {
                on_line(Line { text: &self.bytes[start..line_feed], whole: true })?;
            }
            start = line_feed + 1;
            unseen = start;
        }
        if self.skips {
            start = end;
        } else if start == 0 && end == self.bytes.len() {
            on_line(Line { text: &self.bytes, whole: false })?;
            self.skips = true;
            start = end;
        }
        self.bytes.copy_within(start..end, 0);
        self.filled = end - start;
        ControlFlow::Continue(())
    }

    /// At the end of the file: hands out what lacks a line feed.
    pub fn finish(&mut self, on_line: OnLine<'_>) {
        if self.filled > 0 {
            let _ = on_line(Line { text: &self.bytes[..self.filled], whole: false });
        }
        self.clear();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// Sends `text` through a page in pieces of at most `most` bytes.
    pub fn in_pieces(text: &[u8], most: usize, on_line: OnLine<'_>) {
        let mut page = Page::default();
        let mut rest = text;
        while !rest.is_empty() {
            let space = page.space();
            let count = rest.len().min(space.len()).min(most);
            space[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            if page.fill(count, on_line).is_break() {
                return;
            }
        }
        page.finish(on_line);
    }

    fn collected(text: &[u8], most: usize) -> Vec<(Vec<u8>, bool)> {
        let mut all = Vec::new();
        in_pieces(text, most, &mut |line| {
            all.push((line.text.to_vec(), line.whole));
            ControlFlow::Continue(())
        });
        all
    }

    #[test]
    fn pieces_of_any_size_give_the_same_lines() {
        let mut text = b"cpu 1 2\n\ncpu0 3 4\nintr ".to_vec();
        text.extend([b'7'; 3 * READ_BYTES]);
        text.extend(b"\nbtime 5\nhalf a li");
        let expected: Vec<_> = lines(&text).map(|line| (line.text.to_vec(), line.whole)).collect();
        assert_eq!(expected.len(), 6);
        for most in (1..100).chain([READ_BYTES - 1, READ_BYTES, usize::MAX]) {
            assert_eq!(collected(&text, most), expected, "in pieces of {most}");
        }
    }

    #[test]
    fn a_line_as_long_as_the_page_is_handed_out_once() {
        for length in [READ_BYTES - 1, READ_BYTES, READ_BYTES + 1, 2 * READ_BYTES] {
            let mut text = alloc::vec![b'a'; length];
            text.extend(b"\nb\n");
            let expected: Vec<_> = lines(&text).map(|line| (line.text.to_vec(), line.whole)).collect();
            assert_eq!(expected.len(), 2);
            assert_eq!(expected[0].1, length < READ_BYTES);
            assert_eq!(collected(&text, usize::MAX), expected, "{length} bytes");
        }
    }

    #[test]
    fn what_is_left_of_one_file_is_not_the_start_of_the_next() {
        let mut page = Page::default();
        page.space()[..3].copy_from_slice(b"cpu");
        assert!(page.fill(3, &mut |_| ControlFlow::Continue(())).is_continue());
        page.clear();
        page.space()[..2].copy_from_slice(b"0\n");
        let mut seen: Vec<u8> = Vec::new();
        let _ = page.fill(2, &mut |line| {
            seen.extend(line.text);
            ControlFlow::Continue(())
        });
        assert_eq!(seen, b"0");
    }
}
