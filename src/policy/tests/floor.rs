use proptest::prelude::*;

use super::super::{ActionType, ConfidenceTier, DecideOptions, Facts, Policy, Routing};
use super::support::{Known, abstain_reasons, policy, vocabulary};

/// What a policy can say about an action of a type, as YAML.
fn action(kind: ActionType) -> &'static str {
    match kind {
        ActionType::AutoReply => "{ type: AUTO_REPLY, macro: thanks, auto_at: 0, suggest_at: 0 }",
        ActionType::SelfService => {
            "{ type: SELF_SERVICE, flow: track, macro: thanks, auto_at: 0, suggest_at: 0 }"
        }
        ActionType::Macro => "{ type: MACRO, macro: thanks, auto_at: 0, suggest_at: 0 }",
        ActionType::Suggest => "{ type: SUGGEST, macro: thanks, auto_at: 0, suggest_at: 0 }",
        ActionType::Human => "{ type: HUMAN, macro: thanks, auto_at: 0, suggest_at: 0 }",
        ActionType::AutoClose => "{ type: AUTO_CLOSE, auto_at: 0, suggest_at: 0 }",
        ActionType::Snooze => "{ type: SNOOZE, auto_at: 0, suggest_at: 0 }",
    }
}

fn always(kind: ActionType) -> Policy {
    policy(&format!("  - {{ id: a, when: 'true', then: {{ action: {} }} }}", action(kind)))
}

