//! The service manager, told over `$NOTIFY_SOCKET` (sd_notify(3)) that the agent is ready, alive, reloading or stopping.
//!
//! Not the `sd-notify` crate: its send waits when the manager does not read, which would stop the agent, and it knows no
//! abstract sockets.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::config::SYSTEMD;
use crate::limits::{STATUS_INTERVAL, WATCHDOG_MIN};

/// The service manager, if there is one that wants to know.
#[derive(Debug, Default)]
pub struct ServiceManager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// Not told for this long, it starts the agent anew.
    watchdog: Option<Duration>,
    told: Option<Instant>,
    /// It did not take what it was told last.
    busy: bool,
    ready: bool,
    /// The log knows that it cannot be told.
    trouble: bool,
}

impl ServiceManager {
    /// The one that `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` speak of, to the process with this id.
    pub fn from_environment(lookup: &dyn Fn(&str) -> Option<OsString>, pid: u32) -> Self {
        if !SYSTEMD {
            if lookup("NOTIFY_SOCKET").is_some() {
                // Else it would be ended for not being ready in time, and nobody would know why.
                log::warn!("this build tells no service manager that it is ready: Type=exec, not Type=notify");
            }
            return ServiceManager::default();
        }
        let number = |name: &str| lookup(name)?.to_str()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|other| other == u64::from(pid));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| ours && *micros > 0).map(Duration::from_micros);
        ServiceManager {
            socket: lookup("NOTIFY_SOCKET").filter(|name| !name.is_empty()).and_then(open),
            watchdog: watchdog.map(|interval| interval.max(WATCHDOG_MIN)),
            ..ServiceManager::default()
        }
    }

    /// Tells, at most four times in the manager's interval, that the agent is ready and alive, with one line about it.
    ///
    /// To be called by a task of the executor and by no thread of its own: then an agent that hangs is silent.
    pub fn tell(&mut self, now: Instant, status: &dyn Fn() -> String) {
        if !SYSTEMD || self.socket.is_none() || (self.ready && now < self.after(if self.busy { 8 } else { 4 })) {
            return;
        }
        let mut state = String::with_capacity(128);
        if !self.ready {
            state.push_str("READY=1\n");
        }
        if self.watchdog.is_some() {
            state.push_str("WATCHDOG=1\n");
        }
        state.push_str("STATUS=");
        state.push_str(&status());
        self.ready = self.send(&state) || self.ready;
        self.told = Some(now);
    }

    /// When [`ServiceManager::tell`] has to be called at the latest: after half the interval, as sd_notify(3) wants it; an
    /// eighth after it was too busy to be told, so that it is told three times more before it gives the agent up.
    pub fn due(&self) -> Option<Instant> {
        let waits = SYSTEMD && self.socket.is_some() && (self.watchdog.is_some() || self.busy);
        waits.then(|| self.after(if self.busy { 8 } else { 2 }))
    }

    /// Tells that the agent reloads, which it has done with the next [`ServiceManager::tell`].
    pub fn reloading(&mut self) {
        if !SYSTEMD || self.socket.is_none() {
            return;
        }
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000;
        self.send(&["RELOADING=1\nMONOTONIC_USEC=", itoa::Buffer::new().format(micros)].concat());
        self.ready = false;
    }

    /// Tells that the agent stops.
    pub fn stopping(&mut self) {
        self.send("STOPPING=1\nSTATUS=Stopping");
    }

    /// The end of one of so many parts of the interval.
    fn after(&self, parts: u32) -> Instant {
        let interval = self.watchdog.unwrap_or(STATUS_INTERVAL) / parts;
        self.told.map_or_else(Instant::now, |told| told + interval)
    }

    /// Whether it was taken. What is not has to be told again: a manager that is busy must not stop the agent.
    fn send(&mut self, state: &str) -> bool {
        let Some((socket, address)) = self.socket.as_ref().filter(|_| SYSTEMD) else { return false };
        let sent = socket.send_to_addr(state.as_bytes(), address);
        self.busy = sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        match &sent {
            Ok(_) => self.trouble = false,
            Err(error) if error.kind() == ErrorKind::WouldBlock || self.trouble => {}
            Err(error) => {
                log::warn!("the service manager cannot be told: {error}");
                self.trouble = true;
            }
        }
        sent.is_ok()
    }
}

