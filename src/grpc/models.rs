//! `ModelService`: which models are loaded, and who gets which version.

mod rollout;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::Context;
use super::deadline;
use super::pb;
use super::pb::model_service_server::{ModelService, ModelServiceServer};
use super::status::from_error;
use super::{MAX_QUESTION_BYTES, to_u32};
use crate::batching::CacheSnapshot;
use crate::error::{Error, NotReadyReason};
use crate::lifecycle::ServiceState;
use crate::message::{ModelSelector, ValidationError, ValidationErrors};
use crate::model::manifest::AbstentionRules;
use crate::registry::{LoadedModel, ModelManager, Snapshot, VersionState, VersionStatus};

/// Makes the service.
pub(super) fn service(context: Context) -> ModelServiceServer<Models> {
    ModelServiceServer::new(Models::new(context)).max_decoding_message_size(MAX_QUESTION_BYTES)
}

#[derive(Clone, Debug)]
pub(super) struct Models {
    context: Context,
}

impl Models {
    pub(super) fn new(context: Context) -> Self {
        Self { context }
    }

    /// Refuses while the first models are being loaded.
    pub(super) fn check_started(&self) -> Result<(), Status> {
        match self.context.lifecycle.state() {
            ServiceState::Starting => {
                Err(from_error(&Error::NotReady { reason: NotReadyReason::Starting }))
            }
            ServiceState::Serving
            | ServiceState::Draining
            | ServiceState::Stopping
            | ServiceState::Failed => Ok(()),
        }
    }
}

impl Models {
    /// Takes a request that may be answered late: from here on, the caller's own patience counts and no limit of ours.
    fn received<T>(&self, request: Request<T>) -> T {
        drop(deadline::take_over(&request, self.context.limits.default_timeout));
        request.into_inner()
    }

    /// Does what takes its time on a thread for that. It is done to its end even when the caller goes away.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ModelManager) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Status> {
        self.check_started()?;
        let models = Arc::clone(&self.context.models);
        let done = tokio::task::spawn_blocking(move || work(&models)).await;
        done.map_err(|panicked| from_error(&Error::internal(panicked)))?
            .map_err(|error| from_error(&error))
    }

    /// Describes the rollout of a model, on a thread that may wait: the report of a shadow is behind a lock that a thread
    /// of the lowest priority may hold.
    async fn rollout(&self, name: String) -> Result<pb::Rollout, Status> {
        let snapshot = self.context.pipeline.registry().snapshot();
        let described = tokio::task::spawn_blocking(move || rollout::describe(&name, &snapshot));
        described.await.map_err(|panicked| from_error(&Error::internal(panicked)))
    }
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn list_models(
        &self,
        _request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        self.check_started()?;
        let snapshot = self.context.pipeline.registry().snapshot();
        let models = snapshot.models().iter().map(|model| describe(model, &snapshot)).collect();
        Ok(Response::new(pb::ListModelsResponse { models }))
    }

    async fn get_model(
        &self,
        request: Request<pb::GetModelRequest>,
    ) -> Result<Response<pb::GetModelResponse>, Status> {
        self.check_started()?;
        let pb::GetModelRequest { name, version } = request.into_inner();
        let selector = ModelSelector { name, version };
        let registry = self.context.pipeline.registry();
        let model = registry.resolve(&selector).map_err(|error| from_error(&error))?;
        let model = describe(&model, &registry.snapshot());
        Ok(Response::new(pb::GetModelResponse { model: Some(model) }))
    }

    async fn list_model_versions(
        &self,
        request: Request<pb::ListModelVersionsRequest>,
    ) -> Result<Response<pb::ListModelVersionsResponse>, Status> {
        self.check_started()?;
        let name = request.into_inner().name;
        let versions = self.context.models.versions();
        let of_model =
            versions.iter().filter(|version| name.is_empty() || version.key.name == name);
        let versions = of_model.map(version).collect();
        Ok(Response::new(pb::ListModelVersionsResponse { versions }))
    }

    async fn load_model(
        &self,
        request: Request<pb::LoadModelRequest>,
    ) -> Result<Response<pb::LoadModelResponse>, Status> {
        let pb::LoadModelRequest { name, version } = self.received(request);
        require(&[("name", &name)])?;
        let model = self.change(move |models| models.load(&name, &version)).await?;
        let model = describe(&model, &self.context.pipeline.registry().snapshot());
        Ok(Response::new(pb::LoadModelResponse { model: Some(model) }))
    }

    async fn unload_model(
        &self,
        request: Request<pb::UnloadModelRequest>,
    ) -> Result<Response<pb::UnloadModelResponse>, Status> {
        let pb::UnloadModelRequest { name, version } = self.received(request);
        require(&[("name", &name)])?;
        self.change(move |models| models.unload(&name, &version)).await?;
        Ok(Response::new(pb::UnloadModelResponse {}))
    }

    async fn set_model_label(
        &self,
        request: Request<pb::SetModelLabelRequest>,
    ) -> Result<Response<pb::SetModelLabelResponse>, Status> {
        let pb::SetModelLabelRequest { name, label, version } = self.received(request);
        require(&[("name", &name), ("label", &label), ("version", &version)])?;
        self.change(move |models| models.set_label(&name, &label, &version)).await?;
        Ok(Response::new(pb::SetModelLabelResponse {}))
    }

    async fn set_rollout(
        &self,
        request: Request<pb::SetRolloutRequest>,
    ) -> Result<Response<pb::SetRolloutResponse>, Status> {
        let (name, rule) =
            rollout::rule(self.received(request)).map_err(|errors| from_error(&errors.into()))?;
        let of = name.clone();
        self.change(move |models| models.set_rollout(&of, rule)).await?;
        let rollout = Some(self.rollout(name).await?);
        Ok(Response::new(pb::SetRolloutResponse { rollout }))
    }

    async fn clear_rollout(
        &self,
        request: Request<pb::ClearRolloutRequest>,
    ) -> Result<Response<pb::ClearRolloutResponse>, Status> {
        let name = self.received(request).name;
        require(&[("name", &name)])?;
        self.change(move |models| models.clear_rollout(&name)).await?;
        Ok(Response::new(pb::ClearRolloutResponse {}))
    }

    async fn get_rollout(
        &self,
        request: Request<pb::GetRolloutRequest>,
    ) -> Result<Response<pb::GetRolloutResponse>, Status> {
        self.check_started()?;
        let name = request.into_inner().name;
        let registry = self.context.pipeline.registry();
        // A rollout of a model of which nothing serves can be read as well.
        let name = if registry.snapshot().rollout(&name).is_some() {
            name
        } else {
            let selector = ModelSelector { name, version: String::new() };
            let model = registry.resolve(&selector).map_err(|error| from_error(&error))?;
            model.manifest().name.clone()
        };
        let rollout = Some(self.rollout(name).await?);
        Ok(Response::new(pb::GetRolloutResponse { rollout }))
    }

    async fn remove_model_label(
        &self,
        request: Request<pb::RemoveModelLabelRequest>,
    ) -> Result<Response<pb::RemoveModelLabelResponse>, Status> {
        let pb::RemoveModelLabelRequest { name, label } = self.received(request);
        require(&[("name", &name), ("label", &label)])?;
        self.change(move |models| models.remove_label(&name, &label)).await?;
        Ok(Response::new(pb::RemoveModelLabelResponse {}))
    }
}

