//! Every capacity and every time-out, each with its unit and its reason. What does not fit is counted and reported,
//! never lost unseen.

mod otlp;

pub use otlp::*;

use core::time::Duration;

/// CPUs whose times are kept one by one. The sum over all CPUs comes from the kernel and is right beyond this too;
/// those left out are counted in `imalive_cpus_dropped`.
pub const CPUS: usize = 64;

/// Bytes of a node's name: the kernel's `HOST_NAME_MAX` (uname(2)).
pub const NODE_NAME_BYTES: usize = 64;

/// Bytes read from a kernel file at a time: one page, the most that seq_file hands out at once.
pub const READ_BYTES: usize = 4096;

/// A kernel file. 100,000 mounts, the most that a mount namespace may hold (`fs.mount-max`), are seldom longer; what is
/// has no end.
pub const KERNEL_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The longest line of `/proc/self/mountinfo` that is looked at: two paths of `PATH_MAX` would be 8,192 bytes, and
/// overlay options longer still, but the fields that matter stand in front.
pub const MOUNT_LINE_BYTES: usize = READ_BYTES;

/// How old a reading may be before a request or a heartbeat takes a new one. Just under a second: with a beat a second
/// each beat has its own reading although timers waver. Much less, and the kernel's 10 ms ticks make a percentage coarse.
pub const READING_MAX_AGE: Duration = Duration::from_millis(900);

/// How long an answer of statvfs(3) from a network mount stays true when the mount stops answering.
pub const DISK_MAX_AGE: Duration = Duration::from_secs(30);

/// How long a reading waits for statvfs(3) of a mount that may hang, when it has no earlier answer and none is overdue:
/// once at the start, and once when the mount stops answering.
pub const DISK_WAIT: Duration = Duration::from_millis(10);

/// Threads that wait for such mounts: one, and one for each mount that was given up and replaced while it hung.
pub const DISK_THREADS: usize = 4;

/// Symbolic links in a path: the kernel's own bound (path_resolution(7)).
pub const SYMLINKS: usize = 40;

/// Stack of the thread that asks statvfs of a mount that may hang: the call itself needs less than a page.
pub const DISK_THREAD_STACK_BYTES: usize = 16 * 1024;

/// Simultaneous connections, unless `MAX_CONNECTIONS` says less. The next client takes the place of the one that has
/// been idle or unfinished longest.
pub const CONNECTIONS: usize = 128;

/// Pending connections that the kernel queues before they are accepted; Linux's own default bound (`SOMAXCONN`).
pub const LISTEN_BACKLOG: i32 = 4096;

/// Clients accepted before those accepted are served: well below [`CONNECTIONS`], so that in a flood every one has its
/// turn before it is the one that has to go.
pub const ACCEPT_BATCH: usize = 16;

/// Ready sockets that one wait tells of; the rest are told by the next.
pub const EVENTS: usize = 64;

/// A request line, method to version: the 8,000 octets that RFC 9112 section 3 recommends to support.
pub const REQUEST_LINE_BYTES: usize = 8000;

/// A whole request head: the longest line and 4 KB of header fields.
pub const REQUEST_HEAD_BYTES: usize = 12 * 1024;

/// Header fields of one request.
pub const REQUEST_HEADERS: usize = 64;

/// Answers to pipelined requests that are made before they are sent: beyond it the next request waits its turn.
pub const OUTPUT_BYTES: usize = 16 * 1024;

/// Of the memory for answers, what is kept from one turn to the next: a health check's takes 300 bytes.
pub const OUTPUT_KEPT_BYTES: usize = 4 * 1024;

/// Of the memory for answers, what is taken beyond that: above the 128 KB from which glibc and musl map an allocation. What
/// is said of all monitors is made in as much from the start: its pieces would scatter what lives longer.
pub const OUTPUT_MAPPED_BYTES: usize = 256 * 1024;

/// The head of an answer: a status line, six fields and the longest correlation id.
pub const RESPONSE_HEAD_BYTES: usize = 512;

/// A request body. No endpoint has a use for one: it is read and dropped so that the connection can go on.
pub const REQUEST_BODY_BYTES: u64 = 64 * 1024;

/// One chunk-size line with its extensions, and all trailer fields together (RFC 9112 section 7.1).
pub const CHUNK_LINE_BYTES: usize = 1024;

/// Characters of a client's `x-imalive-cid` that are echoed.
pub const CID_BYTES: usize = 64;

/// From the first byte of a request to the end of its head and body; then 408.
pub const HEAD_TIMEOUT_SECS: u64 = 10;

/// An idle connection between two requests: longer than the 60 s of common load balancers, so that they close first.
pub const IDLE_TIMEOUT_SECS: u64 = 75;

