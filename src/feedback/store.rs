//! Keeps submissions while the service runs: one thread writes, and what arrives together shares one fsync.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Semaphore, oneshot};

use super::FeedbackSettings;
use super::agreement::Agreement;
use super::database::{Database, DatabaseError, Filter, Pruned, Receipt, Recorded};
use super::reader::FeedbackReader;
use super::submission::Submission;
use crate::error::{Error, FullLimit, NotReadyReason};
use crate::message::{ValidationError, ValidationErrors};
use crate::telemetry::events;

/// Calls that may wait for the disk: few enough to bound memory, and when each has one submission, all go in one sync.
const MAX_WAITING: usize = 1_024;
/// Submissions that share one fsync at most: more would only make the first of them wait.
const MAX_GROUP: usize = 4_096;
/// How often old submissions are looked for at most and at least, whatever the retention is.
const PRUNE_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));

/// What became of the submissions of one call, each in its place.
type Outcomes = Vec<Result<Receipt, ValidationErrors>>;

/// What the writing thread is asked for.
enum Command {
    Record(Job),
    Close,
}

/// The submissions of one call.
struct Job {
    submissions: Vec<Submission>,
    reply: oneshot::Sender<Result<Vec<Recorded>, NotReadyReason>>,
}

/// Counts since the start.
#[derive(Debug, Default)]
struct Counters {
    stored: AtomicU64,
    repeated: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    commits: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FeedbackCounterSnapshot {
    /// Submissions that were kept.
    pub stored: u64,
    /// Submissions that had been kept before.
    pub repeated: u64,
    /// Submissions that break a rule, keys used twice included.
    pub rejected: u64,
    /// Submissions that were not kept because the store could not be written or had no place.
    pub failed: u64,
    /// Writes to disk that kept something.
    pub commits: u64,
}

/// The file, while the service runs. It is opened by the writing thread, and again after every failure: nothing but
/// feedback depends on it.
#[derive(Debug)]
pub struct FeedbackStore {
    settings: FeedbackSettings,
    commands: SyncSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
    /// Sums are made one after the other.
    summing: Arc<Semaphore>,
}

impl FeedbackStore {
    /// Starts the writing thread; `None` when no path is set.
    ///
    /// # Errors
    /// What the operating system says when there can be no thread.
    pub fn start(settings: &FeedbackSettings) -> std::io::Result<Option<Self>> {
        if settings.path.as_os_str().is_empty() {
            return Ok(None);
        }
        let (commands, receiver) = sync_channel(MAX_WAITING);
        let counters = Arc::new(Counters::default());
        let writer = Writer {
            settings: settings.clone(),
            counters: Arc::clone(&counters),
            database: None,
            is_failing: false,
        };
        let thread = std::thread::Builder::new()
            .name("feedback".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(Some(Self {
            settings: settings.clone(),
            commands,
            thread: Mutex::new(Some(thread)),
            counters,
            summing: Arc::new(Semaphore::new(1)),
        }))
    }

    /// Keeps submissions, all of them or, on an error, none; they are on disk when this returns. One whose key came with
    /// other content before fails alone.
    ///
    /// # Errors
    /// [`Error::NotReady`] when the store can't be written, [`Error::Overloaded`] when too many wait for it.
    pub async fn record(&self, submissions: Vec<Submission>) -> Result<Outcomes, Error> {
        let count = submissions.len() as u64;
        self.hand_over(submissions).await.inspect_err(|_| {
            self.counters.failed.fetch_add(count, Ordering::Relaxed);
        })
    }

    async fn hand_over(&self, submissions: Vec<Submission>) -> Result<Outcomes, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(Command::Record(Job { submissions, reply })).map_err(|error| {
            match error {
                TrySendError::Full(_) => {
                    Error::Overloaded { limit: FullLimit::Feedback { limit: MAX_WAITING } }
                }
                TrySendError::Disconnected(_) => not_ready(NotReadyReason::FeedbackUnavailable),
            }
        })?;
        // The thread ends before it has answered only when it is closed or has panicked.
        let recorded =
            answer.await.unwrap_or(Err(NotReadyReason::FeedbackUnavailable)).map_err(not_ready)?;
        Ok(recorded.into_iter().map(|recorded| self.outcome(recorded)).collect())
    }

    fn outcome(&self, recorded: Recorded) -> Result<Receipt, ValidationErrors> {
        match recorded {
            Recorded::New(receipt) | Recorded::Repeated(receipt) => Ok(receipt),
            Recorded::KeyReused => {
                self.reject();
                Err(ValidationErrors::single("idempotency_key", ValidationError::KeyReused))
            }
        }
    }

    /// Counts a submission that breaks a rule.
    pub fn reject(&self) {
        self.counters.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads all counters.
    #[must_use]
    pub fn counters(&self) -> FeedbackCounterSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { stored, repeated, rejected, failed, commits } = self.counters.as_ref();
        FeedbackCounterSnapshot {
            stored: read(stored),
            repeated: read(repeated),
            rejected: read(rejected),
            failed: read(failed),
            commits: read(commits),
        }
    }

    /// Sums up how often people agree with the models. Reads the labels of every submission that fits, and takes time
    /// accordingly; dropping the future ends it.
    ///
    /// # Errors
    /// [`Error::NotReady`] when the store can't be read, [`Error::Internal`] should summing up panic.
    pub async fn agreement(&self, filter: Filter) -> Result<Agreement, Error> {
        let permit = Arc::clone(&self.summing).acquire_owned().await.map_err(Error::internal)?;
        let path = self.settings.path.clone();
        let (reply, answer) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            // Here, so that a caller who goes away does not make room for a second sum beside this one.
            let _one_at_a_time = permit;
            let reader = FeedbackReader::open(&path);
            let summed = reader.and_then(|reader| reader.agreement(&filter, || !reply.is_closed()));
            // Nobody is there to be told when the caller has gone.
            drop(reply.send(summed));
        });
        answer.await.map_err(Error::internal)?.map_err(|error| {
            events::feedback_failed(&error);
            not_ready(NotReadyReason::FeedbackUnavailable)
        })
    }

    /// Writes what has arrived, closes the file and ends the thread. Blocks.
    pub fn close(&self) {
        // Nobody is there to be told when the thread has ended before.
        drop(self.commands.send(Command::Close));
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            // The panic hook has told the place.
        }
    }
}

