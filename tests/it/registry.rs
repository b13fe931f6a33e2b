//! Several models at once, and models that contradict themselves.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use signalbox::app::load_taxonomy;
use signalbox::engine::EngineKind;
use signalbox::message::ModelSelector;
use signalbox::model::{ModelBundle, ModelSource};
use signalbox::registry::{InferenceSettings, LoadError, LoadedModel, Registry, Snapshot};

use crate::damage::ModelCopy;
use crate::fixtures::MULTI_HEAD;
use crate::server::{fingerprints, stub};

pub(crate) const SETTINGS: InferenceSettings = InferenceSettings {
    engine: EngineKind::Auto,
    instruction_set: None,
    instances: 1,
    threads_per_instance: 1,
    max_batch_tokens: 100,
    max_batch_messages: 10,
    max_queue_size: 10,
    cache_bytes: 0,
};

/// The small model under another name and version.
fn start(name: &str, version: &str) -> Arc<LoadedModel> {
    let copy = ModelCopy::of(MULTI_HEAD);
    copy.set("signalbox.json", "/name", json!(name));
    copy.set("signalbox.json", "/version", json!(version));
    Arc::new(load(&copy).unwrap())
}

fn load(copy: &ModelCopy) -> Result<LoadedModel, LoadError> {
    let source = ModelSource::Directory(copy.directory().to_owned());
    let bundle = ModelBundle::load(&source)?;
    let factory = stub(fingerprints)(&bundle, &SETTINGS)?;
    LoadedModel::start(&bundle, &factory, SETTINGS, &load_taxonomy(Path::new("")).unwrap())
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    let name = |model: &Arc<LoadedModel>| {
        format!("{} {}", model.manifest().name, model.manifest().version)
    };
    snapshot.models().iter().map(name).collect()
}

#[test]
fn default_comes_first_and_the_latest_version_of_each_name() {
    let models = [start("shop", "9"), start("alpha", "1"), start("shop", "10"), start("beta", "2")];

    let first_given = Snapshot::new(models.to_vec(), "").unwrap();
    let by_name = Snapshot::new(models.to_vec(), "beta").unwrap();

    assert_eq!(names(&first_given), ["shop 9", "alpha 1", "beta 2", "shop 10"]);
    assert_eq!(names(&by_name), ["beta 2", "alpha 1", "shop 10", "shop 9"]);
    let registry = Registry::default();
    registry.publish(by_name);
    let resolve = |name: &str, version: &str| {
        let selector = ModelSelector { name: name.into(), version: version.into() };
        registry.resolve(&selector).map(|model| model.manifest().version.clone())
    };
    assert_eq!(resolve("", "").unwrap(), "2");
    assert_eq!(resolve("shop", "").unwrap(), "10");
    assert_eq!(resolve("shop", "9").unwrap(), "9");
    assert!(resolve("shop", "11").is_err() && resolve("gamma", "").is_err());
}

#[test]
fn twice_the_same_model_and_an_unknown_default_are_refused() {
    let twice = Snapshot::new(vec![start("shop", "1"), start("shop", "1")], "");
    let unknown = Snapshot::new(vec![start("shop", "1")], "other");

    assert!(matches!(twice, Err(LoadError::Duplicate { .. })));
    assert!(matches!(unknown, Err(LoadError::UnknownDefault { .. })));
}

#[test]
fn model_that_fails_its_own_samples_is_refused() {
    let copy = ModelCopy::of(MULTI_HEAD);
    // The scripted engine gives all intents the same output, so the first one leads.
    let samples = json!([
        { "text": "where is it", "primary": "order.status" },
        { "text": "stop it", "primary": "order.cancel" },
    ]);
    copy.set("signalbox.json", "/self_check", samples);

    let error = load(&copy).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the self-check failed: signalbox.json: self_check[1].primary is \"order.cancel\", but the \
         model says \"order.status\""
    );
}
