//! Text files that the operator writes: `imalive.yml`, and the secrets that it names.

use std::fmt::Display;
use std::io::Read;
use std::path::Path;

use rustix::io::Errno;

use super::file::open;
use crate::limits::{CONFIG_FILE_BYTES, SECRET_FILE_BYTES};

/// The text of the configuration file at `path`; `None`: there is no such file. The error is one line.
pub fn config_file(path: &str) -> Result<Option<String>, String> {
    text(path, CONFIG_FILE_BYTES)
}

/// The text of a file that holds a secret. The error is one line and says nothing of what is in it.
pub fn secret_file(path: &str) -> Result<String, String> {
    text(path, SECRET_FILE_BYTES)?.ok_or_else(|| failed(path, &Errno::NOENT))
}

fn text(path: &str, most: usize) -> Result<Option<String>, String> {
    let file = match open(Path::new(path)) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        Err(errno) => return Err(failed(path, &errno)),
    };
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that just fits from one that does not.
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(path, &error))?;
    if bytes.len() > most {
        return Err(failed(path, &format_args!("larger than {most} bytes")));
    }
    String::from_utf8(bytes).map(Some).map_err(|_| failed(path, &"not UTF-8 text"))
}

fn failed(path: &str, reason: &dyn Display) -> String {
    format!("read {path}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::Tree;

    fn path(tree: &Tree, name: &str, text: &str) -> String {
        tree.write(name, text).to_str().unwrap().into()
    }

    #[test]
    fn a_file_of_the_largest_size_is_read_and_one_byte_more_is_not() {
        let tree = Tree::new();
        let fits = path(&tree, "imalive.yml", &"x".repeat(CONFIG_FILE_BYTES));
        assert_eq!(config_file(&fits).map(|text| text.map(|text| text.len())), Ok(Some(CONFIG_FILE_BYTES)));
        let too_large = path(&tree, "imalive.yml", &"x".repeat(CONFIG_FILE_BYTES + 1));
        assert_eq!(config_file(&too_large), Err(format!("read {too_large}: larger than 262144 bytes")));
        let secret = path(&tree, "secret", &"x".repeat(SECRET_FILE_BYTES + 1));
        assert_eq!(secret_file(&secret), Err(format!("read {secret}: larger than 65536 bytes")));
        assert!(config_file("/dev/zero").is_err());
    }

    #[test]
    fn no_configuration_is_none_and_no_secret_is_an_error() {
        assert_eq!(config_file("/nowhere/imalive.yml"), Ok(None));
        assert_eq!(config_file("/dev/null/imalive.yml"), Ok(None));
        let reason = secret_file("/nowhere/secret").unwrap_err();
        assert_eq!(reason, "read /nowhere/secret: No such file or directory (os error 2)");
    }

    #[test]
    fn what_is_there_but_cannot_be_read_is_an_error() {
        assert_eq!(config_file("/").unwrap_err(), "read /: Is a directory (os error 21)");
        let tree = Tree::new();
        let file = tree.write("imalive.yml", "");
        std::fs::write(&file, b"\xff").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(config_file(file), Err(format!("read {file}: not UTF-8 text")));
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let tree = Tree::new();
        let pipe = tree.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        assert_eq!(secret_file(pipe.to_str().unwrap()), Ok(String::new()));
    }
}