fn open(name: OsString) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(&name),
        _ => Err(io::Error::new(ErrorKind::InvalidInput, "expected a path that begins with /, or @ and a name")),
    };
    let opened = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok((socket, address))
    });
    opened.map_err(|error| log::warn!("NOTIFY_SOCKET: {error}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: u32 = 42;

    fn manager(values: &[(&str, &str)]) -> ServiceManager {
        let lookup = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        ServiceManager::from_environment(&lookup, PID)
    }

    /// A service manager's end of an abstract socket, and the name of it.
    fn listening(test: &str) -> (UnixDatagram, String) {
        let name = format!("imalive-{test}-{}", std::process::id());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        (socket, format!("@{name}"))
    }

    fn heard(socket: &UnixDatagram) -> Option<String> {
        let mut bytes = [0; 1024];
        let read = socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..read].to_vec()).unwrap())
    }

    #[test]
    fn nobody_is_told_where_nobody_listens() {
        for name in ["", "/nonexistent/notify", "@nobody", "relative"] {
            let mut manager = manager(&[("NOTIFY_SOCKET", name), ("WATCHDOG_USEC", "1000000")]);
            manager.tell(Instant::now(), &String::new);
            manager.reloading();
            manager.stopping();
            assert!(!manager.ready);
        }
        assert_eq!(ServiceManager::default().due(), None);
    }

    #[test]
    fn the_watchdog_is_fed_at_half_its_interval_and_only_if_it_is_meant_for_this_process() {
        let (_socket, name) = listening("interval");
        let due = |values: &[(&str, &str)]| {
            let mut values = values.to_vec();
            values.push(("NOTIFY_SOCKET", &name));
            let mut manager = manager(&values);
            let now = Instant::now();
            manager.tell(now, &String::new);
            manager.due().map(|due| due - now)
        };
        assert_eq!(due(&[("WATCHDOG_USEC", "30000000")]), Some(Duration::from_secs(15)));
        assert_eq!(due(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "42")]), Some(Duration::from_secs(15)));
        // Nothing is so impatient that the agent would do nothing else.
        assert_eq!(due(&[("WATCHDOG_USEC", "1")]), Some(WATCHDOG_MIN / 2));
        for nonsense in ["", "0", "-1", "soon"] {
            assert_eq!(due(&[("WATCHDOG_USEC", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(due(&[("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "43")]), None);
        assert_eq!(due(&[]), None);
    }

    #[test]
    fn ready_is_told_once_alive_again_and_again() {
        let (socket, name) = listening("alive");
        let mut manager = manager(&[("NOTIFY_SOCKET", &name), ("WATCHDOG_USEC", "8000000")]);
        let start = Instant::now();
        let mut told = |millis| {
            manager.tell(start + Duration::from_millis(millis), &|| "CPU 1%".into());
            heard(&socket)
        };
        assert_eq!(told(0).as_deref(), Some("READY=1\nWATCHDOG=1\nSTATUS=CPU 1%"));
        assert_eq!(told(1_999), None);
        assert_eq!(told(2_000).as_deref(), Some("WATCHDOG=1\nSTATUS=CPU 1%"));
        assert_eq!(told(2_500), None);
    }

    #[test]
    fn a_reload_ends_with_ready() {
        let (socket, name) = listening("reload");
        let mut manager = manager(&[("NOTIFY_SOCKET", &name)]);
        let start = Instant::now();
        manager.tell(start, &String::new);
        assert_eq!(heard(&socket).as_deref(), Some("READY=1\nSTATUS="));
        manager.reloading();
        let reloading = heard(&socket).unwrap();
        let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(micros.parse::<u64>().unwrap() > 0);
        manager.tell(start, &String::new);
        assert_eq!(heard(&socket).as_deref(), Some("READY=1\nSTATUS="));
        manager.stopping();
        assert_eq!(heard(&socket).as_deref(), Some("STOPPING=1\nSTATUS=Stopping"));
    }

    #[test]
    fn a_manager_that_does_not_read_stops_nothing_and_is_told_later() {
        let (socket, name) = listening("busy");
        let mut manager = manager(&[("NOTIFY_SOCKET", &name)]);
        while manager.send("X=1") {}
        let now = Instant::now();
        manager.tell(now, &String::new);
        assert!(!manager.ready);
        // Without a watchdog too: a READY that is lost would end in a start that takes too long.
        assert_eq!(manager.due(), Some(now + STATUS_INTERVAL / 8));
        while heard(&socket).is_some() {}
        manager.tell(Instant::now(), &String::new);
        assert_eq!(heard(&socket).as_deref(), Some("READY=1\nSTATUS="));
        assert_eq!(manager.due(), None);
    }

    #[test]
    fn a_watchdog_that_was_not_fed_is_fed_before_its_time_is_up() {
        let (socket, name) = listening("hungry");
        let mut manager = manager(&[("NOTIFY_SOCKET", &name), ("WATCHDOG_USEC", "8000000")]);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        manager.tell(start, &String::new);
        while manager.send("X=1") {}
        manager.tell(at(4_000), &String::new);
        while heard(&socket).is_some() {}
        assert_eq!(manager.due(), Some(at(5_000)));
        manager.tell(at(5_000), &String::new);
        assert_eq!(heard(&socket).as_deref(), Some("WATCHDOG=1\nSTATUS="));
        assert_eq!(manager.due(), Some(at(9_000)));
    }
}
