//! The checks of other services: who is due, what was found, who is told.

mod telling;
mod terms;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use smol::{LocalExecutor, Task};

use crate::agent::nudge::Nudge;
use crate::agent::telemetry::Telemetry;
use crate::agent::unix_micros;
use crate::client::{Client, Progress};
use crate::config::file::{self, Loaded, Sources};
use crate::config::monitors::{Maintenance, Monitors, Scope};
use crate::config::{Config, LogLevel};
use crate::limits::TARGET_TIMEOUT;
use crate::monitor::check;
use crate::notify::heartbeats::Heartbeats;
use crate::read;
use crate::report::monitors::{NO_SUCH_MONITOR, list, one};
use crate::report::prometheus_monitors::{self, MonitorScrape, Online};
use crate::report::{self, View};
use crate::server::Reactor;
use crate::snapshot::{Change, FailureKind, Millis, MonitorId, Outcome, State};
use crate::uptime::{Fleet, Job, Network, Notices, maintenance};

use telling::Voice;
use terms::{networks, policies, unchanged, window};

/// What asks others; one for all that the agent asks.
pub(super) type Asks = Rc<Client>;

pub(super) fn client(reactor: &Rc<Reactor>) -> Asks {
    Rc::new(Client::new(Rc::clone(reactor), std::env::var("SSL_CERT_FILE").ok()))
}

/// The monitors and what is known of them.
pub(super) struct Checks {
    reactor: Rc<Reactor>,
    client: Asks,
    voice: Voice,
    /// `None` where nothing is sent to a collector.
    telemetry: Option<Rc<Telemetry>>,
    /// The start of monotonic time.
    started: Instant,
    book: RefCell<Book>,
    /// Somebody has to look whether more is due now.
    nudge: Nudge,
}

/// What changes.
struct Book {
    file: Rc<Monitors>,
    fleet: Fleet,
    notices: Notices,
    /// By monitor: a check under way.
    running: Vec<Option<Running>>,
    /// By target: the same.
    targets: Vec<Option<Task<()>>>,
    /// `None`: there is no file.
    reload: Option<Reload>,
    /// A monitor that gates is down.
    gated: bool,
}

struct Running {
    /// Whose it is, which moves when the file changes.
    id: Rc<Cell<MonitorId>>,
    task: Task<()>,
}

/// How the file was read last.
struct Reload {
    successful: bool,
    /// When that was last so.
    success: Millis,
}

impl Checks {
    #[inline(never)]
    pub(super) fn new(
        config: &Config,
        loaded: Option<Loaded>,
        client: Asks,
        reactor: Rc<Reactor>,
        lines: Rc<RefCell<Heartbeats>>,
        telemetry: Option<Rc<Telemetry>>,
    ) -> Rc<Self> {
        let found = loaded.is_some();
        let file = Rc::new(monitors(loaded));
        let book = Book {
            fleet: Fleet::new(policies(&file), networks(&file), 0),
            notices: Notices::new(file.monitors.len()),
            running: file.monitors.iter().map(|_| None).collect(),
            targets: file.connectivity.iter().map(|_| None).collect(),
            reload: found.then_some(Reload { successful: true, success: 0 }),
            gated: false,
            file,
        };
        let started = Instant::now();
        reactor.reserve(book.file.monitors.len());
        Rc::new(Checks {
            client,
            telemetry,
            voice: Voice::new(config, lines, &book.file.webhooks, started),
            reactor,
            started,
            book: RefCell::new(book),
            nudge: Nudge::default(),
        })
    }

    /// Checks and tells from now on.
    pub(super) fn start(self: &Rc<Self>, executor: &Rc<LocalExecutor<'static>>) {
        executor.spawn(Rc::clone(self).run(Rc::clone(executor))).detach();
        let checks = Rc::clone(self);
        executor.spawn(async move { checks.voice.deliver(&checks.reactor, &checks.client).await }).detach();
    }

    async fn run(self: Rc<Self>, executor: Rc<LocalExecutor<'static>>) {
        loop {
            self.open_windows();
            while let Some(job) = self.next_job() {
                self.begin(job, &executor);
            }
            self.tell_notices();
            match self.due() {
                Some(due) => smol::future::or(self.nudge.called(), self.reactor.sleep_until(due)).await,
                None => self.nudge.called().await,
            }
        }
    }

    fn next_job(&self) -> Option<Job> {
        self.book.borrow_mut().fleet.due(self.now())
    }

    /// When there is something to do; `None` where nothing is checked.
    fn due(&self) -> Option<Instant> {
        let book = self.book.borrow();
        let due = [book.fleet.next_due(), book.notices.next_due()].into_iter().flatten().min()?;
        Some(self.started + Duration::from_millis(due))
    }