/// For a client to take its answer.
pub const WRITE_TIMEOUT_SECS: u64 = 10;

/// After an error answer the rest of the request is read and dropped this long, so that no reset overtakes the answer
/// (RFC 9112 section 9.6).
pub const LINGER_SECS: u64 = 2;

/// Bytes dropped while lingering.
pub const LINGER_BYTES: u64 = 1024 * 1024;

/// Pause before accepting again when the process is out of file descriptors and holds no connection it could close.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How long accept(2) must not have failed for want of descriptors before the log is told of it anew.
pub const EXHAUSTED: Duration = Duration::from_secs(60);

/// For answers in flight after SIGTERM.
pub const SHUTDOWN: Duration = Duration::from_millis(800);

/// How often the answers in flight are looked at meanwhile.
pub const SHUTDOWN_POLL: Duration = Duration::from_millis(10);

/// For `imalive healthcheck`, from connecting to the last byte.
pub const HEALTHCHECK: Duration = Duration::from_secs(5);

/// The answer to `imalive healthcheck`, head and body: what an agent says takes 300 bytes.
pub const HEALTHCHECK_BYTES: usize = 16 * 1024;

/// A manifest file.
pub const MANIFEST_BYTES: usize = 64 * 1024;

/// The longest heartbeat, of which a blocked stdout may leave all but the first bytes waiting. A later beat is dropped
/// and counted.
pub const HEARTBEAT_BYTES: usize = 64 * 1024;

/// How often the service manager is told how the node is, where it has no watchdog interval of its own: four times in
/// this.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(30);

/// The least watchdog interval that is kept: below it, the agent would do nothing but feed it.
pub const WATCHDOG_MIN: Duration = Duration::from_millis(10);

/// The text of one diagnostic: with its time and level it stays below the 4,096 bytes that a pipe takes at once.
pub const DIAGNOSTIC_BYTES: usize = 2048;

/// How long a machine without systemd-timesyncd has after its start to set its clock: until then a certificate that is
/// not valid yet says nothing.
pub const CLOCK_SETTLES: Duration = Duration::from_secs(600);

/// For a connection to what proves this node online: below the time-out of most checks, so that it is known before them.
pub const TARGET_TIMEOUT: Duration = Duration::from_secs(5);

/// Memory that a flood of unfinished heads may hold in all.
pub const UNFINISHED_HEADS_BUDGET_BYTES: usize = 2 * 1024 * 1024;

const _: () = assert!(ACCEPT_BATCH < CONNECTIONS);
const _: () = assert!(REQUEST_LINE_BYTES < REQUEST_HEAD_BYTES);
const _: () = assert!(CONNECTIONS * REQUEST_HEAD_BYTES <= UNFINISHED_HEADS_BUDGET_BYTES);
const _: () = assert!(SHUTDOWN.as_millis() < 1000);
const _: () = assert!(READ_BYTES <= REQUEST_HEAD_BYTES);

/// Until every monitor has been checked for the first time, so that states are known soon after the start.
pub const FIRST_CHECKS: Duration = Duration::from_secs(10);

/// Between two checks of one connectivity target, however many monitors ask for proof that this node is online.
pub const CONNECTIVITY_SPACING: Duration = Duration::from_secs(1);

/// How often each connectivity target is checked while this node is offline. Nobody is disturbed by it: it is the link
/// that is down.
pub const CONNECTIVITY_RETRY: Duration = Duration::from_secs(5);

/// Over this the checks are spread that are due at once: when this node is back online, or when a host has fallen.
pub const RECHECK_SPREAD: Duration = Duration::from_secs(3);

/// How old a check of a monitor must be for the failure of another one on the same host to bring the next one forward.
pub const RECHECK_MIN_AGE: Duration = Duration::from_secs(2);

/// From a change to the message about it, so that what falls together is told together and what is mended in this time
/// is not told at all. An offline period shorter than this is not told either.
pub const DIGEST: Duration = Duration::from_secs(5);

/// How long a message waits at most for monitors that are failing in the same way but are not down yet.
pub const DIGEST_HOLD: Duration = Duration::from_secs(30);

/// From one message to the next that tells the same news of other monitors: those of a network that falls are checked
/// one after the other.
pub const DIGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often it is looked whether a message that waits for other monitors may go.
pub const DIGEST_POLL: Duration = Duration::from_secs(1);

/// How often it is looked whether a maintenance window that holds a message back has ended.
pub const MAINTENANCE_POLL: Duration = Duration::from_secs(10);

/// A monitor that has been down this often within [`FLAP_WINDOW`] and falls again is flapping.
pub const FLAP_OUTAGES: usize = 3;

