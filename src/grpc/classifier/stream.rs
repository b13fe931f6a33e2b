//! A stream of messages, answered as they are ready.

use std::sync::Arc;
use std::time::Instant;

use futures_util::Stream;
use tonic::{Status, Streaming};

use crate::batching::Lane;
use crate::error::Error;
use crate::grpc::exchange::{self, Order, Terms, Turn};
use crate::grpc::status::item_error;
use crate::grpc::{Context, convert, pb};
use crate::message::{ValidationError, ValidationErrors};
use crate::pipeline::Pipeline;

/// Answers a stream of requests. All of the work belongs to the returned stream: dropping it gives everything up.
pub(super) fn replies(
    inbound: Streaming<pb::ClassifyStreamRequest>,
    context: Context,
    deadline: Option<Instant>,
) -> impl Stream<Item = Result<pb::ClassifyStreamResponse, Status>> {
    let pipeline = Arc::clone(&context.pipeline);
    let mut next_sequence = 0;
    let begin = move |request, turn| {
        let sequence = next_sequence;
        next_sequence += 1;
        answer(Arc::clone(&pipeline), request, sequence, turn)
    };
    let terms = Terms { order: Order::AsReady, deadline, messages_of: |_| 1 };
    exchange::replies(inbound, context, terms, begin)
}

async fn answer(
    pipeline: Arc<Pipeline>,
    request: pb::ClassifyStreamRequest,
    sequence: u64,
    Turn { deadline, permit }: Turn,
) -> pb::ClassifyStreamResponse {
    let Some(mut request) = request.request else {
        pipeline.counters().reject();
        let errors = ValidationErrors::single("request", ValidationError::Missing);
        return reply(String::new(), sequence, Err(errors.into()));
    };
    let id = convert::identify(&mut request);
    let result = super::classify(&pipeline, request, Lane::Bulk, deadline, permit).await;
    reply(id, sequence, result)
}

fn reply(
    id: String,
    sequence: u64,
    result: Result<pb::ClassifyResponse, Error>,
) -> pb::ClassifyStreamResponse {
    use pb::classify_stream_response::Outcome;
    match result {
        Ok(response) => pb::ClassifyStreamResponse {
            id: response.id.clone(),
            sequence,
            outcome: Some(Outcome::Response(response)),
        },
        Err(error) => pb::ClassifyStreamResponse {
            id,
            sequence,
            outcome: Some(Outcome::Error(item_error(&error))),
        },
    }
}
