//! Threads for what would hold up the executor: few, with small stacks, and none while there is nothing to do. A pool of
//! the runtime's own kind would keep its threads.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::limits::{WORKER_LINGER, WORKER_QUEUE, WORKER_STACK_BYTES};

/// In which order jobs have their turn; among equals, the first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Known to be done soon.
    Proven,
    /// Nothing is known of it.
    New,
    /// It took long before, or failed.
    Doubtful,
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads of one purpose and the jobs that wait for them.
pub(super) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    threads: usize,
    /// Of them, those that may have a job which is not proven.
    unproven: usize,
    queue: Mutex<Queue>,
    more: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Standing, Job)>,
    threads: usize,
    idle: usize,
    /// Jobs being done that are not proven.
    unproven: usize,
    closed: bool,
}

impl Pool {
    /// At most `threads`, of which at most `unproven` do what is not proven to be done soon.
    pub(super) fn new(name: &'static str, threads: usize, unproven: usize) -> Self {
        Pool { shared: Arc::new(Shared { name, threads, unproven, queue: Mutex::default(), more: Condvar::new() }) }
    }

    /// Has `job` done in its turn. It fails when there is no thread and none can be started, or too much waits already.
    pub(super) fn submit(&self, standing: Standing, job: Job) -> io::Result<()> {
        let mut queue = self.shared.lock();
        if queue.jobs.len() >= WORKER_QUEUE {
            return Err(io::Error::other("too much waits to be done"));
        }
        queue.jobs.push_back((standing, job));
        self.shared.call_hands(&mut queue).inspect_err(|_| drop(queue.jobs.pop_back()))
    }

    /// Threads there are now.
    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.shared.lock().threads
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.jobs.clear();
        self.shared.more.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that whatever may be done has a thread that will.
    fn call_hands(self: &Arc<Self>, queue: &mut Queue) -> io::Result<()> {
        let proven = queue.jobs.iter().filter(|(standing, _)| *standing == Standing::Proven).count();
        let unproven = (queue.jobs.len() - proven).min(self.unproven.saturating_sub(queue.unproven));
        if queue.idle > 0 {
            self.more.notify_one();
        }
        if proven + unproven <= queue.idle || queue.threads >= self.threads {
            return Ok(());
        }
        let shared = Arc::clone(self);
        let thread = thread::Builder::new().name(self.name.into()).stack_size(WORKER_STACK_BYTES);
        match thread.spawn(move || shared.work()) {
            Ok(_) => queue.threads += 1,
            // Those that there are will come to it.
            Err(_) if queue.threads > 0 => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What each thread does.
    fn work(self: Arc<Self>) {
        let mut queue = self.lock();
        loop {
            if let Some((standing, job)) = self.take(&mut queue) {
                let unproven = usize::from(standing != Standing::Proven);
                queue.unproven += unproven;
                let _ = self.call_hands(&mut queue);
                drop(queue);
                job();
                queue = self.lock();
                queue.unproven -= unproven;
                continue;
            }
            if queue.closed {
                break;
            }
            queue.idle += 1;
            let waited = self.more.wait_timeout(queue, WORKER_LINGER).unwrap_or_else(PoisonError::into_inner);
            queue = waited.0;
            queue.idle -= 1;
            if waited.1.timed_out() && self.next(&queue).is_none() {
                break;
            }
        }
        queue.threads -= 1;
        if queue.threads == 0 {
            // What a burst has made it grow to.
            queue.jobs.shrink_to_fit();
        }
    }

    fn take(&self, queue: &mut Queue) -> Option<(Standing, Job)> {
        let at = self.next(queue)?;
        queue.jobs.remove(at)
    }

    /// Which job is next; `None` where the only ones left have to wait for others to end.
    fn next(&self, queue: &Queue) -> Option<usize> {
        let full = queue.unproven >= self.unproven;
        let may = |standing| standing == Standing::Proven || !full;
        let ready = queue.jobs.iter().enumerate().filter(|(_, (standing, _))| may(*standing));
        ready.min_by_key(|(_, (standing, _))| *standing).map(|(at, _)| at)
    }
}

/// Where a thread puts what one task waits for.
pub(super) struct Slot<T>(Mutex<(Option<T>, Option<Waker>)>);

impl<T> Slot<T> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Slot(Mutex::new((None, None))))
    }

    /// Puts it there and wakes the task.
    pub(super) fn put(&self, value: T) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = Some(value);
        let waker = inner.1.take();
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether the task has gone, which held the other end.
    pub(super) fn abandoned(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }
}