/// See [`FLAP_OUTAGES`].
pub const FLAP_WINDOW: Duration = Duration::from_secs(3600);

/// How long a monitor has to be in one state to be no longer flapping, and how far apart messages about a link that
/// flaps are.
pub const FLAP_STABLE: Duration = Duration::from_secs(600);

// Monitors are checked again before it is told which of them were unknown.
const _: () = assert!(RECHECK_SPREAD.as_millis() < DIGEST.as_millis());
const _: () = assert!(FLAP_STABLE.as_millis() < FLAP_WINDOW.as_millis());

/// `imalive.yml`: 2 KB for each of [`MONITORS`], where one takes 300 bytes.
pub const CONFIG_FILE_BYTES: usize = 256 * 1024;

/// Mappings and lists within one another: the deepest that means something is the field of a monitor's header, the fifth.
pub const CONFIG_FILE_DEPTH: usize = 8;

/// Keys, values, lists and mappings, those that aliases stand for counted as often: 60 for each of [`MONITORS`], and
/// 500 KB in memory while the file is read.
pub const CONFIG_FILE_NODES: usize = 8192;

/// Monitors: 1 KB each for what is configured and known of it, and 2 KB of every answer to `/v1/prom`. The roots of
/// trust and the connections of four checks weigh more than all of them.
pub const MONITORS: usize = 128;

/// Bytes of a monitor's name, which stands in each of its twelve series.
pub const MONITOR_NAME_BYTES: usize = 128;

/// Bytes of a value once its references are resolved: a request body in most cases.
pub const CONFIG_VALUE_BYTES: usize = 64 * 1024;

/// A file that holds a secret, or the body of a request.
pub const SECRET_FILE_BYTES: usize = CONFIG_VALUE_BYTES;

/// Header fields of one monitor or webhook; a server such as nginx takes about as many.
pub const CHECK_HEADERS: usize = 32;

/// Targets that prove this node to be online, of each scope: one that answers is enough.
pub const CONNECTIVITY_TARGETS: usize = 8;

/// Maintenance windows, one for each day of a weekly one: all are looked at once a second.
pub const MAINTENANCE_WINDOWS: usize = 64;

/// Webhooks: each has a queue of messages.
pub const WEBHOOKS: usize = 8;

/// The shortest time-out of a check: less than a way around the world and back is a false alarm.
pub const CHECK_TIMEOUT_MIN: Duration = Duration::from_millis(100);

/// The longest: what answers after ten minutes is not alive.
pub const CHECK_TIMEOUT_MAX: Duration = Duration::from_secs(600);

/// The shortest time from one check to the next, and of a retry: one second, as of heartbeats.
pub const CHECK_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The longest: a day, as of heartbeats.
pub const CHECK_INTERVAL_MAX: Duration = Duration::from_secs(86_400);

/// Failures or successes in a row that may be asked for: three hours of checks ten seconds apart.
pub const CHECK_THRESHOLD: u32 = 1000;

/// Redirects followed unless the file says otherwise: what browsers and curl meet is below five.
pub const REDIRECTS: u8 = 10;

/// Redirects that may be asked for: what the original's HTTP library follows.
pub const REDIRECTS_MAX: u8 = 30;

/// The shortest time from one reminder to the next: below a minute it is a flood.
pub const REMINDER_MIN: Duration = Duration::from_secs(60);

/// The longest: a month.
pub const REMINDER_MAX: Duration = Duration::from_secs(30 * 86_400);

/// The shortest maintenance window: a minute, in which it is written down.
pub const MAINTENANCE_MIN: Duration = Duration::from_secs(60);

const _: () = assert!(MONITORS <= u16::MAX as usize);
const _: () = assert!(MONITORS * 2048 <= CONFIG_FILE_BYTES);
const _: () = assert!(MONITORS * 60 <= CONFIG_FILE_NODES);

/// What stands in a path in place of `{name}`, decoded: the longest name of a monitor. It is kept while a body comes.
pub const PATH_PARAMETER_BYTES: usize = 256;

/// Names of monitors in one message to people; what follows is "and 5 more".
pub const NOTICE_NAMES: usize = 10;

/// Characters of a name in a message to people.
pub const NOTICE_NAME_CHARS: usize = 64;

/// Characters of a cause in a message to people.
pub const NOTICE_CAUSE_CHARS: usize = 512;

/// Monitors in the body of one webhook: with their causes a message of 25 KB.
pub const NOTICE_ITEMS: usize = 32;

/// Characters of a text that Discord takes.
pub const DISCORD_TEXT_CHARS: usize = 2000;

/// Characters of a text that Slack shows without folding it away.
pub const SLACK_TEXT_CHARS: usize = 3000;

