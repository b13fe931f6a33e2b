//! The bounded queue between the service and the inference threads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::cache::OutputCache;
use crate::engine::{EngineError, MessageOutput};

/// Who waits for a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// Somebody waits for this one answer: served first.
    Interactive,
    /// One of many of the same call: served when nobody else waits, or when it has waited for long.
    Bulk,
}

/// After this long a message of the bulk lane goes first, so that it can't starve.
const BULK_PATIENCE: Duration = Duration::from_millis(500);

/// A message that waits for inference. Dropping the receiver of `reply` gives the message up.
#[derive(Debug)]
pub struct Job {
    /// Token ids, special tokens included; at least one.
    pub input_ids: Vec<u32>,
    /// Who waits for it.
    pub lane: Lane,
    /// The result is worthless from here.
    pub deadline: Instant,
    /// Where the result goes.
    pub reply: oneshot::Sender<Result<Computed, QueueError>>,
    /// How far the message has come, for whoever waits.
    pub state: Arc<EntryState>,
    /// When it was put into the queue.
    pub enqueued_at: Instant,
    /// Whether the cache may answer it and keep what comes of it.
    pub is_cached: bool,
}

impl Job {
    /// Makes a job and the handle to wait for its result.
    #[must_use]
    pub fn new(input_ids: Vec<u32>, lane: Lane, deadline: Instant) -> (Self, Submitted) {
        let (reply, result) = oneshot::channel();
        let state = Arc::new(EntryState::default());
        let submitted = Submitted { result, state: Arc::clone(&state) };
        let enqueued_at = Instant::now();
        (Self { input_ids, lane, deadline, reply, state, enqueued_at, is_cached: true }, submitted)
    }

    /// Keeps the job apart from the cache: nobody sent it, so that it would only drive out what comes again.
    #[must_use]
    pub fn uncached(self) -> Self {
        Self { is_cached: false, ..self }
    }

    /// Tells whether computing the message would be for nobody.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.reply.is_closed() || self.deadline <= now
    }

    /// Answers the message; a caller that has gone is no error.
    pub fn answer(self, result: Result<Computed, QueueError>) {
        drop(self.reply.send(result));
    }
}

/// The waiting side of a [`Job`].
#[derive(Debug)]
pub struct Submitted {
    /// The result, once it is there.
    pub result: oneshot::Receiver<Result<Computed, QueueError>>,
    /// How far the message has come.
    pub state: Arc<EntryState>,
}

/// Tells the waiting side how far its message has come.
#[derive(Debug, Default)]
pub struct EntryState(AtomicU8);

impl EntryState {
    /// Notes that computing has begun.
    pub fn set_computing(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    /// Tells whether computing has begun.
    #[must_use]
    pub fn is_computing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }
}

/// What an inference thread returns for one message.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    /// Raw outputs of every head.
    pub output: MessageOutput,
    /// Time from being queued to being taken.
    pub queued: Duration,
    /// Time that the engine took for the batch.
    pub inference: Duration,
    /// Messages in the batch; 0 when the outputs were there already.
    pub batch_size: usize,
}

/// Why a message was not computed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue has no room.
    #[error("{limit} messages wait already")]
    Full {
        /// Messages that may wait.
        limit: usize,
    },
    /// The queue takes nothing any more.
    #[error("the queue is closed")]
    Closed,
    /// The deadline passed before computing began.
    #[error("the deadline passed in the queue")]
    Expired,
    /// The engine refused or failed.
    #[error("inference failed")]
    Engine(#[source] EngineError),
    /// The engine panicked; its replica is thrown away.
    #[error("the engine panicked")]
    Panicked,
}

/// How large a batch may become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BatchLimits {
    /// Tokens of a batch at most; a longer message is computed alone.
    pub max_tokens: usize,
    /// Messages of a batch at most.
    pub max_messages: usize,
}

/// A bounded queue of two lanes, each first in, first out. Pushing never waits; taking a batch blocks the calling thread.
///
/// Each batch is filled from the interactive lane and then from the bulk lane, so one caller with thousands of messages
/// delays another's single message by the batch that is being computed and no more.
#[derive(Debug)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    limit: usize,
    cache: Option<OutputCache>,
}

