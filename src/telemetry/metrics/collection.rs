//! Metrics as they come together.

use crate::telemetry::messages::common::KeyValue;
use crate::telemetry::messages::metrics::{CUMULATIVE, Data, Gauge, Metric, Number, NumberDataPoint, Sum};

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

pub(super) struct Collection {
    pub(super) metrics: Vec<Metric>,
    /// Of the points that are added next.
    pub(super) time_unix_nano: u64,
}

impl Collection {
    pub(super) fn new(time_unix_nano: u64) -> Self {
        Collection { metrics: Vec::with_capacity(64), time_unix_nano }
    }

    pub(super) fn add(&mut self, kind: Kind, name: &str, unit: &str, mut points: Vec<NumberDataPoint>) {
        if points.is_empty() {
            return;
        }
        let (is_monotonic, start) = match kind {
            Kind::Gauge => (false, 0),
            Kind::Counter(start) => (true, start),
            Kind::UpDownCounter(start) => (false, start),
        };
        for point in &mut points {
            point.time_unix_nano = self.time_unix_nano;
            // No sum was counted from a time to come, as one might be where the clock was set since the reading.
            point.start_time_unix_nano = start.min(self.time_unix_nano);
        }
        let data = match kind {
            Kind::Gauge => Data::Gauge(Gauge { data_points: points }),
            _ => Data::Sum(Sum { data_points: points, aggregation_temporality: CUMULATIVE, is_monotonic }),
        };
        self.metrics.push(Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data) });
    }

    /// One point without attributes, if there is one.
    pub(super) fn single(&mut self, kind: Kind, name: &str, unit: &str, value: Option<Number>) {
        self.add(kind, name, unit, value.map(|value| point(value, Vec::new())).into_iter().collect());
    }
}

pub(super) fn point(value: Number, attributes: Vec<KeyValue>) -> NumberDataPoint {
    NumberDataPoint { value: Some(value), attributes, ..NumberDataPoint::default() }
}

/// A whole number; one that is too large for the protocol is the largest there is.
pub(super) fn int(value: u64) -> Number {
    Number::AsInt(i64::try_from(value).unwrap_or(i64::MAX))
}

pub(super) fn double(value: f64) -> Number {
    Number::AsDouble(value)
}

pub(super) fn texts(attributes: &[(&str, &str)]) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| KeyValue::text(key, value)).collect()
}
