//! Under a service manager: what it is told, the socket it hands over, the signals it sends. The real systemd is in
//! `tests/system/systemd`.

mod support;

use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{Agent, Launch, PATIENCE, get, spawn};

/// The service manager's end of a notification socket.
struct Manager {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("imalive-{test}-{}", std::process::id()));
        let socket = UnixDatagram::bind(&path).expect("a socket in the temporary folder");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Manager { path, socket }
    }

    fn name(&self) -> &str {
        self.path.to_str().expect("a path of ASCII")
    }

    /// The next message; a panic when none comes.
    fn hear(&self) -> String {
        let mut bytes = [0; 4096];
        let read = self.socket.recv(&mut bytes).expect("a message from the agent");
        String::from_utf8(bytes[..read].to_vec()).expect("messages are text")
    }

    /// The first message with this line; a panic when none comes.
    fn hear_of(&self, line: &str) -> String {
        loop {
            let message = self.hear();
            if message.lines().any(|other| other == line) {
                return message;
            }
        }
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

fn send(agent: &Agent, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(agent.pid()).expect("a process id")).expect("a process id");
    kill_process(pid, signal).expect("the agent runs");
}

#[test]
fn a_service_manager_is_told_ready_alive_reloading_and_stopping() {
    let manager = Manager::new("told");
    let env = [("NOTIFY_SOCKET", manager.name()), ("WATCHDOG_USEC", "600000"), ("WAIT_TIME", "3600")];
    let mut agent = Agent::start(&env);

    let ready = manager.hear();
    assert!(ready.starts_with("READY=1\nWATCHDOG=1\nSTATUS=CPU "), "{ready}");
    // A reading has been taken, and clients are answered.
    assert!(ready.contains("%, memory ") && !ready.contains("memory unknown"), "{ready}");
    assert_eq!(get(agent.addr, "/v1/health").status, 200);

    // No heartbeat is due for an hour.
    for _ in 0..4 {
        let alive = manager.hear();
        assert!(alive.starts_with("WATCHDOG=1\nSTATUS=CPU "), "{alive}");
    }

    send(&agent, Signal::HUP);
    let reloading = manager.hear_of("RELOADING=1");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    let ready = manager.hear();
    assert!(ready.starts_with("READY=1\n"), "{ready}");
    assert!(agent.wait_for_stderr(PATIENCE, |line| line.contains("reloaded")).is_some(), "{}", agent.output());
    assert_eq!(get(agent.addr, "/v1/health").status, 200);

    send(&agent, Signal::TERM);
    manager.hear_of("STOPPING=1");
    let ended = agent.wait_for_exit(PATIENCE).expect("it stops");
    assert!(ended.success(), "{ended}{}", agent.output());
}

#[test]
fn an_agent_that_hangs_feeds_no_watchdog() {
    let manager = Manager::new("hangs");
    let agent = Agent::start(&[("NOTIFY_SOCKET", manager.name()), ("WATCHDOG_USEC", "400000"), ("WAIT_TIME", "3600")]);
    manager.hear_of("WATCHDOG=1");
    send(&agent, Signal::STOP);
    manager.socket.set_read_timeout(Some(Duration::from_millis(800))).expect("a time-out");
    // What was on its way when it was stopped, and then nothing.
    let mut bytes = [0; 4096];
    let last = (0..3).take_while(|_| manager.socket.recv(&mut bytes).is_ok()).count();
    assert!(last < 3, "{last} messages from a stopped process");
    send(&agent, Signal::CONT);
    manager.socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    manager.hear_of("WATCHDOG=1");
}

#[test]
fn a_service_manager_that_cannot_be_told_is_a_line_in_the_log_and_no_more() {
    for (name, said) in
        [("/nonexistent/notify", "cannot be told: "), ("vsock:2:1234", "NOTIFY_SOCKET: expected a path")]
    {
        let agent = Agent::start(&[("NOTIFY_SOCKET", name), ("WAIT_TIME", "1"), ("WATCHDOG_USEC", "200000")]);
        assert!(agent.wait_for_stderr(PATIENCE, |line| line.contains(said)).is_some(), "{}", agent.output());
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(agent.stderr().iter().filter(|line| line.contains(said)).count(), 1, "{}", agent.output());
        assert_eq!(get(agent.addr, "/v1/health").status, 200);
    }
}