    fn begin(self: &Rc<Self>, job: Job, executor: &LocalExecutor<'static>) {
        let mut book = self.book.borrow_mut();
        let file = Rc::clone(&book.file);
        match job {
            Job::Monitor(id) => {
                let ticket = Rc::new(Cell::new(id));
                let task = executor.spawn(Rc::clone(self).check(file, id, Rc::clone(&ticket)));
                if let Some(place) = book.running.get_mut(usize::from(id)) {
                    *place = Some(Running { id: ticket, task });
                }
            }
            Job::Target(number) => {
                let task = executor.spawn(Rc::clone(self).reach(file, number));
                if let Some(place) = book.targets.get_mut(usize::from(number)) {
                    *place = Some(task);
                }
            }
        }
    }

    /// `place` is the monitor's in `file`; its number may be another one already.
    async fn check(self: Rc<Self>, file: Rc<Monitors>, place: MonitorId, ticket: Rc<Cell<MonitorId>>) {
        let (began, began_unix_micros) = (Instant::now(), unix_micros());
        let Some(monitor) = file.monitors.get(usize::from(place)) else { return };
        let progress = Progress::default();
        let outcome = check::check(&self.client, monitor, &progress).await;
        self.voice.check(monitor, &outcome, began_unix_micros);
        if let Some(telemetry) = &self.telemetry {
            telemetry.check(monitor, &outcome, began, &progress);
        }
        self.found(ticket.get(), outcome);
    }

    fn found(&self, id: MonitorId, outcome: Outcome) {
        // Only a certificate that is not valid yet asks for the clock.
        let clock_set = outcome.failure.as_ref().is_none_or(|failure| {
            failure.kind != FailureKind::TlsNotYetValid || read::clock_is_set(unix_micros() / 1_000_000)
        });
        let mut changes = Vec::new();
        let book = &mut *self.book.borrow_mut();
        // The task that this is: what is held of it would be held until the next check.
        if let Some(running) = book.running.get_mut(usize::from(id)).and_then(Option::take) {
            running.task.detach();
        }
        book.fleet.finish(id, self.now(), outcome, clock_set, &mut changes);
        self.after(book, &changes);
    }

    async fn reach(self: Rc<Self>, file: Rc<Monitors>, number: u16) {
        let Some(target) = file.connectivity.get(usize::from(number)) else { return };
        let reached = check::reach(&self.client, target, TARGET_TIMEOUT).await;
        let mut changes = Vec::new();
        let book = &mut *self.book.borrow_mut();
        if let Some(task) = book.targets.get_mut(usize::from(number)).and_then(Option::take) {
            task.detach();
        }
        let online = |fleet: &Fleet| [Network::Lan, Network::Wan].map(|network| fleet.online(network));
        let before = online(&book.fleet);
        book.fleet.finish_target(number, self.now(), reached, &mut changes);
        let is_back = before.into_iter().zip(online(&book.fleet)).any(|(before, now)| now && !before);
        if let Some(telemetry) = self.telemetry.as_ref().filter(|_| is_back) {
            telemetry.hurry();
        }
        self.after(book, &changes);
    }

    /// What follows from changes: the log, the messages, the gate, and what is due now.
    fn after(&self, book: &mut Book, changes: &[Change]) {
        for change in changes {
            book.notices.observe(change, &book.fleet);
            let view = self.view(book);
            if let (Some((level, text)), Some(telemetry)) = (self.voice.change(change, &view), &self.telemetry)
                && let Some((monitor, _)) = view.get(change.monitor)
            {
                telemetry.change(level, &text, monitor, change);
            }
        }
        if !changes.is_empty() {
            book.gated = !self.view(book).closed_gates().is_empty();
        }
        self.nudge.call();
    }

    fn tell_notices(&self) {
        let book = &mut *self.book.borrow_mut();
        for notice in book.notices.take(self.now(), &book.fleet) {
            self.voice.notice(&notice, &self.view(book));
        }
    }

    /// Opens and closes maintenance windows, which go by the wall clock: none is open while that says 1970.
    fn open_windows(&self) {
        let book = &mut *self.book.borrow_mut();
        let unix_secs = unix_micros() / 1_000_000;
        let is_open = |one: &&Maintenance| {
            !read::clock_is_before_build(unix_secs) && maintenance::is_open(window(one.window), unix_secs)
        };
        let open: Vec<_> = book.file.maintenance.iter().filter(is_open).collect();
        for id in 0..book.file.monitors.len() as MonitorId {
            let its_own = open.iter().any(|one| one.monitors.is_empty() || one.monitors.contains(&id));
            book.fleet.set_maintenance(id, its_own);
        }
    }

