//! Wiring: the clock, the timers, the current snapshot, and who is told of it.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use smol::LocalExecutor;

use crate::config::{Config, LogFormat, LogLevel, MONITORS, SYSTEMD};
use crate::http::DESCRIBED;
use crate::http::route::{Handler, ROUTES, Route};
use crate::limits::READING_MAX_AGE;
use crate::notify::diagnostics::Sources;
use crate::notify::heartbeats::Heartbeats;
use crate::notify::service_manager::ServiceManager;
use crate::read::{self, Notice, OwnProcess, Roots, Sampler};
use crate::report::prometheus::Scrape;
use crate::report::usage::Watch;
use crate::report::{self, Build, Endpoint, Node, Schema};
use crate::server::{self, Reactor, Server, Service, Signal, Signals};
use crate::snapshot::{Counters, Level, Method, Thresholds};

/// What diagnostics ask of the agent.
pub const SOURCES: Sources = Sources { unix_micros, cid: server::fresh_cid };

/// Why the agent could not start or go on.
#[derive(Debug)]
pub enum AgentError {
    /// Nobody can listen there.
    Listen(SocketAddr, io::Error),
    /// The service manager has handed over something else than one listening TCP socket.
    Inherited(io::Error),
    /// The kernel refused what every agent needs: an epoll, a pipe for signals.
    Kernel(io::Error),
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AgentError::Listen(address, error) => write!(f, "listen on {address}: {error}"),
            AgentError::Inherited(error) => write!(f, "socket from the service manager: {error}"),
            AgentError::Kernel(error) => write!(f, "start: {error}"),
        }
    }
}

impl std::error::Error for AgentError {}

impl From<io::Error> for AgentError {
    fn from(error: io::Error) -> Self {
        AgentError::Kernel(error)
    }
}

/// Serves and beats until SIGTERM or SIGINT.
pub fn run(config: Config, build: Build) -> Result<(), AgentError> {
    let reactor = Rc::new(Reactor::new()?);
    let executor = LocalExecutor::new();
    let listener = listener(config.listen)?;
    let agent = Agent::new(config, build);
    let mut server = Server::new(listener, agent.config.max_connections, Rc::clone(&reactor), Rc::clone(&agent))?;
    let mut signals = Signals::new()?;
    if let Some(address) = server.address() {
        log::info!("listening on {address}");
    }
    let _heartbeat = executor.spawn(Rc::clone(&agent).beat(Rc::clone(&reactor)));
    reactor.block_on(executor.run(async {
        let signalled = async {
            while let Ok(Signal::Reload) = signals.next(&reactor).await {
                agent.reload()
            }
        };
        smol::future::or(signalled, server.run()).await;
        agent.service_manager.borrow_mut().stopping();
        server.shut_down().await;
    }))?;
    log::info!("stopped");
    Ok(())
}

/// The service manager's socket if there is one; else one of our own on `address`.
fn listener(address: SocketAddr) -> Result<TcpListener, AgentError> {
    match server::inherited().map_err(AgentError::Inherited)? {
        Some(listener) => Ok(listener),
        None => TcpListener::bind(address).map_err(|error| AgentError::Listen(address, error)),
    }
}

/// One reading as text, JSON or for Prometheus. CPU usage is measured over the shortest time that is fine
/// enough.
#[inline(never)]
pub fn once(config: Config, build: Build, form: Once) -> String {
    let agent = Agent::new(config, build);
    agent.refresh();
    std::thread::sleep(READING_MAX_AGE);
    agent.refresh();
    match form {
        Once::Text => agent.heartbeat(LogFormat::Text) + "\n",
        Once::Json => agent.body(Handler::Metrics) + "\n",
        Once::Prom => agent.body(Handler::Prom),
    }
}

/// The forms of `imalive once`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Once {
    /// The heartbeat line.
    Text,
    /// The answer of `/metrics`.
    Json,
    /// The answer of `/prom`.
    Prom,
}

/// What the tasks share.
struct Agent {
    config: Config,
    build: Build,
    health: report::json::Health,
    ticks_per_second: u64,
    process: OwnProcess,
    sampler: RefCell<Sampler>,
    counters: Box<RefCell<Counters>>,
    service_manager: RefCell<ServiceManager>,
}

