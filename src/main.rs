//! The command line.

use std::path::Path;
use std::process::ExitCode;

use imalive::agent::{self, Once};
use imalive::config::file::{self, Sources};
use imalive::config::otlp::{self, Otlp};
use imalive::config::{Config, LogFormat, MONITORS, OTLP, SYSTEMD, environment, help};
use imalive::monitor::healthcheck::{self, HealthcheckError};
use imalive::notify::{diagnostics, journal};
use imalive::read;
use imalive::report::Build;
use lexopt::{Arg, Parser, ValueExt};
use rustix::io::Errno;

const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: env!("IMALIVE_REVISION"),
    arch: std::env::consts::ARCH,
    target: env!("IMALIVE_TARGET"),
};

const FAILED: u8 = 1;
const USAGE: u8 = 2;
/// `EX_CONFIG` (sysexits.h), which supervisors tell from a crash.
const CONFIG: u8 = 78;

enum Command {
    Run,
    Once(Once),
    Healthcheck(Option<String>),
    /// With the file of the monitors, if not the one that is in effect.
    Check(Option<String>),
    Help,
    Version,
}

fn main() -> ExitCode {
    let command = match command_line(Parser::from_env()) {
        Ok(command) => command,
        Err(error) => return complain(USAGE, &error.to_string()),
    };
    match perform(command) {
        Ok(code) | Err(code) => code,
    }
}

/// Either way the exit code: the error is one that has been told already.
fn perform(command: Command) -> Result<ExitCode, ExitCode> {
    Ok(match command {
        Command::Help => print(&help::text()),
        Command::Version => {
            print(&["imalive ", BUILD.version, " (", BUILD.revision, ", ", BUILD.target, ")\n"].concat())
        }
        Command::Healthcheck(Some(url)) => ask(&url),
        Command::Healthcheck(None) => ask(&healthcheck::local_url(configuration()?.listen)),
        Command::Check(file) => check(&log_to_stderr(configuration()?), file)?,
        Command::Once(form) => print(&agent::once(log_to_stderr(configuration()?), BUILD, form)),
        Command::Run => run(configuration()?)?,
    })
}

fn run(config: Config) -> Result<ExitCode, ExitCode> {
    let otlp = telemetry(&config)?;
    let loaded = agent::load(&config).map_err(|error| complain(CONFIG, &error))?;
    match agent::run(log_as_configured(config), otlp, loaded, BUILD) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // Out of descriptors there may be no log yet.
        Err(error) if log::max_level() == log::LevelFilter::Off => Ok(complain(FAILED, &error.to_string())),
        Err(error) => {
            log::error!("{error}");
            Ok(ExitCode::from(FAILED))
        }
    }
}

fn command_line(mut arguments: Parser) -> Result<Command, lexopt::Error> {
    let mut command = None;
    while let Some(argument) = arguments.next()? {
        command = Some(match (argument, command) {
            (Arg::Short('h') | Arg::Long("help"), _) => return Ok(Command::Help),
            (Arg::Short('V') | Arg::Long("version"), _) => return Ok(Command::Version),
            (Arg::Long("format"), Some(Command::Once(_))) => Command::Once(form(&arguments.value()?.string()?)?),
            (Arg::Value(url), Some(Command::Healthcheck(None))) => Command::Healthcheck(Some(url.string()?)),
            (Arg::Value(name), None) if name == "once" => Command::Once(Once::Text),
            (Arg::Value(name), None) if name == "healthcheck" => Command::Healthcheck(None),
            (Arg::Value(name), None) if name == "check" => Command::Check(None),
            (Arg::Value(file), Some(Command::Check(None))) if MONITORS => Command::Check(Some(file.string()?)),
            (argument, _) => return Err(argument.unexpected()),
        });
    }
    Ok(command.unwrap_or(Command::Run))
}

fn form(name: &str) -> Result<Once, lexopt::Error> {
    match name {
        "text" => Ok(Once::Text),
        "json" => Ok(Once::Json),
        "prom" => Ok(Once::Prom),
        _ => Err("--format: expected text, json or prom".into()),
    }
}

