//! The heartbeat as text: the line that log patterns match on since 2021, with the newer keys after the old ones.

use alloc::string::String;

use crate::report::Node;
use crate::report::iso8601::iso8601;
use crate::report::python::push_repr;
use crate::report::reading::{Order, reading};
use crate::report::value::Value;
use crate::snapshot::Snapshot;

/// One heartbeat, without the end of the line.
pub fn heartbeat(node: Node<'_>, snapshot: &Snapshot) -> String {
    let mut line = String::with_capacity(2048);
    line.push('[');
    line.push_str(&iso8601(snapshot.unix_micros));
    line.push_str("][");
    // No quotes here, so no escapes either: a control character would break the line.
    line.extend(node.name.chars().map(|character| if character.is_control() { '?' } else { character }));
    line.push_str("] I'm alive! metrics = ");
    push_repr(&mut line, &Value::Object(reading(node, snapshot, Order::Of2021)));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{HEARTBEAT_BYTES, NODE_NAME_BYTES};
    use crate::report::{json, samples};

    #[test]
    fn a_heartbeat_is_one_line_whatever_the_name() {
        let node = Node { name: "a\nb\u{85}'c", ..samples::NODE };
        let line = heartbeat(node, &Snapshot::default());
        assert!(
            line.starts_with("[1970-01-01T00:00:00.000000][a?b?'c] I'm alive! metrics = {'status': 'ok', "),
            "{line}"
        );
        assert!(line.ends_with(r#"'name': "a\nb\x85'c", 'time': '1970-01-01T00:00:00.000000'}"#), "{line}");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn what_is_absent_is_none_and_never_zero() {
        let line = heartbeat(samples::NODE, &Snapshot::default());
        assert!(
            line.contains("'swap_memory': {'total': None, 'used': None, 'free': None, 'percent': None, "),
            "{line}"
        );
        assert!(line.contains("'times': {'all': None, 'percpu': None}}"), "{line}");
    }

    #[test]
    fn the_largest_heartbeat_fits_what_a_blocked_stdout_may_leave_waiting() {
        let name = "\u{1}".repeat(NODE_NAME_BYTES);
        let (node, cid) = (Node { name: &name, ticks_per_second: 99 }, "c".repeat(36));
        let (text, json) = (heartbeat(node, &samples::largest()), json::heartbeat(node, &samples::largest(), &cid));
        // And the end of the line.
        assert!(text.len() < HEARTBEAT_BYTES, "{}", text.len());
        assert!(json.len() < HEARTBEAT_BYTES, "{}", json.len());
    }
}