// And the words between them.
const _: () =
    assert!(NOTICE_NAMES * (NOTICE_NAME_CHARS + 2) + NOTICE_CAUSE_CHARS + NODE_NAME_BYTES + 256 <= DISCORD_TEXT_CHARS);

/// Messages that wait for one chat or webhook. The oldest makes room for the next and is counted.
pub const OUTBOX_MESSAGES: usize = 32;

/// Bytes of the messages that wait for one chat or webhook, and of the longest message.
pub const OUTBOX_BYTES: usize = 32 * 1024;

/// For one message to a chat or webhook, from the name to the answer.
pub const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// The least and the longest pause before a message is tried again: twice as long after each failure.
pub const POST_RETRY_MIN: Duration = Duration::from_secs(5);

/// See [`POST_RETRY_MIN`].
pub const POST_RETRY_MAX: Duration = Duration::from_secs(5 * 60);

/// The longest pause that a receiver may ask for (`Retry-After`).
pub const POST_RETRY_AFTER_MAX: Duration = Duration::from_secs(60 * 60);

/// How old a message may become before it is given up: who is told a day late has seen it otherwise.
pub const POST_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

const _: () = assert!(DIAGNOSTIC_BYTES < OUTBOX_BYTES);

/// Descriptors that checks leave to the server: its places, and half of the limit where that is less.
pub const RESERVED_DESCRIPTORS: u64 = CONNECTIONS as u64 + 32;

/// Threads that look up names, which may block for as long as a name server does not answer.
pub const NAME_THREADS: usize = 3;

/// Of them, those that names may hold which are not known to be answered at once: so one is left for those that are.
pub const DOUBTFUL_NAME_THREADS: usize = 2;

/// Threads that do the arithmetic of TLS: one, so that it takes no more than one CPU from the rest of the machine.
pub const TLS_THREADS: usize = 1;

/// All of them together.
pub const WORKER_THREADS: usize = 4;

/// Stack of each. Of it, a TLS handshake touches 40 KB on a PC, looking up a name 20 KB; the rest is never mapped.
pub const WORKER_STACK_BYTES: usize = 128 * 1024;

/// How long a thread without work stays: the steps of one handshake are a network's round trip apart.
pub const WORKER_LINGER: Duration = Duration::from_millis(200);

/// Names, or steps of TLS, that wait for a thread.
pub const WORKER_QUEUE: usize = 256;

/// What a name has to have waited to be told so: on a node that is not busy, starting a thread takes a tenth of it.
pub const QUEUE_MIN: Duration = Duration::from_millis(10);

/// Phases of a request whose times are kept, 8 bytes each: five a request, and as many for each redirect.
pub const PHASES: usize = 16;

/// A name that took longer is looked up behind others the next time.
pub const NAME_SLOW: Duration = Duration::from_secs(1);

/// Names of which is kept how looking them up went.
pub const NAMES: usize = 256;

/// Addresses of one name that are tried. Each may hold a socket until the check ends.
pub const ADDRESSES: usize = 4;

/// How long one address has before the next is tried beside it: what RFC 8305 section 5 recommends.
pub const ADDRESS_HEAD_START: Duration = Duration::from_millis(250);

/// Bytes read from a peer at a time.
pub const PEER_READ_BYTES: usize = 4 * 1024;

/// The head of a peer's answer, those that only announce it included.
pub const ANSWER_HEAD_BYTES: usize = 16 * 1024;

/// A host's name, the root's dot included (RFC 1035 section 2.3.4): a redirect may lead to any, and causes repeat it.
pub const HOST_BYTES: usize = 254;

/// What is read of an answer that only redirects.
pub const REDIRECT_BODY_BYTES: u64 = 64 * 1024;

/// What is read of an answer to find in it what it has to contain.
pub const BODY_MATCH_BYTES: u64 = 256 * 1024;

/// What comes of the body of an answer, sizes of chunks and trailers included: enough for [`BODY_MATCH_BYTES`] in chunks of
/// one byte, six each.
pub const ANSWER_BYTES: u64 = 8 * BODY_MATCH_BYTES;

/// Characters of an unexpected answer that the log shows.
pub const BODY_SHOWN_CHARS: usize = 256;

/// A file of trusted authorities: Debian's is 220 KB.
pub const AUTHORITIES_BYTES: u64 = 4 * 1024 * 1024;

/// A file with this node's certificate, or its key.
pub const CLIENT_CERTIFICATE_BYTES: u64 = 64 * 1024;

/// Different ways to judge a peer's certificate that are kept ready.
pub const TLS_CONFIGS: usize = 64;

const _: () = assert!(NAME_THREADS + TLS_THREADS <= WORKER_THREADS);
const _: () = assert!(DOUBTFUL_NAME_THREADS < NAME_THREADS);
