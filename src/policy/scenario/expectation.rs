//! What a scenario expects, and how a decision differs from it.

use super::super::reading::{choice, lines};
use super::super::routing::{
    ActionType, ConfidenceTier, EscalationLevel, MissingEntity, Priority, Routing,
};
use crate::yaml::{Faults, Fields, Node};

/// What should come out. Only what is there is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// Queue.
    pub queue: Option<String>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Kind of action.
    pub action: Option<ActionType>,
    /// Flow; empty for none.
    pub flow: Option<String>,
    /// Tier of the action.
    pub tier: Option<ConfidenceTier>,
    /// Id of the macro; empty for none.
    pub macro_id: Option<String>,
    /// Level of escalation.
    pub escalation: Option<EscalationLevel>,
    /// Name of the service level.
    pub service_level: Option<String>,
    /// Tags that must be among those of the decision.
    pub tags: Vec<String>,
    /// Tags that must not be.
    pub no_tags: Vec<String>,
    /// Skills that must be among those of the decision.
    pub skills: Vec<String>,
    /// Rules that must have matched.
    pub rules: Vec<String>,
    /// Rules that must not have matched.
    pub no_rules: Vec<String>,
    /// Everything that must be missing, each a type of entity or several joined by `|`.
    pub missing_entities: Option<Vec<String>>,
}

pub(super) fn read(node: &Node, faults: &mut Faults) -> Option<Expectation> {
    let mut fields = Fields::of(node, faults)?;
    let mut text = |name, faults: &mut Faults| {
        let node = fields.optional(name)?;
        node.text(faults).map(str::to_owned)
    };
    let queue = text("queue", faults);
    let flow = text("flow", faults);
    let macro_id = text("macro", faults);
    let service_level = text("service_level", faults);
    let priority = fields
        .optional("priority")
        .and_then(|node| choice(node, &Priority::ALL, Priority::as_str, faults));
    let action = fields
        .optional("action")
        .and_then(|node| choice(node, &ActionType::ALL, ActionType::as_str, faults));
    let tier = fields
        .optional("tier")
        .and_then(|node| choice(node, &ConfidenceTier::ALL, ConfidenceTier::as_str, faults));
    let escalation = fields
        .optional("escalation")
        .and_then(|node| choice(node, &EscalationLevel::ALL, EscalationLevel::as_str, faults));
    let missing = fields.optional("missing_entities");
    let expectation = Expectation {
        queue,
        priority,
        action,
        flow,
        tier,
        macro_id,
        escalation,
        service_level,
        tags: lines(fields.optional("tags"), faults),
        no_tags: lines(fields.optional("no_tags"), faults),
        skills: lines(fields.optional("skills"), faults),
        rules: lines(fields.optional("rules"), faults),
        no_rules: lines(fields.optional("no_rules"), faults),
        missing_entities: missing.map(|node| lines(Some(node), faults)),
    };
    fields.finish(faults);
    if expectation == Expectation::default() && faults.is_empty() {
        faults.add(node.position, "the scenario expects nothing");
    }
    Some(expectation)
}

impl Expectation {
    /// Returns in words where a decision differs from what is expected; nothing if it does not.
    #[must_use]
    pub fn differences(&self, routing: &Routing) -> Vec<String> {
        let mut differences = Vec::new();
        let action = &routing.action;
        let mut same = |what: &str, expected: Option<&str>, found: &str| {
            if let Some(expected) = expected
                && expected != found
            {
                differences.push(format!(
                    "{what}: expected {}, got {}",
                    shown(expected),
                    shown(found)
                ));
            }
        };
        same("queue", self.queue.as_deref(), &routing.queue);
        same("priority", self.priority.map(Priority::as_str), routing.priority.as_str());
        same("action", self.action.map(ActionType::as_str), action.kind.as_str());
        same("flow", self.flow.as_deref(), action.flow.as_deref().unwrap_or_default());
        same("tier", self.tier.map(ConfidenceTier::as_str), action.tier.as_str());
        same("macro", self.macro_id.as_deref(), action.macro_id.as_deref().unwrap_or_default());
        let level = routing.escalation.level.as_str();
        same("escalation", self.escalation.map(EscalationLevel::as_str), level);
        same("service_level", self.service_level.as_deref(), &routing.service_level.name);
        let lists = [
            ("tags", &self.tags, &routing.tags, true),
            ("no_tags", &self.no_tags, &routing.tags, false),
            ("skills", &self.skills, &routing.skills, true),
            ("rules", &self.rules, &routing.matched_rules, true),
            ("no_rules", &self.no_rules, &routing.matched_rules, false),
        ];
        for (what, expected, found, present) in lists {
            let wrong = expected.iter().filter(|name| found.contains(name) != present);
            let wrong: Vec<&str> = wrong.map(String::as_str).collect();
            if !wrong.is_empty() {
                let verb = if present { "lacks" } else { "has" };
                let (wrong, found) = (wrong.join(", "), shown(&found.join(", ")));
                differences.push(format!("{what}: the decision {verb} {wrong}; it has {found}"));
            }
        }
        differences.extend(self.missing_difference(&routing.missing_entities));
        differences
    }

    fn missing_difference(&self, missing: &[MissingEntity]) -> Option<String> {
        let expected = self.missing_entities.as_ref()?;
        let fits = |wanted: &String, missing: &MissingEntity| {
            let one_of = |kind: &str| missing.any_of.iter().any(|known| known.as_str() == kind);
            wanted.split('|').all(|kind| one_of(kind.trim()))
        };
        let all_expected = missing.iter().all(|missing| expected.iter().any(|e| fits(e, missing)));
        let all_missing = expected.iter().all(|e| missing.iter().any(|missing| fits(e, missing)));
        if all_expected && all_missing {
            return None;
        }
        let joined = |missing: &MissingEntity| {
            let kinds: Vec<&str> = missing.any_of.iter().map(|kind| kind.as_str()).collect();
            kinds.join("|")
        };
        let found: Vec<String> = missing.iter().map(joined).collect();
        let (expected, found) = (shown(&expected.join(", ")), shown(&found.join(", ")));
        Some(format!("missing_entities: expected {expected}, got {found}"))
    }
}

fn shown(text: &str) -> String {
    if text.is_empty() { "nothing".to_owned() } else { text.to_owned() }
}
