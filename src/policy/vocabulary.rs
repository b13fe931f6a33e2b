//! The names that a policy may use.

use crate::entities::EntityType;
use crate::labels::group_of;
use crate::taxonomy::Taxonomy;

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
        let mut groups: Vec<String> = Vec::new();
        for intent in &intents {
            let group = group_of(intent);
            if !groups.iter().any(|known| known == group) {
                groups.push(group.to_owned());
            }
        }
        Self { intents, flags, polarity, views, groups }
    }

    /// Returns the groups of the intents, in their order.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }
}

impl From<&Taxonomy> for Vocabulary {
    fn from(taxonomy: &Taxonomy) -> Self {
        Self::new(
            taxonomy.intents().map(|label| label.name().to_owned()).collect(),
            taxonomy.flags().map(|label| label.name().to_owned()).collect(),
            taxonomy.polarity().map(|label| label.name().to_owned()).collect(),
            taxonomy.views().map(|view| view.name().to_owned()).collect(),
        )
    }
}
