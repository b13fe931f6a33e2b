//! Several messages of one call, a few at a time.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use crate::batching::AdmissionPermit;
use crate::error::Error;
use crate::message::{ValidationError, ValidationErrors};
use crate::pipeline::Pipeline;

/// Checks the number of `requests` that come in one call.
///
/// # Errors
/// [`Error::InvalidArgument`] when there is none or there are too many.
pub(super) fn check_count(items: usize, limit: usize) -> Result<(), Error> {
    let error = match items {
        0 => ValidationError::Missing,
        _ if items > limit => ValidationError::TooMany { items, limit },
        _ => return Ok(()),
    };
    Err(ValidationErrors::single("requests", error).into())
}

/// Works on the items of one call in their order, a few at once, so that one large call leaves room for others.
///
/// While the server is full, items wait for one of their own to finish; only a call that has nothing under way goes on
/// without a place, and is shed. Dropping it gives up every item that is not done.
pub(super) struct Window<T, R> {
    pipeline: Arc<Pipeline>,
    waiting: VecDeque<(usize, T)>,
    running: JoinSet<(usize, R)>,
    size: usize,
    /// A place that was taken for the first item before.
    permit: Option<AdmissionPermit>,
}

impl<T, R: Send + 'static> Window<T, R> {
    /// Takes the items of a call; at most `size` are worked on at once.
    pub(super) fn new(
        pipeline: &Arc<Pipeline>,
        items: impl IntoIterator<Item = T>,
        size: usize,
        permit: Option<AdmissionPermit>,
    ) -> Self {
        let waiting = items.into_iter().enumerate().collect();
        Self { pipeline: Arc::clone(pipeline), waiting, running: JoinSet::new(), size, permit }
    }

    /// Begins with as many items as there is room for; returns the position and the result of the next that is done, or
    /// `None` after the last.
    ///
    /// # Errors
    /// [`JoinError`] for an item whose task panicked.
    pub(super) async fn next<F>(
        &mut self,
        work: impl Fn(T, Option<AdmissionPermit>) -> F,
    ) -> Option<Result<(usize, R), JoinError>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        while self.running.len() < self.size && !self.waiting.is_empty() {
            let permit = self.permit.take().or_else(|| self.pipeline.try_admit_bulk());
            if permit.is_none() && !self.running.is_empty() {
                // The server is full, but not for ever: an item of our own will make room.
                break;
            }
            let Some((index, item)) = self.waiting.pop_front() else { break };
            let work = work(item, permit);
            self.running.spawn(async move { (index, work.await) });
        }
        self.running.join_next().await
    }
}
