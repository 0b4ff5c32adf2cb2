//! The real binary on a free port, and a client that sees every byte.
//!
//! A black-box test starts an [`Agent`], talks to it over plain TCP, and reads what it printed. Nothing here knows
//! how the agent works inside; only `listening on ADDRESS` on standard error is taken from it. Whatever goes wrong
//! ends in a panic that shows what was sent, what came back and what the agent had to say.

#![allow(dead_code, reason = "every test file uses its own part of this module")]

use std::fmt;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// The binary under test, built by `cargo test`.
pub const BINARY: &str = env!("CARGO_BIN_EXE_imalive");

/// How long the agent may take until it listens. Generous: the machine may be building something else.
const START: Duration = Duration::from_secs(10);

/// How long an answer, or the end of a connection, may take before a test gives up. No bound on speed is meant.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection must stay quiet to count as waiting for more.
pub const SILENCE: Duration = Duration::from_millis(250);

/// Variables of the test's own environment that the agent keeps: what tools around the test need, none of its own.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"];

/// What becomes of the agent's standard output.
pub enum Stdout {
    /// Read line by line, see [`Agent::stdout`].
    Kept,
    /// Given to this handle.
    To(Stdio),
}

/// Everything about a start that a test may want otherwise.
pub struct Launch<'a> {
    /// Variables, after `LISTEN_ADDR=127.0.0.1` and `LISTEN_PORT=0`; a later one wins.
    pub env: &'a [(&'a str, &'a str)],
    /// Command line arguments.
    pub args: &'a [&'a str],
    /// A shell script that ends in `exec "$0" "$@"`, for what only a shell can arrange (`ulimit -n 24`).
    pub shell: Option<&'a str>,
    /// What it finds as standard input; `None`: nothing. A shell can move it elsewhere.
    pub stdin: Option<Stdio>,
    /// Where standard output goes.
    pub stdout: Stdout,
}

impl Default for Launch<'_> {
    fn default() -> Self {
        Launch { env: &[], args: &[], shell: None, stdin: None, stdout: Stdout::Kept }
    }
}

/// A running agent; dropped, it is killed.
pub struct Agent {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The process.
    pub child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Agent {
    /// Starts the agent with these variables on a free port of 127.0.0.1 and waits until it listens.
    pub fn start(env: &[(&str, &str)]) -> Agent {
        Agent::launch(Launch { env, ..Launch::default() })
    }

    /// Starts the agent as described and waits until it listens.
    pub fn launch(launch: Launch<'_>) -> Agent {
        let mut child = spawn(launch);
        let stdout = child.stdout.take().map_or_else(Lines::default, Lines::of);
        let stderr = Lines::of(child.stderr.take().expect("standard error is piped"));
        let addr = stderr.wait(START, |line| {
            let (_, after) = line.split_once("listening on ")?;
            let word = after.split([' ', '"', ',']).next()?;
            word.trim_start_matches("http://").trim_end_matches(['/', '.']).parse().ok()
        });
        let mut agent =
            Agent { addr: addr.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))), child, stdout, stderr };
        if addr.is_none() {
            let ended = agent.child.try_wait().expect("the child can be waited for");
            panic!(
                "the agent does not listen ({}){}",
                ended.map_or("it runs".into(), |e| e.to_string()),
                agent.output()
            );
        }
        agent
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection to it.
    pub fn connect(&self) -> Connection {
        Connection::open(self.addr)
    }

    /// The lines printed on standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.so_far()
    }

    /// The lines printed on standard error so far.
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.so_far()
    }

    /// Waits for a line on standard output that passes `test`.
    pub fn wait_for_stdout(&self, patience: Duration, test: impl Fn(&str) -> bool) -> Option<String> {
        self.stdout.wait(patience, |line| test(line).then(|| line.to_owned()))
    }

    /// Waits for a line on standard error that passes `test`.
    pub fn wait_for_stderr(&self, patience: Duration, test: impl Fn(&str) -> bool) -> Option<String> {
        self.stderr.wait(patience, |line| test(line).then(|| line.to_owned()))
    }

    /// The exit status, when the process ends within `patience`.
    pub fn wait_for_exit(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// All that it printed, for a panic's message.
    pub fn output(&self) -> String {
        format!(
            "\n--- standard output ---\n{}\n--- standard error ---\n{}",
            self.stdout().join("\n"),
            self.stderr().join("\n")
        )
    }

    /// Proportional set size in KiB, from `/proc/PID/smaps_rollup`: counted page by page, so nothing lags behind.
    pub fn pss_kib(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.pid());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        field_kib(&text, "Pss:").unwrap_or_else(|| panic!("no Pss in {path}:\n{text}"))
    }

    /// `VmRSS` in KiB, from `/proc/PID/status`.
    pub fn rss_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        field_kib(&text, "VmRSS:").unwrap_or_else(|| panic!("no VmRSS in {path}:\n{text}"))
    }

    /// User and system time so far, in clock ticks (hundredths of a second on every Linux that this runs on).
    pub fn cpu_ticks(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.pid());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (_, after_name) = text.rsplit_once(')').expect("a process name in brackets");
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts the binary without waiting for anything, standard input empty, standard error piped.
pub fn spawn(launch: Launch<'_>) -> Child {
    let mut command = match launch.shell {
        Some(script) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(script).arg(BINARY);
            shell
        }
        None => Command::new(BINARY),
    };
    command.env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LISTEN_ADDR", "127.0.0.1")
        .env("LISTEN_PORT", "0")
        .envs(launch.env.iter().copied())
        .args(launch.args)
        .stdin(launch.stdin.unwrap_or_else(Stdio::null))
        .stdout(match launch.stdout {
            Stdout::Kept => Stdio::piped(),
            Stdout::To(handle) => handle,
        })
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{BINARY} does not start: {error}"))
}

