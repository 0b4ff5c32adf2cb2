//! Sends a text through a page as a file is read: in pieces.

use imalive::parse::{OnLine, Page};

/// Pieces of at most `most` bytes; 0 for as much as fits.
pub fn feed(text: &[u8], most: u8, on_line: OnLine<'_>) {
    let mut page = Page::default();
    let mut rest = text;
    while !rest.is_empty() {
        let space = page.space();
        let most = if most == 0 { space.len() } else { usize::from(most) };
        let count = rest.len().min(space.len()).min(most);
        space[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        if page.fill(count, on_line).is_break() {
            return;
        }
    }
    page.finish(on_line);
}
