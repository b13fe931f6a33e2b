use super::*;
use crate::batching::{Lane, OutputCache, Submitted};
use crate::engine::stub::StubEngine;
use crate::engine::{BatchOutput, HeadOutput};
use crate::labels::HeadName;

const LIMITS: BatchLimits = BatchLimits { max_tokens: 100, max_messages: 10 };
const POISON: u32 = 666;
const REFUSED: u32 = 667;

/// Answers each message with its first token id; panics or fails when one of the batch says so.
fn echo(batch: &RaggedBatch) -> Result<BatchOutput, EngineError> {
    assert!(!batch.input_ids().contains(&POISON), "poisoned");
    if batch.input_ids().contains(&REFUSED) {
        return Err(EngineError::BadInput { index: 0, what: "a refused token".into() });
    }
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let logits = batch.messages().map(|message| message[0] as f32).collect();
    let head = HeadOutput { head: HeadName::Primary, labels: 1, logits };
    Ok(BatchOutput { rows: batch.len(), heads: vec![head], pooled: vec![] })
}

fn echoing() -> Arc<ReplicaFactory> {
    Arc::new(|| Ok(Box::new(StubEngine::new(echo))))
}

fn push(queue: &Queue, token: u32) -> Submitted {
    let deadline = Instant::now() + Duration::from_secs(60);
    let (job, submitted) = Job::new(vec![token], Lane::Interactive, deadline);
    queue.push(job).unwrap();
    submitted
}

fn first_logit(submitted: Submitted) -> Result<f32, QueueError> {
    submitted.result.blocking_recv().unwrap().map(|computed| computed.output.heads[0].1[0])
}

fn start(queue: &Arc<Queue>, factory: &Arc<ReplicaFactory>) -> WorkerPool {
    WorkerPool::start("test", 1, factory, queue, LIMITS).unwrap()
}

#[test]
fn messages_of_a_batch_get_their_own_outputs() {
    let queue = Arc::new(Queue::new(10));
    let waiting: Vec<Submitted> = (1..=5).map(|token| push(&queue, token)).collect();

    let pool = start(&queue, &echoing());

    let logits: Vec<f32> = waiting.into_iter().map(|w| first_logit(w).unwrap()).collect();
    assert_eq!(logits, [1.0, 2.0, 3.0, 4.0, 5.0]);
    pool.join();
}

#[test]
fn message_that_panics_the_engine_does_not_fail_its_neighbours() {
    let queue = Arc::new(Queue::new(10));
    let waiting: Vec<Submitted> =
        [1, POISON, 3, REFUSED, 5].into_iter().map(|token| push(&queue, token)).collect();

    let pool = start(&queue, &echoing());

    let results: Vec<_> = waiting.into_iter().map(first_logit).collect();
    assert!(matches!(results[0], Ok(1.0)));
    assert!(matches!(results[1], Err(QueueError::Panicked)));
    assert!(matches!(results[2], Ok(3.0)));
    assert!(matches!(results[3], Err(QueueError::Engine(EngineError::BadInput { .. }))));
    assert!(matches!(results[4], Ok(5.0)));
    pool.join();
}

#[test]
fn lost_replica_answers_what_waits_and_is_reported() {
    let queue = Arc::new(Queue::new(10));
    let made = std::sync::atomic::AtomicBool::new(false);
    let factory: Arc<ReplicaFactory> = Arc::new(move || {
        if made.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return Err(EngineError::Backend("no memory".into()));
        }
        Ok(Box::new(StubEngine::new(echo)))
    });
    let waiting: Vec<Submitted> = [POISON, 2].map(|token| push(&queue, token)).into();

    let pool = start(&queue, &factory);

    let results: Vec<_> = waiting.into_iter().map(first_logit).collect();
    // The batch failed as a whole and nothing was left to tell which message was to blame.
    assert!(results.iter().all(|result| matches!(result, Err(QueueError::Closed))), "{results:?}");
    while *pool.alive().borrow() != 0 {
        std::thread::yield_now();
    }
    let (job, _late) =
        Job::new(vec![1], Lane::Interactive, Instant::now() + Duration::from_secs(60));
    assert!(matches!(queue.push(job), Err(QueueError::Closed)));
}

