//! Names and shapes of the tensors that an architecture needs.

mod disentangled;
mod rotary;

pub use disentangled::{DisentangledModules, DistanceModules};
pub use rotary::RotaryModules;

use super::architecture::{Activation, Architecture, Attention, Family, Purpose};
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
    embeds_positions: bool,
    embeds_token_types: bool,
    projects_embeddings: bool,
}

/// Modules of one of BERT's blocks.
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

/// Modules of a head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeadModules {
    /// What comes before the output, if the family has it.
    pub hidden: Option<HiddenModules>,
    /// Dense `[L, H]`.
    pub output: String,
}

/// Modules of the hidden layer of a head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HiddenModules {
    /// Dense `[H, H]`.
    pub dense: String,
    /// Whether `dense` has a bias.
    pub has_bias: bool,
    /// Function behind it.
    pub activation: Activation,
    /// Layer normalisation behind that, if the family has one, and whether it has a bias.
    pub norm: Option<(String, bool)>,
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
            (Purpose::Classifier, Family::Electra) => "electra.",
            (Purpose::Classifier, Family::DebertaV2) => "deberta.",
            (Purpose::Classifier, Family::ModernBert) => "model.",
        };
        Self {
            family,
            prefix,
            embeds_positions: architecture.embeds_positions,
            embeds_token_types: architecture.token_types > 0,
            projects_embeddings: architecture.embedding_size != architecture.hidden_size,
        }
    }

    /// Tensor `[vocabulary, E]`.
    #[must_use]
    pub fn word_embeddings(&self) -> String {
        let name = match self.family {
            Family::ModernBert => "tok_embeddings",
            Family::Bert
            | Family::Roberta
            | Family::DistilBert
            | Family::Electra
            | Family::DebertaV2 => "word_embeddings",
        };
        format!("{}embeddings.{name}.weight", self.prefix)
    }

    /// Tensor `[positions, E]`, if the encoder has one.
    #[must_use]
    pub fn position_embeddings(&self) -> Option<String> {
        let name = || format!("{}embeddings.position_embeddings.weight", self.prefix);
        self.embeds_positions.then(name)
    }

    /// Tensor `[token types, E]`, if the encoder has one.
    #[must_use]
    pub fn token_type_embeddings(&self) -> Option<String> {
        let name = || format!("{}embeddings.token_type_embeddings.weight", self.prefix);
        self.embeds_token_types.then(name)
    }

    /// Layer normalisation after the embeddings.
    #[must_use]
    pub fn embeddings_norm(&self) -> String {
        let name = match self.family {
            Family::ModernBert => "norm",
            Family::Bert
            | Family::Roberta
            | Family::DistilBert
            | Family::Electra
            | Family::DebertaV2 => "LayerNorm",
        };
        format!("{}embeddings.{name}", self.prefix)
    }

    /// Dense `[H, E]` behind the embeddings, where their width is not that of the blocks.
    #[must_use]
    pub fn embeddings_projection(&self) -> Option<String> {
        self.projects_embeddings.then(|| format!("{}embeddings_project", self.prefix))
    }

    /// Modules of one of BERT's blocks, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> LayerModules {
        if self.family == Family::DistilBert {
            let module = |name: &str| format!("{}transformer.layer.{index}.{name}", self.prefix);
            return LayerModules {
                query: module("attention.q_lin"),
                key: module("attention.k_lin"),
                value: module("attention.v_lin"),
                attention_output: module("attention.out_lin"),
                attention_norm: module("sa_layer_norm"),
                intermediate: module("ffn.lin1"),
                output: module("ffn.lin2"),
                output_norm: module("output_layer_norm"),
            };
        }
        let module = |name: &str| format!("{}encoder.layer.{index}.{name}", self.prefix);
        let suffix = if self.family == Family::DebertaV2 { "_proj" } else { "" };
        let projection = |name: &str| module(&format!("attention.self.{name}{suffix}"));
        LayerModules {
            query: projection("query"),
            key: projection("key"),
            value: projection("value"),
            attention_output: module("attention.output.dense"),
            attention_norm: module("attention.output.LayerNorm"),
            intermediate: module("intermediate.dense"),
            output: module("output.dense"),
            output_norm: module("output.LayerNorm"),
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
        if architecture.purpose == Purpose::Encoder {
            return Self { hidden: None, output: format!("heads.{head}") };
        }
        let (dense, output) = match architecture.family {
            Family::Bert => return Self { hidden: None, output: "classifier".into() },
            Family::Roberta | Family::Electra => ("classifier.dense", "classifier.out_proj"),
            Family::DistilBert => ("pre_classifier", "classifier"),
            Family::DebertaV2 => ("pooler.dense", "classifier"),
            Family::ModernBert => ("head.dense", "classifier"),
        };
        let (has_bias, norm) = match &architecture.attention {
            Attention::Full | Attention::Disentangled(_) => (true, None),
            Attention::Rotary(rotary) => {
                (rotary.biases.classifier, Some(("head.norm".into(), rotary.biases.norm)))
            }
        };
        let hidden = HiddenModules {
            dense: dense.into(),
            has_bias,
            activation: architecture.classifier_activation,
            norm,
        };
        Self { hidden: Some(hidden), output: output.into() }
    }
}

