//! An export of metrics, written straight into records of a bounded size: of all that there is to tell, two records are in
//! memory at a time.
//!
//! A metric that does not fit into what is left of a record begins the next one. One that fits into none goes on in the
//! next: the same metric again, with other points. A metric is identified by resource, scope, name, unit and kind, and a
//! stream in it by its attributes (OpenTelemetry "Metrics Data Model", "OpenTelemetry Protocol data model"): so that is one
//! metric still, whether a request has both parts or two requests have one each.

pub use super::tally::Record;

use super::cut;
use super::metrics::{Clocks, exporter, write};
use super::wire::{begin_field, field_len, push_field, push_varint, varint_len};
use crate::limits::{OTLP_ATTRIBUTE_BYTES, OTLP_RECORD_BYTES};
use crate::report::prometheus::Scrape;
use crate::report::prometheus_monitors::MonitorScrape;
use crate::report::prometheus_otlp::OtlpScrape;

/// All metrics of one reading, record by record: each a `ScopeMetrics` with metrics and nothing else, of at most
/// [`OTLP_RECORD_BYTES`]. `monitors` is absent where none are configured.
///
/// Not on the heap at once: what is told in all, but 8.5 KB (`tests/records_bounded.rs`).
pub fn metrics(
    scrape: &Scrape<'_>,
    monitors: Option<&MonitorScrape<'_>>,
    clocks: &Clocks,
    sink: &mut dyn FnMut(Record, &[u8]),
) {
    let mut records = Records::new(sink);
    write(&mut records, scrape, monitors, clocks);
    records.end();
}

/// The export's own figures, likewise.
pub fn exporter(scrape: &OtlpScrape, clocks: &Clocks, sink: &mut dyn FnMut(Record, &[u8])) {
    let mut records = Records::new(sink);
    exporter::write(&mut records, scrape, clocks);
    records.end();
}

/// The kinds of instrument.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A value as it is now.
    Gauge,
    /// What only rises, since then.
    Counter(u64),
    /// What rises and falls, and adds up.
    UpDownCounter(u64),
}

/// The value of a point.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Int(u64),
    Double(f64),
}

/// The value of an attribute.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Int(u16),
}

/// Writes metrics: [`Records::metric`] begins one, and [`Records::point`] adds to it. One without points is left out.
pub(super) struct Records<'s> {
    /// Of the points that are added next, which was when they were true.
    pub(super) unix_nanos: u64,
    record: Vec<u8>,
    of_record: Option<Record>,
    kind: Kind,
    /// Name and unit of the metric that is being written.
    head: Vec<u8>,
    points: Vec<u8>,
    of_points: Option<Record>,
    sink: &'s mut dyn FnMut(Record, &[u8]),
}

impl<'s> Records<'s> {
    pub(super) fn new(sink: &'s mut dyn FnMut(Record, &[u8])) -> Self {
        Records {
            unix_nanos: 0,
            record: Vec::with_capacity(OTLP_RECORD_BYTES),
            of_record: None,
            kind: Kind::Gauge,
            head: Vec::new(),
            points: Vec::with_capacity(OTLP_RECORD_BYTES),
            of_points: None,
            sink,
        }
    }

    /// Begins a metric: its name in pieces, and its unit.
    pub(super) fn metric(&mut self, kind: Kind, name: &[&str], unit: &str) {
        self.end_metric();
        self.kind = kind;
        self.head.clear();
        begin_field(1, name.iter().map(|piece| piece.len()).sum(), &mut self.head);
        name.iter().for_each(|piece| self.head.extend_from_slice(piece.as_bytes()));
        if !unit.is_empty() {
            push_field(3, unit.as_bytes(), &mut self.head);
        }
    }

    /// A metric of one point without attributes, if there is one.
    pub(super) fn single(&mut self, kind: Kind, name: &str, unit: &str, value: Option<Number>) {
        if let Some(value) = value {
            self.metric(kind, &[name], unit);
            self.point(value, &[]);
        }
    }

