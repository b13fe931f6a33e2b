//! `ClassifierService`: one message, a batch, or a stream of them.

mod batch;
mod stream;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::Context;
use super::convert;
use super::deadline;
use super::pb;
use super::pb::classifier_service_server::{ClassifierService, ClassifierServiceServer};
use super::status::{from_error, from_message_error};
use crate::batching::{AdmissionPermit, Lane};
use crate::error::Error;
use crate::pipeline::Pipeline;

/// Makes the service.
pub(super) fn service(context: Context) -> ClassifierServiceServer<Classifier> {
    let limit = context.max_request_bytes;
    ClassifierServiceServer::new(Classifier { context }).max_decoding_message_size(limit)
}

#[derive(Clone, Debug)]
pub(super) struct Classifier {
    context: Context,
}

/// Checks and classifies one message; `permit` is a place that was taken for it before.
async fn classify(
    pipeline: &Pipeline,
    request: pb::ClassifyRequest,
    lane: Lane,
    deadline: Instant,
    permit: Option<AdmissionPermit>,
) -> Result<pb::ClassifyResponse, Error> {
    let (draft, found) = convert::draft(request);
    let message = pipeline.validate(draft, found)?;
    pipeline.classify(message, lane, deadline, permit).await.map(convert::response)
}

#[tonic::async_trait]
impl ClassifierService for Classifier {
    async fn classify(
        &self,
        request: Request<pb::ClassifyRequest>,
    ) -> Result<Response<pb::ClassifyResponse>, Status> {
        let deadline = deadline::take_over(&request, self.context.limits.default_timeout);
        let mut request = request.into_inner();
        let id = convert::identify(&mut request);
        let pipeline = &self.context.pipeline;
        let answer = async {
            pipeline.check_ready(1)?;
            classify(pipeline, request, Lane::Interactive, deadline.at, None).await
        };
        answer.await.map(Response::new).map_err(|error| from_message_error(&id, &error))
    }

    async fn classify_batch(
        &self,
        request: Request<pb::ClassifyBatchRequest>,
    ) -> Result<Response<pb::ClassifyBatchResponse>, Status> {
        let limits = &self.context.limits;
        let deadline = deadline::take_over(&request, limits.default_timeout);
        let requests = request.into_inner().requests;
        let pipeline = Arc::clone(&self.context.pipeline);
        let deadline = deadline.from_caller.then_some(deadline.at);
        batch::classify(pipeline, requests, limits, deadline)
            .await
            .map(|results| Response::new(pb::ClassifyBatchResponse { results }))
            .map_err(|error| from_error(&error))
    }

    type ClassifyStreamStream =
        Pin<Box<dyn Stream<Item = Result<pb::ClassifyStreamResponse, Status>> + Send>>;

    async fn classify_stream(
        &self,
        request: Request<Streaming<pb::ClassifyStreamRequest>>,
    ) -> Result<Response<Self::ClassifyStreamStream>, Status> {
        // Without a deadline of the caller a stream may stay open for ever; each message still has its own.
        let deadline = deadline::take_over(&request, self.context.limits.default_timeout);
        let deadline = deadline.from_caller.then_some(deadline.at);
        self.context.pipeline.check_ready(0).map_err(|error| from_error(&error))?;
        let replies = stream::replies(request.into_inner(), self.context.clone(), deadline);
        Ok(Response::new(Box::pin(replies)))
    }
}
