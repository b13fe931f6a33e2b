use super::support::{HEAD, first_line, read, vocabulary};
use crate::policy::Policy;

/// Messages of a policy whose only rule has this condition, without file and line.
fn condition_faults(when: &str) -> Vec<String> {
    let rule =
        format!("  - {{ id: a, then: {{ points: 1 }}, when: '{}' }}", when.replace('\'', "''"));
    let prefix = format!("p.yaml:{}:", first_line());
    match read(&rule) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .lines()
            .map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned())
            .map(|line| line.split_once(": ").map_or(line.clone(), |(_, message)| message.into()))
            .collect(),
    }
}

/// Messages of a file, whole.
fn file_faults(yaml: &str) -> String {
    Policy::parse(yaml, "p.yaml", &vocabulary()).unwrap_err().to_string()
}

#[test]
fn sound_conditions_are_accepted() {
    for when in [
        "true",
        "primary == \"order.status\" && !(\"angry\" in flags)",
        "primary in [\"order.status\", \"order.cancel\"] || primary == \"\"",
        "has(order.days_late) && order.days_late > 2 && order.days_late < 10",
        "!has(order.value) || order.value >= 100",
        "has(customer.contacts_7d) ? customer.contacts_7d > 2 : thread.length > 3",
        "!(has(thread.change) && has(order.value)) || thread.change * 2.0 < order.value",
        "!(!has(order.value) || channel == \"chat\") && order.value > 5",
        "intents.exists(i, i.startsWith(\"order.\") && probabilities[i] > 0.3)",
        "customer.tags.all(tag, size(tag) < 10) && customer.tags.size() > 1",
        "flags.exists_one(f, f in [\"angry\", \"urgent\"])",
        "language.matches(\"^(de|nl)$\") && tenant.contains(\"-eu\") && tenant.endsWith(r\"\\x\")",
        "probabilities[\"order.cancel\"] > 0.3 || flag_probabilities[\"angry\"] > 0.1",
        "thread.customer_messages - thread.agent_messages * 2 > -(message.length)",
        "polarity.mixed == (attachments.images > 0) // a comment",
        "(abstained ? abstain_reason : primary) == \"ambiguous\"",
        "attachments.count in [1, 2, 3] && polarity.score in [0.0, 0.5]",
        "message.length >= 9007199254740992 && message.length != 9007199254740992",
        "order.currency == \"\" || order.currency in ['EUR', \"USD\"]",
    ] {
        assert_eq!(condition_faults(when), Vec::<String>::new(), "{when}");
    }
}

