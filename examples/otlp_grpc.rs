//! Sends what it reads from stdin as one message over gRPC, as often as asked for, and prints a line for each answer.
//!
//!     otlp_grpc ORIGIN PATH [NAME=VALUE…]
//!
//! ORIGIN is `http://HOST:PORT` or `https://HOST:PORT`, PATH is `/package.Service/Method`. Of the names, `count`, `every_ms`,
//! `timeout_ms`, `encoding`, `ca`, `certificate`, `key` and `check` (`no`: any certificate will do) are the program's own; any
//! other is a header. It ends with 1 when any call had no answer.

use std::io::Read;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use imalive::client::Client;
use imalive::client::grpc::{Call, Channel, Reply};
use imalive::config::monitors::{Secret, Tls};
use imalive::reactor::Reactor;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(reply: &Reply) -> String {
    let Reply { grpc_status, message, details, body } = reply;
    format!("status={grpc_status} body={} details={} message={message}", hex(body), hex(details))
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let origin = arguments.next().ok_or("ORIGIN is missing")?;
    let path = arguments.next().ok_or("PATH is missing")?;
    let (scheme, peer) = origin.split_once("://").ok_or("ORIGIN has no scheme")?;
    let (host, port) = peer.rsplit_once(':').ok_or("ORIGIN has no port")?;
    let (mut count, mut pause, mut timeout, mut encoding) = (1, Duration::ZERO, Duration::from_secs(10), None);
    let mut tls = Tls { check: true, ca_file: None, client: None };
    let (mut headers, mut certificate, mut key) = (Vec::new(), None, None);
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or("an argument is no NAME=VALUE")?;
        match name {
            "count" => count = value.parse()?,
            "every_ms" => pause = Duration::from_millis(value.parse()?),
            "timeout_ms" => timeout = Duration::from_millis(value.parse()?),
            "encoding" => encoding = Some(value.to_owned()),
            "ca" => tls.ca_file = Some(value.into()),
            "certificate" => certificate = Some(value.into()),
            "key" => key = Some(value.into()),
            "check" => tls.check = value != "no",
            _ => headers.push((name.to_owned(), Secret::new(value.into()))),
        }
    }
    tls.client = certificate.zip(key);
    let mut message = Vec::new();
    std::io::stdin().read_to_end(&mut message)?;

    let reactor = Rc::new(Reactor::new()?);
    let client = Rc::new(Client::new(Rc::clone(&reactor), std::env::var("SSL_CERT_FILE").ok()));
    let host = host.trim_matches(['[', ']']);
    let mut channel = Channel::new(client, host.into(), port.parse()?, scheme == "https", tls);
    let user_agent = concat!("imalive/", env!("CARGO_PKG_VERSION"));
    let encoding = encoding.as_deref();
    let call = Call { path: &path, user_agent, headers: &headers, message: &message, encoding };
    let mut code = ExitCode::SUCCESS;
    for number in 0..count {
        if number > 0 {
            reactor.block_on(reactor.sleep_until(Instant::now() + pause))?;
        }
        match reactor.block_on(channel.unary(&call, Instant::now() + timeout))? {
            Ok(reply) => println!("{}", line(&reply)),
            Err(failure) => {
                println!("failure={} {}", failure.kind.label(), failure.cause());
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
