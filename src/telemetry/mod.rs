//! OpenTelemetry: metrics, logs and traces for a collector, over OTLP.