/// Conditions and what is wrong with them.
const MISTAKES: &[(&str, &str)] = &[
    ("primry == \"\"", "unknown variable \"primry\" (did you mean \"primary\"?)"),
    (
        "polarty.score < 0.0",
        "unknown variable \"polarty.score\" (did you mean \"polarity.score\"?)",
    ),
    ("order.stat == \"shipped\"", "order has no field \"stat\" (did you mean \"state\"?)"),
    ("polarity < 0.0", "polarity is no value, it has the fields label, score, mixed"),
    ("primary.x == \"\"", "primary has no fields"),
    ("probabilities.order > 0.5", "probabilities has no fields, write probabilities[\"order\"]"),
    ("channel == \"emial\"", "channel has no value \"emial\" (did you mean \"email\"?)"),
    ("\"angri\" in flags", "flags has no value \"angri\" (did you mean \"angry\"?)"),
    ("\"angri\" == flags[0]", "elements of a list are found with in, exists or all"),
    (
        "primary in [\"order.status\", \"order.canel\"]",
        "primary has no value \"order.canel\" (did you mean \"order.cancel\"?)",
    ),
    (
        "probabilities[\"order.canel\"] > 0.5",
        "probabilities has no value \"order.canel\" (did you mean \"order.cancel\"?)",
    ),
    (
        "customer.tier == \"gold\"",
        "customer.tier has no value \"gold\", it knows \"unknown\", \"standard\", \"loyal\", \"vip\"",
    ),
    (
        "language == \"DE\"",
        "language has no value \"DE\", a language is two or three small letters, such as \"de\"",
    ),
    (
        "order.currency == \"euro\"",
        "order.currency has no value \"euro\", a currency is three capital letters, such as \"EUR\"",
    ),
    ("polarity.score > 2.0", "polarity.score lies between -1 and 1, > 2 makes no sense"),
    (
        "1.5 <= primary_probability",
        "primary_probability lies between 0 and 1, >= 1.5 makes no sense",
    ),
    ("primary_probability > 1", "primary_probability lies between 0 and 1, > 1 makes no sense"),
    ("thread.length < 0", "thread.length is at least 0, < 0 makes no sense"),
    ("order.days_late > 2", "order.days_late may be unknown, ask first: has(order.days_late) && …"),
    (
        "order.value > 2 && has(order.value)",
        "order.value may be unknown, ask first: has(order.value) && …",
    ),
    (
        "has(order.value) || order.value > 2",
        "order.value may be unknown, ask first: has(order.value) && …",
    ),
    (
        "has(channel)",
        "channel is always known, has(…) is for customer.lifetime_orders, customer.contacts_7d, customer.refunds_90d, order.value, order.days_late, thread.change",
    ),
    ("channel", "expected true or false, this is a text"),
    ("thread.length && abstained", "expected true or false, this is a number"),
    ("channel == 1", "== does not compare a text with a number"),
    ("channel < \"sms\"", "texts have no order, compare them with == and !="),
    ("intents == [\"order.status\"]", "lists are not compared as a whole, use in, exists or all"),
    ("order.state in \"shipped\"", "in needs a list, for a part of a text use contains(…)"),
    (
        "\"order.status\" in probabilities",
        "every name is in probabilities, compare probabilities[…] with a number",
    ),
    ("1 in flags", "in does not look for a number in a list of texts"),
    ("primary == customer.tier", "the two sides have no value in common"),
    ("primary.startsWith(\"ordr.\")", "no value of primary starts with \"ordr.\""),
    (
        "flags.contains(\"angry\")",
        "this looks into a text, for an element of a list use in or exists",
    ),
    ("primary.matches(\"^retrn\")", "no value of primary matches this pattern"),
    ("tenant.matches(\"(\")", "malformed pattern: unclosed group"),
    ("tenant.matches(primary)", "a pattern must be written out as a text"),
    (
        "tenant.matches(\"(\\\\\\\\pL{1000}){1000}\")",
        "malformed pattern: Compiled regex exceeds size limit of 262144 bytes.",
    ),
    ("tenant.startwith(\"a\")", "unknown function \"startwith\" (did you mean \"startsWith\"?)"),
    (
        "flags.map(f, f)",
        "unknown function \"map\", there are has, size, startsWith, endsWith, contains, matches, exists, all, exists_one",
    ),
    ("flags.exists(f)", "exists is called like intents.exists(i, i.startsWith(\"order.\"))"),
    ("flags.exists(primary, true)", "\"primary\" is a variable, choose another name"),
    (
        "flags.exists(f, intents.exists(i, i == f))",
        "exists, all and exists_one cannot stand within each other",
    ),
    ("flags.exists(f, f == \"angri\")", "f has no value \"angri\" (did you mean \"angry\"?)"),
    ("order.state == null", "null is not supported, ask has(…)"),
    ("message.length / 2 > 1", "division is not supported, compare with a product instead"),
    ("message.length % 2 == 1", "the remainder % is not supported"),
    ("{\"a\": 1} == 1", "maps are not supported"),
    ("Order{a: 1} == 1", "messages and maps are not supported"),
    ("thread.length > 2u", "unsigned numbers are not supported, leave out the \"u\""),
    ("tenant == b\"x\"", "byte strings are not supported"),
    (
        "thread.length + 1.5 > 2.0",
        "+ does not join a number and a number: one is whole, the other has fractions (write 2 as 2.0)",
    ),
    ("tenant + \"x\" == \"yx\"", "+ does not join a text and a text"),
    ("channel = \"sms\"", "\"=\" is no operator, equality is \"==\""),
    ("abstained and abstained", "unexpected \"and\", it is written &&"),
    ("0.1 < primary_probability < 0.5", "comparisons cannot follow each other, join them with &&"),
    ("(abstained", "expected \")\", found the end"),
    ("abstained &&", "expected a value, found the end"),
    ("channel == \"sms", "a string is not closed"),
    ("for == 1", "\"for\" is a reserved word"),
    ("", "the condition is empty, write true for a rule that always holds"),
    ("[1, \"a\"] == 1", "a list holds either texts or numbers"),
    ("thread.length == 99999999999999999999", "malformed number, or one beyond 64 bits"),
    ("abstained ? 1 : \"a\"", "both sides of ? : must be alike, these are a number and a text"),
];

