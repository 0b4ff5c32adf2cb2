//! `imalive healthcheck`: asks a running agent whether its node is alive, for containers without a shell and for
//! supervisors. Plain HTTP and addresses only: what it is for is on this machine or beside it, and looking up names
//! would add 27 KB to the static binary.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use async_io::{Async, Timer};
use smol::io::{AsyncReadExt, AsyncWriteExt};

use miniserde::{Deserialize, json};

use crate::limits::{HEALTHCHECK, HEALTHCHECK_BYTES};
use crate::monitor::http_answer::{Answer, read_answer};
use crate::monitor::url::{PATH, Url};

/// Why the answer is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthcheckError {
    /// The URL is not one that can be asked.
    Url(&'static str),
    /// The node is not alive, or does not say so in time.
    NotAlive(String),
}

impl fmt::Display for HealthcheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HealthcheckError::Url(reason) => reason,
            HealthcheckError::NotAlive(reason) => reason,
        })
    }
}

impl std::error::Error for HealthcheckError {}

/// The URL of the agent that listens on `listen`, asked from its own machine.
pub fn local_url(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}{PATH}", SocketAddr::new(ip, listen.port()))
}

/// Asks `url` once. All of it takes at most [`HEALTHCHECK`].
pub fn run(url: &str) -> Result<(), HealthcheckError> {
    run_within(url, HEALTHCHECK)
}

fn run_within(url: &str, within: Duration) -> Result<(), HealthcheckError> {
    let url = Url::parse(url).map_err(HealthcheckError::Url)?;
    let too_late = async {
        Timer::after(within).await;
        Err(format!("no answer within {} s", within.as_secs().max(1)))
    };
    async_io::block_on(smol::future::or(ask(&url), too_late)).map_err(HealthcheckError::NotAlive)
}

#[derive(Deserialize)]
struct Health {
    status: Option<String>,
    alive: Option<bool>,
}

async fn ask(url: &Url) -> Result<(), String> {
    let (status, body) = fetch(url).await?;
    if status != 200 {
        return Err(format!("answered with status {status}"));
    }
    let health = str::from_utf8(&body).ok().and_then(|body| json::from_str::<Health>(body).ok());
    match health {
        Some(Health { status: Some(status), alive: Some(true) }) if status == "ok" => Ok(()),
        Some(Health { status: Some(status), alive: Some(_) }) => {
            let shown = status.chars().take(32).map(|c| if c.is_control() { '?' } else { c });
            Err(format!("not alive: its status is \"{}\"", shown.collect::<String>()))
        }
        _ => Err("answered, but not as a health endpoint does".into()),
    }
}

async fn fetch(url: &Url) -> Result<(u16, Vec<u8>), String> {
    let mut stream = connect(url).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: imalive\r\naccept: application/json\r\nconnection: close\r\n\r\n",
        url.target, url.authority
    );
    stream.write_all(request.as_bytes()).await.map_err(|error| format!("write: {error}"))?;
    let mut bytes = Vec::new();
    let mut some = [0; 2048];
    loop {
        let read = stream.read(&mut some).await.map_err(|error| format!("read: {error}"))?;
        bytes.extend_from_slice(&some[..read]);
        match read_answer(&bytes, read == 0) {
            Answer::Complete { status, body } => return Ok((status, body)),
            Answer::Partial if read > 0 && bytes.len() <= HEALTHCHECK_BYTES => {}
            Answer::Partial if read > 0 => return Err("answered with more than a health endpoint has to say".into()),
            Answer::Partial if bytes.is_empty() => return Err("closed the connection without an answer".into()),
            Answer::Partial => return Err("closed the connection within its answer".into()),
            Answer::Malformed => return Err("answered, but not by HTTP/1".into()),
        }
    }
}

async fn connect(url: &Url) -> Result<Async<TcpStream>, String> {
    let mut failure = String::new();
    for address in url.addresses() {
        match Async::<TcpStream>::connect(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = format!("connect to {address}: {error}"),
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    /// A server that gives one client `answer` and then, unless it is to `hang`, closes.
    fn asked(answer: &str, hang: bool) -> Result<(), HealthcheckError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = local_url(listener.local_addr().unwrap());
        let answer = answer.to_owned();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            assert!(request.starts_with(b"GET /v1/health HTTP/1.1\r\nhost: 127.0.0.1:"));
            for part in answer.as_bytes().chunks(7) {
                stream.write_all(part).unwrap();
            }
            if hang {
                thread::sleep(Duration::from_secs(3));
            }
        });
        run_within(&url, Duration::from_millis(700))
    }

    fn not_alive(text: &str) -> Result<(), HealthcheckError> {
        Err(HealthcheckError::NotAlive(text.into()))
    }

    const ALIVE: &str = r#"{"status":"ok","time":"2026-11-21T03:24:21.298368","alive":true,"name":"anode"}"#;

    #[test]
    fn a_node_that_says_so_is_alive() {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", ALIVE.len());
        assert_eq!(asked(&format!("{head}{ALIVE}"), false), Ok(()));
        assert_eq!(asked(&format!("{head}{ALIVE}"), true), Ok(()));
        assert_eq!(asked(&format!("HTTP/1.0 200 OK\r\n\r\n{ALIVE}"), false), Ok(()));
        let chunked =
            format!("{:x};a=b\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n", 9, &ALIVE[..9], ALIVE.len() - 9, &ALIVE[9..]);
        assert_eq!(asked(&format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunked}"), true), Ok(()));
    }

    #[test]
    fn anything_else_is_not_alive_and_says_why() {
        let answer = |text: &str| asked(&format!("HTTP/1.1 200 OK\r\n\r\n{text}"), false);
        assert_eq!(asked("HTTP/1.1 503 Service Unavailable\r\n\r\n", false), not_alive("answered with status 503"));
        assert_eq!(answer(r#"{"status":"k\no","alive":true}"#), not_alive("not alive: its status is \"k?o\""));
        assert_eq!(answer(r#"{"status":"ok","alive":false}"#), not_alive("not alive: its status is \"ok\""));
        for other in ["<html>", "{}", "[]", "", "\u{7f}\0"] {
            assert_eq!(answer(other), not_alive("answered, but not as a health endpoint does"), "{other}");
        }
        assert_eq!(asked("SSH-2.0-OpenSSH_9.2\r\n", false), not_alive("answered, but not by HTTP/1"));
        assert_eq!(asked("", false), not_alive("closed the connection without an answer"));
        let short = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{";
        assert_eq!(asked(short, false), not_alive("closed the connection within its answer"));
        assert_eq!(asked(short, true), not_alive("no answer within 1 s"));
    }

    #[test]
    fn a_port_where_nobody_listens_is_named() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let expected = format!("connect to {free}: Connection refused (os error 111)");
        assert_eq!(run(&local_url(free)), not_alive(&expected));
    }

    #[test]
    fn an_agent_that_listens_everywhere_is_asked_on_the_loopback() {
        for (listen, url) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080/v1/health"),
            ("[::]:8080", "http://[::1]:8080/v1/health"),
            ("192.168.1.7:80", "http://192.168.1.7:80/v1/health"),
        ] {
            assert_eq!(local_url(listen.parse().unwrap()), url);
        }
    }
}
