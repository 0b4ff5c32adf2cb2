//! CPU times as the kernel counts them, and how busy a CPU was between two readings, as psutil defines it.

use heapless::Vec;

use crate::limits::CPUS;

/// Time since boot that one CPU, or all together, spent in each mode: clock ticks, 100 a second on every Pi and PC
/// (`USER_HZ`, proc_stat(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In user mode; includes `guest_ticks`.
    pub user_ticks: u64,
    /// In user mode at low priority; includes `guest_nice_ticks`.
    pub nice_ticks: u64,
    /// In the kernel.
    pub system_ticks: u64,
    /// Idle.
    pub idle_ticks: u64,
    /// Idle while a disk was busy on its behalf.
    pub iowait_ticks: u64,
    /// Serving interrupts.
    pub irq_ticks: u64,
    /// Serving soft interrupts.
    pub softirq_ticks: u64,
    /// Ready to run while the hypervisor ran somebody else.
    pub steal_ticks: u64,
    /// Running a guest, already counted in `user_ticks`.
    pub guest_ticks: u64,
    /// Running a niced guest, already counted in `nice_ticks`.
    pub guest_nice_ticks: u64,
}

impl CpuTimes {
    /// The kernel's own order and psutil's names.
    pub fn fields(&self) -> [(&'static str, u64); 10] {
        [
            ("user", self.user_ticks),
            ("nice", self.nice_ticks),
            ("system", self.system_ticks),
            ("idle", self.idle_ticks),
            ("iowait", self.iowait_ticks),
            ("irq", self.irq_ticks),
            ("softirq", self.softirq_ticks),
            ("steal", self.steal_ticks),
            ("guest", self.guest_ticks),
            ("guest_nice", self.guest_nice_ticks),
        ]
    }

    /// The same times from the kernel's columns; those that an older kernel leaves out are 0.
    pub fn from_columns(columns: [u64; 10]) -> Self {
        let [user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice] = columns;
        CpuTimes {
            user_ticks: user,
            nice_ticks: nice,
            system_ticks: system,
            idle_ticks: idle,
            iowait_ticks: iowait,
            irq_ticks: irq,
            softirq_ticks: softirq,
            steal_ticks: steal,
            guest_ticks: guest,
            guest_nice_ticks: guest_nice,
        }
    }

    /// Thousandths of the time since `earlier` that were neither idle nor waiting for a disk; a guest's time is not
    /// counted twice. `None` when no time has passed.
    ///
    /// Each counter that went backwards counts as still: the kernel lets idle and iowait shrink when a CPU goes offline
    /// or wakes from a tickless sleep.
    pub fn busy_permille_since(&self, earlier: &CpuTimes) -> Option<u16> {
        // 128 bits: a corrupt file may hold ten times u64::MAX.
        let since = |now: u64, before: u64| u128::from(now.saturating_sub(before));
        let idle = since(self.idle_ticks, earlier.idle_ticks) + since(self.iowait_ticks, earlier.iowait_ticks);
        let busy = since(self.user_ticks, earlier.user_ticks)
            + since(self.nice_ticks, earlier.nice_ticks)
            + since(self.system_ticks, earlier.system_ticks)
            + since(self.irq_ticks, earlier.irq_ticks)
            + since(self.softirq_ticks, earlier.softirq_ticks)
            + since(self.steal_ticks, earlier.steal_ticks);
        let total = idle + busy;
        if total == 0 {
            return None;
        }
        Some(((busy * 1000 + total / 2) / total) as u16)
    }
}

/// The times of one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// The kernel's number: there may be gaps, as a CPU that is offline has no line.
    pub id: u16,
    /// Its times.
    pub times: CpuTimes,
}

/// One reading of `/proc/stat`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuReading {
    /// The kernel's sum over all CPUs.
    pub all: CpuTimes,
    /// Each CPU that is online, in the kernel's order.
    pub each: Vec<Cpu, CPUS>,
    /// CPUs that did not fit into `each`.
    pub dropped: u32,
}

