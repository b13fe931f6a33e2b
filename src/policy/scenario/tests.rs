use super::super::tests::support::{policy, vocabulary};
use super::super::{DecideOptions, Policy};
use super::*;

const SCENARIO: &str = r#"
policy: shop.yaml
scenarios:
  - name: calm customer asks for a parcel
    text: "Wo bleibt Bestellung 48213?"
    subject: Frage
    channel: email
    locale_hint: de-AT
    tenant: acme
    sent_at: 2026-11-20T10:00:00Z
    customer: { tier: vip, lifetime_orders: 12, contacts_7d: 0, refunds_90d: 0, tags: [b2b] }
    order: { state: processing, promised_by: 2026-11-18T00:00:00Z, value: 59.90, currency: EUR }
    thread: [ { author: customer, text: "…" }, { author: agent, text: "…" }, { author: bot, text: "…" } ]
    attachments: [image/jpeg, application/pdf, image/jpeg]
    prediction:
      intents: { order.status: 0.97, return.status: 0.6 }
      polarity: -0.6
      flags: [urgent]
      language: de
      entities: [order_number]
      trend: falling
      change: -0.5
    expect: { queue: orders }
"#;

fn read(yaml: &str) -> Result<ScenarioFile, String> {
    ScenarioFile::parse(yaml, "s.yaml", &vocabulary()).map_err(|faults| faults.to_string())
}

/// Reads a file whose only scenario has these fields.
fn one(fields: &str) -> Result<Scenario, String> {
    let file = read(&format!("scenarios:\n  - {{ name: a, {fields} }}"))?;
    Ok(file.scenarios.into_iter().next().unwrap())
}

fn orders_policy() -> Policy {
    policy(
        r#"
  - { id: orders, when: '"order" in groups', then: { queue: orders, tags: [deflectable], points: 60, action: { type: SELF_SERVICE, flow: track } } }
  - { id: late, when: "has(order.days_late) && order.days_late > 1", then: { escalation: SENIOR } }"#,
    )
}

#[test]
fn a_prediction_becomes_facts() {
    let file = read(SCENARIO).unwrap();
    let scenario = &file.scenarios[0];

    let facts = scenario.facts(None).unwrap();

    assert_eq!(file.policy.as_deref(), Some("shop.yaml"));
    assert_eq!((scenario.line, scenario.locale_hint.as_str()), (4, "de-AT"));
    assert_eq!((facts.primary, facts.primary_group), ("order.status", "order"));
    assert_eq!(facts.primary_probability.to_string(), "0.97");
    assert_eq!(facts.intents, ["order.status", "return.status"]);
    assert_eq!(facts.groups, ["order", "return"]);
    assert_eq!(facts.flags, ["urgent"]);
    assert_eq!((facts.mood.label, facts.mood.score.to_string()), ("negative", "-0.6".to_owned()));
    assert_eq!((facts.language, facts.tenant), ("de", "acme"));
    assert_eq!(facts.entities, ["order_number"]);
    assert_eq!(facts.days_late(), Some(2));
    assert_eq!(facts.order.value.as_ref().unwrap().amount_micros, 59_900_000);
    assert_eq!((facts.thread.length, facts.thread.customer_messages), (3, 1));
    assert_eq!((facts.attachments, facts.images), (3, 2));
    assert_eq!(facts.message_length, 27);
    assert_eq!(scenario.customer.tags, ["b2b"]);
}

#[test]
fn what_the_prediction_leaves_out_comes_from_the_text() {
    let scenario =
        one("text: hello, prediction: { intents: { order.status: 0.9 } }, expect: { queue: a }");
    let scenario = scenario.unwrap();
    let text = TextFacts { language: "fr", entities: vec!["email"], message_length: 5 };

    let facts = scenario.facts(Some(&text)).unwrap();

    assert_eq!((facts.language, facts.entities.as_slice()), ("fr", ["email"].as_slice()));
}

#[test]
fn without_a_prediction_there_are_no_facts() {
    let scenario = one("text: hello, expect: { queue: a }").unwrap();

    assert!(scenario.facts(None).is_none());
}

