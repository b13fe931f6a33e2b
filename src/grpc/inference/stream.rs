//! A stream of requests, answered in their order.

use std::time::Instant;

use futures_util::Stream;
use tonic::{Status, Streaming};

use super::infer::{Call, Inference};
use super::pb;
use crate::error::Error;
use crate::grpc::exchange::{self, Order, Terms, Turn};
use crate::message::MAX_NAME_CHARS;

/// Answers a stream of requests. All of the work belongs to the returned stream: dropping it gives everything up.
pub(super) fn replies(
    inbound: Streaming<pb::ModelInferRequest>,
    inference: Inference,
    deadline: Option<Instant>,
) -> impl Stream<Item = Result<pb::ModelStreamInferResponse, Status>> {
    let context = inference.context.clone();
    let begin = move |request, turn| answer(inference.clone(), request, turn);
    exchange::replies(
        inbound,
        context,
        Terms { order: Order::AsAsked, deadline, messages_of },
        begin,
    )
}

async fn answer(
    inference: Inference,
    request: pb::ModelInferRequest,
    Turn { deadline, permit }: Turn,
) -> pb::ModelStreamInferResponse {
    let id = request.id.chars().take(MAX_NAME_CHARS).collect();
    let call = Call { deadline: Some(deadline), is_streamed: true, permit };
    reply(id, inference.infer(request, call).await)
}

/// Returns how many messages a request says it brings.
fn messages_of(request: &pb::ModelInferRequest) -> usize {
    let items = request.inputs.first().and_then(|input| input.shape.first());
    items.and_then(|items| usize::try_from(*items).ok()).unwrap_or_default()
}

fn reply(
    id: String,
    result: Result<pb::ModelInferResponse, Error>,
) -> pb::ModelStreamInferResponse {
    match result {
        Ok(response) => pb::ModelStreamInferResponse {
            error_message: String::new(),
            infer_response: Some(response),
        },
        Err(error) => pb::ModelStreamInferResponse {
            error_message: error.to_string(),
            infer_response: Some(pb::ModelInferResponse { id, ..Default::default() }),
        },
    }
}
