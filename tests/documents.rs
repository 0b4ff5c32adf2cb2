//! What is written by hand beside the program says what `imalive --help` says: README, man page, completions, and the
//! settings of each way to run it.

use std::process::Command;

const MAN: &str = include_str!("../man/imalive.8");
const README: &str = include_str!("../README.md");
const DEFAULT: &str = include_str!("../debian/imalive.default");
const OPENRC: &str = include_str!("../openrc/imalive.confd");
const OPENRC_SCRIPT: &str = include_str!("../openrc/imalive.initd");
const BUILDROOT: &str = include_str!("../buildroot/package/imalive/imalive.default");
#[cfg(feature = "monitors")]
const PACKAGED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/debian/imalive.yml");
#[cfg(feature = "monitors")]
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/imalive.yml");
const BASH: &str = include_str!("../completions/imalive.bash");
const ZSH: &str = include_str!("../completions/_imalive");
const FISH: &str = include_str!("../completions/imalive.fish");

fn stdout(argument: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imalive"));
    let output = command.arg(argument).env_clear().envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The entries of the section of `--help` that begins with `title`.
fn section(title: &str) -> Vec<String> {
    let help = stdout("--help", &[]);
    let lines = help.lines().skip_while(|line| !line.starts_with(title)).skip(1);
    let entries: Vec<_> = lines.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect();
    assert!(!entries.is_empty(), "no {title} in {help}");
    entries
}

/// The first word of each entry.
fn names(title: &str) -> Vec<String> {
    section(title).iter().filter_map(|entry| entry.split([' ', ',']).next().map(str::to_owned)).collect()
}

/// The variables of the help.
fn variables() -> Vec<String> {
    let mut variables = names("Variables");
    if imalive::config::OTLP {
        variables.extend(names("OpenTelemetry"));
    }
    variables
}

/// Those of `documented` that this build has: what is written is of the complete one.
fn of_this_build<'a>(documented: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    documented.filter(|name| imalive::config::OTLP || !name.starts_with("OTEL_")).collect()
}

fn has_line(text: &str, start: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(start).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).any(|found| found == word)
}

#[test]
fn the_man_page_has_every_variable_and_no_other() {
    assert_eq!(of_this_build(MAN.lines().filter_map(|line| line.strip_prefix(".It Ev "))), variables());
}

#[test]
fn the_readme_has_every_variable_and_no_other() {
    let (_, text) = README.split_once("\n## Variables\n").unwrap();
    let (text, _) = text.split_once("\n## systemd\n").unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    // Other tables of these sections are of names in small letters.
    let documented = rows.map(|(name, _)| name).filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'));
    assert_eq!(of_this_build(documented), variables());
}

/// What the other init systems show, and what the script of one of them exports.
#[test]
fn every_init_system_has_every_variable_with_its_default() {
    let settings = |text: &'static str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
        let capitals = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        lines.filter(move |(name, _)| capitals(name)).map(|(name, value)| (name, value.trim_matches('"')))
    };
    for text in [OPENRC, BUILDROOT] {
        let found: Vec<_> = settings(text).collect();
        assert_eq!(found, settings(DEFAULT).collect::<Vec<_>>());
        assert_eq!(of_this_build(found.into_iter().map(|(name, _)| name)), variables());
    }
    let (_, exported) = OPENRC_SCRIPT.split_once("\nexport LISTEN_ADDR").unwrap();
    let (exported, _) = exported.split_once("\n\n").unwrap();
    let exported = std::iter::once("LISTEN_ADDR").chain(exported.split([' ', '\n', '\t', '\\']));
    assert_eq!(of_this_build(exported.filter(|word| !word.is_empty())), variables());
}

#[test]
fn the_man_page_has_every_command_option_and_exit_code() {
    for command in names("Commands").iter().filter(|name| *name != "(none)") {
        assert!(has_line(MAN, &format!(".It Cm {command}")), "{command}");
    }
    for option in section("Options") {
        let (short, long) = option.split_once(", -").unwrap();
        let long = long.split(' ').next().unwrap();
        assert!(has_line(MAN, &format!(".It Fl {} , {long}", &short[1..])), "{option}");
    }
    for code in names("Exit codes") {
        assert!(has_line(MAN, &format!(".It {code}")), "{code}");
    }
}

#[test]
fn the_settings_of_the_service_are_every_variable_with_its_default() {
    let settings: Vec<_> = DEFAULT.lines().filter_map(|line| line.strip_prefix('#')?.split_once('=')).collect();
    let settings: Vec<_> = settings.into_iter().filter(|(name, _)| !name.contains(' ')).collect();
    assert_eq!(of_this_build(settings.iter().map(|(name, _)| *name)), variables());
    assert!(DEFAULT.lines().all(|line| line.is_empty() || line.starts_with('#')), "one is not commented out");
    assert_eq!(stdout("check", &settings), stdout("check", &[]));
}

/// What `imalive check FILE` says of a file without a mistake, on stdout and stderr.
#[cfg(feature = "monitors")]
fn checked(file: &str, variables: &[(&str, &str)]) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imalive"));
    let output = command.args(["check", file]).env_clear().envs(variables.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(output.status.success(), "{}", text(output.stderr));
    (text(output.stdout), text(output.stderr))
}