impl CpuReading {
    /// Keeps the times of one more CPU, or counts it as dropped.
    pub fn add(&mut self, cpu: Cpu) {
        if self.each.push(cpu).is_err() {
            self.dropped += 1;
        }
    }

    /// CPUs that are online, those dropped among them.
    pub fn online(&self) -> usize {
        self.each.len() + self.dropped as usize
    }
}

/// How busy the CPUs were between two readings, in thousandths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuUsage {
    /// All CPUs together.
    pub all_permille: Option<u16>,
    /// Each CPU of the later reading, in its order.
    pub each_permille: Vec<Option<u16>, CPUS>,
}

impl CpuUsage {
    /// From `earlier` to `later`. What the earlier reading lacks is measured since boot.
    pub fn measure(&mut self, earlier: Option<&CpuReading>, later: &CpuReading) {
        let (all, each) = earlier.map_or((CpuTimes::default(), &[][..]), |earlier| (earlier.all, &earlier.each[..]));
        self.all_permille = later.all.busy_permille_since(&all);
        self.each_permille.clear();
        for (at, cpu) in later.each.iter().enumerate() {
            let before = match each.get(at) {
                Some(same) if same.id == cpu.id => same.times,
                _ => each.iter().find(|before| before.id == cpu.id).map(|b| b.times).unwrap_or_default(),
            };
            // Both have the same capacity, so this always fits.
            let _ = self.each_permille.push(cpu.times.busy_permille_since(&before));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(user: u64, idle: u64, iowait: u64) -> CpuTimes {
        CpuTimes { user_ticks: user, idle_ticks: idle, iowait_ticks: iowait, ..CpuTimes::default() }
    }

    #[test]
    fn waiting_for_a_disk_is_idle() {
        assert_eq!(times(100, 100, 200).busy_permille_since(&times(0, 0, 0)), Some(250));
    }

    #[test]
    fn a_guest_is_not_counted_twice() {
        let later = CpuTimes { user_ticks: 50, guest_ticks: 50, idle_ticks: 50, ..CpuTimes::default() };
        assert_eq!(later.busy_permille_since(&CpuTimes::default()), Some(500));
    }

    #[test]
    fn a_counter_that_went_backwards_counts_as_still() {
        assert_eq!(times(150, 90, 0).busy_permille_since(&times(100, 100, 0)), Some(1000));
    }

    #[test]
    fn no_time_is_not_zero_percent() {
        assert_eq!(times(7, 7, 7).busy_permille_since(&times(7, 7, 7)), None);
    }

    #[test]
    fn absurd_counters_do_not_overflow() {
        let absurd = CpuTimes::from_columns([u64::MAX; 10]);
        assert_eq!(absurd.busy_permille_since(&CpuTimes::default()), Some(750));
    }

    #[test]
    fn a_cpu_that_comes_back_is_compared_with_its_own_past() {
        let mut earlier = CpuReading::default();
        earlier.add(Cpu { id: 0, times: times(0, 100, 0) });
        earlier.add(Cpu { id: 2, times: times(500, 500, 0) });
        let mut later = CpuReading::default();
        later.add(Cpu { id: 0, times: times(0, 200, 0) });
        later.add(Cpu { id: 1, times: times(30, 70, 0) });
        later.add(Cpu { id: 2, times: times(500, 600, 0) });
        let mut usage = CpuUsage::default();
        usage.measure(Some(&earlier), &later);
        assert_eq!(usage.each_permille.as_slice(), [Some(0), Some(300), Some(0)]);
    }

    #[test]
    fn a_cpu_too_many_is_counted() {
        let mut reading = CpuReading::default();
        for id in 0..CPUS as u16 + 3 {
            reading.add(Cpu { id, times: CpuTimes::default() });
        }
        assert_eq!((reading.each.len(), reading.dropped, reading.online()), (CPUS, 3, CPUS + 3));
    }
}
