//! Messages to chats and webhooks, each tried until it is taken. Whoever has something to say leaves it here and goes on:
//! a receiver that hangs or refuses delays no check, no heartbeat and no other receiver.

mod lane;
mod receiver;

pub use lane::Counts;
pub use receiver::{Form, News, Receiver, receivers};

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use lane::{Lane, Verdict, millis};

use crate::client::Client;
use crate::config::monitors::Tls;
use crate::limits::POST_TIMEOUT;
use crate::reactor::{Reactor, Sleep};
use crate::snapshot::{Failure, Millis};

/// What an answer to a POST says: its status, and after how many seconds to come again.
pub type Answer = Result<(u16, Option<u64>), Failure>;

/// What posts.
pub trait Poster {
    /// Posts `body` and waits for the head of the answer.
    fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8], tls: &Tls) -> impl Future<Output = Answer>;
}

impl Poster for Client {
    async fn post(&self, url: &str, headers: &[(&str, &str)], body: &[u8], tls: &Tls) -> Answer {
        Client::post(self, url, headers, body, tls).await
    }
}

/// The messages that wait, for each receiver on its own.
pub struct Outbox {
    start: Instant,
    post_timeout: Duration,
    entries: RefCell<Vec<Entry>>,
    /// Of receivers that a reload has removed.
    past: RefCell<Vec<(&'static str, Counts)>>,
    next_id: Cell<u64>,
    /// Who posts, while there is nothing to post.
    idle: Cell<Option<Waker>>,
}

struct Entry {
    /// No two receivers ever have the same: the answer to one that has gone is nobody's.
    id: u64,
    receiver: Rc<Receiver>,
    lane: Lane,
    /// The log knows that it cannot be told.
    trouble: bool,
}

/// A message on its way, and in the end how it went and why.
struct Flight<'p> {
    id: u64,
    post: Pin<Box<dyn Future<Output = (Verdict, String)> + 'p>>,
}

impl Outbox {
    /// An empty one, of an agent that has started at `start`.
    pub fn new(start: Instant) -> Self {
        Outbox {
            start,
            post_timeout: POST_TIMEOUT,
            entries: RefCell::default(),
            past: RefCell::default(),
            next_id: Cell::default(),
            idle: Cell::default(),
        }
    }

    /// Tells these from now on. What waits for one that stays goes on waiting; what waits for another is dropped.
    pub fn set_receivers(&self, receivers: Vec<Receiver>) {
        let mut entries = self.entries.borrow_mut();
        let mut before = std::mem::take(&mut *entries);
        for receiver in receivers {
            let known = before.iter().position(|entry| *entry.receiver == receiver);
            entries.push(known.map(|place| before.remove(place)).unwrap_or_else(|| {
                let id = self.next_id.replace(self.next_id.get() + 1);
                Entry { id, receiver: Rc::new(receiver), lane: Lane::default(), trouble: false }
            }));
        }
        for mut gone in before {
            gone.lane.drop_all();
            add(&mut self.past.borrow_mut(), gone.receiver.label, gone.lane.counts());
        }
    }

    /// Leaves a message for all who want such news. `body` makes it for one of them, and does not use this outbox.
    pub fn enqueue(&self, news: News, now: Millis, body: &dyn Fn(&Receiver) -> String) {
        for entry in self.entries.borrow_mut().iter_mut().filter(|entry| entry.receiver.wants(news)) {
            entry.lane.push(body(&entry.receiver).into(), now);
        }
        self.idle.take().into_iter().for_each(Waker::wake);
    }

    /// How the messages to each kind of receiver went, and how many wait.
    pub fn counts(&self) -> Vec<(&'static str, Counts, usize)> {
        let mut counts = self.past.borrow().clone();
        let entries = self.entries.borrow();
        for entry in entries.iter() {
            add(&mut counts, entry.receiver.label, entry.lane.counts());
        }
        let waiting = |label| {
            let of_label = entries.iter().filter(|entry| entry.receiver.label == label);
            of_label.map(|entry| entry.lane.waiting()).sum()
        };
        counts.into_iter().map(|(label, counts)| (label, counts, waiting(label))).collect()
    }

    /// Posts what there is to post, and waits for more, without end.
    pub async fn run(&self, reactor: &Reactor, poster: &impl Poster) {
        self.post_until(reactor, poster, Millis::MAX).await;
    }

    /// Tries each receiver once more, now. What is not taken until `deadline` is dropped, and the log is told.
    pub async fn shut_down(&self, reactor: &Reactor, poster: &impl Poster, deadline: Instant) {
        self.entries.borrow_mut().iter_mut().for_each(|entry| entry.lane.hurry());
        let until = millis(deadline.saturating_duration_since(self.start));
        smol::future::or(self.post_until(reactor, poster, until), reactor.sleep_until(deadline)).await;
        let lost: usize = self.entries.borrow_mut().iter_mut().map(|entry| entry.lane.drop_all()).sum();
        if lost > 0 {
            log::warn!("{lost} messages to chats and webhooks were not delivered");
        }
    }

