//! What others make of the same files: the `procfs` crate on recorded nodes and on this one, coreutils and the C
//! library's own tools on this one.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use imalive::parse::{proc_meminfo, proc_mountinfo, proc_stat};
use imalive::read::{Roots, Sampler, host_name};
use imalive::snapshot::{CpuTimes, Disk, Snapshot};
use procfs::process::MountInfos;
use procfs::{CpuTime, Current, CurrentSI, FromRead, FromReadSI, KernelStats, Meminfo, current_system_info};

/// Every recorded /proc: a Raspberry Pi Zero, an ARMv7 board with 4 CPUs, a machine with 64; each twice.
fn recorded() -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let nodes = ["raspi0", "virt-armv7-4cpu", "x86-64-cpu"];
    nodes.iter().flat_map(|node| ["first", "second"].map(|time| fixtures.join(node).join(time).join("proc"))).collect()
}

fn recorded_and_own() -> Vec<PathBuf> {
    let mut all = recorded();
    all.push("/proc".into());
    all
}

fn columns(times: &CpuTime) -> CpuTimes {
    let or_0 = |column: Option<u64>| column.unwrap_or(0);
    CpuTimes::from_columns([
        times.user,
        times.nice,
        times.system,
        times.idle,
        or_0(times.iowait),
        or_0(times.irq),
        or_0(times.softirq),
        or_0(times.steal),
        or_0(times.guest),
        or_0(times.guest_nice),
    ])
}

#[test]
fn cpu_times_are_those_that_procfs_finds() {
    for proc in recorded() {
        let ours = proc_stat::parse(&fs::read(proc.join("stat")).unwrap()).unwrap();
        let theirs = KernelStats::from_file(proc.join("stat"), current_system_info()).unwrap();
        assert_eq!(ours.all, columns(&theirs.total), "{}", proc.display());
        assert_eq!(ours.dropped, 0);
        let ours: Vec<CpuTimes> = ours.each.iter().map(|cpu| cpu.times).collect();
        let theirs: Vec<CpuTimes> = theirs.cpu_time.iter().map(columns).collect();
        assert_eq!(ours, theirs, "{}", proc.display());
    }
}

#[test]
fn the_large_machine_is_recorded_with_all_its_cpus() {
    let text = fs::read(recorded().last().unwrap().join("stat")).unwrap();
    assert_eq!(proc_stat::parse(&text).unwrap().each.len(), 64);
}

#[test]
fn usage_between_two_recordings_is_what_procfs_figures_give() {
    for pair in recorded().chunks(2) {
        let [first, second] = [&pair[0], &pair[1]].map(|proc| {
            let stats = KernelStats::from_file(proc.join("stat"), current_system_info()).unwrap();
            (proc_stat::parse(&fs::read(proc.join("stat")).unwrap()).unwrap(), stats.total)
        });
        let idle = |times: &CpuTime| (times.idle + times.iowait.unwrap_or(0)) as f64;
        let all = |times: &CpuTime| columns(times).fields()[..8].iter().map(|(_, ticks)| *ticks as f64).sum::<f64>();
        let total = all(&second.1) - all(&first.1);
        let expected = (total - (idle(&second.1) - idle(&first.1))) / total * 1000.0;
        let ours = f64::from(second.0.all.busy_permille_since(&first.0.all).unwrap());
        assert!((ours - expected).abs() <= 0.5, "{ours} {expected}");
    }
}

#[test]
fn memory_is_what_procfs_finds() {
    for proc in recorded() {
        let ours = proc_meminfo::parse(&fs::read(proc.join("meminfo")).unwrap());
        let theirs = Meminfo::from_file(proc.join("meminfo")).unwrap();
        let memory = ours.memory.unwrap();
        assert_eq!((memory.total_bytes, Some(memory.available_bytes)), (theirs.mem_total, theirs.mem_available));
        let swap = ours.swap.unwrap().unwrap();
        assert_eq!((swap.total_bytes, swap.free_bytes), (theirs.swap_total, theirs.swap_free));
    }
}

/// The kernel also keeps a reserve, up to a tenth of these small machines, whose size it shows nowhere else.
#[test]
fn the_estimate_for_old_kernels_is_the_kernels_own_without_its_reserve() {
    for proc in recorded() {
        let text = fs::read_to_string(proc.join("meminfo")).unwrap();
        let kernel = proc_meminfo::parse(text.as_bytes()).memory.unwrap();
        let older: String = text.split_inclusive('\n').filter(|line| !line.starts_with("MemAvailable")).collect();
        let estimate = proc_meminfo::parse(older.as_bytes()).memory.unwrap();
        let most = kernel.available_bytes + kernel.total_bytes / 10;
        let range = kernel.available_bytes..=most;
        assert!(range.contains(&estimate.available_bytes), "{}: {estimate:?} {kernel:?}", proc.display());
    }
}

