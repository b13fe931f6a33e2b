//! What a run found, as it is written and read again.
//!
//! Times are in milliseconds, rates in messages a second where not said otherwise.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::figures::{Distribution, curve, rounded};
use super::generator::StepEnd;
use super::outcome::{Failure, Stage};
use super::plan::{Load, Loop, Plan};
use super::recorder::{Counts, Tally};
use super::runner::Run;
use super::saturation::{self, Measured, Point, Reason};
use super::schedule::Arrivals;
use super::target::Server;
use super::timeline::Stretch;

/// What the file is.
pub const SCHEMA: &str = "signalbox.bench";
/// Changes when a field goes or means something else.
pub const VERSION: u32 = 1;

/// Lateness of the generator that is always fine. Milliseconds.
const LATENESS_MS: f64 = 1.0;
/// Share of the median latency that the generator's lateness may have.
const LATENESS_SHARE: f64 = 0.1;

/// A run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// [`VERSION`].
    pub version: u32,
    /// Program that measured.
    pub program: String,
    /// When (RFC 3339).
    pub started_at: String,
    /// What was measured.
    pub server: ServerReport,
    /// With what.
    pub load: LoadReport,
    /// Whether it was ended from outside.
    pub interrupted: bool,
    /// What to mind about the figures.
    pub warnings: Vec<String>,
    /// What the server sustains; open loop only.
    pub saturation: Option<SaturationReport>,
    /// Each step.
    pub steps: Vec<StepReport>,
}

/// The server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ServerReport {
    /// As it was given.
    pub address: String,
    /// How it is talked to.
    pub protocol: String,
    /// Version of its program.
    pub version: String,
    /// Its default model with version.
    pub model: String,
    /// What computes it.
    pub engine: String,
}

/// The load.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LoadReport {
    /// What decides when a call begins.
    #[serde(rename = "loop")]
    pub kind: Loop,
    /// How starts are spread; open loop only.
    pub arrivals: Option<Arrivals>,
    /// Connections.
    pub connections: usize,
    /// Calls under way on each connection: at most (open loop) or always (closed).
    pub concurrency: usize,
    /// Messages in a call; unset for unary calls.
    pub batch: Option<usize>,
    /// How long a call may take. Seconds.
    pub timeout_s: f64,
    /// Before anything was counted. Seconds.
    pub warm_up_s: f64,
    /// Of each step. Seconds.
    pub duration_s: f64,
    /// Calls of a step at most.
    pub max_calls: Option<u64>,
    /// Start of the random numbers.
    pub seed: u64,
    /// Where messages come from: a file, or the name of an embedded set.
    pub messages: String,
    /// How many different ones there are.
    pub message_count: usize,
    /// Mean length of their texts. Characters.
    pub mean_chars: f64,
    /// Threads of the generator.
    pub threads: usize,
    /// Share of the offered messages that has to be answered.
    pub min_goodput: f64,
    /// Share of the messages that may fail.
    pub max_errors: f64,
    /// Limit of the 99th percentile of latency.
    pub max_p99_ms: Option<f64>,
}

/// What the server sustains. Rates in calls a second.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SaturationReport {
    /// Highest rate up to which every step was sustained.
    pub highest_sustained: Option<f64>,
    /// First rate that was not.
    pub saturated_at: Option<f64>,
    /// Why not.
    pub reasons: Vec<Reason>,
    /// Rate with the largest goodput divided by mean latency; three steps at least.
    pub knee: Option<f64>,
}

/// Counts of calls or messages.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CountsReport {
    /// Sent; `ok + errors`.
    pub sent: u64,
    /// Answered.
    pub ok: u64,
    /// Failed.
    pub errors: u64,
}

impl From<Counts> for CountsReport {
    fn from(counts: Counts) -> Self {
        let Counts { sent, ok, errors } = counts;
        Self { sent, ok, errors }
    }
}

/// Time of a stage.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StageReport {
    /// Which.
    pub stage: String,
    /// How long messages were in it.
    pub time: Distribution,
}