/// Decides for every type of action on facts that the closure spoils.
fn for_every_action(spoil: impl Fn(&mut Facts<'_>), check: impl Fn(ActionType, &Routing)) {
    for kind in ActionType::ALL {
        let known = Known::default();
        let mut facts = known.facts("order.status");
        spoil(&mut facts);
        check(kind, &always(kind).decide(&facts, DecideOptions::default()));
    }
}

fn assert_held(kind: ActionType, routing: &Routing, reason: &str) {
    let action = &routing.action;
    assert!(!action.kind.is_automatic(), "{kind:?} became {:?}", action.kind);
    assert_ne!(action.tier, ConfidenceTier::Auto, "{kind:?}");
    assert_eq!(action.flow, None, "{kind:?}");
    let keeps = matches!(
        kind,
        ActionType::Macro | ActionType::AutoReply | ActionType::Suggest | ActionType::Human
    );
    assert_eq!(action.macro_id.is_some(), keeps, "{kind:?}");
    assert_eq!(action.automation_off, [reason], "{kind:?}");
    let expected = if kind == ActionType::Suggest { kind } else { ActionType::Human };
    assert_eq!(action.kind, expected);
}

#[test]
fn a_calm_message_runs_as_the_policy_says() {
    for_every_action(
        |_| {},
        |kind, routing| {
            assert_eq!(routing.action.kind, kind);
            assert!(routing.action.automation_off.is_empty());
            let automatic = routing.action.tier == ConfidenceTier::Auto;
            assert_eq!(automatic, kind.is_automatic());
        },
    );
}

#[test]
fn each_grave_flag_calls_for_a_person() {
    for flag in ["angry", "safety_risk", "threat_legal", "threat_public", "threat_chargeback"] {
        for_every_action(
            |facts| facts.flags = vec!["urgent", flag],
            |kind, routing| assert_held(kind, routing, &format!("the flag {flag} is set")),
        );
    }
}

#[test]
fn other_flags_do_not() {
    for flag in ["urgent", "confused", "threatening"] {
        for_every_action(
            |facts| facts.flags = vec![flag],
            |kind, routing| assert_eq!(routing.action.kind, kind, "{flag}"),
        );
    }
}

#[test]
fn the_wish_for_a_person_is_granted() {
    let reason = "the customer wants a person (support.human_agent)";
    for_every_action(
        |facts| facts.intents.push("support.human_agent"),
        |kind, routing| assert_held(kind, routing, reason),
    );
    for_every_action(
        |facts| facts.primary = "support.human_agent",
        |kind, routing| assert_held(kind, routing, reason),
    );
}

#[test]
fn each_abstention_calls_for_a_review() {
    for abstain in abstain_reasons().into_iter().skip(1) {
        for_every_action(
            |facts| facts.abstain_reason = abstain,
            |kind, routing| {
                let reason = format!("the model declined to decide: {abstain}");
                assert_held(kind, routing, &reason);
                assert_eq!(routing.action.tier, ConfidenceTier::Review);
            },
        );
    }
}

#[test]
fn labels_that_a_taxonomy_marks_call_for_a_person() {
    for_every_action(
        |facts| {
            facts.flags = vec!["urgent", "anger"];
            facts.person_required = vec!["anger"];
        },
        |kind, routing| assert_held(kind, routing, "the flag anger is set"),
    );
    for_every_action(
        |facts| {
            facts.intents.push("return.request");
            facts.person_required = vec!["return.request"];
        },
        |kind, routing| assert_held(kind, routing, "return.request calls for a person"),
    );
}

#[test]
fn a_mark_and_a_name_are_one_reason() {
    for_every_action(
        |facts| {
            facts.flags = vec!["angry"];
            facts.person_required = vec!["angry"];
        },
        |kind, routing| assert_held(kind, routing, "the flag angry is set"),
    );
    for_every_action(
        |facts| {
            facts.intents.push("support.human_agent");
            facts.person_required = vec!["support.human_agent"];
        },
        |kind, routing| {
            assert_held(kind, routing, "the customer wants a person (support.human_agent)");
        },
    );
}

#[test]
fn a_model_that_cannot_tell_leaves_it_to_people() {
    for_every_action(
        |facts| facts.tells_person_required = false,
        |kind, routing| {
            assert_held(kind, routing, "the model cannot tell whether a person is needed");
        },
    );
}

#[test]
fn a_group_alone_is_not_enough_to_act_on() {
    for_every_action(
        |facts| facts.group_fallback = "return",
        |kind, routing| assert_held(kind, routing, "only the group is sure: return"),
    );
}

#[test]
fn every_reason_is_told() {
    let known = Known::default();
    let mut facts = known.facts("support.human_agent");
    facts.flags = vec!["angry", "safety_risk"];
    facts.abstain_reason = "ambiguous";

    let routing = always(ActionType::Macro).decide(&facts, DecideOptions::default());

    assert_eq!(routing.action.automation_off.len(), 4);
}

fn any_rule() -> impl Strategy<Value = String> {
    let condition = prop_oneof![
        Just("true"),
        Just("'\"angry\" in flags'"),
        Just("'abstained'"),
        Just("'primary == \"order.status\"'"),
        Just("'primary_probability > 0.2'"),
        Just("'!(\"threat_legal\" in flags)'"),
        Just("'\"support.human_agent\" in intents'"),
    ];
    let kind = prop::sample::select(ActionType::ALL.to_vec());
    (condition, kind, any::<bool>(), 0..100_u8).prop_map(|(when, kind, acts, points)| {
        let when = if when == "true" { "'true'" } else { when };
        let acts = if acts { format!("action: {}, ", action(kind)) } else { String::new() };
        format!("when: {when}, then: {{ {acts}points: {points}, queue: orders }}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_policy_automates_under_the_floor(
        rules in prop::collection::vec(any_rule(), 1..6),
        flags in prop::sample::subsequence(vocabulary().flags, 0..=6),
        intents in prop::sample::subsequence(vocabulary().intents, 1..=6),
        abstain in prop::sample::select(abstain_reasons().to_vec()),
        fallback in prop::sample::select(vec!["", "", "order"]),
        tells in prop::bool::weighted(0.8),
        marked in prop::sample::subsequence(vec!["urgent", "confused", "return.request"], 0..=3),
        probability in 0.0..=1.0,
    ) {
        let rules: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| format!("  - {{ id: r{index}, {rule} }}"))
            .collect();
        let policy = policy(&rules.join("\n"));
        let known = Known::default();
        let mut facts = known.facts(&intents[0]);
        facts.intents = intents.iter().map(String::as_str).collect();
        facts.flags = flags.iter().map(String::as_str).collect();
        facts.abstain_reason = abstain;
        facts.group_fallback = fallback;
        facts.tells_person_required = tells;
        facts.person_required = marked;
        facts.person_required.retain(|label| {
            facts.flags.contains(label) || facts.intents.contains(label)
        });
        facts.primary_probability = probability;
        let grave = ["angry", "safety_risk", "threat_legal", "threat_public"];
        let floor = !abstain.is_empty()
            || !fallback.is_empty()
            || !tells
            || !facts.person_required.is_empty()
            || flags.iter().any(|flag| grave.contains(&flag.as_str()))
            || intents.iter().any(|intent| intent == "support.human_agent");

        let action = policy.decide(&facts, DecideOptions::default()).action;

        prop_assert_eq!(action.automation_off.is_empty(), !floor);
        if floor {
            prop_assert!(!action.kind.is_automatic());
            prop_assert!(action.tier != ConfidenceTier::Auto);
            prop_assert!(action.flow.is_none());
        }
        if !abstain.is_empty() {
            prop_assert_eq!(action.tier, ConfidenceTier::Review);
        }
    }
}
