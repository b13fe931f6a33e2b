//! A version that reads messages in the background: a thread of the lowest priority with a replica of its own, so that
//! nobody who waits for an answer ever waits for it.

mod backlog;
mod report;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::backlog::Backlog;
use self::report::Tally;
use super::verdict::Verdict;
use crate::engine::{BatchOutput, Engine, EngineError, RaggedBatch};
use crate::message::Truncation;
use crate::registry::LoadedModel;
use crate::scoring::ScoringError;
use crate::telemetry::events;
use crate::tokenization::TokenizationError;

pub use self::report::{Agreement, Comparison, Disagreement, Latency, ShadowReport};

/// Messages that wait for a shadow at most; those that come on top are dropped. Bounds the texts that are kept: 16 MiB at
/// the longest, some ten KiB as a rule.
const BACKLOG: usize = 64;

/// The least priority that Linux gives: under 2 % of a core that somebody else wants.
const NICE: i32 = 19;

/// A message that was answered, for the shadow to read.
#[derive(Debug)]
pub struct ShadowJob {
    /// The message's id.
    pub id: String,
    /// What the model read of it.
    pub text: String,
    /// What is done with a text that is too long.
    pub truncation: Truncation,
    /// What was answered.
    pub said: Verdict,
    /// Time that the engine took for the batch; `None` when the outputs were there already.
    pub inference: Option<Duration>,
}

/// What a shadow says about a message, and the time that its engine took.
#[derive(Debug)]
struct ShadowFinding {
    verdict: Verdict,
    inference: Duration,
}

/// Where messages are handed to a shadow. Cheap to share; keeps neither thread nor model alive.
#[derive(Clone, Debug)]
pub struct ShadowTap {
    version: Arc<str>,
    backlog: Arc<Backlog>,
    tally: Arc<Tally>,
}

impl ShadowTap {
    /// Returns the version that reads.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Hands over a message. Never waits: when the shadow is busy, the message is dropped and counted.
    pub fn offer(&self, job: ShadowJob) {
        self.tally.sample();
        if !self.backlog.push(job) {
            self.tally.drop_message();
        }
    }

    /// Returns what came of the messages so far.
    #[must_use]
    pub fn report(&self) -> ShadowReport {
        self.tally.report()
    }
}

/// The thread of a shadow. Dropping it waits for the message that is being read.
#[derive(Debug)]
pub(in crate::registry) struct ShadowThread {
    tap: ShadowTap,
    model: Arc<LoadedModel>,
    thread: Option<JoinHandle<()>>,
}

impl ShadowThread {
    /// Starts to read with a model. Blocks while the replica is made.
    ///
    /// # Errors
    /// What is in the way: the replica can't be made, or the operating system gives no thread.
    pub(in crate::registry) fn start(
        model: &Arc<LoadedModel>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let tap = ShadowTap {
            version: Arc::from(model.manifest().version.as_str()),
            backlog: Arc::new(Backlog::new(BACKLOG)),
            tally: Arc::new(Tally::new()?),
        };
        let (backlog, tally) = (Arc::clone(&tap.backlog), Arc::clone(&tap.tally));
        let of_thread = Arc::clone(model);
        let (sender, made) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("shadow".to_owned()).spawn(move || {
            // First of all: threads that a replica starts for itself inherit the priority.
            lower_priority();
            let replica = new_replica(&of_thread);
            let (engine, result) = match replica {
                Ok(engine) => (Some(engine), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // Whoever started this thread waits for it.
            drop(sender.send(result));
            if let Some(engine) = engine {
                Reader { model: of_thread, engine }.run(&backlog, &tally);
            }
        })?;
        let thread = Self { tap, model: Arc::clone(model), thread: Some(thread) };
        made.recv()??;
        Ok(thread)
    }

    pub(in crate::registry) fn tap(&self) -> &ShadowTap {
        &self.tap
    }

    /// Tells whether it reads with this very model.
    pub(in crate::registry) fn is_of(&self, model: &Arc<LoadedModel>) -> bool {
        Arc::ptr_eq(&self.model, model)
    }

    /// Takes no more messages and gives up those that wait. The thread ends after the one that it computes.
    pub(in crate::registry) fn end(&self) {
        self.tap.backlog.close();
    }

    /// Tells whether the thread has ended, so that dropping this does not wait.
    pub(in crate::registry) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for ShadowThread {
    fn drop(&mut self) {
        self.end();
        if let Some(thread) = self.thread.take() {
            // A panic outside the engine has been reported by the panic hook already.
            drop(thread.join());
        }
    }
}

/// Why a shadow has no answer.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the tokenizer failed")]
    Tokenization(#[from] TokenizationError),
    #[error("inference failed")]
    Engine(#[from] EngineError),
    #[error("the engine gave no row")]
    NoRow,
    #[error("the outputs can't be read")]
    Scoring(#[from] ScoringError),
    #[error("reading the message panicked")]
    Panicked,
}

/// What runs on the thread.
struct Reader {
    model: Arc<LoadedModel>,
    engine: Box<dyn Engine>,
}

impl Reader {
    /// Reads what comes until the backlog is closed or a lost replica can't be made anew. Nobody hands over messages in
    /// vain then: a closed backlog refuses them.
    fn run(mut self, backlog: &Backlog, tally: &Tally) {
        while let Some(job) = backlog.next() {
            match self.read_contained(&job) {
                Ok(finding) => tally.compare(job, finding),
                Err(error) => {
                    let key = self.model.key();
                    events::shadow_failed(&key.name, &key.version, &job.id, &error);
                    tally.fail();
                    if matches!(error, ReadError::Panicked) && !self.replace_engine() {
                        break;
                    }
                }
            }
        }
        tally.give_up(backlog.abandon());
    }

    /// Catches a panic. What it says may quote the message, so only its place is told, by the panic hook.
    fn read_contained(&mut self, job: &ShadowJob) -> Result<ShadowFinding, ReadError> {
        // The replica is thrown away after a panic, so nothing half done is seen again.
        catch_unwind(AssertUnwindSafe(|| self.read(job))).unwrap_or(Err(ReadError::Panicked))
    }

    fn read(&mut self, job: &ShadowJob) -> Result<ShadowFinding, ReadError> {
        let tokens = self.model.tokenizer().tokenize(&job.text, job.truncation)?;
        let batch = RaggedBatch::from_messages([tokens.input_ids.as_slice()]);
        let started = Instant::now();
        let outputs = self.engine.infer(&batch).and_then(BatchOutput::into_messages)?;
        let inference = started.elapsed();
        let output = outputs.first().ok_or(ReadError::NoRow)?;
        let scorer = self.model.scorer();
        let prediction = scorer.predict(output, tokens.unknown_share())?;
        Ok(ShadowFinding { verdict: Verdict::of(&prediction, scorer), inference })
    }

    fn replace_engine(&mut self) -> bool {
        match new_replica(&self.model) {
            Ok(engine) => {
                self.engine = engine;
                true
            }
            Err(error) => {
                events::replica_lost(&self.model.manifest().name, &error);
                false
            }
        }
    }
}

/// Makes a replica; a panic is an error.
fn new_replica(model: &LoadedModel) -> Result<Box<dyn Engine>, EngineError> {
    let panicked = |_| Err(EngineError::Backend("making a replica panicked".into()));
    catch_unwind(AssertUnwindSafe(|| model.replica())).unwrap_or_else(panicked)
}

/// Lets every other thread go first. On Linux that is meant for this thread alone; elsewhere it would slow the whole
/// process down, so it is left out.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        events::priority_not_lowered(&error);
    }
}
