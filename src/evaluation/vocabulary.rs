//! What a model can say, as its answers are judged: labels, groups, thresholds.

use crate::labels::{HeadName, LabelId, LabelSet, group_of};
use crate::model::manifest::Manifest;
use crate::scoring::Scorer;

/// The intent that a shop can't serve.
pub const OUT_OF_SCOPE: &str = "other.out_of_scope";

/// Intents that leave a shop nothing to do.
pub const NOTHING_TO_SERVE: [&str; 3] = [OUT_OF_SCOPE, "system.spam", "system.no_reply"];

/// Labels of one model in the order of its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// Intents.
    pub intents: LabelSet,
    /// Flags; empty if the model has no such head.
    pub flags: LabelSet,
    /// Whether the model tells the mood.
    pub has_polarity: bool,
    /// Probability from which each intent counts as present.
    pub intent_thresholds: Vec<f32>,
    /// Probability from which each flag is raised.
    pub flag_thresholds: Vec<f32>,
    /// Names of the groups in the order in which they first occur.
    pub groups: Vec<String>,
    /// Position in `groups` for each intent.
    group_of_intent: Vec<usize>,
}

impl Vocabulary {
    /// Reads off what a model can say.
    #[must_use]
    pub fn of(manifest: &Manifest, scorer: &Scorer) -> Self {
        let intents = scorer.intents().clone();
        let none = || LabelSet::new::<&str>([]);
        let flags = scorer.labels(HeadName::Flags).cloned().unwrap_or_else(none);
        let thresholds = |head, labels: &LabelSet| {
            (0..labels.len()).map(|index| scorer.threshold(head, LabelId(index))).collect()
        };
        let (groups, group_of_intent) = groups(&intents);
        Self {
            intent_thresholds: thresholds(HeadName::Intent, &intents),
            flag_thresholds: thresholds(HeadName::Flags, &flags),
            has_polarity: manifest.head(HeadName::Polarity).is_some(),
            groups,
            group_of_intent,
            intents,
            flags,
        }
    }

    /// Returns the position of an intent by its name.
    #[must_use]
    pub fn intent(&self, name: &str) -> Option<LabelId> {
        self.intents.iter().position(|label| label == name).map(LabelId)
    }

    /// Returns the position of a flag by its name.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<LabelId> {
        self.flags.iter().position(|label| label == name).map(LabelId)
    }

    /// Returns the name of an intent; empty past the end.
    #[must_use]
    pub fn intent_name(&self, intent: LabelId) -> &str {
        self.intents.get(intent).unwrap_or_default()
    }

    /// Returns the position of an intent's group; 0 past the end.
    #[must_use]
    pub fn group(&self, intent: LabelId) -> usize {
        self.group_of_intent.get(intent.0).copied().unwrap_or_default()
    }

    /// Says in what another vocabulary names other labels, or the same ones in another order; `None` if in nothing.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let heads =
            [("intents", &self.intents, &other.intents), ("flags", &self.flags, &other.flags)];
        heads.into_iter().find_map(|(kind, own, others)| {
            let missing = |from: &LabelSet, label: &str| !from.iter().any(|known| known == label);
            let only_own = own.iter().find(|label| missing(others, label));
            let only_other = others.iter().find(|label| missing(own, label));
            match (only_own, only_other) {
                (Some(label), _) => Some(format!("only the first has {label:?} among its {kind}")),
                (None, Some(label)) => {
                    Some(format!("only the second has {label:?} among its {kind}"))
                }
                (None, None) if own != others => {
                    Some(format!("their {kind} stand in another order"))
                }
                (None, None) => None,
            }
        })
    }
}

/// Names of groups, and the position of each label's.
fn groups(intents: &LabelSet) -> (Vec<String>, Vec<usize>) {
    let mut names: Vec<String> = Vec::new();
    let positions = intents
        .iter()
        .map(|label| {
            let group = group_of(label);
            names.iter().position(|name| name == group).unwrap_or_else(|| {
                names.push(group.to_owned());
                names.len() - 1
            })
        })
        .collect();
    (names, positions)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A vocabulary with these labels and a threshold of one half for each.
    pub(crate) fn vocabulary(intents: &[&str], flags: &[&str]) -> Vocabulary {
        let intents = LabelSet::new(intents.iter().copied());
        let (groups, group_of_intent) = groups(&intents);
        Vocabulary {
            intent_thresholds: vec![0.5; intents.len()],
            flag_thresholds: vec![0.5; flags.len()],
            has_polarity: true,
            groups,
            group_of_intent,
            intents,
            flags: LabelSet::new(flags.iter().copied()),
        }
    }

    #[test]
    fn groups_keep_the_order_of_the_labels() {
        let vocabulary = vocabulary(&["order.status", "return.request", "order.cancel"], &[]);

        assert_eq!(vocabulary.groups, ["order", "return"]);
        assert_eq!(vocabulary.group(LabelId(2)), 0);
        assert_eq!(vocabulary.intent("return.request"), Some(LabelId(1)));
    }

    #[test]
    fn difference_names_the_label_or_the_order() {
        let one = vocabulary(&["a", "b"], &["x"]);

        assert_eq!(one.difference(&one), None);
        let other = one.difference(&vocabulary(&["a", "c"], &["x"])).unwrap();
        assert!(other.contains("only the first has \"b\""), "{other}");
        let more = one.difference(&vocabulary(&["a", "b"], &["x", "y"])).unwrap();
        assert!(more.contains("only the second has \"y\" among its flags"), "{more}");
        let order = one.difference(&vocabulary(&["b", "a"], &["x"])).unwrap();
        assert!(order.contains("another order"), "{order}");
    }
}
