//! `imalive.yml`: found, read and checked. [`parse`] alone says what is in it; nothing here opens a file.
//!
//! A mistake is one line with its place. What the original took at the start and reported as failing at every round is
//! still taken, with a [`Warning`].

mod connectivity;
mod dates;
mod durations;
mod fields;
mod given;
pub(super) mod headers;
mod http;
mod maintenance;
#[cfg(test)]
mod mistakes;
mod monitor;
mod names;
mod references;
mod spelling;
mod summary;
pub(super) mod urls;
#[cfg(test)]
mod values;
mod webhooks;

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;

use crate::config::Config;
use crate::config::file::fields::Fields;
use crate::config::file::monitor::{Draft, KEYS, OWN_KEYS};
use crate::config::monitors::{Monitors, Scope, Secret};
use crate::config::variables::{Variable, path, set};
use crate::config::yaml::{self, Entry, Mistake, Node, Value};
use crate::limits::MONITORS;

/// Where the file is looked for when `IMALIVE_CONFIG` says nothing, in this order.
pub const CANDIDATES: [&str; 3] = ["./imalive.yml", "/etc/imalive/imalive.yml", "/app/imalive.yml"];

pub(super) const VARIABLES: &[Variable] = &[Variable {
    name: "IMALIVE_CONFIG",
    default: "",
    default_is: "./, /etc/imalive/ or /app/imalive.yml",
    help: "monitors' file",
    problem: "is not a path",
    expected: "a path without control characters",
    set: |config, value| set(path(value), |path| config.config_path = Some(path)),
    show: |config| config.config_path.clone().unwrap_or_default(),
}];

/// What the file's values refer to.
pub struct Context<'a> {
    /// A variable of the environment, for `${NAME}`.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// The text of a file, for `KEY_file`, or one line that says why not.
    pub read: &'a dyn Fn(&str) -> Result<String, String>,
    /// From one check to the next, unless the file says otherwise (`WAIT_TIME`).
    pub wait_time: Duration,
    /// What references stood for since somebody took it.
    pub resolved: RefCell<Vec<Secret>>,
}

/// What is accepted, but will not do what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What it is, in one line without a secret.
    pub text: String,
}

/// Why a file is refused: `FILE:LINE:COLUMN: …` when printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file's name.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong and what was expected, in one line without a secret.
    pub text: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&placed(&self.file, self.line, self.column, &self.text))
    }
}

impl core::error::Error for FileError {}

fn placed(file: &str, line: u32, column: u32, text: &str) -> String {
    let (mut lines, mut columns) = (itoa::Buffer::new(), itoa::Buffer::new());
    [file, ":", lines.format(line), ":", columns.format(column), ": ", text].concat()
}

/// Where the file's text and its secrets come from.
pub struct Sources<'a> {
    /// A variable of the environment.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// The text of `imalive.yml`; `None`: there is no such file.
    pub config_file: &'a dyn Fn(&str) -> Result<Option<String>, String>,
    /// The text of a file that holds a secret.
    pub secret_file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// A file that was found and understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its path.
    pub path: String,
    /// What it asks for.
    pub monitors: Monitors,
    /// What is worth a word.
    pub warnings: Vec<Warning>,
}

impl Loaded {
    /// Each warning with its place: `FILE:LINE:COLUMN: …`.
    pub fn warning_lines(&self) -> impl Iterator<Item = String> {
        self.warnings.iter().map(|warning| placed(&self.path, warning.line, warning.column, &warning.text))
    }

    /// What was understood, a line for each monitor, each a comment.
    pub fn summary(&self) -> String {
        summary::summary(&self.path, &self.monitors)
    }
}

/// The file that `config` names, else the first of [`CANDIDATES`] that there is; `None`: there is none. The error is one
/// line.
pub fn load(config: &Config, sources: &Sources<'_>) -> Result<Option<Loaded>, String> {
    let asked = config.config_path.as_deref();
    let candidates = asked.as_ref().map_or(&CANDIDATES[..], core::slice::from_ref);
    for path in candidates {
        let Some(text) = (sources.config_file)(path)? else { continue };
        let context = Context {
            lookup: sources.lookup,
            read: sources.secret_file,
            wait_time: config.wait_time,
            resolved: RefCell::default(),
        };
        let (monitors, warnings) = parse(&text, path, &context).map_err(|error| alloc::format!("{error}"))?;
        return Ok(Some(Loaded { path: (*path).into(), monitors, warnings }));
    }
    match asked {
        Some(path) => Err(["read ", path, ": there is no such file"].concat()),
        None => Ok(None),
    }
}