impl Agent {
    /// Out of line, like whatever makes a large value: its temporary copies would stay on the stack below all else.
    #[inline(never)]
    fn new(config: Config, build: Build) -> Rc<Self> {
        Rc::new(Agent {
            sampler: RefCell::new(Sampler::new(Roots::of(&config))),
            health: report::json::Health::new(&config.node_name),
            ticks_per_second: read::ticks_per_second(),
            process: OwnProcess::new(),
            counters: Box::default(),
            service_manager: RefCell::new(ServiceManager::from_environment(
                &|name| std::env::var_os(name),
                std::process::id(),
            )),
            config,
            build,
        })
    }

    fn node(&self) -> Node<'_> {
        Node { name: &self.config.node_name, ticks_per_second: self.ticks_per_second }
    }

    /// Takes a new reading if the last is too old.
    fn refresh(&self) {
        self.sampler.borrow_mut().refresh(Instant::now(), unix_micros(), &mut |notice| match notice {
            Notice::Failed(error) => log::error!("{error}"),
            Notice::Recovered(_) => log::info!("{notice}"),
        });
    }

    /// Beats on a schedule that neither drifts nor, after a pause of the whole machine, catches up on what it missed.
    async fn beat(self: Rc<Self>, reactor: Rc<Reactor>) {
        let mut heartbeats = Heartbeats::open(self.config.heartbeat_format);
        let thresholds =
            Thresholds { warning_percent: self.config.warning_percent, error_percent: self.config.error_percent };
        let mut watch = Watch::new(thresholds);
        let mut due = Instant::now();
        loop {
            self.refresh();
            self.sampler.borrow_mut().stamp(unix_micros());
            watch.observe(self.sampler.borrow().snapshot(), &mut |level, text| match level {
                Level::Normal => log::info!("{text}"),
                Level::Warning => log::warn!("{text}"),
                Level::Error => log::error!("{text}"),
            });
            self.counters.borrow_mut().heartbeats += 1;
            if self.config.log_level >= LogLevel::Info
                && !heartbeats.write(&self.heartbeat(self.config.heartbeat_format))
            {
                self.counters.borrow_mut().heartbeats_dropped += 1;
            }
            due = next_beat(due, Instant::now(), self.config.wait_time);
            self.wait_for(due, &reactor).await;
        }
    }

    /// Sleeps until `due`, and in between only where the service manager's watchdog is more impatient than that.
    async fn wait_for(&self, due: Instant, reactor: &Reactor) {
        while Instant::now() < due {
            self.tell_service_manager();
            let told_by = self.service_manager.borrow().due();
            reactor.sleep_until(told_by.map_or(due, |at| at.min(due))).await;
        }
    }

    fn tell_service_manager(&self) {
        let status = || {
            self.refresh();
            report::journal::summary(self.sampler.borrow().snapshot())
        };
        self.service_manager.borrow_mut().tell(Instant::now(), &status);
    }

    /// Everything that can change is read when it is asked for; variables cannot change.
    fn reload(&self) {
        self.service_manager.borrow_mut().reloading();
        log::info!("reloaded: the manifest is read at each request, a variable takes a restart");
        self.tell_service_manager();
    }

    fn heartbeat(&self, format: LogFormat) -> String {
        let sampler = self.sampler.borrow();
        match format {
            LogFormat::Journal if SYSTEMD => report::journal::heartbeat(self.node(), sampler.snapshot()),
            LogFormat::Text | LogFormat::Journal => report::heartbeat::heartbeat(self.node(), sampler.snapshot()),
            LogFormat::Json => report::json::heartbeat(self.node(), sampler.snapshot(), &server::fresh_cid()),
        }
    }

    fn body(&self, handler: Handler) -> String {
        let mut body = String::new();
        self.respond(handler, "", &mut body);
        body
    }

    fn prom(&self) -> String {
        let process = self.process.read(unix_micros()).map_err(|error| log::debug!("{error}")).ok();
        report::prometheus::render(&Scrape {
            snapshot: self.sampler.borrow().snapshot(),
            counters: &self.counters.borrow(),
            process: process.as_ref(),
            build: &self.build,
            mountpoint: &self.config.disk_path,
            ticks_per_second: self.ticks_per_second,
        })
    }

    fn manifest(&self, body: &mut String) -> u16 {
        let Some(path) = &self.config.manifest_path else {
            *body = report::manifest::built_in(&self.build);
            return 200;
        };
        let manifest = read::manifest(Path::new(path)).and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(|_| format!("{path}: not UTF-8"))?;
            report::manifest::from_file(text).map_err(|reason| format!("{path}: {reason}"))
        });
        match manifest {
            Ok(manifest) => {
                *body = manifest;
                200
            }
            Err(reason) => {
                *body = report::json::error(&reason);
                500
            }
        }
    }
}

