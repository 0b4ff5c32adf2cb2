//! A node that has too little of what checks take.

mod support;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use support::{Agent, Launch, get};

/// Sixty connections at once where the process may have 24: what asks for this node's health comes first, and what could
/// not be checked is not said to be down.
#[test]
fn checks_that_hang_leave_descriptors_to_the_server() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("its address").port();
    let monitor = |at| format!("- {{type: http, name: m{at}, url: 'http://127.0.0.1:{port}/'}}\n");
    let defaults = "defaults: {timeout: 20, interval: 1, retry_interval: 1}\nmonitors:\n".to_owned();
    let path = std::env::temp_dir().join(format!("imalive-scarce-{}.yml", std::process::id()));
    std::fs::write(&path, defaults + &(0..60).map(monitor).collect::<String>()).expect("a file");
    let env = [("IMALIVE_CONFIG", path.to_str().expect("a path of ASCII"))];
    let agent = Agent::launch(Launch { shell: Some("ulimit -n 24; exec \"$0\""), env: &env, ..Launch::default() });

    let deadline = Instant::now() + Duration::from_secs(14);
    let mut longest = Duration::ZERO;
    while Instant::now() < deadline {
        let asked = Instant::now();
        assert_eq!(get(agent.addr, "/v1/health").status, 200, "{}", agent.output());
        longest = longest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(longest < Duration::from_secs(2), "an answer took {longest:?}");
    let found = get(agent.addr, "/v1/monitors");
    let count = |text: &str| found.text().matches(text).count();
    assert_eq!(count("\"state\":\"down\""), 0, "{}", found.text());
    assert!(count("Too many open files") >= 40, "{}", found.text());
    std::fs::remove_file(&path).ok();
}