/// What `text` asks for. `file` is its name in the error.
pub fn parse(text: &str, file: &str, context: &Context<'_>) -> Result<(Monitors, Vec<Warning>), FileError> {
    let mut warnings = Vec::new();
    let root = yaml::parse(text).and_then(|root| match root {
        Some(root) => whole_file(&root, context, &mut warnings),
        None => Ok(Monitors::default()),
    });
    match root {
        Ok(monitors) => {
            let of_mistake = |Mistake { at, text }: Mistake| Warning { line: at.line, column: at.column, text };
            Ok((monitors, warnings.into_iter().map(of_mistake).collect()))
        }
        Err(Mistake { at, text }) => Err(FileError { file: file.into(), line: at.line, column: at.column, text }),
    }
}

fn whole_file(root: &Node<'_>, context: &Context<'_>, warnings: &mut Vec<Mistake>) -> Result<Monitors, Mistake> {
    const SECTIONS: [&str; 6] = ["monitors", "defaults", "connectivity", "maintenance", "webhook", "webhooks"];
    // As in Compose files, `x-…` is for anchors that aliases refer to.
    let fields = Fields::of_any("file", root, &SECTIONS, |key| key.starts_with("x-"))?;
    let defaults =
        fields.get("defaults").map(|field| Fields::of(field.key, field.node, &KEYS[OWN_KEYS..])).transpose()?;
    let defaults = defaults.map_or(&[][..], |defaults| defaults.own);

    let mut drafts: Vec<Draft<'_>> = Vec::new();
    if let Some(field) = fields.get("monitors") {
        let Value::Sequence(items) = &field.node.value else {
            return Err(field.wrong("is not a list", "a list of monitors"));
        };
        if items.len() > MONITORS {
            let (mut given, mut most) = (itoa::Buffer::new(), itoa::Buffer::new());
            let parts = [given.format(items.len()), " are too many: expected at most ", most.format(MONITORS)];
            return Err(field.remark(&parts));
        }
        for item in items {
            let own = Fields::of(field.key, item, KEYS)?.own;
            let draft = monitor::monitor(item.at, &Fields { own, defaults }, context, warnings)?;
            if let Some(draft) = draft {
                names::unique(&drafts, &draft)?;
                drafts.push(draft);
            }
        }
    }
    if drafts.is_empty() {
        // The mistakes in `defaults` are found all the same.
        let value = Value::Quoted("defaults".into());
        let name = Entry { at: root.at, key: "name".into(), node: Node { at: root.at, value } };
        let fields = Fields { own: core::slice::from_ref(&name), defaults };
        monitor::monitor(root.at, &fields, context, &mut Vec::new())?;
    }

    let names: Vec<String> = drafts.iter().map(|draft| draft.monitor.name.clone()).collect();
    let connectivity =
        fields.get("connectivity").map(|field| connectivity::targets(field.node, context)).transpose()?;
    let connectivity = connectivity.unwrap_or_default();
    let mut monitors = Monitors { connectivity, ..Monitors::default() };
    let mut depends_on = Vec::new();
    for mut draft in drafts {
        if let Some(field) = draft.depends_on {
            draft.monitor.depends_on = names::places(field, &names)?;
        }
        let scope = draft.monitor.scope;
        if let Some(field) = draft.scope
            && scope != Scope::None
            && monitors.connectivity.iter().all(|target| target.scope != scope)
        {
            warnings.push(
                field.wrong("has no target, so a failure always counts", "targets of that scope under connectivity"),
            );
        }
        depends_on.push(draft.depends_on);
        monitors.monitors.push(draft.monitor);
    }
    names::no_cycle(&monitors.monitors, &depends_on)?;
    if let Some(field) = fields.get("maintenance") {
        monitors.maintenance = maintenance::windows(field, &names)?;
    }
    for field in [fields.get("webhook"), fields.get("webhooks")].into_iter().flatten() {
        webhooks::webhooks(field, context, warnings, &mut monitors.webhooks)?;
    }
    Ok(monitors)
}
