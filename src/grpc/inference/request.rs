//! A request becomes valid messages, and what the reply shall bring.

use std::vec;

use super::input::{Columns, Input};
use super::output::{Output, RequestedOutput};
use super::parameters::Parameters;
use super::pb;
use crate::error::Error;
use crate::message::{
    Channel, Message, MessageDraft, ModelSelector, Options, ValidationError, ValidationErrors,
};
use crate::pipeline::Pipeline;
use crate::registry::rollout::Route;
use crate::registry::{LoadedModel, Registry};
use crate::telemetry::counters::Outcome;

/// A request that keeps every rule.
pub(super) struct InferRequest {
    /// As the caller sent it, perhaps empty.
    pub(super) id: String,
    /// The models that may answer it; one answers all of it.
    pub(super) route: Route,
    /// One or more.
    pub(super) messages: Vec<Message>,
    pub(super) parameters: Parameters,
    /// What the reply shall bring, in the words of the caller.
    asked: Vec<pb::model_infer_request::InferRequestedOutputTensor>,
}

impl InferRequest {
    /// Reads a request; `limit` is how many messages it may bring. One that is refused is counted, as the native API
    /// counts it.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] with every broken rule that was found, [`Error::ModelNotFound`].
    pub(super) fn read(
        pipeline: &Pipeline,
        request: pb::ModelInferRequest,
        limit: usize,
        is_streamed: bool,
    ) -> Result<Self, Error> {
        let pb::ModelInferRequest {
            model_name,
            model_version,
            id,
            parameters,
            inputs,
            outputs,
            raw_input_contents,
        } = request;
        let mut errors = ValidationErrors::default();
        errors.check_name("id", &id);
        // Which outputs there are depends on the model, so that a name that can't be one is told at once.
        let selector = selector(model_name, model_version, errors)
            .inspect_err(|_| pipeline.counters().reject())?;
        let unknown = |error: &Error| pipeline.counters().offer().settle(Outcome::of(error));
        let model = pipeline.registry().resolve(&selector).inspect_err(unknown)?;

        let mut errors = ValidationErrors::default();
        let parameters = Parameters::read(&parameters, is_streamed, &mut errors);
        let read = RequestedOutput::read(&outputs, model.manifest(), &mut errors);
        let columns = Columns::read(inputs, &raw_input_contents, limit, &mut errors);
        let drafts = drafts(columns, &id, &selector, &read, &mut errors);
        if !errors.violations().is_empty() {
            pipeline.counters().reject();
            return Err(errors.into());
        }
        let messages = validate(pipeline, drafts)?;
        let route = route_of(pipeline.registry(), &messages).inspect_err(unknown)?;
        Ok(Self { id, route, messages, parameters, asked: outputs })
    }

    /// Returns what a reply of a model shall bring, none twice.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when the model does not have it: a canary may have other heads than the version that
    /// the request was checked against.
    pub(super) fn outputs(&self, model: &LoadedModel) -> Result<Vec<RequestedOutput>, Error> {
        let mut errors = ValidationErrors::default();
        let outputs = RequestedOutput::read(&self.asked, model.manifest(), &mut errors);
        if errors.violations().is_empty() { Ok(outputs) } else { Err(errors.into()) }
    }
}

/// Finds the models for all messages of a request: its reply names one version. A canary is asked when every message is
/// one of its share; a shadow reads by the id, which they have in common.
fn route_of(registry: &Registry, messages: &[Message]) -> Result<Route, Error> {
    let Some((first, others)) = messages.split_first() else {
        return Err(ValidationErrors::single(Input::Text.as_str(), ValidationError::Missing).into());
    };
    let mut route = registry.route(first)?;
    for other in others {
        if route.canary.is_none() {
            break;
        }
        route.canary =
            route.canary.filter(|_| registry.route(other).is_ok_and(|o| o.canary.is_some()));
    }
    Ok(route)
}

/// Reads which model is meant. `found` brings violations that were met before.
///
/// # Errors
/// [`Error::InvalidArgument`] when the names can't be any model's.
pub(super) fn selector(
    name: String,
    version: String,
    found: ValidationErrors,
) -> Result<ModelSelector, Error> {
    let mut errors = found;
    errors.check_name("model_name", &name);
    errors.check_name("model_version", &version);
    if errors.violations().is_empty() {
        Ok(ModelSelector { name, version })
    } else {
        Err(errors.into())
    }
}

/// Puts the columns together, row by row.
fn drafts(
    mut columns: Columns,
    id: &str,
    selector: &ModelSelector,
    outputs: &[RequestedOutput],
    errors: &mut ValidationErrors,
) -> Vec<MessageDraft> {
    // As for a native message: the log needs one, and a rollout would send all messages without one the same way.
    let id = if id.is_empty() { uuid::Uuid::now_v7().to_string() } else { id.to_owned() };
    let options = Options {
        raw_logits: true,
        include_routing: outputs.iter().any(|asked| asked.output == Output::Response),
        ..Options::default()
    };
    let texts = columns.take(Input::Text).unwrap_or_default();
    let mut column = |input| columns.take(input).unwrap_or_default().into_iter();
    let (mut subjects, mut languages) = (column(Input::Subject), column(Input::Language));
    let (mut channels, mut tenants) = (column(Input::Channel), column(Input::Tenant));
    let or_empty = |column: &mut vec::IntoIter<String>| column.next().unwrap_or_default();
    let rows = texts.into_iter().enumerate().map(|(index, text)| MessageDraft {
        id: id.clone(),
        text,
        subject: or_empty(&mut subjects),
        locale_hint: or_empty(&mut languages),
        channel: channel_of(&or_empty(&mut channels), index, errors),
        tenant: or_empty(&mut tenants),
        model: selector.clone(),
        options: options.clone(),
        ..MessageDraft::default()
    });
    rows.collect()
}

fn channel_of(name: &str, index: usize, errors: &mut ValidationErrors) -> Channel {
    if name.is_empty() {
        return Channel::Unknown;
    }
    Channel::from_name(name).unwrap_or_else(|| {
        let value = name.chars().take(32).collect();
        let known = Channel::ALL.map(Channel::as_str).join(", ");
        let field = format!("{}[{index}]", Input::Channel.as_str());
        errors.push(field, ValidationError::UnknownName { value, known });
        Channel::Unknown
    })
}

/// Checks every message; broken rules are told by tensor and position.
fn validate(pipeline: &Pipeline, drafts: Vec<MessageDraft>) -> Result<Vec<Message>, Error> {
    let mut messages = Vec::with_capacity(drafts.len());
    let mut errors = ValidationErrors::default();
    for (index, draft) in drafts.into_iter().enumerate() {
        match pipeline.validate(draft, ValidationErrors::default()) {
            Ok(message) => messages.push(message),
            Err(Error::InvalidArgument(broken)) => {
                for violation in broken.violations() {
                    errors.push(field_of(&violation.field, index), violation.error.clone());
                }
            }
            Err(other) => return Err(other),
        }
    }
    if errors.violations().is_empty() { Ok(messages) } else { Err(errors.into()) }
}

/// Names a field of a message as the request has it.
fn field_of(field: &str, index: usize) -> String {
    let input = match field {
        "text" => Input::Text,
        "subject" => Input::Subject,
        "locale_hint" => Input::Language,
        "tenant" => Input::Tenant,
        other => return other.to_owned(),
    };
    format!("{}[{index}]", input.as_str())
}