fn lookup(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn configuration() -> Result<Config, ExitCode> {
    let config = environment::from_environment(&lookup, &read::host_name().unwrap_or_default());
    let config = config.and_then(|mut config| {
        config.chat.read_secrets(&lookup, &secret)?;
        Ok(config)
    });
    config.map_err(|error| complain(CONFIG, &error.to_string()))
}

fn secret(path: &str) -> Result<String, String> {
    String::from_utf8(read::manifest(Path::new(path))?).map_err(|_| "not UTF-8 text".into())
}

/// What is sent to a collector; `None`: nothing is.
fn telemetry(config: &Config) -> Result<Option<Otlp>, ExitCode> {
    let otlp = Otlp::from_environment(&lookup, &secret, &config.node_name);
    otlp.map_err(|error| complain(CONFIG, &error.to_string()))
}

/// Prints what is in effect, and what is wrong with the file of the monitors.
#[inline(never)]
fn check(config: &Config, file: Option<String>) -> Result<ExitCode, ExitCode> {
    let config_path = file.or_else(|| config.config_path.clone());
    let sources = Sources { lookup: &lookup, config_file: &read::config_file, secret_file: &read::secret_file };
    let loaded = file::load(&Config { config_path, ..config.clone() }, &sources);
    let loaded = loaded.map_err(|error| complain(CONFIG, &error))?;
    let mut text = environment::effective(config);
    if OTLP {
        let otlp = telemetry(config)?;
        for line in otlp.iter().flat_map(Otlp::warnings) {
            say(&["warning: ", line, "\n"]);
        }
        text.push_str(&otlp::effective(&lookup, otlp.as_ref()));
    }
    if let Some(loaded) = loaded {
        for line in loaded.warning_lines() {
            say(&["warning: ", &line, "\n"]);
        }
        text.push_str(&loaded.summary());
    }
    Ok(print(&text))
}

/// Has the agent's diagnostics go where the configuration says, and that where there is no journal is stderr.
fn log_as_configured(mut config: Config) -> Config {
    if !SYSTEMD || config.log_format != LogFormat::Journal || journal::listens() {
        log_to(&config);
        return config;
    }
    for format in [&mut config.log_format, &mut config.heartbeat_format] {
        if *format == LogFormat::Journal {
            *format = LogFormat::Text;
        }
    }
    log_to(&config);
    log::warn!("LOG_FORMAT=journal, but no journal listens here: text on stdout and stderr");
    config
}

/// Has the diagnostics of a command that somebody typed go to stderr.
fn log_to_stderr(config: Config) -> Config {
    if SYSTEMD && config.log_format == LogFormat::Journal {
        log_to(&Config { log_format: LogFormat::Text, ..config.clone() });
    } else {
        log_to(&config);
    }
    config
}

fn log_to(config: &Config) {
    let journal_stream = std::env::var("JOURNAL_STREAM").ok();
    // Without a stderr there is nobody to tell that there is none.
    let _ = diagnostics::init(config, journal_stream.as_deref(), agent::SOURCES);
    if let Some(warning) = config.chat.warning() {
        log::warn!("{warning}");
    }
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if environment::is_unknown(&name) {
            log::warn!("{name} is set, but imalive knows no such variable");
        }
    }
}

fn ask(url: &str) -> ExitCode {
    match healthcheck::run(url) {
        Ok(()) => ExitCode::SUCCESS,
        // Never 2, which Docker reserves.
        Err(HealthcheckError::Url(reason)) => complain(FAILED, reason),
        Err(error) => complain(FAILED, &[url, ": ", &error.to_string()].concat()),
    }
}

fn print(text: &str) -> ExitCode {
    // Not `std::io::stdout`, whose buffer nothing here needs.
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::INTR) => {}
            // Who reads the first lines only (`imalive --help | head`) has what they want.
            Err(Errno::PIPE) => break,
            Err(errno) => return complain(FAILED, &std::io::Error::from(errno).to_string()),
        }
    }
    ExitCode::SUCCESS
}

fn complain(code: u8, text: &str) -> ExitCode {
    let journal_stream = std::env::var("JOURNAL_STREAM").ok();
    let priority = if diagnostics::stderr_is_journal(journal_stream.as_deref()) { "<3>" } else { "" };
    say(&[priority, "imalive: ", text, "\n"]);
    ExitCode::from(code)
}

fn say(parts: &[&str]) {
    // `eprintln!` would panic where stderr is closed.
    let _ = rustix::io::write(rustix::stdio::stderr(), parts.concat().as_bytes());
}
