//! Makes the calls of a step: by a schedule (open loop), or each after the one before (closed loop).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinError;

use super::outcome::{Call, Failure};
use super::recorder::Recorder;
use super::schedule::{Arrivals, Schedule};
use super::target::{Payload, Payloads, Target};
use crate::random::Random;

/// How long the pacing thread sleeps at a stretch, so that it notices soon when it should stop.
const NAP: Duration = Duration::from_millis(20);

/// Keeps the streams of random numbers of schedules and of messages apart.
const MESSAGES: u64 = 1 << 32;

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stop {
    /// It does.
    Go,
    /// No more calls; those under way are waited for.
    Finish,
    /// Those under way are given up too.
    Cut,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Calls a second and how they are spread; `None` for a closed loop.
    pub pace: Option<(f64, Arrivals)>,
    /// How long calls are begun.
    pub duration: Duration,
    /// Calls at most.
    pub max_calls: Option<u64>,
    /// Number of its random numbers.
    pub stream: u64,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StepEnd {
    /// How long calls were begun.
    pub elapsed: Duration,
    /// Calls that the schedule had and that could not be sent, because too many others were under way until its end.
    pub unsent: u64,
}

/// Connections, and what is sent over them.
#[derive(Debug)]
pub struct Generator {
    /// One for each connection, at least one.
    pub targets: Arc<[Target]>,
    /// Messages to choose from.
    pub payloads: Payloads,
    /// Calls under way on each connection.
    pub concurrency: usize,
    /// Messages in a call; `None` for unary calls.
    pub batch: Option<usize>,
    /// How long a call may take.
    pub timeout: Duration,
    /// Start of the random numbers.
    pub seed: u64,
    /// Whether to go on.
    pub stop: watch::Receiver<Stop>,
}

impl Generator {
    /// Runs a step until all of its calls have ended.
    ///
    /// # Errors
    /// When a task panicked.
    pub async fn run(&self, step: Step, recorder: Arc<Recorder>) -> Result<StepEnd, JoinError> {
        let caller = Caller {
            targets: Arc::clone(&self.targets),
            payloads: self.payloads.clone(),
            batch: self.batch,
            timeout: self.timeout,
            stop: self.stop.clone(),
            recorder,
            start: Instant::now(),
        };
        match step.pace {
            Some((rate, arrivals)) => {
                let schedule = Schedule::new(arrivals, rate, self.seed, step.stream);
                self.open(schedule, step, caller).await
            }
            None => self.closed(step, caller).await,
        }
    }

    /// One thread of its own keeps the schedule: timers of the runtime ring to the millisecond only.
    async fn open(
        &self,
        schedule: Schedule,
        step: Step,
        caller: Caller,
    ) -> Result<StepEnd, JoinError> {
        let places =
            self.targets.len().saturating_mul(self.concurrency).min(Semaphore::MAX_PERMITS);
        let places = u32::try_from(places).unwrap_or(u32::MAX);
        let room = Arc::new(Semaphore::new(places as usize));
        let pacer = Pacer {
            caller: Arc::new(caller),
            room: Arc::clone(&room),
            random: Random::new(self.seed, MESSAGES + step.stream),
            step,
            handle: Handle::current(),
        };
        let end = tokio::task::spawn_blocking(move || pacer.run(schedule)).await?;
        // Every call holds a place until it has ended; the semaphore is never closed.
        drop(room.acquire_many(places).await);
        Ok(end)
    }

    async fn closed(&self, step: Step, caller: Caller) -> Result<StepEnd, JoinError> {
        let caller = Arc::new(caller);
        let begun = Arc::new(AtomicU64::new(0));
        let workers = self.targets.len().saturating_mul(self.concurrency);
        let tasks: Vec<_> = (0..workers)
            .map(|worker| {
                let stream = MESSAGES * (step.stream + 1) + worker as u64;
                let random = Random::new(self.seed, stream);
                let (caller, begun) = (Arc::clone(&caller), Arc::clone(&begun));
                tokio::spawn(async move { caller.work(worker, step, random, &begun).await })
            })
            .collect();
        let mut elapsed = step.duration;
        for task in tasks {
            // The first that finds nothing more to begin tells when the load began to fall.
            elapsed = elapsed.min(task.await?);
        }
        Ok(StepEnd { elapsed, unsent: 0 })
    }
}

/// Makes single calls.
struct Caller {
    targets: Arc<[Target]>,
    payloads: Payloads,
    batch: Option<usize>,
    timeout: Duration,
    stop: watch::Receiver<Stop>,
    recorder: Arc<Recorder>,
    start: Instant,
}

/// When a call begins.
#[derive(Clone, Copy)]
struct Begin {
    intended: Duration,
    was_held: bool,
    connection: usize,
}

impl Caller {
    fn goes_on(&self) -> bool {
        *self.stop.borrow() == Stop::Go
    }

    fn payload(&self, random: &mut Random) -> Payload {
        self.payloads.payload(self.batch, |end| random.below(end))
    }

    fn messages(&self) -> u64 {
        self.batch.unwrap_or(1) as u64
    }

    async fn call(&self, begin: Begin, payload: Payload) {
        let Some(target) = self.targets.get(begin.connection % self.targets.len().max(1)) else {
            return;
        };
        let messages = self.messages();
        let started = self.start.elapsed();
        self.recorder.sent(started, messages);
        let outcome = tokio::select! {
            outcome = target.call(payload, self.timeout) => outcome,
            () = cut(self.stop.clone()) => Err(Failure::CutOff),
        };
        let ended = self.start.elapsed();
        let Begin { intended, was_held, .. } = begin;
        self.recorder.ended(&Call { intended, started, ended, was_held, messages, outcome });
    }

    /// Calls one after the other; returns when it stopped doing so.
    async fn work(
        &self,
        connection: usize,
        step: Step,
        mut random: Random,
        begun: &AtomicU64,
    ) -> Duration {
        loop {
            let intended = self.start.elapsed();
            let number = begun.fetch_add(1, Ordering::Relaxed);
            let is_over = step.max_calls.is_some_and(|most| number >= most);
            if is_over || intended >= step.duration || !self.goes_on() {
                return intended;
            }
            let payload = self.payload(&mut random);
            self.recorder.offered(intended, self.messages());
            // Nothing is late in a closed loop: a call is meant to begin when it does.
            let intended = self.start.elapsed();
            self.call(Begin { intended, was_held: false, connection }, payload).await;
        }
    }
}

/// Waits until a run is cut off; for ever, if nobody can do that any more.
async fn cut(mut stop: watch::Receiver<Stop>) {
    if stop.wait_for(|stop| *stop == Stop::Cut).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Begins calls when the schedule says so.
struct Pacer {
    caller: Arc<Caller>,
    room: Arc<Semaphore>,
    random: Random,
    step: Step,
    handle: Handle,
}

impl Pacer {
    /// Begins every call of the schedule. Blocks.
    fn run(mut self, schedule: Schedule) -> StepEnd {
        let (start, step) = (self.caller.start, self.step);
        let mut unsent = 0;
        let mut is_late = false;
        let calls = usize::try_from(step.max_calls.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let starts = schedule.take(calls).take_while(|intended| *intended < step.duration);
        for (connection, intended) in starts.enumerate() {
            let payload = self.caller.payload(&mut self.random);
            if !self.wait_until(start + intended) {
                return StepEnd { elapsed: start.elapsed().min(step.duration), unsent };
            }
            self.caller.recorder.offered(intended, self.caller.messages());
            // Once the time is over while calls wait for room, the rest of the schedule is not made up for.
            let place = if is_late { None } else { self.place() };
            let Some((place, was_held)) = place else {
                is_late = true;
                unsent += 1;
                continue;
            };
            let (caller, begin) =
                (Arc::clone(&self.caller), Begin { intended, was_held, connection });
            // Owned by its place: the step waits until all places are free again.
            drop(self.handle.spawn(async move {
                caller.call(begin, payload).await;
                drop(place);
            }));
        }
        if step.max_calls.is_none() {
            // The last call of the schedule is not yet its end.
            self.wait_until(start + step.duration);
        }
        StepEnd { elapsed: start.elapsed().min(step.duration), unsent }
    }

    /// Takes a place, and says whether it had to be waited for; `None` when none becomes free in time.
    fn place(&self) -> Option<(OwnedSemaphorePermit, bool)> {
        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
            return Some((place, false));
        }
        let end = tokio::time::Instant::from_std(self.caller.start + self.step.duration);
        let mut stop = self.caller.stop.clone();
        self.handle.block_on(async {
            tokio::select! {
                place = Arc::clone(&self.room).acquire_owned() => Some((place.ok()?, true)),
                () = tokio::time::sleep_until(end) => None,
                _ = stop.wait_for(|stop| *stop != Stop::Go) => None,
            }
        })
    }

    /// Sleeps until a moment; returns false when the run is to stop.
    fn wait_until(&self, moment: Instant) -> bool {
        loop {
            if !self.caller.goes_on() {
                return false;
            }
            let left = moment.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}
