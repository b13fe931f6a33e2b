//! All that an evaluation found, in the form that is written: `docs/evaluation.md` describes every field.

pub mod confusions;
pub mod curves;
pub mod examples;
pub mod labels;
pub mod parts;
pub mod robustness;

use serde::Serialize;

use self::confusions::{ConfidentErrors, Confusion, WorstConfusion};
use self::curves::{CoveragePoint, Reliabilities};
use self::examples::{Examples, Texts};
use self::labels::{FlagReport, IntentReport, PolarityReport};
use self::parts::{FiguresReport, Named, PartReport};
use self::robustness::{Disturbed, RobustnessReport};
use super::answers::Answer;
use super::comparison::Comparison;
use super::measurement::{Bootstrap, Judged, Measured};
use super::records::{Case, Record};
use super::vocabulary::Vocabulary;
use crate::scoring::AbstainReason;

/// Name of the format.
pub const SCHEMA: &str = "signalbox.evaluation";
/// Version of the format; it changes when a field goes or means something else.
pub const SCHEMA_VERSION: u32 = 1;

/// What was evaluated.
#[derive(Clone, Debug, Serialize)]
pub struct ModelIdentity {
    /// Name of the model.
    pub name: String,
    /// Version of the model.
    pub version: String,
    /// Digest over all of its files.
    pub digest: String,
    /// Directory as it was given, or `default` for the model inside the program.
    pub source: String,
}

/// A file with labelled messages.
#[derive(Clone, Debug, Serialize)]
pub struct DataFile {
    /// Path as it was given.
    pub path: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Messages that were evaluated.
    pub records: usize,
    /// Lines that are no labelled messages and were left out.
    pub rejected: usize,
}

/// The program that evaluated.
#[derive(Clone, Debug, Serialize)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What one model said about all messages.
#[derive(Clone, Debug)]
pub struct ModelRun {
    /// Which model.
    pub identity: ModelIdentity,
    /// What it can say.
    pub vocabulary: Vocabulary,
    /// What it said, in the order of the messages.
    pub answers: Vec<Answer>,
    /// What it decided about disturbed messages; `None` when it was not asked.
    pub disturbed: Option<Vec<Disturbed>>,
}

/// All that a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Study<'a> {
    /// The messages.
    pub records: &'a [Record],
    /// The files that they come from.
    pub data: &'a [DataFile],
    /// The model.
    pub first: &'a ModelRun,
    /// The model that it is compared with.
    pub second: Option<&'a ModelRun>,
    /// How resamples are drawn.
    pub bootstrap: Bootstrap,
    /// Whether the report may hold what customers wrote.
    pub texts: Texts,
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the format.
    pub schema: &'static str,
    /// Version of the format.
    pub version: u32,
    /// The program that evaluated.
    pub program: Program,
    /// Start of the random numbers.
    pub seed: u64,
    /// Resamples behind each interval.
    pub bootstrap: u64,
    /// Whether texts were left out.
    pub without_texts: bool,
    /// The files with the messages.
    pub data: Vec<DataFile>,
    /// Figures of the model.
    #[serde(flatten)]
    pub evaluation: Evaluation,
    /// Figures of the model that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared: Option<Evaluation>,
    /// Both side by side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// Figures of one model.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// Which model.
    pub model: ModelIdentity,
    /// Over all messages: each counts the same.
    pub overall: PartReport,
    /// Mean over languages: each counts the same.
    pub macro_language: FiguresReport,
    /// By language.
    pub by_language: Named<PartReport>,
    /// By channel.
    pub by_channel: Named<PartReport>,
    /// By length in tokens.
    pub by_length: Named<PartReport>,
    /// Each intent.
    pub intents: Vec<IntentReport>,
    /// Each flag.
    pub flags: Vec<FlagReport>,
    /// The mood, step against step; missing when the model has no such head or nothing is labelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polarity: Option<PolarityReport>,
    /// Whether probabilities keep what they promise.
    pub reliability: Reliabilities,
    /// How accuracy grows as the least confident are left out.
    pub coverage: Vec<CoveragePoint>,
    /// Why the service abstained, and how often.
    pub abstentions: Named<usize>,
    /// What is taken for what.
    pub confusion: Confusion,
    /// The most frequent mistakes.
    pub worst_confusions: Vec<WorstConfusion>,
    /// The mistakes that the model was surest of.
    pub confident_errors: ConfidentErrors,
    /// What happens to disturbed messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub robustness: Option<Vec<RobustnessReport>>,
}

