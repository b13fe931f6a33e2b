//! Messages that wait for a shadow: few, and handing one over never waits.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

use crossbeam_queue::ArrayQueue;

use super::ShadowJob;

/// A bounded queue with one reader, first in, first out. Without a lock: the reader has the lowest priority, and whoever
/// waited for a lock that it holds would wait as long as it does for the processor.
#[derive(Debug)]
pub(super) struct Backlog {
    jobs: ArrayQueue<ShadowJob>,
    is_closed: AtomicBool,
    reader: OnceLock<Thread>,
}

impl Backlog {
    /// Makes room for `limit` messages, at least one.
    pub(super) fn new(limit: usize) -> Self {
        let jobs = ArrayQueue::new(limit.max(1));
        Self { jobs, is_closed: AtomicBool::new(false), reader: OnceLock::new() }
    }

    /// Puts a message at the end; false when there is no room or nobody will come for it.
    pub(super) fn push(&self, job: ShadowJob) -> bool {
        if self.is_closed() || self.jobs.push(job).is_err() {
            return false;
        }
        // Closed meanwhile: either it was thrown away and counted there, or it is here.
        if self.is_closed() && self.jobs.pop().is_some() {
            return false;
        }
        self.wake();
        true
    }

    /// Waits for the next message; `None` once the backlog is closed. Always called by the same thread.
    pub(super) fn next(&self) -> Option<ShadowJob> {
        self.reader.get_or_init(std::thread::current);
        while !self.is_closed() {
            if let Some(job) = self.jobs.pop() {
                return Some(job);
            }
            // Who pushes after this look has left a token for this thread, and it does not sleep.
            std::thread::park();
        }
        None
    }

    /// Takes nothing more. Messages that wait stay where they are until [`Self::abandon`].
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Closes, throws away what waits, and returns how many messages that were.
    pub(super) fn abandon(&self) -> usize {
        self.close();
        std::iter::from_fn(|| self.jobs.pop()).count()
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    fn wake(&self) {
        // Without a reader yet, its first look finds what is there.
        if let Some(reader) = self.reader.get() {
            reader.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Truncation;
    use crate::registry::rollout::Verdict;

    fn job(id: &str) -> ShadowJob {
        ShadowJob {
            id: id.to_owned(),
            text: String::new(),
            truncation: Truncation::default(),
            said: Verdict::default(),
            inference: None,
        }
    }

    #[test]
    fn full_backlog_refuses_and_hands_out_in_order() {
        let backlog = Backlog::new(2);

        let taken = ["1", "2", "3"].map(|id| backlog.push(job(id)));

        assert_eq!(taken, [true, true, false]);
        assert_eq!(backlog.next().unwrap().id, "1");
        assert!(backlog.push(job("4")));
        assert_eq!(backlog.next().unwrap().id, "2");
        assert_eq!(backlog.abandon(), 1);
        assert!(!backlog.push(job("5")));
        assert!(backlog.next().is_none());
    }

    #[test]
    fn reader_is_woken_by_messages_and_by_the_end() {
        let backlog = Backlog::new(1);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| std::iter::from_fn(|| backlog.next()).count());
            for id in 0..100 {
                while !backlog.push(job(&id.to_string())) {
                    std::thread::yield_now();
                }
            }
            while !backlog.jobs.is_empty() {
                std::thread::yield_now();
            }
            backlog.close();

            assert_eq!(reader.join().unwrap(), 100);
        });
    }
}
