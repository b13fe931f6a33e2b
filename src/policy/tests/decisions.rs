use std::time::Duration;

use super::super::{
    ActionType, ConfidenceTier, DecideOptions, EscalationLevel, MissingEntity, Policy, Priority,
    Routing, RuleOutcome, TagStyle,
};
use super::support::{HEAD, Known, noon, policy, vocabulary};
use crate::message::{Money, OrderState};

fn decide(policy: &Policy, intent: &str) -> Routing {
    policy.decide(&Known::default().facts(intent), DecideOptions::default())
}

#[test]
fn without_a_matching_rule_the_first_queue_and_a_person_take_the_message() {
    let policy = policy("  - { id: a, when: 'channel == \"chat\"', then: { queue: claims } }");

    let routing = decide(&policy, "return.status");

    assert_eq!(routing.queue, "general");
    assert_eq!(routing.priority, Priority::P4);
    assert_eq!(routing.service_level.name, "standard");
    assert_eq!(routing.service_level.due_at, noon() + Duration::from_secs(2 * 86_400));
    assert_eq!(routing.escalation.level, EscalationLevel::None);
    assert_eq!(routing.action.kind, ActionType::Human);
    assert_eq!(routing.action.tier, ConfidenceTier::Suggest);
    assert!(routing.matched_rules.is_empty() && routing.trace.is_empty());
    assert_eq!(routing.policy, "test");
}

#[test]
fn the_first_queue_wins_and_later_ones_become_alternatives_before_its_own() {
    let rules = r#"
  - { id: a, when: "true", then: { queue: orders, skills: [french] } }
  - { id: b, when: "true", then: { queue: claims, skills: [orders, phone] } }
  - { id: c, when: "true", then: { queue: orders } }"#;

    let routing = decide(&policy(rules), "order.status");

    assert_eq!(routing.queue, "orders");
    assert_eq!(routing.alternatives, ["claims", "general"]);
    assert_eq!(routing.skills, ["orders", "french", "phone"]);
    assert_eq!(routing.matched_rules, ["a", "b", "c"]);
}

#[test]
fn points_add_up_and_the_most_urgent_floor_raises_the_priority() {
    let rules = r#"
  - { id: a, when: "true", then: { points: 30 } }
  - { id: b, when: "true", then: { points: { reason: "late parcel", points: 25 } } }
  - { id: c, when: "true", then: { points: -4 } }"#;
    let floors = r#"
  - { id: d, when: "true", then: { at_least: P3 } }
  - { id: e, when: "true", then: { at_least: P1 } }"#;

    let by_score = decide(&policy(rules), "order.status");
    let raised = decide(&policy(&format!("{rules}{floors}")), "order.status");

    assert_eq!((by_score.score, by_score.priority), (51, Priority::P2));
    let reasons: Vec<_> =
        by_score.contributions.iter().map(|part| (part.reason.as_str(), part.points)).collect();
    assert_eq!(reasons, [("a", 30), ("late parcel", 25), ("c", -4)]);
    assert_eq!(by_score.raised_by, None);
    assert_eq!((raised.score, raised.priority), (51, Priority::P1));
    assert_eq!(raised.raised_by.as_deref(), Some("e"));
    assert_eq!(raised.service_level.first_response, Duration::from_secs(3_600));
}

#[test]
fn a_floor_below_the_score_changes_nothing() {
    let rules = r#"
  - { id: a, when: "true", then: { points: 90, at_least: P3 } }"#;

    let routing = decide(&policy(rules), "order.status");

    assert_eq!((routing.priority, routing.raised_by), (Priority::P1, None));
}

#[test]
fn the_first_service_level_wins() {
    let rules = r#"
  - { id: a, when: "true", then: { service_level: live } }
  - { id: b, when: "true", then: { service_level: standard } }"#;

    let routing = decide(&policy(rules), "order.status");

    assert_eq!(routing.service_level.name, "live");
    assert_eq!(routing.service_level.due_at, noon() + Duration::from_secs(300));
}

#[test]
fn the_most_severe_escalation_wins_and_all_give_their_reasons() {
    let rules = r#"
  - { id: a, when: "true", then: { escalation: RETENTION } }
  - { id: b, when: "true", description: "Threat of a lawsuit", then: { escalation: LEGAL } }
  - { id: c, when: "true", then: { escalation: SUPERVISOR } }
  - { id: d, when: "true", then: { escalation: NONE } }"#;

    let escalation = decide(&policy(rules), "order.status").escalation;

    assert_eq!(escalation.level, EscalationLevel::Legal);
    assert_eq!(escalation.reasons, ["Threat of a lawsuit", "c", "a"]);
}

