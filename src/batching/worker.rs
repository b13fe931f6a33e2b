//! Inference threads: each owns a replica, takes batches and answers them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::queue::{BatchLimits, Computed, Job, Queue, QueueError};
use crate::engine::{
    BatchOutput, Engine, EngineError, EngineInfo, MessageOutput, RaggedBatch, ReplicaFactory,
};
use crate::telemetry::events;

/// Why the inference threads can't start.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A replica can't be made.
    #[error("a replica of the model can't be made")]
    Replica(#[source] EngineError),
    /// The operating system gives no thread.
    #[error("an inference thread can't be started")]
    Thread(#[source] std::io::Error),
}

/// The inference threads of one model.
#[derive(Debug)]
pub struct WorkerPool {
    threads: Vec<JoinHandle<()>>,
    queue: Arc<Queue>,
    alive: watch::Receiver<usize>,
    info: EngineInfo,
}

impl WorkerPool {
    /// Makes one replica for each thread and starts the threads.
    ///
    /// # Errors
    /// [`WorkerError`] when a replica can't be made or a thread can't be started.
    pub fn start(
        model: &str,
        instances: usize,
        factory: &Arc<ReplicaFactory>,
        queue: &Arc<Queue>,
        limits: BatchLimits,
    ) -> Result<Self, WorkerError> {
        let instances = instances.max(1);
        let replicas = (0..instances)
            .map(|_| factory())
            .collect::<Result<Vec<_>, _>>()
            .map_err(WorkerError::Replica)?;
        let info = replicas.first().map(|replica| replica.info().clone());
        let (alive_sender, alive) = watch::channel(replicas.len());
        let alive_sender = Arc::new(alive_sender);
        let mut threads = Vec::new();
        for (index, engine) in replicas.into_iter().enumerate() {
            let worker = Worker {
                model: model.to_owned(),
                engine: Some(engine),
                factory: Arc::clone(factory),
                queue: Arc::clone(queue),
                limits,
                alive: Arc::clone(&alive_sender),
            };
            let thread = std::thread::Builder::new()
                .name(format!("inference-{index}"))
                .spawn(move || worker.run())
                .map_err(WorkerError::Thread)?;
            threads.push(thread);
        }
        let info = info.unwrap_or(EngineInfo {
            name: "none",
            device: String::new(),
            compute_type: "none",
            instruction_set: "",
        });
        Ok(Self { threads, queue: Arc::clone(queue), alive, info })
    }

    /// Says what the engine is.
    #[must_use]
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Returns the number of threads that still work; it changes when one is lost.
    #[must_use]
    pub fn alive(&self) -> watch::Receiver<usize> {
        self.alive.clone()
    }

    /// Closes the queue, lets the threads finish what waits, and joins them. Blocks.
    pub fn join(mut self) {
        self.finish();
    }

    fn finish(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A panic outside the engine has been reported by the panic hook already.
            drop(thread.join());
        }
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        self.finish();
    }
}

/// One inference thread. Dropping it, however that comes about, takes it off the count; the last one to go takes the
/// queue with it, so that nobody waits in vain.
struct Worker {
    model: String,
    /// `None` once a panic has cost the replica and it could not be made anew.
    engine: Option<Box<dyn Engine>>,
    factory: Arc<ReplicaFactory>,
    queue: Arc<Queue>,
    limits: BatchLimits,
    alive: Arc<watch::Sender<usize>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut left = 0;
        self.alive.send_modify(|alive| {
            *alive = alive.saturating_sub(1);
            left = *alive;
        });
        if left == 0 {
            self.queue.abandon();
        }
    }
}

impl Worker {
    fn run(mut self) {
        while self.engine.is_some()
            && let Some(jobs) = self.queue.next_batch(&self.limits)
        {
            self.compute(jobs);
        }
    }

    /// Computes a batch and answers every message of it.
    ///
    /// When a batch of several fails, each message is computed alone, so that one that the engine can't stand does not
    /// fail its neighbours.
    fn compute(&mut self, jobs: Vec<Job>) {
        for job in &jobs {
            job.state.set_computing();
        }
        let started = Instant::now();
        match self.infer(&jobs) {
            Ok(outputs) => {
                let inference = started.elapsed();
                if let Some(cache) = self.queue.cache() {
                    let kept = jobs.iter().zip(&outputs).filter(|(job, _)| job.is_cached);
                    for (job, output) in kept {
                        cache.insert(&job.input_ids, output);
                    }
                }
                answer(jobs, outputs, started, inference);
            }
            Err(error) => match <[Job; 1]>::try_from(jobs) {
                Ok([job]) => job.answer(Err(error)),
                Err(jobs) => {
                    events::batch_failed(&self.model, jobs.len(), &error);
                    self.compute_each_alone(jobs);
                }
            },
        }
    }

    fn compute_each_alone(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            if job.is_stale(Instant::now()) {
                job.answer(Err(QueueError::Expired));
            } else {
                self.compute(vec![job]);
            }
        }
    }

    /// Runs the engine; a panic is caught and the replica made anew.
    fn infer(&mut self, jobs: &[Job]) -> Result<Vec<MessageOutput>, QueueError> {
        let Some(engine) = &mut self.engine else { return Err(QueueError::Closed) };
        let batch = RaggedBatch::from_messages(jobs.iter().map(|job| job.input_ids.as_slice()));
        // The replica is thrown away after a panic, so nothing half done is seen again. What the panic says may quote
        // the message that it met, so only its place is told, by the panic hook.
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| engine.infer(&batch))) else {
            events::engine_panicked(&self.model);
            self.engine = self.new_replica();
            return Err(QueueError::Panicked);
        };
        let outputs = result.and_then(BatchOutput::into_messages).map_err(QueueError::Engine)?;
        if outputs.len() == jobs.len() {
            Ok(outputs)
        } else {
            let fault = format!("{} rows for {} messages", outputs.len(), jobs.len());
            Err(QueueError::Engine(EngineError::Backend(fault.into())))
        }
    }

    fn new_replica(&self) -> Option<Box<dyn Engine>> {
        let made = catch_unwind(AssertUnwindSafe(|| (self.factory)()))
            .unwrap_or_else(|_| Err(EngineError::Backend("making a replica panicked".into())));
        made.inspect_err(|error| events::replica_lost(&self.model, error)).ok()
    }
}

fn answer(jobs: Vec<Job>, outputs: Vec<MessageOutput>, started: Instant, inference: Duration) {
    let batch_size = jobs.len();
    for (job, output) in jobs.into_iter().zip(outputs) {
        let queued = started.saturating_duration_since(job.enqueued_at);
        job.answer(Ok(Computed { output, queued, inference, batch_size }));
    }
}

#[cfg(test)]
mod tests;
