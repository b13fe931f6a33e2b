//! What came of a shadow's messages.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hdrhistogram::{CreationError, Histogram};

use super::{ShadowFinding, ShadowJob};
use crate::registry::rollout::verdict::{ComparedHead, Verdict};

/// Disagreements that are kept, the latest.
const MAX_DISAGREEMENTS: usize = 100;

/// Longest time that a histogram tells apart. Microseconds: ten minutes.
const LONGEST_US: u64 = 600_000_000;

/// Digits that a histogram keeps.
const DIGITS: u8 = 2;

/// How often two versions agree.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Agreement {
    /// Messages that were compared.
    pub compared: u64,
    /// Messages with the same answer.
    pub agreed: u64,
}

impl Agreement {
    fn count(&mut self, agrees: bool) {
        self.compared += 1;
        self.agreed += u64::from(agrees);
    }
}

/// How often two versions agree in each head.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// In every head that both versions have.
    pub all: Agreement,
    /// In the primary intent.
    pub primary: Agreement,
    /// In the set of intents that are present.
    pub intents: Agreement,
    /// In the step of polarity.
    pub polarity: Agreement,
    /// In the set of flags that are present.
    pub flags: Agreement,
}

impl Comparison {
    /// Counts a message; returns whether the two agree in everything.
    fn count(&mut self, said: &Verdict, found: &Verdict) -> bool {
        let mut is_same = true;
        for head in ComparedHead::ALL {
            let Some(agrees) = said.agrees(found, head) else { continue };
            is_same &= agrees;
            let agreement = match head {
                ComparedHead::Primary => &mut self.primary,
                ComparedHead::Intents => &mut self.intents,
                ComparedHead::Polarity => &mut self.polarity,
                ComparedHead::Flags => &mut self.flags,
            };
            agreement.count(agrees);
        }
        self.all.count(is_same);
        is_same
    }
}

/// A message with different answers. What the customer wrote is not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Disagreement {
    /// The message's id.
    pub id: String,
    /// When the answers were compared.
    pub compared_at: SystemTime,
    /// What was answered.
    pub said: Verdict,
    /// What the shadow said.
    pub found: Verdict,
}

/// A distribution of times, to two digits; zeros when it is empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Latency {
    /// Messages in it.
    pub count: u64,
    /// Median.
    pub p50: Duration,
    /// 95th percentile.
    pub p95: Duration,
    /// 99th percentile.
    pub p99: Duration,
    /// Longest.
    pub max: Duration,
}

impl Latency {
    fn of(times: &Histogram<u32>) -> Self {
        let quantile = |share| Duration::from_micros(times.value_at_quantile(share));
        Self {
            count: times.len(),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
            max: Duration::from_micros(times.max()),
        }
    }
}

/// What came of a shadow's messages up to one moment. `sampled = compared + dropped + failed + waiting`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShadowReport {
    /// Since when it counts.
    pub since: SystemTime,
    /// Messages of its share.
    pub sampled: u64,
    /// Messages that both versions have answered.
    pub compared: u64,
    /// Messages that it did not read, because it was busy.
    pub dropped: u64,
    /// Messages that it could not answer.
    pub failed: u64,
    /// Messages that wait for it or that it reads now.
    pub waiting: u64,
    /// How often the two agree.
    pub comparison: Comparison,
    /// Inference times of the version that answered.
    pub primary_inference: Latency,
    /// Inference times of the shadow.
    pub shadow_inference: Latency,
    /// The latest disagreements, the latest first.
    pub disagreements: Vec<Disagreement>,
}

/// Counts while the shadow reads.
#[derive(Debug)]
pub(super) struct Tally {
    since: SystemTime,
    sampled: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    /// Touched by the shadow's thread and by whoever asks for a report, never by a message on its way.
    compared: Mutex<Compared>,
}

#[derive(Debug)]
struct Compared {
    comparison: Comparison,
    primary_inference: Histogram<u32>,
    shadow_inference: Histogram<u32>,
    /// Oldest first.
    disagreements: VecDeque<Disagreement>,
}