/// A copy of `text` in a file of its own, with `/etc/imalive` in it being the folder of that file.
#[cfg(feature = "monitors")]
fn copy(name: &str, text: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("imalive-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for secret in ["backup-password", "hook-key"] {
        std::fs::write(folder.join(secret), "hush\n").unwrap();
    }
    std::fs::write(folder.join("ntfy-url"), "https://hush.example/\n").unwrap();
    std::fs::write(folder.join("imalive.yml"), text.replace("/etc/imalive", folder.to_str().unwrap())).unwrap();
    folder
}

#[test]
#[cfg(feature = "monitors")]
fn the_example_is_understood_and_without_a_warning() {
    let folder = copy("example", &std::fs::read_to_string(EXAMPLE).unwrap());
    let (understood, warnings) = checked(folder.join("imalive.yml").to_str().unwrap(), &[("PAYMENTS_TOKEN", "hush")]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(warnings, "");
    assert!(
        understood.contains(": 4 monitors, 3 connectivity targets, 2 maintenance windows, 2 webhooks\n"),
        "{understood}"
    );
    assert!(understood.contains("\n# shop: ") && !understood.contains("hush"), "{understood}");
}

#[test]
#[cfg(feature = "monitors")]
fn the_packaged_file_watches_nothing_until_lines_are_uncommented() {
    let text = std::fs::read_to_string(PACKAGED).unwrap();
    let (understood, warnings) = checked(PACKAGED, &[]);
    assert_eq!(warnings, "");
    assert!(
        understood.contains(": 0 monitors, 0 connectivity targets, 0 maintenance windows, 0 webhooks\n"),
        "{understood}"
    );
    let (before, after) = text.split_once("monitors: []\n").unwrap();
    // Words begin with a capital letter, keys do not.
    let keys = |line: &&str| !line.trim_start().starts_with(|first: char| first.is_uppercase());
    let uncommented: Vec<_> = after.lines().filter_map(|line| line.strip_prefix('#')).filter(keys).collect();
    let folder = copy("packaged", &[before, "monitors:\n", &uncommented.join("\n")].concat());
    let (understood, warnings) = checked(folder.join("imalive.yml").to_str().unwrap(), &[]);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(warnings, "");
    assert!(
        understood.contains(": 2 monitors, 2 connectivity targets, 0 maintenance windows, 1 webhook\n"),
        "{understood}"
    );
}

/// Every key of the reference, and no other, is one that the reader of the file knows.
#[test]
#[cfg(feature = "monitors")]
fn the_reference_of_the_file_has_the_keys_that_are_known() {
    const REFERENCE: &str = include_str!("../man/imalive.yml.5");
    let asked = |text: &str| {
        let folder = copy("keys", text);
        let mut command = Command::new(env!("CARGO_BIN_EXE_imalive"));
        let output = command.arg("check").arg(folder.join("imalive.yml")).env_clear().output().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for (section, known) in [
        ("SECTIONS", asked("nonsense-of-some-length: 1")),
        ("MONITORS", asked("monitors: [{name: x, nonsense-of-some-length: 1}]")),
        ("MAINTENANCE", asked("maintenance: [{nonsense-of-some-length: 1}]")),
        ("WEBHOOKS", asked("webhook: {nonsense-of-some-length: 1}")),
    ] {
        let mut known: Vec<_> = known.split_once("expected one of ").unwrap().1.trim().split(", ").collect();
        let text = REFERENCE.split_once(&format!(".Sh {section}\n")).unwrap().1.split("\n.Sh ").next().unwrap();
        let items = text.lines().filter_map(|line| line.strip_prefix(".It Cm "));
        let mut found: Vec<_> = items.flat_map(|line| line.split(" , ")).collect();
        // Said once for all of them, under SECRETS.
        let in_files = known.iter().filter(|key| key.ends_with("_file") && !found.contains(key));
        for key in in_files {
            assert!(has_word(REFERENCE, key), "{key}");
        }
        known.retain(|key| found.contains(key) || !key.ends_with("_file"));
        known.sort();
        found.sort();
        assert_eq!(found, known, "{section}");
    }
}

#[test]
fn every_shell_completes_every_command_and_option() {
    let once = section("Commands").into_iter().find(|entry| entry.starts_with("once ")).unwrap();
    let forms = once.split_once("[--format ").unwrap().1.split_once(']').unwrap().0;
    let commands = names("Commands").into_iter().filter(|name| name != "(none)");
    let words: Vec<_> = commands.chain(forms.split('|').map(str::to_owned)).collect();
    let mut options = vec!["--format".to_owned()];
    for entry in section("Options") {
        let (short, long) = entry.split_once(", ").unwrap();
        options.extend([short.to_owned(), long.split(' ').next().unwrap().to_owned()]);
    }
    for word in words {
        for (shell, text) in [("bash", BASH), ("zsh", ZSH), ("fish", FISH)] {
            assert!(has_word(text, &word), "{word} in {shell}");
        }
    }
    for option in options {
        assert!(has_word(BASH, &option), "{option} in bash");
        assert!(has_word(ZSH, &option), "{option} in zsh");
        let long = option.strip_prefix("--").map(|name| format!("-l {name} "));
        let option = long.unwrap_or_else(|| format!("-s {} ", &option[1..]));
        assert!(FISH.contains(&option), "{option} in fish");
    }
}
