//! Whether a taxonomy knows every label of a model.

use std::collections::HashSet;
use std::fmt;

use super::{LabelEntry, Taxonomy};
use crate::labels::{HeadName, LabelSet};
use crate::suggestion::closest;
use crate::yaml::quoted;

/// Labels of a head for which a suggestion is looked for; a model may have very many.
const MAX_SUGGESTIONS: usize = 100;

/// A head of a model and its labels.
pub type Offered<'a> = (HeadName, &'a LabelSet);

/// A label that the taxonomy does not know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UncoveredLabel {
    /// The label.
    pub label: String,
    /// A label of the taxonomy that may be meant.
    pub suggestion: Option<String>,
}

/// The labels of one head that the taxonomy does not know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UncoveredHead {
    /// The head.
    pub head: HeadName,
    /// Its labels in the order of its outputs; at least one.
    pub labels: Vec<UncoveredLabel>,
}

/// A model has labels that the taxonomy does not know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UncoveredLabels {
    /// Where the taxonomy comes from.
    pub origin: String,
    /// The heads with such labels; at least one.
    pub heads: Vec<UncoveredHead>,
}

impl fmt::Display for UncoveredLabels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the taxonomy ({}) does not know all labels of the model:", self.origin)?;
        for (index, UncoveredHead { head, labels }) in self.heads.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            write!(formatter, "{separator} head {head}:")?;
            for (index, UncoveredLabel { label, suggestion }) in labels.iter().enumerate() {
                let separator = if index == 0 { "" } else { "," };
                write!(formatter, "{separator} {}", quoted(label))?;
                if let Some(suggestion) = suggestion {
                    write!(formatter, " (did you mean {suggestion:?}?)")?;
                }
            }
        }
        formatter.write_str(
            "; correct the labels, add them to the taxonomy, or put a taxonomy.yaml of its own into the model's directory",
        )
    }
}

impl std::error::Error for UncoveredLabels {}

impl Taxonomy {
    /// Checks that every label of a model is known: those of the heads `primary` and `intent` among the intents, those of
    /// `flags` among the flags, those of `polarity` among its steps. The taxonomy may know more.
    ///
    /// # Errors
    /// [`UncoveredLabels`] with every label that is not known.
    pub fn covers(&self, offered: &[Offered<'_>]) -> Result<(), UncoveredLabels> {
        let mut heads = Vec::new();
        for (head, labels) in offered {
            let known: HashSet<_> = self.entries(*head).iter().map(LabelEntry::name).collect();
            let unknown = labels.iter().filter(|label| !known.contains(label));
            let labels: Vec<_> = unknown
                .enumerate()
                .map(|(index, label)| self.uncovered(*head, label, index < MAX_SUGGESTIONS))
                .collect();
            if !labels.is_empty() {
                heads.push(UncoveredHead { head: *head, labels });
            }
        }
        if heads.is_empty() {
            return Ok(());
        }
        Err(UncoveredLabels { origin: self.origin.clone(), heads })
    }

    /// Tells whether any label of a model is known, or differs from a known one by separators or case alone.
    pub(super) fn resembles(&self, offered: &[Offered<'_>]) -> bool {
        offered.iter().any(|(head, labels)| {
            let known: HashSet<_> =
                self.entries(*head).iter().map(|entry| folded(&entry.name)).collect();
            labels.iter().any(|label| known.contains(&folded(label)))
        })
    }

    fn entries(&self, head: HeadName) -> &[LabelEntry] {
        match head {
            HeadName::Primary | HeadName::Intent => &self.parts.intents,
            HeadName::Flags => &self.parts.flags,
            HeadName::Polarity => &self.parts.polarity,
        }
    }

    fn uncovered(&self, head: HeadName, label: &str, suggest: bool) -> UncoveredLabel {
        let entries = if suggest { self.entries(head) } else { &[] };
        let alias = folded(label).replace('.', "-");
        let meant = entries.iter().find(|entry| entry.aliases.contains(&alias));
        let suggestion = meant
            .map(LabelEntry::name)
            .or_else(|| closest(label, entries.iter().map(LabelEntry::name)));
        UncoveredLabel { label: label.to_owned(), suggestion: suggestion.map(str::to_owned) }
    }
}

/// Returns a label in lower case with `.` for every separator.
fn folded(label: &str) -> String {
    label.to_lowercase().replace(['_', '-', '/', ' ', ':'], ".")
}

/// Returns the intents and flags that a model offers, each once, in the order of its outputs.
pub(super) fn distinct_labels<'a>(offered: &[Offered<'a>]) -> (Vec<&'a str>, Vec<&'a str>) {
    let (mut intents, mut flags) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (head, labels) in offered {
        let (list, is_flag) = match head {
            HeadName::Primary | HeadName::Intent => (&mut intents, false),
            HeadName::Flags => (&mut flags, true),
            HeadName::Polarity => continue,
        };
        list.extend(labels.iter().filter(|label| seen.insert((is_flag, *label))));
    }
    (intents, flags)
}

#[cfg(test)]
mod tests;
