//! Any text is a configuration within its bounds, or one line that says why not; neither shows what a reference led to.
#![no_main]

use std::time::Duration;

use imalive::config::file::{Context, parse};
use imalive::limits::{MAINTENANCE_WINDOWS, MONITORS, WEBHOOKS};
use libfuzzer_sys::fuzz_target;

const SECRET: &str = "geheim-5f0c";

fuzz_target!(|text: &str| {
    let context = Context {
        lookup: &|name| (name.len() == 1).then(|| SECRET.into()),
        read: &|path| if path.len() == 1 { Ok(SECRET.into()) } else { Err("no such file".into()) },
        wait_time: Duration::from_secs(10),
        resolved: Default::default(),
    };
    let printed = match parse(text, "imalive.yml", &context) {
        Ok((file, warnings)) => {
            assert!(file.monitors.len() <= MONITORS && file.webhooks.len() <= WEBHOOKS);
            assert!(file.maintenance.len() <= MAINTENANCE_WINDOWS);
            let count = file.monitors.len();
            for monitor in &file.monitors {
                assert!(monitor.depends_on.iter().all(|place| usize::from(*place) < count));
                assert!(monitor.timeout > Duration::ZERO && monitor.interval > Duration::ZERO);
            }
            assert!(
                file.maintenance.iter().flat_map(|window| &window.monitors).all(|place| usize::from(*place) < count)
            );
            // Monitors that depend on nothing that is left, again and again: all go, unless there is a cycle.
            let mut left: Vec<_> = (0..count).collect();
            while !left.is_empty() {
                let before = left.len();
                let still = left.clone();
                left.retain(|at| file.monitors[*at].depends_on.iter().any(|on| still.contains(&usize::from(*on))));
                assert!(left.len() < before, "a cycle");
            }
            assert!(warnings.iter().all(|warning| !warning.text.contains(char::is_control)));
            // The address of a TCP check is no secret, wherever it came from.
            let given: Vec<_> = file.monitors.iter().map(|monitor| (&monitor.given, &monitor.name)).collect();
            format!("{given:?}{:?}{warnings:?}", file.webhooks)
        }
        Err(error) => {
            let line = error.to_string();
            assert!(line.starts_with("imalive.yml:") && !line.contains(char::is_control), "{line}");
            line
        }
    };
    assert!(text.contains(SECRET) || !printed.contains(SECRET), "{printed}");
});
