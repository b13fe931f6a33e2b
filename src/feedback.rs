//! What people of the helpdesk say about the model's answers: corrections and confirmations, kept on disk.
//!
//! A [`SubmissionDraft`] becomes a [`Submission`] when it breaks no rule; a [`FeedbackStore`] keeps it; [`FeedbackReader`]
//! reads the file, beside a running service or without one, and gives an [`Agreement`] or training data.

mod agreement;
mod database;
mod export;
mod reader;
mod store;
mod submission;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use agreement::{Agreement, LabelCounts, ModelAgreement, PartAgreement};
pub use database::{DatabaseError, Filter, Receipt};
pub use export::{ExportCounts, Needed, TrainingRecord};
pub use reader::FeedbackReader;
pub use store::{FeedbackCounterSnapshot, FeedbackStore};
pub use submission::{
    KnownLabels, Labels, MAX_LABELS, MAX_NOTE_CHARS, Submission, SubmissionDraft,
};

/// What is kept, and where.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FeedbackSettings {
    /// File (SQLite). Empty: no feedback is kept.
    pub path: PathBuf,
    /// Whether what customers wrote is kept, too.
    pub store_text: bool,
    /// How long it is kept; zero: for ever.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
}
