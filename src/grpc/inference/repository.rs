//! The repository of models in the words of Triton.

use std::collections::BTreeMap;

use tonic::Status;

use super::describe::is_alive;
use super::request::selector;
use super::{pb, shown};
use crate::grpc::Context;
use crate::grpc::status::from_error;
use crate::message::{ValidationError, ValidationErrors};
use crate::registry::{VersionState, VersionStatus};
use pb::model_repository_parameter::ParameterChoice;
use pb::repository_index_response::ModelIndex;

const READY: &str = "READY";
const LOADING: &str = "LOADING";
const UNLOADING: &str = "UNLOADING";
const UNAVAILABLE: &str = "UNAVAILABLE";

/// The parameter that names a version.
const VERSION: &str = "version";
/// The parameter by which Triton takes out models that depend on another; here none does.
const UNLOAD_DEPENDENTS: &str = "unload_dependents";

/// Lists what is loaded and what lies in the repository, by name, the latest version of each first.
pub(super) fn index(context: &Context, ready_only: bool) -> Vec<ModelIndex> {
    let snapshot = context.pipeline.registry().snapshot();
    let versions = context.models.versions();
    let is_in_repository = |name: &str, version: &str| {
        versions.iter().any(|v| v.key.name == name && v.key.version == version)
    };
    let lost: Vec<_> = snapshot.models().iter().filter(|model| !is_alive(model)).collect();
    let is_lost = |name: &str, version: &str| {
        lost.iter().any(|m| m.manifest().name == name && m.manifest().version == version)
    };

    // Models that are configured by path lie in no repository.
    let fixed = snapshot.models().iter().map(|model| model.key());
    let fixed = fixed.filter(|key| !is_in_repository(&key.name, &key.version));
    let fixed = fixed.map(|key| entry(key.name, key.version, READY, ""));
    let mut models: Vec<ModelIndex> = fixed.chain(versions.iter().map(entry_of)).collect();
    for model in &mut models {
        if model.state == READY && is_lost(&model.name, &model.version) {
            UNAVAILABLE.clone_into(&mut model.state);
            "no inference thread is left".clone_into(&mut model.reason);
        }
    }
    models.retain(|model| !ready_only || model.state == READY);
    // Stable: the versions of a model keep their order.
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

fn entry_of(status: &VersionStatus) -> ModelIndex {
    let VersionStatus { key, state, fault, .. } = status;
    let (state, reason) = match state {
        VersionState::Available => (UNAVAILABLE, "not loaded"),
        VersionState::Settling => (UNAVAILABLE, "its files may still change, or are gone"),
        VersionState::Loading => (LOADING, ""),
        VersionState::Ready => (READY, ""),
        VersionState::Failed => (UNAVAILABLE, "refused"),
        VersionState::Unloading => (UNLOADING, ""),
    };
    let reason = fault.as_deref().unwrap_or(reason);
    entry(key.name.clone(), key.version.clone(), state, reason)
}

fn entry(name: String, version: String, state: &str, reason: &str) -> ModelIndex {
    ModelIndex { name, version, state: state.to_owned(), reason: reason.to_owned() }
}

/// Refuses the name of another repository; there is one, and it has no name.
pub(super) fn check_repository(name: &str) -> Result<(), Status> {
    if name.is_empty() {
        return Ok(());
    }
    let (found, expected) = (shown(name), "no name: there is one repository".to_owned());
    let error = ValidationError::Unexpected { found, expected };
    Err(from_error(&ValidationErrors::single("repository_name", error).into()))
}

type Parameters = BTreeMap<String, pb::ModelRepositoryParameter>;

/// Reads which version to load; an empty one means the latest.
pub(super) fn version_to_load(
    name: String,
    parameters: Parameters,
) -> Result<(String, String), Status> {
    version_of(name, parameters, &[VERSION])
}

/// Reads which version to take out; an empty one means all.
pub(super) fn version_to_unload(
    name: String,
    parameters: Parameters,
) -> Result<(String, String), Status> {
    version_of(name, parameters, &[VERSION, UNLOAD_DEPENDENTS])
}

fn version_of(
    name: String,
    parameters: Parameters,
    known: &[&str],
) -> Result<(String, String), Status> {
    let mut errors = ValidationErrors::default();
    let mut version = String::new();
    for (key, parameter) in parameters {
        if !known.contains(&key.as_str()) {
            let value = key.chars().take(32).collect();
            let known = known.join(", ");
            errors.push("parameters", ValidationError::UnknownName { value, known });
        } else if key == VERSION {
            match parameter.parameter_choice {
                Some(ParameterChoice::StringParam(text)) => version = text,
                _ => {
                    let found = "no text".to_owned();
                    let expected = "the name of a version".to_owned();
                    let error = ValidationError::Unexpected { found, expected };
                    errors.push(format!("parameters.{VERSION}"), error);
                }
            }
        }
    }
    if name.is_empty() {
        errors.push("model_name", ValidationError::Missing);
    }
    let selector = selector(name, version, errors).map_err(|error| from_error(&error))?;
    Ok((selector.name, selector.version))
}
