//! What `/v1/prom` says of the export over OTLP, against a file that `UPDATE_GOLDEN=1 cargo test` rewrites and
//! `tests/system/prometheus` shows to promtool.

use std::fs;
use std::path::Path;

use imalive::report::prometheus_otlp::{OtlpScrape, OtlpSignal, OtlpSpool, append};

#[test]
fn the_series_of_the_export_are_those_of_the_golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/otlp.prom");
    let metrics = OtlpSignal {
        sent: 96_480,
        rejected: 3,
        refused: 134,
        dropped: 268,
        held: 67,
        is_up: Some(true),
        last_success_unix_secs: Some(1_795_231_461),
    };
    let scrape = OtlpScrape {
        signals: [Some(metrics), Some(OtlpSignal { is_up: Some(false), ..metrics }), Some(OtlpSignal::default())],
        buffer_bytes: 6144,
        buffer_limit_bytes: 262_144,
        spool: Some(OtlpSpool { bytes: 16_384, written_bytes: 5_242_880 }),
    };
    let mut ours = String::new();
    append(&mut ours, &scrape);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &ours).expect("a writable tree");
    }
    assert_eq!(ours, fs::read_to_string(&path).expect("otlp.prom"));
}
