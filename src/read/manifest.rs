//! The bytes of the manifest file; what they mean is the report's business.

use std::io::Read;
use std::path::Path;

use super::file::open;
use crate::limits::MANIFEST_BYTES;

/// The file at `path`, or one line that says why not.
pub fn manifest(path: &Path) -> Result<Vec<u8>, String> {
    let failed = |reason: &dyn std::fmt::Display| format!("read {}: {reason}", path.display());
    let file = open(path).map_err(|errno| failed(&errno))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that just fits from one that does not.
    file.take(MANIFEST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() > MANIFEST_BYTES {
        return Err(failed(&format_args!("larger than {MANIFEST_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::Tree;

    #[test]
    fn a_manifest_of_the_largest_size_is_read_and_one_byte_more_is_not() {
        let tree = Tree::new();
        let path = tree.write("manifest.json", &"x".repeat(MANIFEST_BYTES));
        assert_eq!(manifest(&path).map(|bytes| bytes.len()), Ok(MANIFEST_BYTES));
        let path = tree.write("manifest.json", &"x".repeat(MANIFEST_BYTES + 1));
        assert_eq!(manifest(&path), Err(format!("read {}: larger than 65536 bytes", path.display())));
        assert!(manifest(Path::new("/dev/zero")).is_err());
    }

    #[test]
    fn a_manifest_that_is_not_there_says_so() {
        let reason = manifest(Path::new("/nowhere/manifest.json")).unwrap_err();
        assert_eq!(reason, "read /nowhere/manifest.json: No such file or directory (os error 2)");
        assert_eq!(manifest(Path::new("/")).unwrap_err(), "read /: Is a directory (os error 21)");
    }
}
