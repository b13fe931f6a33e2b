//! What one loaded model has done, and where the time went.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often something was done and how long it took in all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Total {
    /// How often.
    pub count: u64,
    /// How long in all.
    pub time: Duration,
}

#[derive(Debug, Default)]
struct AtomicTotal {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl AtomicTotal {
    fn add(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> Total {
        let time = Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed));
        Total { count: self.count.load(Ordering::Relaxed), time }
    }
}

/// Where the time of an answered message went.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StageTimes {
    /// From the text to tokens.
    pub input: Duration,
    /// Waiting for an inference thread and being computed; `None` when nothing was computed.
    pub computed: Option<(Duration, Duration)>,
    /// From raw outputs to the result.
    pub output: Duration,
    /// From the admitted message to its finished result.
    pub total: Duration,
}

/// Counts the messages of one loaded model, whichever way they came. Begins at zero when the model is loaded.
#[derive(Debug, Default)]
pub struct ModelUsage {
    answered: AtomicTotal,
    failed: AtomicTotal,
    input: AtomicTotal,
    queue: AtomicTotal,
    inference: AtomicTotal,
    output: AtomicTotal,
    last_ms: AtomicU64,
}

/// What a model has done up to one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UsageSnapshot {
    /// Messages that were answered.
    pub answered: Total,
    /// Messages that were not, for whatever reason but that their caller gave them up.
    pub failed: Total,
    /// From the text to tokens, of answered messages.
    pub input: Total,
    /// Waiting for an inference thread, of those that were computed.
    pub queue: Total,
    /// The batch that a message was computed in, of those that were.
    pub inference: Total,
    /// From raw outputs to the result, of answered messages.
    pub output: Total,
    /// When a message was last answered or failed, in milliseconds since 1970; 0 for never.
    pub last_ms: u64,
}

impl ModelUsage {
    /// Counts a message that was answered.
    pub fn answered(&self, times: &StageTimes) {
        self.answered.add(times.total);
        self.input.add(times.input);
        if let Some((queue, inference)) = times.computed {
            self.queue.add(queue);
            self.inference.add(inference);
        }
        self.output.add(times.output);
        self.touch();
    }

    /// Counts a message that was not answered, after this time.
    pub fn failed(&self, after: Duration) {
        self.failed.add(after);
        self.touch();
    }

    /// Reads all of it.
    #[must_use]
    pub fn snapshot(&self) -> UsageSnapshot {
        UsageSnapshot {
            answered: self.answered.read(),
            failed: self.failed.read(),
            input: self.input.read(),
            queue: self.queue.read(),
            inference: self.inference.read(),
            output: self.output.read(),
            last_ms: self.last_ms.load(Ordering::Relaxed),
        }
    }

    fn touch(&self) {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        self.last_ms.fetch_max(milliseconds, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_computed_has_no_time_in_the_queue() {
        let usage = ModelUsage::default();
        let ms = Duration::from_millis;
        let computed = StageTimes {
            input: ms(1),
            computed: Some((ms(2), ms(3))),
            output: ms(4),
            total: ms(10),
        };
        usage.answered(&computed);
        usage.answered(&StageTimes { computed: None, ..computed });
        usage.failed(ms(5));

        let snapshot = usage.snapshot();

        let total = |count, time| Total { count, time: ms(time) };
        assert!(snapshot.last_ms > 0);
        let expected = UsageSnapshot {
            answered: total(2, 20),
            failed: total(1, 5),
            input: total(2, 2),
            queue: total(1, 2),
            inference: total(1, 3),
            output: total(2, 8),
            last_ms: snapshot.last_ms,
        };
        assert_eq!(snapshot, expected);
    }
}
