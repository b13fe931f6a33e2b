//! Results as JSON Lines or as a table.

use std::io::{BufWriter, Write};

use clap::ValueEnum;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use serde::Serialize;

use crate::labels::{HeadName, LabelId, LabelSet, ScoredLabel};
use crate::scoring::AbstainReason;
use crate::triage::Triage;

/// Rows of one table at most; a longer input gives several, so that the first rows need not wait for the last.
const TABLE_ROWS: usize = 500;

/// Columns of a table that is not shown on a terminal.
const WIDTH: u16 = 120;

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
    /// The text and its result, or why there is none.
    pub(super) result: Result<(String, Box<Triage>), String>,
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
    table: Table,
}

impl Writer {
    pub(super) fn new(
        sink: Box<dyn Write + Send>,
        format: Format,
        color: bool,
        target: Target,
    ) -> Self {
        let (to_terminal, to_file) = (target == Target::Terminal, target == Target::File);
        let table = empty_table(color, to_terminal);
        Self { sink: BufWriter::new(sink), format, color, to_terminal, to_file, table }
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
                self.table.add_row(row(outcome));
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
        let table = std::mem::replace(&mut self.table, empty_table(self.color, self.to_terminal));
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
            reason: reason(abstention.reason),
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

fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}

fn reason(reason: AbstainReason) -> &'static str {
    match reason {
        AbstainReason::LowConfidence => "low_confidence",
        AbstainReason::Ambiguous => "ambiguous",
        AbstainReason::OutOfDistribution => "out_of_distribution",
        AbstainReason::UnsupportedLanguage => "unsupported_language",
        AbstainReason::Empty => "empty",
    }
}

fn empty_table(color: bool, to_terminal: bool) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(
            ["line", "message", "intent", "also", "mood", "flags", "lang"]
                .map(|title| Cell::new(title).add_attribute(Attribute::Bold)),
        );
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

fn row(outcome: &Outcome) -> Vec<Cell> {
    let number = Cell::new(outcome.number);
    match &outcome.result {
        Err(reason) => vec![number, Cell::new(reason).fg(Color::Red)],
        Ok((text, triage)) => {
            let result = triage_line(triage);
            vec![
                number,
                Cell::new(excerpt(text)),
                intent_cell(&result),
                Cell::new(present(result.intents.get(1..).unwrap_or_default())),
                mood_cell(&result),
                flags_cell(&result),
                Cell::new(result.language.tag),
            ]
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

fn intent_cell(result: &TriageLine<'_>) -> Cell {
    let primary = result
        .primary_intent
        .as_ref()
        .map_or_else(String::new, |intent| format!("{} {:.2}", intent.name, intent.probability));
    if let Some(abstention) = &result.abstention {
        return Cell::new(format!("{primary}\nabstains: {}", abstention.reason)).fg(Color::Yellow);
    }
    match &result.group_fallback {
        Some(group) => {
            Cell::new(format!("{primary}\ngroup {} {:.2}", group.name, group.probability))
                .fg(Color::Yellow)
        }
        None => Cell::new(primary).fg(Color::Green),
    }
}

fn mood_cell(result: &TriageLine<'_>) -> Cell {
    let Some(polarity) = &result.polarity else {
        return Cell::new("");
    };
    let mixed = if polarity.mixed { "\nmixed" } else { "" };
    let cell = Cell::new(format!("{} {:+.2}{mixed}", polarity.label, polarity.score));
    match polarity.score {
        score if score <= -0.25 => cell.fg(Color::Red),
        score if score >= 0.25 => cell.fg(Color::Green),
        _ => cell,
    }
}

fn flags_cell(result: &TriageLine<'_>) -> Cell {
    Cell::new(present(&result.flags)).fg(Color::Magenta)
}

fn present(labels: &[Labelled<'_>]) -> String {
    let shown: Vec<String> = labels
        .iter()
        .filter(|label| label.above)
        .map(|label| format!("{} {:.2}", label.name, label.probability))
        .collect();
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
