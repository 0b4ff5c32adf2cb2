//! What the operator is told when a usage crosses a threshold, in the words that log alerts match on.

use alloc::string::String;

use crate::report::number::{from_permille, percent, push_float, push_integer};
use crate::report::reading::swap_permille;
use crate::snapshot::{Crossing, Level, Snapshot, Threshold, Thresholds};

/// The four usages, watched from beat to beat. One that cannot be read stays where it was.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    thresholds: Thresholds,
    cpu: Threshold,
    memory: Threshold,
    swap: Threshold,
    disk: Threshold,
}

impl Watch {
    /// All of them normal until the first reading.
    pub fn new(thresholds: Thresholds) -> Self {
        let normal = Threshold::default();
        Watch { thresholds, cpu: normal, memory: normal, swap: normal, disk: normal }
    }

    /// Tells each crossing since the last reading, with the level now reached: `Normal` is good news.
    pub fn observe(&mut self, snapshot: &Snapshot, tell: &mut dyn FnMut(Level, &str)) {
        let thresholds = self.thresholds;
        let mut watch = |watched: &mut Threshold, name: &str, (part, whole): (u64, u64), percent: f64| {
            if let Some(crossing) = watched.crossing(thresholds.level(part, whole)) {
                tell_crossing(thresholds, crossing, name, percent, tell);
            }
        };
        if let Some(permille) = snapshot.cpu_usage.all_permille.map(u64::from) {
            watch(&mut self.cpu, "CPU", (permille, 1000), from_permille(permille));
        }
        if let Some(memory) = snapshot.memory {
            let (used, total) = (memory.used_bytes(), memory.total_bytes);
            watch(&mut self.memory, "Memory", (used, total), percent(used, total));
        }
        if let Some(swap) = snapshot.swap {
            // By what is printed: "above 80%: 80.0%" would be a contradiction.
            let permille = swap_permille(swap);
            watch(&mut self.swap, "Swap", (permille, 1000), from_permille(permille));
        }
        if let Some(disk) = snapshot.disk {
            let (used, total) = (disk.used_bytes(), disk.total_bytes);
            watch(&mut self.disk, "Disk", (used, total), percent(used, total));
        }
    }
}

fn tell_crossing(
    thresholds: Thresholds,
    crossing: Crossing,
    name: &str,
    percent: f64,
    tell: &mut dyn FnMut(Level, &str),
) {
    let (level, threshold) = match crossing {
        Crossing::Normal => (Level::Normal, None),
        Crossing::Warning => (Level::Warning, Some(thresholds.warning_percent)),
        Crossing::Error => (Level::Error, Some(thresholds.error_percent)),
    };
    let mut text = String::with_capacity(64);
    text.push_str("[metrics] ");
    text.push_str(name);
    match threshold {
        Some(threshold) => {
            text.push_str(" usage is above ");
            push_integer(&mut text, u64::from(threshold));
            text.push('%');
        }
        None => text.push_str(" usage is back to normal"),
    }
    text.push_str(": ");
    push_float(&mut text, percent);
    text.push('%');
    tell(level, &text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;
    use crate::snapshot::{CpuUsage, Swap};
    use alloc::vec::Vec;

    fn told(watch: &mut Watch, snapshot: &Snapshot) -> Vec<(Level, String)> {
        let mut all = Vec::new();
        watch.observe(snapshot, &mut |level, text| all.push((level, String::from(text))));
        all
    }

    fn cpu(permille: u16) -> Snapshot {
        let cpu_usage = CpuUsage { all_permille: Some(permille), ..CpuUsage::default() };
        Snapshot { cpu_usage, ..Snapshot::default() }
    }

    const USUAL: Thresholds = Thresholds { warning_percent: 80, error_percent: 90 };

    #[test]
    fn usages_are_told_in_the_words_of_the_original() {
        let mut watch = Watch::new(Thresholds { warning_percent: 0, error_percent: 90 });
        let expected = [
            "[metrics] CPU usage is above 0%: 53.0%",
            "[metrics] Memory usage is above 0%: 4.215280964715094%",
            "[metrics] Disk usage is above 0%: 11.77436532388125%",
        ];
        let expected: Vec<_> = expected.map(|text| (Level::Warning, String::from(text))).into();
        assert_eq!(told(&mut watch, &samples::recorded()), expected);
        assert_eq!(told(&mut watch, &samples::recorded()), []);
    }

    #[test]
    fn a_crossing_names_the_threshold_that_was_crossed() {
        let mut watch = Watch::new(USUAL);
        let mut tell = |permille| told(&mut watch, &cpu(permille)).pop();
        let line = |level, text: &str| Some((level, String::from(text)));
        assert_eq!(tell(800), None);
        assert_eq!(tell(853), line(Level::Warning, "[metrics] CPU usage is above 80%: 85.3%"));
        assert_eq!(tell(899), None);
        assert_eq!(tell(1000), line(Level::Error, "[metrics] CPU usage is above 90%: 100.0%"));
        assert_eq!(tell(850), line(Level::Warning, "[metrics] CPU usage is above 80%: 85.0%"));
        assert_eq!(tell(420), line(Level::Normal, "[metrics] CPU usage is back to normal: 42.0%"));
        assert_eq!(tell(0), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_back_to_normal() {
        let mut watch = Watch::new(USUAL);
        assert_eq!(told(&mut watch, &cpu(990)).len(), 1);
        assert_eq!(told(&mut watch, &Snapshot::default()), []);
        assert_eq!(told(&mut watch, &cpu(990)), []);
    }

    #[test]
    fn swap_is_judged_by_what_is_printed() {
        let swap = |used: u64| Snapshot {
            swap: Some(Swap { total_bytes: 10_000, free_bytes: 10_000 - used }),
            ..Snapshot::default()
        };
        let mut watch = Watch::new(USUAL);
        assert_eq!(told(&mut watch, &swap(8_004)), []);
        let line = String::from("[metrics] Swap usage is above 80%: 80.1%");
        assert_eq!(told(&mut watch, &swap(8_006)), [(Level::Warning, line)]);
    }
}