#[test]
fn rows_that_do_not_match_the_batch_are_an_error() {
    let queue = Arc::new(Queue::new(10));
    let waiting = push(&queue, 1);
    let factory: Arc<ReplicaFactory> =
        Arc::new(|| Ok(Box::new(StubEngine::new(|_| Ok(BatchOutput::default())))));

    let pool = start(&queue, &factory);

    assert!(matches!(first_logit(waiting), Err(QueueError::Engine(EngineError::Backend(_)))));
    pool.join();
}

#[test]
fn message_that_costs_the_replica_is_told_that_it_panicked() {
    let queue = Arc::new(Queue::new(10));
    let made = std::sync::atomic::AtomicBool::new(false);
    let factory: Arc<ReplicaFactory> = Arc::new(move || {
        assert!(!made.swap(true, std::sync::atomic::Ordering::SeqCst), "no second replica");
        Ok(Box::new(StubEngine::new(echo)))
    });
    let alone = push(&queue, POISON);

    let pool = start(&queue, &factory);

    assert!(matches!(first_logit(alone), Err(QueueError::Panicked)));
    while *pool.alive().borrow() != 0 {
        std::thread::yield_now();
    }
}

#[test]
fn message_given_up_while_its_batch_failed_is_not_computed_alone() {
    let queue = Arc::new(Queue::new(10));
    let computed = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let given_up = Arc::new(std::sync::Mutex::new(None));
    let factory: Arc<ReplicaFactory> = {
        let (computed, given_up) = (Arc::clone(&computed), Arc::clone(&given_up));
        Arc::new(move || {
            let (computed, given_up) = (Arc::clone(&computed), Arc::clone(&given_up));
            Ok(Box::new(StubEngine::new(move |batch| {
                computed.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                drop(given_up.lock().unwrap().take());
                echo(batch)
            })))
        })
    };
    let kept = push(&queue, 1);
    *given_up.lock().unwrap() = Some(push(&queue, 2));
    let refused = push(&queue, REFUSED);

    let pool = start(&queue, &factory);

    assert!(matches!(first_logit(kept), Ok(1.0)));
    assert!(first_logit(refused).is_err());
    pool.join();
    assert_eq!(computed.load(std::sync::atomic::Ordering::SeqCst), 3, "batch, kept, refused");
}

#[test]
fn a_message_that_came_before_is_answered_without_the_engine() {
    let queue = Arc::new(Queue::new(10).with_cache(OutputCache::new(1 << 20)));
    let pool = start(&queue, &echoing());
    let compute = |token| push(&queue, token).result.blocking_recv().unwrap().unwrap();

    let (first, second, other) = (compute(5), compute(5), compute(6));

    assert_eq!((first.batch_size, second.batch_size, other.batch_size), (1, 0, 1));
    assert_eq!(second.output, first.output);
    assert_ne!(other.output, first.output);
    pool.join();
}

#[test]
fn a_message_that_failed_is_not_kept() {
    let queue = Arc::new(Queue::new(10).with_cache(OutputCache::new(1 << 20)));
    let pool = start(&queue, &echoing());

    for _ in 0..2 {
        assert!(push(&queue, REFUSED).result.blocking_recv().unwrap().is_err());
    }

    assert_eq!(queue.cache().unwrap().snapshot().entries, 0);
    pool.join();
}

#[test]
fn an_uncached_job_is_neither_answered_from_the_cache_nor_kept_in_it() {
    let queue = Arc::new(Queue::new(10).with_cache(OutputCache::new(1 << 20)));
    let pool = start(&queue, &echoing());
    let uncached = |token| {
        let deadline = Instant::now() + Duration::from_secs(60);
        let (job, submitted) = Job::new(vec![token], Lane::Bulk, deadline);
        queue.push(job.uncached()).unwrap();
        submitted.result.blocking_recv().unwrap().unwrap()
    };
    push(&queue, 5).result.blocking_recv().unwrap().unwrap();

    let (known, new) = (uncached(5), uncached(6));

    assert_eq!((known.batch_size, new.batch_size), (1, 1));
    let snapshot = queue.cache().unwrap().snapshot();
    assert_eq!((snapshot.entries, snapshot.hits, snapshot.misses), (1, 0, 1));
    pool.join();
}
