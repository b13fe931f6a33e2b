//! The words that carried an answer, found by leaving them out.
//!
//! Bounded: at most so many messages are explained at once, each with at most so many variants, which are computed behind
//! everybody's messages and take no more than half of the queue. An explanation never fails its message: when it can't be
//! computed, the answer goes without it and says why.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::prepare::positions;
use crate::batching::{Lane, QueueError, Submitted};
use crate::engine::MessageOutput;
use crate::explanation::plan::{first_round, second_round};
use crate::explanation::words;
use crate::explanation::{
    Explained, Explanation, ExplanationStatus, LabelExplanation, Place, Tried, Word, carriers,
};
use crate::labels::{HeadName, LabelId};
use crate::message::{ExplainWords, MessageField, OffsetEncoding};
use crate::registry::LoadedModel;
use crate::scoring::{LabelStrength, ScoringError};
use crate::telemetry::events;
use crate::text::NormalizedText;
use crate::tokenization::LocatedTokens;
use crate::triage::Triage;

/// How the words that carried an answer are found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExplanationSettings {
    /// Words of a message that are left out at most. 0: explanations are switched off.
    pub max_words: usize,
    /// Messages that are explained at once at most.
    pub max_concurrent: usize,
    /// How long an explanation may take once its turn has come.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
}

/// Time before the deadline that is left for the answer itself.
const RESERVE: Duration = Duration::from_millis(5);

/// Variants of one message in the queue at most: enough for full batches.
const MAX_QUEUED: usize = 64;

/// Labels that are explained at most; bounds the work and the reply for models with thousands of labels.
const MAX_LABELS: usize = 32;

/// Label that has nothing to explain.
const NEUTRAL: &str = "neutral";

/// What the model reads of a message, with its words.
#[derive(Debug)]
pub(super) struct Readable {
    input_ids: Vec<u32>,
    words: Vec<Word>,
    /// Of each word.
    places: Vec<Option<Place>>,
}

impl Readable {
    /// Finds the words of a message and where they stand in what was sent.
    pub(super) fn of(
        normalized: &NormalizedText,
        located: &LocatedTokens,
        encoding: OffsetEncoding,
    ) -> Self {
        let words = words::find(&normalized.text, &located.places);
        let parts = normalized.parts();
        let place = |word: &Word| {
            let located = parts.locate(&word.span)?;
            let (start, end) = positions(located.field, located.range, encoding);
            let field = if located.in_subject { MessageField::Subject } else { MessageField::Text };
            Some(Place { field, start, end })
        };
        let places = words.iter().map(place).collect();
        Self { input_ids: located.tokens.input_ids.clone(), words, places }
    }

    /// Returns the token ids without those of a stretch of words and of what stands between them.
    fn without(&self, words: &Range<usize>) -> Vec<u32> {
        let words = self.words.get(words.clone()).unwrap_or_default();
        let start = words.first().map_or(0, |word| word.tokens.start);
        let end = words.last().map_or(0, |word| word.tokens.end);
        let (head, tail) = (self.input_ids.get(..start), self.input_ids.get(end..));
        [head.unwrap_or_default(), tail.unwrap_or_default()].concat()
    }
}

/// What is to be explained.
pub(super) struct Asked<'a> {
    /// The answer.
    pub(super) triage: &'a Triage,
    /// What the model said of the whole message.
    pub(super) output: &'a MessageOutput,
    pub(super) readable: &'a Readable,
    pub(super) options: ExplainWords,
}

/// Explains answers, a bounded number at a time.
#[derive(Debug)]
pub(super) struct Explainer {
    settings: ExplanationSettings,
    places: Arc<Semaphore>,
}

impl Explainer {
    pub(super) fn new(settings: ExplanationSettings) -> Self {
        let places = settings.max_concurrent.clamp(1, Semaphore::MAX_PERMITS);
        Self { settings, places: Arc::new(Semaphore::new(places)) }
    }

    /// Tells whether the operator lets answers be explained.
    pub(super) fn is_enabled(&self) -> bool {
        self.settings.max_words > 0
    }

