//! Checks every rule of a message and reports all broken ones at once.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Attachment, MAX_ATTACHMENTS, MAX_CARRIERS, MAX_CUSTOMER_TAGS, MAX_EXPLAINED_WORDS,
    MAX_LANGUAGE_TAG_CHARS, MAX_NAME_CHARS, MAX_SUBJECT_CHARS, MAX_TAG_CHARS, MAX_THREAD_MESSAGES,
    MAX_TOP_K, MAX_VIEWS, Message, MessageDraft, Money, Options,
};

/// Limits that an operator may set.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limits {
    /// Code points of a text at most.
    pub max_text_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_text_chars: 65_536 }
    }
}

/// One rule that is broken. The text continues the name of the field: "text has 70000 characters, ...".
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ValidationError {
    /// Too many code points.
    #[error("has {chars} characters, at most {limit} are accepted")]
    TooLong {
        /// Code points found.
        chars: usize,
        /// Code points accepted.
        limit: usize,
    },
    /// Too many tokens, and the caller wants no truncation.
    #[error(
        "has {tokens} tokens or more, at most {limit} are read, and options.truncation forbids to cut it"
    )]
    TooManyTokens {
        /// Tokens found; more when the text was too long to be read to its end.
        tokens: usize,
        /// Tokens accepted.
        limit: usize,
    },
    /// Too many items in a list.
    #[error("has {items} items, at most {limit} are accepted")]
    TooMany {
        /// Items found.
        items: usize,
        /// Items accepted.
        limit: usize,
    },
    /// A required field is empty.
    #[error("is missing")]
    Missing,
    /// A control character in a field that goes to logs.
    #[error("has the control character U+{code:04X} at position {position}")]
    ControlCharacter {
        /// Code point.
        code: u32,
        /// Position in code points, from 0.
        position: usize,
    },
    /// A number outside its range.
    #[error("is {value}, must lie between {min} and {max}")]
    OutOfRange {
        /// Number found.
        value: f64,
        /// Least number accepted.
        min: f64,
        /// Largest number accepted.
        max: f64,
    },
    /// A number that no value of the enum has.
    #[error("has the unknown value {value}")]
    UnknownValue {
        /// Number found.
        value: i32,
    },
    /// A name that the server does not know.
    #[error("is {value:?}, known are {known}")]
    UnknownName {
        /// What was found, at most 32 characters.
        value: String,
        /// What is known, separated by commas.
        known: String,
    },
    /// A label that the taxonomy does not know.
    #[error("is {value:?}, which is no {kind} of the taxonomy{suggestion}")]
    UnknownLabel {
        /// What was found, at most 64 characters.
        value: String,
        /// Kind of label: intent, flag or step of polarity.
        kind: &'static str,
        /// What was probably meant, as [`did_you_mean`](crate::suggestion::did_you_mean) words it; may be empty.
        suggestion: String,
    },
    /// An idempotency key that came with other content before.
    #[error("was used before with other content")]
    KeyReused,
    /// Not shaped like a `grpc-timeout`.
    #[error("is {value:?}, expected 1 to 8 digits and one of H, M, S, m, u, n")]
    NotATimeout {
        /// What was found, at most 16 characters.
        value: String,
    },
    /// Not shaped like a BCP-47 language tag.
    #[error("is not a BCP-47 language tag such as \"de\" or \"pt-BR\": {value:?}")]
    NotALanguageTag {
        /// What was found, at most 35 characters.
        value: String,
    },
    /// Not shaped like an ISO 4217 code.
    #[error("is not an ISO 4217 code of three capital letters")]
    NotACurrency,
    /// A point in time outside the years 0001 to 9999, or with nanoseconds out of range.
    #[error("is not a valid timestamp")]
    NotATimestamp,
    /// Bytes that are to be text are not UTF-8.
    #[error("is not UTF-8 from byte {position} on")]
    NotUtf8 {
        /// First byte that can't be read, from 0.
        position: usize,
    },
    /// A tensor or parameter that is not what it must be.
    #[error("is {found}, expected {expected}")]
    Unexpected {
        /// What was found, shortened.
        found: String,
        /// What is accepted.
        expected: String,
    },
    /// The bytes of the request are not what the protobuf definition says.
    #[error("is not a valid protobuf message: {reason}")]
    Malformed {
        /// What the decoder says.
        reason: String,
    },
}

