//! The server when something is wrong around it: floods, no descriptors left, clients that reset, signals, a standard
//! output that nobody reads. One connection that does nothing must not cost another one its answer.

#![cfg(feature = "std")]

mod support;

use imalive::limits;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Agent, Connection, Launch, Stdout};

/// Half-sent requests held open at once.
const FLOOD: usize = 2000;

/// In which a health check has to be answered, whatever else is going on.
const HEALTH: Duration = Duration::from_millis(100);

/// In which the process has to be gone after SIGTERM or SIGINT.
const EXIT: Duration = Duration::from_secs(1);

/// What a flood may leave in memory once all slots are taken: a few pages, nothing for each client.
const FLAT_KIB: u64 = 64;

/// A GET that lacks its last line end.
const HALF: &[u8] = b"GET /v1/health HTTP/1.1\r\nHost: half\r\nX-Half: ";

/// Asks for health on a fresh connection; the time from connecting to the last byte.
fn health(agent: &Agent) -> Duration {
    let start = Instant::now();
    let response = support::get(agent.addr, "/v1/health");
    let took = start.elapsed();
    assert_eq!(response.status, 200, "{response}");
    assert!(response.text().contains("\"alive\":true"), "{response}");
    took
}

/// Health within the bound, `times` times in a row; the slowest.
fn health_is_prompt(agent: &Agent, times: usize, when: &str) -> Duration {
    let slowest = (0..times).map(|_| health(agent)).max().unwrap_or_default();
    assert!(slowest <= HEALTH, "{when}: a health check took {slowest:?}{}", agent.output());
    slowest
}

fn signal(agent: &Agent, signal: Signal) {
    let pid = Pid::from_child(&agent.child);
    kill_process(pid, signal).unwrap_or_else(|error| panic!("{signal:?}: {error}"));
}

/// Lets this test process hold the flood's sockets: the usual soft limit is 1,024.
fn allow_open_files(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
            .unwrap_or_else(|error| panic!("raising the limit of open files to {wanted}: {error}; now {limit:?}"));
    }
}

fn half_sent(agent: &Agent) -> TcpStream {
    let stream = TcpStream::connect_timeout(&agent.addr, support::PATIENCE).expect("a connection");
    (&stream).write_all(HALF).expect("half a request");
    stream
}

#[test]
fn two_thousand_half_sent_requests_do_not_keep_a_health_check_waiting() {
    allow_open_files(FLOOD as u64 + 200);
    let agent = Agent::start(&[]);
    health_is_prompt(&agent, 20, "before the flood");
    let idle_kib = agent.rss_kib();

    let mut held: Vec<TcpStream> = (0..limits::CONNECTIONS).map(|_| half_sent(&agent)).collect();
    health_is_prompt(&agent, 20, "with every slot taken");
    let full_kib = agent.rss_kib();
    let slots_kib = (limits::UNFINISHED_HEADS_BUDGET_BYTES / 1024) as u64;
    assert!(full_kib <= idle_kib + slots_kib, "VmRSS {idle_kib} KiB idle, {full_kib} KiB with every slot taken");

    let mut slowest = Duration::ZERO;
    while held.len() < FLOOD {
        held.push(half_sent(&agent));
        if held.len().is_multiple_of(20) {
            slowest = slowest.max(health_is_prompt(&agent, 1, &format!("with {} held", held.len())));
        }
    }
    slowest = slowest.max(health_is_prompt(&agent, 100, "with all held"));
    let flooded_kib = agent.rss_kib();
    eprintln!("VmRSS: {idle_kib} KiB idle, {full_kib} full, {flooded_kib} flooded; slowest health check {slowest:?}");
    assert!(
        flooded_kib <= full_kib + FLAT_KIB,
        "VmRSS {full_kib} KiB with {} half-sent requests, {flooded_kib} KiB with {FLOOD}",
        limits::CONNECTIONS
    );

    drop(held);
    health_is_prompt(&agent, 20, "after the flood");
}

