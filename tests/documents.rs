//! What is written by hand beside the program says what `imalive --help` says: man page, /etc/default/imalive, completions.

use std::process::Command;

const MAN: &str = include_str!("../man/imalive.8");
const DEFAULT: &str = include_str!("../debian/imalive.default");
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

fn has_line(text: &str, start: &str) -> bool {
    text.lines().any(|line| line.strip_prefix(start).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).any(|found| found == word)
}

#[test]
fn the_man_page_has_every_variable_and_no_other() {
    let variables = names("Variables");
    for variable in &variables {
        assert!(has_line(MAN, &format!(".It Ev {variable}")), "{variable}");
    }
    assert_eq!(MAN.matches("\n.It Ev ").count(), variables.len());
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
    assert_eq!(settings.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names("Variables"));
    assert!(DEFAULT.lines().all(|line| line.is_empty() || line.starts_with('#')), "one is not commented out");
    assert_eq!(stdout("check", &settings), stdout("check", &[]));
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
