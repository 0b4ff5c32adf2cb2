//! The order of the rooms, kept by a test: a room sees only rooms of a lower rank. With it, what else holds for every
//! file under `src/`.

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first; rooms of one rank do not see each other.
const RANKS: [&[&str]; 8] = [
    &["limits"],
    &["snapshot", "config"],
    &["parse", "uptime", "report", "http", "reactor"],
    &["client"],
    &["read", "monitor", "notify", "telemetry"],
    &["server"],
    &["agent"],
    &["main"],
];

const LINES: usize = 400;

fn rank(room: &str) -> Option<usize> {
    RANKS.iter().position(|rooms| rooms.contains(&room))
}

/// All that is wrong with one file.
fn complaints(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let room = inner.split(['/', '.']).next().unwrap_or_default();
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    if room != "lib" {
        match rank(room) {
            None => found.push(format!("{path}: `{room}` has no rank in tests/layers.rs")),
            Some(own) => {
                for other in imports(&code.join("\n")) {
                    if other != room && rank(&other).is_some_and(|rank| rank >= own) {
                        found.push(format!("{path}: `{room}` may not import `{other}`"));
                    }
                }
            }
        }
    }
    if room != "lib"
        && !path.ends_with("/mod.rs")
        && let Some(line) = code.iter().find(|line| line.contains("feature = \""))
    {
        found.push(format!("{path}: features are for lib.rs and mod.rs only: {}", line.trim()));
    }
    if let Some(line) = code.iter().find(|line| has_word(line, "unsafe")) {
        found.push(format!("{path}: unsafe code: {}", line.trim()));
    }
    let lines = text.lines().count();
    if lines > LINES {
        found.push(format!("{path}: {lines} lines, more than {LINES}: more than one subject?"));
    }
    found
}

/// The rooms that stand behind `crate::` or `imalive::`, alone or in braces.
fn imports(code: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for root in ["crate::", "imalive::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':') {
                continue;
            }
            let after = &code[at + root.len()..];
            match after.strip_prefix('{') {
                Some(group) => rooms.extend(top_of_group(group)),
                None => rooms.push(first_word(after)),
            }
        }
    }
    rooms
}

/// The first word of each item of a `{…}` group, not of groups within.
fn top_of_group(group: &str) -> Vec<String> {
    let (mut rooms, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' | b'}' if depth == 0 => {
                rooms.push(first_word(group[start..at].trim_start()));
                start = at + 1;
                if byte == b'}' {
                    break;
                }
            }
            _ => {}
        }
    }
    rooms
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|character: char| !character.is_alphanumeric() && character != '_').any(|found| found == word)
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_keeps_to_its_rank() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 20, "where are the sources? {files:?}");
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap();
        found.extend(complaints(path, &fs::read_to_string(&file).unwrap()));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_room_of_the_library_has_a_rank() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for line in library.lines() {
        if let Some(room) = line.trim().strip_prefix("pub mod ") {
            assert!(rank(room.trim_end_matches(';')).is_some(), "{room}");
        }
    }
}

#[test]
fn an_import_from_a_higher_room_or_a_sibling_is_found() {
    let found = complaints("src/parse/proc_stat.rs", "use crate::report::json;\n");
    assert_eq!(found, ["src/parse/proc_stat.rs: `parse` may not import `report`"]);
    assert_eq!(complaints("src/read/x.rs", "fn f() { crate::server::run() }").len(), 1);
    assert_eq!(
        complaints("src/read/x.rs", "use crate::{\n    limits::{A, B},\n    parse::C,\n    agent,\n};").len(),
        1
    );
    assert_eq!(complaints("src/agent.rs", "use crate::{server::run, read::Sampler};\n// crate::main").len(), 0);
    assert_eq!(complaints("src/main.rs", "use imalive::agent;").len(), 0);
    assert_eq!(complaints("src/cellar/x.rs", "").len(), 1);
}

#[test]
fn a_feature_in_the_middle_of_the_code_is_found() {
    assert_eq!(complaints("src/read/x.rs", "#[cfg(feature = \"std\")]\nfn f() {}").len(), 1);
    assert_eq!(complaints("src/read/mod.rs", "#[cfg(feature = \"std\")]\nmod x;").len(), 0);
}

#[test]
fn unsafe_code_and_long_files_are_found() {
    assert_eq!(complaints("src/read/x.rs", "fn f() { unsafe { g() } }").len(), 1);
    assert_eq!(complaints("src/lib.rs", "#![forbid(unsafe_code)]\n// unsafe").len(), 0);
    assert_eq!(complaints("src/read/x.rs", &"\n".repeat(401)).len(), 1);
    assert_eq!(complaints("src/read/x.rs", &"\n".repeat(400)).len(), 0);
}