/// A slot is taken from whoever has kept it longest without a complete request, not from a client at work.
#[test]
fn a_client_at_work_keeps_its_connection_through_a_flood() {
    let agent = Agent::start(&[("MAX_CONNECTIONS", "8")]);
    let mut at_work = agent.connect();
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(half_sent(&agent));
        assert_eq!(at_work.ask("GET", "/v1/health").status, 200);
    }
}

/// The one that had to go is told, or at least closed; it does not hang.
#[test]
fn the_connection_that_gives_its_place_is_closed() {
    let agent = Agent::start(&[("MAX_CONNECTIONS", "4")]);
    let held: Vec<TcpStream> = (0..20).map(|_| half_sent(&agent)).collect();
    health_is_prompt(&agent, 1, "with every slot taken");
    let closed = held
        .iter()
        .filter(|stream| {
            stream.set_read_timeout(Some(support::SILENCE)).expect("a read time-out");
            let mut stream: &TcpStream = stream;
            let error = stream.read_to_end(&mut Vec::new()).err();
            error.is_none_or(|error| error.kind() == ErrorKind::ConnectionReset)
        })
        .count();
    assert!(closed >= 16, "{closed} of 20 closed with 4 slots");
}

/// `accept` fails for as long as no descriptor is free; that is neither the end nor a reason to spin or to fill the log.
#[test]
fn out_of_descriptors_it_logs_once_and_recovers_by_itself() {
    const DESCRIPTORS: usize = 24;
    let script = format!("ulimit -n {DESCRIPTORS}; exec \"$0\"");
    let agent = Agent::launch(Launch { shell: Some(&script), ..Launch::default() });
    health(&agent);
    let before = agent.stderr();

    let held: Vec<TcpStream> = (0..2 * DESCRIPTORS).map(|_| half_sent(&agent)).collect();
    std::thread::sleep(Duration::from_millis(500));
    let ticks = agent.cpu_ticks();
    std::thread::sleep(Duration::from_secs(2));
    let ticks = agent.cpu_ticks() - ticks;
    assert!(ticks <= 20, "{ticks} hundredths of a second of CPU in 2 s without a free descriptor");

    let about = |line: &&String| {
        let line = line.to_lowercase();
        line.contains("descriptor") || line.contains("too many open files") || line.contains("os error 24")
    };
    let said: Vec<String> = agent.stderr().iter().skip(before.len()).filter(about).cloned().collect();
    assert_eq!(said.len(), 1, "lines about it: {said:#?}{}", agent.output());

    drop(held);
    let start = Instant::now();
    health(&agent);
    assert!(start.elapsed() < Duration::from_secs(1), "recovered only after {:?}", start.elapsed());
    health_is_prompt(&agent, 20, "after recovery");
}

/// haproxy's `option httpchk` of an HTTP/1.0 `GET`: no field at all, a reset once the status line is there. It comes
/// twice a second from every balancer, so a line for each would be the whole log.
#[test]
fn a_check_that_resets_after_the_status_line_is_not_worth_a_line() {
    // Thresholds that nothing exceeds: that the machine is busy would be worth a line.
    let agent = Agent::start(&[("WARNING_THRESHOLD", "100"), ("ERROR_THRESHOLD", "100")]);
    health(&agent);
    let before = agent.stderr();
    for request in [
        &b"GET /v1/health HTTP/1.0\r\n\r\n"[..],
        b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/prom HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/prom HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        for _ in 0..50 {
            let mut stream = TcpStream::connect_timeout(&agent.addr, support::PATIENCE).expect("a connection");
            stream.set_read_timeout(Some(support::PATIENCE)).expect("a read time-out");
            stream.write_all(request).expect("a check");
            let mut status_line = [0; 15];
            stream.read_exact(&mut status_line).expect("a status line");
            assert_eq!(&status_line, b"HTTP/1.1 200 OK");
            reset(stream);
        }
    }
    for half in [HALF, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello", b""] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect_timeout(&agent.addr, support::PATIENCE).expect("a connection");
            stream.write_all(half).expect("half a request");
            reset(stream);
        }
    }
    health_is_prompt(&agent, 20, "after the resets");
    let after = agent.stderr();
    assert_eq!(after.len(), before.len(), "the log grew:\n{}", after[before.len()..].join("\n"));
}