#[test]
fn escalation_levels_stand_in_the_order_of_their_severity() {
    let words = EscalationLevel::ALL.map(EscalationLevel::as_str);

    assert_eq!(
        words,
        ["NONE", "SENIOR", "RETENTION", "SUPERVISOR", "PRIVACY", "FRAUD", "LEGAL", "SAFETY"]
    );
    assert!(EscalationLevel::ALL.is_sorted());
}

#[test]
fn the_first_action_wins_and_speaks_the_language_of_the_message() {
    let rules = r#"
  - { id: a, when: "true", then: { action: { type: MACRO, macro: ask-number } } }
  - { id: b, when: "true", then: { action: { type: AUTO_CLOSE } } }"#;
    let (policy, known) = (policy(rules), Known::default());
    let macro_in = |language| {
        let mut facts = known.facts("order.status");
        facts.language = language;
        let action = policy.decide(&facts, DecideOptions::default()).action;
        (action.kind, action.macro_id)
    };

    assert_eq!(macro_in("de"), (ActionType::Macro, Some("macro-de".to_owned())));
    assert_eq!(macro_in("tr"), (ActionType::Macro, Some("macro-en".to_owned())));
}

#[test]
fn the_probability_of_the_primary_intent_decides_how_much_runs_by_itself() {
    let rules = r#"
  - { id: a, when: '"urgent" in flags', then: { action: { type: SELF_SERVICE, flow: track, auto_at: 0.99, suggest_at: 0.95 } } }
  - { id: b, when: "true", then: { action: { type: SELF_SERVICE, flow: return } } }"#;
    let (policy, known) = (policy(rules), Known::default());
    let tier = |probability, urgent: bool| {
        let mut facts = known.facts("order.status");
        facts.primary_probability = probability;
        facts.flags = if urgent { vec!["urgent"] } else { vec![] };
        policy.decide(&facts, DecideOptions::default()).action.tier
    };

    assert_eq!(tier(0.9, false), ConfidenceTier::Auto);
    assert_eq!(tier(0.89, false), ConfidenceTier::Suggest);
    assert_eq!(tier(0.59, false), ConfidenceTier::Review);
    assert_eq!(tier(f64::NAN, false), ConfidenceTier::Review);
    assert_eq!(tier(0.98, true), ConfidenceTier::Suggest, "stricter than the default");
    assert_eq!(tier(0.94, true), ConfidenceTier::Review);
}

#[test]
fn stop_ends_the_evaluation() {
    let rules = r#"
  - { id: a, when: 'primary == "order.status"', then: { tags: [one] }, stop: true }
  - { id: b, when: "true", then: { tags: [two] } }"#;
    let policy = policy(rules);

    assert_eq!(decide(&policy, "order.status").matched_rules, ["a"]);
    assert_eq!(decide(&policy, "order.cancel").matched_rules, ["b"]);
}

#[test]
fn tags_are_styled_prefixed_and_given_once() {
    let yaml = format!(
        "{}rules:\n  - {{ id: a, when: 'true', then: {{ tags: [Late.parcel, urgent] }} }}\n",
        HEAD.replace("prefix: \"\"", "prefix: \"sb-\"")
            .replace("polarity]", "polarity, groups, language]")
    );
    let policy = Policy::parse(&yaml, "p.yaml", &vocabulary()).unwrap();
    let known = Known::default();
    let mut facts = known.facts("support.human_agent");
    facts.flags = vec!["urgent"];
    facts.mood.label = "negative";
    let tags = |style| {
        policy.decide(&facts, DecideOptions { tag_style: style, ..Default::default() }).tags
    };

    assert_eq!(
        tags(None),
        [
            "sb-support.human_agent",
            "sb-urgent",
            "sb-negative",
            "sb-support",
            "sb-en",
            "sb-Late.parcel"
        ]
    );
    assert_eq!(tags(Some(TagStyle::Kebab))[0], "sb-support-human-agent");
    assert_eq!(tags(Some(TagStyle::Snake))[0], "sb-support_human_agent");
    assert_eq!(tags(Some(TagStyle::Slash))[0], "sb-support/human_agent");
    assert_eq!(tags(Some(TagStyle::Slash))[5], "sb-Late.parcel", "rules write as they like");
}

#[test]
fn missing_entities_are_told_intent_by_intent() {
    let rules = r#"
  - { id: ask, when: '"email" in missing_entities', then: { tags: [ask] } }"#;
    let (policy, known) = (policy(rules), Known::default());
    let mut facts = known.facts("order.cancel");
    facts.intents = vec!["order.cancel", "order.status"];
    let missing = |intent: &str, any_of: &[&str]| MissingEntity {
        intent: intent.to_owned(),
        any_of: any_of.iter().map(|kind| kind.parse().unwrap()).collect(),
    };

    let nothing_found = policy.decide(&facts, DecideOptions::default());
    facts.entities = vec!["order_number"];
    let number_found = policy.decide(&facts, DecideOptions::default());
    facts.entities = vec!["tracking_number", "email"];
    let others_found = policy.decide(&facts, DecideOptions::default());

    assert_eq!(
        nothing_found.missing_entities,
        [
            missing("order.cancel", &["order_number"]),
            missing("order.cancel", &["email"]),
            missing("order.status", &["order_number", "tracking_number"]),
        ]
    );
    assert_eq!(number_found.missing_entities, [missing("order.cancel", &["email"])]);
    assert_eq!(number_found.matched_rules, ["ask"]);
    assert_eq!(others_found.missing_entities, [missing("order.cancel", &["order_number"])]);
    assert!(others_found.matched_rules.is_empty());
}

