//! A version that answers a share of the calls, and steps aside while it fails.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::registry::LoadedModel;
use crate::telemetry::events;

/// Messages that a canary may fail one after the other before it is passed by.
const MAX_FAILURES: u32 = 8;

/// How long it is passed by then, before one message tries it again.
const BYPASS: Duration = Duration::from_secs(10);

/// What a canary may take of a message's time at most. Twenty times what a long message needs on a busy machine; what
/// takes longer does not come back.
const PATIENCE: Duration = Duration::from_secs(2);

/// A canary in force.
#[derive(Clone, Debug)]
pub struct Canary {
    model: Arc<LoadedModel>,
    record: Arc<CanaryRecord>,
}

impl Canary {
    pub(in crate::registry) fn new(model: Arc<LoadedModel>, record: Arc<CanaryRecord>) -> Self {
        Self { model, record }
    }

    /// Returns the model that answers.
    #[must_use]
    pub fn model(&self) -> &Arc<LoadedModel> {
        &self.model
    }

    /// Returns what became of its messages.
    #[must_use]
    pub fn counts(&self) -> CanaryCounts {
        self.record.counts()
    }

    /// Takes a message of the canary's share and counts it; `None` while the canary is passed by.
    #[must_use]
    pub fn attempt(self) -> Option<Attempt> {
        let is_taken = self.record.take(Instant::now());
        is_taken.then_some(Attempt { canary: self })
    }
}

/// A message that a canary is asked for.
#[derive(Debug)]
pub struct Attempt {
    canary: Canary,
}

impl Attempt {
    /// Returns the model that is asked.
    #[must_use]
    pub fn model(&self) -> &Arc<LoadedModel> {
        &self.canary.model
    }

    /// Returns until when the canary may take: half of the time that is left at most, so that the primary version has
    /// the other half should the canary not come back.
    #[must_use]
    pub fn deadline(&self, now: Instant, deadline: Instant) -> Instant {
        now + (deadline.saturating_duration_since(now) / 2).min(PATIENCE)
    }

    /// Counts what became of it.
    pub fn settle<T>(self, result: &Result<T, Error>) {
        match result {
            Ok(_) => self.canary.record.succeed(),
            Err(error) => {
                let key = self.canary.model.key();
                events::canary_failed(&key.name, &key.version, error);
                if self.canary.record.fail(error.kind(), Instant::now()) {
                    events::canary_bypassed(&key.name, &key.version, BYPASS);
                }
            }
        }
    }
}

/// What became of a canary's messages. A message under way is counted as offered alone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CanaryCounts {
    /// Went to the canary.
    pub offered: u64,
    /// Were answered by it.
    pub answered: u64,
    /// Failed there; the primary version was asked.
    pub fell_back: u64,
    /// Went to the primary version at once, because the canary had failed one after the other.
    pub bypassed: u64,
}

/// Counts, and whether the canary is passed by.
#[derive(Debug, Default)]
pub(in crate::registry) struct CanaryRecord {
    offered: AtomicU64,
    answered: AtomicU64,
    fell_back: AtomicU64,
    bypassed: AtomicU64,
    /// Messages that failed since the last one that did not.
    failures: AtomicU32,
    /// When a message tries a canary again that is passed by.
    next_try: Mutex<Option<Instant>>,
}

impl CanaryRecord {
    fn counts(&self) -> CanaryCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // `offered` last, so that it is never less than what came of it.
        let [bypassed, fell_back, answered, offered] =
            [&self.bypassed, &self.fell_back, &self.answered, &self.offered].map(read);
        CanaryCounts { offered, answered, fell_back, bypassed }
    }

    fn take(&self, now: Instant) -> bool {
        let is_open = self.failures.load(Ordering::Relaxed) < MAX_FAILURES || self.is_due(now);
        let counter = if is_open { &self.offered } else { &self.bypassed };
        counter.fetch_add(1, Ordering::Relaxed);
        is_open
    }

    /// Tells whether it is time for one message to try again; it is that of the caller then.
    fn is_due(&self, now: Instant) -> bool {
        let mut next = self.next_try.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = next.is_none_or(|next| next <= now);
        if is_due {
            *next = Some(now + BYPASS);
        }
        is_due
    }

    fn succeed(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Returns true when the canary is passed by from now on.
    fn fail(&self, kind: ErrorKind, now: Instant) -> bool {
        self.fell_back.fetch_add(1, Ordering::Relaxed);
        let is_fault = match kind {
            ErrorKind::Internal
            | ErrorKind::NotReady
            | ErrorKind::Overloaded
            | ErrorKind::DeadlineExceeded => true,
            // What the message asks for does not fit the canary: that says nothing about the next one.
            ErrorKind::InvalidArgument
            | ErrorKind::NotFound
            | ErrorKind::FailedPrecondition
            | ErrorKind::PermissionDenied => false,
        };
        if !is_fault || self.failures.fetch_add(1, Ordering::Relaxed) + 1 != MAX_FAILURES {
            return false;
        }
        *self.next_try.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + BYPASS);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canary_that_keeps_failing_is_passed_by_and_tried_again() {
        let (record, start) = (CanaryRecord::default(), Instant::now());
        for failure in 1..=MAX_FAILURES {
            assert!(record.take(start));
            assert_eq!(record.fail(ErrorKind::Internal, start), failure == MAX_FAILURES);
        }

        assert!(!record.take(start));
        let later = start + BYPASS;
        assert!(record.take(later), "one message tries");
        assert!(!record.take(later), "and no other");
        assert!(!record.fail(ErrorKind::DeadlineExceeded, later), "that is no news");
        assert!(!record.take(later));
        assert!(record.take(later + BYPASS));
        record.succeed();

        assert!(record.take(later + BYPASS));
        let counts = record.counts();
        assert_eq!((counts.offered, counts.answered), (11, 1));
        assert_eq!((counts.fell_back, counts.bypassed), (9, 3));
    }

    #[test]
    fn messages_that_do_not_fit_are_no_faults_of_the_canary() {
        let (record, now) = (CanaryRecord::default(), Instant::now());
        for _ in 0..2 * MAX_FAILURES {
            assert!(record.take(now));
            assert!(!record.fail(ErrorKind::InvalidArgument, now));
        }
    }
}