impl Report {
    /// Computes everything. Takes time: every resample is as much work as the figures themselves.
    #[must_use]
    pub fn of(study: &Study<'_>) -> Self {
        let cases: Vec<Case> = study.records.iter().map(|record| record.case.clone()).collect();
        let examples =
            Examples::new(study.records, study.data, &study.first.vocabulary, study.texts);
        let measured = |run: &ModelRun| {
            let judged = Judged::new(&cases, &run.answers, &run.vocabulary);
            let measured = judged.measure(study.bootstrap);
            (judged, measured)
        };
        let (judged, first) = measured(study.first);
        let second = study.second.map(|run| (run, measured(run)));
        let evaluation = |run, judged, measured| {
            Evaluation::of(&Part { cases: &cases, run, judged, measured, examples: &examples })
        };
        Self {
            schema: SCHEMA,
            version: SCHEMA_VERSION,
            program: Program { name: "signalbox", version: env!("CARGO_PKG_VERSION") },
            seed: study.bootstrap.seed,
            bootstrap: study.bootstrap.draws,
            without_texts: study.texts == Texts::Hidden,
            data: study.data.to_vec(),
            evaluation: evaluation(study.first, &judged, &first),
            compared: second
                .as_ref()
                .map(|(run, (judged, measured))| evaluation(run, judged, measured)),
            comparison: second.as_ref().map(|(run, (other, measured))| {
                let sides = [(study.first, &judged, &first), (*run, other, measured)];
                Comparison::of(sides, &examples)
            }),
        }
    }
}

/// What the figures of one model are made of.
struct Part<'a> {
    cases: &'a [Case],
    run: &'a ModelRun,
    judged: &'a Judged,
    measured: &'a Measured,
    examples: &'a Examples<'a>,
}

impl Evaluation {
    fn of(part: &Part<'_>) -> Self {
        let &Part { cases, run, judged, measured, examples } = part;
        let (vocabulary, answers, outcomes) = (&run.vocabulary, &run.answers, &judged.outcomes);
        let tally = judged.tally();
        let disturbed = run.disturbed.as_ref();
        Self {
            model: run.identity.clone(),
            overall: parts::overall(judged, measured),
            macro_language: parts::macro_language(measured),
            by_language: parts::by_language(judged, measured),
            by_channel: parts::by_channel(judged, measured),
            by_length: parts::by_length(judged, measured),
            intents: labels::intents(cases, &tally, measured, run),
            flags: labels::flags(cases, &tally, measured, run),
            polarity: labels::polarity(&tally),
            reliability: Reliabilities::of(cases, answers, &tally, vocabulary),
            coverage: curves::coverage(&judged.overall, outcomes),
            abstentions: abstentions(answers),
            confusion: Confusion::of(cases, answers, vocabulary),
            worst_confusions: confusions::worst(cases, answers, vocabulary, examples),
            confident_errors: confusions::confident_errors(judged, answers, examples),
            robustness: disturbed.map(|disturbed| {
                disturbed.iter().map(|one| RobustnessReport::of(one, cases, run)).collect()
            }),
        }
    }
}

fn abstentions(answers: &[Answer]) -> Named<usize> {
    let count = |reason| {
        let name = AbstainReason::as_str(reason).to_owned();
        (name, answers.iter().filter(|answer| answer.abstention == Some(reason)).count())
    };
    Named(AbstainReason::ALL.map(count).to_vec())
}

#[cfg(test)]
mod tests;