/// One step.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StepReport {
    /// Rate that was asked for, in calls a second; unset for a closed loop.
    pub rate: Option<f64>,
    /// When it began, since the end of the warm-up. Seconds.
    pub start_s: f64,
    /// How long calls were begun. Seconds.
    pub duration_s: f64,
    /// Calls that were meant to be sent.
    pub offered_calls: u64,
    /// Of those, calls for which there was no room before the end of the step.
    pub unsent_calls: u64,
    /// Calls that were sent late because as many as allowed were under way.
    pub held_calls: u64,
    /// Calls.
    pub calls: CountsReport,
    /// Messages in them.
    pub messages: CountsReport,
    /// Messages that the server turned away because it was full.
    pub shed: u64,
    /// Messages whose call had no answer within the timeout.
    pub timeouts: u64,
    /// Failed messages by gRPC code, or `timeout`, `connection`, `cut_off`.
    pub errors: BTreeMap<String, u64>,
    /// Share of the messages that failed.
    pub error_share: f64,
    /// Messages a second that were meant to be sent.
    pub offered: f64,
    /// Messages a second that were answered.
    pub goodput: f64,
    /// From the intended start to the answer; timeouts count with their time, other failures do not count.
    pub latency: Option<Distribution>,
    /// From the actual start to the answer, of the same calls.
    pub service: Option<Distribution>,
    /// From the intended start to the answer of calls that failed otherwise.
    pub refusal: Option<Distribution>,
    /// From the intended to the actual start, of calls that did not wait for room: how late the generator was.
    pub lateness: Option<Distribution>,
    /// Time on the server, of each answered message.
    pub server: Option<Distribution>,
    /// Service time without the server's: network, HTTP/2 on both sides, the client.
    pub outside: Option<Distribution>,
    /// Time in each stage on the server; `other` is what lies between them.
    pub stages: Vec<StageReport>,
    /// Messages that the engine computed together, as the mean message saw it.
    pub batch_size: f64,
    /// Tokens of the mean message.
    pub tokens: f64,
    /// Why the rate is not sustained; empty when it is, and for closed loops.
    pub faults: Vec<Reason>,
    /// Curve of percentiles of latency: share of calls at or below, milliseconds.
    pub curve: Vec<(f64, f64)>,
    /// Width of the stretches of the time line. Seconds.
    pub stretch_s: f64,
    /// How it went over time, from the start of the step.
    pub timeline: Vec<Stretch>,
}

impl StepReport {
    /// Puts what was counted into figures.
    #[must_use]
    pub fn of(start: Duration, rate: Option<f64>, end: StepEnd, tally: Tally, plan: &Plan) -> Self {
        let flow = tally.flow(end.elapsed);
        let messages = tally.messages;
        let latency = Distribution::of(&tally.latency);
        let error_share = messages.errors as f64 / messages.sent.max(1) as f64;
        let measured = Measured {
            offered: flow.offered,
            goodput: flow.answered,
            error_share,
            p99_ms: latency.as_ref().map(|latency| latency.p99_ms),
        };
        let faults = if rate.is_some() { plan.rule.faults(&measured) } else { Vec::new() };
        let count = |failure: Failure| tally.failures.get(&failure).copied().unwrap_or_default();
        let shed = tally.failures.iter().filter(|(failure, _)| failure.is_shed());
        let answered = messages.ok.max(1) as f64;
        let named = |(failure, count): (&Failure, &u64)| (failure.name().to_owned(), *count);
        Self {
            rate,
            start_s: rounded(start.as_secs_f64()),
            duration_s: rounded(end.elapsed.as_secs_f64()),
            offered_calls: tally.offered,
            unsent_calls: end.unsent,
            held_calls: tally.held,
            calls: tally.calls.into(),
            messages: messages.into(),
            shed: shed.map(|(_, count)| count).sum(),
            timeouts: count(Failure::TimedOut),
            errors: tally.failures.iter().map(named).collect(),
            error_share,
            offered: rounded(flow.offered),
            goodput: rounded(flow.answered),
            latency,
            service: Distribution::of(&tally.service),
            refusal: Distribution::of(&tally.refusal),
            lateness: Distribution::of(&tally.lateness),
            server: Distribution::of(&tally.total),
            outside: Distribution::of(&tally.outside),
            stages: stages(&tally),
            batch_size: rounded(tally.batch_sizes as f64 / answered),
            tokens: rounded(tally.tokens as f64 / answered),
            faults,
            curve: curve(&tally.latency),
            stretch_s: 0.0,
            timeline: Vec::new(),
        }
        .with_timeline(tally)
    }

    fn with_timeline(mut self, tally: Tally) -> Self {
        let (width, stretches) = tally.timeline.finish();
        self.stretch_s = width.as_secs_f64();
        self.timeline = stretches;
        self
    }

