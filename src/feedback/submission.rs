//! What somebody says about one answer, checked.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::message::{Channel, Limits, ValidationError, ValidationErrors};
use crate::suggestion::did_you_mean;
use crate::taxonomy::{LabelEntry, Taxonomy};

/// Labels of one kind at most.
pub const MAX_LABELS: usize = 64;
/// Code points of a note at most.
pub const MAX_NOTE_CHARS: usize = 4_096;
/// Code points of a wrong label that are shown at most.
const SHOWN_CHARS: usize = 64;

/// What a model says, or a person, about one message. `None` means that nothing is said about that kind.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Labels {
    /// Intents that are present, the leading one first.
    pub intents: Option<Vec<String>>,
    /// Step of the polarity scale.
    pub polarity: Option<String>,
    /// Flags that hold.
    pub flags: Option<Vec<String>>,
}

impl Labels {
    fn is_empty(&self) -> bool {
        self.intents.is_none() && self.polarity.is_none() && self.flags.is_none()
    }
}

/// A submission as it was sent. Empty texts mean that nothing was said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SubmissionDraft {
    /// The answer's id.
    pub message_id: String,
    /// The helpdesk's ticket.
    pub ticket_id: String,
    /// Shop or brand.
    pub tenant: String,
    /// Name of the model that answered.
    pub model_name: String,
    /// Its version.
    pub model_version: String,
    /// What it said.
    pub predicted: Labels,
    /// What is right.
    pub corrected: Labels,
    /// Who says so.
    pub agent: String,
    /// Anything else.
    pub note: String,
    /// What the customer wrote.
    pub text: String,
    /// Language of the text, as a BCP-47 tag.
    pub language: String,
    /// Where the message came in.
    pub channel: Channel,
    /// Tells the same submission made twice from two submissions.
    pub idempotency_key: String,
}

/// A submission within all limits, with labels that the taxonomy knows, by their names. Valid because it exists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Submission(SubmissionDraft);

impl std::ops::Deref for Submission {
    type Target = SubmissionDraft;

    fn deref(&self) -> &SubmissionDraft {
        &self.0
    }
}

/// The taxonomies that labels are checked against.
#[derive(Clone, Copy, Debug)]
pub struct KnownLabels<'a> {
    /// For what the model said; `None` when that version is not loaded, so that nobody knows its labels.
    pub predicted: Option<&'a Taxonomy>,
    /// For what is right.
    pub corrected: &'a Taxonomy,
}

impl SubmissionDraft {
    /// Checks every rule; `found` brings violations that the transport met while it decoded the request.
    ///
    /// Aliases of labels become names, and labels that occur twice stay once.
    ///
    /// # Errors
    /// [`ValidationErrors`] with all broken rules, those of `found` first.
    pub fn validate(
        mut self,
        known: KnownLabels<'_>,
        limits: &Limits,
        found: ValidationErrors,
    ) -> Result<Submission, ValidationErrors> {
        let mut errors = found;
        for (field, value) in [
            ("message_id", &self.message_id),
            ("model_name", &self.model_name),
            ("model_version", &self.model_version),
        ] {
            if value.is_empty() {
                errors.push(field, ValidationError::Missing);
            }
            errors.check_name(field, value);
        }
        for (field, value) in [
            ("ticket_id", &self.ticket_id),
            ("tenant", &self.tenant),
            ("agent", &self.agent),
            ("idempotency_key", &self.idempotency_key),
        ] {
            errors.check_name(field, value);
        }
        check_labels("predicted", &mut self.predicted, known.predicted, &mut errors);
        if self.corrected.is_empty() {
            errors.push("corrected", ValidationError::Missing);
        }
        check_labels("corrected", &mut self.corrected, Some(known.corrected), &mut errors);
        errors.check_chars("note", &self.note, MAX_NOTE_CHARS);
        errors.check_chars("text", &self.text, limits.max_text_chars);
        errors.check_language_tag("language", &self.language);
        if errors.violations().is_empty() { Ok(Submission(self)) } else { Err(errors) }
    }
}

fn check_labels(
    side: &str,
    labels: &mut Labels,
    taxonomy: Option<&Taxonomy>,
    errors: &mut ValidationErrors,
) {
    if let Some(intents) = &mut labels.intents {
        let known = taxonomy.map(|taxonomy| Known::new("intent", taxonomy.intents()));
        let field = format!("{side}.intents.labels");
        if intents.is_empty() {
            errors.push(&field, ValidationError::Missing);
        }
        check_list(&field, intents, known.as_ref(), errors);
    }
    if let Some(polarity) = &mut labels.polarity {
        let known = taxonomy.map(|taxonomy| Known::new("step of polarity", taxonomy.polarity()));
        check_label(&format!("{side}.polarity"), polarity, known.as_ref(), errors);
    }
    if let Some(flags) = &mut labels.flags {
        let known = taxonomy.map(|taxonomy| Known::new("flag", taxonomy.flags()));
        check_list(&format!("{side}.flags.labels"), flags, known.as_ref(), errors);
    }
}

/// The labels of one kind.
struct Known<'a> {
    kind: &'static str,
    entries: Vec<&'a LabelEntry>,
}

impl<'a> Known<'a> {
    fn new(kind: &'static str, entries: impl Iterator<Item = &'a LabelEntry>) -> Self {
        Self { kind, entries: entries.collect() }
    }

    /// Returns the name of a label, given that name or an alias.
    fn name_of(&self, label: &str) -> Option<&'a str> {
        let named = self.entries.iter().find(|entry| entry.name() == label);
        let is_alias = |entry: &&&LabelEntry| entry.aliases().iter().any(|alias| alias == label);
        named.or_else(|| self.entries.iter().find(is_alias)).map(|entry| entry.name())
    }
}

