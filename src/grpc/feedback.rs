//! `FeedbackService`: what people say about answers.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout_at;
use tonic::{Request, Response, Status};

use super::Context;
use super::convert::{channel_of, time_of};
use super::deadline::{self, CallDeadline};
use super::pb;
use super::pb::feedback_service_server::{FeedbackService, FeedbackServiceServer};
use super::status::{from_error, item_error};
use super::window::check_count;
use crate::error::{Error, Stage};
use crate::feedback::{
    Agreement, FeedbackStore, Filter, KnownLabels, LabelCounts, Labels, ModelAgreement,
    PartAgreement, Receipt, Submission, SubmissionDraft,
};
use crate::message::{ModelSelector, ValidationErrors};
use crate::registry::LoadedModel;

/// Makes the service.
pub(super) fn service(context: Context) -> FeedbackServiceServer<Feedback> {
    let limit = context.max_request_bytes;
    FeedbackServiceServer::new(Feedback { context }).max_decoding_message_size(limit)
}

#[derive(Clone, Debug)]
pub(super) struct Feedback {
    context: Context,
}

impl Feedback {
    fn store(&self) -> Result<&Arc<FeedbackStore>, Error> {
        self.context.feedback.as_ref().ok_or_else(|| Error::FailedPrecondition {
            reason: "no feedback is kept: feedback.path names no file".to_owned(),
        })
    }

    /// Checks one submission against the labels of the models that serve at this moment.
    fn validate(&self, request: pb::SubmitRequest) -> Result<Submission, Error> {
        let (draft, found) = draft(request);
        let registry = self.context.pipeline.registry();
        let named =
            ModelSelector { name: draft.model_name.clone(), version: draft.model_version.clone() };
        // Empty names mean the default model elsewhere; here they are missing.
        let is_named = !named.name.is_empty() && !named.version.is_empty();
        let own: Option<Arc<LoadedModel>> =
            is_named.then(|| registry.resolve(&named).ok()).flatten();
        let in_force = match &own {
            Some(model) => Arc::clone(model),
            None => registry.resolve(&ModelSelector::default())?,
        };
        let known = KnownLabels {
            predicted: own.as_ref().map(|model| model.taxonomy().as_ref()),
            corrected: in_force.taxonomy(),
        };
        Ok(draft.validate(known, &self.context.limits.message(), found)?)
    }

    async fn keep(&self, request: pb::SubmitRequest, deadline: Instant) -> Result<Receipt, Error> {
        let store = self.store()?;
        self.context.pipeline.check_ready(0)?;
        let submission = self.validate(request).inspect_err(|_| store.reject())?;
        let outcomes = in_time(deadline, store.record(vec![submission])).await?;
        let only = outcomes.into_iter().next();
        let only = only.ok_or_else(|| Error::internal("the store told no outcome"))?;
        Ok(only?)
    }

    async fn keep_all(
        &self,
        requests: Vec<pb::SubmitRequest>,
        deadline: Instant,
    ) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let store = self.store()?;
        self.context.pipeline.check_ready(0)?;
        check_count(requests.len(), self.context.limits.max_batch_items)
            .inspect_err(|_| store.reject())?;
        let mut good = Vec::with_capacity(requests.len());
        let mut faults = Vec::with_capacity(requests.len());
        for request in requests {
            let checked = self.validate(request).inspect_err(|_| store.reject());
            faults.push(checked.map(|submission| good.push(submission)).err());
        }
        let mut outcomes = vec![].into_iter();
        if !good.is_empty() {
            outcomes = in_time(deadline, store.record(good)).await?.into_iter();
        }
        let mut next = || match outcomes.next() {
            Some(outcome) => outcome.map_err(Error::from),
            None => Err(Error::internal("the store told too few outcomes")),
        };
        Ok(faults.into_iter().map(|fault| fault.map_or_else(&mut next, Err)).collect())
    }

    async fn summary(
        &self,
        request: pb::GetFeedbackSummaryRequest,
        deadline: Instant,
    ) -> Result<Agreement, Error> {
        let store = self.store()?;
        let pb::GetFeedbackSummaryRequest { model_name, model_version, tenant, since } = request;
        let mut errors = ValidationErrors::default();
        let since = time_of("since", since, &mut errors);
        if !errors.violations().is_empty() {
            return Err(errors.into());
        }
        let filter = Filter { model_name, model_version, tenant, since };
        in_time(deadline, store.agreement(filter)).await
    }

    fn take_over<T>(&self, request: &Request<T>) -> CallDeadline {
        deadline::take_over(request, self.context.limits.default_timeout)
    }
}