fn field_kib(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// The lines of one stream, collected by a thread of its own so that the agent never waits for the test.
#[derive(Clone, Default)]
struct Lines {
    shared: Arc<(Mutex<Collected>, Condvar)>,
}

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Lines {
        let lines = Lines::default();
        let collector = lines.clone();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let (collected, changed) = &*collector.shared;
            loop {
                let mut line = Vec::new();
                let more = stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0);
                let mut collected = collected.lock().expect("no collector panics");
                if more {
                    collected.lines.push(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
                }
                collected.ended = !more;
                changed.notify_all();
                if !more {
                    return;
                }
            }
        });
        lines
    }

    fn so_far(&self) -> Vec<String> {
        self.shared.0.lock().expect("no collector panics").lines.clone()
    }

    /// The first line, old or new, out of which `find` makes something.
    fn wait<T>(&self, patience: Duration, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + patience;
        let (collected, changed) = &*self.shared;
        let mut collected = collected.lock().expect("no collector panics");
        let mut seen = 0;
        loop {
            if let Some(found) = collected.lines[seen..].iter().find_map(|line| find(line)) {
                return Some(found);
            }
            seen = collected.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if collected.ended || left.is_zero() {
                return None;
            }
            collected = changed.wait_timeout(collected, left).expect("no collector panics").0;
        }
    }
}

/// One answer, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// `HTTP/1.1`
    pub version: String,
    /// `200`
    pub status: u16,
    /// In the order of arrival, names as sent.
    pub headers: Vec<(String, String)>,
    /// Without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether `Connection` carries this option.
    pub fn connection_has(&self, option: &str) -> bool {
        self.headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
            .flat_map(|(_, value)| value.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case(option))
    }

    /// Takes the first answer off `bytes`: the answer and its length, `None` while it is incomplete, an error when it
    /// breaks the grammar of RFC 9112. `method` decides whether a body follows; `ended` says that no more will come.
    pub fn parse(bytes: &[u8], method: &str, ended: bool) -> Result<Option<(Response, usize)>, String> {
        let Some(head_len) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&bytes[..head_len]).map_err(|error| format!("head: {error}"))?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let mut words = status_line.splitn(3, ' ');
        let version = words.next().unwrap_or_default().to_owned();
        let code = words.next().unwrap_or_default();
        if words.next().is_none() || !version.starts_with("HTTP/1.") || code.len() != 3 {
            return Err(format!("bad status line {status_line:?}"));
        }
        let status = code.parse().map_err(|_| format!("bad status line {status_line:?}"))?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| format!("no colon in {line:?}"))?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if name.is_empty() || !name.bytes().all(token) || value.bytes().any(|byte| byte < 32 && byte != b'\t') {
                return Err(format!("bad header line {line:?}"));
            }
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
        let mut response = Response { version, status, headers, body: Vec::new() };
        let after = &bytes[head_len + 4..];
        let length = response
            .header("content-length")
            .map(|value| value.parse::<usize>().map_err(|_| format!("Content-Length {value:?}")));
        let length = length.transpose()?;
        let coding = response.header("transfer-encoding").map(str::to_owned);
        if coding.is_some() && length.is_some() {
            return Err("both Content-Length and Transfer-Encoding".into());
        }
        let body_len = if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            0
        } else if coding.is_some() {
            match chunked(after)? {
                Some((body, used)) => {
                    response.body = body;
                    return Ok(Some((response, head_len + 4 + used)));
                }
                None => return Ok(None),
            }
        } else if let Some(length) = length {
            length
        } else if ended {
            after.len()
        } else {
            return Ok(None);
        };
        if after.len() < body_len {
            return Ok(None);
        }
        response.body = after[..body_len].to_vec();
        Ok(Some((response, head_len + 4 + body_len)))
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.version, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.text())
    }
}