/// A broken rule and the field that breaks it.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Path of the field, such as `thread[2].author`.
    pub field: String,
    /// The rule.
    pub error: ValidationError,
}

/// Broken rules that are reported at most. Replies carry them in headers, for which clients allow 8 KiB.
const MAX_VIOLATIONS: usize = 16;

/// Broken rules that are spelled out in the text of the error; the rest is in the details.
const MAX_SPELLED_OUT: usize = 4;

/// All broken rules of one request, up to 16; never empty when it travels as an error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidationErrors {
    violations: Vec<Violation>,
    /// Broken rules beyond those.
    more: usize,
}

impl ValidationErrors {
    /// Makes the error for a single broken rule.
    pub fn single(field: impl Into<String>, error: ValidationError) -> Self {
        let violations = vec![Violation { field: field.into(), error }];
        Self { violations, more: 0 }
    }

    /// Notes a broken rule; from the seventeenth on they are only counted.
    pub fn push(&mut self, field: impl Into<String>, error: ValidationError) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation { field: field.into(), error });
        } else {
            self.more += 1;
        }
    }

    /// Returns the broken rules in the order in which they were found.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Notes a text with more code points than the limit.
    pub(crate) fn check_chars(&mut self, field: &str, value: &str, limit: usize) {
        // Bytes are an upper bound of code points, so most texts need no counting.
        if value.len() > limit {
            let chars = value.chars().count();
            if chars > limit {
                self.push(field, ValidationError::TooLong { chars, limit });
            }
        }
    }

    /// Checks a name that goes to logs: at most [`MAX_NAME_CHARS`] code points, no control characters.
    pub fn check_name(&mut self, field: &str, value: &str) {
        self.check_chars(field, value, MAX_NAME_CHARS);
        let control = value.chars().enumerate().find(|(_, character)| is_control(*character));
        if let Some((position, character)) = control {
            let code = u32::from(character);
            self.push(field, ValidationError::ControlCharacter { code, position });
        }
    }

    fn check_number(&mut self, field: &str, value: usize, max: u32) {
        if value > max as usize {
            #[expect(clippy::cast_precision_loss, reason = "the number is only shown")]
            let value = value as f64;
            self.push(field, ValidationError::OutOfRange { value, min: 0.0, max: f64::from(max) });
        }
    }

    /// Notes a list with more items than the limit.
    pub(crate) fn check_count(&mut self, field: &str, items: usize, limit: usize) {
        if items > limit {
            self.push(field, ValidationError::TooMany { items, limit });
        }
    }

    /// Notes what is not shaped like a language tag; an empty one is fine.
    pub(crate) fn check_language_tag(&mut self, field: &str, tag: &str) {
        self.check_chars(field, tag, MAX_LANGUAGE_TAG_CHARS);
        if tag.is_empty() || tag.len() > MAX_LANGUAGE_TAG_CHARS {
            return;
        }
        // The shape of RFC 5646: subtags of 1 to 8 letters or digits, the first of letters only. Locales as
        // operating systems write them ("pt_BR") are understood too.
        let mut subtags = tag.split(['-', '_']);
        let primary_is_valid = subtags.next().is_some_and(|s| {
            (2..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphabetic())
        });
        let rest_is_valid = subtags
            .all(|s| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !primary_is_valid || !rest_is_valid {
            let value = tag.to_owned();
            self.push(field, ValidationError::NotALanguageTag { value });
        }
    }
}

