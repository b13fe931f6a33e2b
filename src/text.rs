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

pub use cleaned::{CleanedText, Section};
pub use sections::SectionKind;

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
            (false, false) => format!("{head}\n\n{text}"),
        };
        Self { subject, body, text, subject_only }
    }

    /// Tells whether nothing is left to classify.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
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
