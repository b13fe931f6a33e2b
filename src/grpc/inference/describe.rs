//! What models take and give, how they are run, and what they have done.

use std::collections::BTreeMap;
use std::sync::Arc;

use tonic::Status;

use super::input::{BYTES, Input};
use super::output::Output;
use super::parameters::PRIORITY_LEVELS;
use super::reply::to_i64;
use super::request::selector;
use super::{PLATFORM, pb};
use crate::config::LimitsConfig;
use crate::grpc::status::from_error;
use crate::grpc::{Context, to_u32};
use crate::labels::LabelSet;
use crate::message::ValidationErrors;
use crate::model::manifest::{Head, Manifest};
use crate::registry::{LoadedModel, Snapshot};
use crate::telemetry::usage::Total;

/// Stands for the number of messages in a shape.
const ANY: i64 = -1;

/// Finds the model that a caller names.
pub(super) fn find(
    context: &Context,
    name: String,
    version: String,
) -> Result<Arc<LoadedModel>, Status> {
    selector(name, version, ValidationErrors::default())
        .and_then(|selector| context.pipeline.registry().resolve(&selector))
        .map_err(|error| from_error(&error))
}

/// Finds every loaded version that a caller means: all without a name, all of the model without a version.
pub(super) fn find_all(
    context: &Context,
    name: String,
    version: String,
) -> Result<Vec<Arc<LoadedModel>>, Status> {
    if !version.is_empty() {
        return Ok(vec![find(context, name, version)?]);
    }
    let snapshot = context.pipeline.registry().snapshot();
    if name.is_empty() {
        return Ok(snapshot.models().to_vec());
    }
    // Tells what is loaded when there is none of that name.
    let name = find(context, name, version)?.key().name;
    let models = snapshot.models().iter().filter(|model| model.manifest().name == name);
    Ok(models.cloned().collect())
}

/// Tells whether a model has inference threads left.
pub(super) fn is_alive(model: &LoadedModel) -> bool {
    *model.alive().borrow() > 0
}

/// Describes the tensors of a model.
pub(super) fn metadata(model: &LoadedModel, snapshot: &Snapshot) -> pb::ModelMetadataResponse {
    use pb::model_metadata_response::TensorMetadata;

    let manifest = model.manifest();
    let same_name = snapshot.models().iter().filter(|other| other.manifest().name == manifest.name);
    let inputs = Input::ALL.map(|input| TensorMetadata {
        name: input.as_str().to_owned(),
        datatype: BYTES.to_owned(),
        shape: vec![ANY, 1],
    });
    let outputs = Output::of(manifest).into_iter().map(|output| TensorMetadata {
        name: output.name(),
        datatype: output.datatype().to_owned(),
        shape: vec![ANY, to_i64(output.width(manifest))],
    });
    pb::ModelMetadataResponse {
        name: manifest.name.clone(),
        versions: same_name.map(|other| other.manifest().version.clone()).collect(),
        platform: PLATFORM.to_owned(),
        inputs: inputs.into(),
        outputs: outputs.collect(),
    }
}

/// Describes how a model is run.
pub(super) fn config(model: &LoadedModel, limits: &LimitsConfig) -> pb::ModelConfig {
    let manifest = model.manifest();
    let input = Input::ALL.map(|input| pb::ModelInput {
        name: input.as_str().to_owned(),
        data_type: pb::DataType::TypeString.into(),
        dims: vec![1],
        optional: input != Input::Text,
    });
    let output = Output::of(manifest).into_iter().map(|output| {
        let is_of_head = output.head(manifest).is_some();
        let data_type = if is_of_head { pb::DataType::TypeFp32 } else { pb::DataType::TypeString };
        pb::ModelOutput {
            name: output.name(),
            data_type: data_type.into(),
            dims: vec![to_i64(output.width(manifest))],
        }
    });
    let scheduling = scheduling(model.settings().max_queue_size, limits);
    pb::ModelConfig {
        name: manifest.name.clone(),
        platform: PLATFORM.to_owned(),
        max_batch_size: to_i32(limits.max_batch_items),
        input: input.into(),
        output: output.collect(),
        instance_group: vec![pb::ModelInstanceGroup {
            name: model.engine().name.to_owned(),
            count: to_i32(model.settings().instances),
            kind: pb::model_instance_group::Kind::Cpu.into(),
        }],
        parameters: facts(manifest),
        backend: PLATFORM.to_owned(),
        response_cache: Some(pb::ModelResponseCache { enable: model.queue().cache().is_some() }),
        scheduling_choice: Some(pb::model_config::SchedulingChoice::DynamicBatching(scheduling)),
    }
}

fn scheduling(max_queue_size: usize, limits: &LimitsConfig) -> pb::ModelDynamicBatching {
    let timeout = u64::try_from(limits.default_timeout.as_micros()).unwrap_or(u64::MAX);
    pb::ModelDynamicBatching {
        priority_levels: u64::from(PRIORITY_LEVELS),
        default_priority_level: 1,
        default_queue_policy: Some(pb::ModelQueuePolicy {
            timeout_action: pb::model_queue_policy::TimeoutAction::Reject.into(),
            default_timeout_microseconds: timeout,
            allow_timeout_override: true,
            max_queue_size: to_u32(max_queue_size),
        }),
    }
}

/// What a caller needs to read the tensors, and has no field of its own. Lists are JSON.
fn facts(manifest: &Manifest) -> BTreeMap<String, pb::ModelParameter> {
    let mut facts = BTreeMap::new();
    let mut tell = |name: String, string_value: String| {
        facts.insert(name, pb::ModelParameter { string_value });
    };
    for Head { name, kind, labels, thresholds, .. } in &manifest.heads {
        tell(format!("{name}.kind"), kind.as_str().to_owned());
        tell(format!("{name}.labels"), names(labels));
        if !thresholds.is_empty() {
            tell(format!("{name}.thresholds"), serde_json::json!(thresholds).to_string());
        }
    }
    tell("languages".to_owned(), serde_json::json!(manifest.languages).to_string());
    tell("max_tokens".to_owned(), manifest.max_tokens.to_string());
    facts
}

fn names(labels: &LabelSet) -> String {
    let labels: Vec<&str> = labels.iter().collect();
    serde_json::json!(labels).to_string()
}

/// Tells what a model has done since it was loaded.
pub(super) fn statistics(model: &LoadedModel) -> pb::ModelStatistics {
    let usage = model.usage().snapshot();
    let cache = model.queue().cache().map(|cache| cache.snapshot()).unwrap_or_default();
    let untimed = |count| Some(pb::StatisticDuration { count, ns: 0 });
    let key = model.key();
    pb::ModelStatistics {
        name: key.name,
        version: key.version,
        last_inference: usage.last_ms,
        inference_count: usage.answered.count,
        inference_stats: Some(pb::InferStatistics {
            success: timed(usage.answered),
            fail: timed(usage.failed),
            queue: timed(usage.queue),
            compute_input: timed(usage.input),
            compute_infer: timed(usage.inference),
            compute_output: timed(usage.output),
            cache_hit: untimed(cache.hits),
            cache_miss: untimed(cache.misses),
        }),
        ..pb::ModelStatistics::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "message fields are optional on the wire")]
fn timed(total: Total) -> Option<pb::StatisticDuration> {
    let ns = u64::try_from(total.time.as_nanos()).unwrap_or(u64::MAX);
    Some(pb::StatisticDuration { count: total.count, ns })
}

fn to_i32(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