fn not_ready(reason: NotReadyReason) -> Error {
    Error::NotReady { reason }
}

/// The thread that writes.
struct Writer {
    settings: FeedbackSettings,
    counters: Arc<Counters>,
    /// `None` before the file is opened, and after a failure.
    database: Option<Database>,
    /// The last attempt failed; the log has it.
    is_failing: bool,
}

impl Writer {
    fn run(mut self, commands: &Receiver<Command>) {
        let mut next_prune = Instant::now();
        loop {
            if next_prune <= Instant::now() {
                let pruned = self.prune();
                self.note(&pruned);
                let pause = match pruned {
                    // Those who submit have their turn in between.
                    Ok(Pruned { is_unfinished: true, deleted: 1.. }) => Duration::ZERO,
                    Ok(Pruned { is_unfinished: true, deleted: 0 }) => PRUNE_PAUSES.0,
                    Ok(Pruned { is_unfinished: false, .. }) | Err(_) => self.prune_pause(),
                };
                next_prune = Instant::now() + pause;
            }
            let wait = next_prune.saturating_duration_since(Instant::now());
            match commands.recv_timeout(wait) {
                Ok(Command::Record(first)) => {
                    let (jobs, is_closed) = gather(first, commands);
                    self.commit(jobs);
                    if is_closed {
                        return;
                    }
                }
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Keeps the submissions of all calls in one transaction and answers them.
    fn commit(&mut self, jobs: Vec<Job>) {
        let (submissions, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.submissions, job.reply)).unzip();
        let counts: Vec<usize> = submissions.iter().map(Vec::len).collect();
        let submissions: Vec<Submission> = submissions.into_iter().flatten().collect();
        let recorded = self.record(&submissions);
        self.note(&recorded);
        match recorded {
            Ok(recorded) => {
                self.count(&recorded);
                let mut recorded = recorded.into_iter();
                for (reply, count) in replies.into_iter().zip(counts) {
                    // Whoever has gone asks again with the same key.
                    drop(reply.send(Ok(recorded.by_ref().take(count).collect())));
                }
            }
            Err(error) => {
                let reason = if error.is_disk_full() {
                    NotReadyReason::FeedbackDiskFull
                } else {
                    NotReadyReason::FeedbackUnavailable
                };
                for reply in replies {
                    drop(reply.send(Err(reason)));
                }
            }
        }
    }

    fn record(&mut self, submissions: &[Submission]) -> Result<Vec<Recorded>, DatabaseError> {
        let store_text = self.settings.store_text;
        self.database()?.record(submissions, store_text, SystemTime::now())
    }

    fn prune(&mut self) -> Result<Pruned, DatabaseError> {
        let retention = self.settings.retention;
        let database = self.database()?;
        match SystemTime::now().checked_sub(retention) {
            Some(before) if !retention.is_zero() => {
                let pruned = database.prune(before)?;
                if pruned.deleted > 0 {
                    events::feedback_pruned(pruned.deleted);
                }
                Ok(pruned)
            }
            Some(_) | None => Ok(Pruned::default()),
        }
    }

    fn prune_pause(&self) -> Duration {
        let (least, most) = PRUNE_PAUSES;
        (self.settings.retention / 24).clamp(least, most)
    }

    fn database(&mut self) -> Result<&mut Database, DatabaseError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => Database::open(&self.settings.path)?,
        };
        Ok(self.database.insert(database))
    }

    /// Logs a failure and its end, once each: a full disk must not fill the log as well.
    fn note<T>(&mut self, result: &Result<T, DatabaseError>) {
        if result.is_err() {
            // A failure may leave the connection in any state.
            self.database = None;
        }
        match result {
            Ok(_) if self.is_failing => events::feedback_recovered(),
            Err(error) if !self.is_failing => events::feedback_failed(error),
            Ok(_) | Err(_) => {}
        }
        self.is_failing = result.is_err();
    }

    fn count(&self, recorded: &[Recorded]) {
        let (mut stored, mut repeated) = (0, 0);
        for one in recorded {
            match one {
                Recorded::New(_) => stored += 1,
                Recorded::Repeated(_) => repeated += 1,
                Recorded::KeyReused => {}
            }
        }
        self.counters.stored.fetch_add(stored, Ordering::Relaxed);
        self.counters.repeated.fetch_add(repeated, Ordering::Relaxed);
        self.counters.commits.fetch_add(u64::from(stored > 0), Ordering::Relaxed);
    }
}

/// Takes what has arrived meanwhile, and tells whether the store is to be closed after it. Calls whose caller has gone
/// are left out.
fn gather(first: Job, commands: &Receiver<Command>) -> (Vec<Job>, bool) {
    let mut count = first.submissions.len();
    let mut jobs = vec![first];
    while count < MAX_GROUP {
        match commands.try_recv() {
            Ok(Command::Record(job)) if job.reply.is_closed() => {}
            Ok(Command::Record(job)) => {
                count += job.submissions.len();
                jobs.push(job);
            }
            Ok(Command::Close) => return (jobs, true),
            Err(_) => break,
        }
    }
    (jobs, false)
}
