//! What is read of a model directory.

use safetensors::Dtype;
use serde_json::{Value, json};
use signalbox::app::engine_loader;
use signalbox::engine::candle::CandleModel;
use signalbox::engine::{EngineKind, RaggedBatch};
use signalbox::labels::{HeadKind, HeadName};
use signalbox::model::manifest::{AbstentionRules, Pooling};
use signalbox::model::{ModelBundle, ModelSource};

use crate::damage::{ModelCopy, StoredTensor};
use crate::fixtures::{
    CAMEMBERT, CLASSIFIER, DEBERTA, DEBERTA_SHARDED, ELECTRA, INT8, MODERNBERT, MODERNBERT_MEAN,
    MULTI_HEAD, TINY, XLM_ROBERTA, fixture, load, read,
};
use crate::registry::SETTINGS;

#[test]
fn a_multi_head_model_is_read_as_its_manifest_says() {
    let copy = ModelCopy::of(MULTI_HEAD);
    let check = json!([{"text": "Where is my order?", "primary": "order.status"}]);
    copy.set("signalbox.json", "/self_check", check);
    copy.set("signalbox.json", "/abstention", json!({"min_primary": 0.25}));
    copy.edit("signalbox.json", |manifest| {
        manifest["heads"][1].as_object_mut().unwrap().remove("thresholds");
    });

    let bundle = load(copy.directory().to_owned());

    let manifest = bundle.manifest();
    assert_eq!(manifest.pooling, Pooling::Mean);
    assert_eq!(manifest.max_tokens, 48);
    assert_eq!(manifest.head(HeadName::Polarity).unwrap().kind, HeadKind::Ordinal);
    assert_eq!(manifest.head(HeadName::Intent).unwrap().thresholds, [0.5; 6]);
    let abstention = AbstentionRules { min_primary: 0.25, ..AbstentionRules::default() };
    assert_eq!(manifest.abstention, abstention);
    assert_eq!(bundle.self_check()[0].primary, "order.status");
    assert_eq!(bundle.architecture().name, "BertModel");
}

#[test]
fn a_classifier_without_manifest_has_one_head() {
    for (model, name, kind, pooling) in [
        (CLASSIFIER, HeadName::Primary, HeadKind::SingleLabel, Pooling::Pooler),
        (XLM_ROBERTA, HeadName::Intent, HeadKind::MultiLabel, Pooling::Cls),
        ("tiny-distilbert-classifier", HeadName::Primary, HeadKind::SingleLabel, Pooling::Cls),
        (CAMEMBERT, HeadName::Primary, HeadKind::SingleLabel, Pooling::Cls),
        (ELECTRA, HeadName::Intent, HeadKind::MultiLabel, Pooling::Cls),
        (DEBERTA_SHARDED, HeadName::Primary, HeadKind::SingleLabel, Pooling::Cls),
        (DEBERTA, HeadName::Primary, HeadKind::SingleLabel, Pooling::Cls),
        (MODERNBERT, HeadName::Primary, HeadKind::SingleLabel, Pooling::Cls),
        (MODERNBERT_MEAN, HeadName::Intent, HeadKind::MultiLabel, Pooling::Mean),
    ] {
        let bundle = load(fixture(model));

        let manifest = bundle.manifest();
        assert_eq!(manifest.name, model);
        assert_eq!((manifest.heads[0].name, manifest.heads[0].kind), (name, kind));
        assert_eq!((manifest.heads.len(), manifest.pooling), (1, pooling));
        assert_eq!(manifest.max_tokens, 64, "66 rows less 2 for XLM-RoBERTa and CamemBERT");
    }
}

#[test]
fn other_tensors_are_ignored() {
    let copy = ModelCopy::of(MULTI_HEAD);
    copy.edit_tensors(|tensors| {
        let buffer = StoredTensor { dtype: Dtype::I64, shape: vec![1, 64], bytes: vec![0; 64 * 8] };
        tensors.insert("embeddings.position_ids".to_owned(), buffer);
    });

    let bundle = load(copy.directory().to_owned());

    assert_eq!(bundle.parameter_count(), load(fixture(MULTI_HEAD)).parameter_count());
}

#[test]
fn digests_tell_models_apart_and_taxonomies_alike() {
    let [f32, int8] = [MULTI_HEAD, INT8].map(|model| load(fixture(model)).digests().clone());
    let declared: Value = serde_json::from_slice(&read(MULTI_HEAD, "signalbox.json")).unwrap();

    assert_eq!(f32.weights, declared["files"]["model.safetensors"].as_str().unwrap());
    assert_eq!(f32.taxonomy, int8.taxonomy);
    assert_eq!(f32.tokenizer, int8.tokenizer);
    assert_ne!(f32.model, int8.model);
}

#[test]
fn parameters_are_counted_alike_however_they_are_stored() {
    let counts = TINY[..4].iter().map(|name| load(fixture(name)).parameter_count());
    let counts: Vec<_> = counts.collect();

    assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{counts:?}");
}