#[test]
fn each_mistake_in_a_condition_is_named() {
    for (when, message) in MISTAKES {
        assert!(
            condition_faults(when).iter().any(|found| found == *message),
            "{when}: {:#?}",
            condition_faults(when)
        );
    }
}

const ITSELF: &str = "can never match: the condition contradicts itself";

/// Conditions that never hold, with the beginning of the fault.
const CONTRADICTIONS: &[(&str, &str)] = &[
    ("false", ITSELF),
    ("1 > 2", ITSELF),
    ("abstained && !abstained", "can never match: "),
    (
        "primary == \"order.status\" && primary == \"order.cancel\"",
        "can never match: primary == \"order.status\" excludes primary == \"order.cancel\"",
    ),
    ("primary == \"order.status\" && primary_group == \"return\"", "can never match: "),
    ("\"angry\" in flags && !(\"angry\" in flags)", "can never match: "),
    (
        "thread.length > 3 && thread.length < 4",
        "can never match: thread.length > 3 excludes thread.length < 4",
    ),
    ("thread.length < 2 && thread.length != 0 && thread.length != 1", ITSELF),
    ("polarity.score > 0.5 && polarity.score <= 0.5", "can never match: "),
    ("!abstained && abstain_reason == \"ambiguous\"", "can never match: "),
    ("size(flags) == 0 && \"angry\" in flags", "can never match: "),
    ("channel in [\"sms\", \"chat\"] && channel != \"sms\" && channel != \"chat\"", ITSELF),
    ("tenant == \"a\" && (tenant == \"b\" || tenant == \"c\")", ITSELF),
    ("tenant.matches(\"^a\") && !tenant.matches(\"^a\")", "can never match: "),
    ("has(order.value) && order.value > 5 && !has(order.value)", ITSELF),
    ("abstained ? false : abstained", ITSELF),
];

#[test]
fn conditions_that_never_hold_are_refused() {
    for (when, message) in CONTRADICTIONS {
        let found = condition_faults(when);
        assert!(found.len() == 1 && found[0].starts_with(message), "{when}: {found:#?}");
    }
}

#[test]
fn a_rule_behind_a_wider_stop_is_refused() {
    let stop = |when: &str, then: &str| {
        format!(
            "  - {{ id: first, when: '{when}', then: {{ points: 1 }}, stop: true }}\n  - {{ id: second, when: '{then}', then: {{ points: 1 }} }}"
        )
    };
    let message =
        "can never match: rule \"first\" before it matches whenever this one would, and stops";

    for (first, second) in [
        ("true", "abstained"),
        ("abstained", "abstained"),
        ("primary_group == \"order\"", "primary == \"order.status\""),
        ("abstained || \"angry\" in flags", "\"angry\" in flags && channel == \"sms\""),
        ("thread.length >= 3", "thread.length > 4"),
        ("channel in [\"sms\", \"chat\"]", "channel == \"chat\""),
        ("tenant.contains(\"x\")", "tenant.contains(\"x\") && abstained"),
    ] {
        let faults = read(&stop(first, second)).unwrap_err();
        assert!(faults.ends_with(message), "{first} / {second}: {faults}");
    }
    for (first, second) in [
        ("abstained", "true"),
        ("primary == \"order.status\"", "primary_group == \"order\""),
        ("thread.length > 4", "thread.length >= 3"),
        ("tenant.contains(\"x\")", "tenant.contains(\"xy\")"),
        ("\"angry\" in flags && abstained", "\"angry\" in flags"),
    ] {
        assert!(read(&stop(first, second)).is_ok(), "{first} / {second}");
    }
}