/// The task's end of a [`Slot`].
pub(super) struct Taken<T>(pub(super) Arc<Slot<T>>);

impl<T> Future for Taken<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut inner = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                inner.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::{Duration, Instant};

    /// A job that says its name when it begins and ends when it is told to.
    fn job(name: &'static str, begun: &Sender<&'static str>) -> (Job, Sender<()>) {
        let (begun, (end, told)) = (begun.clone(), channel());
        let job = move || {
            begun.send(name).unwrap();
            let _ = told.recv();
        };
        (Box::new(job), end)
    }

    fn next(begun: &Receiver<&'static str>) -> Option<&'static str> {
        begun.recv_timeout(Duration::from_millis(50)).ok()
    }

    fn ends(pool: &Pool) -> bool {
        let late = Instant::now() + WORKER_LINGER * 10;
        while pool.threads() > 0 && Instant::now() < late {
            thread::sleep(Duration::from_millis(10));
        }
        pool.threads() == 0
    }

    #[test]
    fn what_is_doubtful_leaves_a_thread_to_what_is_proven() {
        let pool = Pool::new("test", 3, 2);
        let (begun, names) = channel();
        let mut ends_of = Vec::new();
        for (name, standing) in [
            ("d1", Standing::Doubtful),
            ("d2", Standing::Doubtful),
            ("d3", Standing::Doubtful),
            ("n1", Standing::New),
            ("p1", Standing::Proven),
        ] {
            let (job, end) = job(name, &begun);
            pool.submit(standing, job).unwrap();
            if name.starts_with('d') && name != "d3" {
                assert_eq!(next(&names), Some(name));
            }
            ends_of.push(end);
        }
        assert_eq!((next(&names), next(&names)), (Some("p1"), None));
        ends_of.remove(0);
        assert_eq!((next(&names), next(&names)), (Some("n1"), None));
        ends_of.remove(0);
        assert_eq!((next(&names), pool.threads()), (Some("d3"), 3));
        drop(ends_of);
        assert!(ends(&pool));
    }

    #[test]
    fn a_thread_ends_when_there_is_nothing_to_do_and_another_begins() {
        let pool = Pool::new("test", 1, 1);
        for _ in 0..2 {
            let slot = Slot::new();
            let put = Arc::clone(&slot);
            pool.submit(Standing::New, Box::new(move || put.put(5))).unwrap();
            assert_eq!(smol::block_on(Taken(slot)), 5);
            assert_eq!(pool.threads(), 1);
            assert!(ends(&pool));
        }
    }

    #[test]
    fn no_more_waits_than_is_bounded() {
        let pool = Pool::new("test", 1, 1);
        let (begun, names) = channel();
        let (first, end) = job("first", &begun);
        pool.submit(Standing::New, first).unwrap();
        assert_eq!(next(&names), Some("first"));
        for _ in 0..WORKER_QUEUE {
            pool.submit(Standing::New, Box::new(|| ())).unwrap();
        }
        assert!(pool.submit(Standing::New, Box::new(|| ())).is_err());
        drop(end);
        assert!(ends(&pool));
        pool.submit(Standing::New, Box::new(|| ())).unwrap();
    }

    #[test]
    fn without_a_pool_the_threads_end() {
        let pool = Pool::new("test", 1, 1);
        let shared = Arc::clone(&pool.shared);
        pool.submit(Standing::New, Box::new(|| ())).unwrap();
        drop(pool);
        thread::sleep(WORKER_LINGER / 2);
        assert_eq!(shared.lock().threads, 0);
    }
}
