//! The names of the variables that have a form for each signal (OpenTelemetry Protocol Exporter, "Configuration Options").

/// The forms of one variable: for metrics, logs and traces, and the general one.
pub(super) type Forms = [&'static str; 4];

/// Where [`Forms`] has the general one.
pub(super) const GENERAL: usize = 3;

macro_rules! forms {
    ($what:literal) => {
        [
            concat!("OTEL_EXPORTER_OTLP_METRICS_", $what),
            concat!("OTEL_EXPORTER_OTLP_LOGS_", $what),
            concat!("OTEL_EXPORTER_OTLP_TRACES_", $what),
            concat!("OTEL_EXPORTER_OTLP_", $what),
        ]
    };
}

pub(super) const ENDPOINT: Forms = forms!("ENDPOINT");
pub(super) const PROTOCOL: Forms = forms!("PROTOCOL");
pub(super) const INSECURE: Forms = forms!("INSECURE");
pub(super) const HEADERS: Forms = forms!("HEADERS");
pub(super) const HEADERS_FILE: Forms = forms!("HEADERS_FILE");
pub(super) const TIMEOUT: Forms = forms!("TIMEOUT");
pub(super) const COMPRESSION: Forms = forms!("COMPRESSION");
pub(super) const CERTIFICATE: Forms = forms!("CERTIFICATE");
pub(super) const CLIENT_CERTIFICATE: Forms = forms!("CLIENT_CERTIFICATE");
pub(super) const CLIENT_KEY: Forms = forms!("CLIENT_KEY");

/// Environment Variable Specification, "Exporter Selection".
pub(super) const EXPORTER: [&str; 3] = ["OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER", "OTEL_TRACES_EXPORTER"];

/// The variable for one signal, and the general one.
pub(super) fn of(forms: &Forms, signal: usize) -> [&'static str; 2] {
    [forms[signal], forms[GENERAL]]
}
