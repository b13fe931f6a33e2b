//! Labelled messages as JSON Lines, checked against what a model can say.
//!
//! A line is a message as `signalbox classify` takes it, with labels:
//! `{"text", "lang", "intents": [primary first], "polarity", "flags", "channel", "batch"}`. A missing or null
//! `polarity` or `flags` means that nobody labelled it.

use serde::Deserialize;
use serde_json::Value;

use super::vocabulary::Vocabulary;
use crate::labels::{LabelId, LabelSet, POLARITY_STEPS};
use crate::message::{
    Channel, Limits, MAX_LANGUAGE_TAG_CHARS, MessageDraft, MessageRecord, ValidationErrors,
};
use crate::suggestion::did_you_mean;

/// Code points of a wrong label that are shown at most.
const SHOWN_CHARS: usize = 64;

/// What is right for one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Case {
    /// Position of the file among those that were read.
    pub file: usize,
    /// Line of that file, counted from 1.
    pub line: u64,
    /// Language as the record names it.
    pub language: String,
    /// Where the message came in.
    pub channel: Channel,
    /// Who wrote it, or whatever else the record's `batch` says; empty when it says nothing.
    pub batch: String,
    /// The leading intent.
    pub primary: LabelId,
    /// Every intent, the leading one included; sorted, none twice.
    pub intents: Vec<LabelId>,
    /// Step of [`POLARITY_STEPS`]; `None` when not labelled.
    pub polarity: Option<usize>,
    /// Flags, sorted, none twice; `None` when not labelled.
    pub flags: Option<Vec<LabelId>>,
}

/// A message with what is right for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The message.
    pub draft: MessageDraft,
    /// Its labels.
    pub case: Case,
}

/// Why a line is no labelled message. Never holds what a customer wrote.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Fault {
    /// Line, counted from 1.
    pub line: u64,
    /// The field and what is wrong with it.
    pub reason: String,
}

/// Reads every record of a file; lines without anything are passed over.
///
/// `file` is the position of the file among those that are read, `limits` those that messages are held to.
#[must_use]
pub fn parse(
    bytes: &[u8],
    file: usize,
    vocabulary: &Vocabulary,
    limits: &Limits,
) -> (Vec<Record>, Vec<Fault>) {
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let read = match std::str::from_utf8(bytes) {
            Err(error) => Err(format!("not UTF-8 at byte {}", error.valid_up_to())),
            Ok(text) => {
                let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text };
                if text.trim().is_empty() {
                    continue;
                }
                parse_line(text, (file, line), vocabulary, limits)
            }
        };
        match read {
            Ok(record) => records.push(record),
            Err(reason) => faults.push(Fault { line, reason }),
        }
    }
    (records, faults)
}

/// The labels of a record.
#[derive(Deserialize)]
struct LabelFields {
    lang: String,
    intents: Vec<String>,
    #[serde(default)]
    polarity: Option<String>,
    #[serde(default)]
    flags: Option<Vec<String>>,
    #[serde(default)]
    batch: Option<String>,
}

fn parse_line(
    text: &str,
    (file, line): (usize, u64),
    vocabulary: &Vocabulary,
    limits: &Limits,
) -> Result<Record, String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("not JSON at column {}", error.column()))?;
    if !value.is_object() {
        return Err("not a record: no JSON object".to_owned());
    }
    let message: MessageRecord = field_by_field(&value, &["text"])?;
    let labels: LabelFields = field_by_field(&value, &["lang", "intents"])?;
    let mut draft = message.draft().map_err(|error| error.to_string())?;
    // What is measured is the message; its conversation would only be computed and thrown away.
    draft.thread.clear();
    draft.options.include_routing = false;
    draft
        .clone()
        .validate(limits, ValidationErrors::default())
        .map_err(|error| error.to_string())?;
    let intents = find_all("intents", "intent", &labels.intents, &vocabulary.intents)?;
    let Some(&primary) = intents.first() else {
        return Err("intents is empty; the leading intent comes first".to_owned());
    };
    let case = Case {
        file,
        line,
        language: language(&labels.lang)?,
        channel: draft.channel,
        batch: labels.batch.unwrap_or_default(),
        primary,
        intents: sorted(intents),
        polarity: labels.polarity.as_deref().map(polarity).transpose()?,
        flags: flags(labels.flags.as_deref(), vocabulary)?,
    };
    Ok(Record { draft, case })
}

