//! The result for one message.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::engine::MessageOutput;
use crate::entities::Entity;
use crate::explanation::Explanation;
use crate::language::Language;
use crate::message::{MessageField, Options};
use crate::policies::ActivePolicy;
use crate::policy::{MoodTrend, Routing};
use crate::registry::LoadedModel;
use crate::scoring::{AbstainReason, Prediction};
use crate::taxonomy::ViewResult;
use crate::text::SectionKind;

/// Change of the score from which the mood counts as falling or rising: half a step of the scale.
const TREND: f32 = 0.25;

/// What the service says about one message.
#[derive(Clone, Debug)]
pub struct Triage {
    /// The message's id.
    pub id: String,
    /// Intents, mood and flags. Empty when nothing was left to classify.
    pub prediction: Prediction,
    /// When the message was sent, or else received.
    pub sent_at: SystemTime,
    /// Code points of what the model read of the message, before splitting.
    pub body_chars: usize,
    /// Language of the text.
    pub language: Language,
    /// What the message names: first in the subject, then in the text.
    pub entities: Vec<FoundEntity>,
    /// How the mood went over the conversation.
    pub thread_mood: Option<ThreadMood>,
    /// Flags that call for a person in the customer's earlier messages, as far as those were looked at.
    pub earlier_person_required: Vec<String>,
    /// The words that carried the answer, if the caller wants to know and there was anything to classify.
    pub explanation: Option<Explanation>,
    /// Where the message should go, and the policy that says so; `None` if the caller does not want to know.
    pub routing: Option<(Routing, Arc<ActivePolicy>)>,
    /// The answer in the words of other products.
    pub views: Vec<ViewResult>,
    /// A part of the text was left out.
    pub truncated: bool,
    /// Tokens that the model read, special tokens included.
    pub token_count: usize,
    /// Messages in the batch; 0 when nothing was computed.
    pub batch_size: usize,
    /// Raw outputs, if the caller asked for them.
    pub raw: Option<MessageOutput>,
    /// Things that the caller should know.
    pub notices: Vec<Notice>,
    /// Where the time went.
    pub timings: Timings,
    /// The model that answered.
    pub model: Arc<LoadedModel>,
    /// How the caller wants the answer.
    pub options: Options,
}

impl Triage {
    /// Tells whether the text is outside of what the model knows: what it says about it is no fact then.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        match self.prediction.abstention.as_ref().map(|abstention| abstention.reason) {
            None | Some(AbstainReason::LowConfidence | AbstainReason::Ambiguous) => false,
            Some(
                AbstainReason::OutOfDistribution
                | AbstainReason::UnsupportedLanguage
                | AbstainReason::Empty,
            ) => true,
        }
    }
}

/// An entity with its place in the message as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundEntity {
    /// What it is; its span counts in the cleaned text.
    pub entity: Entity,
    /// Field that it stands in.
    pub field: MessageField,
    /// Part of that field.
    pub section: SectionKind,
    /// First character, in the encoding that the caller chose.
    pub start: usize,
    /// Position after the last character, counted like `start`.
    pub end: usize,
}

/// Mood over a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct ThreadMood {
    /// Where it goes.
    pub trend: MoodTrend,
    /// Score of this message minus the mean of the earlier ones, in [-2, 2].
    pub change: f32,
    /// Position in the thread and score of each earlier message that was looked at, oldest first.
    pub earlier: Vec<(usize, f32)>,
}

impl ThreadMood {
    /// Compares a score with earlier ones, given with their position, oldest first; `None` without any.
    #[must_use]
    pub fn of(earlier: Vec<(usize, f32)>, score: f32) -> Option<Self> {
        if earlier.is_empty() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a thread has a handful of messages")]
        let count = earlier.len() as f32;
        let mean = earlier.iter().map(|(_, score)| score).sum::<f32>() / count;
        let change = score - mean;
        let trend = if change <= -TREND {
            MoodTrend::Falling
        } else if change >= TREND {
            MoodTrend::Rising
        } else {
            MoodTrend::Steady
        };
        Some(Self { trend, change, earlier })
    }
}

/// Something that the caller should know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Part of the text was left out.
    TextTruncated,
    /// Nothing of the text was left; the subject alone was classified.
    SubjectOnly,
    /// The mood of earlier messages could not be computed.
    ThreadMoodUnavailable,
    /// The message names more than a reply carries.
    EntitiesCut,
}

impl Notice {
    /// Returns the notice in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextTruncated => "the text is longer than the model reads; a part was left out",
            Self::SubjectOnly => {
                "the text is blank or only quotes; the subject alone was classified"
            }
            Self::ThreadMoodUnavailable => {
                "the mood of earlier messages could not be computed in time or for lack of room"
            }
            Self::EntitiesCut => "the message names more than a reply carries; the first are here",
        }
    }
}

/// Where the time of one message went. Stages that did not run are zero.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timings {
    /// Cleaning the text.
    pub text: Duration,
    /// Telling its language.
    pub language: Duration,
    /// Finding entities.
    pub entities: Duration,
    /// Splitting it into tokens.
    pub tokenize: Duration,
    /// Waiting for an inference thread.
    pub queue: Duration,
    /// Computing the batch.
    pub inference: Duration,
    /// Probabilities and decisions.
    pub scoring: Duration,
    /// Trying words for an explanation.
    pub explanation: Duration,
    /// Routing policy.
    pub policy: Duration,
    /// From the admitted message to its finished result.
    pub total: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trend_needs_half_a_step() {
        let trend = |earlier: &[f32], score| {
            let earlier = earlier.iter().copied().enumerate().collect();
            ThreadMood::of(earlier, score).map(|mood| mood.trend)
        };

        assert_eq!(trend(&[], -1.0), None);
        assert_eq!(trend(&[0.0, 0.5], 0.0), Some(MoodTrend::Falling));
        assert_eq!(trend(&[0.0, 0.4], 0.0), Some(MoodTrend::Steady));
        assert_eq!(trend(&[-1.0], -0.7), Some(MoodTrend::Rising));
    }
}