#[test]
fn an_explanation_names_every_term_that_was_looked_at() {
    let rules = r#"
  - { id: a, when: 'polarity.score < -0.3 && "angry" in flags && channel == "chat"', then: { tags: [a] } }
  - { id: b, when: '!has(order.value) || order.value > 100.0', then: { tags: [b] }, stop: true }
  - { id: c, when: 'thread.length * 9223372036854775807 > 0', then: { tags: [c] } }"#;
    let (policy, mut known) = (policy(rules), Known::default());
    known.order.value = Some(Money { currency_code: "EUR".to_owned(), amount_micros: 120_500_000 });
    let mut facts = known.facts("order.status");
    facts.mood.score = -0.42;
    facts.thread.length = 2;
    let explain = DecideOptions { explain: true, ..Default::default() };

    let first = policy.decide(&facts, explain).trace;
    known.order.value = Some(Money { currency_code: "EUR".to_owned(), amount_micros: 1_000_000 });
    let mut facts = known.facts("order.status");
    facts.thread.length = 2;
    let second = policy.decide(&facts, explain).trace;

    let terms = |index: usize| -> Vec<_> {
        let terms = first[index].terms.iter();
        terms.map(|t| (t.expression.as_str(), t.value.as_str(), t.result)).collect()
    };
    assert_eq!(first[0].outcome, RuleOutcome::NotMatched);
    assert_eq!(
        terms(0),
        [("polarity.score < -0.3", "-0.42", true), ("\"angry\" in flags", "[]", false)]
    );
    assert_eq!(first[1].outcome, RuleOutcome::Matched);
    assert_eq!(
        terms(1),
        [("has(order.value)", "known", true), ("order.value > 100.0", "120.5", true)]
    );
    assert_eq!(first[2].outcome, RuleOutcome::NotReached);
    assert!(first[2].terms.is_empty());
    assert_eq!(second[2].outcome, RuleOutcome::Failed);
    assert_eq!(second[2].terms[0].value, "a whole number became too large");
}

#[test]
fn explaining_changes_nothing_else() {
    let rules = r#"
  - { id: a, when: 'primary == "order.status"', then: { points: 7, queue: orders }, stop: true }
  - { id: b, when: "true", then: { queue: claims } }"#;
    let (policy, known) = (policy(rules), Known::default());
    let facts = known.facts("order.status");

    let plain = policy.decide(&facts, DecideOptions::default());
    let mut explained =
        policy.decide(&facts, DecideOptions { explain: true, ..Default::default() });

    assert_eq!(explained.trace.len(), 2);
    explained.trace.clear();
    assert_eq!(plain, explained);
}

#[test]
fn days_late_are_rounded_down() {
    let rules = r#"
  - { id: late, when: "has(order.days_late) && order.days_late >= 1", then: { tags: [late] } }
  - { id: due, when: "has(order.days_late) && order.days_late == 0", then: { tags: [due] } }
  - { id: early, when: "has(order.days_late) && order.days_late == -1", then: { tags: [early] } }"#;
    let policy = policy(rules);
    let matched = |hours: Option<i64>| {
        let mut known = Known::default();
        known.order.state = OrderState::Shipped;
        known.order.promised_by = hours.map(|hours| {
            let distance = Duration::from_secs(hours.unsigned_abs() * 3_600);
            if hours < 0 { noon() + distance } else { noon() - distance }
        });
        let routing = policy.decide(&known.facts("order.status"), DecideOptions::default());
        routing.matched_rules
    };

    assert_eq!(matched(Some(25)), ["late"]);
    assert_eq!(matched(Some(12)), ["due"]);
    assert_eq!(matched(Some(-12)), ["early"]);
    assert!(matched(None).is_empty());
}

#[test]
fn the_digest_follows_the_bytes_of_the_file() {
    let one = policy("  - { id: a, when: 'true', then: { points: 1 } }");
    let two = policy("  - { id: a, when: 'true', then: { points: 2 } }");

    assert!(one.digest().starts_with("sha256:") && one.digest().len() == 7 + 64);
    assert_ne!(one.digest(), two.digest());
    assert_eq!(one.views(), ["zendesk"]);
    assert_eq!(one.queues().collect::<Vec<_>>(), ["general", "orders", "claims"]);
}
