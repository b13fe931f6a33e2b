//! What became of every message. The identity
//! `offered = answered + shed + expired + cancelled + failed + in_flight` holds by construction: a [`Ticket`] counts a
//! message as offered when it is made and under exactly one outcome when it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind};

/// What became of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Answered, abstentions included.
    Answered,
    /// Turned away because the server was full.
    Shed,
    /// Out of time.
    Expired,
    /// Given up by the caller.
    Cancelled,
    /// Not answered for any other reason: a fault, a state in which the server can't serve, an unknown model, a text
    /// that may not be cut.
    Failed,
}

impl Outcome {
    /// Returns the outcome that an error means for a message that was offered.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Overloaded => Self::Shed,
            ErrorKind::DeadlineExceeded => Self::Expired,
            ErrorKind::InvalidArgument
            | ErrorKind::NotFound
            | ErrorKind::FailedPrecondition
            | ErrorKind::PermissionDenied
            | ErrorKind::NotReady
            | ErrorKind::Internal => Self::Failed,
        }
    }
}

/// Counts messages by outcome.
#[derive(Debug, Default)]
pub struct Counters {
    offered: AtomicU64,
    answered: AtomicU64,
    shed: AtomicU64,
    expired: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CounterSnapshot {
    /// Valid messages that reached the service.
    pub offered: u64,
    /// Answered, abstentions included.
    pub answered: u64,
    /// Turned away because the server was full.
    pub shed: u64,
    /// Out of time.
    pub expired: u64,
    /// Given up by the caller.
    pub cancelled: u64,
    /// Not answered for any other reason: a fault, a state in which the server can't serve, an unknown model, a text
    /// that may not be cut.
    pub failed: u64,
    /// Not yet any of these.
    pub in_flight: u64,
    /// Refused because they break a rule, before they were offered; not part of `offered`.
    pub rejected: u64,
}

impl Counters {
    /// Counts a message as offered; the ticket counts its outcome.
    #[must_use]
    pub fn offer(self: &Arc<Self>) -> Ticket {
        self.offered.fetch_add(1, Ordering::SeqCst);
        Ticket { counters: Arc::clone(self), settled: false }
    }

    /// Counts a message that was refused because it breaks a rule.
    pub fn reject(&self) {
        self.rejected.fetch_add(1, Ordering::SeqCst);
    }

    /// Reads all counters.
    #[must_use]
    pub fn snapshot(&self) -> CounterSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        let [answered, shed, expired, cancelled, failed] =
            [&self.answered, &self.shed, &self.expired, &self.cancelled, &self.failed].map(read);
        // Read last: it only grows, so the difference is never below what is really in flight.
        let offered = read(&self.offered);
        let settled = answered + shed + expired + cancelled + failed;
        let in_flight = offered.saturating_sub(settled);
        let rejected = read(&self.rejected);
        CounterSnapshot { offered, answered, shed, expired, cancelled, failed, in_flight, rejected }
    }

    fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Answered => &self.answered,
            Outcome::Shed => &self.shed,
            Outcome::Expired => &self.expired,
            Outcome::Cancelled => &self.cancelled,
            Outcome::Failed => &self.failed,
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// A message under way. Dropped without an outcome, it counts as cancelled, or as failed while a panic unwinds.
#[derive(Debug)]
pub struct Ticket {
    counters: Arc<Counters>,
    settled: bool,
}

impl Ticket {
    /// Counts the outcome.
    pub fn settle(mut self, outcome: Outcome) {
        self.settled = true;
        self.counters.count(outcome);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.settled {
            let panicking = std::thread::panicking();
            self.counters.count(if panicking { Outcome::Failed } else { Outcome::Cancelled });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ticket_counts_exactly_once() {
        let counters = Arc::new(Counters::default());
        counters.offer().settle(Outcome::Answered);
        counters.offer().settle(Outcome::Shed);
        drop(counters.offer());
        let under_way = counters.offer();
        counters.reject();

        let snapshot = counters.snapshot();

        let expected = CounterSnapshot {
            offered: 4,
            answered: 1,
            shed: 1,
            cancelled: 1,
            in_flight: 1,
            rejected: 1,
            ..CounterSnapshot::default()
        };
        assert_eq!(snapshot, expected);
        drop(under_way);
    }

    #[test]
    fn ticket_lost_to_a_panic_counts_as_failed() {
        let counters = Arc::new(Counters::default());
        let ticket = counters.offer();

        let result = std::thread::spawn(move || {
            let _held = ticket;
            panic!("test");
        })
        .join();

        assert!(result.is_err());
        assert_eq!(counters.snapshot().failed, 1);
    }
}
