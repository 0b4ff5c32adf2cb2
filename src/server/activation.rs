//! Socket activation (sd_listen_fds(3)). The `sd-listen-fds` crate turns a number into a socket, which takes unsafe code.

use std::io::{self, ErrorKind};
use std::net::TcpListener;

use rustix::net::{SocketType, sockopt};

/// The listening socket that the service manager has handed over; none when it has not.
pub fn inherited() -> io::Result<Option<TcpListener>> {
    let invalid = |what: &'static str| io::Error::new(ErrorKind::InvalidInput, what);
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    if std::env::var_os("LISTEN_FDS").is_none_or(|count| count.is_empty()) {
        return Ok(None);
    }
    // Asked here too: the crate makes room for as many as it is told of.
    if number("LISTEN_PID") == Some(std::process::id()) && number("LISTEN_FDS").is_some_and(|count| count > 1) {
        return Err(invalid("more than one: expected a single ListenStream="));
    }
    let mut sockets = sd_listen_fds::get().map_err(|_| invalid("LISTEN_PID or LISTEN_FDS is not a number"))?;
    let Some((_, socket)) = sockets.pop() else { return Ok(None) };
    let listener = TcpListener::from(socket);
    // accept(2) would fail again and again on anything else.
    if sockopt::socket_type(&listener)? != SocketType::STREAM || !sockopt::socket_acceptconn(&listener)? {
        return Err(invalid("not a listening one: expected ListenStream="));
    }
    if listener.local_addr().is_err() {
        return Err(invalid("not a TCP socket: expected a port or an address with a port as ListenStream="));
    }
    Ok(Some(listener))
}