/// Waits for the store until the call's deadline. What is on its way to the disk then may still be kept.
async fn in_time<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let late = |_| Error::DeadlineExceeded { stage: Stage::Storage };
    timeout_at(deadline.into(), work).await.map_err(late)?
}

#[tonic::async_trait]
impl FeedbackService for Feedback {
    async fn submit(
        &self,
        request: Request<pb::SubmitRequest>,
    ) -> Result<Response<pb::SubmitResponse>, Status> {
        let deadline = self.take_over(&request);
        let receipt = self.keep(request.into_inner(), deadline.at).await;
        receipt.map(|receipt| Response::new(response(&receipt))).map_err(|error| from_error(&error))
    }

    async fn submit_batch(
        &self,
        request: Request<pb::SubmitBatchRequest>,
    ) -> Result<Response<pb::SubmitBatchResponse>, Status> {
        let deadline = self.take_over(&request);
        let requests = request.into_inner().requests;
        let receipts =
            self.keep_all(requests, deadline.at).await.map_err(|error| from_error(&error))?;
        let results = receipts.into_iter().map(result).collect();
        Ok(Response::new(pb::SubmitBatchResponse { results }))
    }

    async fn get_feedback_summary(
        &self,
        request: Request<pb::GetFeedbackSummaryRequest>,
    ) -> Result<Response<pb::GetFeedbackSummaryResponse>, Status> {
        let deadline = self.take_over(&request);
        let agreement = self
            .summary(request.into_inner(), deadline.at)
            .await
            .map_err(|error| from_error(&error))?;
        let models = agreement.models.into_iter().map(model).collect();
        Ok(Response::new(pb::GetFeedbackSummaryResponse { models }))
    }
}

/// Turns a request into a draft and the violations met on the way.
fn draft(request: pb::SubmitRequest) -> (SubmissionDraft, ValidationErrors) {
    let pb::SubmitRequest {
        message_id,
        ticket_id,
        tenant,
        model_name,
        model_version,
        predicted,
        corrected,
        agent,
        note,
        text,
        language,
        channel,
        idempotency_key,
    } = request;
    let mut errors = ValidationErrors::default();
    let draft = SubmissionDraft {
        message_id,
        ticket_id,
        tenant,
        model_name,
        model_version,
        predicted: labels(predicted),
        corrected: labels(corrected),
        agent,
        note,
        text,
        language,
        channel: channel_of(channel, &mut errors),
        idempotency_key,
    };
    (draft, errors)
}

fn labels(labels: Option<pb::FeedbackLabels>) -> Labels {
    let pb::FeedbackLabels { intents, polarity, flags } = labels.unwrap_or_default();
    Labels {
        intents: intents.map(|list| list.labels),
        polarity,
        flags: flags.map(|list| list.labels),
    }
}

fn response(receipt: &Receipt) -> pb::SubmitResponse {
    pb::SubmitResponse {
        feedback_id: receipt.feedback_id.to_string(),
        submitted_at: Some(receipt.submitted_at().into()),
        text_stored: receipt.text_stored,
    }
}

fn result(receipt: Result<Receipt, Error>) -> pb::SubmitResult {
    let outcome = match receipt {
        Ok(receipt) => pb::submit_result::Outcome::Response(response(&receipt)),
        Err(error) => pb::submit_result::Outcome::Error(item_error(&error)),
    };
    pb::SubmitResult { outcome: Some(outcome) }
}

fn model(agreement: ModelAgreement) -> pb::ModelAgreement {
    let ModelAgreement { model_name, model_version, messages, primary, intents, polarity, flags } =
        agreement;
    pb::ModelAgreement {
        model_name,
        model_version,
        messages,
        primary: Some(part(primary)),
        intents: Some(part(intents)),
        polarity: Some(part(polarity)),
        flags: Some(part(flags)),
    }
}

fn part(PartAgreement { judged, agreed, labels }: PartAgreement) -> pb::PartAgreement {
    let label = |(label, counts)| {
        let LabelCounts { predicted, corrected, agreed } = counts;
        pb::LabelAgreement { label, predicted, corrected, agreed }
    };
    pb::PartAgreement { judged, agreed, labels: labels.into_iter().map(label).collect() }
}