#[test]
fn a_hangup_ends_nobody_however_often_it_comes() {
    let mut agent = Agent::start(&[]);
    for _ in 0..100 {
        send(&agent, Signal::HUP);
    }
    assert!(agent.wait_for_stderr(PATIENCE, |line| line.contains("reloaded")).is_some(), "{}", agent.output());
    assert_eq!(get(agent.addr, "/v1/health").status, 200);
    send(&agent, Signal::TERM);
    assert!(agent.wait_for_exit(PATIENCE).is_some_and(|status| status.success()), "{}", agent.output());
}

/// Starts with `socket` as descriptor 3, as a service manager hands it over.
fn hand_over(socket: impl Into<OwnedFd>) -> Launch<'static> {
    Launch {
        shell: Some(r#"exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec "$0" "$@""#),
        stdin: Some(Stdio::from(socket.into())),
        ..Launch::default()
    }
}

#[test]
fn a_socket_that_is_handed_over_is_served_and_no_request_is_lost_before() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    // It waits in the kernel's queue until the agent is there.
    let mut early = support::Connection::open(address);
    let agent = Agent::launch(hand_over(listener));
    assert_eq!(agent.addr, address);
    assert_eq!(early.ask("GET", "/v1/health").status, 200);
    assert_eq!(get(agent.addr, "/v1/health").status, 200);
}

#[test]
fn a_stop_leaves_new_clients_to_the_next_agent_and_does_not_wait_for_them() {
    // One that waits takes all the time there is for a stop, each time; a busy machine does not.
    let quickest = (0..3).map(|_| stop_with_clients_waiting()).min();
    assert!(quickest < Some(Duration::from_millis(700)), "{quickest:?}");
}

fn stop_with_clients_waiting() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let kept = listener.try_clone().expect("another descriptor of it");
    let mut agent = Agent::launch(hand_over(listener));
    send(&agent, Signal::STOP);
    send(&agent, Signal::TERM);
    // More than are accepted at a time.
    let mut waiting: Vec<_> = (0..100).map(|_| support::Connection::open(agent.addr)).collect();
    let start = Instant::now();
    send(&agent, Signal::CONT);
    assert!(agent.wait_for_exit(PATIENCE).is_some_and(|status| status.success()), "{}", agent.output());
    let took = start.elapsed();

    let next = Agent::launch(hand_over(kept));
    for client in waiting.iter_mut().rev().take(50) {
        assert_eq!(client.ask("GET", "/v1/health").status, 200, "{}", next.output());
    }
    took
}

#[test]
fn a_socket_for_another_process_is_not_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    let shell = Some(r#"exec 3<&0 0</dev/null; LISTEN_PID=1 LISTEN_FDS=4000000000 exec "$0" "$@""#);
    let agent = Agent::launch(Launch { shell, ..hand_over(listener) });
    assert_ne!(agent.addr, address);
}

#[test]
fn an_empty_number_of_sockets_is_none() {
    let agent =
        Agent::launch(Launch { shell: Some(r#"LISTEN_PID=$$ LISTEN_FDS= exec "$0" "$@""#), ..Launch::default() });
    assert_eq!(get(agent.addr, "/v1/health").status, 200);
}

#[test]
fn another_kind_of_socket_is_one_line_and_exit_1() {
    let path = std::env::temp_dir().join(format!("imalive-unix-{}", std::process::id()));
    let sockets: [(OwnedFd, &str); 3] = [
        (UdpSocket::bind("127.0.0.1:0").expect("a free port").into(), "not a listening one"),
        (UnixDatagram::unbound().expect("a socket").into(), "not a listening one"),
        (UnixListener::bind(&path).expect("a socket in the temporary folder").into(), "not a TCP socket"),
    ];
    for (socket, reason) in sockets {
        let output = spawn(hand_over(socket)).wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("socket from the service manager: ") && stderr.contains(reason), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    std::fs::remove_file(path).expect("the socket is there");
    let shell = Some(r#"exec 3<&0; LISTEN_PID=$$ LISTEN_FDS=2 exec "$0" "$@""#);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let output = spawn(Launch { shell, ..hand_over(listener) }).wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && stderr.contains("more than one"), "{stderr}");
}

#[test]
fn without_a_journal_its_format_is_text() {
    let agent = Agent::start(&[("LOG_FORMAT", "journal"), ("WAIT_TIME", "1")]);
    let on_stdout = agent.wait_for_stdout(Duration::from_secs(2), |line| line.contains("] I'm alive! metrics = {"));
    let told = agent.wait_for_stderr(Duration::ZERO, |line| line.contains("but no journal listens here"));
    let journal = Path::new("/run/systemd/journal/socket").exists();
    assert_eq!((on_stdout.is_some(), told.is_some()), (!journal, !journal), "{}", agent.output());
}
