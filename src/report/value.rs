//! A document before it has a syntax: miniserde prints it as JSON, `python` as the heartbeat of 2021. One document
//! for both, so that they cannot differ in what they say.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use miniserde::ser::{Fragment, Map, Seq, Serialize};

use crate::report::number::seconds;
use crate::snapshot::CpuTimes;

/// The members of an object, in the order in which they are printed.
pub(super) type Members<'a> = Vec<(&'static str, Value<'a>)>;

pub(super) enum Value<'a> {
    /// What could not be read: never 0.
    Absent,
    Integer(u64),
    Float(f64),
    Text(&'a str),
    Owned(String),
    List(Vec<Value<'a>>),
    Object(Members<'a>),
    /// Kept in ticks until it is printed: ten floats for each of 128 CPUs would be 30 KB.
    Times {
        times: &'a CpuTimes,
        ticks_per_second: u64,
    },
}

impl<'a> Value<'a> {
    pub(super) fn or_absent<T>(value: Option<T>, present: impl Fn(T) -> Value<'a>) -> Value<'a> {
        value.map_or(Value::Absent, present)
    }
}

impl Serialize for Value<'_> {
    fn begin(&self) -> Fragment<'_> {
        match self {
            Value::Absent => Fragment::Null,
            Value::Integer(value) => Fragment::U64(*value),
            Value::Float(value) => Fragment::F64(*value),
            Value::Text(text) => Fragment::Str(Cow::Borrowed(text)),
            Value::Owned(text) => Fragment::Str(Cow::Borrowed(text)),
            Value::List(values) => Fragment::Seq(Box::new(ListStream(values.iter()))),
            Value::Object(members) => Fragment::Map(Box::new(ObjectStream(members.iter()))),
            Value::Times { times, ticks_per_second } => Fragment::Seq(Box::new(TimesStream {
                fields: times.fields(),
                at: 0,
                ticks_per_second: *ticks_per_second,
                current: 0.0,
            })),
        }
    }
}

struct ListStream<'a>(core::slice::Iter<'a, Value<'a>>);

impl Seq for ListStream<'_> {
    fn next(&mut self) -> Option<&dyn Serialize> {
        Some(self.0.next()?)
    }
}

struct ObjectStream<'a>(core::slice::Iter<'a, (&'static str, Value<'a>)>);

impl Map for ObjectStream<'_> {
    fn next(&mut self) -> Option<(Cow<'_, str>, &dyn Serialize)> {
        let (key, value) = self.0.next()?;
        Some((Cow::Borrowed(key), value))
    }
}

struct TimesStream {
    fields: [(&'static str, u64); 10],
    at: usize,
    ticks_per_second: u64,
    current: f64,
}

impl Seq for TimesStream {
    fn next(&mut self) -> Option<&dyn Serialize> {
        let (_, ticks) = self.fields.get(self.at)?;
        self.at += 1;
        self.current = seconds(*ticks, self.ticks_per_second);
        Some(&self.current)
    }
}
