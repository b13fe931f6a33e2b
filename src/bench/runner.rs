//! Lets a whole plan run, step by step, until its end or until the server is saturated.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::figures::HistogramError;
use super::generator::{Generator, Step, StepEnd, Stop};
use super::outcome::Failure;
use super::plan::{Load, Plan};
use super::recorder::{Recorder, Snapshot, Tally};
use super::report::StepReport;
use super::target::{Payloads, Target};

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Why a run ends without a result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A task panicked.
    #[error("a task of the load generator panicked")]
    Panicked(#[from] tokio::task::JoinError),
    /// See [`HistogramError`].
    #[error(transparent)]
    Histogram(#[from] HistogramError),
    /// The server answers nothing.
    #[error("no call of the warm-up was answered: {failures}")]
    NothingAnswered {
        /// How many messages failed, and why.
        failures: String,
    },
    /// Ended before anything was counted.
    #[error("the run was ended before anything was measured")]
    Interrupted,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase {
    /// Warming up.
    WarmUp,
    /// Measuring.
    Step {
        /// Which step, counted from 1.
        number: usize,
        /// How many there are at most.
        of: usize,
        /// Its rate.
        rate: Option<f64>,
    },
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Since when.
    pub elapsed: Duration,
    /// How long it does that at most.
    pub duration: Duration,
    /// What has been counted since.
    pub snapshot: Snapshot,
}

/// What a run found.
#[derive(Debug)]
pub struct Run {
    /// Each step.
    pub steps: Vec<StepReport>,
    /// Whether it was ended from outside.
    pub is_interrupted: bool,
}

/// Everything that a run needs.
#[derive(Debug)]
pub struct Runner<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// Connections.
    pub targets: Arc<[Target]>,
    /// Messages.
    pub payloads: Payloads,
    /// Whether to go on.
    pub stop: watch::Receiver<Stop>,
}

impl Runner<'_> {
    /// Runs the plan. `observe` is told where it stands.
    ///
    /// # Errors
    /// [`RunError`] when nothing could be measured.
    pub async fn run(self, mut observe: impl FnMut(Progress)) -> Result<Run, RunError> {
        let generator = Generator {
            targets: Arc::clone(&self.targets),
            payloads: self.payloads.clone(),
            concurrency: self.plan.concurrency,
            batch: self.plan.batch,
            timeout: self.plan.timeout,
            seed: self.plan.seed,
            stop: self.stop.clone(),
        };
        let rates = self.plan.load.steps();
        if let Some(first) = rates.first().filter(|_| !self.plan.warm_up.is_zero()) {
            let step = Step { duration: self.plan.warm_up, ..self.step(0, *first) };
            let (_, tally) = watched(&generator, step, Phase::WarmUp, &mut observe).await?;
            warmed_up(&tally, &self.stop)?;
        }
        let begun = Instant::now();
        let mut steps = Vec::new();
        for (index, rate) in rates.iter().enumerate() {
            let start = begun.elapsed();
            let phase = Phase::Step { number: index + 1, of: rates.len(), rate: *rate };
            let step = self.step(index as u64 + 1, *rate);
            let (end, tally) = watched(&generator, step, phase, &mut observe).await?;
            let report = StepReport::of(start, *rate, end, tally, self.plan);
            let goes_on = report.faults.is_empty() && *self.stop.borrow() == Stop::Go;
            if report.calls.sent > 0 || steps.is_empty() {
                steps.push(report);
            }
            if !goes_on {
                break;
            }
        }
        if steps.iter().all(|step| step.calls.sent == 0) {
            return Err(RunError::Interrupted);
        }
        Ok(Run { steps, is_interrupted: *self.stop.borrow() != Stop::Go })
    }

    fn step(&self, stream: u64, rate: Option<f64>) -> Step {
        let pace = match &self.plan.load {
            Load::Closed => None,
            Load::Open { arrivals, .. } => rate.map(|rate| (rate, *arrivals)),
        };
        Step { pace, duration: self.plan.duration, max_calls: self.plan.max_calls, stream }
    }
}

/// Runs a step and tells where it stands.
async fn watched(
    generator: &Generator,
    step: Step,
    phase: Phase,
    observe: &mut impl FnMut(Progress),
) -> Result<(StepEnd, Tally), RunError> {
    let recorder = Arc::new(Recorder::new(step.duration)?);
    let started = Instant::now();
    let running = generator.run(step, Arc::clone(&recorder));
    let mut running = std::pin::pin!(running);
    let mut ticker = tokio::time::interval(TELL_EVERY);
    let end = loop {
        tokio::select! {
            end = &mut running => break end?,
            _ = ticker.tick() => observe(Progress {
                phase,
                elapsed: started.elapsed(),
                duration: step.duration,
                snapshot: recorder.snapshot(),
            }),
        }
    };
    Ok((end, recorder.take()?))
}

/// Ends a run that can't find anything.
fn warmed_up(tally: &Tally, stop: &watch::Receiver<Stop>) -> Result<(), RunError> {
    if *stop.borrow() != Stop::Go {
        return Err(RunError::Interrupted);
    }
    if tally.calls.sent > 0 && tally.messages.ok == 0 {
        let failure = |(failure, count): (&Failure, &u64)| format!("{count} × {}", failure.name());
        let failures: Vec<String> = tally.failures.iter().map(failure).collect();
        return Err(RunError::NothingAnswered { failures: failures.join(", ") });
    }
    Ok(())
}
