//! Physical cores, from sysfs (`Documentation/admin-guide/cputopology.rst` in the kernel).

use std::fs;
use std::path::Path;

use crate::parse::cpu_list;
use crate::snapshot::CpuReading;

/// The list of a core's CPUs: its name since Linux 5.3, and before.
const LISTS: [&str; 2] = ["core_cpus_list", "thread_siblings_list"];

/// The cores that the CPUs online belong to; `None` where the kernel does not tell.
///
/// The CPU that comes first in the list of its own core stands for it. A kernel for one CPU only, such as the Pi Zero's,
/// has no topology.
#[inline(never)]
pub(super) fn count(sys: &Path, reading: &CpuReading) -> Option<u16> {
    let cpus = sys.join("devices/system/cpu");
    let cores = fs::read(cpus.join("online")).ok().and_then(|online| {
        let mut cores = 0;
        for id in cpu_list(&online).flatten() {
            cores += u16::from(stands_for_core(&cpus, id)?);
        }
        (cores > 0).then_some(cores)
    });
    // More cores than CPUs: the reading is of another node than this /sys.
    let cores = cores.filter(|cores| usize::from(*cores) <= reading.online());
    cores.or_else(|| (reading.online() == 1).then_some(1))
}

/// Whether both readings have the same CPUs, so that the cores have not changed either.
pub(super) fn same_cpus(one: &CpuReading, other: &CpuReading) -> bool {
    one.dropped == other.dropped && one.each.iter().map(|cpu| cpu.id).eq(other.each.iter().map(|cpu| cpu.id))
}

fn stands_for_core(cpus: &Path, id: u16) -> Option<bool> {
    let topology = cpus.join(format!("cpu{id}/topology"));
    let list = LISTS.iter().find_map(|list| fs::read(topology.join(list)).ok())?;
    let first = cpu_list(&list).next()?;
    Some(*first.start() == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::Tree;
    use crate::snapshot::Cpu;

    fn online(ids: &[u16]) -> CpuReading {
        let mut reading = CpuReading::default();
        ids.iter().for_each(|id| reading.add(Cpu { id: *id, ..Cpu::default() }));
        reading
    }

    fn tree(online: &str, list: &str, cores: &[&str]) -> Tree {
        let tree = Tree::new();
        tree.write("devices/system/cpu/online", online);
        for (id, cpus) in cores.iter().enumerate() {
            tree.write(&format!("devices/system/cpu/cpu{id}/topology/{list}"), &format!("{cpus}\n"));
        }
        tree
    }

    #[test]
    fn threads_of_one_core_count_once() {
        let neighbours = tree("0-3\n", "core_cpus_list", &["0-1", "0-1", "2-3", "2-3"]);
        assert_eq!(count(neighbours.path(), &online(&[0, 1, 2, 3])), Some(2));
        let halves = tree("0-3\n", "thread_siblings_list", &["0,2", "1,3", "0,2", "1,3"]);
        assert_eq!(count(halves.path(), &online(&[0, 1, 2, 3])), Some(2));
        let alone = tree("0-3\n", "core_cpus_list", &["0", "1", "2", "3"]);
        assert_eq!(count(alone.path(), &online(&[0, 1, 2, 3])), Some(4));
    }

    #[test]
    fn a_cpu_that_is_offline_has_no_core() {
        let tree = tree("0,2-3\n", "core_cpus_list", &["0", "", "2-3", "2-3"]);
        assert_eq!(count(tree.path(), &online(&[0, 2, 3])), Some(2));
    }

    #[test]
    fn one_cpu_without_topology_is_one_core() {
        assert_eq!(count(tree("0\n", "", &[]).path(), &online(&[0])), Some(1));
        assert_eq!(count(Tree::new().path(), &online(&[0])), Some(1));
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_unknown() {
        assert_eq!(count(Tree::new().path(), &online(&[0, 1])), None);
        assert_eq!(count(tree("0-1\n", "core_cpus_list", &["0"]).path(), &online(&[0, 1])), None);
        assert_eq!(count(tree("\n", "core_cpus_list", &[]).path(), &online(&[0, 1])), None);
    }

    #[test]
    fn a_cpu_in_place_of_another_is_a_change() {
        assert!(same_cpus(&online(&[0, 1]), &online(&[0, 1])));
        assert!(!same_cpus(&online(&[0, 1]), &online(&[0, 2])));
        assert!(!same_cpus(&online(&[0, 1]), &online(&[0])));
    }
}
