//! statvfs(3), at once or with patience.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::fs::StatVfsMountFlags;
use rustix::io::Errno;

use super::notice::Cause;
use crate::limits::{DISK_MAX_AGE, DISK_THREAD_STACK_BYTES, DISK_THREADS, DISK_WAIT};
use crate::parse::proc_mountinfo::Mount;
use crate::snapshot::Disk;

/// How the space of a file system is asked for: [`statvfs`], but for tests.
pub(super) type Ask = Arc<dyn Fn(&Path) -> Result<Disk, Errno> + Send + Sync>;

/// The space of the file system that `path` is on.
pub(super) fn statvfs(path: &Path) -> Result<Disk, Errno> {
    let space = rustix::fs::statvfs(path)?;
    // Blocks are counted in `f_frsize`; `f_bsize` is only the size that is good for reading (statvfs(3)).
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    Ok(Disk {
        total_bytes: bytes(space.f_blocks),
        free_bytes: bytes(space.f_bfree),
        available_bytes: bytes(space.f_bavail),
        read_only: space.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// Asks of a mount that may hang. The question waits on a thread of its own, one question at a time.
pub(super) struct Patient {
    path: Arc<Path>,
    ask: Ask,
    mount_id: u64,
    question: Option<Question>,
    /// The last answer, and when it was asked for.
    answer: Option<(Result<Disk, Errno>, Instant)>,
    /// Each waiting thread holds a clone.
    threads: Arc<()>,
}

struct Question {
    asked: Instant,
    reply: Arc<Reply>,
}

#[derive(Default)]
struct Reply {
    answer: Mutex<Option<Result<Disk, Errno>>>,
    given: Condvar,
}

impl Reply {
    fn give(&self, answer: Result<Disk, Errno>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        self.given.notify_one();
    }

    fn take(&self, wait: bool) -> Option<Result<Disk, Errno>> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        if wait {
            let waited = self.given.wait_timeout_while(answer, DISK_WAIT, |answer| answer.is_none());
            answer = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        answer.take()
    }
}

impl Patient {
    pub fn new(path: Arc<Path>, ask: Ask) -> Self {
        Patient { path, ask, mount_id: 0, question: None, answer: None, threads: Arc::default() }
    }

    /// The last answer, if it is not too old or the mount has only just been asked again.
    pub fn space(&mut self, mount: Mount, now: Instant) -> Result<Disk, Cause> {
        if self.mount_id != mount.id {
            // Mounted anew. A question to the mount before may never be answered: its thread is left behind.
            self.mount_id = mount.id;
            self.question = None;
            self.answer = None;
        }
        self.collect(false);
        let asked_now = self.question.is_none() && self.start(now);
        if asked_now && !self.has_answer_since(now) {
            self.collect(true);
        }
        match self.answer {
            Some((answer, _)) if asked_now || self.has_answer_since(now) => answer.map_err(Cause::Statvfs),
            _ => Err(Cause::NoAnswer(mount.fs_type)),
        }
    }

    fn has_answer_since(&self, now: Instant) -> bool {
        self.answer.is_some_and(|(_, asked)| now.saturating_duration_since(asked) < DISK_MAX_AGE)
    }

    /// Takes the answer if it is there, or comes in time.
    fn collect(&mut self, wait: bool) {
        if let Some(Question { asked, reply }) = &self.question
            && let Some(answer) = reply.take(wait)
        {
            self.answer = Some((answer, *asked));
            self.question = None;
        }
    }

    /// Asks on a thread; not where too many wait already, nor where the system has no thread to give.
    fn start(&mut self, now: Instant) -> bool {
        if Arc::strong_count(&self.threads) > DISK_THREADS {
            return false;
        }
        let reply = Arc::new(Reply::default());
        let (path, ask, to, waits) = (self.path.clone(), self.ask.clone(), reply.clone(), self.threads.clone());
        let thread = thread::Builder::new().name("statvfs".into()).stack_size(DISK_THREAD_STACK_BYTES);
        let started = thread.spawn(move || {
            to.give(ask(&path));
            drop(waits);
        });
        self.question = started.is_ok().then_some(Question { asked: now, reply });
        self.question.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::proc_mountinfo::FsType;
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    const DISK: Disk = Disk { total_bytes: 100, free_bytes: 50, available_bytes: 40, read_only: false };

    fn nfs(id: u64) -> Mount {
        Mount { id, fs_type: FsType::new(b"nfs4"), read_only: Some(false) }
    }

    fn stuck() -> Result<Disk, Cause> {
        Err(Cause::NoAnswer(FsType::new(b"nfs4")))
    }

    /// A mount that answers one question for each message sent to it.
    fn mount() -> (Patient, Sender<Result<Disk, Errno>>) {
        let (send, receive) = channel();
        let receive = Mutex::new(receive);
        let ask: Ask = Arc::new(move |_: &Path| receive.lock().unwrap().recv().unwrap_or(Err(Errno::IO)));
        (Patient::new(Path::new("/mnt/nas").into(), ask), send)
    }

    /// Until no thread waits, so that a test does not depend on how fast one is.
    fn settle(patient: &Patient) {
        while Arc::strong_count(&patient.threads) > 1 {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_mount_that_answers_is_read_at_once() {
        let (mut patient, answers) = mount();
        answers.send(Ok(DISK)).unwrap();
        let now = Instant::now();
        let first = patient.space(nfs(1), now);
        // On a busy machine the answer may come after the wait: then it is there the next time.
        settle(&patient);
        answers.send(Ok(DISK)).unwrap();
        assert!(first == Ok(DISK) || first == stuck());
        assert_eq!(patient.space(nfs(1), now), Ok(DISK));
    }

    #[test]
    fn a_stuck_mount_is_waited_for_once_and_by_one_thread() {
        let (mut patient, answers) = mount();
        let start = Instant::now();
        for beat in 0..1000 {
            assert_eq!(patient.space(nfs(1), start + beat * Duration::from_secs(10)), stuck());
            assert_eq!(Arc::strong_count(&patient.threads), 2);
        }
        assert!(start.elapsed() < DISK_WAIT * 100, "{:?}", start.elapsed());
        answers.send(Ok(DISK)).unwrap();
        settle(&patient);
        assert_eq!(patient.space(nfs(1), start + Duration::from_secs(20_000)), Ok(DISK));
    }

    #[test]
    fn an_answer_holds_until_it_is_too_old() {
        let (mut patient, answers) = mount();
        let now = Instant::now();
        answers.send(Ok(DISK)).unwrap();
        let _ = patient.space(nfs(1), now);
        settle(&patient);
        assert_eq!(patient.space(nfs(1), now + Duration::from_secs(10)), Ok(DISK));
        assert_eq!(patient.space(nfs(1), now + Duration::from_secs(29)), Ok(DISK));
        assert_eq!(patient.space(nfs(1), now + DISK_MAX_AGE), stuck());
    }

    #[test]
    fn a_beat_that_is_longer_than_an_answer_holds_still_gets_one() {
        let (mut patient, answers) = mount();
        let now = Instant::now();
        answers.send(Ok(DISK)).unwrap();
        let _ = patient.space(nfs(1), now);
        settle(&patient);
        let hour = Duration::from_secs(3600);
        assert_eq!(patient.space(nfs(1), now + hour), Ok(DISK));
        assert_eq!(patient.space(nfs(1), now + 2 * hour), stuck());
    }

    #[test]
    fn a_refusal_is_not_silence() {
        let (mut patient, answers) = mount();
        answers.send(Err(Errno::STALE)).unwrap();
        let now = Instant::now();
        let _ = patient.space(nfs(1), now);
        settle(&patient);
        assert_eq!(patient.space(nfs(1), now), Err(Cause::Statvfs(Errno::STALE)));
    }

    #[test]
    fn a_mount_that_replaces_a_stuck_one_is_asked_itself_but_not_without_end() {
        let (mut patient, answers) = mount();
        for id in 1..100 {
            assert_eq!(patient.space(nfs(id), Instant::now()), stuck());
        }
        assert_eq!(Arc::strong_count(&patient.threads), 1 + DISK_THREADS);
        drop(answers);
        settle(&patient);
    }

    #[test]
    fn the_real_call_runs_on_so_small_a_stack() {
        let mut patient = Patient::new(Path::new("/").into(), Arc::new(statvfs));
        let now = Instant::now();
        let _ = patient.space(nfs(1), now);
        settle(&patient);
        let disk = patient.space(nfs(1), now).unwrap();
        assert_eq!(disk.total_bytes, statvfs(Path::new("/")).unwrap().total_bytes);
    }

    #[test]
    fn a_file_system_without_blocks_is_taken_as_it_is() {
        let proc = statvfs(Path::new("/proc")).unwrap();
        assert_eq!((proc.total_bytes, proc.used_bytes()), (0, 0));
        assert_eq!(statvfs(Path::new("/nowhere")), Err(Errno::NOENT));
    }
}
