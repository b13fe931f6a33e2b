//! `signalbox.json`: name, heads, limits and decision rules of a model.

use serde::{Deserialize, Serialize};

use crate::labels::{HeadKind, HeadName, LabelSet};

/// What a model is and how its outputs are read. Valid because it exists: see [`super::ModelBundle`].
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Tokens that are read of one message at most, special tokens included.
    pub max_tokens: usize,
    /// How token vectors become one vector.
    pub pooling: Pooling,
    /// Outputs in order. No name occurs twice; at least one is `primary` or `intent`.
    pub heads: Vec<Head>,
    /// Languages that the model was trained on, as BCP-47 tags. Empty when unknown.
    pub languages: Vec<String>,
    /// When to decline.
    pub abstention: AbstentionRules,
}

impl Manifest {
    /// Returns the head of that name, if the model has it.
    #[must_use]
    pub fn head(&self, name: HeadName) -> Option<&Head> {
        self.heads.iter().find(|head| head.name == name)
    }
}

/// How token vectors become one vector for the message.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Mean over all tokens, special tokens included.
    Mean,
    /// Vector of the first token.
    Cls,
    /// Vector of the first token through the encoder's own dense layer and its activation.
    Pooler,
}

impl Pooling {
    /// Returns the name as manifests and replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Pooler => "pooler",
        }
    }
}

/// One output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Which output.
    pub name: HeadName,
    /// How its logits become probabilities.
    pub kind: HeadKind,
    /// Labels in output order, none twice.
    pub labels: LabelSet,
    /// Divides the logits before activation. Finite and over 0.
    pub temperature: f32,
    /// Probability from which each label counts, in (0, 1), in label order. Empty unless `multi_label`.
    pub thresholds: Vec<f32>,
}

/// When to decline to decide. All figures lie in [0, 1].
///
/// Confidence is the calibrated probability of the primary intent. What they cost and save in coverage and accuracy
/// is measured on the development split when the model is trained.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AbstentionRules {
    /// The primary intent is trusted from here.
    pub min_primary: f32,
    /// The group is trusted from here, when the primary intent is not.
    pub min_group: f32,
    /// Two leading intents of different groups closer than this are called ambiguous rather than unsure.
    pub min_margin: f32,
    /// Out of distribution when no intent at all is more probable than this in the `intent` head.
    pub min_presence: f32,
    /// Out of distribution when a larger share of the tokens is unknown to the vocabulary.
    pub max_unknown_share: f32,
}

impl Default for AbstentionRules {
    fn default() -> Self {
        Self {
            min_primary: 0.4,
            min_group: 0.6,
            min_margin: 0.1,
            min_presence: 0.05,
            // A text that is all unknown is "▁ <unk>" for a Unigram vocabulary: exactly one half.
            max_unknown_share: 0.4,
        }
    }
}
