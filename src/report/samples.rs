//! Snapshots for tests: the node that the original was recorded on, the node in its documentation, and the largest
//! that there can be. Shared with `tests/golden.rs`.

use crate::limits::CPUS;
use crate::report::Node;
use crate::snapshot::{Cpu, CpuReading, CpuTimes, CpuUsage, Disk, Memory, Snapshot, Swap};

pub const RECORDED_MICROS: u64 = 1_795_231_461_316_957;

pub const NODE: Node<'static> = Node { name: "anode", ticks_per_second: 100 };

fn reading(all: [u64; 10], each: &[[u64; 10]]) -> CpuReading {
    let mut reading = CpuReading { all: CpuTimes::from_columns(all), ..CpuReading::default() };
    for (id, columns) in each.iter().enumerate() {
        reading.add(Cpu { id: id as u16, times: CpuTimes::from_columns(*columns) });
    }
    reading
}

fn usage(all: u16, each: &[u16]) -> CpuUsage {
    CpuUsage { all_permille: Some(all), each_permille: each.iter().copied().map(Some).collect() }
}

/// The node of `metrics.json`.
pub fn recorded() -> Snapshot {
    Snapshot {
        unix_micros: RECORDED_MICROS,
        cpu: Some(reading(
            [135_142, 138_000, 31_636, 353_957, 1_508, 0, 1_085, 416, 0, 0],
            &[
                [59_397, 66_891, 14_857, 188_622, 348, 0, 427, 223, 0, 0],
                [75_745, 71_109, 16_778, 165_334, 1_159, 0, 658, 192, 0, 0],
            ],
        )),
        cpu_usage: usage(530, &[1000, 40]),
        cores: Some(2),
        memory: Some(Memory { total_bytes: 25_276_514_304, available_bytes: 25_276_514_304 - 1_065_476_096 }),
        swap: Some(Swap::default()),
        disk: Some(Disk {
            total_bytes: 270_553_174_016,
            free_bytes: 270_553_174_016 - 31_855_919_104,
            available_bytes: 65_716_830_208,
            read_only: false,
        }),
    }
}

/// The node of `heartbeat-2021.txt`.
pub fn of_2021() -> Snapshot {
    let mib = |tenths: u64| tenths * 1_048_576 / 10;
    Snapshot {
        unix_micros: 1_636_209_933_902_885,
        cpu: Some(reading(
            [1_067_953, 701, 472_711, 40_108_072, 15_627, 0, 22_712, 0, 0, 0],
            &[
                [249_249, 124, 119_820, 10_037_546, 3_816, 0, 8_238, 0, 0, 0],
                [276_093, 164, 119_827, 10_017_624, 3_793, 0, 5_587, 0, 0, 0],
                [270_845, 206, 116_418, 10_026_640, 4_004, 0, 4_782, 0, 0, 0],
                [271_765, 206, 116_646, 10_026_262, 4_012, 0, 4_103, 0, 0, 0],
            ],
        )),
        cpu_usage: usage(35, &[80, 50, 61, 110]),
        cores: Some(4),
        memory: Some(Memory { total_bytes: mib(19_456), available_bytes: mib(9_590) }),
        swap: Some(Swap { total_bytes: mib(10_240) - 4_096, free_bytes: mib(10_240) - 4_096 - mib(4_931) }),
        disk: Some(Disk {
            total_bytes: 109_647_159_296,
            free_bytes: 109_647_159_296 - 24_182_001_664,
            available_bytes: 79_864_979_456,
            read_only: false,
        }),
    }
}

/// Every slot taken and every number as long as it can be.
pub fn largest() -> Snapshot {
    let columns = [u64::MAX; 10];
    let mut reading = reading(columns, &[columns; CPUS]);
    for cpu in &mut reading.each {
        cpu.id += u16::MAX - CPUS as u16;
    }
    reading.dropped = u32::MAX - CPUS as u32;
    Snapshot {
        unix_micros: u64::MAX,
        cpu: Some(reading),
        cpu_usage: usage(1000, &[1000; CPUS]),
        cores: Some(u16::MAX),
        memory: Some(Memory { total_bytes: u64::MAX, available_bytes: 1 }),
        swap: Some(Swap { total_bytes: u64::MAX, free_bytes: 1 }),
        disk: Some(Disk { total_bytes: u64::MAX, free_bytes: 1, available_bytes: u64::MAX, read_only: true }),
    }
}
