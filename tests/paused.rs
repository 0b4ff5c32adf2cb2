//! A process that was stopped for a while, as by a debugger or a frozen container, blames nobody else for it.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{Agent, PATIENCE};

#[test]
fn an_answer_that_came_while_the_agent_was_stopped_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = std::env::temp_dir().join(format!("imalive-{}-paused.yml", std::process::id()));
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let monitor = format!("{{type: http, name: web, url: '{url}', level: INFO, timeout: 1s, interval: 1h}}");
    fs::write(&file, format!("monitors:\n  - {monitor}\n")).unwrap();
    let agent = Agent::start(&[("IMALIVE_CONFIG", file.to_str().unwrap())]);
    let (mut stream, _) = listener.accept().unwrap();
    assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    // Now it waits for the answer.
    std::thread::sleep(Duration::from_millis(100));
    let pid = Pid::from_raw(agent.pid() as i32).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    kill_process(pid, Signal::CONT).unwrap();
    let line = agent.wait_for_stdout(PATIENCE, |line| line.contains("'web'") || line.contains("[web]"));
    fs::remove_file(&file).unwrap();
    assert!(line.is_some_and(|line| line.contains("Monitor is healthy")), "{}", agent.output());
}
