//! Names and shapes of the tensors that an architecture needs.

use super::architecture::{Architecture, Family, Purpose};
use super::manifest::{Manifest, Pooling};
use crate::labels::HeadName;

/// A tensor that has to be there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Requirement {
    pub(super) tensor: String,
    pub(super) shape: Vec<usize>,
}

impl Requirement {
    /// Returns the number of values.
    pub(super) fn len(&self) -> u64 {
        let count: usize = self.shape.iter().product();
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// Names of the tensors of an encoder.
///
/// A name of a module stands for two tensors, `<module>.weight` and `<module>.bias`. Dense weights are `[out, in]`.
#[derive(Clone, Copy, Debug)]
pub struct TensorNames {
    family: Family,
    prefix: &'static str,
}

/// Modules of one block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LayerModules {
    /// Dense `[H, H]` to the queries.
    pub query: String,
    /// Dense `[H, H]` to the keys.
    pub key: String,
    /// Dense `[H, H]` to the values.
    pub value: String,
    /// Dense `[H, H]` after attention.
    pub attention_output: String,
    /// Layer normalisation after attention.
    pub attention_norm: String,
    /// Dense `[intermediate, H]`.
    pub intermediate: String,
    /// Dense `[H, intermediate]`.
    pub output: String,
    /// Layer normalisation at the end.
    pub output_norm: String,
}

/// Function between the two dense layers of a head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HeadActivation {
    /// Hyperbolic tangent.
    Tanh,
    /// Zero below zero.
    Relu,
}

/// Modules of a head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeadModules {
    /// Dense `[H, H]` before the output, if the family has one.
    pub hidden: Option<(String, HeadActivation)>,
    /// Dense `[L, H]`.
    pub output: String,
}

impl TensorNames {
    /// Returns the names that an architecture uses.
    #[must_use]
    pub fn of(architecture: &Architecture) -> Self {
        let family = architecture.family;
        let prefix = match (architecture.purpose, family) {
            (Purpose::Encoder, _) => "",
            (Purpose::Classifier, Family::Bert) => "bert.",
            (Purpose::Classifier, Family::Roberta) => "roberta.",
            (Purpose::Classifier, Family::DistilBert) => "distilbert.",
        };
        Self { family, prefix }
    }

    /// Tensor `[vocabulary, H]`.
    #[must_use]
    pub fn word_embeddings(&self) -> String {
        format!("{}embeddings.word_embeddings.weight", self.prefix)
    }

    /// Tensor `[positions, H]`.
    #[must_use]
    pub fn position_embeddings(&self) -> String {
        format!("{}embeddings.position_embeddings.weight", self.prefix)
    }

    /// Tensor `[token types, H]`, if the family has one.
    #[must_use]
    pub fn token_type_embeddings(&self) -> Option<String> {
        match self.family {
            Family::Bert | Family::Roberta => {
                Some(format!("{}embeddings.token_type_embeddings.weight", self.prefix))
            }
            Family::DistilBert => None,
        }
    }

    /// Layer normalisation after the embeddings.
    #[must_use]
    pub fn embeddings_norm(&self) -> String {
        format!("{}embeddings.LayerNorm", self.prefix)
    }

    /// Modules of a block, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> LayerModules {
        match self.family {
            Family::Bert | Family::Roberta => {
                let module = |name: &str| format!("{}encoder.layer.{index}.{name}", self.prefix);
                LayerModules {
                    query: module("attention.self.query"),
                    key: module("attention.self.key"),
                    value: module("attention.self.value"),
                    attention_output: module("attention.output.dense"),
                    attention_norm: module("attention.output.LayerNorm"),
                    intermediate: module("intermediate.dense"),
                    output: module("output.dense"),
                    output_norm: module("output.LayerNorm"),
                }
            }
            Family::DistilBert => {
                let module =
                    |name: &str| format!("{}transformer.layer.{index}.{name}", self.prefix);
                LayerModules {
                    query: module("attention.q_lin"),
                    key: module("attention.k_lin"),
                    value: module("attention.v_lin"),
                    attention_output: module("attention.out_lin"),
                    attention_norm: module("sa_layer_norm"),
                    intermediate: module("ffn.lin1"),
                    output: module("ffn.lin2"),
                    output_norm: module("output_layer_norm"),
                }
            }
        }
    }

    /// Dense `[H, H]` behind [`Pooling::Pooler`].
    #[must_use]
    pub fn pooler(&self) -> String {
        format!("{}pooler.dense", self.prefix)
    }
}

impl HeadModules {
    /// Returns the modules of a head.
    #[must_use]
    pub fn of(architecture: &Architecture, head: HeadName) -> Self {
        let (hidden, output) = match (architecture.purpose, architecture.family) {
            (Purpose::Encoder, _) => (None, format!("heads.{head}")),
            (Purpose::Classifier, Family::Bert) => (None, "classifier".into()),
            (Purpose::Classifier, Family::Roberta) => (
                Some(("classifier.dense".into(), HeadActivation::Tanh)),
                "classifier.out_proj".into(),
            ),
            (Purpose::Classifier, Family::DistilBert) => {
                (Some(("pre_classifier".into(), HeadActivation::Relu)), "classifier".into())
            }
        };
        Self { hidden, output }
    }
}

/// Lists every tensor that a model has to have.
pub(super) fn requirements(architecture: &Architecture, manifest: &Manifest) -> Vec<Requirement> {
    let names = TensorNames::of(architecture);
    let hidden = architecture.hidden_size;
    let intermediate = architecture.intermediate_size;
    let mut list = Requirements(Vec::new());
    list.tensor(names.word_embeddings(), &[architecture.vocabulary_size, hidden]);
    list.tensor(names.position_embeddings(), &[architecture.position_rows, hidden]);
    if let Some(name) = names.token_type_embeddings() {
        list.tensor(name, &[architecture.token_types, hidden]);
    }
    list.norm(&names.embeddings_norm(), hidden);
    for layer in (0..architecture.layers).map(|index| names.layer(index)) {
        for module in [&layer.query, &layer.key, &layer.value, &layer.attention_output] {
            list.dense(module, hidden, hidden);
        }
        list.norm(&layer.attention_norm, hidden);
        list.dense(&layer.intermediate, intermediate, hidden);
        list.dense(&layer.output, hidden, intermediate);
        list.norm(&layer.output_norm, hidden);
    }
    if manifest.pooling == Pooling::Pooler {
        list.dense(&names.pooler(), hidden, hidden);
    }
    for head in &manifest.heads {
        let modules = HeadModules::of(architecture, head.name);
        if let Some((module, _)) = &modules.hidden {
            list.dense(module, hidden, hidden);
        }
        list.dense(&modules.output, head.labels.len(), hidden);
    }
    list.0
}

struct Requirements(Vec<Requirement>);

impl Requirements {
    fn tensor(&mut self, tensor: String, shape: &[usize]) {
        let shape = shape.to_vec();
        self.0.push(Requirement { tensor, shape });
    }

    fn dense(&mut self, module: &str, outputs: usize, inputs: usize) {
        self.tensor(format!("{module}.weight"), &[outputs, inputs]);
        self.tensor(format!("{module}.bias"), &[outputs]);
    }

    fn norm(&mut self, module: &str, width: usize) {
        self.tensor(format!("{module}.weight"), &[width]);
        self.tensor(format!("{module}.bias"), &[width]);
    }
}
