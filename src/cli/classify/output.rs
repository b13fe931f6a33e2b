//! Results as JSON Lines or as a table.

mod explanation;

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use clap::ValueEnum;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width};
use serde::Serialize;

use self::explanation::ExplanationLine;
use super::super::routing::{RoutingLine, summary};
use crate::labels::{HeadName, LabelId, LabelSet, ScoredLabel};
use crate::message::MessageField;
use crate::text::SectionKind;
use crate::triage::{FoundEntity, ThreadMood, Triage};

/// Rows of one table at most; a longer input gives several, so that the first rows need not wait for the last.
const TABLE_ROWS: usize = 500;

/// Columns of a table that is not shown on a terminal.
const WIDTH: u16 = 120;

/// Place and least width of the words behind an answer: they are what a table with them is made for.
const WORDS_COLUMN: usize = 7;
const WORDS_WIDTH: u16 = 30;

/// Code points of a message that a table shows.
const EXCERPT_CHARS: usize = 200;

/// How results look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object a line
    Jsonl,
    /// For people
    Table,
}

/// What became of a record.
pub(super) struct Outcome {
    /// Line on which it begins.
    pub(super) number: u64,
    /// Bytes of the input up to its end.
    pub(super) end: u64,
    /// What was sent and its result, or why there is none.
    pub(super) result: Result<(Sent, Box<Triage>), String>,
}

/// What is shown of a message itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) text: String,
    pub(super) subject: String,
}

/// Where results go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// Somebody looks on.
    Terminal,
    /// Another program reads on.
    Pipe,
    /// Nobody waits.
    File,
}

/// Writes results as they come.
pub(super) struct Writer {
    sink: BufWriter<Box<dyn Write + Send>>,
    format: Format,
    color: bool,
    to_terminal: bool,
    to_file: bool,
    /// Show the words that carried the answers.
    has_words: bool,
    table: Table,
}

impl Writer {
    pub(super) fn new(
        sink: Box<dyn Write + Send>,
        format: Format,
        color: bool,
        target: Target,
        has_words: bool,
    ) -> Self {
        let (to_terminal, to_file) = (target == Target::Terminal, target == Target::File);
        let table = empty_table(color, to_terminal, has_words);
        Self { sink: BufWriter::new(sink), format, color, to_terminal, to_file, has_words, table }
    }

    /// Writes one result, or keeps it for the next table.
    pub(super) fn write(&mut self, outcome: &Outcome) -> anyhow::Result<()> {
        match self.format {
            Format::Jsonl => {
                serde_json::to_writer(&mut self.sink, &line(outcome))?;
                self.sink.write_all(b"\n")?;
                // Whoever reads results as they come must not wait for a full buffer.
                if !self.to_file {
                    self.sink.flush()?;
                }
            }
            Format::Table => {
                self.table.add_row(row(outcome, self.has_words));
                if self.table.row_count() >= TABLE_ROWS {
                    self.write_table()?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is left.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if self.table.row_count() > 0 {
            self.write_table()?;
        }
        Ok(self.sink.flush()?)
    }

    fn write_table(&mut self) -> anyhow::Result<()> {
        let empty = empty_table(self.color, self.to_terminal, self.has_words);
        let table = std::mem::replace(&mut self.table, empty);
        writeln!(self.sink, "{table}")?;
        Ok(self.sink.flush()?)
    }
}

/// One result as JSON. Probabilities are rounded to four digits: more is noise.
#[derive(Serialize)]
struct ResultLine<'a> {
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(flatten)]
    triage: Option<TriageLine<'a>>,
}

#[derive(Serialize)]
struct TriageLine<'a> {
    id: &'a str,
    primary_intent: Option<Named<'a>>,
    intents: Vec<Labelled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_fallback: Option<Named<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    abstention: Option<AbstentionLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polarity: Option<PolarityLine<'a>>,
    flags: Vec<Labelled<'a>>,
    language: LanguageLine<'a>,
    entities: Vec<EntityLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_mood: Option<ThreadMoodLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<RoutingLine<'a>>,
    truncated: bool,
    token_count: usize,
    model: &'a str,
    model_version: &'a str,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    probability: f64,
}

#[derive(Serialize)]
struct Labelled<'a> {
    name: &'a str,
    probability: f64,
    above: bool,
}

