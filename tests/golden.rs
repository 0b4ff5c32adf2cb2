//! Whole outputs against files: the original's recordings in `tests/golden/original`, which never change, and our own
//! beside them, which `UPDATE_GOLDEN=1 cargo test` rewrites.

use std::fs;
use std::path::{Path, PathBuf};

use imalive::report::{Build, Endpoint, Schema, docs, heartbeat, json, manifest, openapi, prometheus};
use imalive::snapshot::{Counters, Memory, Method, Process};
// `samples` is written for the library's own unit tests and finds its types from the root.
use imalive::{limits, report, snapshot};

#[allow(dead_code)]
#[path = "../src/report/samples.rs"]
mod samples;

const BUILD: Build = Build { version: "1.0", revision: "1c7cb1f", arch: "x86", target: "" };

const ENDPOINTS: [Endpoint<'static>; 4] = [
    Endpoint {
        paths: &["/v1/health", "/health"],
        allow: "GET, HEAD, POST, OPTIONS",
        summary: "Is the node alive?",
        description: "For load balancers.",
        media_type: "application/json",
        schema: Schema::Health,
        responses: &[(200, "The node is alive."), (503, "A gate is closed.")],
    },
    Endpoint {
        paths: &["/v1/monitors/{name}", "/monitors/{name}"],
        allow: "GET, HEAD, OPTIONS",
        summary: "How is one of them?",
        description: "The monitor of this name.",
        media_type: "application/json",
        schema: Schema::Monitor,
        responses: &[(200, "The monitor."), (404, "There is none.")],
    },
    Endpoint {
        paths: &["/v1/manifest", "/manifest"],
        allow: "GET, HEAD, OPTIONS",
        summary: "What runs here?",
        description: "The manifest.",
        media_type: "application/json",
        schema: Schema::Manifest,
        responses: &[(200, "The manifest."), (500, "The manifest file cannot be read.")],
    },
    Endpoint {
        paths: &["/v1/", "/v1", "/"],
        allow: "GET, HEAD, OPTIONS",
        summary: "Text",
        description: "Neither a number nor <b>bold</b>.",
        media_type: "text/plain; charset=utf-8",
        schema: Schema::Text,
        responses: &[(200, "The text.")],
    },
];

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn original(name: &str) -> String {
    let text = fs::read_to_string(golden("original").join(name)).expect(name);
    text.trim_end().to_owned()
}

fn assert_golden(name: &str, actual: &str) {
    let path = golden(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).expect(name);
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == actual, "{name} differs; UPDATE_GOLDEN=1 cargo test rewrites it. Now it is:\n{actual}");
}

/// The original took psutil's `used`, which left caches out; imalive's is what is not available. So the recording
/// agrees with itself in total and used, and the one figure that cannot agree is taken from it into this node.
fn with_what_psutil_called_available(recording: &str, human: [&str; 2], bytes: [&str; 2]) -> String {
    let (human, bytes) =
        (human.map(|h| format!("\"available\":\"{h}\"")), bytes.map(|b| format!("\"available\":{b},")));
    assert!(recording.contains(&human[0]) && recording.contains(&bytes[0]));
    recording.replace(&human[0], &human[1]).replace(&bytes[0], &bytes[1])
}

#[test]
fn metrics_are_those_of_the_original_byte_for_byte() {
    let expected = with_what_psutil_called_available(
        &original("metrics.json"),
        ["22.2G", "22.5G"],
        ["23863246848", "24211038208"],
    );
    assert_eq!(json::metrics(samples::NODE, &samples::recorded()), expected);
}

#[test]
fn available_memory_reads_as_the_original_printed_it() {
    let mut snapshot = samples::recorded();
    snapshot.memory = Some(Memory { total_bytes: 25_276_514_304, available_bytes: 23_863_246_848 });
    let text = json::metrics(samples::NODE, &snapshot);
    assert!(text.contains(r#""available":"22.2G""#) && text.contains(r#""available":23863246848,"#), "{text}");
}

#[test]
fn a_json_heartbeat_has_the_keys_of_the_original_in_its_order() {
    let keys = |text: &str| -> Vec<String> {
        let parts: Vec<&str> = text.split('"').collect();
        let strings = parts.iter().zip(parts.iter().skip(1)).skip(1).step_by(2);
        strings.filter(|(_, after)| after.starts_with(':')).map(|(key, _)| (*key).to_owned()).collect()
    };
    let ours = json::heartbeat(samples::NODE, &samples::recorded(), "c");
    let recorded = keys(&original("heartbeat.json"));
    assert!(recorded.len() > 35, "{recorded:?}");
    assert_eq!(keys(&ours), recorded);
}

#[test]
fn health_and_manifest_are_those_of_the_original() {
    let health = json::health("anode", samples::RECORDED_MICROS - 18_589);
    assert_eq!(health, original("health.json"));
    assert_eq!(manifest::built_in(&BUILD), original("manifest.json"));
    assert_eq!(manifest::from_file(&original("manifest.json")), Ok(original("manifest.json")));
}

#[test]
fn a_heartbeat_without_its_newer_keys_is_the_line_of_2021() {
    let line = heartbeat::heartbeat(samples::NODE, &samples::of_2021());
    let mut old = line.clone();
    for (begin, end) in [
        (", 'percent': 22.05", "}"),
        (", 'used': '986.6M', 'percent':", "}}"),
        (", 'numeric': ", "}}"),
        (", 'type': 'heartbit', 'name': ", "}"),
    ] {
        let from = old.find(begin).unwrap_or_else(|| panic!("{begin} in {old}"));
        let to = from + old[from..].find(end).expect(end) + end.len() - 1;
        old.replace_range(from..to, "");
    }
    assert_eq!(old, original("heartbeat-2021.txt"));
}

#[test]
fn every_report_is_as_it_was_agreed() {
    let snapshot = samples::recorded();
    let mut counters = Counters { heartbeats: 7, heartbeats_dropped: 1, connections_evicted: 2, ..Counters::default() };
    counters.requests.count((1, "/v1/health"), Method::Get, 200);
    counters.requests.count((0, "unknown"), Method::Other, 404);
    let process = Process {
        cpu_micros: 640_000,
        virtual_bytes: 1_048_576,
        resident_bytes: 290_816,
        open_fds: Some(7),
        max_fds: Some(1024),
        threads: Some(2),
        start_unix_secs: Some(1_795_231_446),
    };
    let scrape = prometheus::Scrape {
        snapshot: &snapshot,
        counters: &counters,
        process: Some(&process),
        build: &BUILD,
        mountpoint: "/",
        ticks_per_second: 100,
    };
    assert_golden("recorded.prom", &prometheus::render(&scrape));
    assert_golden("recorded.json", &(json::metrics(samples::NODE, &snapshot) + "\n"));
    assert_golden("heartbeat.txt", &(heartbeat::heartbeat(samples::NODE, &samples::of_2021()) + "\n"));
    assert_golden("openapi.json", &openapi::render(&BUILD, &ENDPOINTS));
    assert_golden("docs.html", &docs::render(&BUILD, &ENDPOINTS));
}
