use proptest::prelude::*;

use super::super::outcomes::tests::{answer, case};
use super::super::vocabulary::tests::vocabulary;
use super::super::vocabulary::{OUT_OF_SCOPE, Vocabulary};
use super::*;
use crate::scoring::AbstainReason;

fn labels() -> Vocabulary {
    vocabulary(&["order.status", "order.cancel", "refund.request", OUT_OF_SCOPE], &["angry"])
}

/// Outcomes of (right intent, probabilities to lead, right mood, predicted mood).
fn outcomes(messages: &[(usize, [f32; 4], usize, usize)]) -> Vec<Outcome> {
    messages
        .iter()
        .map(|&(gold, leading, mood, predicted)| {
            let mut case = case("en", &[gold]);
            case.polarity = Some(mood);
            Outcome::of(&case, &answer(&leading, predicted, &[0.1]), &labels())
        })
        .collect()
}

fn some_outcomes() -> Vec<Outcome> {
    outcomes(&[
        (0, [0.9, 0.1, 0.0, 0.0], 2, 2),
        (0, [0.2, 0.6, 0.1, 0.1], 1, 0),
        (2, [0.3, 0.3, 0.4, 0.0], 0, 2),
        (3, [0.1, 0.1, 0.5, 0.3], 4, 4),
        (1, [0.0, 0.8, 0.1, 0.1], 3, 2),
    ])
}

fn measured(outcomes: &[Outcome], weights: Option<&[u32]>) -> Figures {
    let sample = Sample { outcomes, weights, intents: 4, flags: 1 };
    let part = Part::new("all", (0..outcomes.len()).collect(), outcomes);
    part.figures(&sample, &part.tally(&sample))
}

fn close(figures: &Figures, figure: Figure, expected: f64) {
    let value = figures.get(figure).unwrap();
    assert!((value - expected).abs() < 1e-6, "{}: {value} is not {expected}", figure.as_str());
}

#[test]
fn figures_are_those_counted_by_hand() {
    let figures = measured(&some_outcomes(), None);

    close(&figures, Figure::PrimaryAccuracy, 0.6);
    close(&figures, Figure::PrimaryTop3, 1.0);
    close(&figures, Figure::GroupAccuracy, 0.8);
    // Present: 0, 1, none, 2, 1. Right: 0, 0, 2, 3, 1. Two of both, five and four of either.
    close(&figures, Figure::IntentsMicroF1, 4.0 / 9.0);
    close(&figures, Figure::IntentsMacroF1, (2.0 / 3.0 + 2.0 / 3.0 + 0.0 + 0.0) / 4.0);
    close(&figures, Figure::Polarity5Accuracy, 0.4);
    close(&figures, Figure::Polarity3Accuracy, 0.6);
    close(&figures, Figure::PolarityWithin1, 0.8);
    // Surest four: 0.9 right, 0.8 right, 0.6 wrong, 0.5 wrong.
    close(&figures, Figure::Coverage90Accuracy, 0.5);
    close(&figures, Figure::OutOfScopeAuroc, 1.0);
    close(&figures, Figure::Abstained, 0.0);
    assert_eq!(figures.get(Figure::FlagsMicroF1), None, "no flag is right or predicted");
    assert_eq!(figures.get(Figure::GroupFallbackAccuracy), None);
}

#[test]
fn abstention_does_not_change_whether_the_primary_is_right() {
    let case = case("en", &[0]);
    let mut unsure = answer(&[0.3, 0.2, 0.1, 0.1], 2, &[0.1]);
    unsure.abstention = Some(AbstainReason::LowConfidence);
    let outcomes = [Outcome::of(&case, &unsure, &labels())];

    let figures = measured(&outcomes, None);

    close(&figures, Figure::PrimaryAccuracy, 1.0);
    close(&figures, Figure::Abstained, 1.0);
    assert_eq!(figures.get(Figure::AccuracyWhenAnswered), None);
}

#[test]
fn nothing_has_no_figures() {
    assert_eq!(measured(&[], None), Figures::default());
}

#[test]
fn mean_leaves_out_parts_without_the_figure() {
    let part = |value| Figures::from_fn(|figure| if figure == Figure::Ece { value } else { None });

    let mean = Figures::mean(&[part(Some(0.2)), part(None), part(Some(0.4))]);

    close(&mean, Figure::Ece, 0.3);
    assert_eq!(mean.get(Figure::PrimaryAccuracy), None);
}

#[test]
fn figures_stand_at_their_own_place() {
    for (index, figure) in Figure::ALL.into_iter().enumerate() {
        assert_eq!(figure as usize, index, "{figure:?}");
    }
}

proptest! {
    /// A weight of k is the message k times over: the bootstrap rests on it.
    #[test]
    fn weights_count_like_copies(weights in prop::collection::vec(0_u32..4, 5)) {
        let outcomes = some_outcomes();
        let copies: Vec<Outcome> = outcomes
            .iter()
            .zip(&weights)
            .flat_map(|(outcome, weight)| std::iter::repeat_n(outcome.clone(), *weight as usize))
            .collect();

        let (weighted, copied) = (measured(&outcomes, Some(&weights)), measured(&copies, None));

        for figure in Figure::ALL {
            match (weighted.get(figure), copied.get(figure)) {
                (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9, "{figure:?}: {a} {b}"),
                (a, b) => prop_assert_eq!(a, b, "{:?}", figure),
            }
        }
    }
}
