//! Counts and times the calls of one step.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::figures::{HistogramError, histogram, microseconds, milliseconds};
use super::outcome::{Answer, Call, Failure, Stage};
use super::timeline::Timeline;

/// Width of what goodput is counted in. Milliseconds.
const TICK_MS: u128 = 100;

/// Ticks at most: a day.
const MAX_TICKS: usize = 864_000;

/// Share of a step, from its start, that goodput leaves out: a server that was idle answers nothing at first.
const SETTLE_SHARE: f64 = 0.2;

/// Counts of calls or of messages. `sent = ok + errors` once all have ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Sent.
    pub sent: u64,
    /// Answered. A call is when each of its messages is.
    pub ok: u64,
    /// Failed, for whatever reason.
    pub errors: u64,
}

/// Messages in a short stretch.
#[derive(Clone, Copy, Debug, Default)]
struct Tick {
    offered: u64,
    answered: u64,
}

/// Everything that was counted and timed in a step.
#[derive(Debug)]
pub struct Tally {
    /// Calls that the schedule had, sent or not.
    pub offered: u64,
    /// Calls.
    pub calls: Counts,
    /// Messages in them.
    pub messages: Counts,
    /// Messages by why they failed.
    pub failures: BTreeMap<Failure, u64>,
    /// Calls that had to wait until another had ended.
    pub held: u64,
    /// From the intended start to the answer, or to the end of the timeout, of calls that the server did not refuse.
    pub latency: Histogram<u32>,
    /// From the actual start to the answer of the same calls.
    pub service: Histogram<u32>,
    /// From the intended start to the answer of calls that failed at once.
    pub refusal: Histogram<u32>,
    /// From the intended to the actual start, of calls that were not held.
    pub lateness: Histogram<u32>,
    /// Time in each stage on the server, of each message.
    pub stages: Vec<Histogram<u32>>,
    /// Time on the server, of each message.
    pub total: Histogram<u32>,
    /// Time on the server that is in no stage.
    pub unaccounted: Histogram<u32>,
    /// What is left of the service time without the server's: network, HTTP/2, and the client itself.
    pub outside: Histogram<u32>,
    /// Sum over messages of the size of the batch that they were computed in.
    pub batch_sizes: u64,
    /// Tokens that the model read.
    pub tokens: u64,
    /// How it went over time.
    pub timeline: Timeline,
    ticks: Vec<Tick>,
}

impl Tally {
    fn new(duration: Duration) -> Result<Self, HistogramError> {
        Ok(Self {
            offered: 0,
            calls: Counts::default(),
            messages: Counts::default(),
            failures: BTreeMap::new(),
            held: 0,
            latency: histogram()?,
            service: histogram()?,
            refusal: histogram()?,
            lateness: histogram()?,
            stages: Stage::ALL.iter().map(|_| histogram()).collect::<Result<_, _>>()?,
            total: histogram()?,
            unaccounted: histogram()?,
            outside: histogram()?,
            batch_sizes: 0,
            tokens: 0,
            timeline: Timeline::new(duration, histogram()?),
            ticks: Vec::new(),
        })
    }

