//! From single messages to batches: admission, the bounded queue, and the inference threads.

mod admission;
mod cache;
mod queue;
mod worker;

pub use admission::{Admission, AdmissionPermit};
pub use cache::{CacheSnapshot, OutputCache};
pub use queue::{BatchLimits, Computed, EntryState, Job, Lane, Queue, QueueError, Submitted};
pub use worker::{WorkerError, WorkerPool};
