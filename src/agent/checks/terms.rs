//! The configuration in the terms of those who judge by it.

use crate::config::monitors::{Check, Monitor, Monitors, Scope, Window};
use crate::snapshot::MonitorId;
use crate::uptime::{Network, Policy, maintenance};

pub(super) fn policies(file: &Monitors) -> Vec<Policy> {
    let millis = |duration: std::time::Duration| duration.as_millis() as u64;
    let hosts: Vec<Option<String>> = file.monitors.iter().map(host).collect();
    let policy = |(monitor, host): (&Monitor, &Option<String>)| Policy {
        interval: millis(monitor.interval),
        retry_interval: millis(monitor.retry_interval),
        failure_threshold: monitor.failure_threshold,
        success_threshold: monitor.success_threshold,
        depends_on: monitor.depends_on.clone(),
        network: network(monitor.scope),
        host: host.as_ref().and_then(|_| hosts.iter().position(|other| other == host)).map(|at| at as u32),
        reminder: monitor.reminder.map(millis),
        never: matches!(monitor.check, Check::Never(_)),
    };
    file.monitors.iter().zip(&hosts).map(policy).collect()
}

pub(super) fn networks(file: &Monitors) -> Vec<Network> {
    file.connectivity.iter().map(|target| network(target.scope).unwrap_or(Network::Wan)).collect()
}

fn network(scope: Scope) -> Option<Network> {
    match scope {
        Scope::Lan => Some(Network::Lan),
        Scope::Wan => Some(Network::Wan),
        Scope::None => None,
    }
}

/// Whom it asks.
fn host(monitor: &Monitor) -> Option<String> {
    match &monitor.check {
        Check::Tcp(host, _) => Some(host.to_ascii_lowercase()),
        Check::Http(http) => {
            let (_, rest) = http.url.reveal().split_once("://")?;
            let authority = rest.split(['/', '?', '#']).next()?;
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let host = match host.strip_prefix('[') {
                Some(bracketed) => bracketed.split(']').next()?,
                None => host.split(':').next()?,
            };
            Some(host.to_ascii_lowercase())
        }
        Check::Never(_) => None,
    }
}

/// The monitor that this one was before, if nothing about it has changed. Places in the file do not count, names do.
pub(super) fn unchanged(monitor: &Monitor, file: &Monitors, before: &Monitors) -> Option<MonitorId> {
    let (id, old) = (0..).zip(&before.monitors).find(|(_, old)| old.name == monitor.name)?;
    fn names<'a>(ids: &[u16], file: &'a Monitors) -> Vec<Option<&'a str>> {
        ids.iter().map(|id| file.monitors.get(usize::from(*id)).map(|monitor| monitor.name.as_str())).collect()
    }
    let same_place = Monitor { depends_on: old.depends_on.clone(), ..monitor.clone() };
    (same_place == *old && names(&monitor.depends_on, file) == names(&old.depends_on, before)).then_some(id)
}

pub(super) fn window(window: Window) -> maintenance::Window {
    match window {
        Window::Once { from_unix_secs, to_unix_secs } => maintenance::Window::Once { from_unix_secs, to_unix_secs },
        Window::Weekly { from_week_secs, duration_secs } => {
            maintenance::Window::Weekly { from_week_secs, duration_secs }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn tcp(name: &str, host: &str, depends_on: &[u16]) -> Monitor {
        Monitor {
            name: name.into(),
            family: name.into(),
            check: Check::Tcp(host.into(), 80),
            kind: "tcp".into(),
            timeout: Duration::from_secs(30),
            interval: Duration::from_secs(10),
            retry_interval: Duration::from_secs(5),
            failure_threshold: 3,
            success_threshold: 1,
            max_latency: None,
            depends_on: depends_on.into(),
            scope: Scope::Lan,
            gate: false,
            reminder: None,
            info: false,
            given: Vec::new(),
        }
    }

    fn file(monitors: Vec<Monitor>) -> Monitors {
        Monitors { monitors, ..Monitors::default() }
    }

    #[test]
    fn a_monitor_that_has_only_moved_is_the_same() {
        let before = file(vec![tcp("router", "r", &[]), tcp("nas", "n", &[0]), tcp("gone", "g", &[])]);
        let after = file(vec![tcp("new", "x", &[]), tcp("nas", "n", &[2]), tcp("router", "r", &[])]);
        let kept: Vec<_> = after.monitors.iter().map(|monitor| unchanged(monitor, &after, &before)).collect();
        assert_eq!(kept, [None, Some(1), Some(0)]);
    }

    #[test]
    fn a_monitor_that_depends_on_another_is_another() {
        let before = file(vec![tcp("router", "r", &[]), tcp("switch", "s", &[]), tcp("nas", "n", &[0])]);
        let after = file(vec![tcp("router", "r", &[]), tcp("switch", "s", &[]), tcp("nas", "n", &[1])]);
        assert_eq!(unchanged(&after.monitors[2], &after, &before), None);
    }

    #[test]
    fn monitors_of_one_host_have_one_number() {
        let hosts = policies(&file(vec![tcp("a", "NAS", &[]), tcp("b", "other", &[]), tcp("c", "nas", &[])]));
        let numbers: Vec<_> = hosts.iter().map(|policy| policy.host).collect();
        assert_eq!(numbers, [Some(0), Some(1), Some(0)]);
    }
}
