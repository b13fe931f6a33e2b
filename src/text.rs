//! Text normalisation: what the model and the language identification read.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::message::Message;

/// What is left of a message after cleaning.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NormalizedText {
    /// Subject and text, separated by an empty line; whichever of them is blank is left out.
    pub text: String,
    /// True when the text was blank and only the subject is left.
    pub subject_only: bool,
}

impl NormalizedText {
    /// Cleans subject and text of a message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let subject = normalize(&message.subject);
        let text = normalize(&message.text);
        match (subject.is_empty(), text.is_empty()) {
            (true, _) => Self { text, subject_only: false },
            (false, true) => Self { text: subject, subject_only: true },
            (false, false) => Self { text: format!("{subject}\n\n{text}"), subject_only: false },
        }
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
    let kept: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter_map(|character| match character {
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\t' => Some(' '),
            '\n' => Some('\n'),
            _ if is_invisible(character) => None,
            _ => Some(character),
        })
        .collect();
    let composed = match is_nfc_quick(kept.chars()) {
        IsNormalized::Yes => kept,
        IsNormalized::No | IsNormalized::Maybe => kept.nfc().collect(),
    };
    let trimmed = composed.trim();
    if trimmed.len() == composed.len() { composed } else { trimmed.to_owned() }
}

/// Tells whether a character shows nothing and carries no meaning: controls, byte-order marks, zero-width spaces,
/// bidirectional overrides (which can hide what a text says), interlinear and tag characters.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0001}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::{Limits, MessageDraft, ValidationErrors};

    fn message(subject: &str, text: &str) -> Message {
        MessageDraft { subject: subject.into(), text: text.into(), ..MessageDraft::default() }
            .validate(&Limits::default(), ValidationErrors::default())
            .unwrap()
    }

    #[test]
    fn control_and_zero_width_characters_are_removed() {
        assert_eq!(
            normalize("\u{feff}wh\0ere\u{200b} is\r\nmy\torder\u{7} "),
            "where is\nmy order"
        );
    }

    #[test]
    fn combining_marks_are_composed_and_emoji_sequences_stay() {
        assert_eq!(normalize("u\u{308}ber"), "über");
        assert_eq!(normalize("👩\u{200d}🚀"), "👩\u{200d}🚀");
    }

    #[test]
    fn blank_text_leaves_the_subject() {
        let normalized = NormalizedText::of(&message("Where is it?", " \u{200b}\n"));

        assert_eq!(normalized.text, "Where is it?");
        assert!(normalized.subject_only);
    }

    #[test]
    fn subject_comes_before_the_text() {
        assert_eq!(NormalizedText::of(&message("Order", "late")).text, "Order\n\nlate");
        assert!(NormalizedText::of(&message("\u{200b}", "\0\n")).is_blank());
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing_and_length_is_bounded(text in "\\PC{0,64}|.{0,64}") {
            let once = normalize(&text);

            prop_assert!(once.len() <= 3 * text.len());
            prop_assert_eq!(normalize(&once), once);
        }
    }
}
