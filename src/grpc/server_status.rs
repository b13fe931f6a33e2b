//! `ServerService`: state, limits and counters.

use tonic::{Request, Response, Status};

use super::Context;
use super::pb;
use super::pb::server_service_server::{ServerService, ServerServiceServer};
use super::{MAX_QUESTION_BYTES, to_u32};
use crate::feedback::FeedbackCounterSnapshot;
use crate::lifecycle::ServiceState;
use crate::telemetry::counters::CounterSnapshot;

/// Makes the service.
pub(super) fn service(context: Context) -> ServerServiceServer<ServerStatus> {
    ServerServiceServer::new(ServerStatus { context }).max_decoding_message_size(MAX_QUESTION_BYTES)
}

#[derive(Clone, Debug)]
pub(super) struct ServerStatus {
    context: Context,
}

#[tonic::async_trait]
impl ServerService for ServerStatus {
    async fn get_status(
        &self,
        _request: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let Context { pipeline, feedback, lifecycle, started_at, .. } = &self.context;
        let models = pipeline.registry().snapshot();
        let queue_size: usize = models.models().iter().map(|model| model.queue().len()).sum();
        Ok(Response::new(pb::GetStatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: state(lifecycle.state()).into(),
            started_at: Some((*started_at).into()),
            counters: Some(counters(pipeline.counters().snapshot())),
            queue_size: u64::try_from(queue_size).unwrap_or(u64::MAX),
            limits: Some(self.limits()),
            feedback: feedback.as_ref().map(|store| feedback_counters(store.counters())),
        }))
    }
}

impl ServerStatus {
    fn limits(&self) -> pb::Limits {
        let Context {
            limits,
            max_request_bytes,
            max_metadata_bytes,
            max_queue_size,
            explanation,
            ..
        } = &self.context;
        pb::Limits {
            max_text_chars: to_u32(limits.max_text_chars),
            max_batch_items: to_u32(limits.max_batch_items),
            max_request_bytes: to_u32(*max_request_bytes),
            max_in_flight: to_u32(limits.max_in_flight),
            max_queue_size: to_u32(*max_queue_size),
            stream_window: to_u32(limits.stream_window),
            max_metadata_bytes: *max_metadata_bytes,
            max_explained_words: to_u32(explanation.max_words),
            max_explanations: to_u32(explanation.max_concurrent),
        }
    }
}

fn state(state: ServiceState) -> pb::ServerState {
    match state {
        ServiceState::Starting => pb::ServerState::Starting,
        ServiceState::Serving => pb::ServerState::Serving,
        ServiceState::Draining | ServiceState::Stopping => pb::ServerState::Draining,
        ServiceState::Failed => pb::ServerState::Failed,
    }
}

fn counters(counters: CounterSnapshot) -> pb::MessageCounters {
    let CounterSnapshot {
        offered,
        answered,
        shed,
        expired,
        cancelled,
        failed,
        in_flight,
        rejected,
    } = counters;
    pb::MessageCounters { offered, answered, shed, expired, cancelled, failed, in_flight, rejected }
}

fn feedback_counters(counters: FeedbackCounterSnapshot) -> pb::FeedbackCounters {
    let FeedbackCounterSnapshot { stored, repeated, rejected, failed, commits } = counters;
    pb::FeedbackCounters { stored, repeated_submissions: repeated, rejected, failed, commits }
}