#[derive(Debug, Default)]
struct Waiting {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// Makes a queue for at most `limit` waiting messages.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let waiting = Mutex::new(Waiting::default());
        Self { waiting, arrived: Condvar::new(), limit: limit.max(1), cache: None }
    }

    /// Answers messages that came before from a cache; they do not wait.
    #[must_use]
    pub fn with_cache(self, cache: Option<OutputCache>) -> Self {
        Self { cache, ..self }
    }

    /// Returns the cache, if there is one.
    #[must_use]
    pub fn cache(&self) -> Option<&OutputCache> {
        self.cache.as_ref()
    }

    /// Puts a message at the end, or answers it at once from the cache.
    ///
    /// # Errors
    /// [`QueueError::Full`] when `limit` messages of callers that still wait are queued, [`QueueError::Closed`] after
    /// [`Self::close`].
    pub fn push(&self, job: Job) -> Result<(), QueueError> {
        let cache = self.cache.as_ref().filter(|_| job.is_cached);
        if let Some(output) = cache.and_then(|cache| cache.get(&job.input_ids)) {
            let (queued, inference) = (Duration::ZERO, Duration::ZERO);
            job.answer(Ok(Computed { output, queued, inference, batch_size: 0 }));
            return Ok(());
        }
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(QueueError::Closed);
        }
        if waiting.len() >= self.limit {
            waiting.discard_stale(Instant::now());
        }
        if waiting.len() >= self.limit {
            return Err(QueueError::Full { limit: self.limit });
        }
        waiting.lane(job.lane).push_back(job);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes the messages whose turn it is and that fit a batch; waits while there is none.
    ///
    /// Messages whose caller has gone or whose deadline has passed are left out and never computed. Returns `None` when
    /// the queue is closed and empty.
    pub fn next_batch(&self, limits: &BatchLimits) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        loop {
            let batch = waiting.take_batch(limits, Instant::now());
            if !batch.is_empty() {
                return Some(batch);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes nothing more; messages that wait are still handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Takes nothing more and answers every waiting message with [`QueueError::Closed`].
    pub fn abandon(&self) {
        let jobs = {
            let mut waiting = self.lock();
            waiting.closed = true;
            let interactive = std::mem::take(&mut waiting.interactive);
            interactive.into_iter().chain(std::mem::take(&mut waiting.bulk))
        };
        self.arrived.notify_all();
        for job in jobs {
            job.answer(Err(QueueError::Closed));
        }
    }

    /// Returns the number of messages that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Tells whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // The data is valid after any panic: no operation leaves it half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn len(&self) -> usize {
        self.interactive.len() + self.bulk.len()
    }

    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Job> {
        match lane {
            Lane::Interactive => &mut self.interactive,
            Lane::Bulk => &mut self.bulk,
        }
    }

    fn discard_stale(&mut self, now: Instant) {
        for lane in [Lane::Interactive, Lane::Bulk] {
            let jobs = std::mem::take(self.lane(lane));
            for job in jobs {
                if job.is_stale(now) {
                    job.answer(Err(QueueError::Expired));
                } else {
                    self.lane(lane).push_back(job);
                }
            }
        }
    }

    fn take_batch(&mut self, limits: &BatchLimits, now: Instant) -> Vec<Job> {
        let overdue = |job: &Job| now.saturating_duration_since(job.enqueued_at) >= BULK_PATIENCE;
        let bulk_first = self.bulk.front().is_some_and(overdue);
        let order = if bulk_first {
            [Lane::Bulk, Lane::Interactive]
        } else {
            [Lane::Interactive, Lane::Bulk]
        };
        let mut batch = Vec::new();
        let mut tokens = 0_usize;
        for lane in order {
            while let Some(job) = self.lane(lane).pop_front() {
                if job.is_stale(now) {
                    job.answer(Err(QueueError::Expired));
                    continue;
                }
                let with_it = tokens.saturating_add(job.input_ids.len());
                let is_full = with_it > limits.max_tokens || batch.len() >= limits.max_messages;
                if is_full && !batch.is_empty() {
                    self.lane(lane).push_front(job);
                    break;
                }
                tokens = with_it;
                batch.push(job);
                // One overdue message at a time: the others' turn must come as well.
                if bulk_first && lane == Lane::Bulk {
                    break;
                }
            }
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits { max_tokens: 10, max_messages: 3 };

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn push(queue: &Queue, tokens: usize) -> Submitted {
        let (job, submitted) = Job::new(vec![0; tokens], Lane::Interactive, later());
        queue.push(job).unwrap();
        submitted
    }

    fn lengths(batch: &[Job]) -> Vec<usize> {
        batch.iter().map(|job| job.input_ids.len()).collect()
    }

    #[test]
    fn batch_takes_the_oldest_messages_up_to_its_limits() {
        let queue = Queue::new(10);
        let waiting: Vec<Submitted> =
            [4, 6, 1, 20, 1, 1, 1, 1].map(|tokens| push(&queue, tokens)).into();

        let batches: Vec<Vec<usize>> =
            (0..4).map(|_| lengths(&queue.next_batch(&LIMITS).unwrap())).collect();

        assert_eq!(batches, [vec![4, 6], vec![1], vec![20], vec![1, 1, 1]]);
        assert_eq!(queue.len(), 1);
        drop(waiting);
    }

    fn push_bulk(queue: &Queue, tokens: usize, waited: Duration) -> Submitted {
        let (mut job, submitted) = Job::new(vec![0; tokens], Lane::Bulk, later());
        job.enqueued_at -= waited;
        queue.push(job).unwrap();
        submitted
    }

    #[test]
    fn single_messages_go_before_those_of_bulk_callers() {
        let queue = Queue::new(10);
        let _bulk: Vec<Submitted> =
            [7, 7].map(|tokens| push_bulk(&queue, tokens, Duration::ZERO)).into();
        let _single: Vec<Submitted> = [1, 2].map(|tokens| push(&queue, tokens)).into();

        let batches: Vec<Vec<usize>> =
            (0..2).map(|_| lengths(&queue.next_batch(&LIMITS).unwrap())).collect();

        assert_eq!(batches, [vec![1, 2, 7], vec![7]]);
    }

    #[test]
    fn bulk_message_that_has_waited_for_long_goes_first() {
        let queue = Queue::new(10);
        let _bulk: Vec<Submitted> =
            [5, 6].map(|tokens| push_bulk(&queue, tokens, BULK_PATIENCE)).into();
        let _single: Vec<Submitted> = [1, 2].map(|tokens| push(&queue, tokens)).into();

        let batches: Vec<Vec<usize>> =
            (0..2).map(|_| lengths(&queue.next_batch(&LIMITS).unwrap())).collect();

        assert_eq!(batches, [vec![5, 1, 2], vec![6]]);
    }

    #[test]
    fn full_queue_refuses() {
        let queue = Queue::new(1);
        let _first = push(&queue, 1);
        let (job, _second) = Job::new(vec![0], Lane::Interactive, later());

        assert!(matches!(queue.push(job), Err(QueueError::Full { limit: 1 })));
    }

    #[test]
    fn message_given_up_frees_its_place_and_is_never_handed_out() {
        let queue = Queue::new(2);
        let given_up = push(&queue, 1);
        let _kept = push(&queue, 2);
        drop(given_up);

        let _third = push(&queue, 3);

        assert_eq!(lengths(&queue.next_batch(&LIMITS).unwrap()), [2, 3]);
    }

    #[test]
    fn message_past_its_deadline_is_answered_and_never_handed_out() {
        let queue = Queue::new(2);
        let (job, mut expired) = Job::new(vec![0], Lane::Interactive, Instant::now());
        queue.push(job).unwrap();
        let _kept = push(&queue, 2);

        assert_eq!(lengths(&queue.next_batch(&LIMITS).unwrap()), [2]);
        assert!(matches!(expired.result.try_recv(), Ok(Err(QueueError::Expired))));
    }

    #[test]
    fn closed_queue_hands_out_what_waits_and_then_ends() {
        let queue = Queue::new(2);
        let _waiting = push(&queue, 1);
        queue.close();
        let (job, _late) = Job::new(vec![0], Lane::Interactive, later());

        assert!(matches!(queue.push(job), Err(QueueError::Closed)));
        assert_eq!(queue.next_batch(&LIMITS).unwrap().len(), 1);
        assert!(queue.next_batch(&LIMITS).is_none());
    }

    #[test]
    fn abandoned_queue_answers_what_waits() {
        let queue = Queue::new(2);
        let mut waiting = push(&queue, 1);
        queue.abandon();

        assert!(matches!(waiting.result.try_recv(), Ok(Err(QueueError::Closed))));
        assert!(queue.next_batch(&LIMITS).is_none());
    }

    #[test]
    fn waiting_thread_is_woken_by_a_message_and_by_closing() {
        let queue = Arc::new(Queue::new(2));
        let taker = {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                let first = queue.next_batch(&LIMITS).map(|batch| batch.len());
                (first, queue.next_batch(&LIMITS).map(|batch| batch.len()))
            })
        };
        let _waiting = push(&queue, 1);
        while !queue.is_empty() {
            std::thread::yield_now();
        }
        queue.close();

        assert_eq!(taker.join().unwrap(), (Some(1), None));
    }
}