/// Turns a plain directory into a bundle of its bare encoder, with the last layer of the classifier for a head.
fn bundle_of(
    classifier: &str,
    encoder: &str,
    prefix: &str,
    output: &str,
    pooling: &str,
) -> ModelCopy {
    let copy = ModelCopy::of(classifier);
    copy.set("config.json", "/architectures", json!([encoder]));
    copy.edit_tensors(|tensors| {
        *tensors = std::mem::take(tensors)
            .into_iter()
            .map(|(name, tensor)| match name.strip_prefix(prefix) {
                Some(name) => (name.to_owned(), tensor),
                None => (name.replace(output, "heads.primary"), tensor),
            })
            .collect();
    });
    let classifier = load(fixture(classifier));
    let labels: Vec<_> = classifier.manifest().heads[0].labels.iter().collect();
    let manifest = json!({
        "format": 1, "name": "encoder", "version": "1", "max_tokens": 64, "pooling": pooling,
        "heads": [{"name": "primary", "kind": "single_label", "labels": labels}],
    });
    copy.write("signalbox.json", manifest.to_string().as_bytes());
    copy
}

#[test]
fn an_encoder_has_the_token_vectors_of_the_classifier_that_it_came_from() {
    for (classifier, encoder, prefix, output, pooling) in [
        (XLM_ROBERTA, "XLMRobertaModel", "roberta.", "classifier.out_proj", "cls"),
        (CAMEMBERT, "CamembertModel", "roberta.", "classifier.out_proj", "cls"),
        (ELECTRA, "ElectraModel", "electra.", "classifier.out_proj", "cls"),
        (DEBERTA, "DebertaV2Model", "deberta.", "classifier", "cls"),
        (MODERNBERT, "ModernBertModel", "model.", "classifier", "cls"),
        (MODERNBERT_MEAN, "ModernBertModel", "model.", "classifier", "mean"),
    ] {
        let copy = bundle_of(classifier, encoder, prefix, output, pooling);
        let classifier = load(fixture(classifier));
        let encoder = load(copy.directory().to_owned());
        let batch = RaggedBatch::from_messages([[0, 5, 6, 2].as_slice(), &[0, 7, 2]]);

        let [expected, found] = [&classifier, &encoder].map(|bundle| {
            let mut engine = CandleModel::load(bundle).unwrap().replica(1).unwrap();
            engine.infer(&batch).unwrap().pooled
        });

        assert_eq!(found, expected, "{}", encoder.architecture().name);
    }
}

#[test]
fn digests_cover_every_shard() {
    const SHARD: &str = "model-00002-of-00002.safetensors";
    let whole = load(fixture(DEBERTA_SHARDED)).digests().clone();
    let copy = ModelCopy::of(DEBERTA_SHARDED);
    copy.edit_tensors_of(SHARD, |tensors| {
        tensors.get_mut("classifier.bias").unwrap().bytes[0] ^= 1;
    });

    let changed = load(copy.directory().to_owned()).digests().clone();

    assert_ne!(whole.weights, changed.weights);
    assert_ne!(whole.model, changed.model);
    assert_eq!(whole.config, changed.config);
}

#[test]
fn weights_in_shards_are_those_of_one_file() {
    let sharded = load(fixture(DEBERTA_SHARDED));
    let copy = ModelCopy::of(DEBERTA_SHARDED);
    let mut all = std::collections::BTreeMap::new();
    for shard in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
        copy.edit_tensors_of(shard, |tensors| all.append(&mut tensors.clone()));
    }
    std::fs::copy(copy.path("model-00001-of-00002.safetensors"), copy.path("model.safetensors"))
        .unwrap();
    copy.edit_tensors(|tensors| *tensors = all);

    let one = load(copy.directory().to_owned());

    assert_eq!(one.parameter_count(), sharded.parameter_count());
    let batch = RaggedBatch::from_messages([[0, 5, 6, 2].as_slice()]);
    let [expected, found] = [&sharded, &one].map(|bundle| {
        CandleModel::load(bundle).unwrap().replica(1).unwrap().infer(&batch).unwrap()
    });
    assert_eq!(found, expected);
}

#[test]
fn each_model_is_computed_by_an_engine_that_can() {
    for name in TINY {
        let bundle = load(fixture(name));
        let engine = |engine| {
            let settings = signalbox::registry::InferenceSettings { engine, ..SETTINGS };
            engine_loader()(&bundle, &settings).map(|replica| replica().unwrap().info().name)
        };
        let has_berts_blocks = !name.contains("deberta") && !name.contains("modernbert");

        assert_eq!(
            engine(EngineKind::Auto).unwrap(),
            if has_berts_blocks { "cpu" } else { "candle" }
        );
        assert_eq!(engine(EngineKind::Candle).unwrap(), "candle");
        match engine(EngineKind::Cpu) {
            Ok(name) => assert_eq!((name, has_berts_blocks), ("cpu", true)),
            Err(error) => {
                let error = std::error::Error::source(&error).unwrap().to_string();
                assert!(!has_berts_blocks && error.contains("\"cpu\" does not compute"), "{error}");
            }
        }
    }
}

#[cfg(not(feature = "embedded-model"))]
#[test]
fn a_build_without_a_model_says_so() {
    let error = ModelBundle::load(&ModelSource::Embedded).unwrap_err();

    assert!(error.to_string().contains("pass a model directory"), "{error}");
}

#[cfg(feature = "embedded-model")]
#[test]
fn the_embedded_model_is_the_default_model() {
    let embedded = ModelBundle::load(&ModelSource::Embedded).unwrap();

    let directory = load(crate::fixtures::default_model());

    assert_eq!(embedded.digests(), directory.digests());
}