#[test]
fn faults_of_a_file_come_all_at_once_and_in_order() {
    let yaml = r#"format: 2
name: My policy
tags: { style: camel, automatic: [intents, intent] }
views: [zendesck]
queues:
  general: { alternatives: [orders, general] }
priority: { levels: { P1: 50, P2: 50, P3: 20 } }
service_levels:
  standard:
    P1: { first_response: 1h, resolution: 30m }
    P2: { first_response: 60, resolution: 1d }
    P3: { first_response: 1w }
default_service_level: standart
confidence: { auto: 0.5, suggest: 0.6, review: 0.1 }
macros:
  hello: { en: a, DE: b, default: tr }
required_entities:
  order.staus: ["order_nummer|sku"]
ruless: []
"#;
    let expected = r#"p.yaml:1:1: field "rules" is missing
p.yaml:1:9: format 2 is not known, this is 1
p.yaml:2:7: "My policy" is no name: small letters, digits and hyphens, at most 64
p.yaml:3:16: unknown value "camel", expected one of dotted, kebab, snake, slash
p.yaml:3:44: unknown value "intent" (did you mean "intents"?)
p.yaml:4:9: unknown view "zendesck" (did you mean "zendesk"?)
p.yaml:6:29: unknown queue "orders"
p.yaml:6:37: a queue is no alternative to itself
p.yaml:7:35: P2 must need a lower score than P1
p.yaml:10:9: the solution is due before the first response
p.yaml:10:5: field "P4" is missing
p.yaml:11:27: expected a text in quotes, found 60
p.yaml:12:9: field "resolution" is missing
p.yaml:12:27: "1w" is no duration, they look like 45s, 2m, 4h or 1d, a year at most
p.yaml:13:24: unknown service level "standart" (did you mean "standard"?)
p.yaml:14:13: suggest must not be greater than auto
p.yaml:14:40: unknown field "review", expected one of auto, suggest
p.yaml:16:19: "DE" is no language, they are two or three small letters; or default
p.yaml:16:35: there is no macro for the language "tr"
p.yaml:18:3: unknown intent "order.staus" (did you mean "order.status"?)
p.yaml:18:17: unknown entity type "order_nummer" (did you mean "order_number"?)
p.yaml:19:1: unknown field "ruless" (did you mean "rules"?)"#;

    let found = file_faults(yaml);

    let mut expected: Vec<&str> = expected.lines().collect();
    let mut found: Vec<&str> = found.lines().collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn faults_of_effects_are_named() {
    let line = first_line();
    for (then, message) in [
        ("{ queue: order }", "unknown queue \"order\" (did you mean \"orders\"?)"),
        ("{ service_level: life }", "unknown service level \"life\" (did you mean \"live\"?)"),
        ("{ escalation: legal }", "unknown value \"legal\" (did you mean \"LEGAL\"?)"),
        ("{ at_least: P5 }", "unknown value \"P5\" (did you mean \"P1\"?)"),
        ("{ points: 1.5 }", "expected a whole number, found 1.5"),
        ("{ points: 99999999 }", "99999999 is beyond 1000000 points"),
        ("{ tags: [a, a] }", "\"a\" occurs twice"),
        ("{ tags: [\" \"] }", "this text is blank"),
        ("{ action: { type: SELF_SERVICE } }", "SELF_SERVICE needs a flow"),
        ("{ action: { type: MACRO } }", "MACRO needs a macro"),
        ("{ action: { type: HUMAN, flow: track } }", "HUMAN has no flow"),
        ("{ action: { type: SNOOZE, macro: thanks } }", "SNOOZE has no macro"),
        (
            "{ action: { type: AUTO_REPLY, macro: thank } }",
            "unknown macro \"thank\" (did you mean \"thanks\"?)",
        ),
        (
            "{ action: { type: SELF_SERVICE, flow: trak } }",
            "unknown flow \"trak\" (did you mean \"track\"?)",
        ),
        (
            "{ action: { type: HUMAN, auto_at: 2 } }",
            "2 is no probability, they lie between 0 and 1",
        ),
        (
            "{ action: { type: HUMAN, auto_at: 0.5 } }",
            "suggests from 0.6 but runs by itself from 0.5",
        ),
        ("{}", "the rule sets nothing"),
        ("{ tags: [] }", "the rule sets nothing"),
    ] {
        let faults = read(&format!("  - {{ id: a, when: abstained, then: {then} }}")).unwrap_err();
        assert!(faults.starts_with(&format!("p.yaml:{line}:")), "{faults}");
        assert!(faults.ends_with(message), "{then}: {faults}");
    }
}

#[test]
fn rules_need_an_id_of_their_own_and_no_more_than_they_have() {
    let line = first_line();
    let rules = "  - { id: a, when: abstained, then: { points: 1 } }\n  - { id: a, when: abstained, then: { points: 1 }, stopp: true }\n  - { when: true, then: { points: 1 } }";

    let faults = read(rules).unwrap_err();

    let expected = format!(
        "p.yaml:{}:11: rule \"a\" is there already, on line {line}\n\
         p.yaml:{}:52: unknown field \"stopp\" (did you mean \"stop\"?)\n\
         p.yaml:{}:5: field \"id\" is missing\n\
         p.yaml:{}:13: a condition is a text, write \"true\" in quotes",
        line + 1,
        line + 1,
        line + 2,
        line + 2
    );
    assert_eq!(faults, expected);
}

#[test]
fn faults_of_conditions_have_their_place_in_the_file() {
    let line = first_line();
    for (rule, (down, column)) in [
        ("  - { id: a, then: { points: 1 }, when: abstaind }", (0, 41)),
        ("  - { id: a, then: { points: 1 }, when: 'channel == \"x\" || abstaind' }", (0, 53)),
        ("  - { id: a, then: { points: 1 }, when: \"\\\"x\\\" == channel\" }", (0, 42)),
        (
            "  - id: a\n    then: { points: 1 }\n    when: >-\n      abstained ||\n      abstaind",
            (4, 7),
        ),
        (
            "  - id: a\n    then: { points: 1 }\n    when: |\n      abstained\n        || abstaind",
            (4, 12),
        ),
        ("  - id: a\n    then: { points: 1 }\n    when: abstained ||\n      abstaind", (3, 7)),
        ("  - id: a\n    then: { points: 1 }\n    when: 'abstained ||\n\n      abstaind'", (4, 7)),
    ] {
        let faults = read(rule).unwrap_err();
        let place = format!("p.yaml:{}:{column}: ", line + down);
        assert!(faults.starts_with(&place), "{rule}\n{faults}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    assert!(file_faults("").contains("expected a map, found nothing"));
    assert!(file_faults("- a").contains("expected a map, found a list"));
    assert!(file_faults("a: [").starts_with("p.yaml:"));
    assert!(file_faults(&format!("{HEAD}rules: 7\n")).contains("expected a list, found 7"));
    let many = "  - { id: a, when: 'true', then: { points: 1 } }\n".repeat(2_001);
    assert!(read(&many).unwrap_err().contains("more than 2000 rules"));
    let long =
        format!("  - {{ id: a, then: {{ points: 1 }}, when: '{} true' }}", " true ||".repeat(600));
    assert!(read(&long).unwrap_err().contains("bytes, at most 4096 are read"));
}
