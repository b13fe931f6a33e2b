//! Models on disk with the outputs of the reference implementation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use signalbox::model::{ModelBundle, ModelSource};

/// Every small model with golden outputs.
pub(crate) const TINY: [&str; 15] = [
    "tiny-bert-multihead",
    "tiny-bert-multihead-f16",
    "tiny-bert-multihead-bf16",
    "tiny-bert-multihead-int8",
    "tiny-bert-classifier",
    "tiny-xlm-roberta-classifier",
    "tiny-distilbert-classifier",
    "tiny-camembert-classifier",
    "tiny-electra-classifier",
    "tiny-deberta-v3-classifier",
    "tiny-deberta-v2-classifier",
    "tiny-deberta-c2p-classifier",
    "tiny-deberta-p2c-classifier",
    "tiny-modernbert-classifier",
    "tiny-modernbert-mean-classifier",
];

pub(crate) const MULTI_HEAD: &str = TINY[0];
pub(crate) const INT8: &str = TINY[3];
pub(crate) const CLASSIFIER: &str = TINY[4];
pub(crate) const XLM_ROBERTA: &str = TINY[5];
pub(crate) const CAMEMBERT: &str = TINY[7];
pub(crate) const ELECTRA: &str = TINY[8];
/// Its weights lie in two files.
pub(crate) const DEBERTA_SHARDED: &str = TINY[9];
pub(crate) const DEBERTA: &str = TINY[10];
pub(crate) const MODERNBERT: &str = TINY[13];
pub(crate) const MODERNBERT_MEAN: &str = TINY[14];

/// What the reference implementation said of some messages.
#[derive(Deserialize)]
pub(crate) struct Golden {
    pub(crate) messages: Vec<GoldenMessage>,
}

#[derive(Deserialize)]
pub(crate) struct GoldenMessage {
    pub(crate) text: String,
    pub(crate) input_ids: Vec<u32>,
    pub(crate) logits: BTreeMap<String, Vec<f32>>,
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

pub(crate) fn default_model() -> PathBuf {
    root().join("models/default")
}

pub(crate) fn load(directory: PathBuf) -> ModelBundle {
    ModelBundle::load(&ModelSource::Directory(directory)).unwrap()
}

/// Reads a file of a fixture.
pub(crate) fn read(name: &str, file: &str) -> Vec<u8> {
    std::fs::read(fixture(name).join(file)).unwrap()
}

pub(crate) fn golden(path: PathBuf) -> Golden {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
