//! The current reading of the node, and the one before it.

use std::time::Instant;

use super::cores;
use super::disk::DiskSource;
use super::file::KernelFile;
use super::notice::{Cause, Notice, Watch};
use super::roots::Roots;
use crate::limits::READING_MAX_AGE;
use crate::parse::Page;
use crate::parse::proc_meminfo::{MemInfo, MemLines};
use crate::parse::proc_stat::CpuLines;
use crate::snapshot::{CpuReading, CpuUsage, Snapshot};

/// Takes readings.
pub struct Sampler {
    roots: Roots,
    stat: (KernelFile, Watch),
    meminfo: (KernelFile, Watch),
    disk: (DiskSource, Watch),
    page: Box<Page>,
    /// The current reading and the one before it take turns, so that neither is ever copied.
    snapshots: [Box<Snapshot>; 2],
    current: usize,
    taken: Option<Instant>,
}

impl Sampler {
    /// A sampler that has read nothing yet.
    pub fn new(roots: Roots) -> Self {
        let disk = DiskSource::new(&roots.disk);
        Self::with_disk(roots, disk)
    }

    pub(super) fn with_disk(roots: Roots, disk: DiskSource) -> Self {
        Sampler {
            stat: (KernelFile::new(roots.proc.join("stat")), Watch::default()),
            meminfo: (KernelFile::new(roots.proc.join("meminfo")), Watch::default()),
            disk: (disk, Watch::default()),
            roots,
            page: Box::default(),
            snapshots: Default::default(),
            current: 0,
            taken: None,
        }
    }

    /// The last reading; all absent before the first.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshots[self.current]
    }

    /// Says that the reading is still that of `unix_micros`: a beat shortly after a request has a time of its own.
    pub fn stamp(&mut self, unix_micros: u64) {
        self.snapshots[self.current].unix_micros = unix_micros;
    }

    /// Takes a new reading if the last is [`READING_MAX_AGE`] old, and says whether it did. `now` is for intervals,
    /// `unix_micros` only for the snapshot's own time. What fails or recovers is told to `on_notice`.
    pub fn refresh(&mut self, now: Instant, unix_micros: u64, on_notice: &mut dyn FnMut(Notice<'_>)) -> bool {
        if self.taken.is_some_and(|taken| now.saturating_duration_since(taken) < READING_MAX_AGE) {
            return false;
        }
        let [first, second] = &mut self.snapshots;
        let (before, next) = if self.current == 0 { (first, second) } else { (second, first) };
        next.unix_micros = unix_micros;

        let (file, watch) = &mut self.stat;
        let outcome = read_cpu(file, &mut self.page, next);
        watch.tell(file.path(), outcome, on_notice);
        compare(before, next, &self.roots);

        let (file, watch) = &mut self.meminfo;
        let outcome = read_memory(file, &mut self.page, next);
        watch.tell(file.path(), outcome, on_notice);

        let (disk, watch) = &mut self.disk;
        let outcome = disk.read(&mut self.page, now);
        next.disk = outcome.ok();
        watch.tell(disk.path(), outcome.map(|_| ()), on_notice);

        self.current ^= 1;
        self.taken = Some(now);
        true
    }
}

fn read_cpu(file: &mut KernelFile, page: &mut Page, next: &mut Snapshot) -> Result<(), Cause> {
    if next.cpu.is_none() {
        make_cpu_reading(&mut next.cpu);
    }
    let Some(reading) = &mut next.cpu else { return Ok(()) };
    let mut cpu_lines = CpuLines::new(reading);
    let read = file.read(page, &mut |line| cpu_lines.line(line)).map_err(Cause::Read);
    let outcome = read.and_then(|()| cpu_lines.finish().map_err(Cause::Parse));
    if outcome.is_err() {
        next.cpu = None;
    }
    outcome
}

/// Out of line: the temporary copies of so large a value would widen the stack of every reading.
#[cold]
#[inline(never)]
fn make_cpu_reading(cpu: &mut Option<CpuReading>) {
    *cpu = Some(CpuReading::default());
}

fn compare(before: &Snapshot, next: &mut Snapshot, roots: &Roots) {
    let Some(cpu) = &next.cpu else {
        next.cpu_usage = CpuUsage::default();
        next.cores = None;
        return;
    };
    next.cpu_usage.measure(before.cpu.as_ref(), cpu);
    next.cores = match &before.cpu {
        Some(earlier) if cores::same_cpus(earlier, cpu) => before.cores,
        _ => cores::count(&roots.sys, cpu),
    };
}

