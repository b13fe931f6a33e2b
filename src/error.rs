//! The closed list of causes that every transport maps to its own codes.

use std::time::Duration;

use uuid::Uuid;

use crate::message::ValidationErrors;

/// Cause of a failure, as callers see it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorKind {
    /// The request breaks a documented limit or rule.
    InvalidArgument,
    /// No such model or version.
    NotFound,
    /// The server is not in a state in which it can do that.
    FailedPrecondition,
    /// The operator does not allow it.
    PermissionDenied,
    /// The server is full.
    Overloaded,
    /// The deadline passed, or would have.
    DeadlineExceeded,
    /// Warming up, draining, or a worker is lost.
    NotReady,
    /// A fault of the server.
    Internal,
}

/// Stage in which a message ran out of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// While the request came in.
    Receiving,
    /// Before any work was done.
    Admission,
    /// Cleaning and splitting the text.
    Text,
    /// Waiting for an inference thread.
    Queue,
    /// Being computed.
    Inference,
    /// Feedback on its way to the disk.
    Storage,
}

impl Stage {
    /// Returns the name as replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Admission => "admission",
            Self::Text => "text",
            Self::Queue => "queue",
            Self::Inference => "inference",
            Self::Storage => "storage",
        }
    }
}

/// What is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FullLimit {
    /// `limits.max_in_flight`.
    InFlight {
        /// Messages that may be in flight.
        limit: usize,
    },
    /// `inference.max_queue_size`.
    Queue {
        /// Messages that may wait.
        limit: usize,
    },
    /// The way to the disk for feedback.
    Feedback {
        /// Calls that may wait.
        limit: usize,
    },
}

impl std::fmt::Display for FullLimit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InFlight { limit } => write!(formatter, "{limit} messages are in flight"),
            Self::Queue { limit } => write!(formatter, "{limit} messages wait for inference"),
            Self::Feedback { limit } => write!(formatter, "{limit} calls wait to keep feedback"),
        }
    }
}

/// Why the service can't answer for now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotReadyReason {
    /// Models are loading.
    Starting,
    /// The server is about to stop.
    Draining,
    /// The inference thread that had the message is lost, or none is left.
    WorkersLost,
    /// The feedback store can't be read or written.
    FeedbackUnavailable,
    /// The disk of the feedback store is full.
    FeedbackDiskFull,
}

impl NotReadyReason {
    /// Returns the reason in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "models are loading",
            Self::Draining => "the server is draining",
            Self::WorkersLost => "an inference thread of the model was lost",
            Self::FeedbackUnavailable => {
                "the feedback store (feedback.path) can't be read or written; nothing was kept"
            }
            Self::FeedbackDiskFull => {
                "the disk of the feedback store (feedback.path) is full; nothing was kept"
            }
        }
    }
}

/// How long callers should wait before they try a full server again.
///
/// Long enough for a full queue of the default size to move on, short enough not to be felt by a person.
pub const RETRY_WHEN_FULL: Duration = Duration::from_millis(100);

/// How long callers should wait before they try a server that is not ready.
pub const RETRY_WHEN_NOT_READY: Duration = Duration::from_secs(1);

/// Why a message has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks limits or rules; all of them are listed.
    #[error("{0}")]
    InvalidArgument(#[from] ValidationErrors),
    /// No such model or version.
    #[error("model {name:?} version {version:?} is not loaded; loaded are {loaded}")]
    ModelNotFound {
        /// Name that was asked for; empty means the default.
        name: String,
        /// Version that was asked for; empty means any.
        version: String,
        /// What is loaded, as `name/version`, separated by commas.
        loaded: String,
    },
    /// The server is not in a state in which it can do that.
    #[error("{reason}")]
    FailedPrecondition {
        /// What is in the way.
        reason: String,
    },
    /// The operator does not allow it.
    #[error("not allowed: {reason}")]
    PermissionDenied {
        /// Which setting says so.
        reason: String,
    },
    /// The server is full.
    #[error("the server is full: {limit}")]
    Overloaded {
        /// What is full.
        limit: FullLimit,
    },
    /// The deadline passed, or would have.
    #[error("the deadline passed in stage {}", stage.as_str())]
    DeadlineExceeded {
        /// Where the time ran out.
        stage: Stage,
    },
    /// The service can't answer for now.
    #[error("{}", reason.as_str())]
    NotReady {
        /// Why not.
        reason: NotReadyReason,
    },
    /// A fault of the server; callers see only the id.
    #[error("internal error {id}")]
    Internal {
        /// Opaque id, in the log as well.
        id: Uuid,
        /// What happened, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Makes an internal error with an id of its own.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { id: Uuid::now_v7(), source: source.into() }
    }

    /// Returns the cause as callers see it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidArgument(_) => ErrorKind::InvalidArgument,
            Self::ModelNotFound { .. } => ErrorKind::NotFound,
            Self::FailedPrecondition { .. } => ErrorKind::FailedPrecondition,
            Self::PermissionDenied { .. } => ErrorKind::PermissionDenied,
            Self::Overloaded { .. } => ErrorKind::Overloaded,
            Self::DeadlineExceeded { .. } => ErrorKind::DeadlineExceeded,
            Self::NotReady { .. } => ErrorKind::NotReady,
            Self::Internal { .. } => ErrorKind::Internal,
        }
    }

    /// Returns when to try again, where trying again makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            ErrorKind::Overloaded => Some(RETRY_WHEN_FULL),
            ErrorKind::NotReady => Some(RETRY_WHEN_NOT_READY),
            ErrorKind::InvalidArgument
            | ErrorKind::NotFound
            | ErrorKind::FailedPrecondition
            | ErrorKind::PermissionDenied
            | ErrorKind::DeadlineExceeded
            | ErrorKind::Internal => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_and_not_ready_say_when_to_retry() {
        let full = Error::Overloaded { limit: FullLimit::InFlight { limit: 1 } };
        let late = Error::DeadlineExceeded { stage: Stage::Queue };

        assert_eq!(full.retry_after(), Some(RETRY_WHEN_FULL));
        assert_eq!(late.retry_after(), None);
    }

    #[test]
    fn internal_error_shows_its_id_and_not_its_source() {
        let error = Error::internal("secret detail");

        assert!(!error.to_string().contains("secret"));
    }
}
