//! A directory of files for one test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A temporary directory, gone when the test is over.
pub struct Tree {
    path: PathBuf,
}

impl Tree {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("imalive-test-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Tree { path: path.canonicalize().unwrap() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, and the directories above it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::remove_file(&path).unwrap();
        path
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