impl Service for Rc<Agent> {
    fn respond(&self, handler: Handler, parameter: &str, body: &mut String) -> u16 {
        Agent::respond(self, handler, parameter, body)
    }

    fn detail(&self, detail: &str, body: &mut String) {
        *body = report::json::detail(detail);
    }

    fn count(&self, label: (usize, &'static str), method: Method, status: u16) {
        self.counters.borrow_mut().requests.count(label, method, status);
    }

    fn count_evicted(&self) {
        self.counters.borrow_mut().connections_evicted += 1;
    }
}

impl Agent {
    fn respond(&self, handler: Handler, _parameter: &str, body: &mut String) -> u16 {
        match handler {
            Handler::Root | Handler::Health => {
                *body = self.health.at(unix_micros());
            }
            Handler::Manifest => return self.manifest(body),
            Handler::Metrics => {
                self.refresh();
                *body = report::json::metrics(self.node(), self.sampler.borrow().snapshot());
            }
            Handler::Prom => {
                self.refresh();
                *body = self.prom();
            }
            Handler::OpenApi if DESCRIBED => *body = report::openapi::render(&self.build, &endpoints()),
            Handler::Docs if DESCRIBED => *body = report::docs::render(&self.build, &endpoints()),
            Handler::Monitors | Handler::Monitor if MONITORS => {
                *body = report::json::detail("Not Found");
                return 404;
            }
            // The table of a build without them has no path that leads here.
            Handler::OpenApi | Handler::Docs | Handler::Monitors | Handler::Monitor => return 404,
        }
        200
    }
}

/// The server's table as its descriptions need it.
fn endpoints() -> Vec<Endpoint<'static>> {
    let endpoint = |route: &'static Route| Endpoint {
        paths: route.paths,
        allow: route.allow,
        summary: route.summary,
        description: route.description,
        media_type: route.media_type,
        schema: match route.handler {
            Handler::Root | Handler::Health => Schema::Health,
            Handler::Manifest => Schema::Manifest,
            Handler::Metrics => Schema::Metrics,
            Handler::Monitors => Schema::Monitors,
            Handler::Monitor => Schema::Monitor,
            Handler::OpenApi => Schema::Object,
            Handler::Prom | Handler::Docs => Schema::Text,
        },
        responses: route.responses,
    };
    ROUTES.iter().map(endpoint).collect()
}

/// The first moment of the schedule that lies ahead.
fn next_beat(due: Instant, now: Instant, wait_time: Duration) -> Instant {
    let late = now.saturating_duration_since(due).as_nanos() / wait_time.as_nanos().max(1);
    due + wait_time * u32::try_from(late + 1).unwrap_or(1)
}

/// The wall clock, which is only ever printed; before 1970 it is 1970.
fn unix_micros() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_do_not_drift_however_late_each_is() {
        let start = Instant::now();
        let secs = Duration::from_secs;
        assert_eq!(next_beat(start, start, secs(10)), start + secs(10));
        assert_eq!(next_beat(start, start + secs(9), secs(10)), start + secs(10));
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let start = Instant::now();
        let secs = Duration::from_secs;
        assert_eq!(next_beat(start, start + secs(35), secs(10)), start + secs(40));
        assert_eq!(next_beat(start, start + secs(40), secs(10)), start + secs(50));
    }
}
