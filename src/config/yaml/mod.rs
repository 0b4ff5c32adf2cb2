//! YAML as a tree that knows where each part stands. Scalars stay text: what a key means decides their type.
//!
//! Anchors, aliases and merge keys (`<<`) work as in the original's reader; tags say nothing. One document, keys that are
//! scalars and are not given twice, and bounds on depth and size: an alias counts as often as it is used.

mod merge;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::config::error::write_shown;
use crate::limits::{CONFIG_FILE_BYTES, CONFIG_FILE_DEPTH, CONFIG_FILE_NODES};

/// Where something begins, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Where it begins; of an alias, where the alias does.
    pub at: Position,
    /// What it is.
    pub value: Value<'a>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text without quotes, which may mean something else.
    Plain(Cow<'a, str>),
    /// Text in quotes, or a block.
    Quoted(Cow<'a, str>),
    /// A list.
    Sequence(Vec<Node<'a>>),
    /// A mapping, in the order of the file.
    Mapping(Vec<Entry<'a>>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where the key begins.
    pub at: Position,
    /// The key.
    pub key: Cow<'a, str>,
    /// Its value.
    pub node: Node<'a>,
}

impl Node<'_> {
    /// Whether there is no value.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Plain(text) if ["", "~", "null", "Null", "NULL"].contains(&text.as_ref()))
    }
}

/// What is wrong with a file, or worth a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub at: Position,
    /// What is wrong, and what was expected: one line without a secret.
    pub text: String,
}

/// The only document of `text`; `None`: it has none.
pub fn parse(text: &str) -> Result<Option<Node<'_>>, Mistake> {
    let start = Position { line: 1, column: 1 };
    if text.len() > CONFIG_FILE_BYTES {
        return Err(too_much(start, "bytes", CONFIG_FILE_BYTES));
    }
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let mut text = String::from("not YAML: ");
            let _ = write_shown(&mut text, error.info());
            Mistake { at: position(error.marker()), text }
        })?;
        builder.take(event, position(&span.start))?;
    }
    Ok(builder.root)
}

fn position(marker: &Marker) -> Position {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Position { line: number(marker.line()).max(1), column: number(marker.col()).saturating_add(1) }
}

fn mistake(at: Position, text: &str) -> Mistake {
    Mistake { at, text: text.into() }
}

fn too_much(at: Position, what: &str, most: usize) -> Mistake {
    let mut buffer = itoa::Buffer::new();
    Mistake { at, text: ["too many ", what, ": expected at most ", buffer.format(most)].concat() }
}

/// A list or mapping whose end is still to come.
struct Open<'a> {
    at: Position,
    anchor: usize,
    /// The key whose value is to come; of a mapping only.
    key: Option<Node<'a>>,
    /// What merge keys bring.
    merged: Vec<Entry<'a>>,
    value: Value<'a>,
}

