//! A stream of messages, answered as they are ready.

use std::sync::Arc;
use std::time::Instant;

use futures_util::{Stream, stream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tonic::{Status, Streaming};

use crate::batching::Lane;
use crate::error::{Error, NotReadyReason, Stage};
use crate::grpc::inbound::{read, stopping, until};
use crate::grpc::status::{from_error, item_error};
use crate::grpc::{Context, convert, pb};
use crate::lifecycle::ServiceState;
use crate::message::{ValidationError, ValidationErrors};
use crate::telemetry::events;

/// Answers a stream of requests. All of the work belongs to the returned stream: dropping it gives everything up.
pub(super) fn replies(
    inbound: Streaming<pb::ClassifyStreamRequest>,
    context: Context,
    deadline: Option<Instant>,
) -> impl Stream<Item = Result<pb::ClassifyStreamResponse, Status>> {
    let exchange = Exchange {
        state: context.lifecycle.subscribe(),
        inbound: Some(inbound),
        read: None,
        running: JoinSet::new(),
        next_sequence: 0,
        end: None,
        context,
        deadline,
    };
    stream::unfold(exchange, Exchange::next)
}

/// One stream under way.
struct Exchange {
    /// `None` once nothing more is read.
    inbound: Option<Streaming<pb::ClassifyStreamRequest>>,
    /// Read, but not begun.
    read: Option<Box<pb::ClassifyStreamRequest>>,
    running: JoinSet<pb::ClassifyStreamResponse>,
    next_sequence: u64,
    /// The status to end with, after everything that was read is answered.
    end: Option<Status>,
    context: Context,
    deadline: Option<Instant>,
    state: watch::Receiver<ServiceState>,
}

/// What happened next.
enum Event {
    Request(Option<Box<pb::ClassifyStreamRequest>>),
    Broken(Status),
    Reply(Result<Box<pb::ClassifyStreamResponse>, JoinError>),
    Stopping,
    Expired,
}

impl Exchange {
    async fn next(mut self) -> Option<(Result<pb::ClassifyStreamResponse, Status>, Self)> {
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
                    // Items have the same deadline and answer for themselves.
                    let error = Error::DeadlineExceeded { stage: Stage::Admission };
                    self.stop_reading(from_error(&error));
                }
                Event::Reply(Ok(reply)) => return Some((Ok(*reply), self)),
                Event::Reply(Err(_)) => {
                    // The reply that the sender waits for is lost, so the stream can't go on as if nothing happened.
                    let error = Error::internal("an item's task panicked");
                    events::stream_failed(&error);
                    self.stop_reading(from_error(&error));
                }
            }
        }
    }

    /// Waits for a reply, or for a request while the window has room.
    async fn event(&mut self) -> Event {
        let window = self.context.limits.stream_window;
        let has_room = self.read.is_none() && self.running.len() < window;
        let reading = self.inbound.is_some();
        tokio::select! {
            // Replies first: they make room.
            biased;
            Some(reply) = self.running.join_next() => Event::Reply(reply.map(Box::new)),
            () = stopping(&mut self.state), if reading => Event::Stopping,
            () = until(self.deadline), if reading => Event::Expired,
            request = read(self.inbound.as_mut()), if reading && has_room => match request {
                Ok(request) => Event::Request(request.map(Box::new)),
                Err(status) => Event::Broken(status),
            },
        }
    }

    /// Begins with the request that was read, unless the server is full and a message of our own will make room.
    fn start(&mut self) {
        let permit = self.context.pipeline.try_admit_bulk();
        if permit.is_none() && !self.running.is_empty() {
            return;
        }
        let Some(request) = self.read.take() else { return };
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let pipeline = Arc::clone(&self.context.pipeline);
        let latest = Instant::now() + self.context.limits.default_timeout;
        let deadline = self.deadline.map_or(latest, |deadline| deadline.min(latest));
        self.running.spawn(async move {
            let Some(mut request) = request.request else {
                pipeline.counters().reject();
                let errors = ValidationErrors::single("request", ValidationError::Missing);
                return reply(String::new(), sequence, Err(errors.into()));
            };
            let id = convert::identify(&mut request);
            reply(
                id,
                sequence,
                super::classify(&pipeline, request, Lane::Bulk, deadline, permit).await,
            )
        });
    }

    fn stop_reading(&mut self, status: Status) {
        self.inbound = None;
        self.end = Some(status);
    }
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