/// Lists every tensor that a model has to have.
pub(super) fn requirements(architecture: &Architecture, manifest: &Manifest) -> Vec<Requirement> {
    let names = TensorNames::of(architecture);
    let hidden = architecture.hidden_size;
    let mut list = Requirements(Vec::new());
    list.embeddings(&names, architecture);
    match &architecture.attention {
        Attention::Full => list.blocks(&names, architecture),
        Attention::Disentangled(disentangled) => {
            list.blocks(&names, architecture);
            list.distances(&names, architecture, disentangled);
        }
        Attention::Rotary(rotary) => list.rotary_blocks(&names, architecture, rotary),
    }
    if manifest.pooling == Pooling::Pooler {
        list.dense(&names.pooler(), hidden, hidden);
    }
    for head in &manifest.heads {
        let modules = HeadModules::of(architecture, head.name);
        if let Some(HiddenModules { dense, has_bias, norm, .. }) = &modules.hidden {
            list.module(dense, &[hidden, hidden], *has_bias);
            if let Some((norm, has_bias)) = norm {
                list.module(norm, &[hidden], *has_bias);
            }
        }
        list.dense(&modules.output, head.labels.len(), hidden);
    }
    list.0
}

struct Requirements(Vec<Requirement>);

impl Requirements {
    fn embeddings(&mut self, names: &TensorNames, architecture: &Architecture) {
        let width = architecture.embedding_size;
        self.tensor(names.word_embeddings(), &[architecture.vocabulary_size, width]);
        if let Some(name) = names.position_embeddings() {
            self.tensor(name, &[architecture.position_rows, width]);
        }
        if let Some(name) = names.token_type_embeddings() {
            self.tensor(name, &[architecture.token_types, width]);
        }
        self.module(&names.embeddings_norm(), &[width], architecture.norms_have_biases());
        if let Some(module) = names.embeddings_projection() {
            self.dense(&module, architecture.hidden_size, width);
        }
    }

    fn blocks(&mut self, names: &TensorNames, architecture: &Architecture) {
        let hidden = architecture.hidden_size;
        let intermediate = architecture.intermediate_size;
        for layer in (0..architecture.layers).map(|index| names.layer(index)) {
            for module in [&layer.query, &layer.key, &layer.value, &layer.attention_output] {
                self.dense(module, hidden, hidden);
            }
            self.norm(&layer.attention_norm, hidden);
            self.dense(&layer.intermediate, intermediate, hidden);
            self.dense(&layer.output, hidden, intermediate);
            self.norm(&layer.output_norm, hidden);
        }
    }

    fn tensor(&mut self, tensor: String, shape: &[usize]) {
        let shape = shape.to_vec();
        self.0.push(Requirement { tensor, shape });
    }

    fn dense(&mut self, module: &str, outputs: usize, inputs: usize) {
        self.module(module, &[outputs, inputs], true);
    }

    fn norm(&mut self, module: &str, width: usize) {
        self.module(module, &[width], true);
    }

    /// A weight, and a bias for each of its rows if there is one.
    fn module(&mut self, module: &str, shape: &[usize], has_bias: bool) {
        self.tensor(format!("{module}.weight"), shape);
        if has_bias {
            self.tensor(format!("{module}.bias"), shape.get(..1).unwrap_or_default());
        }
    }
}