fn read_memory(file: &mut KernelFile, page: &mut Page, next: &mut Snapshot) -> Result<(), Cause> {
    let mut mem_lines = MemLines::default();
    let read = file.read(page, &mut |line| mem_lines.line(line));
    if let Err(errno) = read {
        (next.memory, next.swap) = (None, None);
        return Err(Cause::Read(errno));
    }
    let MemInfo { memory, swap } = mem_lines.finish();
    next.memory = memory.ok();
    next.swap = swap.ok().flatten();
    memory.map(|_| ()).and(swap.map(|_| ())).map_err(Cause::Parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::statvfs::statvfs;
    use crate::read::testing::Tree;
    use crate::snapshot::{Memory, Swap};
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    const STAT: &str = "cpu  100 0 100 800 0\ncpu0 100 0 100 800 0\nintr 1\n";
    const LATER: &str = "cpu  200 0 100 800 0\ncpu0 200 0 100 800 0\nintr 1\n";
    const MEMINFO: &str = "MemTotal: 100 kB\nMemAvailable: 60 kB\nSwapTotal: 10 kB\nSwapFree: 5 kB\n";

    fn node() -> Tree {
        let tree = Tree::new();
        tree.write("proc/stat", STAT);
        tree.write("proc/meminfo", MEMINFO);
        tree
    }

    fn roots(tree: &Tree) -> Roots {
        Roots { proc: tree.path().join("proc"), sys: tree.path().join("sys"), disk: tree.path().into() }
    }

    /// Takes every file system for a local one: on a machine whose own is FUSE, answers come when they come.
    fn sampler(roots: Roots) -> Sampler {
        let disk = DiskSource::with(&roots.disk, roots.proc.join("none"), Arc::new(statvfs));
        Sampler::with_disk(roots, disk)
    }

    /// One reading after another, two seconds apart, and what was told.
    struct Beats {
        sampler: Sampler,
        now: Instant,
    }

    impl Beats {
        fn of(sampler: Sampler) -> Self {
            Beats { sampler, now: Instant::now() }
        }

        fn next(&mut self) -> (Snapshot, Vec<String>) {
            let mut told = Vec::new();
            self.now += Duration::from_secs(2);
            assert!(self.sampler.refresh(self.now, 7, &mut |notice| told.push(notice.to_string())));
            (self.sampler.snapshot().clone(), told)
        }
    }

    #[test]
    fn the_first_reading_is_since_boot_and_the_next_since_the_first() {
        let tree = node();
        let mut beats = Beats::of(sampler(roots(&tree)));
        assert_eq!(*beats.sampler.snapshot(), Snapshot::default());
        let (first, told) = beats.next();
        assert_eq!(told, [""; 0]);
        assert_eq!(first.cpu_usage.all_permille, Some(200));
        assert_eq!(first.cpu_usage.each_permille.as_slice(), [Some(200)]);
        assert_eq!(first.memory, Some(Memory { total_bytes: 102_400, available_bytes: 61_440 }));
        assert_eq!(first.swap, Some(Swap { total_bytes: 10_240, free_bytes: 5_120 }));
        assert!(first.disk.is_some_and(|disk| disk.total_bytes > 0));
        assert_eq!((first.cores, first.unix_micros), (Some(1), 7));
        tree.write("proc/stat", LATER);
        assert_eq!(beats.next().0.cpu_usage.all_permille, Some(1000));
        assert_eq!(beats.next().0.cpu_usage.all_permille, None);
    }

    #[test]
    fn a_reading_that_is_young_enough_is_kept() {
        let tree = node();
        let mut sampler = sampler(roots(&tree));
        let start = Instant::now();
        assert!(sampler.refresh(start, 1, &mut |_| {}));
        assert!(!sampler.refresh(start, 2, &mut |_| {}));
        assert!(!sampler.refresh(start + READING_MAX_AGE - Duration::from_millis(1), 3, &mut |_| {}));
        assert_eq!(sampler.snapshot().unix_micros, 1);
        assert!(sampler.refresh(start + READING_MAX_AGE, 4, &mut |_| {}));
        assert_eq!(sampler.snapshot().unix_micros, 4);
    }

    #[test]
    fn a_sampler_is_no_larger_than_it_says() {
        let bytes = size_of::<Sampler>() + 2 * size_of::<Snapshot>();
        assert!(bytes <= 18 * 1024, "{bytes}");
    }

    #[test]
    fn one_broken_source_does_not_spoil_the_others() {
        for broken in [None, Some(""), Some("cpu  1 2"), Some("MemTotal: 10"), Some("\0\u{7f}garbage\n\n")] {
            for source in ["stat", "meminfo"] {
                let tree = node();
                match broken {
                    Some(text) => tree.write(&format!("proc/{source}"), text),
                    None => tree.remove(&format!("proc/{source}")),
                };
                let (snapshot, told) = Beats::of(sampler(roots(&tree))).next();
                assert_eq!(snapshot.cpu.is_none(), source == "stat", "{source} {broken:?}");
                assert_eq!(snapshot.cpu_usage.all_permille.is_none(), source == "stat");
                assert_eq!(snapshot.memory.is_none(), source == "meminfo", "{source} {broken:?}");
                assert_eq!(snapshot.swap.is_none(), source == "meminfo", "{source} {broken:?}");
                assert!(snapshot.disk.is_some());
                assert_eq!(told.len(), 1, "{told:?}");
                assert!(told[0].contains(&format!("/proc/{source}: ")), "{told:?}");
            }
        }
        let tree = node();
        let nowhere = Roots { disk: tree.path().join("nowhere"), ..roots(&tree) };
        let (snapshot, told) = Beats::of(sampler(nowhere)).next();
        assert!(snapshot.cpu.is_some() && snapshot.memory.is_some() && snapshot.disk.is_none());
        let reason = "nowhere: No such file or directory (os error 2)";
        assert!(told.len() == 1 && told[0].starts_with("statvfs /") && told[0].ends_with(reason), "{told:?}");
    }

    #[test]
    fn a_failure_is_told_once_and_so_is_its_end() {
        let tree = node();
        let mut beats = Beats::of(sampler(roots(&tree)));
        let path = tree.write("proc/meminfo", MEMINFO.replace("100", "many").as_str());
        let (snapshot, told) = beats.next();
        assert_eq!(told, [format!("parse {}: field `MemTotal` is not a number", path.display())]);
        assert!(snapshot.memory.is_none() && snapshot.swap.is_some());
        assert_eq!(beats.next().1, [""; 0]);
        tree.write("proc/meminfo", MEMINFO);
        assert_eq!(beats.next().1, [format!("{} can be read again", path.display())]);
        assert!(beats.next().0.memory.is_some());
    }

    #[test]
    fn after_a_failed_reading_usage_is_since_boot_again() {
        let tree = node();
        let mut beats = Beats::of(sampler(roots(&tree)));
        beats.next();
        tree.write("proc/stat", "");
        assert_eq!(beats.next().0.cpu_usage, CpuUsage::default());
        tree.write("proc/stat", STAT);
        assert_eq!(beats.next().0.cpu_usage.all_permille, Some(200));
    }

    #[test]
    fn cores_are_counted_again_when_a_cpu_comes() {
        let tree = node();
        tree.write("sys/devices/system/cpu/online", "0\n");
        tree.write("sys/devices/system/cpu/cpu0/topology/core_cpus_list", "0\n");
        let mut beats = Beats::of(sampler(roots(&tree)));
        assert_eq!(beats.next().0.cores, Some(1));
        tree.write("sys/devices/system/cpu/online", "0-1\n");
        tree.write("sys/devices/system/cpu/cpu1/topology/core_cpus_list", "1\n");
        assert_eq!(beats.next().0.cores, Some(1));
        tree.write("proc/stat", &STAT.replace("intr", "cpu1 1 1 1 1\nintr"));
        assert_eq!(beats.next().0.cores, Some(2));
    }

    #[test]
    fn a_mount_that_never_answers_stops_no_reading() {
        let tree = node();
        let mountinfo = tree.write("mountinfo", "27 1 0:2 / / rw - nfs4 nas:/export rw\n");
        let (hold, never) = channel::<()>();
        let never = std::sync::Mutex::new(never);
        let ask = Arc::new(move |_: &std::path::Path| {
            let _ = never.lock().unwrap().recv();
            Err(rustix::io::Errno::IO)
        });
        let disk = DiskSource::with(tree.path(), mountinfo, ask);
        let mut beats = Beats::of(Sampler::with_disk(roots(&tree), disk));
        let start = Instant::now();
        let (snapshot, told) = beats.next();
        assert!(snapshot.cpu.is_some() && snapshot.memory.is_some() && snapshot.disk.is_none());
        assert_eq!(told, [format!("statvfs {}: no answer (nfs4)", tree.path().display())]);
        for _ in 0..100 {
            let (snapshot, told) = beats.next();
            assert!(snapshot.cpu.is_some() && snapshot.disk.is_none() && told.is_empty());
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        drop(hold);
    }
}
