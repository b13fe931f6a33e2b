//! What calls are made to. One arm for each protocol.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outcome::{Answer, Failure, Outcome};
use crate::grpc::client::{CallFailure, Client, ClientError, request};
use crate::grpc::pb;
use crate::message::MessageDraft;

/// Room for a local clock that rings a hair early.
const CLOCK_SLACK: Duration = Duration::from_millis(2);

/// A connection to a server, and how it is talked to.
#[derive(Clone, Debug)]
pub enum Target {
    /// Our own API.
    Signalbox(Client),
}

/// Messages in the form in which a protocol sends them, made once.
#[derive(Clone, Debug)]
pub enum Payloads {
    /// Requests of our own API.
    Signalbox(Arc<[pb::ClassifyRequest]>),
}

/// What is sent by one call, ready to go.
#[derive(Debug)]
pub enum Payload {
    /// `Classify`.
    Unary(Box<pb::ClassifyRequest>),
    /// `ClassifyBatch`.
    Batch(Vec<pb::ClassifyRequest>),
}

/// What a server says about itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// How it is talked to.
    pub protocol: &'static str,
    /// Version of its program.
    pub version: String,
    /// Name and version of its default model.
    pub model: String,
    /// What computes it.
    pub engine: String,
    /// Messages of a call at most.
    pub max_batch_items: usize,
}

impl Target {
    /// Connects.
    ///
    /// # Errors
    /// [`ClientError`] when nobody answers.
    pub async fn connect(address: &str) -> Result<Self, ClientError> {
        Client::connect(address).await.map(Self::Signalbox)
    }

    /// Asks what the server is.
    ///
    /// # Errors
    /// [`ClientError`] when it does not talk the protocol, or does not serve.
    pub async fn server(&self) -> Result<Server, ClientError> {
        match self {
            Self::Signalbox(client) => {
                let info = client.server().await?;
                Ok(Server {
                    protocol: "signalbox.v1",
                    version: info.version,
                    model: format!("{} {}", info.model, info.model_version),
                    engine: info.engine,
                    max_batch_items: info.max_batch_items as usize,
                })
            }
        }
    }

    /// Puts messages into the form in which they are sent.
    #[must_use]
    pub fn payloads(&self, messages: &[MessageDraft]) -> Payloads {
        match self {
            Self::Signalbox(_) => Payloads::Signalbox(messages.iter().map(request).collect()),
        }
    }

    /// Makes a call. It ends after `timeout` at the latest.
    ///
    /// # Errors
    /// [`Failure`] when the whole call has no answer.
    pub async fn call(&self, payload: Payload, timeout: Duration) -> Outcome {
        let started = Instant::now();
        let result = tokio::time::timeout(timeout, self.answered(payload, timeout)).await;
        match result {
            Ok(Ok(items)) => Ok(items),
            Ok(Err(failure)) if !failure.is_local => Err(Failure::Status(failure.code)),
            // The client's own clock: tonic has one too, which may ring first.
            Ok(Err(_)) if started.elapsed() + CLOCK_SLACK < timeout => Err(Failure::Connection),
            Ok(Err(_)) | Err(_) => Err(Failure::TimedOut),
        }
    }

    async fn answered(
        &self,
        payload: Payload,
        timeout: Duration,
    ) -> Result<Vec<Result<Answer, Failure>>, CallFailure> {
        match self {
            Self::Signalbox(client) => match payload {
                Payload::Unary(request) => {
                    let reply = client.classify(*request, timeout).await?;
                    Ok(vec![Ok(answer(&reply))])
                }
                Payload::Batch(requests) => {
                    let items = client.classify_batch(requests, timeout).await?;
                    let read = |item: Result<pb::ClassifyResponse, &'static str>| {
                        item.map(|reply| answer(&reply)).map_err(Failure::Status)
                    };
                    Ok(items.into_iter().map(read).collect())
                }
            },
        }
    }
}

impl Payloads {
    /// Returns how many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Signalbox(requests) => requests.len(),
        }
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes what one call sends: the messages that `pick` names, one for a unary call.
    pub fn payload(&self, batch: Option<usize>, mut pick: impl FnMut(usize) -> usize) -> Payload {
        match self {
            Self::Signalbox(requests) => {
                let mut next = || requests.get(pick(requests.len())).cloned().unwrap_or_default();
                match batch {
                    None => Payload::Unary(Box::new(next())),
                    Some(items) => Payload::Batch((0..items).map(|_| next()).collect()),
                }
            }
        }
    }
}

fn answer(reply: &pb::ClassifyResponse) -> Answer {
    let timings = reply.timings.unwrap_or_default();
    let stages = [
        timings.text_us,
        timings.language_us,
        timings.entities_us,
        timings.tokenize_us,
        timings.queue_us,
        timings.inference_us,
        timings.scoring_us,
        timings.policy_us,
    ];
    Answer {
        stages: stages.map(Duration::from_micros),
        total: Duration::from_micros(timings.total_us),
        batch_size: reply.batch_size,
        tokens: reply.token_count,
    }
}
