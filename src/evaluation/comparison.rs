//! Two models over the same messages.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::agreement::mcnemar_exact;
use super::answers::Answer;
use super::bootstrap::{centred, interval, p_of_difference};
use super::figures::{Figure, Figures};
use super::measurement::{Judged, Measured, Measurement};
use super::report::ModelRun;
use super::report::examples::{Example, Examples, Guess};
use super::report::parts::{Named, rounded};
use super::tally::{Counts, ratio};

/// Messages of each kind that are listed.
const LISTED: usize = 200;

/// A figure of both models.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// Of the first.
    pub first: Option<f64>,
    /// Of the second.
    pub second: Option<f64>,
    /// Second minus first.
    pub difference: Option<f64>,
    /// 95 % interval of the difference, over resamples that are the same for both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// Two-sided p that the difference is zero, over the same resamples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
}

impl Change {
    /// Compares; `value` finds the figure in a measurement, `shifted` says whether resamples are systematically off.
    fn of(
        [first, second]: [&Measured; 2],
        shifted: bool,
        value: impl Fn(&Measurement) -> Option<f64>,
    ) -> Self {
        let minus = |second: Option<f64>, first: Option<f64>| Some(second? - first?);
        let pairs = first.draws.iter().zip(&second.draws);
        let differences: Vec<Option<f64>> =
            pairs.map(|(first, second)| minus(value(second), value(first))).collect();
        let (first, second) = (value(&first.point), value(&second.point));
        let difference = minus(second, first);
        let differences = if shifted { centred(differences, difference) } else { differences };
        let interval = interval(differences.iter().copied());
        Self {
            first: first.map(rounded),
            second: second.map(rounded),
            difference: difference.map(rounded),
            interval: interval.map(|found| [rounded(found.low), rounded(found.high)]),
            p: p_of_difference(differences).map(rounded),
        }
    }

    /// Tells whether zero lies outside of the interval.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        self.interval.is_some_and(|[low, high]| low > 0.0 || high < 0.0)
    }
}

/// Every figure of both models over a part of the messages, in the order of [`Figure::ALL`].
#[derive(Clone, Debug)]
pub struct Changes(Vec<Change>);

impl Changes {
    fn of(measured: [&Measured; 2], figures: impl Fn(&Measurement) -> Option<&Figures>) -> Self {
        let change = |figure: Figure| {
            Change::of(measured, figure.is_shifted_by_resampling(), |measurement| {
                figures(measurement).and_then(|figures| figures.get(figure))
            })
        };
        Self(Figure::ALL.map(change).to_vec())
    }

    /// Returns the change of a figure.
    #[must_use]
    pub fn get(&self, figure: Figure) -> Option<&Change> {
        self.0.get(figure as usize)
    }
}

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (figure, change) in Figure::ALL.iter().zip(&self.0) {
            map.serialize_entry(figure.as_str(), change)?;
        }
        map.end()
    }
}

/// The F1 of a label at its threshold.
#[derive(Clone, Debug, Serialize)]
pub struct LabelChange {
    /// Its name.
    pub label: String,
    /// Messages that carry it.
    pub support: u64,
    /// Its F1.
    #[serde(flatten)]
    pub f1: Change,
}

/// Whether the leading intents of both models are right (McNemar's exact test).
#[derive(Clone, Debug, Serialize)]
pub struct McNemar {
    /// Messages that both get right.
    pub both_right: u64,
    /// Messages that only the first gets right.
    pub only_first_right: u64,
    /// Messages that only the second gets right.
    pub only_second_right: u64,
    /// Messages that neither gets right.
    pub neither_right: u64,
    /// Two-sided p.
    pub p: f64,
}

/// A message with what both models took it for.
#[derive(Clone, Debug, Serialize)]
pub struct Disagreement {
    /// The message.
    #[serde(flatten)]
    pub example: Example,
    /// What the first took it for.
    pub first: Guess,
    /// What the second took it for.
    pub second: Guess,
}

/// Messages that one model gets right and the other does not.
#[derive(Clone, Debug, Serialize)]
pub struct Disagreements {
    /// How many there are.
    pub count: usize,
    /// Those that the wrong model was surest of, 200 at most.
    pub examples: Vec<Disagreement>,
}

/// Two models over the same messages. Differences are second minus first.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Share of messages with another leading intent.
    pub primary_changed: Option<f64>,
    /// Over all messages.
    pub overall: Changes,
    /// Mean over languages.
    pub macro_language: Changes,
    /// By language.
    pub by_language: Named<Changes>,
    /// Leading intents.
    pub mcnemar: McNemar,
    /// Each intent at its thresholds.
    pub intents: Vec<LabelChange>,
    /// Each flag at its thresholds.
    pub flags: Vec<LabelChange>,
    /// What the second model unlearned.
    pub only_first_right: Disagreements,
    /// What it learned.
    pub only_second_right: Disagreements,
}

