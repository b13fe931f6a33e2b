use super::super::figures::Figure;
use super::super::outcomes::tests::{answer, case};
use super::super::perturbation::Perturbation;
use super::super::vocabulary::tests::vocabulary;
use super::*;
use crate::evaluation::answers::Decision;
use crate::labels::LabelId;
use crate::message::MessageDraft;

fn records() -> Vec<Record> {
    let gold = [("de", 0), ("de", 0), ("en", 1), ("en", 1), ("en", 2), ("tr", 2)];
    gold.into_iter()
        .enumerate()
        .map(|(index, (language, intent))| {
            let text = format!("message \u{202e}{index}\u{7} {}", "x".repeat(500));
            let mut case = case(language, &[intent]);
            case.line = index as u64 + 1;
            Record { draft: MessageDraft { text, ..MessageDraft::default() }, case }
        })
        .collect()
}

fn run(name: &str, leading: [[f32; 3]; 6]) -> ModelRun {
    ModelRun {
        identity: ModelIdentity {
            name: name.to_owned(),
            version: "1".to_owned(),
            digest: "sha256:0".to_owned(),
            source: name.to_owned(),
        },
        vocabulary: vocabulary(&["a.x", "a.y", "b.z"], &["angry"]),
        answers: leading.map(|leading| answer(&leading, 2, &[0.1])).to_vec(),
        disturbed: None,
    }
}

/// Right about 0, 2 and 5; takes a.x for a.y once, a.y for b.z once, b.z for a.y once.
fn first() -> ModelRun {
    run(
        "first",
        [
            [0.9, 0.1, 0.0],
            [0.1, 0.8, 0.1],
            [0.2, 0.7, 0.1],
            [0.1, 0.3, 0.6],
            [0.2, 0.5, 0.3],
            [0.2, 0.3, 0.5],
        ],
    )
}

/// As the first, but right about 1 and 3 and wrong about 5.
fn second() -> ModelRun {
    let mut run = first();
    for (index, leading) in [(1, [0.6, 0.2, 0.2]), (3, [0.0, 0.9, 0.1]), (5, [0.4, 0.3, 0.3])] {
        run.answers[index] = answer(&leading, 2, &[0.1]);
    }
    run
}

fn report(first: &ModelRun, second: Option<&ModelRun>, texts: Texts) -> Report {
    let data = [DataFile {
        path: "data.jsonl".to_owned(),
        sha256: String::new(),
        records: 6,
        rejected: 0,
    }];
    let bootstrap = Bootstrap { draws: 50, seed: 1 };
    Report::of(&Study { records: &records(), data: &data, first, second, bootstrap, texts })
}

#[test]
fn mistakes_are_counted_and_shown_by_the_surest() {
    let found = report(&first(), None, Texts::Shown).evaluation;

    let pairs: Vec<_> = found
        .worst_confusions
        .iter()
        .map(|pair| (pair.gold.as_str(), pair.predicted.as_str(), pair.count, pair.share))
        .collect();
    assert_eq!(
        pairs,
        [("a.x", "a.y", 1, Some(0.5)), ("a.y", "b.z", 1, Some(0.5)), ("b.z", "a.y", 1, Some(0.5))]
    );
    let lines: Vec<_> = found.confident_errors.iter().map(|error| error.example.line).collect();
    assert_eq!(lines, [2, 4, 5], "by confidence: 0.8, 0.6, 0.5");
    assert_eq!(found.confusion.groups.counts, [[3, 1], [1, 1]]);
    assert_eq!(found.confusion.primary.iter().map(|cell| cell.count).sum::<u64>(), 6);
}

#[test]
fn excerpt_is_cut_and_shows_no_control_characters() {
    let shown = report(&first(), None, Texts::Shown).evaluation;
    let hidden = report(&first(), None, Texts::Hidden).evaluation;

    let text = shown.confident_errors[0].example.text.clone().unwrap();
    assert!(text.starts_with("message 1 xxx") && text.ends_with('…'), "{text}");
    assert_eq!(text.chars().count(), 401);
    assert_eq!(hidden.confident_errors[0].example.text, None);
}

#[test]
fn coverage_falls_from_the_surest_to_all() {
    let found = report(&first(), None, Texts::Hidden).evaluation;

    let at = |percent: usize| {
        let point = &found.coverage[percent - 1];
        (point.accuracy, point.min_confidence)
    };
    assert_eq!(found.coverage.len(), 100);
    assert_eq!(at(1), (1.0, 0.9));
    assert_eq!(at(34), (0.5, 0.8));
    assert_eq!(at(100), (0.5, 0.5));
}

#[test]
fn comparison_counts_what_only_one_gets_right() {
    let found = report(&first(), Some(&second()), Texts::Hidden).comparison.unwrap();

    let test = &found.mcnemar;
    assert_eq!(
        (test.both_right, test.only_first_right, test.only_second_right, test.neither_right),
        (2, 1, 2, 1)
    );
    assert!((test.p - 1.0).abs() < 1e-12);
    assert_eq!(found.primary_changed, Some(0.5));
    let change = found.overall.get(Figure::PrimaryAccuracy).unwrap();
    assert_eq!(
        (change.first, change.second, change.difference),
        (Some(0.5), Some(0.666_667), Some(0.166_667))
    );
    assert!(!change.is_clear());
    assert_eq!(found.only_first_right.examples[0].example.line, 6);
    let learned: Vec<_> =
        found.only_second_right.examples.iter().map(|one| one.example.line).collect();
    assert_eq!(learned, [2, 4], "first those that the first model was surest of");
}

#[test]
fn robustness_looks_at_disturbed_messages_only() {
    let mut run = first();
    let decision = |intent| Decision {
        primary: Some(LabelId(intent)),
        polarity: Some(2),
        ..Decision::default()
    };
    run.disturbed = Some(vec![Disturbed {
        perturbation: Perturbation::Typos,
        decisions: vec![(0, decision(1)), (1, decision(0)), (4, decision(1))],
    }]);

    let found = report(&run, None, Texts::Hidden).evaluation.robustness.unwrap();

    let effect = &found[0].effect;
    assert_eq!((found[0].perturbation, effect.messages), ("typos", 3));
    assert_eq!(effect.before.primary_accuracy, effect.after.primary_accuracy, "one lost, one won");
    assert_eq!(effect.primary_changed, Some(0.666_667));
    let languages: Vec<_> = found[0]
        .by_language
        .0
        .iter()
        .map(|(name, effect)| (name.as_str(), effect.messages))
        .collect();
    assert_eq!(languages, [("de", 2), ("en", 1)]);
}