    /// Finds the words that carried an answer.
    ///
    /// Calls with one message do not wait for others' explanations to end; those of batches and streams do, until shortly
    /// before their deadline, for their own neighbours would keep them from ever being explained.
    pub(super) async fn explain(
        &self,
        asked: &Asked<'_>,
        lane: Lane,
        deadline: Instant,
    ) -> Explanation {
        let until = deadline.checked_sub(RESERVE).unwrap_or(deadline);
        let _place = match self.take_place(lane, until).await {
            Ok(place) => place,
            Err(status) => return Explanation::without_words(status),
        };
        let until = until.min(Instant::now() + self.settings.max_wait);
        let targets = targets(asked.triage);
        let model = &asked.triage.model;
        let whole = match strengths(model, asked.output, &targets) {
            Ok(whole) => whole,
            Err(failure) => {
                events::explanation_failed(&asked.triage.id, &failure);
                return Explanation::without_words(ExplanationStatus::Failed);
            }
        };
        let max_words = asked.options.max_words.unwrap_or(usize::MAX);
        let budget = max_words.min(self.settings.max_words);
        let mut attempt = Attempt {
            model,
            readable: asked.readable,
            targets: &targets,
            until,
            variants: 0,
            engine: Duration::ZERO,
        };
        let (tried, ended) = attempt.try_words(&whole, budget).await;
        let status = match &ended {
            Ok(()) if asked.readable.words.len() > budget => ExplanationStatus::PartialBudget,
            Ok(()) => ExplanationStatus::Complete,
            Err(stop) => stop.status(tried.is_empty()),
        };
        if let Err(Stop::Failed(failure)) = ended {
            events::explanation_failed(&asked.triage.id, failure.as_ref());
        }
        let words_of = |index, whole| {
            carriers(&tried, index, whole, &asked.readable.places, asked.options.top_k)
        };
        let explained = targets.iter().zip(&whole).enumerate().filter(|_| !tried.is_empty());
        Explanation {
            status,
            labels: explained
                .map(|(index, (target, whole))| LabelExplanation {
                    explained: target.explained,
                    label: target.label,
                    words: words_of(index, whole),
                })
                .collect(),
            words: asked.readable.words.len(),
            variants: attempt.variants,
            engine: attempt.engine,
        }
    }

    async fn take_place(
        &self,
        lane: Lane,
        until: Instant,
    ) -> Result<OwnedSemaphorePermit, ExplanationStatus> {
        let places = Arc::clone(&self.places);
        match lane {
            Lane::Interactive => {
                places.try_acquire_owned().map_err(|_| ExplanationStatus::SkippedOverload)
            }
            Lane::Bulk => match timeout_at(until.into(), places.acquire_owned()).await {
                Ok(place) => place.map_err(|_| ExplanationStatus::SkippedOverload),
                Err(_) => Err(ExplanationStatus::SkippedDeadline),
            },
        }
    }
}

/// A label that is explained.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Target {
    explained: Explained,
    head: HeadName,
    label: LabelId,
}

/// Returns what of an answer is explained: the leading intent, the mood unless it is neutral, and all that is present.
fn targets(triage: &Triage) -> Vec<Target> {
    let (prediction, scorer) = (&triage.prediction, triage.model.scorer());
    let has = |head| scorer.labels(head).is_some();
    let leading = if has(HeadName::Primary) { HeadName::Primary } else { HeadName::Intent };
    let is_one_figure = !(has(HeadName::Primary) && has(HeadName::Intent));
    let present = if has(HeadName::Intent) { HeadName::Intent } else { HeadName::Primary };
    let primary = prediction.intents.first().map(|intent| Target {
        explained: Explained::PrimaryIntent,
        head: leading,
        label: intent.presence.id,
    });
    let polarity = prediction.polarity.as_ref().and_then(|polarity| {
        let name = scorer.labels(HeadName::Polarity)?.get(polarity.label)?;
        let target = Target {
            explained: Explained::Polarity,
            head: HeadName::Polarity,
            label: polarity.label,
        };
        (name != NEUTRAL).then_some(target)
    });
    let intents = prediction.intents.iter().skip(usize::from(is_one_figure));
    let intents = intents.filter(|intent| intent.presence.above()).map(|intent| Target {
        explained: Explained::Intent,
        head: present,
        label: intent.presence.id,
    });
    let flags = prediction.flags.iter().filter(|flag| flag.above()).map(|flag| Target {
        explained: Explained::Flag,
        head: HeadName::Flags,
        label: flag.id,
    });
    primary.into_iter().chain(polarity).chain(intents).chain(flags).take(MAX_LABELS).collect()
}

fn strengths(
    model: &LoadedModel,
    output: &MessageOutput,
    targets: &[Target],
) -> Result<Vec<LabelStrength>, ScoringError> {
    let strength = |target: &Target| model.scorer().strength(output, target.head, target.label);
    targets.iter().map(strength).collect()
}