impl std::fmt::Display for ValidationErrors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, Violation { field, error }) in
            self.violations.iter().enumerate().take(MAX_SPELLED_OUT)
        {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{field} {error}")?;
        }
        match (self.violations.len() + self.more).saturating_sub(MAX_SPELLED_OUT) {
            0 => Ok(()),
            more => write!(formatter, "; and {more} more"),
        }
    }
}

impl std::error::Error for ValidationErrors {}

impl MessageDraft {
    /// Checks every rule; `found` brings violations that the transport met while it decoded the request.
    ///
    /// A message without an id gets a UUID (version 7).
    ///
    /// # Errors
    /// [`ValidationErrors`] with all broken rules, those of `found` first.
    pub fn validate(
        mut self,
        limits: &Limits,
        found: ValidationErrors,
    ) -> Result<Message, ValidationErrors> {
        let mut errors = found;
        errors.check_name("id", &self.id);
        errors.check_chars("text", &self.text, limits.max_text_chars);
        errors.check_chars("subject", &self.subject, MAX_SUBJECT_CHARS);
        errors.check_language_tag("locale_hint", &self.locale_hint);
        errors.check_count("thread", self.thread.len(), MAX_THREAD_MESSAGES);
        for (index, earlier) in self.thread.iter().enumerate().take(MAX_THREAD_MESSAGES) {
            let field = format!("thread[{index}].text");
            errors.check_chars(&field, &earlier.text, limits.max_text_chars);
        }
        check_tags(&self.customer.tags, &mut errors);
        check_money(self.order.value.as_ref(), &mut errors);
        errors.check_name("tenant", &self.tenant);
        errors.check_name("model", &self.model.name);
        errors.check_name("model_version", &self.model.version);
        check_options(&self.options, &mut errors);
        check_attachments(&self.attachments, &mut errors);
        errors.check_name("conversation_id", &self.conversation_id);
        if !errors.violations.is_empty() {
            return Err(errors);
        }
        if self.id.is_empty() {
            self.id = Uuid::now_v7().to_string();
        }
        Ok(Message(self))
    }
}

/// Characters that could make a log line look like another: controls, line separators, bidirectional overrides.
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn check_attachments(attachments: &[Attachment], errors: &mut ValidationErrors) {
    errors.check_count("attachments", attachments.len(), MAX_ATTACHMENTS);
    for (index, attachment) in attachments.iter().enumerate().take(MAX_ATTACHMENTS) {
        let field = format!("attachments[{index}].media_type");
        if attachment.media_type.is_empty() {
            errors.push(field, ValidationError::Missing);
        } else {
            errors.check_name(&field, &attachment.media_type);
        }
    }
}

fn check_tags(tags: &[String], errors: &mut ValidationErrors) {
    errors.check_count("customer.tags", tags.len(), MAX_CUSTOMER_TAGS);
    for (index, tag) in tags.iter().enumerate().take(MAX_CUSTOMER_TAGS) {
        let field = format!("customer.tags[{index}]");
        if tag.is_empty() {
            errors.push(&field, ValidationError::Missing);
        }
        errors.check_chars(&field, tag, MAX_TAG_CHARS);
    }
}

fn check_money(value: Option<&Money>, errors: &mut ValidationErrors) {
    let Some(money) = value else { return };
    let code = money.currency_code.as_bytes();
    if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
        errors.push("order.value.currency_code", ValidationError::NotACurrency);
    }
    if money.amount_micros < 0 {
        #[expect(clippy::cast_precision_loss, reason = "the number is only shown")]
        let (value, max) = (money.amount_micros as f64, i64::MAX as f64);
        let error = ValidationError::OutOfRange { value, min: 0.0, max };
        errors.push("order.value.amount_micros", error);
    }
}