#[derive(Serialize)]
struct AbstentionLine<'a> {
    reason: &'static str,
    detail: &'a str,
}

#[derive(Serialize)]
struct PolarityLine<'a> {
    label: &'a str,
    score: f64,
    mixed: bool,
}

#[derive(Serialize)]
struct EntityLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    value: &'a str,
    start: usize,
    end: usize,
    confidence: f64,
    field: &'static str,
    section: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct ThreadMoodLine {
    trend: &'static str,
    change: f64,
}

#[derive(Serialize)]
struct LanguageLine<'a> {
    tag: &'a str,
    confidence: f64,
    supported: bool,
}

fn line(outcome: &Outcome) -> ResultLine<'_> {
    let number = outcome.number;
    match &outcome.result {
        Err(reason) => ResultLine { line: number, error: Some(reason), triage: None },
        Ok((_, triage)) => {
            ResultLine { line: number, error: None, triage: Some(triage_line(triage)) }
        }
    }
}

fn triage_line(triage: &Triage) -> TriageLine<'_> {
    let scorer = triage.model.scorer();
    let prediction = &triage.prediction;
    let primary = prediction.intents.first();
    TriageLine {
        id: &triage.id,
        primary_intent: primary.map(|intent| Named {
            name: name(Some(scorer.intents()), intent.presence.id),
            probability: rounded(intent.leading),
        }),
        intents: prediction
            .intents
            .iter()
            .take(triage.options.top_k)
            .map(|intent| labelled(Some(scorer.intents()), &intent.presence))
            .collect(),
        group_fallback: prediction
            .group_fallback
            .as_ref()
            .map(|group| Named { name: &group.name, probability: rounded(group.probability) }),
        abstention: prediction.abstention.as_ref().map(|abstention| AbstentionLine {
            reason: abstention.reason.as_str(),
            detail: &abstention.detail,
        }),
        polarity: prediction.polarity.as_ref().map(|polarity| PolarityLine {
            label: name(scorer.labels(HeadName::Polarity), polarity.label),
            score: rounded(polarity.score),
            mixed: polarity.mixed,
        }),
        flags: prediction
            .flags
            .iter()
            .map(|flag| labelled(scorer.labels(HeadName::Flags), flag))
            .collect(),
        language: LanguageLine {
            tag: &triage.language.tag,
            confidence: rounded(triage.language.confidence),
            supported: triage.language.supported,
        },
        entities: triage.entities.iter().map(entity_line).collect(),
        thread_mood: triage.thread_mood.as_ref().map(thread_mood_line),
        explanation: ExplanationLine::of(triage),
        routing: triage.routing.as_ref().map(|(routing, _)| RoutingLine::of(routing)),
        truncated: triage.truncated,
        token_count: triage.token_count,
        model: &triage.model.manifest().name,
        model_version: &triage.model.manifest().version,
    }
}

fn name(labels: Option<&LabelSet>, id: LabelId) -> &str {
    labels.and_then(|labels| labels.get(id)).unwrap_or_default()
}

fn labelled<'a>(labels: Option<&'a LabelSet>, label: &ScoredLabel) -> Labelled<'a> {
    Labelled {
        name: name(labels, label.id),
        probability: rounded(label.probability),
        above: label.above(),
    }
}

fn entity_line(found: &FoundEntity) -> EntityLine<'_> {
    EntityLine {
        kind: found.entity.kind.as_str(),
        value: &found.entity.value,
        start: found.start,
        end: found.end,
        confidence: rounded(found.entity.confidence),
        field: field_name(found.field),
        section: section_name(found.section),
        attributes: &found.entity.attributes,
    }
}

fn field_name(field: MessageField) -> &'static str {
    match field {
        MessageField::Subject => "subject",
        MessageField::Text => "text",
    }
}

fn section_name(section: SectionKind) -> &'static str {
    match section {
        SectionKind::Body => "body",
        SectionKind::Quote => "quote",
        SectionKind::Forward => "forward",
        SectionKind::Signature => "signature",
        SectionKind::Footer => "footer",
    }
}

fn thread_mood_line(mood: &ThreadMood) -> ThreadMoodLine {
    ThreadMoodLine { trend: mood.trend.as_str(), change: rounded(mood.change) }
}

/// Rounds to four digits; a negative zero becomes a plain one.
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4 + 0.0
}