    /// Reads the file anew. What cannot be understood changes nothing.
    pub(super) fn reload(&self, config: &Config) {
        self.client.reload();
        let book = &mut *self.book.borrow_mut();
        let loaded = match load(config) {
            Ok(loaded) => loaded,
            Err(error) => {
                let success = book.reload.as_ref().map_or(0, |reload| reload.success);
                book.reload = Some(Reload { successful: false, success });
                return log::error!("{error}; what was read before stays in force");
            }
        };
        book.reload = loaded.is_some().then(|| Reload { successful: true, success: self.now() });
        let (file, before) = (Rc::new(monitors(loaded)), Rc::clone(&book.file));
        let kept: Vec<Option<MonitorId>> =
            file.monitors.iter().map(|monitor| unchanged(monitor, &file, &before)).collect();
        let mut running = std::mem::take(&mut book.running);
        book.running = kept.iter().map(|old| running.get_mut(usize::from((*old)?))?.take()).collect();
        for (id, running) in (0..).zip(&book.running) {
            if let Some(running) = running {
                running.id.set(id);
            }
        }
        let now = self.now();
        let fleet = std::mem::replace(&mut book.fleet, Fleet::new(Vec::new(), Vec::new(), now));
        book.fleet = fleet.reconfigure(policies(&file), networks(&file), &kept, now);
        book.notices = std::mem::replace(&mut book.notices, Notices::new(0)).reconfigure(&kept);
        book.targets = file.connectivity.iter().map(|_| None).collect();
        self.voice.tell(&file.webhooks);
        self.reactor.reserve(file.monitors.len());
        book.file = file;
        book.gated = !self.view(book).closed_gates().is_empty();
        log::info!("reloaded: {} monitors, {} of them as before", kept.len(), kept.iter().flatten().count());
        self.nudge.call();
    }

    /// A line of the log that is not about a check.
    pub(super) fn line(&self, level: LogLevel, text: &dyn Fn() -> String) {
        self.voice.line(level, text);
    }

    /// A usage has crossed a threshold.
    pub(super) fn crossing(&self, level: LogLevel, text: &str) {
        self.voice.crossing(level, text);
    }

    /// For `/health`: the names of the monitors for whose sake the node should get no traffic; `None`: it should.
    pub(super) fn gated(&self) -> Option<Vec<String>> {
        let book = self.book.borrow();
        let names = || self.view(&book).closed_gates().into_iter().map(String::from).collect();
        book.gated.then(names)
    }

    /// A few words for the service manager, where anything is checked.
    pub(super) fn summary(&self, text: &mut String) {
        let book = self.book.borrow();
        let of = |state: fn(&State) -> bool| book.fleet.statuses().iter().filter(|one| state(&one.state)).count();
        let counts = [
            (book.fleet.statuses().len(), " monitors"),
            (of(|state| *state == State::Down), " down"),
            (of(|state| matches!(state, State::Unknown(_))), " unknown"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            text.push_str(", ");
            text.push_str(itoa::Buffer::new().format(count));
            text.push_str(what);
        }
    }

    /// Appends to `/v1/prom`.
    pub(super) fn prom(&self, text: &mut String) {
        self.scrape(&mut |scrape| prometheus_monitors::append(text, scrape));
    }

    /// What is known of the monitors.
    pub(super) fn scrape(&self, take: &mut dyn FnMut(&MonitorScrape<'_>)) {
        let book = self.book.borrow();
        let online = |network: Network, scope: Scope| {
            let has_targets = book.file.connectivity.iter().any(|target| target.scope == scope);
            has_targets.then(|| book.fleet.online(network))
        };
        take(&MonitorScrape {
            view: self.view(&book),
            last_reload_successful: book.reload.as_ref().map(|reload| reload.successful),
            last_reload_success: book.reload.as_ref().map(|reload| reload.success),
            online: Online { lan: online(Network::Lan, Scope::Lan), wan: online(Network::Wan, Scope::Wan) },
            has_windows: !book.file.maintenance.is_empty(),
            receivers: &self.voice.counts(),
        });
    }

    /// `/v1/monitors`.
    pub(super) fn list(&self, body: &mut String) -> u16 {
        *body = list(&self.view(&self.book.borrow()));
        200
    }

    /// `/v1/monitors/{name}`.
    pub(super) fn one(&self, name: &str, body: &mut String) -> u16 {
        let one = one(&self.view(&self.book.borrow()), name);
        let status = if one.is_some() { 200 } else { 404 };
        *body = one.unwrap_or_else(|| report::json::detail(NO_SUCH_MONITOR));
        status
    }

    /// Has the messages that wait delivered, as far as that is done by `deadline`.
    pub(super) async fn stop(&self, deadline: Instant) {
        self.voice.fall_silent(&self.reactor, &self.client, deadline).await;
    }

    fn view<'a>(&self, book: &'a Book) -> View<'a> {
        View {
            monitors: &book.file.monitors,
            statuses: book.fleet.statuses(),
            now: self.now(),
            unix_micros: unix_micros(),
        }
    }

    /// Milliseconds since the start.
    fn now(&self) -> Millis {
        self.started.elapsed().as_millis() as Millis
    }
}

/// Reads `imalive.yml`, where there is one. The error is one line.
pub fn load(config: &Config) -> Result<Option<Loaded>, String> {
    let lookup = |name: &str| std::env::var(name).ok();
    file::load(config, &Sources { lookup: &lookup, config_file: &read::config_file, secret_file: &read::secret_file })
}

/// What the file asks for, its warnings told.
fn monitors(loaded: Option<Loaded>) -> Monitors {
    let Some(loaded) = loaded else { return Monitors::default() };
    for line in loaded.warning_lines() {
        log::warn!("{line}");
    }
    loaded.monitors
}