/// Reads the fields of a type from an object and names the one that is missing or wrong.
fn field_by_field<'de, T: Deserialize<'de>>(
    value: &'de Value,
    required: &[&str],
) -> Result<T, String> {
    if let Some(missing) = required.iter().find(|name| value.get(name).is_none()) {
        return Err(format!("{missing} is missing"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        // The cause is left out: it may quote what a customer wrote.
        match error.path().to_string().as_str() {
            "channel" => {
                format!("channel is none of {}", Channel::NAMED.map(Channel::as_str).join(", "))
            }
            path => format!("{path} has the wrong type or value"),
        }
    })
}

fn language(tag: &str) -> Result<String, String> {
    let tag = tag.trim();
    let is_tag = (2..=MAX_LANGUAGE_TAG_CHARS).contains(&tag.len())
        && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_tag { Ok(tag.to_owned()) } else { Err("lang is no language tag such as \"de\"".into()) }
}

fn polarity(name: &str) -> Result<usize, String> {
    POLARITY_STEPS.iter().position(|step| *step == name).ok_or_else(|| {
        format!("polarity {}", unknown(name, "step of the scale", POLARITY_STEPS.into_iter()))
    })
}

/// Reads flags; for a model without that head they count as not labelled.
fn flags(
    names: Option<&[String]>,
    vocabulary: &Vocabulary,
) -> Result<Option<Vec<LabelId>>, String> {
    match names {
        Some(names) if !vocabulary.flags.is_empty() => {
            find_all("flags", "flag", names, &vocabulary.flags).map(|flags| Some(sorted(flags)))
        }
        Some(_) | None => Ok(None),
    }
}

fn find_all(
    field: &str,
    kind: &str,
    names: &[String],
    labels: &LabelSet,
) -> Result<Vec<LabelId>, String> {
    let find = |(index, name): (usize, &String)| {
        labels
            .iter()
            .position(|label| label == name)
            .map(LabelId)
            .ok_or_else(|| format!("{field}[{index}] {}", unknown(name, kind, labels.iter())))
    };
    names.iter().enumerate().map(find).collect()
}

fn unknown<'a>(name: &str, kind: &str, known: impl Iterator<Item = &'a str>) -> String {
    let shown: String = name.chars().take(SHOWN_CHARS).collect();
    format!("is {shown:?}, which is no {kind} of the model{}", did_you_mean(name, known))
}

fn sorted(mut labels: Vec<LabelId>) -> Vec<LabelId> {
    labels.sort_unstable();
    labels.dedup();
    labels
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::tests::vocabulary;
    use super::*;

    fn read(input: &str) -> (Vec<Record>, Vec<Fault>) {
        let vocabulary =
            vocabulary(&["order.status", "order.cancel", "refund.request"], &["angry", "urgent"]);
        parse(input.as_bytes(), 0, &vocabulary, &Limits::default())
    }

    fn fault(input: &str) -> String {
        let (records, faults) = read(input);
        assert!(records.is_empty(), "{records:?}");
        faults[0].to_string()
    }

    #[test]
    fn record_carries_message_and_labels() {
        let (records, faults) = read(
            "\u{feff}{\"text\": \"Where?\", \"lang\": \"en\", \"intents\": [\"refund.request\", \"order.status\"], \
             \"polarity\": \"negative\", \"flags\": [\"urgent\", \"urgent\"], \"channel\": \"email\", \
             \"batch\": \"b1\", \"else\": 1}\r\n\n",
        );

        assert_eq!(faults, []);
        let case = &records[0].case;
        assert_eq!((case.line, case.language.as_str(), case.batch.as_str()), (1, "en", "b1"));
        assert_eq!((case.primary, case.polarity), (LabelId(2), Some(1)));
        assert_eq!(case.intents, [LabelId(0), LabelId(2)]);
        assert_eq!(case.flags.as_deref(), Some(&[LabelId(1)][..]));
        assert_eq!(records[0].draft.channel, Channel::Email);
        assert_eq!(records[0].draft.text, "Where?");
    }

    #[test]
    fn missing_and_null_labels_are_none_but_an_empty_list_is_a_label() {
        let (records, _) = read(
            "{\"text\": \"a\", \"lang\": \"en\", \"intents\": [\"order.status\"]}\n\
             {\"text\": \"a\", \"lang\": \"en\", \"intents\": [\"order.status\"], \"polarity\": null, \"flags\": []}\n",
        );

        assert_eq!((records[0].case.polarity, &records[0].case.flags), (None, &None));
        assert_eq!((records[1].case.polarity, &records[1].case.flags), (None, &Some(vec![])));
    }

    #[test]
    fn fault_names_line_field_and_nearest_label() {
        let with = |rest: &str| format!("\n{{\"text\": \"secret\", \"lang\": \"en\", {rest}}}");

        let unknown = fault(&with("\"intents\": [\"order.status\", \"order.cancle\"]"));
        assert_eq!(
            unknown,
            "line 2: intents[1] is \"order.cancle\", which is no intent of the model \
             (did you mean \"order.cancel\"?)"
        );
        let flag = fault(&with("\"intents\": [\"order.status\"], \"flags\": [\"angri\"]"));
        assert!(flag.contains("flags[0]") && flag.contains("\"angry\""), "{flag}");
        let step = fault(&with("\"intents\": [\"order.status\"], \"polarity\": \"negativ\""));
        assert!(step.contains("polarity is") && step.contains("\"negative\""), "{step}");
        assert!(fault(&with("\"intents\": []")).contains("intents is empty"));
        assert!(fault(&with("\"intents\": [7]")).contains("intents[0] has the wrong type"));
        assert!(fault("{\"text\": \"a\", \"lang\": \"en\"}").contains("intents is missing"));
        assert!(fault("{\"lang\": \"en\"}").contains("text is missing"));
        assert!(
            fault("{\"text\": \"a\", \"lang\": \"\", \"intents\": [\"order.status\"]}")
                .contains("lang is no")
        );
    }

    #[test]
    fn faults_do_not_quote_what_a_customer_wrote() {
        for input in ["\"secret\"", "{\"text\": [\"secret\"]}", "{\"secret", "secret"] {
            assert!(!fault(input).contains("secret"), "{input}");
        }
    }

    #[test]
    fn text_over_the_limit_is_a_fault() {
        let text = "a".repeat(Limits::default().max_text_chars + 1);
        let line =
            format!("{{\"text\": \"{text}\", \"lang\": \"en\", \"intents\": [\"order.status\"]}}");

        assert!(fault(&line).contains("text has 65537 characters"), "{}", fault(&line));
    }
}
