//! A kernel file that stays open and is read again from its start.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::{Errno, pread, retry_on_intr};

use crate::limits::KERNEL_FILE_BYTES;
use crate::parse::{OnLine, Page};

/// One file under /proc.
#[derive(Debug)]
pub(super) struct KernelFile {
    path: PathBuf,
    file: Option<File>,
}

impl KernelFile {
    /// The file at `path`, opened when it is first read.
    pub fn new(path: PathBuf) -> Self {
        KernelFile { path, file: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it could be opened.
    pub fn open(&mut self) -> Result<&File, Errno> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(open(&self.path)?)),
        }
    }

    /// Whether the file is open already.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Sends each line to `on_line` until that has seen enough.
    ///
    /// The offsets grow without a gap from 0: for the kernel that is one reading, whose rest it keeps for us. pread(2)
    /// leaves no position behind that a reading broken off could leave wrong.
    pub fn read(&mut self, page: &mut Page, on_line: OnLine<'_>) -> Result<(), Errno> {
        page.clear();
        let mut offset = 0;
        let mut count = self.read_first(page.space())?;
        while count > 0 {
            if page.fill(count, on_line).is_break() {
                return Ok(());
            }
            offset += count as u64;
            if offset > KERNEL_FILE_BYTES {
                return Err(Errno::FBIG);
            }
            count = self.read_at(page.space(), offset)?;
        }
        page.finish(on_line);
        Ok(())
    }

    /// A file that was open may belong to a mount that is gone (ESTALE, ENODEV): then once more by its path.
    fn read_first(&mut self, space: &mut [u8]) -> Result<usize, Errno> {
        if self.is_open()
            && let Ok(count) = self.read_at(space, 0)
        {
            return Ok(count);
        }
        self.read_at(space, 0)
    }

    fn read_at(&mut self, space: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let file = self.open()?;
        retry_on_intr(|| pread(file, &mut *space, offset)).inspect_err(|_| self.file = None)
    }
}

/// Opens without waiting: what is at `path` might be a pipe.
pub(super) fn open(path: &Path) -> Result<File, Errno> {
    let nonblocking = OFlags::NONBLOCK.bits() as i32;
    OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(|error| errno(&error))
}

/// The number of an error of the operating system; the standard library makes up errors of its own only for arguments
/// that are wrong before it asks, such as a path that holds a zero byte.
pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::READ_BYTES;
    use crate::read::testing::Tree;
    use std::ops::ControlFlow;

    fn read(file: &mut KernelFile) -> Result<Vec<String>, Errno> {
        let mut all = Vec::new();
        file.read(&mut Page::default(), &mut |line| {
            all.push(String::from_utf8_lossy(line.text).into_owned());
            ControlFlow::Continue(())
        })?;
        Ok(all)
    }

    #[test]
    fn a_file_is_read_anew_each_time() {
        let tree = Tree::new();
        let mut file = KernelFile::new(tree.write("stat", "one\ntwo\n"));
        assert_eq!(read(&mut file).unwrap(), ["one", "two"]);
        tree.write("stat", "three\n");
        assert_eq!(read(&mut file).unwrap(), ["three"]);
    }

    #[test]
    fn a_file_of_many_pages_is_read_to_its_end() {
        let tree = Tree::new();
        let line = "x".repeat(100);
        let mut file = KernelFile::new(tree.write("stat", &format!("{line}\n").repeat(READ_BYTES)));
        let all = read(&mut file).unwrap();
        assert_eq!(all.len(), READ_BYTES);
        assert!(all.iter().all(|read| *read == line));
    }

    #[test]
    fn reading_stops_where_enough_is_seen() {
        let tree = Tree::new();
        let mut file = KernelFile::new(tree.write("stat", "one\ntwo\nthree\n"));
        let mut seen = 0;
        let outcome = file.read(&mut Page::default(), &mut |_| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((outcome, seen), (Ok(()), 2));
    }

    #[test]
    fn a_missing_file_is_found_when_it_comes() {
        let tree = Tree::new();
        let mut file = KernelFile::new(tree.path().join("stat"));
        assert_eq!(read(&mut file), Err(Errno::NOENT));
        tree.write("stat", "here\n");
        assert_eq!(read(&mut file).unwrap(), ["here"]);
    }

    #[test]
    fn an_open_file_that_no_longer_reads_is_opened_again() {
        let tree = Tree::new();
        let mut file = KernelFile::new(tree.write("stat", "here\n"));
        file.file = Some(File::open(tree.path()).unwrap());
        assert_eq!(read(&mut file).unwrap(), ["here"]);
    }

    #[test]
    fn a_file_without_end_is_an_error() {
        assert_eq!(read(&mut KernelFile::new("/dev/zero".into())), Err(Errno::FBIG));
    }

    #[test]
    fn a_directory_or_a_path_with_a_zero_byte_is_an_error() {
        assert_eq!(read(&mut KernelFile::new("/".into())), Err(Errno::ISDIR));
        assert_eq!(read(&mut KernelFile::new("/a\0b".into())), Err(Errno::INVAL));
    }
}