#[test]
fn an_abstention_takes_the_primary_intent_away() {
    let scenario = one(
        "prediction: { intents: { order.status: 0.4, return.status: 0.3 }, abstain: ambiguous }, expect: { queue: a }",
    );
    let scenario = scenario.unwrap();

    let facts = scenario.facts(None).unwrap();

    assert!(facts.abstained());
    assert_eq!((facts.primary, &*facts.intents), ("order.status", &["return.status"][..]));
}

#[test]
fn a_group_fallback_takes_the_primary_intent_away_but_not_the_group() {
    let scenario = one(
        "prediction: { intents: { order.status: 0.4 }, group_fallback: return }, expect: { queue: a }",
    );
    let scenario = scenario.unwrap();

    let facts = scenario.facts(None).unwrap();

    assert!(facts.intents.is_empty());
    assert_eq!(facts.primary, "order.status");
    assert_eq!((facts.group_fallback, facts.groups.as_slice()), ("return", ["return"].as_slice()));
}

#[test]
fn a_language_is_unsupported_when_the_model_declines_for_it() {
    let supported = |abstain: &str| {
        let scenario = one(&format!(
            "prediction: {{ flags: [angry], language: fi{abstain} }}, expect: {{ queue: a }}"
        ));
        let scenario = scenario.unwrap();
        let facts = scenario.facts(None).unwrap();
        (facts.language_supported, facts.flags.len(), facts.tells_person_required)
    };

    assert_eq!(supported(""), (true, 1, true));
    assert_eq!(supported(", abstain: unsupported_language"), (false, 1, true));
}

#[test]
fn a_trend_has_its_usual_change() {
    let change = |trend: &str| {
        let scenario = one(&format!("prediction: {{ trend: {trend} }}, expect: {{ queue: a }}"));
        let scenario = scenario.unwrap();
        scenario.facts(None).unwrap().thread.change.map(|change| change.to_string())
    };

    assert_eq!(change("falling").as_deref(), Some("-0.5"));
    assert_eq!(change("rising, change: 0.75").as_deref(), Some("0.75"));
    assert_eq!(change("unknown"), None);
}

#[test]
fn what_is_as_expected_makes_no_difference() {
    let file = read(&SCENARIO.replace(
        "{ queue: orders }",
        "{ queue: orders, priority: P2, action: SELF_SERVICE, flow: track, tier: AUTO, macro: '', escalation: SENIOR, \
         service_level: standard, tags: [deflectable, order.status], no_tags: [angry], skills: [orders], rules: [orders, late], \
         no_rules: [x], missing_entities: [] }",
    ));
    let scenario = &file.unwrap().scenarios[0];
    let facts = scenario.facts(None).unwrap();

    let routing = orders_policy().decide(&facts, DecideOptions::default());

    assert_eq!(scenario.expect.differences(&routing), Vec::<String>::new());
}

#[test]
fn each_difference_is_told() {
    let scenario = one("prediction: { intents: { order.status: 0.97 } }, \
         expect: { queue: claims, priority: P1, action: HUMAN, flow: '', tier: REVIEW, macro: m, escalation: LEGAL, service_level: live, \
         tags: [late, deflectable], no_tags: [deflectable], skills: [french], rules: [late], no_rules: [orders], missing_entities: [email] }");
    let scenario = scenario.unwrap();
    let facts = scenario.facts(None).unwrap();

    let routing = orders_policy().decide(&facts, DecideOptions::default());

    assert_eq!(
        scenario.expect.differences(&routing),
        [
            "queue: expected claims, got orders",
            "priority: expected P1, got P2",
            "action: expected HUMAN, got SELF_SERVICE",
            "flow: expected nothing, got track",
            "tier: expected REVIEW, got AUTO",
            "macro: expected m, got nothing",
            "escalation: expected LEGAL, got NONE",
            "service_level: expected live, got standard",
            "tags: the decision lacks late; it has order.status, deflectable",
            "no_tags: the decision has deflectable; it has order.status, deflectable",
            "skills: the decision lacks french; it has orders",
            "rules: the decision lacks late; it has orders",
            "no_rules: the decision has orders; it has orders",
            "missing_entities: expected email, got order_number|tracking_number",
        ]
    );
}

