//! Nothing that is read as a policy panics, overflows the stack or takes long.

use proptest::prelude::*;

use super::super::check::check;
use super::super::scenario::ScenarioFile;
use super::super::{DecideOptions, Policy, expression};
use super::support::{HEAD, Known, vocabulary};

const RULES: &str = r#"rules:
  - id: parcel
    description: "Where is it"
    when: 'primary == "order.status" && "order_number" in entities && !("angry" in flags)'
    then: { tags: [a], points: { reason: r, points: 10 }, at_least: P2, queue: orders, service_level: live }
    stop: true
  - id: late
    when: >-
      has(order.days_late) && order.days_late * 2 > 4 ||
      customer.tags.exists(t, t.matches("^vip"))
    then: { escalation: LEGAL, action: { type: SELF_SERVICE, flow: track, auto_at: 0.95 }, skills: [x] }
"#;

fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..3_u8, any::<prop::sample::Index>());
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let insertions: Vec<char> =
            "\"'\\|>-:{}[]()!&*?,.#%@`~ \n\t\r\u{0}\u{feff}\u{85}\u{2028}äß🦀0159azAZ<=+"
                .chars()
                .collect();
        let mut text: Vec<char> = format!("{HEAD}{RULES}").chars().collect();
        for (place, kind, insertion) in edits {
            let place = place.index(text.len());
            let character = insertions[insertion.index(insertions.len())];
            match kind {
                0 => text.insert(place, character),
                1 => {
                    text.remove(place);
                }
                _ => text[place] = character,
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_policy_is_read_or_refused(yaml in mutated()) {
        match Policy::parse(&yaml, "p.yaml", &vocabulary()) {
            Ok(policy) => {
                let known = Known::default();
                let options = DecideOptions { explain: true, ..Default::default() };
                let routing = policy.decide(&known.facts("order.status"), options);
                prop_assert!(!routing.queue.is_empty());
            }
            Err(errors) => prop_assert!(!errors.to_string().is_empty()),
        }
    }

    #[test]
    fn a_policy_is_no_scenario_and_any_text_is_refused_calmly(yaml in mutated(), other in "\\PC{0,60}") {
        prop_assert!(ScenarioFile::parse(&yaml, "s.yaml", &vocabulary()).is_err());
        drop(Policy::parse(&other, "p.yaml", &vocabulary()));
        drop(ScenarioFile::parse(&other, "s.yaml", &vocabulary()));
    }

    #[test]
    fn any_text_is_read_as_a_condition_or_refused(source in "[a-z\"'\\\\().,!&|=<>?:+*0-9 \\[\\]{}/\n-]{0,80}") {
        if let Ok(parsed) = expression::parse(&source) {
            drop(check(&parsed, &source, &vocabulary()));
        }
    }
}

#[test]
fn what_is_nested_too_deeply_is_refused() {
    for (open, middle, close) in [
        ("(", "true", ")"),
        ("[", "1", "]"),
        ("!", "true", ""),
        ("-", "x", ""),
        ("true ? true : ", "true", ""),
        ("true ? (", "true", ") : true"),
        ("1 + ", "1", ""),
        ("1 * ", "1", ""),
        ("", "a", ".b"),
        ("", "a", "[0]"),
        ("size(", "a", ")"),
        ("flags.exists(f, ", "true", ")"),
        ("(true && ", "true", ")"),
        ("(true || !", "(true)", ")"),
    ] {
        let deep =
            |levels: usize| format!("{}{middle}{}", open.repeat(levels), close.repeat(levels));
        let fault = expression::parse(&deep(200)).unwrap_err();
        assert!(fault.message.starts_with("nested deeper than 32"), "{open}: {}", fault.message);
        assert!(expression::parse(&deep(10)).is_ok(), "{open}");
    }
}

#[test]
fn long_chains_are_no_nesting() {
    let chain = |operator: &str| vec!["abstained"; 300].join(operator);

    assert!(expression::parse(&chain(" && ")).is_ok());
    assert!(expression::parse(&chain(" || ")).is_ok());
}

#[test]
fn a_hard_question_about_reachability_is_given_up() {
    // Nine numbers of which each must be one of eight counts: impossible, but it takes 8! ways to see it.
    let counts = [
        "thread.length",
        "thread.customer_messages",
        "thread.agent_messages",
        "attachments.count",
        "attachments.images",
        "message.length",
        "size(flags)",
        "size(intents)",
    ];
    let choice = |number: usize| {
        let ways: Vec<String> = counts.iter().map(|count| format!("{count} == {number}")).collect();
        format!("({})", ways.join(" || "))
    };
    let hard = (0..9).map(choice).collect::<Vec<_>>().join(" && ");
    let rules: String = (0..100)
        .map(|index| {
            format!(
                "  - {{ id: r{index}, when: '{hard} && tenant == \"t{index}\"', \
                 then: {{ points: 1 }}, stop: true }}\n"
            )
        })
        .collect();
    let yaml = format!("{HEAD}rules:\n{rules}");

    assert!(Policy::parse(&yaml, "p.yaml", &vocabulary()).is_ok());
}
