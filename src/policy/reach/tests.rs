use proptest::prelude::*;

use super::super::check::check;
use super::super::evaluate::{Unobserved, holds};
use super::super::expression::parse;
use super::super::facts::Scope;
use super::super::tests::support::{Known, vocabulary};
use super::*;

fn condition(source: &str) -> Condition {
    check(&parse(source).unwrap(), source, &vocabulary()).unwrap()
}

fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..3_u8, prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]))
            .prop_filter("never", |(number, operator)| !(*number == 0 && *operator == "<"))
            .prop_map(|(number, operator)| format!("thread.length {operator} {number}")),
        2 => prop::sample::select(vec!["==", "!="])
            .prop_flat_map(|operator| (Just(operator), prop::sample::select(vec!["a", "b"])))
            .prop_map(|(operator, value)| format!("tenant {operator} {value:?}")),
        1 => Just("tenant in [\"a\", \"b\"]".to_owned()),
        1 => Just("\"angry\" in flags".to_owned()),
        1 => Just("size(flags) > 0".to_owned()),
        1 => Just("abstained".to_owned()),
        1 => Just("abstain_reason == \"\"".to_owned()),
        1 => Just("abstain_reason in [\"ambiguous\", \"empty\"]".to_owned()),
    ]
}

fn any_condition() -> impl Strategy<Value = String> {
    atom().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
        ]
    })
}

/// Tells whether a condition holds for any of the facts that such conditions can tell apart.
fn holds_somewhere(condition: &Condition) -> bool {
    let known = Known::default();
    let mut facts = known.facts("order.status");
    for length in 0..5 {
        for tenant in ["a", "b", "c"] {
            for flags in [vec![], vec!["angry"], vec!["urgent"]] {
                for reason in ["", "ambiguous", "empty", "low_confidence"] {
                    facts.thread.length = length;
                    facts.tenant = tenant;
                    facts.flags.clone_from(&flags);
                    facts.abstain_reason = reason;
                    let scope = Scope::new(&facts, Vec::new());
                    if holds(condition, &scope, &mut Unobserved) == Ok(true) {
                        return true;
                    }
                }
            }
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// For these conditions the answer is exact: facts are tried out exhaustively.
    #[test]
    fn exactly_the_conditions_that_never_hold_are_found(source in any_condition()) {
        let condition = condition(&source);

        let found = unreachable(&[("a", &condition, false)], &vocabulary());

        prop_assert_eq!(found.is_empty(), holds_somewhere(&condition), "{}", source);
    }

    #[test]
    fn a_rule_is_refused_behind_a_stop_exactly_where_it_adds_nothing(
        first in any_condition(),
        second in any_condition(),
    ) {
        let (one, two) = (condition(&first), condition(&second));
        let both = condition(&format!("({second}) && !({first})"));
        prop_assume!(holds_somewhere(&one) && holds_somewhere(&two));

        let found = unreachable(&[("a", &one, true), ("b", &two, false)], &vocabulary());

        prop_assert_eq!(found.is_empty(), holds_somewhere(&both), "{} / {}", first, second);
    }
}
