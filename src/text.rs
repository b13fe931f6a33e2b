//! Text cleaning: from what came in to what the model, the language identification and the entities read.
//!
//! A raw text, plain or HTML, becomes a plain one in normalisation form C ([`CleanedText::plain`]), cut into sections: what
//! the customer wrote this time, what it answers, signatures, notices. Nothing is lost but what shows nothing: sections only
//! mark. [`CleanedText::body`] is what the customer wrote; cleaning it again changes nothing. Positions lead back to the raw
//! text.

mod characters;
mod cleaned;
mod html;
mod lines;
mod links;
mod offsets;
mod phrases;
mod quotes;
mod sections;
mod signature;

pub use cleaned::{BodyParts, CleanedText, Section};
pub use sections::SectionKind;

use std::ops::Range;

use crate::message::Message;

/// What is left of a message after cleaning.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NormalizedText {
    /// The subject, cleaned; all of it is body.
    pub subject: CleanedText,
    /// The text, cleaned.
    pub body: CleanedText,
    /// Subject and body, separated by an empty line; whichever of them is blank is left out.
    pub text: String,
    /// True when no body was left and the subject alone decides.
    pub subject_only: bool,
}

impl NormalizedText {
    /// Cleans subject and text of a message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let subject = CleanedText::unsectioned(&message.subject);
        let body = CleanedText::of(&message.text);
        let (head, text) = (subject.body(), body.body());
        let subject_only = text.is_empty() && !head.is_empty();
        let text = match (head.is_empty(), text.is_empty()) {
            (true, _) => text,
            (false, true) => head,
            (false, false) => format!("{head}{SEPARATOR}{text}"),
        };
        Self { subject, body, text, subject_only }
    }

    /// Returns the way from `text` back to subject and body.
    #[must_use]
    pub fn parts(&self) -> TextParts<'_> {
        let head = self.subject.body().len();
        let is_alone = head == 0 || self.subject_only;
        let body_start = if is_alone { head } else { head + SEPARATOR.len() };
        let (subject, body) = (self.subject.body_parts(), self.body.body_parts());
        TextParts { normalized: self, subject, body, body_start }
    }

    /// Tells whether nothing is left to classify.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// What stands between subject and body in [`NormalizedText::text`].
const SEPARATOR: &str = "\n\n";

/// The way from [`NormalizedText::text`] back to subject and body.
#[derive(Debug)]
pub struct TextParts<'a> {
    normalized: &'a NormalizedText,
    subject: BodyParts,
    body: BodyParts,
    /// Where the body begins in the text.
    body_start: usize,
}

/// Where something of [`NormalizedText::text`] stands in the message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Located<'a> {
    /// It stands in the subject, and else in the text.
    pub in_subject: bool,
    /// The cleaned field.
    pub field: &'a CleanedText,
    /// Bytes of [`CleanedText::plain`].
    pub range: Range<usize>,
}

impl TextParts<'_> {
    /// Returns where a range of bytes of the text stands; of one over both fields, the part in the subject.
    #[must_use]
    pub fn locate(&self, range: &Range<usize>) -> Option<Located<'_>> {
        let in_subject = range.start < self.body_start;
        let (field, range) = if in_subject {
            (&self.normalized.subject, self.subject.in_plain(range)?)
        } else {
            let shifted = range.start - self.body_start..range.end - self.body_start;
            (&self.normalized.body, self.body.in_plain(&shifted)?)
        };
        Some(Located { in_subject, field, range })
    }
}

/// Returns the text in Unicode normalisation form C, without control and invisible formatting characters, trimmed.
///
/// Line ends become `\n`, tabs become spaces. The zero-width joiners stay: emoji and several scripts are spelled with
/// them. The result is never longer than three times the input (NFC can expand code points at most threefold in
/// UTF-8) and normalising it again changes nothing.
#[must_use]
pub fn normalize(text: &str) -> String {
    characters::clean(offsets::MappedText::whole(text)).into_text()
}

#[cfg(test)]
mod tests;
