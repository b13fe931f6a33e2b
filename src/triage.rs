//! The result for one message.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::MessageOutput;
use crate::language::Language;
use crate::message::Options;
use crate::registry::LoadedModel;
use crate::scoring::Prediction;

/// What the service says about one message.
#[derive(Clone, Debug)]
pub struct Triage {
    /// The message's id.
    pub id: String,
    /// Intents, mood and flags. Empty when nothing was left to classify.
    pub prediction: Prediction,
    /// Language of the text.
    pub language: Language,
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

/// Something that the caller should know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Part of the text was left out.
    TextTruncated,
    /// Routing was asked for explicitly, but there is no routing policy.
    RoutingUnavailable,
    /// An explanation was asked for, but there is none.
    ExplanationUnavailable,
    /// The text was blank; the subject alone was classified.
    SubjectOnly,
}

impl Notice {
    /// Returns the notice in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextTruncated => "the text is longer than the model reads; a part was left out",
            Self::RoutingUnavailable => "this server has no routing policy",
            Self::ExplanationUnavailable => "this server gives no explanations",
            Self::SubjectOnly => "the text is blank; the subject alone was classified",
        }
    }
}

/// Where the time of one message went. Stages that did not run are zero.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timings {
    /// Cleaning the text and telling its language.
    pub text: Duration,
    /// Splitting it into tokens.
    pub tokenize: Duration,
    /// Waiting for an inference thread.
    pub queue: Duration,
    /// Computing the batch.
    pub inference: Duration,
    /// Probabilities and decisions.
    pub scoring: Duration,
    /// From the admitted message to its finished result.
    pub total: Duration,
}
