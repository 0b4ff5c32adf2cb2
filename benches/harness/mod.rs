//! A harness of forty lines in place of a framework, which would take longer to compile than imalive itself.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Runs what is asked for and prints a line each.
pub struct Bench {
    filter: String,
    samples: usize,
    sample_time: Duration,
}

impl Bench {
    /// Without cargo's `--bench` (as under `cargo test --benches`) each is only tried.
    pub fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let measures = arguments.iter().any(|argument| argument == "--bench");
        let filter = arguments.into_iter().find(|argument| !argument.starts_with("--")).unwrap_or_default();
        let (samples, sample_time) = if measures { (50, Duration::from_millis(10)) } else { (1, Duration::ZERO) };
        println!("{:>12} {:>12}", "median ns", "least ns");
        Bench { filter, samples, sample_time }
    }

    /// The median and the least time of one call, over samples of as many calls as fill the time of a sample.
    pub fn run<T>(&mut self, name: &str, mut call: impl FnMut() -> T) {
        if !name.contains(&self.filter) {
            return;
        }
        let mut time_of = |calls: u32| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            start.elapsed()
        };
        let mut calls = 1;
        while time_of(calls) < self.sample_time {
            calls *= 2;
        }
        let mut nanos: Vec<f64> =
            (0..self.samples).map(|_| time_of(calls).as_nanos() as f64 / f64::from(calls)).collect();
        nanos.sort_by(f64::total_cmp);
        println!("{:12.1} {:12.1}  {name}", nanos[nanos.len() / 2], nanos[0]);
    }
}
