//! What is said of monitors against the original's recordings of the same monitors with the same outcomes, and against
//! our own files, which `UPDATE_GOLDEN=1 cargo test` rewrites.

use std::fs;
use std::path::Path;

use imalive::report::monitor_line::{self, CheckLine};
use imalive::report::prometheus_monitors::{MonitorScrape, Online, ReceiverCounts, append};
// `monitor_samples` is written for the library's own unit tests and finds its types from the root.
use imalive::{config, report, snapshot};

#[allow(dead_code)]
#[path = "../src/report/monitor_samples.rs"]
mod monitor_samples;

use monitor_samples::Samples;

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The lines of one recorded round of checks, without what Python's logger puts before each.
fn recorded_checks(name: &str) -> Vec<String> {
    let text = fs::read_to_string(golden("original").join(name)).expect(name);
    let lines = text.lines().filter_map(|line| line.split_once(":root:"));
    let is_check = |line: &str| line.contains("'type': 'monitor'") || line.contains("\"type\": \"monitor\"");
    // The original forgot a comma between two of its keys.
    let lines = lines.map(|(_, line)| line.replace("familymonitor", "monitor")).filter(|line| is_check(line));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 9, "{name}");
    lines
}

/// The lines of the samples, each with the duration that was recorded for it: a number behind `"duration": `.
fn our_checks(recorded: &[String], duration_key: &str, print: fn(&CheckLine<'_>) -> String) -> Vec<String> {
    let samples = Samples::new();
    let mut lines = Vec::new();
    for (at, (monitor, status)) in samples.monitors.iter().zip(&samples.statuses).enumerate() {
        let mut outcome = status.last.clone().expect("checked").1;
        let duration = recorded[at].split_once(duration_key).and_then(|(_, rest)| rest.split(',').next());
        assert_eq!(duration.is_some(), outcome.duration_micros.is_some(), "{}", recorded[at]);
        outcome.duration_micros = duration.map(|secs| (secs.parse::<f64>().expect(secs) * 1e6).round() as u64);
        let cid = recorded[at].split(['[', ']', '"']).find(|part| part.len() == 36).expect("a correlation id");
        let (began_unix_micros, unix_micros) = (1_000_000, 2_000_000);
        let node_name = "anode";
        let outcome = &outcome;
        lines.push(print(&CheckLine { monitor, outcome, began_unix_micros, unix_micros, node_name, cid }));
    }
    lines
}

/// Every time of day as one and the same. Durations of TCP checks as they are in whole microseconds, which is as fine as
/// ours are.
fn without_times(line: &str, duration_key: &str) -> String {
    let mut line = line.to_owned();
    for day in ["2026-11-21T", "1970-01-01T"] {
        while let Some(at) = line.find(day) {
            line.replace_range(at..at + "2026-11-21T03:24:08.161660".len(), "(time)");
        }
    }
    if let Some((before, rest)) = line.split_once(duration_key) {
        let (secs, after) = rest.split_once(',').expect("a member behind it");
        let micros = (secs.parse::<f64>().expect(secs) * 1e6).round();
        line = format!("{before}{duration_key}{micros} us,{after}");
    }
    line
}

#[test]
fn a_round_of_checks_is_logged_as_the_original_did() {
    let key = "'duration': ";
    let recorded = recorded_checks("monitors-text.log");
    let ours = our_checks(&recorded, key, monitor_line::text);
    for (ours, recorded) in ours.iter().zip(&recorded) {
        assert_eq!(without_times(ours, key), without_times(recorded, key));
    }
}

#[test]
fn durations_of_http_checks_have_the_recorded_digits() {
    let recorded = recorded_checks("monitors-text.log");
    let ours = our_checks(&recorded, "'duration': ", monitor_line::text);
    for (at, duration) in [(0, "'duration': 0.025934, "), (1, "'duration': 0.002551, "), (2, "'duration': 0.00227, ")] {
        assert!(recorded[at].contains(duration) && ours[at].contains(duration), "{}", ours[at]);
    }
}

#[test]
fn a_round_of_checks_in_json_has_the_recorded_members_in_their_order() {
    let recorded: Vec<_> = recorded_checks("monitors-json.log").iter().map(|line| compact(line)).collect();
    let ours = our_checks(&recorded, "\"duration\":", monitor_line::json);
    for (ours, recorded) in ours.iter().zip(&recorded) {
        assert_eq!(without_times(ours, "\"duration\":"), without_times(recorded, "\"duration\":"));
    }
}

/// JSON without the blanks between its tokens.
fn compact(text: &str) -> String {
    let (mut out, mut inside, mut escaped) = (String::new(), false, false);
    for character in text.chars() {
        if !inside && character == ' ' {
            continue;
        }
        if character == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && character == '\\' && !escaped;
        out.push(character);
    }
    out
}

fn prom(samples: &Samples) -> String {
    let mut text = String::new();
    let receivers = [ReceiverCounts { receiver: "slack", sent: 3, failed: 1, retried: 4, dropped: 0 }];
    let view = samples.view(10_000);
    let online = Online { lan: Some(true), wan: Some(false) };
    let (last_reload_successful, last_reload_success) = (Some(true), Some(0));
    let receivers = &receivers;
    append(
        &mut text,
        &MonitorScrape { view, last_reload_successful, last_reload_success, online, has_windows: true, receivers },
    );
    text
}

#[test]
fn the_gauges_of_each_monitor_are_those_of_the_original() {
    let recorded = fs::read_to_string(golden("original/prom.txt")).expect("prom.txt");
    let name = |line: &str| line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with("monitor_");
    let recorded: Vec<_> = recorded.lines().filter(|line| name(line)).collect();
    assert_eq!(recorded.len(), 9 * 2 * 2 + 9 + 3, "{recorded:?}");
    // A family without a value is left out here, its HELP and TYPE too.
    let has_sample = |family: &str| recorded.iter().any(|line| line.starts_with(&format!("{family}{{")));
    let expected: Vec<_> = recorded
        .iter()
        .filter(|line| !line.starts_with('#') || has_sample(line.split(' ').nth(2).expect("a name")))
        .copied()
        .collect();
    let ours = prom(&Samples::new());
    let ours: Vec<_> = ours.lines().take(expected.len()).collect();
    assert_eq!(ours, expected);
}

#[test]
fn every_report_on_monitors_is_as_it_was_agreed() {
    let mut samples = Samples::new();
    samples.statuses[0].certificate_expiry_unix_secs = Some(1_800_000_000);
    samples.statuses[5].state = snapshot::State::Down;
    samples.statuses[6].state = snapshot::State::Unknown(snapshot::Unknown::Offline);
    samples.monitors[1].depends_on = vec![0];
    let list = report::monitors::list(&samples.view(10_000)) + "\n";
    for (name, actual) in [("monitors.prom", prom(&samples)), ("monitors.json", list)] {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(golden(name), &actual).expect(name);
        }
        let expected = fs::read_to_string(golden(name)).unwrap_or_default();
        assert!(expected == actual, "{name} differs; UPDATE_GOLDEN=1 cargo test rewrites it. Now it is:\n{actual}");
    }
}