impl Tally {
    /// # Errors
    /// [`CreationError`] should the histogram's limits be refused.
    pub(super) fn new() -> Result<Self, CreationError> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_US, DIGITS);
        Ok(Self {
            since: SystemTime::now(),
            sampled: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            compared: Mutex::new(Compared {
                comparison: Comparison::default(),
                primary_inference: histogram()?,
                shadow_inference: histogram()?,
                disagreements: VecDeque::new(),
            }),
        })
    }

    pub(super) fn sample(&self) {
        self.sampled.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn drop_message(&self) {
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts messages that nobody will read any more.
    pub(super) fn give_up(&self, messages: usize) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        self.dropped.fetch_add(messages, Ordering::SeqCst);
    }

    /// Puts two answers beside each other.
    pub(super) fn compare(&self, job: ShadowJob, finding: ShadowFinding) {
        let ShadowJob { id, said, inference, text: _, truncation: _ } = job;
        let ShadowFinding { verdict: found, inference: shadow_inference } = finding;
        let mut compared = self.compared();
        if let Some(inference) = inference {
            compared.primary_inference.saturating_record(microseconds(inference));
        }
        compared.shadow_inference.saturating_record(microseconds(shadow_inference));
        if compared.comparison.count(&said, &found) {
            return;
        }
        if compared.disagreements.len() >= MAX_DISAGREEMENTS {
            compared.disagreements.pop_front();
        }
        let compared_at = SystemTime::now();
        compared.disagreements.push_back(Disagreement { id, compared_at, said, found });
    }

    pub(super) fn report(&self) -> ShadowReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let compared = self.compared();
        let [dropped, failed] = [&self.dropped, &self.failed].map(read);
        // Read last: it only grows, so the difference is never below what really waits.
        let sampled = read(&self.sampled);
        let done = compared.comparison.all.compared;
        ShadowReport {
            since: self.since,
            sampled,
            compared: done,
            dropped,
            failed,
            waiting: sampled.saturating_sub(done + dropped + failed),
            comparison: compared.comparison,
            primary_inference: Latency::of(&compared.primary_inference),
            shadow_inference: Latency::of(&compared.shadow_inference),
            disagreements: compared.disagreements.iter().rev().cloned().collect(),
        }
    }

    fn compared(&self) -> MutexGuard<'_, Compared> {
        // Each message is counted whole, and counting does not panic.
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_US)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Truncation;

    fn job(id: usize, primary: &str) -> ShadowJob {
        ShadowJob {
            id: id.to_string(),
            text: "not kept".into(),
            truncation: Truncation::default(),
            said: verdict(primary),
            inference: Some(Duration::from_millis(2)),
        }
    }

    fn verdict(primary: &str) -> Verdict {
        Verdict { primary: Some(primary.into()), ..Verdict::default() }
    }

    fn finding(primary: &str) -> ShadowFinding {
        ShadowFinding { verdict: verdict(primary), inference: Duration::from_millis(5) }
    }

    #[test]
    fn every_sampled_message_is_counted_once() {
        let tally = Tally::new().unwrap();
        for _ in 0..5 {
            tally.sample();
        }
        tally.compare(job(1, "a"), finding("a"));
        tally.compare(job(2, "a"), finding("b"));
        tally.drop_message();
        tally.fail();

        let report = tally.report();

        let ShadowReport { sampled, compared, dropped, failed, waiting, .. } = report;
        assert_eq!((sampled, compared, dropped, failed, waiting), (5, 2, 1, 1, 1));
        assert_eq!(report.comparison.primary, Agreement { compared: 2, agreed: 1 });
        assert_eq!(report.comparison.all, Agreement { compared: 2, agreed: 1 });
        assert_eq!(report.comparison.flags, Agreement::default(), "neither has flags");
        assert_eq!(report.shadow_inference.count, 2);
        // Two digits: within one part in a hundred.
        let p50 = report.shadow_inference.p50.as_secs_f64();
        assert!((p50 - 0.005).abs() <= 0.000_05, "{p50}");
    }

    #[test]
    fn latest_disagreements_are_kept_and_no_text() {
        let tally = Tally::new().unwrap();
        for id in 0..MAX_DISAGREEMENTS + 3 {
            tally.compare(job(id, "a"), finding("b"));
        }

        let kept = tally.report().disagreements;

        assert_eq!(kept.len(), MAX_DISAGREEMENTS);
        assert_eq!((kept[0].id.as_str(), kept[99].id.as_str()), ("102", "3"));
        assert!(!format!("{kept:?}").contains("not kept"));
    }
}
