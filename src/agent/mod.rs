//! Wiring: the clock, the timers, the current snapshot, and who is told of it.

mod answers;
#[cfg(feature = "monitors")]
mod checks;
#[cfg(not(feature = "monitors"))]
#[path = "no_checks.rs"]
mod checks;
#[cfg(feature = "monitors")]
mod nudge;
#[cfg(feature = "otlp")]
mod telemetry;
#[cfg(not(feature = "otlp"))]
#[path = "no_telemetry.rs"]
mod telemetry;

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use smol::LocalExecutor;

use crate::config::file::Loaded;
use crate::config::otlp::Otlp;
use crate::config::{Config, LogFormat, LogLevel, MONITORS, SYSTEMD};
use crate::http::route::Handler;
use crate::limits::{READING_MAX_AGE, SHUTDOWN};
use crate::notify::diagnostics::{EVENT, Sources};
use crate::notify::heartbeats::Heartbeats;
use crate::notify::service_manager::ServiceManager;
use crate::read::{self, Notice, OwnProcess, Roots, Sampler};
use crate::report::usage::Watch;
use crate::report::{self, Build, Node};
use crate::server::{self, Reactor, Server, Signal, Signals};
use crate::snapshot::{Counters, Level, Thresholds};

use checks::Checks;
use telemetry::Telemetry;

pub use checks::load;

/// What diagnostics ask of the agent.
pub const SOURCES: Sources = Sources { unix_micros, cid: server::fresh_cid, told: telemetry::tell };

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
pub fn run(config: Config, otlp: Option<Otlp>, loaded: Option<Loaded>, build: Build) -> Result<(), AgentError> {
    let reactor = Rc::new(Reactor::new()?);
    let executor = Rc::new(LocalExecutor::new());
    let listener = listener(config.listen)?;
    let lines = Rc::new(RefCell::new(Heartbeats::open(config.heartbeat_format)));
    let client = checks::client(&reactor);
    let telemetry = Telemetry::new(otlp, &config, &build, &client, &reactor);
    let checks = Checks::new(&config, loaded, client, Rc::clone(&reactor), Rc::clone(&lines), telemetry.clone());
    let agent = Agent::new(config, build, Some(Rc::clone(&checks)), telemetry.clone());
    let mut server = Server::new(listener, agent.config.max_connections, Rc::clone(&reactor), Rc::clone(&agent))?;
    let mut signals = Signals::new()?;
    if let Some(address) = server.address() {
        log::info!("listening on {address}");
    }
    let heartbeat = executor.spawn(Rc::clone(&agent).beat(Rc::clone(&reactor), lines));
    checks.start(&executor);
    if let Some(telemetry) = &telemetry {
        telemetry.start(&executor, &agent);
    }
    reactor.block_on(executor.run(async {
        let signalled = async {
            while let Ok(Signal::Reload) = signals.next(&reactor).await {
                agent.reload()
            }
        };
        smol::future::or(signalled, server.run()).await;
        agent.service_manager.borrow_mut().stopping();
        let deadline = Instant::now() + SHUTDOWN;
        // The last one is over, and another would come too late to be sent.
        drop(heartbeat);
        let mut others = pin!(async {
            smol::future::zip(server.shut_down(), checks.stop(deadline)).await;
        });
        match &telemetry {
            Some(telemetry) => telemetry.stop(&agent, deadline, others.as_mut()).await,
            None => others.await,
        }
    }))?;
    if let Some(telemetry) = &telemetry {
        telemetry.shut_down();
    }
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
    let agent = Agent::new(config, build, None, None);
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
    /// None for a single reading.
    checks: Option<Rc<Checks>>,
    /// None where nothing is sent to a collector.
    telemetry: Option<Rc<Telemetry>>,
}

impl Agent {
    /// Out of line, like whatever makes a large value: its temporary copies would stay on the stack below all else.
    #[inline(never)]
    fn new(config: Config, build: Build, checks: Option<Rc<Checks>>, telemetry: Option<Rc<Telemetry>>) -> Rc<Self> {
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
            checks,
            telemetry,
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
    async fn beat(self: Rc<Self>, reactor: Rc<Reactor>, lines: Rc<RefCell<Heartbeats>>) {
        let thresholds =
            Thresholds { warning_percent: self.config.warning_percent, error_percent: self.config.error_percent };
        let mut watch = Watch::new(thresholds);
        let mut due = Instant::now();
        loop {
            if let Some(telemetry) = &self.telemetry {
                telemetry.beat_begins();
            }
            self.refresh();
            self.sampler.borrow_mut().stamp(unix_micros());
            watch.observe(self.sampler.borrow().snapshot(), &mut |level, text| self.crossing(level, text));
            self.counters.borrow_mut().heartbeats += 1;
            if self.config.log_level >= LogLevel::Info {
                let line = self.heartbeat(self.config.heartbeat_format);
                if !lines.borrow_mut().write(&line) {
                    self.counters.borrow_mut().heartbeats_dropped += 1;
                }
                if let Some(checks) = &self.checks {
                    checks.line(LogLevel::Info, &|| line.clone());
                }
            }
            if let Some(telemetry) = &self.telemetry {
                telemetry.beat_ends(&|| self.heartbeat(LogFormat::Text));
            }
            due = next_beat(due, Instant::now(), self.config.wait_time);
            self.wait_for(due, &reactor).await;
        }
    }

    fn crossing(&self, level: Level, text: &str) {
        let level = match level {
            Level::Normal => LogLevel::Info,
            Level::Warning => LogLevel::Warning,
            Level::Error => LogLevel::Error,
        };
        match level {
            LogLevel::Error => log::error!(target: EVENT, "{text}"),
            LogLevel::Warning => log::warn!(target: EVENT, "{text}"),
            _ => log::info!(target: EVENT, "{text}"),
        }
        if let Some(checks) = &self.checks {
            checks.crossing(level, text);
        }
        if let Some(telemetry) = &self.telemetry {
            telemetry.crossing(level, text);
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
            let mut summary = report::journal::summary(self.sampler.borrow().snapshot());
            if let Some(checks) = &self.checks {
                checks.summary(&mut summary);
            }
            summary
        };
        self.service_manager.borrow_mut().tell(Instant::now(), &status);
    }

    /// `imalive.yml` anew. The manifest is read when it is asked for; variables cannot change.
    fn reload(&self) {
        self.service_manager.borrow_mut().reloading();
        match &self.checks {
            Some(checks) if MONITORS => checks.reload(&self.config),
            _ => log::info!("reloaded: the manifest is read at each request, a variable takes a restart"),
        }
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
