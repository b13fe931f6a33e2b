//! The names that a policy may use.

use std::collections::{BTreeSet, HashSet};

use crate::entities::EntityType;
use crate::labels::group_of;
use crate::taxonomy::{LabelEntry, Taxonomy, View};

/// Returns the types of entities, as policies and replies spell them.
#[must_use]
pub fn entity_types() -> [&'static str; EntityType::ALL.len()] {
    EntityType::ALL.map(EntityType::as_str)
}

/// The names that a policy may use, usually those of the taxonomy. A name that is not here is refused when a policy is
/// read, so that a slip of the finger does not become a rule that never matches.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Vocabulary {
    /// Intents, named group.leaf.
    pub intents: Vec<String>,
    /// Flags.
    pub flags: Vec<String>,
    /// Steps of the polarity scale from worst to best.
    pub polarity: Vec<String>,
    /// Compatibility views.
    pub views: Vec<String>,
    groups: Vec<String>,
    person_required: BTreeSet<String>,
}

impl Vocabulary {
    /// Makes a vocabulary; the groups are those of the intents, see [`group_of`].
    #[must_use]
    pub fn new(
        intents: Vec<String>,
        flags: Vec<String>,
        polarity: Vec<String>,
        views: Vec<String>,
    ) -> Self {
        let groups = distinct(intents.iter().map(|intent| group_of(intent)));
        Self { intents, flags, polarity, views, groups, person_required: BTreeSet::new() }
    }

    /// Collects the names of taxonomies, each once, in the order in which they come.
    #[must_use]
    pub fn of<'a>(taxonomies: impl Iterator<Item = &'a Taxonomy>) -> Self {
        let taxonomies: Vec<&Taxonomy> = taxonomies.collect();
        let all = || taxonomies.iter();
        let mut vocabulary = Self::new(
            distinct(all().flat_map(|taxonomy| taxonomy.intents()).map(LabelEntry::name)),
            distinct(all().flat_map(|taxonomy| taxonomy.flags()).map(LabelEntry::name)),
            distinct(all().flat_map(|taxonomy| taxonomy.polarity()).map(LabelEntry::name)),
            distinct(all().flat_map(|taxonomy| taxonomy.views()).map(View::name)),
        );
        vocabulary.person_required = all()
            .flat_map(|taxonomy| taxonomy.intents().chain(taxonomy.flags()))
            .filter(|label| label.person_required())
            .map(|label| label.name().to_owned())
            .collect();
        vocabulary
    }

    /// Returns the groups of the intents, in their order.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Returns every label that [calls for a person](Self::person_required).
    pub(super) fn all_person_required(&self) -> &BTreeSet<String> {
        &self.person_required
    }

    /// Tells whether a taxonomy says that this intent or flag calls for a person.
    #[must_use]
    pub fn person_required(&self, label: &str) -> bool {
        self.person_required.contains(label)
    }
}

/// Returns each name once, in the order in which they come.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