fn check_list(
    field: &str,
    labels: &mut Vec<String>,
    known: Option<&Known<'_>>,
    errors: &mut ValidationErrors,
) {
    errors.check_count(field, labels.len(), MAX_LABELS);
    for (index, label) in labels.iter_mut().enumerate().take(MAX_LABELS) {
        check_label(&format!("{field}[{index}]"), label, known, errors);
    }
    let mut seen = HashSet::new();
    labels.retain(|label| seen.insert(label.clone()));
}

/// Gives a label its name; where labels are not known, any name will do.
fn check_label(
    field: &str,
    label: &mut String,
    known: Option<&Known<'_>>,
    errors: &mut ValidationErrors,
) {
    let Some(known) = known else {
        if label.is_empty() {
            errors.push(field, ValidationError::Missing);
        }
        errors.check_name(field, label);
        return;
    };
    if let Some(name) = known.name_of(label) {
        name.clone_into(label);
    } else {
        let value = label.chars().take(SHOWN_CHARS).collect();
        let suggestion = did_you_mean(label, known.entries.iter().map(|entry| entry.name()));
        errors.push(field, ValidationError::UnknownLabel { value, kind: known.kind, suggestion });
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::taxonomy::DEFAULT_YAML;

    pub(crate) fn taxonomy() -> Taxonomy {
        Taxonomy::parse(DEFAULT_YAML, "test").unwrap()
    }

    pub(crate) fn texts(labels: &[&str]) -> Option<Vec<String>> {
        Some(labels.iter().map(|label| (*label).to_owned()).collect())
    }

    pub(crate) fn draft() -> SubmissionDraft {
        SubmissionDraft {
            message_id: "m-1".into(),
            model_name: "default".into(),
            model_version: "1".into(),
            predicted: Labels {
                intents: texts(&["order.status"]),
                polarity: Some("neutral".into()),
                flags: texts(&[]),
            },
            corrected: Labels {
                intents: texts(&["order.cancel", "order.status"]),
                ..Labels::default()
            },
            ..SubmissionDraft::default()
        }
    }

    /// A submission that is taken for valid.
    pub(crate) fn submission(draft: SubmissionDraft) -> Submission {
        Submission(draft)
    }

    fn check(draft: SubmissionDraft) -> Result<Submission, ValidationErrors> {
        let taxonomy = taxonomy();
        let known = KnownLabels { predicted: Some(&taxonomy), corrected: &taxonomy };
        draft.validate(known, &Limits { max_text_chars: 10 }, ValidationErrors::default())
    }

    fn fields(draft: SubmissionDraft) -> Vec<String> {
        let errors = check(draft).unwrap_err();
        errors.violations().iter().map(|violation| violation.field.clone()).collect()
    }

    #[test]
    fn good_submission_is_taken_as_it_is() {
        let submission = check(draft()).unwrap();

        assert_eq!(*submission, draft());
    }

    #[test]
    fn all_broken_rules_are_told_at_once() {
        let draft = SubmissionDraft {
            message_id: String::new(),
            model_version: "v\n".into(),
            agent: "a".repeat(129),
            note: "n".repeat(MAX_NOTE_CHARS + 1),
            text: "🚚".repeat(11),
            language: "no tag".into(),
            corrected: Labels {
                intents: texts(&[]),
                polarity: Some("furious".into()),
                flags: Some(vec!["angry".into(); MAX_LABELS + 1]),
            },
            ..draft()
        };

        let expected = [
            "message_id",
            "model_version",
            "agent",
            "corrected.intents.labels",
            "corrected.polarity",
            "corrected.flags.labels",
            "note",
            "text",
            "language",
        ];
        assert_eq!(fields(draft), expected);
    }

    #[test]
    fn unknown_label_is_told_with_its_path_and_the_nearest_one() {
        let mut wrong = draft();
        wrong.corrected.intents = texts(&["order.status", "order.cancle"]);
        wrong.predicted.flags = texts(&["order.status"]);

        let error = check(wrong).unwrap_err().to_string();

        assert_eq!(
            error,
            "predicted.flags.labels[0] is \"order.status\", which is no flag of the taxonomy; \
             corrected.intents.labels[1] is \"order.cancle\", which is no intent of the taxonomy \
             (did you mean \"order.cancel\"?)"
        );
    }

    #[test]
    fn nothing_judged_is_nothing_submitted() {
        let empty = SubmissionDraft { corrected: Labels::default(), ..draft() };

        assert_eq!(fields(empty), ["corrected"]);
    }

    #[test]
    fn aliases_become_names_and_labels_stand_once() {
        let taxonomy = taxonomy();
        let entry = taxonomy.intents().find(|entry| !entry.aliases().is_empty()).unwrap();
        let mut draft = draft();
        draft.corrected.intents = texts(&[&entry.aliases()[0], entry.name()]);

        let submission = check(draft).unwrap();

        assert_eq!(submission.corrected.intents, texts(&[entry.name()]));
    }

    #[test]
    fn labels_of_a_version_that_is_not_loaded_are_taken_as_they_are() {
        let taxonomy = taxonomy();
        let known = KnownLabels { predicted: None, corrected: &taxonomy };
        let mut draft = draft();
        draft.predicted.intents = texts(&["gone.since"]);

        let submission = draft.validate(known, &Limits::default(), ValidationErrors::default());

        assert_eq!(submission.unwrap().predicted.intents, texts(&["gone.since"]));
    }
}