/// One of the models, its answers judged and measured.
type Side<'a> = (&'a ModelRun, &'a Judged, &'a Measured);

impl Comparison {
    /// Compares two models that have the same labels in the same order.
    #[must_use]
    pub fn of(sides: [Side<'_>; 2], examples: &Examples<'_>) -> Self {
        let [(first, judged, _), (second, ..)] = sides;
        let measured = sides.map(|(.., measured)| measured);
        let counts = judged.tally().verdicts;
        let languages = judged.languages.iter().enumerate().map(|(index, part)| {
            let changes = Changes::of(measured, |measurement| measurement.languages.get(index));
            (part.name.clone(), changes)
        });
        let intents = |measurement: &Measurement, index| f1(&measurement.intents_f1, index);
        let flags = |measurement: &Measurement, index| f1(&measurement.flags_f1, index);
        let vocabulary = &first.vocabulary;
        let mcnemar = mcnemar(sides);
        Self {
            primary_changed: primary_changed(&first.answers, &second.answers),
            overall: Changes::of(measured, |measurement| Some(&measurement.overall)),
            macro_language: Changes::of(measured, |measurement| Some(&measurement.macro_language)),
            by_language: Named(languages.collect()),
            only_first_right: disagreements(sides, examples, Winner::First),
            only_second_right: disagreements(sides, examples, Winner::Second),
            mcnemar,
            intents: label_changes(
                vocabulary.intents.iter(),
                counts.intents.iter(),
                measured,
                intents,
            ),
            flags: label_changes(vocabulary.flags.iter(), counts.flags.iter(), measured, flags),
        }
    }
}

fn f1(values: &[Option<f64>], index: usize) -> Option<f64> {
    values.get(index).copied().flatten()
}

fn label_changes<'a>(
    labels: impl Iterator<Item = &'a str>,
    counts: impl Iterator<Item = &'a Counts>,
    measured: [&Measured; 2],
    value: impl Fn(&Measurement, usize) -> Option<f64>,
) -> Vec<LabelChange> {
    labels
        .zip(counts)
        .enumerate()
        .map(|(index, (label, counts))| LabelChange {
            label: label.to_owned(),
            support: counts.support(),
            f1: Change::of(measured, false, |measurement| value(measurement, index)),
        })
        .collect()
}

fn primary_changed(first: &[Answer], second: &[Answer]) -> Option<f64> {
    let pairs = first.iter().zip(second);
    let changed = pairs.filter(|(first, second)| first.decision.primary != second.decision.primary);
    ratio(changed.count() as u64, first.len() as u64).map(rounded)
}

fn mcnemar(sides: [Side<'_>; 2]) -> McNemar {
    let [first, second] = sides.map(|(_, judged, _)| judged.outcomes.iter());
    let (mut both, mut only_first, mut only_second, mut neither) = (0, 0, 0, 0);
    for (first, second) in first.zip(second) {
        match (first.verdict.right, second.verdict.right) {
            (true, true) => both += 1,
            (true, false) => only_first += 1,
            (false, true) => only_second += 1,
            (false, false) => neither += 1,
        }
    }
    McNemar {
        both_right: both,
        only_first_right: only_first,
        only_second_right: only_second,
        neither_right: neither,
        p: mcnemar_exact(only_first, only_second),
    }
}

/// Which model is right.
#[derive(Clone, Copy)]
enum Winner {
    First,
    Second,
}

fn disagreements(sides: [Side<'_>; 2], examples: &Examples<'_>, winner: Winner) -> Disagreements {
    let (first, second) = match sides {
        [(first, ..), (second, ..)] => (&first.answers, &second.answers),
    };
    let [rights, other_rights] = sides.map(|(_, judged, _)| judged.outcomes.iter());
    let mut found: Vec<(usize, f32)> = rights
        .zip(other_rights)
        .enumerate()
        .filter_map(|(index, (a, b))| {
            let (winner, loser) = match winner {
                Winner::First => (a, b),
                Winner::Second => (b, a),
            };
            (winner.verdict.right && !loser.verdict.right).then_some((index, loser.confidence))
        })
        .collect();
    found.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let count = found.len();
    let shown = found.into_iter().take(LISTED).filter_map(|(index, _)| {
        Some(Disagreement {
            example: examples.of(index)?,
            first: examples.guess(first.get(index)?),
            second: examples.guess(second.get(index)?),
        })
    });
    Disagreements { count, examples: shown.collect() }
}
