//! Limits of OTLP.

use core::time::Duration;

/// For one export over OTLP, as the specification has it (OpenTelemetry Protocol Exporter, "Timeout").
pub const OTLP_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest that may be asked for, and what 0, "no limit", stands for: milliseconds in 31 bits, 24 days.
pub const OTLP_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// From one export of metrics to the next, as the specification has it ("Periodic exporting MetricReader").
pub const OTLP_INTERVAL: Duration = Duration::from_secs(60);

/// The shortest that may be asked for: one second, as of heartbeats.
pub const OTLP_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The longest: a day, as of heartbeats.
pub const OTLP_INTERVAL_MAX: Duration = Duration::from_secs(86_400);

/// What is kept while the collector is away, unless `OTEL_BUFFER_BYTES` says otherwise.
pub const OTLP_BUFFER_BYTES: usize = 256 * 1024;

/// The least that may be asked for: a few exports of a node with many monitors.
pub const OTLP_BUFFER_BYTES_MIN: usize = 64 * 1024;

/// The most: beyond it a file serves better (`OTEL_SPOOL_DIR`).
pub const OTLP_BUFFER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Keys and values of `OTEL_RESOURCE_ATTRIBUTES`: they are part of every export.
pub const OTLP_RESOURCE_BYTES: usize = 4096;

/// The name of the service (`OTEL_SERVICE_NAME`).
pub const OTLP_SERVICE_NAME_BYTES: usize = 255;

const _: () = assert!(OTLP_BUFFER_BYTES_MIN <= OTLP_BUFFER_BYTES && OTLP_BUFFER_BYTES <= OTLP_BUFFER_BYTES_MAX);
