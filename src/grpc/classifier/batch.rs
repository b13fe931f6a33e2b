//! Many messages in one call.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::config::LimitsConfig;
use crate::error::Error;
use crate::grpc::status::item_error;
use crate::grpc::{convert, pb};
use crate::message::{ValidationError, ValidationErrors};
use crate::pipeline::Pipeline;

/// Classifies every item; results come in the order of the requests.
///
/// At most `limits.batch_window` items are worked on at once, so that one large batch leaves room for other calls.
/// Dropping the future gives up every item that is not answered yet.
///
/// # Errors
/// [`Error::InvalidArgument`] when there is no item or too many; [`Error::NotReady`] when none could be answered. What
/// is wrong with a single item is in its result.
pub(super) async fn classify(
    pipeline: Arc<Pipeline>,
    requests: Vec<pb::ClassifyRequest>,
    limits: &LimitsConfig,
    deadline: Instant,
) -> Result<Vec<pb::ClassifyResult>, Error> {
    check_count(requests.len(), limits.max_batch_items)
        .inspect_err(|_| pipeline.counters().reject())?;
    pipeline.check_ready(requests.len())?;
    let mut results: Vec<pb::ClassifyResult> = requests
        .iter()
        .map(|request| pb::ClassifyResult { id: convert::echoed_id(request), outcome: None })
        .collect();
    let mut waiting = requests.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < limits.batch_window
            && let Some((index, request)) = waiting.next()
        {
            let pipeline = Arc::clone(&pipeline);
            running
                .spawn(async move { (index, super::classify(&pipeline, request, deadline).await) });
        }
        match running.join_next().await {
            Some(Ok((index, result))) => {
                if let Some(slot) = results.get_mut(index) {
                    fill(slot, result);
                }
            }
            // The panic hook has reported it; the item is answered below.
            Some(Err(_)) => {}
            None => break,
        }
    }
    for slot in results.iter_mut().filter(|slot| slot.outcome.is_none()) {
        fill(slot, Err(Error::internal("the item's task panicked")));
    }
    Ok(results)
}

fn check_count(items: usize, limit: usize) -> Result<(), Error> {
    let error = match items {
        0 => ValidationError::Missing,
        _ if items > limit => ValidationError::TooMany { items, limit },
        _ => return Ok(()),
    };
    Err(ValidationErrors::single("requests", error).into())
}

fn fill(slot: &mut pb::ClassifyResult, result: Result<pb::ClassifyResponse, Error>) {
    slot.outcome = Some(match result {
        Ok(response) => {
            // A message without an id gets it when it is checked.
            slot.id.clone_from(&response.id);
            pb::classify_result::Outcome::Response(response)
        }
        Err(error) => pb::classify_result::Outcome::Error(item_error(&error)),
    });
}