    /// Posts until there is nothing to be posted before `until`; if that is no time at all, for ever.
    async fn post_until(&self, reactor: &Reactor, poster: &impl Poster, until: Millis) {
        let mut flights: Vec<Flight<'_>> = Vec::new();
        // A sleep that is dropped wakes nobody.
        let mut sleep: Option<Sleep<'_>> = None;
        poll_fn(|context| {
            loop {
                self.depart(&mut flights, reactor, poster);
                if self.land(&mut flights, context) {
                    continue;
                }
                let due = self.entries.borrow().iter().filter_map(|entry| entry.lane.due()).min();
                if until < Millis::MAX && flights.is_empty() && due.is_none_or(|due| due > until) {
                    return Poll::Ready(());
                }
                self.idle.set(Some(context.waker().clone()));
                sleep = due.map(|due| reactor.sleep_until(self.start + Duration::from_millis(due)));
                if sleep.as_mut().is_none_or(|sleep| Pin::new(sleep).poll(context).is_pending()) {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }

    /// Sends off what is due.
    fn depart<'p>(&self, flights: &mut Vec<Flight<'p>>, reactor: &'p Reactor, poster: &'p impl Poster) {
        let now = self.now();
        for entry in self.entries.borrow_mut().iter_mut() {
            if let Some(body) = entry.lane.take(now) {
                let receiver = Rc::clone(&entry.receiver);
                let deadline = Instant::now() + self.post_timeout;
                let post = Box::pin(async move {
                    let late = async {
                        reactor.sleep_until(deadline).await;
                        (Verdict::Again(None), "no answer in time".into())
                    };
                    smol::future::or(post(&receiver, &body, poster), late).await
                });
                flights.push(Flight { id: entry.id, post });
            }
        }
    }

    /// Takes in what has arrived and says whether anything has.
    fn land(&self, flights: &mut Vec<Flight<'_>>, context: &mut Context<'_>) -> bool {
        let before = flights.len();
        flights.retain_mut(|flight| match flight.post.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready((verdict, why)) => {
                if let Some(entry) = self.entries.borrow_mut().iter_mut().find(|entry| entry.id == flight.id) {
                    entry.lane.finish(verdict, self.now(), fastrand::u32(..));
                    entry.report(verdict, &why);
                }
                false
            }
        });
        flights.len() < before
    }

    fn now(&self) -> Millis {
        millis(self.start.elapsed())
    }
}

impl Entry {
    /// Tells the log of the first failure, and of the first success after it.
    fn report(&mut self, verdict: Verdict, why: &str) {
        let trouble = verdict != Verdict::Sent;
        if std::mem::replace(&mut self.trouble, trouble) == trouble {
            return;
        }
        let (label, host) = (self.receiver.label, self.receiver.host());
        match verdict {
            Verdict::Sent => log::info!("{label} {host} takes messages again"),
            Verdict::Refused => log::warn!("{label} {host} refuses a message: {why}"),
            Verdict::Again(_) => log::warn!("{label} {host} takes no message, which is tried again: {why}"),
        }
    }
}

/// One try.
async fn post(receiver: &Receiver, body: &str, poster: &impl Poster) -> (Verdict, String) {
    let mut headers: Vec<(&str, &str)> = Vec::with_capacity(receiver.headers.len() + 1);
    headers.extend(receiver.headers.iter().map(|(name, value)| (name.as_str(), value.reveal())));
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type", "application/json"));
    }
    match poster.post(receiver.url.reveal(), &headers, body.as_bytes(), &receiver.tls).await {
        Ok((status, retry_after_secs)) => {
            (Verdict::of(status, retry_after_secs), ["status ", itoa::Buffer::new().format(status)].concat())
        }
        Err(failure) => {
            let cause = failure.cause();
            let told = if receiver.is_given_away_by(cause) { failure.kind.label() } else { cause };
            (Verdict::Again(None), told.into())
        }
    }
}

fn add(sums: &mut Vec<(&'static str, Counts)>, label: &'static str, counts: Counts) {
    match sums.iter_mut().find(|(known, _)| *known == label) {
        Some((_, sum)) => {
            sum.sent += counts.sent;
            sum.failed += counts.failed;
            sum.retried += counts.retried;
            sum.dropped += counts.dropped;
        }
        None => sums.push((label, counts)),
    }
}

#[cfg(test)]
mod tests;
