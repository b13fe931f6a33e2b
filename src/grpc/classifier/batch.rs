//! Many messages in one call.

use std::sync::Arc;
use std::time::Instant;

use crate::batching::Lane;
use crate::config::LimitsConfig;
use crate::error::Error;
use crate::grpc::status::item_error;
use crate::grpc::window::{Window, check_count};
use crate::grpc::{convert, pb};
use crate::pipeline::Pipeline;
use crate::telemetry::events;

/// Classifies every item; results come in the order of the requests.
///
/// At most `limits.batch_window` items are worked on at once, so that one large batch leaves room for other calls.
/// Dropping the future gives up every item that is not answered yet. Without a deadline of the caller each item has
/// `limits.default_timeout` from the moment that it takes its place.
///
/// # Errors
/// [`Error::InvalidArgument`] when there is no item or too many; [`Error::NotReady`] when none could be answered. What
/// is wrong with a single item is in its result.
pub(super) async fn classify(
    pipeline: Arc<Pipeline>,
    requests: Vec<pb::ClassifyRequest>,
    limits: &LimitsConfig,
    deadline: Option<Instant>,
) -> Result<Vec<pb::ClassifyResult>, Error> {
    check_count(requests.len(), limits.max_batch_items)
        .inspect_err(|_| pipeline.counters().reject())?;
    pipeline.check_ready(requests.len())?;
    let mut results = Vec::with_capacity(requests.len());
    let mut items = Vec::with_capacity(requests.len());
    for mut request in requests {
        let id = convert::identify(&mut request);
        results.push(pb::ClassifyResult { id, outcome: None });
        items.push(request);
    }
    let work = |request, permit| {
        let pipeline = Arc::clone(&pipeline);
        let deadline = deadline.unwrap_or_else(|| Instant::now() + limits.default_timeout);
        async move { super::classify(&pipeline, request, Lane::Bulk, deadline, permit).await }
    };
    let mut window = Window::new(&pipeline, items, limits.batch_window, None);
    while let Some(done) = window.next(work).await {
        // Where a task panicked, the panic hook has told the place; the item is answered below.
        if let Ok((index, result)) = done
            && let Some(slot) = results.get_mut(index)
        {
            fill(slot, result);
        }
    }
    for slot in results.iter_mut().filter(|slot| slot.outcome.is_none()) {
        let error = Error::internal("the item's task panicked");
        events::message_failed(&slot.id, &error);
        fill(slot, Err(error));
    }
    Ok(results)
}

fn fill(slot: &mut pb::ClassifyResult, result: Result<pb::ClassifyResponse, Error>) {
    slot.outcome = Some(match result {
        Ok(response) => pb::classify_result::Outcome::Response(response),
        Err(error) => pb::classify_result::Outcome::Error(item_error(&error)),
    });
}
