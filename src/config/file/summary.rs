//! What `imalive check` says of a file that is understood. Comments, so that its output stays an `EnvironmentFile=`.

use alloc::string::String;

use crate::config::file::durations;
use crate::config::monitors::{Check, Given, Monitor, Monitors, Scope};

pub(super) fn summary(path: &str, file: &Monitors) -> String {
    let mut text = String::new();
    count(&mut text, &["\n# ", path, ": "], file.monitors.len(), "monitor");
    count(&mut text, &[", "], file.connectivity.len(), "connectivity target");
    count(&mut text, &[", "], file.maintenance.len(), "maintenance window");
    count(&mut text, &[", "], file.webhooks.len(), "webhook");
    text.push('\n');
    for monitor in &file.monitors {
        let mut line = String::new();
        one(&mut line, monitor, &file.monitors);
        text.extend(line.chars().map(|c| if c.is_control() { '?' } else { c }));
        text.push('\n');
    }
    text
}

fn one(text: &mut String, monitor: &Monitor, all: &[Monitor]) {
    for part in ["# ", &monitor.name, ": ", &monitor.kind, " "] {
        text.push_str(part);
    }
    match &monitor.check {
        Check::Http(check) => push_all(text, &[check.method, " ", &check.shown_url]),
        Check::Tcp(..) => text.push_str(given_url(monitor)),
        Check::Never(reason) => push_all(text, &["fails always: ", reason]),
    }
    text.push_str(", every ");
    durations::push(text, monitor.interval);
    text.push_str(", timeout ");
    durations::push(text, monitor.timeout);
    count(text, &[", down after "], monitor.failure_threshold as usize, "failure");
    text.push(' ');
    durations::push(text, monitor.retry_interval);
    count(text, &[" apart, up after "], monitor.success_threshold as usize, "success");
    match monitor.scope {
        Scope::Lan => text.push_str(", scope lan"),
        Scope::Wan => text.push_str(", scope wan"),
        Scope::None => {}
    }
    if monitor.gate {
        text.push_str(", gate");
    }
    for (at, place) in monitor.depends_on.iter().enumerate() {
        text.push_str(if at == 0 { ", depends on " } else { " and " });
        text.push_str(all.get(usize::from(*place)).map_or("", |monitor| monitor.name.as_str()));
    }
}

fn given_url(monitor: &Monitor) -> &str {
    let url = monitor.given.iter().find_map(|(key, value)| match value {
        Given::Text(text) if key == "url" => Some(text.as_str()),
        _ => None,
    });
    url.unwrap_or_default()
}

fn push_all(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

fn count(text: &mut String, before: &[&str], number: usize, noun: &str) {
    push_all(text, before);
    push_all(text, &[itoa::Buffer::new().format(number), " ", noun]);
    if number != 1 {
        text.push_str(if noun.ends_with('s') { "es" } else { "s" });
    }
}

#[cfg(test)]
mod tests {
    use crate::config::file::summary::summary;
    use crate::config::file::values::read;

    #[test]
    fn a_monitor_is_one_line() {
        let (file, _) = read(
            "connectivity: {wan: 'h:1'}\nwebhook: http://h\nmonitors:\n- {name: a, type: tcp, url: '${HOST}:1', gate: yes}\n\
             - {name: b, type: http, url: 'http://u:geheim@h', scope: wan, depends_on: a, success_threshold: 2, interval: 90}\n\
             - {name: c, type: tcp, url: \"a\\e[2J\\nb\"}\n",
        );
        let expected = "\n# x.yml: 3 monitors, 1 connectivity target, 0 maintenance windows, 1 webhook\n\
            # a: tcp ${HOST}:1, every 10s, timeout 30s, down after 3 failures 5s apart, up after 1 success, gate\n\
            # b: http GET http://u:***@h, every 90s, timeout 30s, down after 3 failures 5s apart, up after 2 successes, \
            scope wan, depends on a\n\
            # c: tcp fails always: Incorrect url (expected host:port): actual = a?[2J?b, every 10s, timeout 30s, \
            down after 3 failures 5s apart, up after 1 success\n";
        assert_eq!(summary("x.yml", &file), expected);
    }
}