#[test]
fn one_of_several_missing_types_may_stand_for_all() {
    let missing = |expected: &str| {
        let scenario = one(&format!(
            "prediction: {{ intents: {{ order.status: 0.97, order.cancel: 0.6 }} }}, expect: {{ missing_entities: {expected} }}"
        ));
        let scenario = scenario.unwrap();
        let facts = scenario.facts(None).unwrap();
        scenario.expect.differences(&orders_policy().decide(&facts, DecideOptions::default()))
    };

    assert!(missing("[tracking_number, order_number, email]").is_empty());
    assert!(missing("[order_number|tracking_number, order_number, email]").is_empty());
    assert_eq!(
        missing("[order_number]"),
        [
            "missing_entities: expected order_number, got order_number|tracking_number, order_number, email"
        ]
    );
    assert!(!missing("[]").is_empty());
}

/// Fields of a scenario and what is wrong with them.
const MISTAKES: &[(&str, &str)] = &[
    ("expect: { queue: a }", "a scenario needs a text, a subject or a prediction"),
    ("text: a", "field \"expect\" is missing"),
    ("text: a, expect: {}", "the scenario expects nothing"),
    ("text: a, expect: { queu: a }", "unknown field \"queu\" (did you mean \"queue\"?)"),
    (
        "text: a, chanel: sms, expect: { queue: a }",
        "unknown field \"chanel\" (did you mean \"channel\"?)",
    ),
    (
        "text: a, channel: emial, expect: { queue: a }",
        "unknown value \"emial\" (did you mean \"email\"?)",
    ),
    (
        "text: a, sent_at: yesterday, expect: { queue: a }",
        "\"yesterday\" is no time, they look like 2026-11-20T10:00:00Z",
    ),
    (
        "text: a, order: { promised_by: 2026-11-18T00:00:00Z }, expect: { queue: a }",
        "promised_by needs sent_at, to tell how late it is",
    ),
    ("text: a, order: { value: 5 }, expect: { queue: a }", "value and currency go together"),
    (
        "text: a, order: { value: -5, currency: EUR }, expect: { queue: a }",
        "-5 is no value of an order",
    ),
    ("text: a, customer: { contacts_7d: -1 }, expect: { queue: a }", "-1 is no count"),
    (
        "text: a, thread: [ { author: me, text: a } ], expect: { queue: a }",
        "unknown value \"me\", expected one of customer, agent, bot",
    ),
    (
        "text: a, prediction: { intents: { order.staus: 0.5 } }, expect: { queue: a }",
        "unknown intent \"order.staus\" (did you mean \"order.status\"?)",
    ),
    (
        "text: a, prediction: { intents: { order.status: 1.5 } }, expect: { queue: a }",
        "1.5 is no probability, they lie between 0 and 1",
    ),
    (
        "text: a, prediction: { flags: [angri] }, expect: { queue: a }",
        "unknown flag \"angri\" (did you mean \"angry\"?)",
    ),
    ("text: a, prediction: { polarity: bad }, expect: { queue: a }", "unknown polarity \"bad\""),
    (
        "text: a, prediction: { polarity: -2 }, expect: { queue: a }",
        "-2 does not lie between -1 and 1",
    ),
    (
        "text: a, prediction: { language: German }, expect: { queue: a }",
        "\"German\" is no language, they are two or three small letters",
    ),
    (
        "text: a, prediction: { abstain: ambiguous, group_fallback: order }, expect: { queue: a }",
        "a model that declines to decide falls back to no group",
    ),
    ("text: a, prediction: { change: 0.5 }, expect: { queue: a }", "change needs a trend"),
    (
        "text: a, prediction: { abstain: unsure }, expect: { queue: a }",
        "unknown value \"unsure\", expected one of low_confidence, ambiguous, out_of_distribution, unsupported_language, empty",
    ),
];

#[test]
fn mistakes_are_named_with_their_place() {
    for (fields, message) in MISTAKES {
        let faults = one(fields).unwrap_err();
        assert!(faults.lines().any(|line| line.ends_with(message)), "{fields}: {faults}");
        assert!(faults.starts_with("s.yaml:2:"), "{faults}");
    }
    let twice = "scenarios:\n  - { name: a, text: x, expect: { queue: a } }\n  - { name: a, text: x, expect: { queue: a } }";
    assert_eq!(read(twice).unwrap_err(), "s.yaml:3:5: a scenario before it has the same name");
}
