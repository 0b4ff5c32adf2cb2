//! A reload in the middle of things, against real ports.

use std::net::TcpListener;
use std::path::PathBuf;

use super::*;
use crate::config::LogFormat;
use crate::config::environment::from_environment;

/// A file of monitors that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> File {
        File(std::env::temp_dir().join(format!("imalive-{}-{name}.yml", std::process::id())))
    }

    fn write(&self, monitors: &[&str]) {
        let lines: String = monitors.iter().map(|monitor| format!("  - {{type: tcp, {monitor}}}\n")).collect();
        std::fs::write(&self.0, format!("monitors:\n{lines}")).unwrap();
    }

    fn config(&self) -> Config {
        let path = self.0.display().to_string();
        from_environment(&|name| (name == "IMALIVE_CONFIG").then(|| path.clone()), "anode").unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn checks(config: &Config) -> Rc<Checks> {
    let lines = Rc::new(RefCell::new(Heartbeats::open(LogFormat::Text)));
    let reactor = Rc::new(Reactor::new().unwrap());
    Checks::new(config, load(config).unwrap(), client(&reactor), reactor, lines, None)
}

#[test]
fn a_check_that_has_just_begun_is_of_its_own_monitor_after_a_reload_that_moves_it() {
    let (open, closed) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let good = format!("name: good, url: '{}'", open.local_addr().unwrap());
    let bad = format!("name: bad, url: '{}'", closed.local_addr().unwrap());
    drop(closed);
    let file = File::new("moved");
    file.write(&[&good, &bad]);
    let config = file.config();
    let checks = checks(&config);
    let executor = LocalExecutor::new();
    for id in [0, 1] {
        checks.book.borrow_mut().fleet.due(20_000);
        checks.begin(Job::Monitor(id), &executor);
    }
    file.write(&[&bad, "name: new, url: '127.0.0.1:1', interval: 1h", &good]);
    checks.reload(&config);
    let reactor = Rc::clone(&checks.reactor);
    let done = async {
        while [0, 2].iter().any(|id| checks.book.borrow().fleet.status(*id).last.is_none()) {
            reactor.sleep_until(Instant::now() + Duration::from_millis(5)).await;
        }
    };
    let late = async { reactor.sleep_until(Instant::now() + Duration::from_secs(5)).await };
    reactor.block_on(executor.run(smol::future::or(done, late))).unwrap();
    let book = checks.book.borrow();
    let found = [0, 1, 2].map(|id| (book.fleet.status(id).checks_total, book.fleet.status(id).failures_total));
    assert_eq!(found, [(1, 1), (0, 0), (1, 0)]);
}
