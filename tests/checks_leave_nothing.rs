//! What checks take of the process they give back: alone in its process, because that is what is counted.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use imalive::client::{Client, Progress};
use imalive::config::codes::CodePattern;
use imalive::config::monitors::{Check, HttpCheck, Monitor, Scope, Secret, Tls};
use imalive::limits::{WORKER_LINGER, WORKER_THREADS};
use imalive::monitor::check::check;
use imalive::reactor::Reactor;
use imalive::snapshot::FailureKind;

/// Takes every connection and says nothing, in one thread.
fn silent() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            while stream.read(&mut [0; 512]).is_ok_and(|read| read > 0) {}
            // To close it would end the check.
            std::mem::forget(stream);
        }
    });
    address
}

fn monitor(number: usize, address: SocketAddr) -> Monitor {
    let http = |url: String| {
        Check::Http(Box::new(HttpCheck {
            method: "GET",
            shown_url: url.clone(),
            url: Secret::new(url),
            body: None,
            headers: Vec::new(),
            basic_auth: None,
            expected_code: CodePattern::parse("200").unwrap(),
            expected_contain: None,
            follow_redirects: 0,
            tls: Tls { check: true, ca_file: None, client: None },
            hidden: Vec::new(),
        }))
    };
    let check = match number % 4 {
        0 => http(format!("https://localhost:{}/", address.port())),
        1 => http(format!("http://{address}/")),
        2 => http(format!("https://{address}/")),
        _ => Check::Tcp("localhost".into(), 9),
    };
    Monitor {
        name: "name".into(),
        family: "name".into(),
        check,
        kind: "http".into(),
        timeout: Duration::from_millis(300),
        interval: Duration::from_secs(60),
        retry_interval: Duration::from_secs(5),
        failure_threshold: 3,
        success_threshold: 1,
        max_latency: None,
        depends_on: Vec::new(),
        scope: Scope::None,
        gate: false,
        reminder: None,
        info: false,
        given: Vec::new(),
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Descriptors of this process, but for those of the server's ends.
fn descriptors(server: SocketAddr) -> usize {
    let end = format!("{:04X}", server.port());
    let tcp = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let ends = |line: &&str| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&end));
    let inodes: Vec<String> = tcp
        .lines()
        .filter(ends)
        .filter_map(|line| Some(format!("socket:[{}]", line.split_whitespace().nth(9)?)))
        .collect();
    let open = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    open.filter(|link| !inodes.iter().any(|inode| link.as_os_str() == inode.as_str())).count()
}

#[test]
fn after_a_round_there_are_as_many_threads_and_descriptors_as_before() {
    let address = silent();
    let reactor = Rc::new(Reactor::new().unwrap());
    let client = Client::new(Rc::clone(&reactor), None);
    let before = (threads(), descriptors(address));
    for round in 0..3 {
        let monitors: Vec<Monitor> = (0..64).map(|number| monitor(number, address)).collect();
        let executor = smol::LocalExecutor::new();
        let client = &client;
        let checked = |monitor| async move { check(client, monitor, &Progress::default()).await };
        let mut tasks: Vec<_> = monitors.iter().map(|monitor| executor.spawn(checked(monitor))).collect();
        let dropped = tasks.split_off(48);
        let rest = async {
            reactor.sleep_until(Instant::now() + Duration::from_millis(50)).await;
            assert!(threads() <= before.0 + WORKER_THREADS, "round {round}");
            assert!(descriptors(address) > before.1 + 20, "round {round}: they are under way");
            drop(dropped);
            let mut kinds = Vec::new();
            for task in tasks {
                kinds.push(task.await.failure.map(|failure| failure.kind));
            }
            kinds
        };
        let kinds = reactor.block_on(executor.run(rest)).unwrap();
        assert_eq!(kinds.iter().filter(|kind| **kind == Some(FailureKind::Timeout)).count(), 36, "{kinds:?}");
        assert_eq!(kinds.iter().filter(|kind| **kind == Some(FailureKind::Connect)).count(), 12, "{kinds:?}");
        thread::sleep(WORKER_LINGER * 2);
        assert_eq!(threads(), before.0, "round {round}");
        assert_eq!(descriptors(address), before.1, "round {round}");
    }
}
