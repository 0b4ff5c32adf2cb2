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

/// The least that may be asked for: one export of a node with as many monitors as there may be.
pub const OTLP_BUFFER_BYTES_MIN: usize = 64 * 1024;

/// The most: beyond it a file serves better (`OTEL_SPOOL_DIR`).
pub const OTLP_BUFFER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Keys and values of `OTEL_RESOURCE_ATTRIBUTES`: they are part of every export.
pub const OTLP_RESOURCE_BYTES: usize = 4096;

/// The name of the service (`OTEL_SERVICE_NAME`).
pub const OTLP_SERVICE_NAME_BYTES: usize = 255;

/// By so much the memory for telemetry that waits grows, and this much of it is kept when nothing does: two or three exports.
pub const OTLP_BUFFER_STEP_BYTES: usize = 16 * 1024;

/// One export request. Collectors take 4 MB; this one is in memory a second time while it is sent.
pub const OTLP_BATCH_BYTES: usize = 64 * 1024;

/// One record of an export of metrics: what leaves at once where the oldest has to make room, and a sixteenth of a request.
/// Two such are in memory while an export is made, whatever there is to tell.
pub const OTLP_RECORD_BYTES: usize = 4096;

/// How long a log record or a span waits for others to go with: the default of "Batching Processor" in the specification of
/// traces. Half of a request is sent at once.
pub const OTLP_BATCH_DELAY: Duration = Duration::from_secs(5);

/// The least pause before a request is sent again: twice as long after each failure, up to [`OTLP_RETRY_MAX`].
pub const OTLP_RETRY_MIN: Duration = Duration::from_secs(5);

/// See [`OTLP_RETRY_MIN`]: so late at most it is seen that the collector is back.
pub const OTLP_RETRY_MAX: Duration = Duration::from_secs(2 * 60);

/// The longest pause that a collector may ask for (`RetryInfo`, `Retry-After`).
pub const OTLP_RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// From one request to the next while an outage is made up for, and half of it more at random.
pub const OTLP_DRAIN_SPACING: Duration = Duration::from_secs(1);

/// Over this the nodes spread their next try whose network has come back at once.
pub const OTLP_RETURN_SPREAD: Duration = Duration::from_secs(10);

/// All segments of the spool, in blocks of 4 KB: a day of one export of 10 KB a minute.
pub const OTLP_SPOOL_BYTES: u64 = 16 * 1024 * 1024;

/// Segments of the spool: each is a name in its directory, and 80 bytes in memory.
pub const OTLP_SPOOL_SEGMENTS: usize = 1024;

/// How long the collector must have been away before anything is written to the spool, and from one write to the next:
/// what a power cut costs at most.
pub const OTLP_SPOOL_INTERVAL: Duration = Duration::from_secs(60);

/// After a failure to write, the spool is left alone this long.
pub const OTLP_SPOOL_RETRY: Duration = Duration::from_secs(10 * 60);

/// What a peer of gRPC may send of one answer before it is read (SETTINGS_INITIAL_WINDOW_SIZE): its answers are short.
pub const GRPC_WINDOW_BYTES: u32 = 16 * 1024;

/// The longest message that a peer of gRPC may answer with: what OTLP answers are a count and a sentence.
pub const GRPC_ANSWER_BYTES: usize = 16 * 1024;

/// Bytes read from a peer of gRPC at a time: until it is looked at, a frame of 14 bytes may cost 700 bytes of memory.
pub const GRPC_READ_BYTES: usize = 1024;

/// What of a message is handed over to HTTP/2 at a time: one frame. As much again may wait for the socket.
pub const GRPC_PIECE_BYTES: usize = 16 * 1024;

/// What a collector answers: the size of metadata that gRPC peers accept by default. A refusal's details take up to 24
/// times as much in memory.
pub const OTLP_ANSWER_BYTES: usize = 8 * 1024;

/// Of a collector's message, what the log shows.
pub const OTLP_MESSAGE_BYTES: usize = 256;

/// Lines of the log between the thread that writes them and the one that sends them: four of the longest.
pub const OTLP_DIAGNOSTICS_BYTES: usize = 4 * super::DIAGNOSTIC_BYTES;

/// A text of others in an attribute: a path, a user agent, a cause. A request line may be eight times as long.
pub const OTLP_ATTRIBUTE_BYTES: usize = 1024;

/// Hashes of three bytes that are told apart while an export is compressed, each with [`OTLP_GZIP_PLACES`] of 2 bytes: 8 KB.
pub const OTLP_GZIP_BUCKETS: usize = 1024;

/// Where such three bytes have stood last. With two places and twice the hashes an export is 4 % longer, with as many places
/// and twice the hashes 1 % shorter.
pub const OTLP_GZIP_PLACES: usize = 4;

/// What of an export is compressed before others have their turn: half a millisecond on the first Pi.
pub const OTLP_GZIP_STEP_BYTES: usize = 1024;

const _: () = assert!(OTLP_BATCH_BYTES <= OTLP_BUFFER_BYTES_MIN);
const _: () = assert!(16 * OTLP_RECORD_BYTES <= OTLP_BATCH_BYTES);
// The longest point: name, family and type of a monitor, and the name of its metric.
const _: () = assert!(3 * OTLP_ATTRIBUTE_BYTES + 512 <= OTLP_RECORD_BYTES);
const _: () = assert!(OTLP_BUFFER_BYTES_MIN <= OTLP_BUFFER_BYTES && OTLP_BUFFER_BYTES <= OTLP_BUFFER_BYTES_MAX);
const _: () = assert!(OTLP_BUFFER_STEP_BYTES < OTLP_BATCH_BYTES);
const _: () = assert!(OTLP_SPOOL_SEGMENTS as u64 * OTLP_BATCH_BYTES as u64 >= OTLP_SPOOL_BYTES);