fn check_options(options: &Options, errors: &mut ValidationErrors) {
    errors.check_count("options.views", options.views.len(), MAX_VIEWS);
    errors.check_number("options.top_k", options.top_k, MAX_TOP_K);
    if let Some(explain) = &options.explain_words {
        let max_words = explain.max_words.unwrap_or_default();
        errors.check_number("options.explain_words.max_words", max_words, MAX_EXPLAINED_WORDS);
        errors.check_number("options.explain_words.top_k", explain.top_k, MAX_CARRIERS);
    }
    // NaN is in no range.
    if !(0.0..=1.0).contains(&options.min_probability) {
        let value = f64::from(options.min_probability);
        let error = ValidationError::OutOfRange { value, min: 0.0, max: 1.0 };
        errors.push("options.min_probability", error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_text_chars: 10 };

    fn fields(draft: MessageDraft) -> Vec<String> {
        match draft.validate(&LIMITS, ValidationErrors::default()) {
            Ok(_) => vec![],
            Err(errors) => errors.violations().iter().map(|v| v.field.clone()).collect(),
        }
    }

    #[test]
    fn text_is_counted_in_code_points_and_accepted_up_to_its_limit() {
        let at_limit = MessageDraft { text: "🚚".repeat(10), ..MessageDraft::default() };
        let over_limit = MessageDraft { text: "🚚".repeat(11), ..MessageDraft::default() };

        assert_eq!(fields(at_limit), [""; 0]);
        let error = over_limit.validate(&LIMITS, ValidationErrors::default()).unwrap_err();
        assert_eq!(error.to_string(), "text has 11 characters, at most 10 are accepted");
    }

    #[test]
    fn all_broken_rules_are_reported_at_once() {
        let mut draft = MessageDraft {
            id: "a\nb".into(),
            subject: "s".repeat(MAX_SUBJECT_CHARS + 1),
            locale_hint: "not a tag".into(),
            tenant: "t".repeat(MAX_NAME_CHARS + 1),
            conversation_id: "c".repeat(MAX_NAME_CHARS + 1),
            ..MessageDraft::default()
        };
        draft.options.min_probability = f32::NAN;
        draft.customer.tags = vec![String::new()];
        draft.order.value = Some(Money { currency_code: "eur".into(), amount_micros: -1 });

        let expected = [
            "id",
            "subject",
            "locale_hint",
            "customer.tags[0]",
            "order.value.currency_code",
            "order.value.amount_micros",
            "tenant",
            "options.min_probability",
            "conversation_id",
        ];
        assert_eq!(fields(draft), expected);
    }

    #[test]
    fn endless_violations_are_counted_but_not_listed() {
        let mut errors = ValidationErrors::default();
        for index in 0..1_000 {
            errors.push(format!("thread[{index}].author"), ValidationError::Missing);
        }

        assert_eq!(errors.violations().len(), MAX_VIOLATIONS);
        assert!(errors.to_string().ends_with("; and 996 more"), "{errors}");
        assert!(errors.to_string().len() < 200);
    }

    #[test]
    fn language_tags_of_common_shapes_are_accepted() {
        for tag in ["", "de", "pt-BR", "zh-Hant-TW", "pt_BR", "gsw", "sr-Latn-RS", "de-CH-1996"] {
            let draft = MessageDraft { locale_hint: tag.into(), ..MessageDraft::default() };
            assert_eq!(fields(draft), [""; 0], "{tag}");
        }
        for tag in ["d", "1a", "de-", "-de", "de--CH", "abcdefghi", "de CH", "日本"] {
            let draft = MessageDraft { locale_hint: tag.into(), ..MessageDraft::default() };
            assert_eq!(fields(draft), ["locale_hint"], "{tag}");
        }
    }

    #[test]
    fn message_without_id_gets_one() {
        let draft = MessageDraft { text: "hi".into(), ..MessageDraft::default() };

        let message = draft.validate(&LIMITS, ValidationErrors::default()).unwrap();

        assert_eq!(message.id.len(), 36);
    }
}
