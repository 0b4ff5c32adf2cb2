//! `--help`: the commands, and every variable with its default.

use alloc::string::String;

use crate::config::{MONITORS, otlp, variables};

const COMMANDS: &str = "\
Says that this node is alive, and what state it is in: over HTTP, to Prometheus
and as a heartbeat on stdout.

Usage: imalive [COMMAND]

Commands:
  (none)                          answer requests and beat until SIGTERM
  once [--format text|json|prom]  print one reading of the node
  healthcheck [URL]               ask a running agent whether it is alive
  check [FILE]                    print the configuration, check imalive.yml

Options:
  -h, --help     print this
  -V, --version  print version, commit and target

Variables, an empty one counting as unset:
";

/// How secrets are kept out of the environment.
const FILES: &str = "
A token may stand in a file too, which NAME_FILE names: SLACK_TOKEN_FILE=/PATH
";

const EXIT_CODES: &str = "
Exit codes:
  0   done; healthcheck: alive
  1   failed; healthcheck: not alive, or nobody to ask
  2   arguments not understood
  78  a variable or imalive.yml is not understood
";

/// Column of a variable's description: the longest name and two spaces.
const COLUMN: usize = 24;

/// The text of `--help`.
pub fn text() -> String {
    let mut text = String::from(COMMANDS);
    for variable in variables::all() {
        text.push_str("  ");
        text.push_str(variable.name);
        for _ in 2 + variable.name.len()..COLUMN {
            text.push(' ');
        }
        let default = if variable.default_is.is_empty() { variable.default } else { variable.default_is };
        for part in [variable.help, " [", default, "]\n"] {
            text.push_str(part);
        }
    }
    if MONITORS {
        text.push_str(FILES);
    }
    otlp::push_help(&mut text);
    text.push_str(EXIT_CODES);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_a_terminal_and_names_every_variable() {
        let text = text();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for variable in variables::all() {
            assert!(variable.name.len() + 4 <= COLUMN, "{}", variable.name);
            assert!(text.contains(&alloc::format!("\n  {} ", variable.name)), "{text}");
        }
        assert!(text.contains("  IMALIVE_NODE_NAME     name of the node [the host's name]\n"), "{text}");
        assert!(text.contains("  LISTEN_PORT           port to listen on; 0: any that is free [8080]\n"), "{text}");
        let of_otlp = "  OTEL_BUFFER_BYTES                      bytes kept of an outage [262144]\n";
        assert_eq!(text.contains(of_otlp), crate::config::OTLP, "{text}");
    }
}
