//! The messages of one request go through the pipeline.

use std::sync::Arc;
use std::time::Instant;

use super::json::ReplyJson;
use super::output::{Output, RequestedOutput};
use super::pb;
use super::reply;
use super::request::InferRequest;
use crate::batching::{AdmissionPermit, Lane};
use crate::engine::MessageOutput;
use crate::error::Error;
use crate::grpc::window::Window;
use crate::grpc::{Context, convert};
use crate::message::Message;
use crate::pipeline::Pipeline;
use crate::registry::rollout::{Canary, Route};
use crate::telemetry::events;

/// What every request needs. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Inference {
    pub(super) context: Context,
    pub(super) json: Arc<ReplyJson>,
}

/// How a request came.
pub(super) struct Call {
    /// Until when it must be answered; without one, each message has `limits.default_timeout` from its turn.
    pub(super) deadline: Option<Instant>,
    /// It is one of a stream's.
    pub(super) is_streamed: bool,
    /// A place that was taken for its first message before.
    pub(super) permit: Option<AdmissionPermit>,
}

/// What came of one message.
pub(super) struct Answer {
    /// `None` when nothing was left to classify.
    pub(super) output: Option<MessageOutput>,
    /// Why the model declines to decide.
    pub(super) abstention: Option<&'static str>,
    /// The native reply, where it was asked for.
    pub(super) json: Vec<u8>,
}

impl Inference {
    /// Answers a request: all of its messages, or none.
    ///
    /// # Errors
    /// [`Error`] of the request, or of the first message that has none but that.
    pub(super) async fn infer(
        &self,
        request: pb::ModelInferRequest,
        mut call: Call,
    ) -> Result<pb::ModelInferResponse, Error> {
        let limits = &self.context.limits;
        let pipeline = &self.context.pipeline;
        let limit = limits.max_batch_items;
        let mut request = InferRequest::read(pipeline, request, limit, call.is_streamed)?;
        let timeout = request.parameters.timeout.map(|timeout| Instant::now() + timeout);
        let earliest = [call.deadline, timeout].into_iter().flatten().min();
        let deadline = || earliest.unwrap_or_else(|| Instant::now() + limits.default_timeout);
        if let Some(attempt) = request.route.canary.take().and_then(Canary::attempt) {
            let route = Route::direct(Arc::clone(attempt.model()));
            let deadline = || attempt.deadline(Instant::now(), deadline());
            let messages = request.messages.clone();
            let answer = self.answer_by(&request, route, messages, &deadline, &mut call).await;
            attempt.settle(&answer);
            if answer.is_ok() {
                return answer;
            }
        }
        let (route, messages) = (request.route.clone(), std::mem::take(&mut request.messages));
        self.answer_by(&request, route, messages, &deadline, &mut call).await
    }

    /// Answers the messages of a request by one model.
    async fn answer_by(
        &self,
        request: &InferRequest,
        route: Route,
        messages: Vec<Message>,
        deadline: &(impl Fn() -> Instant + Sync),
        call: &mut Call,
    ) -> Result<pb::ModelInferResponse, Error> {
        let model = Arc::clone(&route.primary);
        let outputs = request.outputs(&model)?;
        let work = self.work(request, route, &outputs, messages.len(), call.is_streamed);
        let answers = self.answer_all(&request.id, work, messages, deadline, call).await?;
        reply::response(request, &model, &outputs, &answers)
    }

    fn work(
        &self,
        request: &InferRequest,
        route: Route,
        outputs: &[RequestedOutput],
        messages: usize,
        is_streamed: bool,
    ) -> Work {
        let wants_json = outputs.iter().any(|asked| asked.output == Output::Response);
        Work {
            pipeline: Arc::clone(&self.context.pipeline),
            json: wants_json.then(|| Arc::clone(&self.json)),
            lane: lane_of(messages, is_streamed, request.parameters.priority),
            route,
        }
    }

    async fn answer_all(
        &self,
        request_id: &str,
        work: Work,
        messages: Vec<Message>,
        deadline: &(impl Fn() -> Instant + Sync),
        call: &mut Call,
    ) -> Result<Vec<Answer>, Error> {
        let messages = match <[Message; 1]>::try_from(messages) {
            // It takes one of the places that are kept for single messages.
            Ok([message]) if !call.is_streamed => {
                return Ok(vec![work.answer(message, deadline(), None).await?]);
            }
            Ok(single) => single.into(),
            Err(messages) => messages,
        };
        let mut answers: Vec<Option<Answer>> = messages.iter().map(|_| None).collect();
        let (pipeline, size) = (&self.context.pipeline, self.context.limits.batch_window);
        let mut window = Window::new(pipeline, messages, size, call.permit.take());
        let begin = |message, permit| work.clone().answer(message, deadline(), permit);
        while let Some(done) = window.next(begin).await {
            let (index, answer) = done.map_err(|_| {
                // The panic hook has told the place.
                let error = Error::internal("a message's task panicked");
                events::message_failed(request_id, &error);
                error
            })?;
            if let Some(slot) = answers.get_mut(index) {
                *slot = Some(answer?);
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }
}

/// Single messages go before those of callers with many, whatever these ask for.
fn lane_of(messages: usize, is_streamed: bool, priority: Option<u32>) -> Lane {
    let is_single = messages == 1 && !is_streamed;
    if is_single && priority.unwrap_or(1) == 1 { Lane::Interactive } else { Lane::Bulk }
}

/// What is done with each message of a request.
#[derive(Clone)]
struct Work {
    pipeline: Arc<Pipeline>,
    /// Set when the native reply is asked for.
    json: Option<Arc<ReplyJson>>,
    lane: Lane,
    /// Chosen for all messages of the request.
    route: Route,
}

impl Work {
    async fn answer(
        self,
        message: Message,
        deadline: Instant,
        permit: Option<AdmissionPermit>,
    ) -> Result<Answer, Error> {
        let Self { pipeline, json, lane, route } = self;
        let mut triage = pipeline.classify_by(route, message, lane, deadline, permit).await?;
        let output = triage.raw.take();
        let abstention = triage.prediction.abstention.as_ref().map(|found| found.reason.as_str());
        let json = match json {
            Some(json) => json.encode(&convert::response(triage))?,
            None => Vec::new(),
        };
        Ok(Answer { output, abstention, json })
    }
}