/// Closes so that the other side sees a reset.
fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("SO_LINGER");
}

/// The answers to requests that are there already are complete, whatever the moment of the signal.
#[test]
fn a_signal_lets_answers_finish_and_ends_within_a_second() {
    for name in [Signal::TERM, Signal::INT] {
        let mut agent = Agent::start(&[]);
        let mut idle = agent.connect();
        assert_eq!(idle.ask("GET", "/v1/health").status, 200);
        let _half_sent = half_sent(&agent);
        let mut in_flight = agent.connect();
        in_flight.send(b"POST /v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
        std::thread::sleep(Duration::from_millis(50));

        signal(&agent, name);
        let start = Instant::now();
        std::thread::sleep(Duration::from_millis(100));
        in_flight.send(b"llo");
        let response = in_flight.response_to("POST").unwrap_or_else(|problem| panic!("{name:?}: {problem}"));
        assert_eq!(response.status, 200, "{name:?}: {response}");
        assert!(response.connection_has("close"), "{name:?}: goes away without saying so:\n{response}");

        let left = EXIT.saturating_sub(start.elapsed());
        let status = agent.wait_for_exit(left).unwrap_or_else(|| panic!("{name:?}: still there{}", agent.output()));
        assert_eq!(status.code(), Some(0), "{name:?}: {status}{}", agent.output());
    }
}

/// With nothing going on there is nothing to wait for.
#[test]
fn a_signal_ends_an_idle_agent_at_once() {
    for name in [Signal::TERM, Signal::INT] {
        let mut agent = Agent::start(&[]);
        let mut idle = agent.connect();
        assert_eq!(idle.ask("GET", "/v1/health").status, 200);
        signal(&agent, name);
        let start = Instant::now();
        let status = agent.wait_for_exit(EXIT).unwrap_or_else(|| panic!("{name:?}: still there{}", agent.output()));
        assert_eq!(status.code(), Some(0), "{name:?}: {status}{}", agent.output());
        assert!(start.elapsed() < EXIT / 2, "{name:?}: idle, and gone only after {:?}", start.elapsed());
    }
}

/// Every answer that arrives is whole, also when many are under way.
#[test]
fn a_signal_cuts_no_answer_in_two() {
    let mut agent = Agent::start(&[]);
    let mut busy = agent.connect();
    busy.send(&b"GET /v1/prom HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50));
    assert_eq!(busy.response_to("GET").expect("the first answer").status, 200);
    signal(&agent, Signal::TERM);
    let start = Instant::now();
    let problem = loop {
        match busy.response_to("GET") {
            Ok(response) => assert_eq!(response.status, 200, "{response}"),
            Err(problem) => break problem,
        }
    };
    assert!(problem.starts_with("closed after \"\""), "not a clean end: {problem}");
    let status = agent.wait_for_exit(EXIT.saturating_sub(start.elapsed())).expect("gone within a second");
    assert_eq!(status.code(), Some(0), "{status}{}", agent.output());
}

/// While the last answers are on their way nobody new is let in, so that a balancer looks elsewhere.
#[test]
fn after_the_signal_new_connections_are_refused() {
    let mut agent = Agent::start(&[]);
    signal(&agent, Signal::TERM);
    agent.wait_for_exit(EXIT).expect("gone within a second");
    let error = TcpStream::connect_timeout(&agent.addr, support::PATIENCE).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// `imalive >&-`
#[test]
fn a_closed_standard_output_does_not_stop_the_server() {
    let launch = Launch { shell: Some("exec \"$0\" >&-"), env: &[("WAIT_TIME", "1")], ..Launch::default() };
    outlives_its_output(Agent::launch(launch));
}

/// `imalive | head -1`
#[test]
fn a_reader_that_goes_away_does_not_stop_the_server() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let agent = Agent::launch(Launch { env: &[("WAIT_TIME", "1")], stdout: to(writer), ..Launch::default() });
    drop(reader);
    outlives_its_output(agent);
}

/// A full pipe: the heartbeat waits, nothing else does; once read, it goes on with whole lines.
#[test]
fn a_reader_that_never_reads_does_not_stop_the_server() {
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    let filled = rustix::pipe::fcntl_setpipe_size(&writer, 4096).expect("a small pipe");
    writer.write_all(&b"x\n".repeat(filled / 2)).expect("a full pipe");
    let mut agent = Agent::launch(Launch { env: &[("WAIT_TIME", "1")], stdout: to(writer), ..Launch::default() });

    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        health_is_prompt(&agent, 1, "with standard output blocked");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(agent.cpu_ticks() < 30, "{} hundredths of a second of CPU while blocked", agent.cpu_ticks());

    let (told, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = vec![0; filled];
        reader.read_exact(&mut text).expect("what filled the pipe");
        for line in std::io::BufRead::lines(std::io::BufReader::new(reader)).map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    for at in ["the one that waited", "the next", "one more"] {
        let line =
            lines.recv_timeout(support::PATIENCE).unwrap_or_else(|_| panic!("no heartbeat: {at}{}", agent.output()));
        assert!(
            line.contains("alive") && line.starts_with(['[', '{']) && line.ends_with('}'),
            "{at}: not a whole heartbeat: {line:?}"
        );
    }
    signal(&agent, Signal::TERM);
    let status = agent.wait_for_exit(EXIT).expect("gone within a second");
    assert_eq!(status.code(), Some(0), "{status}{}", agent.output());
}

/// Nor does it keep the process from ending.
#[test]
fn a_signal_ends_it_although_nobody_reads() {
    let (_reader, mut writer) = std::io::pipe().expect("a pipe");
    let filled = rustix::pipe::fcntl_setpipe_size(&writer, 4096).expect("a small pipe");
    writer.write_all(&vec![b'x'; filled]).expect("a full pipe");
    let mut agent = Agent::launch(Launch { env: &[("WAIT_TIME", "1")], stdout: to(writer), ..Launch::default() });
    std::thread::sleep(Duration::from_millis(1500));
    signal(&agent, Signal::TERM);
    let status = agent.wait_for_exit(EXIT).expect("gone within a second although its output is blocked");
    assert_eq!(status.code(), Some(0), "{status}{}", agent.output());
}

fn to(writer: std::io::PipeWriter) -> Stdout {
    Stdout::To(Stdio::from(writer))
}

/// Three heartbeats long it answers, and its log does not fill up; then it ends as asked.
fn outlives_its_output(mut agent: Agent) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(3200) {
        health_is_prompt(&agent, 1, "without standard output");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(agent.stderr().len() <= 10, "complains again and again{}", agent.output());
    let mut last: Connection = agent.connect();
    assert_eq!(last.ask("GET", "/v1/metrics").status, 200);
    signal(&agent, Signal::TERM);
    let status = agent.wait_for_exit(EXIT).expect("gone within a second");
    assert_eq!(status.code(), Some(0), "{status}{}", agent.output());
}

#[test]
fn a_flood_of_empty_lines_costs_no_cpu_and_does_not_hide_the_request_behind_it() {
    let agent = Agent::start(&[("WAIT_TIME", "3600")]);
    let ticks = agent.cpu_ticks();
    let mut flood = TcpStream::connect(agent.addr).unwrap();
    flood.write_all(&b"\r\n".repeat(20_000)).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert!(agent.cpu_ticks() - ticks < 30, "{} hundredths of a second", agent.cpu_ticks() - ticks);
    flood.write_all(b"GET /v1/health HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    flood.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
