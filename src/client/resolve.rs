//! Names to addresses. An address needs no thread; a name is looked up as the system does, on a thread of the pool,
//! because that blocks. Nothing is kept: an answer of before is no proof that the name resolves now.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::client::progress::Progress;
use crate::client::workers::{Pool, Standing};
use crate::limits::{DOUBTFUL_NAME_THREADS, NAME_SLOW, NAME_THREADS, NAMES};

/// What a name server, or the system on its behalf, has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolveError {
    /// There is no such name.
    NotFound,
    /// The name is there, an address of it is not.
    NoAddress,
    /// No name server has answered, or not now.
    TryAgain,
    /// This node has no thread for it, or too many wait for one.
    Node(String),
    /// Anything else, in the system's words.
    Other(String),
}

impl ResolveError {
    fn new(error: &io::Error) -> Self {
        // The standard library keeps the text of getaddrinfo(3)'s code, not the code; glibc's and musl's differ.
        let text = error.to_string();
        let text = text.rsplit_once("information: ").map_or(text.as_str(), |(_, reason)| reason);
        match text {
            "Name or service not known" | "Name does not resolve" => ResolveError::NotFound,
            "No address associated with hostname" | "Name has no usable address" => ResolveError::NoAddress,
            "Temporary failure in name resolution" | "Try again" => ResolveError::TryAgain,
            other => ResolveError::Other(other.into()),
        }
    }

    /// For people.
    pub fn describe(&self) -> &str {
        match self {
            ResolveError::NotFound => "there is no such name",
            ResolveError::NoAddress => "that name has no address",
            ResolveError::TryAgain => "no name server answers",
            ResolveError::Node(reason) | ResolveError::Other(reason) => reason,
        }
    }
}

type Answer = Result<Vec<IpAddr>, ResolveError>;

/// One name on its way.
struct Lookup {
    name: Box<str>,
    begun: OnceLock<Instant>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    answer: Option<(Answer, Standing)>,
    wakers: Vec<Waker>,
}

impl Lookup {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On a thread of the pool.
    fn run(&self, look_up: fn(&str) -> io::Result<Vec<IpAddr>>) {
        let begun = *self.begun.get_or_init(Instant::now);
        let answer = look_up(&self.name).map_err(|error| ResolveError::new(&error));
        let answer = answer.and_then(|found| if found.is_empty() { Err(ResolveError::NoAddress) } else { Ok(found) });
        let soon = answer.is_ok() && begun.elapsed() < NAME_SLOW;
        let mut state = self.lock();
        state.answer = Some((answer, if soon { Standing::Proven } else { Standing::Doubtful }));
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// As the system does it: `/etc/hosts`, name servers, and whatever else it is set up for.
fn system(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for address in (name, 0).to_socket_addrs()? {
        if !found.contains(&address.ip()) {
            found.push(address.ip());
        }
    }
    Ok(found)
}

/// Looks up names.
pub(super) struct Resolver {
    pool: Pool,
    look_up: fn(&str) -> io::Result<Vec<IpAddr>>,
    on_the_way: RefCell<Vec<Arc<Lookup>>>,
    /// How it went the last time, the oldest first.
    standings: RefCell<Vec<(Box<str>, Standing)>>,
}

impl Resolver {
    pub(super) fn new() -> Self {
        Resolver {
            pool: Pool::new("imalive names", NAME_THREADS, DOUBTFUL_NAME_THREADS),
            look_up: system,
            on_the_way: RefCell::default(),
            standings: RefCell::default(),
        }
    }

    /// The addresses of `host`, which may be one: IPv6 without brackets.
    pub(super) async fn resolve(&self, host: &str, progress: &Progress) -> Answer {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let lookup = self.join(host).map_err(|error| ResolveError::Node(error.to_string()))?;
        Answered { lookup, progress, waker: None }.await
    }

    /// Threads there are now.
    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The lookup of `name` that is on its way, or a new one.
    fn join(&self, name: &str) -> io::Result<Arc<Lookup>> {
        self.sweep();
        let mut on_the_way = self.on_the_way.borrow_mut();
        if let Some(lookup) = on_the_way.iter().find(|lookup| lookup.name.eq_ignore_ascii_case(name)) {
            return Ok(Arc::clone(lookup));
        }
        let lookup = Arc::new(Lookup { name: name.into(), begun: OnceLock::new(), state: Mutex::default() });
        let (job, look_up) = (Arc::clone(&lookup), self.look_up);
        self.pool.submit(self.standing(name), Box::new(move || job.run(look_up)))?;
        on_the_way.push(Arc::clone(&lookup));
        Ok(lookup)
    }

    /// Remembers how what has ended went.
    fn sweep(&self) {
        self.on_the_way.borrow_mut().retain(|lookup| {
            let standing = lookup.lock().answer.as_ref().map(|(_, standing)| *standing);
            if let Some(standing) = standing {
                let mut standings = self.standings.borrow_mut();
                standings.retain(|(name, _)| !name.eq_ignore_ascii_case(&lookup.name));
                if standings.len() >= NAMES {
                    standings.remove(0);
                }
                standings.push((lookup.name.clone(), standing));
            }
            standing.is_none()
        });
    }

    fn standing(&self, name: &str) -> Standing {
        let standings = self.standings.borrow();
        let known = standings.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Standing::New, |(_, standing)| *standing)
    }
}

/// Ends with the answer to a lookup that others may wait for too.
struct Answered<'a> {
    lookup: Arc<Lookup>,
    progress: &'a Progress,
    waker: Option<Waker>,
}

