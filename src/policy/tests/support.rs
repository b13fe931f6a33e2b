//! A vocabulary, a policy and facts for tests.

use std::time::{Duration, SystemTime};

use super::super::{Facts, Policy, Vocabulary};
use crate::message::{Customer, Order};
use crate::scoring::AbstainReason;

/// The first half of a policy: everything but the rules.
pub(in crate::policy) const HEAD: &str = r#"format: 1
name: test
tags: { style: dotted, prefix: "", automatic: [intents, flags, polarity] }
views: [zendesk]
queues:
  general: { description: "Everything else" }
  orders: { skills: [orders], alternatives: [general] }
  claims: { alternatives: [orders, general] }
priority:
  levels: { P1: 80, P2: 50, P3: 20 }
service_levels:
  standard:
    P1: { first_response: 1h, resolution: 8h }
    P2: { first_response: 4h, resolution: 1d }
    P3: { first_response: 1d, resolution: 3d }
    P4: { first_response: 2d, resolution: 5d }
  live:
    P1: { first_response: 2m, resolution: 1h }
    P2: { first_response: 2m, resolution: 1h }
    P3: { first_response: 5m, resolution: 1h }
    P4: { first_response: 5m, resolution: 1h }
default_service_level: standard
confidence: { auto: 0.9, suggest: 0.6 }
flows: [track, return]
macros:
  ask-number: { en: macro-en, de: macro-de, default: en }
  thanks: macro-thanks
required_entities:
  order.status: ["order_number|tracking_number"]
  order.cancel: [order_number, email]
"#;

pub(in crate::policy) fn vocabulary() -> Vocabulary {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Vocabulary::new(
        list(&[
            "order.status",
            "order.cancel",
            "return.request",
            "return.status",
            "support.human_agent",
            "other.out_of_scope",
        ]),
        list(&["angry", "urgent", "threat_legal", "threat_public", "safety_risk", "confused"]),
        list(&["very_negative", "negative", "neutral", "positive", "very_positive"]),
        list(&["zendesk", "gorgias"]),
    )
}

/// Reads a policy with these rules, indented as in a list.
pub(in crate::policy) fn policy(rules: &str) -> Policy {
    match read(rules) {
        Ok(policy) => policy,
        Err(errors) => panic!("{errors}"),
    }
}

/// Reads a policy with these rules, or gives its faults, one a line.
pub(in crate::policy) fn read(rules: &str) -> Result<Policy, String> {
    let yaml = format!("{HEAD}rules:\n{rules}\n");
    Policy::parse(&yaml, "p.yaml", &vocabulary()).map_err(|errors| errors.to_string())
}

/// Line of the file on which the rules begin.
pub(in crate::policy) fn first_line() -> usize {
    HEAD.lines().count() + 2
}

/// Every value of `abstain_reason`; the first stands for none.
pub(in crate::policy) fn abstain_reasons() -> [&'static str; 6] {
    let [a, b, c, d, e] = AbstainReason::ALL.map(AbstainReason::as_str);
    ["", a, b, c, d, e]
}

pub(in crate::policy) fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(20_000 * 86_400 + 43_200)
}

/// Where a fact's customer and order live.
#[derive(Default)]
pub(in crate::policy) struct Known {
    pub(in crate::policy) customer: Customer,
    pub(in crate::policy) order: Order,
}

impl Known {
    /// Facts about a calm message with one sure intent.
    pub(in crate::policy) fn facts<'a>(&'a self, intent: &'a str) -> Facts<'a> {
        let mut facts = Facts::new(&self.customer, &self.order, noon());
        facts.primary = intent;
        facts.primary_group = crate::labels::group_of(intent);
        facts.primary_probability = 0.97;
        facts.intents = vec![intent];
        facts.groups = vec![facts.primary_group];
        facts.probabilities = vec![(intent, 0.97)];
        facts.language = "en";
        facts.tells_person_required = true;
        facts
    }
}
