use super::*;
use crate::model::manifest::Pooling;

fn head(name: HeadName, kind: HeadKind, labels: &[&str]) -> Head {
    let thresholds = match kind {
        HeadKind::MultiLabel => vec![0.5; labels.len()],
        HeadKind::SingleLabel | HeadKind::Ordinal => vec![],
    };
    let labels = LabelSet::new(labels.iter().copied());
    Head { name, kind, labels, temperature: 1.0, thresholds }
}

const INTENTS: [&str; 4] = ["order.status", "order.cancel", "refund.request", "chat.greeting"];
const STEPS: [&str; 5] = ["very_negative", "negative", "neutral", "positive", "very_positive"];

fn manifest(heads: Vec<Head>) -> Manifest {
    Manifest {
        name: "test".into(),
        version: "1".into(),
        max_tokens: 16,
        pooling: Pooling::Mean,
        heads,
        languages: vec![],
        abstention: AbstentionRules::default(),
    }
}

fn full_scorer() -> Scorer {
    Scorer::new(&manifest(vec![
        head(HeadName::Primary, HeadKind::SingleLabel, &INTENTS),
        head(HeadName::Intent, HeadKind::MultiLabel, &INTENTS),
        head(HeadName::Polarity, HeadKind::Ordinal, &STEPS),
        head(HeadName::Flags, HeadKind::MultiLabel, &["angry", "urgent"]),
    ]))
}

fn output(primary: [f32; 4], intent: [f32; 4]) -> MessageOutput {
    MessageOutput {
        heads: vec![
            (HeadName::Primary, primary.to_vec()),
            (HeadName::Intent, intent.to_vec()),
            (HeadName::Polarity, vec![0.0, 3.0, 0.0, 0.0, 0.0]),
            (HeadName::Flags, vec![2.0, -2.0]),
        ],
    }
}

fn names(scorer: &Scorer, prediction: &Prediction) -> Vec<String> {
    let name = |intent: &RankedIntent| scorer.intents().get(intent.presence.id).unwrap().to_owned();
    prediction.intents.iter().map(name).collect()
}

#[test]
fn primary_head_leads_and_presence_orders_the_rest() {
    let scorer = full_scorer();

    let prediction =
        scorer.predict(&output([1.0, 5.0, 0.0, 0.0], [-1.0, 1.0, 3.0, -4.0]), 0.0).unwrap();

    let expected = ["order.cancel", "refund.request", "order.status", "chat.greeting"];
    assert_eq!(names(&scorer, &prediction), expected);
    let above: Vec<bool> = prediction.intents.iter().map(|i| i.presence.above()).collect();
    assert_eq!(above, [true, true, false, false]);
    assert_eq!(prediction.abstention, None);
}

#[test]
fn equal_intents_of_one_group_fall_back_to_the_group() {
    let scorer = full_scorer();

    // e^2 / (2 e^2 + 2) is 0.44 each; both over 0.4, so use flatter ones: three way split.
    let prediction =
        scorer.predict(&output([0.6, 0.6, -0.4, -0.4], [0.0, 0.0, -2.0, -2.0]), 0.0).unwrap();

    let group = prediction.group_fallback.unwrap();
    assert_eq!(&*group.name, "order");
    assert!((group.probability - 0.731).abs() < 1e-3, "{}", group.probability);
    assert_eq!(prediction.abstention, None);
}

#[test]
fn equal_intents_of_different_groups_are_ambiguous() {
    let scorer = full_scorer();

    let prediction =
        scorer.predict(&output([1.0, 0.2, 1.0, 0.9], [0.0, -2.0, 0.0, -2.0]), 0.0).unwrap();

    let abstention = prediction.abstention.unwrap();
    assert_eq!(abstention.reason, AbstainReason::Ambiguous);
    assert!(abstention.detail.contains("order.status and refund.request"), "{abstention:?}");
}

#[test]
fn scattered_probabilities_are_low_confidence() {
    let scorer = full_scorer();

    let prediction =
        scorer.predict(&output([0.5, 0.0, 0.05, 0.0], [0.0, -2.0, 0.0, -2.0]), 0.0).unwrap();

    assert_eq!(prediction.abstention.unwrap().reason, AbstainReason::LowConfidence);
}

#[test]
fn no_intent_present_or_unknown_tokens_is_out_of_distribution() {
    let scorer = full_scorer();
    let confident = [9.0, 0.0, 0.0, 0.0];

    let absent = scorer.predict(&output(confident, [-5.0; 4]), 0.0).unwrap();
    let unknown = scorer.predict(&output(confident, [5.0; 4]), 0.9).unwrap();

    assert_eq!(absent.abstention.unwrap().reason, AbstainReason::OutOfDistribution);
    assert_eq!(unknown.abstention.unwrap().reason, AbstainReason::OutOfDistribution);
}

#[test]
fn polarity_score_is_the_expected_position() {
    let even = polarity_of(&[0.2; 5]);
    let lowest = polarity_of(&[1.0, 0.0, 0.0, 0.0, 0.0]);
    let torn = polarity_of(&[0.4, 0.1, 0.0, 0.1, 0.4]);

    assert!(even.score.abs() < 1e-6);
    assert!((lowest.score + 1.0).abs() < 1e-6);
    assert!(torn.mixed && !lowest.mixed);
    assert_eq!(torn.label, LabelId(0));
}

#[test]
fn single_softmax_model_gives_the_same_probability_twice() {
    let scorer =
        Scorer::new(&manifest(vec![head(HeadName::Primary, HeadKind::SingleLabel, &INTENTS)]));
    let output = MessageOutput { heads: vec![(HeadName::Primary, vec![0.0, 4.0, 0.0, 0.0])] };

    let prediction = scorer.predict(&output, 0.0).unwrap();

    let first = prediction.intents.first().unwrap();
    assert_eq!(first.presence.id, LabelId(1));
    assert!((first.presence.probability - first.leading).abs() < 1e-9);
    assert!(prediction.polarity.is_none() && prediction.flags.is_empty());
}

#[test]
fn values_that_are_not_finite_are_an_error() {
    let scorer = full_scorer();

    let error = scorer.predict(&output([0.0, f32::NAN, 0.0, 0.0], [0.0; 4]), 0.0).unwrap_err();

    assert_eq!(error, ScoringError::NotFinite { head: HeadName::Primary, index: 1 });
}

#[test]
fn missing_head_is_an_error() {
    let error = full_scorer().predict(&MessageOutput::default(), 0.0).unwrap_err();

    assert!(matches!(error, ScoringError::Shape { found: 0, .. }));
}
