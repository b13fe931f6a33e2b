//! What becomes of a call.

use std::time::Duration;

/// Stages that the server times, in the order in which a message passes them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Cleaning the text.
    Text,
    /// Telling the language.
    Language,
    /// Finding entities.
    Entities,
    /// Splitting the text into tokens.
    Tokenize,
    /// Waiting for an inference thread.
    Queue,
    /// Computing the batch that the message was in.
    Inference,
    /// Probabilities, thresholds and decisions.
    Scoring,
    /// Routing policy.
    Policy,
}

impl Stage {
    /// How many there are.
    pub const COUNT: usize = 8;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Text,
        Self::Language,
        Self::Entities,
        Self::Tokenize,
        Self::Queue,
        Self::Inference,
        Self::Scoring,
        Self::Policy,
    ];

    /// Returns the name as reports spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Language => "language",
            Self::Entities => "entities",
            Self::Tokenize => "tokenize",
            Self::Queue => "queue",
            Self::Inference => "inference",
            Self::Scoring => "scoring",
            Self::Policy => "policy",
        }
    }
}

/// What the server says about one message that it answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// Time in each stage, in the order of [`Stage::ALL`].
    pub stages: [Duration; Stage::COUNT],
    /// From the admitted message to its finished reply.
    pub total: Duration,
    /// Messages that the engine computed together with it, itself included.
    pub batch_size: u32,
    /// Tokens that the model read.
    pub tokens: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Failure {
    /// The server said so; the name of the gRPC code.
    Status(&'static str),
    /// No answer came within the timeout of the call.
    TimedOut,
    /// The connection failed.
    Connection,
    /// The run was ended before the answer came.
    CutOff,
}

impl Failure {
    /// Code of a server that has no room.
    const SHED: &'static str = "RESOURCE_EXHAUSTED";

    /// Returns the name as reports spell it: a gRPC code in capitals, else one of ours in small letters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Status(code) => code,
            Self::TimedOut => "timeout",
            Self::Connection => "connection",
            Self::CutOff => "cut_off",
        }
    }

    /// Tells whether the server turned the message away because it was full.
    #[must_use]
    pub fn is_shed(self) -> bool {
        self == Self::Status(Self::SHED)
    }
}

/// What became of each message of a call, or why the whole call failed.
pub type Outcome = Result<Vec<Result<Answer, Failure>>, Failure>;

/// One call that has ended. Times count from the start of the step.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// When it was meant to begin.
    pub intended: Duration,
    /// When it was sent.
    pub started: Duration,
    /// When its answer was there.
    pub ended: Duration,
    /// Whether it had to wait until another call had ended, because as many as allowed were under way.
    pub was_held: bool,
    /// Messages in it.
    pub messages: u64,
    /// What came of it.
    pub outcome: Outcome,
}