#[derive(Default)]
struct Builder<'a> {
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    anchors: Vec<(usize, Node<'a>)>,
    nodes: usize,
    bytes: usize,
    documents: usize,
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, at: Position) -> Result<(), Mistake> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(mistake(at, "a second document: expected one"));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                self.count(at, 1, text.len())?;
                let plain = style == ScalarStyle::Plain;
                let value = if plain { Value::Plain(text) } else { Value::Quoted(text) };
                return self.add(Node { at, value }, anchor);
            }
            Event::SequenceStart(anchor, _) => return self.begin(at, anchor, Value::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => return self.begin(at, anchor, Value::Mapping(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    return self
                        .add(Node { at: open.at, value: merge::overridden(open.merged, open.value) }, open.anchor);
                }
            }
            Event::Alias(anchor) => {
                let Some((_, node)) = self.anchors.iter().find(|(known, _)| *known == anchor) else {
                    return Err(mistake(at, "an alias within what it stands for: expected one of something before it"));
                };
                let mut node = node.clone();
                node.at = at;
                let (nodes, bytes, depth) = size(&node);
                self.count(at, nodes, bytes)?;
                if self.open.len() + depth > CONFIG_FILE_DEPTH {
                    return Err(too_much(at, "levels", CONFIG_FILE_DEPTH));
                }
                return self.add(node, 0);
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn count(&mut self, at: Position, nodes: usize, bytes: usize) -> Result<(), Mistake> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > CONFIG_FILE_NODES {
            return Err(too_much(at, "keys and values", CONFIG_FILE_NODES));
        }
        if self.bytes > CONFIG_FILE_BYTES {
            return Err(too_much(at, "bytes", CONFIG_FILE_BYTES));
        }
        Ok(())
    }

    fn begin(&mut self, at: Position, anchor: usize, value: Value<'a>) -> Result<(), Mistake> {
        self.count(at, 1, 0)?;
        if self.open.len() == CONFIG_FILE_DEPTH {
            return Err(too_much(at, "levels", CONFIG_FILE_DEPTH));
        }
        if self.open.last().is_some_and(|open| open.key.is_none() && matches!(open.value, Value::Mapping(_))) {
            return Err(mistake(at, "a list or mapping as a key: expected text"));
        }
        self.open.push(Open { at, anchor, key: None, merged: Vec::new(), value });
        Ok(())
    }

    /// A value that is complete, into what is open.
    fn add(&mut self, node: Node<'a>, anchor: usize) -> Result<(), Mistake> {
        if anchor != 0 {
            let (nodes, bytes, _) = size(&node);
            self.count(node.at, nodes, bytes)?;
            self.anchors.push((anchor, node.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.value, open.key.take()) {
            (Value::Sequence(items), _) => items.push(node),
            (_, None) if matches!(node.value, Value::Plain(_) | Value::Quoted(_)) => open.key = Some(node),
            (_, None) => return Err(mistake(node.at, "a list or mapping as a key: expected text")),
            (Value::Mapping(entries), Some(key)) => match key.value {
                Value::Plain(text) if text == merge::KEY => merge::merge(&mut open.merged, node)?,
                Value::Plain(text) | Value::Quoted(text) => insert(entries, Entry { at: key.at, key: text, node })?,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }
}

fn insert<'a>(entries: &mut Vec<Entry<'a>>, entry: Entry<'a>) -> Result<(), Mistake> {
    if let Some(first) = entries.iter().find(|known| known.key == entry.key) {
        let mut text = String::new();
        let _ = write_shown(&mut text, &entry.key);
        let mut buffer = itoa::Buffer::new();
        for part in [": given twice: expected once, as in line ", buffer.format(first.at.line)] {
            text.push_str(part);
        }
        return Err(Mistake { at: entry.at, text });
    }
    entries.push(entry);
    Ok(())
}

/// Nodes and bytes, and how many levels of lists and mappings.
fn size(node: &Node<'_>) -> (usize, usize, usize) {
    let add = |sum: (usize, usize, usize), node: &Node<'_>, key_bytes: usize| {
        let (nodes, bytes, depth) = size(node);
        (sum.0 + nodes + usize::from(key_bytes > 0), sum.1 + bytes + key_bytes, sum.2.max(depth + 1))
    };
    match &node.value {
        Value::Plain(text) | Value::Quoted(text) => (1, text.len(), 0),
        Value::Sequence(items) => items.iter().fold((1, 0, 1), |sum, item| add(sum, item, 0)),
        Value::Mapping(entries) => entries.iter().fold((1, 0, 1), |sum, entry| add(sum, &entry.node, entry.key.len())),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    /// The tree in a line: quoted text in quotes, positions left out.
    fn drawn(node: &Node<'_>) -> String {
        match &node.value {
            Value::Plain(text) => text.to_string(),
            Value::Quoted(text) => format!("{text:?}"),
            Value::Sequence(items) => format!("[{}]", items.iter().map(drawn).collect::<Vec<_>>().join(", ")),
            Value::Mapping(entries) => {
                let entry = |entry: &Entry<'_>| format!("{}: {}", entry.key, drawn(&entry.node));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }

    pub(super) fn tree(text: &str) -> String {
        drawn(&parse(text).unwrap().unwrap())
    }

    pub(super) fn error(text: &str) -> String {
        let error = parse(text).unwrap_err();
        format!("{}:{}: {}", error.at.line, error.at.column, error.text)
    }

    #[test]
    fn scalars_stay_text() {
        assert_eq!(tree("a: 0123\nb: no\nc: '5'\nd: |\n  x\n  y\n"), r#"{a: 0123, b: no, c: "5", d: "x\ny\n"}"#);
        assert_eq!(tree("- 1\n- [a, {b: c}]\n"), "[1, [a, {b: c}]]");
        assert_eq!(tree("!!str 5"), "5");
    }

    #[test]
    fn a_file_without_anything_is_no_document() {
        for text in ["", "\n\n", "# nothing\n", "\u{feff}"] {
            assert_eq!(parse(text), Ok(None), "{text:?}");
        }
        assert!(parse("---\n").unwrap().unwrap().is_null());
        assert!(parse("~").unwrap().unwrap().is_null());
        assert!(!parse("''").unwrap().unwrap().is_null());
    }

    #[test]
    fn everything_knows_where_it_stands() {
        let root = parse("\u{feff}a:\n  - küche: x\n    b:   [1]\n").unwrap().unwrap();
        let Value::Mapping(entries) = &root.value else { panic!("{root:?}") };
        let Value::Sequence(items) = &entries[0].node.value else { panic!("{root:?}") };
        let Value::Mapping(inner) = &items[0].value else { panic!("{root:?}") };
        let at = |line, column| Position { line, column };
        assert_eq!((root.at, entries[0].at), (at(1, 1), at(1, 1)));
        assert_eq!((inner[0].at, inner[0].node.at), (at(2, 5), at(2, 12)));
        assert_eq!((inner[1].at, inner[1].node.at), (at(3, 5), at(3, 10)));
    }

    #[test]
    fn an_alias_is_what_it_stands_for() {
        assert_eq!(tree("a: &x [1, 2]\nb: *x\n"), "{a: [1, 2], b: [1, 2]}");
    }

    #[test]
    fn what_means_two_things_is_refused() {
        assert_eq!(error("a: 1\nb: 2\na: 3\n"), "3:1: a: given twice: expected once, as in line 1");
        assert_eq!(error("a: 1\n---\nb: 2\n"), "2:1: a second document: expected one");
        assert_eq!(error("[a]: 1\n"), "1:1: a list or mapping as a key: expected text");
        assert_eq!(error("*x : 1\n"), "1:1: not YAML: while parsing node, found unknown anchor");
        assert!(error("? &x [a]\n: 1\n").contains("as a key"));
        assert!(error("- &x [a]\n- {*x : 1}\n").contains("as a key"));
        assert!(error("a: &x\n  b: *x\n").contains("an alias within what it stands for"));
    }

    #[test]
    fn what_is_not_yaml_is_one_line_with_its_place() {
        for text in ["a: [1", "a: 'x", "a: b: c", "a\n b: c", "{", "@", "a: \"\\q\"", "- a\nb: 1"] {
            let message = error(text);
            assert!(message.contains(": not YAML: ") && !message.contains(char::is_control), "{text:?} {message}");
        }
    }

    #[test]
    fn a_billion_laughs_are_one_line() {
        let mut text = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_string();
        for level in 1..10 {
            let before = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        assert_eq!(error(&text), "4:35: too many keys and values: expected at most 8192");
        let mut text = format!("a0: &a0 {}\n", "x".repeat(1000));
        for _ in 0..300 {
            text.push_str("- *a0\n");
        }
        let text = text.replace("a0: &a0", "- &a0");
        assert!(error(&text).ends_with("too many bytes: expected at most 262144"));
    }

    #[test]
    fn depth_and_size_have_bounds() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(&nested(CONFIG_FILE_DEPTH)).is_ok());
        assert_eq!(error(&nested(CONFIG_FILE_DEPTH + 1)), "1:9: too many levels: expected at most 8");
        let by_alias = format!("- &x {}\n- {}*x{}\n", nested(5), "[".repeat(3), "]".repeat(3));
        assert!(error(&by_alias).contains("too many levels"), "{}", error(&by_alias));
        assert!(parse(&"- a\n".repeat(CONFIG_FILE_NODES - 1)).is_ok());
        assert!(error(&"- a\n".repeat(CONFIG_FILE_NODES)).contains("too many keys and values"));
        assert!(parse(&"#".repeat(CONFIG_FILE_BYTES)).is_ok());
        assert_eq!(error(&"#".repeat(CONFIG_FILE_BYTES + 1)), "1:1: too many bytes: expected at most 262144");
    }

    #[test]
    fn hostile_files_take_no_long_time() {
        for unit in [
            "- ", "? ", "a: ", "[", "{", "'", "\"\\", "&a ", "!a ", "%a\n", "|\n", "--- ", "*a", ": ", "a:\n ", "#\n",
            "-\n ", ",", "a b ",
        ] {
            let text = unit.repeat(CONFIG_FILE_BYTES / unit.len());
            let started = std::time::Instant::now();
            let outcome = parse(&text).map(|_| ());
            let took = started.elapsed();
            assert!(took.as_secs() < 5, "{unit:?}: {took:?} {outcome:?}");
        }
    }
}