impl Future for Answered<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let lookup = Arc::clone(&self.lookup);
        let mut state = lookup.lock();
        if let Some((answer, _)) = &state.answer {
            return Poll::Ready(answer.clone());
        }
        self.forget(&mut state);
        self.waker = Some(context.waker().clone());
        state.wakers.push(context.waker().clone());
        Poll::Pending
    }
}

impl Answered<'_> {
    fn forget(&self, state: &mut State) {
        if let Some(waker) = &self.waker
            && let Some(at) = state.wakers.iter().position(|other| other.will_wake(waker))
        {
            state.wakers.swap_remove(at);
        }
    }
}

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        let mut state = self.lookup.lock();
        self.forget(&mut state);
        self.progress.queued_until(self.lookup.begun.get().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Phase;
    use crate::reactor::Reactor;
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::sleep;
    use std::time::Duration;

    fn resolver(look_up: fn(&str) -> io::Result<Vec<IpAddr>>) -> Resolver {
        Resolver { look_up, ..Resolver::new() }
    }

    fn here() -> io::Result<Vec<IpAddr>> {
        Ok(vec![IpAddr::from([127, 0, 0, 1])])
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        Reactor::new().unwrap().block_on(future).unwrap()
    }

    #[test]
    fn an_address_needs_no_thread() {
        let resolver = resolver(|_| unreachable!());
        for address in ["127.0.0.1", "::1", "fe80::1"] {
            let found = block_on(resolver.resolve(address, &Progress::default()));
            assert_eq!(found, Ok(vec![address.parse().unwrap()]));
        }
        assert_eq!(resolver.pool.threads(), 0);
    }

    #[test]
    fn a_name_is_looked_up_as_the_system_does() {
        let found = block_on(Resolver::new().resolve("localhost", &Progress::default())).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_name_that_is_none_is_told_from_an_answer_that_is_missing() {
        let error = |text: &str| ResolveError::new(&io::Error::other(text));
        let long = "failed to lookup address information: Name or service not known";
        assert_eq!((error(long), error("Name does not resolve")), (ResolveError::NotFound, ResolveError::NotFound));
        assert_eq!(error("Try again"), ResolveError::TryAgain);
        assert_eq!(error("Bad hints"), ResolveError::Other("Bad hints".into()));
        assert_eq!(
            block_on(resolver(|_| Ok(Vec::new())).resolve("empty", &Progress::default())),
            Err(ResolveError::NoAddress)
        );
    }

    #[test]
    fn a_name_on_its_way_is_asked_once_and_an_old_answer_is_none() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let resolver = resolver(|_| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(30));
            here()
        });
        for round in 1..3 {
            let (a, b) = (Progress::default(), Progress::default());
            let both = smol::future::zip(resolver.resolve("Name", &a), resolver.resolve("name", &b));
            assert_eq!(block_on(both), (here().map_err(|_| unreachable!()), Ok(here().unwrap())));
            assert_eq!(ASKED.load(Ordering::SeqCst), round);
        }
    }

    #[test]
    fn names_that_hang_do_not_keep_a_good_one_waiting() {
        let resolver = resolver(|name| {
            sleep(Duration::from_millis(if name == "good" { 0 } else { 1500 }));
            here()
        });
        let reactor = Reactor::new().unwrap();
        let good = || async {
            let begun = Instant::now();
            resolver.resolve("good", &Progress::default()).await.unwrap();
            begun.elapsed()
        };
        reactor.block_on(good()).unwrap();
        let left = Cell::new(0);
        let executor = smol::LocalExecutor::new();
        for number in 0..20 {
            let (resolver, left) = (&resolver, &left);
            let hang = async move {
                let progress = Progress::default();
                let name = format!("hangs{number}");
                assert!(smol::future::poll_once(resolver.resolve(&name, &progress)).await.is_none());
                left.set(left.get() + 1);
                let _ = resolver.resolve(&name, &progress).await;
            };
            executor.spawn(hang).detach();
        }
        let wanted = async {
            while left.get() < 20 {
                smol::future::yield_now().await;
            }
            for _ in 0..5 {
                let took = good().await;
                assert!(took < Duration::from_millis(500), "{took:?}");
            }
        };
        reactor.block_on(executor.run(wanted)).unwrap();
        assert_eq!(resolver.pool.threads(), 3);
    }

    #[test]
    fn a_name_that_had_to_wait_says_for_how_long() {
        let resolver = resolver(|_| {
            sleep(Duration::from_millis(60));
            here()
        });
        let all: Vec<Progress> = (0..4).map(|_| Progress::default()).collect();
        let executor = smol::LocalExecutor::new();
        let tasks: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .zip(&all)
            .map(|(name, progress)| {
                let resolver = &resolver;
                executor.spawn(async move {
                    progress.enter(Phase::Resolving);
                    resolver.resolve(name, progress).await.unwrap();
                    progress.end();
                })
            })
            .collect();
        block_on(executor.run(async {
            for task in tasks {
                task.await;
            }
        }));
        let phases = |progress: &Progress| progress.phases().map(|(phase, _, _)| phase).collect::<Vec<_>>();
        assert!(phases(&all[0]).ends_with(&[Phase::Resolving]));
        assert_eq!(phases(&all[3]), [Phase::Queued, Phase::Resolving]);
        let (_, began, ended) = all[3].phases().next().unwrap();
        assert!(ended - began >= Duration::from_millis(50), "{:?}", ended - began);
    }

    #[test]
    fn a_name_that_was_given_up_before_its_turn_says_so_and_keeps_its_place() {
        let resolver = resolver(|name| {
            sleep(Duration::from_millis(if name == "patient" { 0 } else { 300 }));
            here()
        });
        let reactor = Reactor::new().unwrap();
        let give_up = |name: &'static str| {
            let progress = Progress::default();
            progress.enter(Phase::Resolving);
            let late = async {
                reactor.sleep_until(Instant::now() + Duration::from_millis(50)).await;
                Err(ResolveError::TryAgain)
            };
            assert!(reactor.block_on(smol::future::or(resolver.resolve(name, &progress), late)).unwrap().is_err());
            progress.end();
            let phases: Vec<_> = progress.phases().collect();
            let ((_, began, _), (last, _, ended)) = (phases[0], phases[phases.len() - 1]);
            assert!(last == progress.phase() && ended - began >= Duration::from_millis(49), "{phases:?}");
            last
        };
        assert_eq!((give_up("slow1"), give_up("slow2")), (Phase::Resolving, Phase::Resolving));
        assert_eq!(give_up("patient"), Phase::Queued);
        sleep(Duration::from_millis(400));
        resolver.sweep();
        assert_eq!(resolver.standing("patient"), Standing::Proven);
        assert!(resolver.on_the_way.borrow().is_empty());
    }
}
