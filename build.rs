//! Tells the binary what it was built from: the git commit and the target.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // An argument of the linker in cross/build, of which Cargo knows nothing.
    println!("cargo::rerun-if-changed=cross/cold.ld");
    println!("cargo::rerun-if-env-changed=IMALIVE_SHA");
    let revision = std::env::var("IMALIVE_SHA").ok().map(|sha| sha.trim().to_owned());
    let revision = revision.filter(|sha| !sha.is_empty()).or_else(checkout).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=IMALIVE_REVISION={}", revision.replace(['\n', '\r'], ""));
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let built = std::env::var("SOURCE_DATE_EPOCH").ok().or_else(committed).filter(|secs| secs.parse::<u64>().is_ok());
    println!("cargo::rustc-env=IMALIVE_BUILT_UNIX_SECS={}", built.as_deref().unwrap_or("0"));
    println!("cargo::rustc-env=IMALIVE_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}

/// The commit of this checkout, if this is one: an unpacked archive may lie inside somebody else's.
fn checkout() -> Option<String> {
    if !git(&["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    watch("HEAD");
    // A commit changes the file of the branch, or makes it anew where it was packed.
    if let Some(branch) = git(&["symbolic-ref", "-q", "HEAD"]) {
        watch(&branch);
    }
    watch("packed-refs");
    git(&["rev-parse", "--short=7", "HEAD"])
}

/// When the commit of this checkout was made, in seconds since 1970.
fn committed() -> Option<String> {
    git(&["rev-parse", "--show-prefix"])?.is_empty().then(|| git(&["log", "-1", "--format=%ct"]))?
}

/// Cargo takes a file that is missing for one that has changed, so this watches the nearest folder that is there.
fn watch(file: &str) {
    let Some(path) = git(&["rev-parse", "--git-path", file]) else { return };
    let mut path = Path::new(&path);
    while !path.exists() {
        match path.parent() {
            Some(parent) if file != "packed-refs" => path = parent,
            _ => return,
        }
    }
    println!("cargo::rerun-if-changed={}", path.display());
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
