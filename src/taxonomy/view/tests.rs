use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::taxonomy::{DEFAULT_YAML, Taxonomy};

static SHIPPED: LazyLock<Taxonomy> =
    LazyLock::new(|| Taxonomy::parse(DEFAULT_YAML, "config/taxonomy.yaml").unwrap());

/// Mostly negative, exact in binary.
const UNHAPPY: [f32; 5] = [0.5, 0.25, 0.125, 0.125, 0.0];

fn view(name: &str) -> &'static View {
    SHIPPED.view(name).unwrap()
}

fn felt<'a>(step: &'a str, probabilities: &'a [f32], flags: &'a [&'a str]) -> Seen<'a> {
    Seen { polarity: Some((step, probabilities)), flags, ..Seen::default() }
}

fn sure_of(step: &str) -> [f32; 5] {
    POLARITY_STEPS.map(|known| if known == step { 1.0 } else { 0.0 })
}

fn numbers(result: &ViewResult) -> Vec<(&str, f64)> {
    result.numbers.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

#[test]
fn gorgias_maps_intents_once_each_and_gives_every_sentiment_that_holds() {
    let intents = [("refund.request", 0.9), ("item.damaged", 0.8), ("item.defective", 0.6)];
    let flags = ["angry", "threat_legal"];

    let result = view("gorgias")
        .apply(&Seen { intents: &intents, ..felt("very_negative", &UNHAPPY, &flags) });

    assert_eq!(result.view, "gorgias");
    assert_eq!(result.intents, ["refund/request", "order/damaged"]);
    assert_eq!(result.sentiments, ["threatening", "negative"]);
    assert_eq!(result.numbers, []);
    assert_eq!(result.confidence, None);
}

#[test]
fn gorgias_leaves_a_neutral_message_without_sentiment() {
    let result = view("gorgias").apply(&felt("neutral", &sure_of("neutral"), &["confused"]));

    assert_eq!(result.sentiments, Vec::<String>::new());
}

#[test]
fn zendesk_gives_the_step_and_words_each_confidence() {
    let seen = Seen {
        intents: &[("order.status", 0.8)],
        primary_probability: 0.8,
        language_confidence: 0.499_999,
        ..felt("very_negative", &UNHAPPY, &[])
    };

    let result = view("zendesk").apply(&seen);

    assert_eq!(result.intents, Vec::<String>::new());
    assert_eq!(result.sentiments, ["Very Negative"]);
    assert_eq!(result.confidence.as_deref(), Some("High"));
    assert_eq!(result.sentiment_confidence.as_deref(), Some("Medium"));
    assert_eq!(result.language_confidence.as_deref(), Some("Low"));
}

#[test]
fn comprehend_splits_the_probability_over_four_classes() {
    let result = view("comprehend").apply(&felt("very_negative", &UNHAPPY, &[]));

    assert_eq!(result.sentiments, ["NEGATIVE"]);
    // Negative 0.75 and positive 0.125 overlap by 0.125, which counts twice as mixed.
    assert_eq!(
        numbers(&result),
        [("POSITIVE", 0.0), ("NEGATIVE", 0.625), ("NEUTRAL", 0.125), ("MIXED", 0.25)]
    );
}

#[test]
fn comprehend_calls_both_sides_at_once_mixed() {
    let result =
        view("comprehend").apply(&felt("negative", &[0.125, 0.25, 0.25, 0.25, 0.125], &[]));

    assert_eq!(result.sentiments, ["MIXED"]);
    assert_eq!(numbers(&result)[3], ("MIXED", 0.75));
}

#[test]
fn highest_takes_the_earlier_label_on_a_tie() {
    let result = view("comprehend").apply(&felt("neutral", &[0.25, 0.25, 0.5, 0.0, 0.0], &[]));

    assert_eq!(result.sentiments, ["NEGATIVE"]);
}

#[test]
fn google_gives_score_and_magnitude_without_a_label() {
    let result = view("google").apply(&felt("very_negative", &UNHAPPY, &[]));

    // -0.5 - 0.125 + 0.0625, and the same without signs.
    assert_eq!(numbers(&result), [("score", -0.5625), ("magnitude", 0.6875)]);
    assert_eq!(result.sentiments, Vec::<String>::new());
}

#[test]
fn halves_are_rounded_away_from_zero_on_both_sides() {
    // Half of 0.0625 is 0.03125: between 0.0312 and 0.0313.
    let good = view("google").apply(&felt("neutral", &[0.0, 0.0, 0.9375, 0.0625, 0.0], &[]));
    let bad = view("google").apply(&felt("neutral", &[0.0, 0.0625, 0.9375, 0.0, 0.0], &[]));

    assert_eq!(numbers(&good)[0], ("score", 0.0313));
    assert_eq!(numbers(&bad)[0], ("score", -0.0313));
}

#[test]
fn zero_has_no_sign() {
    let result = view("google").apply(&felt("neutral", &[0.0, 0.0, 1.0, 0.0, 0.0], &[]));

    assert!(result.numbers.iter().all(|(_, value)| value.is_sign_positive()));
}

#[test]
fn freshdesk_scores_from_0_to_100_and_bands_the_rounded_score() {
    let unhappy = view("freshdesk").apply(&felt("very_negative", &UNHAPPY, &[]));
    // 25 × 49/64 + 50 × 15/64 = 30.859…, which is 31 as a whole number.
    let edge =
        view("freshdesk").apply(&felt("negative", &[0.0, 0.765_625, 0.234_375, 0.0, 0.0], &[]));
    let delighted = view("freshdesk").apply(&felt("very_positive", &sure_of("very_positive"), &[]));

    assert_eq!(numbers(&unhappy), [("score", 22.0)]);
    assert_eq!(unhappy.sentiments, ["Negative"]);
    assert_eq!(numbers(&edge), [("score", 31.0)]);
    assert_eq!(edge.sentiments, ["Neutral"]);
    assert_eq!(numbers(&delighted), [("score", 100.0)]);
    assert_eq!(delighted.sentiments, ["Positive"]);
}

#[test]
fn nps_lets_the_first_rule_decide() {
    let class = |step: &str, flags: &[&str]| {
        let result = view("nps").apply(&felt(step, &sure_of(step), flags));
        result.sentiments.join(" ")
    };

    assert_eq!(class("positive", &["promoter"]), "promoter");
    assert_eq!(class("positive", &["promoter", "churn_risk"]), "detractor");
    assert_eq!(class("negative", &["promoter"]), "detractor");
    assert_eq!(class("very_positive", &[]), "promoter");
    assert_eq!(class("neutral", &["urgent"]), "passive");
}

#[test]
fn without_polarity_only_flags_speak() {
    let seen = Seen { flags: &["urgent", "angry"], ..Seen::default() };

    let results: Vec<_> = SHIPPED.views().map(|view| view.apply(&seen)).collect();

    let said: Vec<_> = results.iter().map(|result| result.sentiments.join(" ")).collect();
    assert_eq!(said, ["urgent negative", "", "", "", "", "detractor"]);
    assert!(results.iter().all(|result| result.numbers.is_empty()));
    assert!(results.iter().all(|result| result.sentiment_confidence.is_none()));
}

#[test]
fn unknown_intents_are_left_out() {
    let seen = Seen { intents: &[("no.such", 0.9), ("chat.thanks", 0.5)], ..Seen::default() };

    assert_eq!(view("gorgias").apply(&seen).intents, ["other/thanks"]);
}

#[test]
fn every_intent_has_a_place_in_every_product_with_a_list() {
    for view in SHIPPED.views().filter(|view| view.intent_labels().len() > 0) {
        for intent in SHIPPED.intents() {
            let result = view.apply(&Seen { intents: &[(intent.name(), 1.0)], ..Seen::default() });

            assert_eq!(result.intents.len(), 1, "{} {}", view.name(), intent.name());
            assert!(view.intent_labels().any(|label| label == result.intents[0]));
        }
    }
}

#[test]
fn every_step_and_set_of_flags_has_a_sentiment_where_the_product_always_gives_one() {
    let flags: Vec<_> = SHIPPED.flags().map(|flag| flag.name()).collect();
    for set in 0..1_usize << flags.len() {
        let chosen: Vec<_> = flags
            .iter()
            .enumerate()
            .filter(|(bit, _)| set >> bit & 1 == 1)
            .map(|(_, f)| *f)
            .collect();
        for step in POLARITY_STEPS {
            let probabilities = sure_of(step);
            let seen = felt(step, &probabilities, &chosen);
            for name in ["zendesk", "comprehend", "freshdesk", "nps"] {
                assert_eq!(view(name).apply(&seen).sentiments.len(), 1, "{name} {step} {chosen:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn results_stay_within_what_the_view_declares(
        intents in prop::sample::subsequence(
            SHIPPED.intents().map(|intent| intent.name()).collect::<Vec<_>>(), 0..6),
        flags in prop::sample::subsequence(
            SHIPPED.flags().map(|flag| flag.name()).collect::<Vec<_>>(), 0..13),
        weights in prop::array::uniform5(0.0_f32..1.0),
        step in 0_usize..5,
        probability in 0.0_f32..=1.0,
    ) {
        let total = weights.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let probabilities = weights.map(|weight| weight / total);
        let intents: Vec<_> = intents.into_iter().map(|name| (name, probability)).collect();
        let seen = Seen {
            intents: &intents,
            primary_probability: probability,
            language_confidence: probability,
            ..felt(POLARITY_STEPS[step], &probabilities, &flags)
        };
        for view in SHIPPED.views() {
            let result = view.apply(&seen);

            prop_assert_eq!(&result, &view.apply(&seen));
            for sentiment in &result.sentiments {
                prop_assert!(view.sentiment_labels().any(|label| label == sentiment));
            }
            prop_assert_eq!(result.numbers.len(), view.numbers().len());
            for ((name, value), (declared, minimum, maximum)) in
                result.numbers.iter().zip(view.numbers())
            {
                prop_assert_eq!(name, declared);
                prop_assert!((minimum..=maximum).contains(value), "{} {}", name, value);
                let scaled = value * 1e4;
                prop_assert!((scaled - scaled.round()).abs() < 1e-6, "{} has more digits", value);
            }
        }
    }

    #[test]
    fn comprehend_scores_add_up_to_one(weights in prop::array::uniform5(0.01_f32..1.0)) {
        let total: f32 = weights.iter().sum();
        let probabilities = weights.map(|weight| weight / total);

        let result = view("comprehend").apply(&felt("neutral", &probabilities, &[]));

        let sum: f64 = result.numbers.iter().map(|(_, value)| value).sum();
        prop_assert!((sum - 1.0).abs() < 2.1e-4, "{}", sum);
    }

    #[test]
    fn whatever_the_probabilities_numbers_stay_in_bounds(
        probabilities in prop::collection::vec(any::<f32>(), 0..8),
        confidence in any::<f32>(),
    ) {
        let seen = Seen {
            primary_probability: confidence,
            language_confidence: confidence,
            ..felt("neutral", &probabilities, &[])
        };
        for view in SHIPPED.views() {
            let result = view.apply(&seen);
            for ((_, value), (_, minimum, maximum)) in result.numbers.iter().zip(view.numbers()) {
                prop_assert!((minimum..=maximum).contains(value), "{}", value);
            }
        }
    }
}
