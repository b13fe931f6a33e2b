//! The same message as somebody else would type it: does the model still read the same?
//!
//! What carries the meaning stays: numbers, addresses of pages and mail are not touched by typing errors, and no edit
//! touches a short word, where "not" and "kein" live, or the first letter of a long one.

mod keyboard;
mod letters;
mod marks;
mod punctuation;
mod typing;

use crate::random::{Random, stream_of};

/// A way to disturb a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Perturbation {
    /// One letter in thirty swapped, dropped, doubled or mistaken for its neighbour on the keyboard.
    Typos,
    /// Everything in small letters.
    LowerCase,
    /// Everything in capital letters.
    UpperCase,
    /// Letters without their marks: "größe" becomes "grosse", "ё" becomes "е", "أ" becomes "ا".
    WithoutDiacritics,
    /// German umlauts written out: "größe" becomes "groesse".
    WrittenOutUmlauts,
    /// Without punctuation, but with emoticons and with what stands inside numbers and addresses.
    WithoutPunctuation,
    /// Latin letters and digits in full width, in Japanese, Chinese and Korean.
    FullWidth,
    /// The same in all other languages.
    FullWidthElsewhere,
    /// Simplified Chinese characters for traditional ones, or the other way round.
    OtherHanScript,
    /// A neutral emoji at the end.
    EmojiAtEnd,
    /// A greeting in front.
    GreetingInFront,
    /// The first half of the characters.
    FirstHalf,
}

impl Perturbation {
    /// Every way, in the order in which reports name them.
    pub const ALL: [Self; 12] = [
        Self::Typos,
        Self::LowerCase,
        Self::UpperCase,
        Self::WithoutDiacritics,
        Self::WrittenOutUmlauts,
        Self::WithoutPunctuation,
        Self::FullWidth,
        Self::FullWidthElsewhere,
        Self::OtherHanScript,
        Self::EmojiAtEnd,
        Self::GreetingInFront,
        Self::FirstHalf,
    ];

    /// Returns the name as reports for machines spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Typos => "typos",
            Self::LowerCase => "lower_case",
            Self::UpperCase => "upper_case",
            Self::WithoutDiacritics => "without_diacritics",
            Self::WrittenOutUmlauts => "written_out_umlauts",
            Self::WithoutPunctuation => "without_punctuation",
            Self::FullWidth => "full_width",
            Self::FullWidthElsewhere => "full_width_elsewhere",
            Self::OtherHanScript => "other_han_script",
            Self::EmojiAtEnd => "emoji_at_end",
            Self::GreetingInFront => "greeting_in_front",
            Self::FirstHalf => "first_half",
        }
    }

    /// Returns the name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Typos => "Typing errors, 1 letter in 30",
            Self::LowerCase => "Small letters",
            Self::UpperCase => "Capital letters",
            Self::WithoutDiacritics => "Without diacritics",
            Self::WrittenOutUmlauts => "German ae, oe, ue",
            Self::WithoutPunctuation => "Without punctuation",
            Self::FullWidth => "Full width (ja, zh, ko)",
            Self::FullWidthElsewhere => "Full width (others)",
            Self::OtherHanScript => "Other Chinese script",
            Self::EmojiAtEnd => "Emoji at the end",
            Self::GreetingInFront => "Greeting in front",
            Self::FirstHalf => "First half only",
        }
    }

    /// Disturbs a text in a language (a BCP-47 tag); `None` when that changes nothing.
    ///
    /// The same text, language and seed always give the same.
    #[must_use]
    pub fn apply(self, text: &str, language: &str, seed: u64) -> Option<String> {
        let language = language.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let mut random = Random::new(seed ^ stream_of(self.as_str()), stream_of(text));
        let is_east_asian = matches!(language.as_str(), "ja" | "zh" | "ko");
        let disturbed = match self {
            Self::Typos => typing::mistype(text, &language, &mut random),
            Self::LowerCase => letters::lower(text, &language),
            Self::UpperCase => letters::upper(text, &language),
            Self::WithoutDiacritics => letters::without_diacritics(text),
            Self::WrittenOutUmlauts if language == "de" => letters::written_out_umlauts(text),
            Self::WithoutPunctuation => punctuation::without(text),
            Self::FullWidth if is_east_asian => letters::full_width(text),
            Self::FullWidthElsewhere if !is_east_asian => letters::full_width(text),
            Self::OtherHanScript if language == "zh" => other_han_script(text),
            Self::EmojiAtEnd => emoji_at_end(text, &mut random),
            Self::GreetingInFront => greeting_in_front(text, &language),
            Self::FirstHalf => first_half(text),
            Self::WrittenOutUmlauts
            | Self::FullWidth
            | Self::FullWidthElsewhere
            | Self::OtherHanScript => return None,
        };
        (disturbed != text).then_some(disturbed)
    }
}

/// Traditional characters where there are simplified ones, else simplified ones.
fn other_han_script(text: &str) -> String {
    let traditional = hanconv::s2t(text);
    if traditional == text { hanconv::t2s(text) } else { traditional }
}

/// Emoji that say nothing about the mood.
const NEUTRAL_EMOJI: [&str; 5] = ["📦", "🛒", "📱", "👋", "🏠"];

fn emoji_at_end(text: &str, random: &mut Random) -> String {
    let emoji = random.pick(&NEUTRAL_EMOJI).copied().unwrap_or_default();
    format!("{} {emoji}", text.trim_end())
}

/// Greetings by language; English for all others.
const GREETINGS: [(&str, &str); 15] = [
    ("en", "Hello,"),
    ("de", "Guten Tag,"),
    ("tr", "Merhaba,"),
    ("ja", "こんにちは。"),
    ("zh", "你好，"),
    ("fr", "Bonjour,"),
    ("es", "Hola,"),
    ("it", "Buongiorno,"),
    ("pt", "Olá,"),
    ("nl", "Hallo,"),
    ("pl", "Dzień dobry,"),
    ("sv", "Hej,"),
    ("ru", "Здравствуйте,"),
    ("ar", "مرحبا،"),
    ("ko", "안녕하세요."),
];

/// Characters of a first paragraph that can be the subject of a mail.
const MAX_SUBJECT_CHARS: usize = 120;

/// Puts a greeting before the text; in a mail that begins with its subject, before the body.
fn greeting_in_front(text: &str, language: &str) -> String {
    let known = GREETINGS.into_iter().find(|(tag, _)| *tag == language);
    let greeting = known.map_or("Hello,", |(_, greeting)| greeting);
    let subject = text.split_once("\n\n").filter(|(subject, _)| {
        !subject.contains('\n') && subject.chars().count() <= MAX_SUBJECT_CHARS
    });
    match subject {
        Some((subject, body)) => format!("{subject}\n\n{greeting}\n{body}"),
        None => format!("{greeting} {text}"),
    }
}

fn first_half(text: &str) -> String {
    let length = text.chars().count().div_ceil(2);
    text.chars().take(length).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests;
