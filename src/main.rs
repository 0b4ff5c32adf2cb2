//! x
use imalive::config::*;
#[global_allocator]
static A: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;
fn main() {
    let e = |n: &str| std::env::var(n).ok();
    let port = e("LISTEN_PORT").unwrap_or("18080".into());
    let _ = simple_logger::SimpleLogger::new().init();
    let config = Config {
        listen: format!("127.0.0.1:{port}").parse().unwrap(),
        node_name: "anode".try_into().unwrap(),
        wait_time: std::time::Duration::from_secs(10),
        log_level: LogLevel::Info,
        log_format: LogFormat::Text,
        warning_percent: 80,
        error_percent: 90,
        manifest_path: None,
        proc_path: "/proc".into(),
        disk_path: "/".into(),
        max_connections: 128,
    };
    imalive::agent::run(
        config,
        imalive::report::Build { version: "0.1.0", revision: "x", arch: "x86_64", target: "t" },
    )
    .unwrap();
}
