//! The document of one reading, under the original's keys. Every key is always there; what could not be read is absent
//! at the leaves, so that a client that looks a key up finds it.

use alloc::vec;
use alloc::vec::Vec;

use crate::report::Node;
use crate::report::iso8601::iso8601;
use crate::report::number::{from_permille, gib, human, percent, permille};
use crate::report::value::{Members, Value};
use crate::snapshot::{Disk, Memory, Snapshot, Swap};

/// The order in which the members of the reading stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Of the original's newest version.
    Newest,
    /// Of the heartbeat of 2021: its keys first and together, the newer ones after them.
    Of2021,
}

pub(super) fn reading<'a>(node: Node<'a>, snapshot: &'a Snapshot, order: Order) -> Members<'a> {
    let status = ("status", Value::Text("ok"));
    let identity =
        [("type", Value::Text("heartbit")), ("name", Value::Text(node.name)), ("time", time(snapshot.unix_micros))];
    let figures = [
        ("disk_usage", disk(snapshot.disk)),
        ("virtual_memory", memory(snapshot.memory, order)),
        ("swap_memory", swap(snapshot.swap)),
        ("cpu", cpu(node, snapshot)),
    ];
    let mut members = Vec::with_capacity(11);
    members.push(status);
    match order {
        Order::Newest => {
            members.extend(identity);
            members.extend(figures);
        }
        Order::Of2021 => {
            members.extend(figures);
            members.extend(identity);
        }
    }
    members
}

pub(super) fn time<'a>(unix_micros: u64) -> Value<'a> {
    Value::Owned(iso8601(unix_micros))
}

fn disk<'a>(disk: Option<Disk>) -> Value<'a> {
    let figure = |of: fn(Disk) -> f64| Value::or_absent(disk, |disk| Value::Float(of(disk)));
    Value::Object(vec![
        ("total", figure(|disk| gib(disk.total_bytes))),
        ("used", figure(|disk| gib(disk.used_bytes()))),
        ("free", figure(|disk| gib(disk.available_bytes))),
        ("percent", figure(|disk| percent(disk.used_bytes(), disk.total_bytes))),
    ])
}

fn memory<'a>(memory: Option<Memory>, order: Order) -> Value<'a> {
    let of = |bytes: fn(Memory) -> u64| memory.map(bytes);
    let (total, available, used) = (of(|m| m.total_bytes), of(|m| m.available_bytes), of(|m| m.used_bytes()));
    let mut members = vec![
        ("total", bytes(total)),
        ("used", bytes(used)),
        ("available", bytes(available)),
        ("percent", Value::or_absent(memory, |m| Value::Float(percent(m.used_bytes(), m.total_bytes)))),
        ("numeric", Value::Object(vec![("total", raw(total)), ("available", raw(available)), ("used", raw(used))])),
    ];
    if order == Order::Of2021 {
        members.swap(1, 2);
    }
    Value::Object(members)
}

fn swap<'a>(swap: Option<Swap>) -> Value<'a> {
    let of = |bytes: fn(Swap) -> u64| swap.map(bytes);
    let (total, used, free) = (of(|s| s.total_bytes), of(|s| s.used_bytes()), of(|s| s.free_bytes));
    Value::Object(vec![
        ("total", bytes(total)),
        ("used", bytes(used)),
        ("free", bytes(free)),
        ("percent", Value::or_absent(swap, |s| Value::Float(from_permille(swap_permille(s))))),
        ("numeric", Value::Object(vec![("total", raw(total)), ("used", raw(used)), ("free", raw(free))])),
    ])
}

/// psutil rounds the percentage of swap, and of swap only.
pub(crate) fn swap_permille(swap: Swap) -> u64 {
    permille(percent(swap.used_bytes(), swap.total_bytes))
}

fn cpu<'a>(node: Node<'a>, snapshot: &'a Snapshot) -> Value<'a> {
    let usage = |permille: Option<u16>| Value::or_absent(permille, |p| Value::Float(from_permille(u64::from(p))));
    let times = |times| Value::Times { times, ticks_per_second: node.ticks_per_second };
    let (reading, each) = (snapshot.cpu.as_ref(), &snapshot.cpu_usage.each_permille);
    let each_usage = match (reading, each.is_empty()) {
        (None, true) => Value::Absent,
        _ => Value::List(each.iter().copied().map(usage).collect()),
    };
    let count = vec![
        // The original's names are the wrong way round: `all` is the number of logical CPUs.
        ("all", Value::or_absent(reading, |cpu| Value::Integer(cpu.online() as u64))),
        ("with_logical", Value::or_absent(snapshot.cores, |cores| Value::Integer(u64::from(cores)))),
    ];
    let each_times =
        |cpu: &'a crate::snapshot::CpuReading| Value::List(cpu.each.iter().map(|cpu| times(&cpu.times)).collect());
    Value::Object(vec![
        ("percent", Value::Object(vec![("all", usage(snapshot.cpu_usage.all_permille)), ("percpu", each_usage)])),
        ("count", Value::Object(count)),
        (
            "times",
            Value::Object(vec![
                ("all", Value::or_absent(reading, |cpu| times(&cpu.all))),
                ("percpu", Value::or_absent(reading, each_times)),
            ]),
        ),
    ])
}

fn bytes<'a>(bytes: Option<u64>) -> Value<'a> {
    Value::or_absent(bytes, |bytes| Value::Owned(human(bytes)))
}

fn raw<'a>(bytes: Option<u64>) -> Value<'a> {
    Value::or_absent(bytes, Value::Integer)
}
