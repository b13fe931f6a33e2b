//! What should happen to a message: queue, priority, times, escalation, action and tags.
//!
//! A [`Policy`] is read from YAML once. Its rules have conditions in a part of CEL over what is known about a message, the
//! [`Facts`]; docs/policy.md describes both. Reading refuses whatever cannot be meant, all of it at once, so that deciding
//! cannot fail; it takes some microseconds and does no input or output. Above the rules stands a safety floor in code: for an angry
//! or threatening customer, a risk to safety, a wish for a person, or a model that is not sure or cannot tell these, nothing
//! runs without a person.

mod check;
mod condition;
mod decision;
mod evaluate;
mod expression;
mod facts;
mod file;
mod floor;
mod reach;
mod reading;
mod routing;
mod rule;
pub mod scenario;
mod trace;
mod variables;
mod vocabulary;

use sha2::{Digest, Sha256};

use crate::yaml::{self, Faults};

pub use crate::message::TagStyle;
pub use decision::DecideOptions;
pub use facts::{Conversation, Facts, Mood, MoodTrend, Predicted, PredictedLabel, Received};
pub use floor::calls_for_person;
pub use routing::{
    Action, ActionType, ConfidenceTier, Contribution, Escalation, EscalationLevel, MissingEntity,
    Priority, Routing, RuleOutcome, RuleTrace, ServiceLevel, TermTrace,
};
pub use vocabulary::{Vocabulary, entity_types};

use rule::{Rule, Settings};

/// Everything that is wrong with the file of a policy, each with line and column.
pub type PolicyErrors = Faults;

/// A policy that was read and checked.
#[derive(Clone, Debug)]
pub struct Policy {
    digest: String,
    settings: Settings,
    rules: Vec<Rule>,
}

impl Policy {
    /// Reads a policy. `origin` names the file in errors, and the policy may use the names of `vocabulary`.
    ///
    /// # Errors
    /// Everything that is wrong, with line and column: no YAML, unknown fields and names, conditions that are malformed, of
    /// wrong types, or can never hold, and the like.
    pub fn parse(yaml: &str, origin: &str, vocabulary: &Vocabulary) -> Result<Self, PolicyErrors> {
        let root = yaml::parse(yaml, origin)?;
        let (settings, rules) = file::read(&root, yaml, vocabulary, Faults::new(origin))?;
        let digest = Sha256::digest(yaml.as_bytes());
        Ok(Self { digest: format!("sha256:{digest:x}"), settings, rules })
    }

    /// Decides about a message. The same facts always give the same decision.
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>, options: DecideOptions) -> Routing {
        decision::decide(self, facts, options)
    }

    /// Returns what is required for intents that are present and not among the types of entities that were found.
    #[must_use]
    pub fn missing_entities(&self, intents: &[&str], entities: &[&str]) -> Vec<MissingEntity> {
        let mut missing = Vec::new();
        for intent in intents {
            let required = self.settings.required.iter().filter(|entry| entry.intent == *intent);
            for group in required.flat_map(|entry| &entry.groups) {
                if !group.iter().any(|kind| entities.contains(&kind.as_str())) {
                    let (intent, any_of) = ((*intent).to_owned(), group.clone());
                    missing.push(MissingEntity { intent, any_of });
                }
            }
        }
        missing
    }

    /// Returns the name of the policy.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Returns the digest of the file: "sha256:" and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the compatibility views that every reply of this policy carries.
    #[must_use]
    pub fn views(&self) -> &[String] {
        &self.settings.views
    }

    /// Returns the ids of the rules in their order.
    pub fn rule_ids(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.id.as_str())
    }

    /// Returns the names of the queues; the first one takes what no rule places.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        self.settings.queues.iter().map(|queue| queue.name.as_str())
    }
}

#[cfg(test)]
pub(in crate::policy) mod tests;