    /// Messages a second that were offered and answered, over the same time: from when the step has settled to `end`.
    /// Both count what falls into that time, so that in a steady state what is under way at its two ends evens out.
    #[must_use]
    pub fn flow(&self, end: Duration) -> Flow {
        let ticks = usize::try_from(end.as_millis() / TICK_MS).unwrap_or(usize::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most MAX_TICKS"
        )]
        let settled = (ticks.min(MAX_TICKS) as f64 * SETTLE_SHARE) as usize;
        let counted = ticks.saturating_sub(settled);
        if counted == 0 {
            // Too short for a steady state: all of it.
            let seconds = end.as_secs_f64().max(1e-3);
            let offered = self.ticks.iter().map(|tick| tick.offered).sum::<u64>();
            return Flow {
                offered: offered as f64 / seconds,
                answered: self.messages.ok as f64 / seconds,
            };
        }
        let seconds = counted as f64 * TICK_MS as f64 / 1e3;
        let window = self.ticks.iter().skip(settled).take(counted);
        let (offered, answered) =
            window.fold((0, 0), |(o, a), tick| (o + tick.offered, a + tick.answered));
        Flow { offered: offered as f64 / seconds, answered: answered as f64 / seconds }
    }

    fn tick(&mut self, at: Duration) -> Option<&mut Tick> {
        let index = usize::try_from(at.as_millis() / TICK_MS).ok()?;
        if index >= MAX_TICKS {
            return None;
        }
        if index >= self.ticks.len() {
            self.ticks.resize(index + 1, Tick::default());
        }
        self.ticks.get_mut(index)
    }

    fn ended(&mut self, call: &Call) {
        let (answered, failed) = match &call.outcome {
            Ok(items) => {
                let answers: Vec<&Answer> =
                    items.iter().filter_map(|item| item.as_ref().ok()).collect();
                for failure in items.iter().filter_map(|item| item.as_ref().err()) {
                    *self.failures.entry(*failure).or_default() += 1;
                }
                self.answers(call, &answers);
                // A reply may lack items; what was sent is what counts.
                let answered = (answers.len() as u64).min(call.messages);
                (answered, call.messages - answered)
            }
            Err(failure) => {
                *self.failures.entry(*failure).or_default() += call.messages;
                (0, call.messages)
            }
        };
        self.messages.ok += answered;
        self.messages.errors += failed;
        if let Some(tick) = self.tick(call.ended) {
            tick.answered += answered;
        }
        let is_ok = failed == 0;
        if is_ok {
            self.calls.ok += 1;
        } else {
            self.calls.errors += 1;
        }
        self.times(call, is_ok);
    }

    fn times(&mut self, call: &Call, is_ok: bool) {
        let latency = microseconds(call.ended.saturating_sub(call.intended));
        // A call that timed out would have taken longer still. Leaving it out would make slow servers look fast.
        let counts = match &call.outcome {
            Ok(_) | Err(Failure::TimedOut) => true,
            Err(Failure::Status(_) | Failure::Connection | Failure::CutOff) => false,
        };
        if counts {
            self.latency.saturating_record(latency);
            let service = call.ended.saturating_sub(call.started);
            self.service.saturating_record(microseconds(service));
        } else {
            self.refusal.saturating_record(latency);
        }
        self.timeline.ended(call.ended, is_ok, counts.then_some(latency));
        if call.was_held {
            self.held += 1;
        } else {
            let lateness = call.started.saturating_sub(call.intended);
            self.lateness.saturating_record(microseconds(lateness));
        }
    }

    fn answers(&mut self, call: &Call, answers: &[&Answer]) {
        let mut longest = Duration::ZERO;
        for answer in answers {
            for (histogram, time) in self.stages.iter_mut().zip(answer.stages) {
                histogram.saturating_record(microseconds(time));
            }
            let staged: Duration = answer.stages.iter().sum();
            self.total.saturating_record(microseconds(answer.total));
            self.unaccounted.saturating_record(microseconds(answer.total.saturating_sub(staged)));
            self.batch_sizes += u64::from(answer.batch_size);
            self.tokens += u64::from(answer.tokens);
            longest = longest.max(answer.total);
        }
        if !answers.is_empty() {
            let service = call.ended.saturating_sub(call.started);
            self.outside.saturating_record(microseconds(service.saturating_sub(longest)));
        }
    }
}

/// Messages a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flow {
    /// That were meant to be sent.
    pub offered: f64,
    /// That were answered.
    pub answered: f64,
}

/// Where a step stands, for people who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Calls so far.
    pub calls: Counts,
    /// Median latency so far. Milliseconds.
    pub p50_ms: f64,
    /// 99th percentile so far. Milliseconds.
    pub p99_ms: f64,
}

/// Takes in calls from many tasks at once.
#[derive(Debug)]
pub struct Recorder {
    tally: Mutex<Tally>,
}

impl Recorder {
    /// Starts a step that takes about so long.
    ///
    /// # Errors
    /// [`HistogramError`], which does not happen.
    pub fn new(duration: Duration) -> Result<Self, HistogramError> {
        Ok(Self { tally: Mutex::new(Tally::new(duration)?) })
    }

    /// Counts a call that the schedule wants, whether it can be sent or not.
    pub fn offered(&self, intended: Duration, messages: u64) {
        let mut tally = self.lock();
        tally.offered += 1;
        if let Some(tick) = tally.tick(intended) {
            tick.offered += messages;
        }
    }

    /// Counts a call that is sent.
    pub fn sent(&self, at: Duration, messages: u64) {
        let mut tally = self.lock();
        tally.calls.sent += 1;
        tally.messages.sent += messages;
        tally.timeline.sent(at);
    }

    /// Takes in a call that has ended.
    pub fn ended(&self, call: &Call) {
        self.lock().ended(call);
    }

    /// Tells where the step stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let tally = self.lock();
        let at = |quantile| milliseconds(tally.latency.value_at_quantile(quantile));
        Snapshot { calls: tally.calls, p50_ms: at(0.5), p99_ms: at(0.99) }
    }

    /// Returns what was counted and starts anew.
    ///
    /// # Errors
    /// [`HistogramError`], which does not happen.
    pub fn take(&self) -> Result<Tally, HistogramError> {
        Ok(std::mem::replace(&mut *self.lock(), Tally::new(Duration::ZERO)?))
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        // Counts are whole after each step; a task that panicked does not make them wrong.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
