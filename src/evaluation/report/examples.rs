//! Messages that show what a figure means.

use serde::Serialize;

use super::super::answers::Answer;
use super::super::records::Record;
use super::super::vocabulary::Vocabulary;
use super::DataFile;
use super::parts::rounded;
use crate::labels::LabelId;

/// Code points of a message that are shown at most.
const MAX_CHARS: usize = 400;

/// Whether a report may hold what customers wrote.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Texts {
    /// It may.
    Shown,
    /// It may not.
    Hidden,
}

/// A message.
#[derive(Clone, Debug, Serialize)]
pub struct Example {
    /// Path of its file as it was given.
    pub file: String,
    /// Line of that file, counted from 1.
    pub line: u64,
    /// Language as the record names it.
    pub language: String,
    /// Where it came in.
    pub channel: &'static str,
    /// The record's `batch`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub batch: String,
    /// The right intents, the leading one first.
    pub gold: Vec<String>,
    /// Its beginning, without control characters; missing when texts are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a model took for the leading intent.
#[derive(Clone, Debug, Serialize)]
pub struct Guess {
    /// The intent; `None` when the text was empty.
    pub predicted: Option<String>,
    /// Its probability.
    pub confidence: f64,
}

/// A message with what a model took it for.
#[derive(Clone, Debug, Serialize)]
pub struct GuessedExample {
    /// The message.
    #[serde(flatten)]
    pub example: Example,
    /// What the model took it for.
    #[serde(flatten)]
    pub guess: Guess,
}

/// Makes examples of messages.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    records: &'a [Record],
    data: &'a [DataFile],
    vocabulary: &'a Vocabulary,
    texts: Texts,
}

impl<'a> Examples<'a> {
    /// Takes the messages and the names of their labels.
    #[must_use]
    pub fn new(
        records: &'a [Record],
        data: &'a [DataFile],
        vocabulary: &'a Vocabulary,
        texts: Texts,
    ) -> Self {
        Self { records, data, vocabulary, texts }
    }

    /// Makes an example of the message at a position; `None` past the end.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<Example> {
        let Record { draft, case } = self.records.get(index)?;
        let others = case.intents.iter().filter(|intent| **intent != case.primary);
        let gold = std::iter::once(&case.primary).chain(others);
        Some(Example {
            file: self.data.get(case.file).map(|file| file.path.clone()).unwrap_or_default(),
            line: case.line,
            language: case.language.clone(),
            channel: case.channel.as_str(),
            batch: case.batch.clone(),
            gold: gold.map(|intent| self.name(*intent)).collect(),
            text: (self.texts == Texts::Shown).then(|| excerpt(&draft.subject, &draft.text)),
        })
    }

    /// Makes an example with what an answer takes the message for.
    #[must_use]
    pub fn guessed(&self, index: usize, answer: &Answer) -> Option<GuessedExample> {
        Some(GuessedExample { example: self.of(index)?, guess: self.guess(answer) })
    }

    /// Says what an answer takes a message for.
    #[must_use]
    pub fn guess(&self, answer: &Answer) -> Guess {
        Guess {
            predicted: answer.decision.primary.map(|intent| self.name(intent)),
            confidence: rounded(f64::from(answer.confidence())),
        }
    }

    fn name(&self, intent: LabelId) -> String {
        self.vocabulary.intent_name(intent).to_owned()
    }
}

/// The beginning of a message without control characters and bidirectional overrides.
fn excerpt(subject: &str, text: &str) -> String {
    let whole = if subject.is_empty() { text.to_owned() } else { format!("{subject}\n\n{text}") };
    let plain = crate::text::normalize(&whole);
    let mut shown: String = plain.chars().take(MAX_CHARS).collect();
    if plain.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}