    /// Tells whether the generator kept its schedule well enough for the figures to be those of the server.
    #[must_use]
    pub fn is_on_time(&self) -> bool {
        let (Some(lateness), Some(latency)) = (&self.lateness, &self.latency) else { return true };
        lateness.p99_ms <= LATENESS_MS.max(latency.p50_ms * LATENESS_SHARE)
    }

    /// Returns a name for people.
    #[must_use]
    pub fn title(&self) -> String {
        self.rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate} calls/s"))
    }
}

fn stages(tally: &Tally) -> Vec<StageReport> {
    let named = Stage::ALL.iter().map(|stage| stage.as_str()).zip(&tally.stages);
    let other = std::iter::once(("other", &tally.unaccounted));
    named
        .chain(other)
        .filter_map(|(stage, times)| {
            Some(StageReport { stage: stage.to_owned(), time: Distribution::of(times)? })
        })
        .collect()
}

/// What surrounds the figures.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// When the run began (RFC 3339).
    pub started_at: String,
    /// Where the server is.
    pub address: &'a str,
    /// What it says about itself.
    pub server: &'a Server,
    /// Where messages come from.
    pub messages: String,
    /// How many there are.
    pub message_count: usize,
    /// Mean length of their texts. Characters.
    pub mean_chars: f64,
    /// Threads of the generator.
    pub threads: usize,
}

impl Report {
    /// Puts everything together.
    #[must_use]
    pub fn of(run: Run, plan: &Plan, around: &Surroundings<'_>) -> Self {
        let mut report = Self {
            schema: SCHEMA.to_owned(),
            version: VERSION,
            program: concat!("signalbox ", env!("CARGO_PKG_VERSION")).to_owned(),
            started_at: around.started_at.clone(),
            server: ServerReport {
                address: around.address.to_owned(),
                protocol: around.server.protocol.to_owned(),
                version: around.server.version.clone(),
                model: around.server.model.clone(),
                engine: around.server.engine.clone(),
            },
            load: load(plan, around),
            interrupted: run.is_interrupted,
            warnings: Vec::new(),
            saturation: saturation(&run.steps),
            steps: run.steps,
        };
        report.warnings = super::warnings::of(&report);
        report
    }

    /// Returns the step that speaks for the run: the highest sustained one, else the first.
    #[must_use]
    pub fn best(&self) -> Option<&StepReport> {
        let sustained = self.steps.iter().take_while(|step| step.faults.is_empty()).last();
        sustained.or(self.steps.first())
    }
}

fn load(plan: &Plan, around: &Surroundings<'_>) -> LoadReport {
    let (kind, arrivals) = match &plan.load {
        Load::Closed => (Loop::Closed, None),
        Load::Open { arrivals, .. } => (Loop::Open, Some(*arrivals)),
    };
    LoadReport {
        kind,
        arrivals,
        connections: plan.connections,
        concurrency: plan.concurrency,
        batch: plan.batch,
        timeout_s: plan.timeout.as_secs_f64(),
        warm_up_s: plan.warm_up.as_secs_f64(),
        duration_s: plan.duration.as_secs_f64(),
        max_calls: plan.max_calls,
        seed: plan.seed,
        messages: around.messages.clone(),
        message_count: around.message_count,
        mean_chars: rounded(around.mean_chars),
        threads: around.threads,
        min_goodput: plan.rule.min_goodput,
        max_errors: plan.rule.max_errors,
        max_p99_ms: plan.rule.max_p99.map(|limit| limit.as_secs_f64() * 1e3),
    }
}

fn saturation(steps: &[StepReport]) -> Option<SaturationReport> {
    let points: Vec<Point> = steps
        .iter()
        .filter_map(|step| {
            Some(Point {
                rate: step.rate?,
                goodput: step.goodput,
                mean_ms: step.latency.as_ref()?.mean_ms,
                is_sustained: step.faults.is_empty(),
            })
        })
        .collect();
    let saturated = steps.iter().find(|step| !step.faults.is_empty());
    steps.first()?.rate?;
    Some(SaturationReport {
        highest_sustained: saturation::highest_sustained(&points),
        saturated_at: saturated.and_then(|step| step.rate),
        reasons: saturated.map(|step| step.faults.clone()).unwrap_or_default(),
        knee: saturation::knee(&points),
    })
}