/// Takes a chunked body off `bytes`: the content and the length of all its framing, `None` while incomplete.
fn chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let Some(line_len) = bytes[at..].windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let line = String::from_utf8_lossy(&bytes[at..at + line_len]).into_owned();
        let digits = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits, 16).map_err(|_| format!("chunk size {line:?}"))?;
        at += line_len + 2;
        let Some(data) = bytes.get(at..at + size + 2) else { return Ok(None) };
        if &data[size..] != b"\r\n" {
            return Err(format!("{size} bytes of a chunk are not followed by a line end"));
        }
        content.extend_from_slice(&data[..size]);
        at += size + 2;
        if size == 0 {
            return Ok(Some((content, at)));
        }
    }
}

/// A connection of the test's own, byte by byte.
pub struct Connection {
    /// The socket, for what the methods below do not offer.
    pub stream: TcpStream,
    received: Vec<u8>,
    ended: bool,
}

impl Connection {
    /// Connects; every write leaves at once.
    pub fn open(addr: SocketAddr) -> Connection {
        let stream =
            TcpStream::connect_timeout(&addr, PATIENCE).unwrap_or_else(|error| panic!("connect to {addr}: {error}"));
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write time-out");
        Connection { stream, received: Vec::new(), ended: false }
    }

    /// Sends all of `bytes`, or panics.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap_or_else(|error| panic!("sending {}: {error}", shown(bytes)));
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("shutting down the sending half");
    }

    /// The next answer, as one to a request of this `method`; interim answers (1xx) are answers too.
    pub fn response_to(&mut self, method: &str) -> Result<Response, String> {
        loop {
            match Response::parse(&self.received, method, self.ended) {
                Ok(Some((response, used))) => {
                    self.received.drain(..used);
                    return Ok(response);
                }
                Ok(None) if self.ended => return Err(format!("closed after {}", shown(&self.received))),
                Ok(None) => self.more().map_err(|error| format!("{error} after {}", shown(&self.received)))?,
                Err(error) => return Err(format!("{error} in {}", shown(&self.received))),
            }
        }
    }

    /// Sends a request and takes its answer, or panics.
    pub fn ask(&mut self, method: &str, path: &str) -> Response {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes());
        self.response_to(method).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// `Ok` when the other side closes in an orderly way without another byte.
    pub fn end(&mut self) -> Result<(), String> {
        while !self.ended {
            if !self.received.is_empty() {
                return Err(format!("not closed but sent {}", shown(&self.received)));
            }
            self.more().map_err(|error| format!("not closed: {error}"))?;
        }
        if self.received.is_empty() { Ok(()) } else { Err(format!("more before the end: {}", shown(&self.received))) }
    }

    /// Whether nothing at all arrives, not even the end, for [`SILENCE`].
    pub fn is_quiet(&mut self) -> bool {
        if !self.received.is_empty() || self.ended {
            return false;
        }
        self.stream.set_read_timeout(Some(SILENCE)).expect("a read time-out");
        let more = self.more();
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a read time-out");
        more.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    fn more(&mut self) -> std::io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        let read = loop {
            match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.ended = read == 0;
        self.received.extend_from_slice(&chunk[..read]);
        Ok(())
    }
}

/// Sends `bytes` on a new connection and returns everything that comes back until the agent closes, resets, or says
/// nothing for [`SILENCE`].
pub fn raw(addr: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut connection = Connection::open(addr);
    connection.send(bytes);
    let mut patience = PATIENCE;
    while !connection.ended {
        connection.stream.set_read_timeout(Some(patience)).expect("a read time-out");
        if connection.more().is_err() {
            break;
        }
        patience = SILENCE;
    }
    connection.received
}

/// `GET path` on a new connection.
pub fn get(addr: SocketAddr, path: &str) -> Response {
    request(addr, "GET", path)
}

/// A request without a body on a new connection.
pub fn request(addr: SocketAddr, method: &str, path: &str) -> Response {
    let mut connection = Connection::open(addr);
    connection.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").as_bytes());
    connection.response_to(method).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

/// Bytes as a person reads them, long ones cut.
pub fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 400;
    let text = bytes[..bytes.len().min(MOST)].escape_ascii();
    if bytes.len() > MOST { format!("\"{text}\"… ({} bytes)", bytes.len()) } else { format!("\"{text}\"") }
}
