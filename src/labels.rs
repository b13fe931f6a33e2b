//! Heads and labels: what a model can say.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Steps of the head `polarity`, lowest first. Replies and everything that reads them know these five.
pub const POLARITY_STEPS: [&str; 5] =
    ["very_negative", "negative", "neutral", "positive", "very_positive"];

/// The outputs that the service knows how to read.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadName {
    /// Which single intent leads: ranks the intents and picks the primary one.
    Primary,
    /// Which intents are present at all.
    Intent,
    /// Five steps from very negative to very positive.
    Polarity,
    /// Independent yes/no properties such as `angry`.
    Flags,
}

impl HeadName {
    /// Returns the name as manifests and replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Intent => "intent",
            Self::Polarity => "polarity",
            Self::Flags => "flags",
        }
    }
}

impl fmt::Display for HeadName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How the raw outputs of a head become probabilities.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadKind {
    /// Exactly one label holds: softmax.
    SingleLabel,
    /// Any number of labels hold: a sigmoid each.
    MultiLabel,
    /// Exactly one step of an ordered scale holds: softmax, labels from lowest to highest.
    Ordinal,
}

impl HeadKind {
    /// Returns the name as manifests and replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SingleLabel => "single_label",
            Self::MultiLabel => "multi_label",
            Self::Ordinal => "ordinal",
        }
    }
}

/// Position of a label in its [`LabelSet`], counted from 0.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LabelId(pub usize);

/// The labels of one head in the order of its outputs. Cheap to clone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LabelSet(Arc<[Box<str>]>);

impl LabelSet {
    /// Makes a set from labels in output order.
    pub fn new<S: Into<Box<str>>>(labels: impl IntoIterator<Item = S>) -> Self {
        Self(labels.into_iter().map(Into::into).collect())
    }

    /// Returns the number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the label at a position, or `None` past the end.
    #[must_use]
    pub fn get(&self, id: LabelId) -> Option<&str> {
        self.0.get(id.0).map(AsRef::as_ref)
    }

    /// Returns the labels in output order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter().map(AsRef::as_ref)
    }
}

/// Returns the group of an intent: the part of its name before the first dot, or the whole name.
#[must_use]
pub fn group_of(label: &str) -> &str {
    label.split_once('.').map_or(label, |(group, _)| group)
}

/// A label with its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoredLabel {
    /// Which label.
    pub id: LabelId,
    /// Calibrated probability in [0, 1].
    pub probability: f32,
    /// Probability from which the label counts, in [0, 1].
    pub threshold: f32,
}

impl ScoredLabel {
    /// Tells whether the label counts as present.
    #[must_use]
    pub fn above(&self) -> bool {
        self.probability >= self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_is_the_part_before_the_first_dot() {
        assert_eq!(group_of("order.status"), "order");
        assert_eq!(group_of("a.b.c"), "a");
        assert_eq!(group_of("LABEL_0"), "LABEL_0");
    }

    #[test]
    fn label_set_answers_none_past_its_end() {
        let labels = LabelSet::new(["a", "b"]);

        assert_eq!(labels.get(LabelId(1)), Some("b"));
        assert_eq!(labels.get(LabelId(2)), None);
        assert_eq!(labels.len(), 2);
    }
}
