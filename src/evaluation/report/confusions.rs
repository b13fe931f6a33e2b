//! What is taken for what.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::answers::Answer;
use super::super::measurement::Judged;
use super::super::records::Case;
use super::super::tally::ratio;
use super::super::vocabulary::Vocabulary;
use super::examples::{Examples, GuessedExample};
use super::parts::rounded;
use crate::labels::LabelId;

/// Mistakes that are listed.
const PAIRS: usize = 30;
/// Examples of each.
const EXAMPLES: usize = 3;
/// Errors that are listed.
const ERRORS: usize = 20;

/// The errors that a model was surest of.
pub type ConfidentErrors = Vec<GuessedExample>;

/// How often one intent was taken for another, or for itself.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// The right one.
    pub gold: String,
    /// What it was taken for; `None` when the text was empty.
    pub predicted: Option<String>,
    /// How often.
    pub count: u64,
}

/// Groups against groups.
#[derive(Clone, Debug, Serialize)]
pub struct GroupConfusion {
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Messages by `[right][predicted]`.
    pub counts: Vec<Vec<u64>>,
    /// Messages of each group whose text was empty.
    pub unanswered: Vec<u64>,
}

/// What is taken for what.
#[derive(Clone, Debug, Serialize)]
pub struct Confusion {
    /// Leading intents; pairs that never occur are left out.
    pub primary: Vec<Cell>,
    /// Groups.
    pub groups: GroupConfusion,
}

impl Confusion {
    /// Counts.
    #[must_use]
    pub fn of(cases: &[Case], answers: &[Answer], vocabulary: &Vocabulary) -> Self {
        let name = |intent: LabelId| vocabulary.intent_name(intent).to_owned();
        let size = vocabulary.groups.len();
        let mut groups = GroupConfusion {
            groups: vocabulary.groups.clone(),
            counts: vec![vec![0; size]; size],
            unanswered: vec![0; size],
        };
        let pairs = pairs(cases, answers);
        for ((gold, predicted), positions) in &pairs {
            let gold = vocabulary.group(*gold);
            let cell = match predicted {
                Some(intent) => {
                    let row = groups.counts.get_mut(gold);
                    row.and_then(|row| row.get_mut(vocabulary.group(*intent)))
                }
                None => groups.unanswered.get_mut(gold),
            };
            if let Some(cell) = cell {
                *cell += positions.len() as u64;
            }
        }
        let cell = |((gold, predicted), positions): (Pair, Vec<usize>)| Cell {
            gold: name(gold),
            predicted: predicted.map(name),
            count: positions.len() as u64,
        };
        Self { primary: pairs.into_iter().map(cell).collect(), groups }
    }
}

/// (right, predicted)
type Pair = (LabelId, Option<LabelId>);

/// Positions of the messages of each pair.
fn pairs(cases: &[Case], answers: &[Answer]) -> BTreeMap<Pair, Vec<usize>> {
    let mut pairs: BTreeMap<Pair, Vec<usize>> = BTreeMap::new();
    for (index, (case, answer)) in cases.iter().zip(answers).enumerate() {
        pairs.entry((case.primary, answer.decision.primary)).or_default().push(index);
    }
    pairs
}

/// A frequent mistake.
#[derive(Clone, Debug, Serialize)]
pub struct WorstConfusion {
    /// The right intent.
    pub gold: String,
    /// What it was taken for.
    pub predicted: String,
    /// How often.
    pub count: u64,
    /// Share of all messages with that right intent.
    pub share: Option<f64>,
    /// The surest ones.
    pub examples: Vec<GuessedExample>,
}

/// Returns the most frequent mistakes.
#[must_use]
pub fn worst(
    cases: &[Case],
    answers: &[Answer],
    vocabulary: &Vocabulary,
    examples: &Examples<'_>,
) -> Vec<WorstConfusion> {
    let mut wrong: Vec<(LabelId, LabelId, Vec<usize>)> = pairs(cases, answers)
        .into_iter()
        .filter_map(|((gold, predicted), positions)| Some((gold, predicted?, positions)))
        .filter(|(gold, predicted, _)| gold != predicted)
        .collect();
    // Of equals, the order of the labels stands.
    wrong.sort_by_key(|(.., positions)| std::cmp::Reverse(positions.len()));
    let name = |intent| vocabulary.intent_name(intent).to_owned();
    let confusion = |(gold, predicted, positions): (LabelId, LabelId, Vec<usize>)| {
        let all = cases.iter().filter(|case| case.primary == gold).count();
        let count = positions.len() as u64;
        WorstConfusion {
            gold: name(gold),
            predicted: name(predicted),
            count,
            share: ratio(count, all as u64).map(rounded),
            examples: surest(positions, answers, examples),
        }
    };
    wrong.into_iter().take(PAIRS).map(confusion).collect()
}

fn surest(
    mut positions: Vec<usize>,
    answers: &[Answer],
    examples: &Examples<'_>,
) -> Vec<GuessedExample> {
    let confidence = |index: usize| answers.get(index).map_or(0.0, Answer::confidence);
    positions.sort_by(|a, b| confidence(*b).total_cmp(&confidence(*a)));
    let shown = positions.into_iter().take(EXAMPLES);
    shown.filter_map(|index| examples.guessed(index, answers.get(index)?)).collect()
}

/// Returns the errors that the model was surest of.
#[must_use]
pub fn confident_errors(
    judged: &Judged,
    answers: &[Answer],
    examples: &Examples<'_>,
) -> ConfidentErrors {
    let order = judged.overall.by_confidence(&judged.outcomes);
    let wrong = order.filter(|(_, outcome)| !outcome.verdict.right);
    wrong
        .take(ERRORS)
        .filter_map(|(index, _)| examples.guessed(index, answers.get(index)?))
        .collect()
}