/// Why no more was tried.
enum Stop {
    Deadline,
    Overload,
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

impl Stop {
    fn status(&self, is_empty: bool) -> ExplanationStatus {
        match (self, is_empty) {
            (Self::Deadline, true) => ExplanationStatus::SkippedDeadline,
            (Self::Deadline, false) => ExplanationStatus::PartialDeadline,
            (Self::Overload, true) => ExplanationStatus::SkippedOverload,
            (Self::Overload, false) => ExplanationStatus::PartialOverload,
            (Self::Failed(_), _) => ExplanationStatus::Failed,
        }
    }
}

impl From<QueueError> for Stop {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full { .. } => Self::Overload,
            QueueError::Expired => Self::Deadline,
            fault @ (QueueError::Closed | QueueError::Engine(_) | QueueError::Panicked) => {
                Self::Failed(Box::new(fault))
            }
        }
    }
}

/// The work on one explanation.
struct Attempt<'a> {
    model: &'a LoadedModel,
    readable: &'a Readable,
    targets: &'a [Target],
    until: Instant,
    variants: usize,
    engine: Duration,
}

impl Attempt<'_> {
    /// Leaves out words, or stretches first and then the words of those that carried most. Returns what was tried, without
    /// a word twice, and why that is not all, if so.
    async fn try_words(
        &mut self,
        whole: &[LabelStrength],
        budget: usize,
    ) -> (Vec<Tried>, Result<(), Stop>) {
        let words = &self.readable.words;
        let stretches = first_round(words, budget);
        let (mut tried, ended) = self.try_all(&stretches).await;
        if ended.is_err() || words.len() <= budget {
            return (tried, ended);
        }
        let lost = |(index, whole)| {
            tried.iter().map(|stretch: &Tried| stretch.log_odds_drop(index, whole)).collect()
        };
        let drops: Vec<Vec<f32>> = whole.iter().enumerate().map(lost).collect();
        let refined = second_round(&stretches, &drops, budget.saturating_sub(stretches.len()));
        let parts: Vec<Range<usize>> =
            refined.iter().flat_map(|refined| refined.parts.iter().cloned()).collect();
        let (found, ended) = self.try_all(&parts).await;
        // Parts take the place of their stretch once all of them were tried.
        let mut found = found.into_iter();
        for refined in refined {
            let parts: Vec<Tried> = found.by_ref().take(refined.parts.len()).collect();
            if parts.len() < refined.parts.len() {
                break;
            }
            if let Some(stretch) = stretches.get(refined.stretch) {
                tried.retain(|tried| tried.words != *stretch);
            }
            tried.extend(parts);
        }
        tried.sort_by_key(|tried| tried.words.start);
        (tried, ended)
    }

    /// Leaves out each of some stretches, as many at a time as the queue has room for.
    async fn try_all(&mut self, stretches: &[Range<usize>]) -> (Vec<Tried>, Result<(), Stop>) {
        let room = self.model.settings().max_queue_size / 2;
        let mut tried = Vec::with_capacity(stretches.len());
        if room == 0 && !stretches.is_empty() {
            return (tried, Err(Stop::Overload));
        }
        for some in stretches.chunks(MAX_QUEUED.min(room.max(1))) {
            let ended = match self.submit(some, room) {
                Ok(submitted) => self.collect(some, submitted, &mut tried).await,
                Err(stop) => Err(stop),
            };
            if ended.is_err() {
                return (tried, ended);
            }
        }
        (tried, Ok(()))
    }

    /// Queues variants, unless the queue would be more than half full: whoever brings a new message needs the room more.
    fn submit(&self, stretches: &[Range<usize>], room: usize) -> Result<Vec<Submitted>, Stop> {
        if self.until <= Instant::now() {
            return Err(Stop::Deadline);
        }
        if self.model.queue().len() + stretches.len() > room {
            return Err(Stop::Overload);
        }
        let submit = |stretch| {
            let submitted =
                self.model.submit_variant(self.readable.without(stretch), self.until)?;
            Ok(submitted)
        };
        stretches.iter().map(submit).collect()
    }

    /// Waits for variants in order; those after one that does not come in time are given up.
    async fn collect(
        &mut self,
        stretches: &[Range<usize>],
        submitted: Vec<Submitted>,
        tried: &mut Vec<Tried>,
    ) -> Result<(), Stop> {
        for (words, submitted) in stretches.iter().zip(submitted) {
            let computed = match timeout_at(self.until.into(), submitted.result).await {
                Err(_) => return Err(Stop::Deadline),
                Ok(Err(_)) => return Err(QueueError::Closed.into()),
                Ok(Ok(computed)) => computed?,
            };
            self.variants += 1;
            let messages = u32::try_from(computed.batch_size).unwrap_or(u32::MAX).max(1);
            self.engine += computed.inference / messages;
            let without = strengths(self.model, &computed.output, self.targets)
                .map_err(|error| Stop::Failed(Box::new(error)))?;
            tried.push(Tried { words: words.clone(), without });
        }
        Ok(())
    }
}
