//! Entries of the systemd journal: a field a line, `NAME=value` (systemd.journal-fields(7)). No value has a line break,
//! so none needs the form with a length.

use alloc::string::String;

use crate::report::Node;
use crate::report::number::{from_permille, percent, permille, push_float, push_integer};
use crate::report::reading::swap_permille;
use crate::snapshot::Snapshot;

/// What `MESSAGE_ID=` says of a heartbeat, so that `journalctl MESSAGE_ID=…` finds nothing else.
pub const HEARTBEAT_ID: &str = "7d2f6c3a1b9e4f60a85c0e4d93b7f215";

/// A heartbeat: a sentence, and each figure as a field of its own. What could not be read has no field.
pub fn heartbeat(node: Node<'_>, snapshot: &Snapshot) -> String {
    let mut entry = String::with_capacity(768);
    entry.push_str("MESSAGE=I'm alive! ");
    push_summary(&mut entry, snapshot);
    entry.push_str("\nMESSAGE_ID=");
    entry.push_str(HEARTBEAT_ID);
    push_source(&mut entry, 6, node.name);
    let mut usage = |name: &str, permille: Option<u64>| {
        if let Some(permille) = permille {
            push_name(&mut entry, name);
            push_float(&mut entry, from_permille(permille));
        }
    };
    let [cpu, memory, swap, disk] = usages(snapshot);
    usage("CPU_PERCENT", cpu);
    usage("MEMORY_PERCENT", memory);
    usage("SWAP_PERCENT", swap);
    usage("DISK_PERCENT", disk);
    let mut bytes = |name: &str, bytes: Option<u64>| {
        if let Some(bytes) = bytes {
            push_name(&mut entry, name);
            push_integer(&mut entry, bytes);
        }
    };
    bytes("CPU_COUNT", snapshot.cpu.as_ref().map(|cpu| cpu.online() as u64));
    bytes("MEMORY_TOTAL_BYTES", snapshot.memory.map(|memory| memory.total_bytes));
    bytes("MEMORY_AVAILABLE_BYTES", snapshot.memory.map(|memory| memory.available_bytes));
    bytes("SWAP_TOTAL_BYTES", snapshot.swap.map(|swap| swap.total_bytes));
    bytes("SWAP_FREE_BYTES", snapshot.swap.map(|swap| swap.free_bytes));
    bytes("DISK_TOTAL_BYTES", snapshot.disk.map(|disk| disk.total_bytes));
    bytes("DISK_AVAILABLE_BYTES", snapshot.disk.map(|disk| disk.available_bytes));
    entry.push('\n');
    entry
}

/// A diagnostic of this syslog priority (syslog(3)), whose text is one line.
pub fn diagnostic(body: &str, priority: u8, node_name: &str) -> String {
    let mut entry = String::with_capacity(body.len() + 128);
    entry.push_str("MESSAGE=");
    entry.push_str(body);
    push_source(&mut entry, priority, node_name);
    entry.push('\n');
    entry
}

/// The four usages in a few words: `CPU 3.1%, memory 22.0%, swap 0.0%, disk 11.8%`.
pub fn summary(snapshot: &Snapshot) -> String {
    let mut text = String::with_capacity(64);
    push_summary(&mut text, snapshot);
    text
}

fn push_summary(text: &mut String, snapshot: &Snapshot) {
    let names = ["CPU ", "memory ", "swap ", "disk "];
    for (index, (name, permille)) in names.into_iter().zip(usages(snapshot)).enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
        match permille {
            Some(permille) => {
                push_float(text, from_permille(permille));
                text.push('%');
            }
            None => text.push_str("unknown"),
        }
    }
}

/// Of CPU, memory, swap and disk, in permille.
fn usages(snapshot: &Snapshot) -> [Option<u64>; 4] {
    let of = |used, total| permille(percent(used, total));
    [
        snapshot.cpu_usage.all_permille.map(u64::from),
        snapshot.memory.map(|memory| of(memory.used_bytes(), memory.total_bytes)),
        snapshot.swap.map(swap_permille),
        snapshot.disk.map(|disk| of(disk.used_bytes(), disk.total_bytes)),
    ]
}

pub(super) fn push_source(entry: &mut String, priority: u8, node_name: &str) {
    entry.push_str("\nPRIORITY=");
    push_integer(entry, u64::from(priority));
    entry.push_str("\nSYSLOG_IDENTIFIER=imalive");
    push_name(entry, "NODE");
    // A control character would end the field.
    entry.extend(node_name.chars().map(|character| if character.is_control() { '?' } else { character }));
}

pub(super) fn push_name(entry: &mut String, name: &str) {
    entry.push_str("\nIMALIVE_");
    entry.push_str(name);
    entry.push('=');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_heartbeat_has_a_field_for_each_figure() {
        let entry = heartbeat(samples::NODE, &samples::recorded());
        let expected = "MESSAGE=I'm alive! CPU 53.0%, memory 4.2%, swap 0.0%, disk 11.8%\n\
            MESSAGE_ID=7d2f6c3a1b9e4f60a85c0e4d93b7f215\n\
            PRIORITY=6\nSYSLOG_IDENTIFIER=imalive\nIMALIVE_NODE=anode\n\
            IMALIVE_CPU_PERCENT=53.0\nIMALIVE_MEMORY_PERCENT=4.2\nIMALIVE_SWAP_PERCENT=0.0\nIMALIVE_DISK_PERCENT=11.8\n\
            IMALIVE_CPU_COUNT=2\n\
            IMALIVE_MEMORY_TOTAL_BYTES=25276514304\nIMALIVE_MEMORY_AVAILABLE_BYTES=24211038208\n\
            IMALIVE_SWAP_TOTAL_BYTES=0\nIMALIVE_SWAP_FREE_BYTES=0\n\
            IMALIVE_DISK_TOTAL_BYTES=270553174016\nIMALIVE_DISK_AVAILABLE_BYTES=";
        assert!(entry.starts_with(expected), "{entry}");
        assert!(entry.ends_with('\n') && !entry.contains("\n\n"), "{entry}");
    }

    #[test]
    fn what_is_absent_has_no_field_and_is_never_zero() {
        let entry = heartbeat(samples::NODE, &Snapshot::default());
        assert!(entry.starts_with("MESSAGE=I'm alive! CPU unknown, memory unknown, swap unknown, disk unknown\n"));
        assert!(entry.ends_with("\nIMALIVE_NODE=anode\n"), "{entry}");
    }

    #[test]
    fn a_name_cannot_add_a_field() {
        let node = Node { name: "a\nPRIORITY=0", ..samples::NODE };
        assert!(heartbeat(node, &Snapshot::default()).ends_with("\nIMALIVE_NODE=a?PRIORITY=0\n"));
    }

    #[test]
    fn a_diagnostic_has_its_priority() {
        assert_eq!(
            diagnostic("[metrics] CPU usage is above 80%: 85.3%", 4, "anode"),
            "MESSAGE=[metrics] CPU usage is above 80%: 85.3%\nPRIORITY=4\nSYSLOG_IDENTIFIER=imalive\nIMALIVE_NODE=anode\n"
        );
    }
}