fn empty_table(color: bool, to_terminal: bool, has_words: bool) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(
            ["line", "message", "intents", "mood", "lang", "entities", "routing"]
                .into_iter()
                .chain(has_words.then_some("words"))
                .map(|title| Cell::new(title).add_attribute(Attribute::Bold)),
        );
    if let Some(words) = table.column_mut(WORDS_COLUMN) {
        words.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(WORDS_WIDTH)));
    }
    if color {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if !to_terminal {
        table.set_width(WIDTH);
    }
    table
}

fn row(outcome: &Outcome, has_words: bool) -> Vec<Cell> {
    let number = Cell::new(outcome.number);
    match &outcome.result {
        Err(reason) => vec![number, Cell::new(reason).fg(Color::Red)],
        Ok((sent, triage)) => {
            let result = triage_line(triage);
            let routing = triage.routing.as_ref().map(|(routing, _)| summary(routing));
            let mut cells = vec![
                number,
                Cell::new(excerpt(&sent.text)),
                intents_cell(&result),
                mood_cell(&result),
                Cell::new(result.language.tag),
                Cell::new(entities(triage)),
                Cell::new(routing.unwrap_or_default()),
            ];
            cells.extend(has_words.then(|| Cell::new(explanation::summary(triage, sent))));
            cells
        }
    }
}

/// Control characters and bidirectional overrides of a message must not reach the terminal.
fn excerpt(text: &str) -> String {
    let text = crate::text::normalize(text).replace('\n', " ");
    let mut shown: String = text.chars().take(EXCERPT_CHARS).collect();
    if text.chars().nth(EXCERPT_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// The leading intent, then the others that are present, each on its line.
fn intents_cell(result: &TriageLine<'_>) -> Cell {
    let primary = result.primary_intent.as_ref();
    let mut lines: Vec<String> = primary
        .map(|intent| format!("{} {:.2}", intent.name, intent.probability))
        .into_iter()
        .collect();
    lines.extend(
        present(result.intents.get(1..).unwrap_or_default()).map(|more| format!("+ {more}")),
    );
    let unsure = match (&result.abstention, &result.group_fallback) {
        (Some(abstention), _) => Some(format!("abstains: {}", abstention.reason)),
        (None, Some(group)) => Some(format!("group {} {:.2}", group.name, group.probability)),
        (None, None) => None,
    };
    let color = if unsure.is_some() { Color::Yellow } else { Color::Green };
    lines.extend(unsure);
    Cell::new(lines.join("\n")).fg(color)
}

/// Step and score of the mood, then the flags.
fn mood_cell(result: &TriageLine<'_>) -> Cell {
    let Some(polarity) = &result.polarity else {
        return Cell::new(present(&result.flags).collect::<Vec<_>>().join("\n"));
    };
    // Adding zero makes a negative zero, which would be shown as "-0.00", a plain one.
    let score = (polarity.score * 100.0).round() / 100.0 + 0.0;
    let mut lines = vec![format!("{} {score:+.2}", polarity.label)];
    if polarity.mixed {
        lines.push("mixed".to_owned());
    }
    lines.extend(present(&result.flags));
    let cell = Cell::new(lines.join("\n"));
    match polarity.score {
        score if score <= -0.25 => cell.fg(Color::Red),
        score if score >= 0.25 => cell.fg(Color::Green),
        _ => cell,
    }
}

fn present<'a>(labels: &'a [Labelled<'a>]) -> impl Iterator<Item = String> + 'a {
    let above = labels.iter().filter(|label| label.above);
    above.map(|label| format!("{} {:.2}", label.name, label.probability))
}

fn entities(triage: &Triage) -> String {
    let all = triage.entities.iter().map(|found| &found.entity);
    let shown: Vec<String> =
        all.map(|entity| format!("{} {}", entity.kind.as_str(), excerpt(&entity.value))).collect();
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_is_cut_and_shows_no_control_characters() {
        assert_eq!(excerpt("a\u{1b}[31mb\n\u{202e}c"), "a[31mb c");
        assert_eq!(excerpt(&"ü".repeat(300)).chars().count(), EXCERPT_CHARS + 1);
    }

    #[test]
    fn probabilities_are_rounded_to_four_digits() {
        assert!((rounded(0.123_456) - 0.1235).abs() < 1e-12);
    }
}