/// Refuses a request in which required fields are empty; all of them are told.
fn require(fields: &[(&str, &str)]) -> Result<(), Status> {
    let mut errors = ValidationErrors::default();
    for (field, _) in fields.iter().filter(|(_, value)| value.is_empty()) {
        errors.push(*field, ValidationError::Missing);
    }
    if errors.violations().is_empty() { Ok(()) } else { Err(from_error(&errors.into())) }
}

fn version(status: &VersionStatus) -> pb::ModelVersion {
    let VersionStatus { key, state, labels, fault, since } = status;
    let state = match state {
        VersionState::Available => pb::ModelVersionState::Available,
        VersionState::Settling => pb::ModelVersionState::Settling,
        VersionState::Loading => pb::ModelVersionState::Loading,
        VersionState::Ready => pb::ModelVersionState::Ready,
        VersionState::Failed => pb::ModelVersionState::Failed,
        VersionState::Unloading => pb::ModelVersionState::Unloading,
    };
    pb::ModelVersion {
        name: key.name.clone(),
        version: key.version.clone(),
        state: state.into(),
        labels: labels.clone(),
        fault: fault.clone().unwrap_or_default(),
        since: Some((*since).into()),
    }
}

fn describe(model: &LoadedModel, snapshot: &Snapshot) -> pb::Model {
    let (manifest, settings, engine) = (model.manifest(), model.settings(), model.engine());
    let is_default = snapshot.models().first().is_some_and(|first| first.key() == model.key());
    let alive = *model.alive().borrow() > 0;
    let state = if alive { pb::ModelState::Ready } else { pb::ModelState::Failed };
    pb::Model {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        is_default,
        state: state.into(),
        architecture: model.architecture().to_owned(),
        heads: manifest
            .heads
            .iter()
            .map(|head| pb::ModelHead {
                name: head.name.as_str().to_owned(),
                kind: head.kind.as_str().to_owned(),
                labels: head.labels.iter().map(str::to_owned).collect(),
                temperature: head.temperature,
                thresholds: head.thresholds.clone(),
            })
            .collect(),
        languages: manifest.languages.clone(),
        max_tokens: to_u32(manifest.max_tokens),
        pooling: manifest.pooling.as_str().to_owned(),
        digests: Some(digests(model)),
        engine: Some(pb::ModelEngine {
            name: engine.name.to_owned(),
            device: engine.device.clone(),
            compute_type: engine.compute_type.to_owned(),
            instruction_set: engine.instruction_set.to_owned(),
            instances: to_u32(settings.instances),
            max_batch_tokens: to_u32(settings.max_batch_tokens),
            output_cache: model.queue().cache().map(|cache| output_cache(cache.snapshot())),
        }),
        parameter_count: model.parameter_count(),
        weights_bytes: model.weights_bytes(),
        abstention: Some(abstention(&manifest.abstention)),
    }
}

fn output_cache(cache: CacheSnapshot) -> pb::OutputCache {
    let CacheSnapshot { capacity_bytes, used_bytes, entries, hits, misses } = cache;
    pb::OutputCache { capacity_bytes, used_bytes, entries, hits, misses }
}

fn abstention(rules: &AbstentionRules) -> pb::AbstentionRules {
    let AbstentionRules { min_primary, min_group, min_margin, min_presence, max_unknown_share } =
        *rules;
    pb::AbstentionRules { min_primary, min_group, min_margin, min_presence, max_unknown_share }
}

fn digests(model: &LoadedModel) -> pb::ModelDigests {
    let digests = model.digests();
    pb::ModelDigests {
        model: digests.model.clone(),
        weights: digests.weights.clone(),
        tokenizer: digests.tokenizer.clone(),
        config: digests.config.clone(),
        taxonomy: digests.taxonomy.clone(),
    }
}
