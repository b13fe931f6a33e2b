//! Training data: what customers wrote with what people say about it, as `data/messages` has it.

use serde::Serialize;

use super::database::Stored;
use crate::message::Channel;

/// Language of a text that nobody has told: "undetermined" (ISO 639-2).
const UNKNOWN_LANGUAGE: &str = "und";
/// Says in `batch` where a record comes from.
const BATCH: &str = "feedback";

/// A labelled message, as `signalbox eval` and the training scripts read it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct TrainingRecord {
    /// What the customer wrote.
    pub text: String,
    /// Language tag.
    pub lang: String,
    /// Intents, the leading one first.
    pub intents: Vec<String>,
    /// Step of the polarity scale; left out when nobody judged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polarity: Option<String>,
    /// Flags; left out when nobody judged them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
    /// Where it came in; left out when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'static str>,
    /// Where the record comes from: "feedback".
    pub batch: &'static str,
    /// Id of the message.
    pub id: String,
}

/// What must be judged about a message to be exported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needed {
    /// Its intents, as `signalbox eval` needs them.
    Intents,
    /// Intents, mood and flags, as the training recipe needs them.
    Everything,
}

/// What an export has, and what it lacks. Messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExportCounts {
    /// Exported.
    pub exported: u64,
    /// Left out: their text was not kept.
    pub without_text: u64,
    /// Left out: not everything that is needed was judged.
    pub unjudged: u64,
}

/// Makes records of submissions that come message by message. A message gives one at most: of its text, its language and
/// each kind of label, what was said last.
#[derive(Debug)]
pub(super) struct Exporting {
    pub(super) counts: ExportCounts,
    needed: Needed,
    message: Option<Message>,
}

#[derive(Debug)]
struct Message {
    tenant: String,
    id: String,
    text: String,
    language: String,
    channel: Channel,
    intents: Option<Vec<String>>,
    polarity: Option<String>,
    flags: Option<Vec<String>>,
}

impl Exporting {
    pub(super) fn new(needed: Needed) -> Self {
        Self { counts: ExportCounts::default(), needed, message: None }
    }

    /// Takes the next submission; returns the record of the message before once that is complete.
    pub(super) fn add(&mut self, stored: Stored) -> Option<TrainingRecord> {
        let submission = stored.submission;
        let is_same = |message: &Message| {
            message.tenant == submission.tenant && message.id == submission.message_id
        };
        let before = if self.message.as_ref().is_some_and(is_same) { None } else { self.finish() };
        let message = self.message.get_or_insert_with(|| Message {
            tenant: submission.tenant,
            id: submission.message_id,
            text: String::new(),
            language: String::new(),
            channel: Channel::Unknown,
            intents: None,
            polarity: None,
            flags: None,
        });
        if !submission.text.is_empty() {
            message.text = submission.text;
            message.language = submission.language;
        }
        if submission.channel != Channel::Unknown {
            message.channel = submission.channel;
        }
        message.intents = submission.corrected.intents.or(message.intents.take());
        message.polarity = submission.corrected.polarity.or(message.polarity.take());
        message.flags = submission.corrected.flags.or(message.flags.take());
        before
    }

    /// Returns the record of the last message.
    pub(super) fn finish(&mut self) -> Option<TrainingRecord> {
        let message = self.message.take()?;
        if message.text.is_empty() {
            self.counts.without_text += 1;
            return None;
        }
        let is_complete = match self.needed {
            Needed::Intents => true,
            Needed::Everything => message.polarity.is_some() && message.flags.is_some(),
        };
        let Some(intents) = message.intents.filter(|_| is_complete) else {
            self.counts.unjudged += 1;
            return None;
        };
        self.counts.exported += 1;
        let is_known = message.channel != Channel::Unknown;
        Some(TrainingRecord {
            text: message.text,
            lang: match message.language.as_str() {
                "" => UNKNOWN_LANGUAGE.to_owned(),
                // Locales as operating systems write them are taken, but are no language tags.
                tag => tag.replace('_', "-"),
            },
            intents,
            polarity: message.polarity,
            flags: message.flags,
            channel: is_known.then(|| message.channel.as_str()),
            batch: BATCH,
            id: message.id,
        })
    }
}
