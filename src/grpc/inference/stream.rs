//! A stream of requests, answered in their order.

use std::collections::VecDeque;
use std::time::Instant;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use tonic::{Status, Streaming};

use super::infer::{Call, Inference};
use super::pb;
use crate::error::{Error, NotReadyReason, Stage};
use crate::grpc::inbound::{read, stopping, until};
use crate::grpc::status::from_error;
use crate::lifecycle::ServiceState;
use crate::message::MAX_NAME_CHARS;
use crate::telemetry::events;

/// Answers a stream of requests. All of the work belongs to the returned stream: dropping it gives everything up.
pub(super) fn replies(
    inbound: Streaming<pb::ModelInferRequest>,
    inference: Inference,
    deadline: Option<Instant>,
) -> impl Stream<Item = Result<pb::ModelStreamInferResponse, Status>> {
    let exchange = Exchange {
        state: inference.context.lifecycle.subscribe(),
        inbound: Some(inbound),
        read: None,
        running: VecDeque::new(),
        end: None,
        inference,
        deadline,
    };
    stream::unfold(exchange, Exchange::next)
}

/// One stream under way.
struct Exchange {
    /// `None` once nothing more is read.
    inbound: Option<Streaming<pb::ModelInferRequest>>,
    /// Read, but not begun.
    read: Option<Box<pb::ModelInferRequest>>,
    /// The oldest first.
    running: VecDeque<Running>,
    /// The status to end with, after everything that was read is answered.
    end: Option<Status>,
    inference: Inference,
    deadline: Option<Instant>,
    state: watch::Receiver<ServiceState>,
}

/// A request that is being answered. It ends with its owner.
struct Running {
    /// Messages that it says it brings.
    messages: usize,
    task: JoinHandle<pb::ModelStreamInferResponse>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What happened next.
enum Event {
    Request(Option<Box<pb::ModelInferRequest>>),
    Broken(Status),
    Reply(Result<Box<pb::ModelStreamInferResponse>, JoinError>),
    Stopping,
    Expired,
}

impl Exchange {
    async fn next(mut self) -> Option<(Result<pb::ModelStreamInferResponse, Status>, Self)> {
        loop {
            self.start();
            if self.inbound.is_none() && self.running.is_empty() {
                return self.end.take().map(|status| (Err(status), self));
            }
            match self.event().await {
                Event::Request(Some(request)) => self.read = Some(request),
                Event::Request(None) => self.inbound = None,
                Event::Broken(status) => self.stop_reading(status),
                Event::Stopping => {
                    let error = Error::NotReady { reason: NotReadyReason::Draining };
                    self.stop_reading(from_error(&error));
                }
                Event::Expired => {
                    // Requests have the same deadline and answer for themselves.
                    let error = Error::DeadlineExceeded { stage: Stage::Admission };
                    self.stop_reading(from_error(&error));
                }
                Event::Reply(Ok(reply)) => {
                    self.running.pop_front();
                    return Some((Ok(*reply), self));
                }
                Event::Reply(Err(_)) => {
                    self.running.pop_front();
                    // The reply that the sender waits for is lost, so the stream can't go on as if nothing happened.
                    let error = Error::internal("a request's task panicked");
                    events::stream_failed(&error);
                    self.stop_reading(from_error(&error));
                }
            }
        }
    }

    /// Waits for the reply that is next, or for a request while the window has room.
    async fn event(&mut self) -> Event {
        let window = self.inference.context.limits.stream_window;
        let messages: usize = self.running.iter().map(|running| running.messages).sum();
        let has_room = self.read.is_none() && messages < window;
        let reading = self.inbound.is_some();
        tokio::select! {
            // Replies first: they make room.
            biased;
            reply = oldest(&mut self.running), if !self.running.is_empty() => {
                Event::Reply(reply.map(Box::new))
            }
            () = stopping(&mut self.state), if reading => Event::Stopping,
            () = until(self.deadline), if reading => Event::Expired,
            request = read(self.inbound.as_mut()), if reading && has_room => match request {
                Ok(request) => Event::Request(request.map(Box::new)),
                Err(status) => Event::Broken(status),
            },
        }
    }

    /// Begins with the request that was read, unless the server is full and a request of our own will make room.
    fn start(&mut self) {
        let permit = self.inference.context.pipeline.try_admit_bulk();
        if permit.is_none() && !self.running.is_empty() {
            return;
        }
        let Some(request) = self.read.take() else { return };
        let limits = &self.inference.context.limits;
        let latest = Instant::now() + limits.default_timeout;
        let deadline = Some(self.deadline.map_or(latest, |deadline| deadline.min(latest)));
        let messages = messages_of(&request, limits.max_batch_items);
        let inference = self.inference.clone();
        let task = tokio::spawn(async move {
            let id = request.id.chars().take(MAX_NAME_CHARS).collect();
            let call = Call { deadline, is_streamed: true, permit };
            reply(id, inference.infer(*request, call).await)
        });
        self.running.push_back(Running { messages, task });
    }

    fn stop_reading(&mut self, status: Status) {
        self.inbound = None;
        self.end = Some(status);
    }
}

async fn oldest(
    running: &mut VecDeque<Running>,
) -> Result<pb::ModelStreamInferResponse, JoinError> {
    match running.front_mut() {
        Some(running) => (&mut running.task).await,
        None => std::future::pending().await,
    }
}

/// Returns how many messages a request says it brings, at least one.
fn messages_of(request: &pb::ModelInferRequest, limit: usize) -> usize {
    let items = request.inputs.first().and_then(|input| input.shape.first());
    let items = items.and_then(|items| usize::try_from(*items).ok());
    items.unwrap_or_default().clamp(1, limit)
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