#[test]
fn each_mount_is_found_as_procfs_lists_it() {
    for proc in recorded_and_own() {
        let text = fs::read(proc.join("self/mountinfo")).unwrap();
        let theirs = MountInfos::from_read(text.as_slice()).unwrap();
        assert!(!theirs.0.is_empty());
        for mount in &theirs.0 {
            let last = theirs.0.iter().rfind(|other| other.mount_point == mount.mount_point).unwrap();
            // The procfs crate leaves the kernel's octal escapes as they are.
            let mut path = mount.mount_point.to_str().unwrap().to_owned();
            for (escape, character) in
                [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")]
            {
                path = path.replace(escape, character);
            }
            let below = Path::new(&path).join("somewhere");
            let ours = proc_mountinfo::parse(&text, path.as_bytes()).unwrap();
            assert_eq!((ours.id, ours.fs_type.to_string()), (last.mnt_id as u64, last.fs_type.clone()), "{path}");
            assert_eq!(proc_mountinfo::parse(&text, below.as_os_str().as_bytes()), Some(ours), "{path}");
        }
    }
}

/// This machine; for its disk a file system that answers at once on any.
fn snapshot() -> Snapshot {
    let mut sampler = Sampler::new(Roots { disk: "/proc".into(), ..Roots::default() });
    sampler.refresh(Instant::now(), 0, &mut |notice| panic!("{notice}"));
    sampler.snapshot().clone()
}

#[test]
fn this_machine_is_read_between_two_readings_of_procfs() {
    let before = KernelStats::current().unwrap();
    let ours = snapshot().cpu.unwrap();
    let after = KernelStats::current().unwrap();
    assert_eq!(ours.online(), after.cpu_time.len());
    for (at, (name, ticks)) in ours.all.fields().into_iter().enumerate() {
        // The kernel lets these two go backwards.
        if !matches!(name, "idle" | "iowait") {
            let (from, to) = (columns(&before.total).fields()[at].1, columns(&after.total).fields()[at].1);
            assert!((from..=to).contains(&ticks), "{name}: {from} {ticks} {to}");
        }
    }
    let theirs = Meminfo::current().unwrap();
    let memory = snapshot().memory.unwrap();
    assert_eq!(memory.total_bytes, theirs.mem_total);
    let apart = memory.available_bytes.abs_diff(theirs.mem_available.unwrap());
    assert!(apart < theirs.mem_total / 4, "{apart} bytes apart");
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Two readings of the disk with what `between` makes of it in their middle, until nobody writes meanwhile.
fn disk_around<T>(path: &str, mut between: impl FnMut() -> T) -> (Disk, T) {
    let mut sampler = Sampler::new(Roots { disk: path.into(), ..Roots::default() });
    let mut now = Instant::now();
    let mut read = || {
        now += Duration::from_secs(2);
        sampler.refresh(now, 0, &mut |_| {});
        sampler.snapshot().disk
    };
    for _ in 0..500 {
        let (before, value, after) = (read(), between(), read());
        if let (Some(before), Some(after)) = (before, after)
            && before == after
        {
            return (after, value);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{path} is written to all the time");
}

#[test]
fn the_space_of_a_file_system_is_what_df_says() {
    for path in ["/", "/dev", "/proc"] {
        let (disk, df) = disk_around(path, || output("df", &["-B1", "--output=size,used,avail", path]));
        let figures: Vec<u64> = df.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let ours = [disk.total_bytes, disk.used_bytes(), disk.available_bytes];
        // For a file system without blocks df prints `-`, or 0.
        let without_blocks = disk.total_bytes == 0 && figures.iter().all(|figure| *figure == 0);
        assert!(figures == ours || without_blocks, "{path}: {ours:?} {df}");
    }
}

#[test]
fn as_many_cpus_are_online_as_the_c_library_counts() {
    let online = output("getconf", &["_NPROCESSORS_ONLN"]);
    assert_eq!(snapshot().cpu.unwrap().online().to_string(), online);
}

/// psutil's way to count cores: how many different lists of siblings there are.
#[test]
fn there_are_as_many_cores_as_lists_of_siblings() {
    let mut lists = BTreeSet::new();
    for entry in fs::read_dir("/sys/devices/system/cpu").unwrap() {
        let topology = entry.unwrap().path().join("topology");
        if let Ok(list) = fs::read_to_string(topology.join("core_cpus_list"))
            .or_else(|_| fs::read_to_string(topology.join("thread_siblings_list")))
        {
            lists.insert(list);
        }
    }
    let snapshot = snapshot();
    let alone = snapshot.cpu.unwrap().online() == 1;
    let expected = if lists.is_empty() { alone.then_some(1) } else { Some(lists.len() as u16) };
    assert_eq!(snapshot.cores, expected);
}

#[test]
fn the_host_is_called_what_uname_says() {
    let name = output("uname", &["-n"]);
    assert_eq!(host_name().as_deref(), (name != "(none)").then_some(name.as_str()));
}