    /// Adds a point.
    pub(super) fn point(&mut self, value: Number, attributes: &[(&str, Value<'_>)]) {
        self.point_of(value, attributes, &[]);
    }

    /// Adds a point with these attributes and those. None is longer than [`OTLP_ATTRIBUTE_BYTES`], and at most three are as
    /// long as that.
    pub(super) fn point_of(&mut self, value: Number, these: &[(&str, Value<'_>)], those: &[(&str, Value<'_>)]) {
        let attributes = || these.iter().chain(those);
        let start = match self.kind {
            Kind::Gauge => 0,
            // No sum was counted from a time to come, as one might be where the clock was set since the reading.
            Kind::Counter(start) | Kind::UpDownCounter(start) => start.min(self.unix_nanos),
        };
        let times = [(2, start), (3, self.unix_nanos)].map(|(number, nanos)| (number, nanos, nanos != 0));
        let of_times: usize = times.iter().map(|(.., is_there)| 9 * usize::from(*is_there)).sum();
        let of_attributes: usize = attributes().map(|(key, value)| field_len(attribute_len(key, *value).0)).sum();
        let len = of_times + 9 + of_attributes;
        if self.metric_len(self.points.len() + field_len(len)) > OTLP_RECORD_BYTES && self.of_points.is_some() {
            self.end_metric();
        }
        let to = &mut self.points;
        begin_field(1, len, to);
        for (number, nanos, is_there) in times {
            if is_there {
                push_fixed(number, nanos, to);
            }
        }
        match value {
            Number::Double(value) => push_fixed(4, value.to_bits(), to),
            // One that is too large for the protocol is the largest there is.
            Number::Int(value) => push_fixed(6, value.min(i64::MAX as u64), to),
        }
        for (key, value) in attributes() {
            push_attribute(key, *value, to);
        }
        add(&mut self.of_points, Record { unix_nanos: self.unix_nanos, items: 1 });
    }

    /// Ends the last record.
    pub(super) fn end(&mut self) {
        self.end_metric();
        self.end_record();
    }

    /// Moves the metric to the record, or to the next one.
    fn end_metric(&mut self) {
        let Some(of_points) = self.of_points.take() else { return };
        if self.record.len() + self.metric_len(self.points.len()) > OTLP_RECORD_BYTES {
            self.end_record();
        }
        let end = self.end_of_data();
        let data = self.points.len() + end.len();
        let to = &mut self.record;
        begin_field(2, self.head.len() + field_len(data), to);
        to.extend_from_slice(&self.head);
        begin_field(if end.is_empty() { 5 } else { 7 }, data, to);
        to.extend_from_slice(&self.points);
        to.extend_from_slice(end);
        self.points.clear();
        add(&mut self.of_record, of_points);
    }

    fn end_record(&mut self) {
        if let Some(record) = self.of_record.take() {
            (self.sink)(record, &self.record);
            self.record.clear();
        }
    }

    /// What stands behind the points: of a sum that it is cumulative (`AGGREGATION_TEMPORALITY_CUMULATIVE`), so that a lost
    /// export loses nothing but resolution, and whether it is monotonic.
    fn end_of_data(&self) -> &'static [u8] {
        match self.kind {
            Kind::Gauge => &[],
            Kind::Counter(_) => &[0x10, 2, 0x18, 1],
            Kind::UpDownCounter(_) => &[0x10, 2],
        }
    }

    /// Bytes of the metric that is being written, with so many of points.
    fn metric_len(&self, points: usize) -> usize {
        field_len(self.head.len() + field_len(points + self.end_of_data().len()))
    }
}

fn add(to: &mut Option<Record>, more: Record) {
    let sum = to.get_or_insert(Record { items: 0, ..more });
    sum.unix_nanos = sum.unix_nanos.min(more.unix_nanos);
    sum.items += more.items;
}

/// Bytes of a `KeyValue`, and of the `AnyValue` in it.
fn attribute_len(key: &str, value: Value<'_>) -> (usize, usize) {
    let of_value = match value {
        Value::Text(text) => field_len(cut(text, OTLP_ATTRIBUTE_BYTES).len()),
        Value::Int(number) => 1 + varint_len(number.into()),
    };
    (field_len(key.len()) + field_len(of_value), of_value)
}

fn push_attribute(key: &str, value: Value<'_>, to: &mut Vec<u8>) {
    let (len, of_value) = attribute_len(key, value);
    begin_field(7, len, to);
    push_field(1, key.as_bytes(), to);
    begin_field(2, of_value, to);
    match value {
        Value::Text(text) => push_field(1, cut(text, OTLP_ATTRIBUTE_BYTES).as_bytes(), to),
        Value::Int(number) => {
            to.push(3 << 3);
            push_varint(number.into(), to);
        }
    }
}

/// Eight bytes, wire type I64.
fn push_fixed(number: u8, value: u64, to: &mut Vec<u8>) {
    to.push(number << 3 | 1);
    to.extend_from_slice(&value.to_le_bytes());
}
