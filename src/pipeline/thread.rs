//! The customer's earlier messages: how the mood went, and whether one of them called for a person.
//!
//! Bounded: the latest few messages of the customer are read, each from its beginning, and computed beside the message
//! itself. They never fail it: when they can't be computed, the trend is left out.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::time::timeout_at;

use crate::batching::{Lane, Submitted};
use crate::labels::HeadName;
use crate::message::{Author, Message, Truncation};
use crate::policy::calls_for_person;
use crate::registry::LoadedModel;
use crate::scoring::{AbstainReason, Prediction};
use crate::text::CleanedText;
use crate::tokenization::TokenizedMessage;

/// What is computed for the earlier messages of a conversation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ThreadSettings {
    /// Messages of the customer at most, the latest ones. 0: none.
    pub max_messages: usize,
    /// Tokens of one of them at most, from its beginning.
    pub max_tokens: usize,
    /// How long they are waited for once the message itself is computed.
    #[serde(with = "humantime_serde")]
    pub max_wait: Duration,
}

/// Characters of an earlier message that are looked at for each of its tokens; markup and quotes need some.
const CHARS_PER_TOKEN: usize = 64;

/// Time before the deadline that is left for the answer itself when earlier messages are waited for.
const RESERVE: Duration = Duration::from_millis(5);

/// Earlier messages could not be computed in time or for lack of room.
#[derive(Clone, Copy, Debug)]
pub(super) struct EarlierUnavailable;

/// An earlier message of the customer.
pub(super) struct EarlierMessage {
    /// Position in the request's `thread`.
    index: usize,
    tokens: TokenizedMessage,
}

/// An earlier message that is being computed.
pub(super) struct PendingMood {
    index: usize,
    unknown_share: f32,
    submitted: Submitted,
}

/// Returns how many bytes of the thread will be read.
pub(super) fn bytes_to_read(message: &Message, settings: &ThreadSettings) -> usize {
    // A character has four bytes at most.
    let limit = settings.max_tokens.saturating_mul(4 * CHARS_PER_TOKEN);
    latest(message, settings).map(|(_, text)| text.len().min(limit)).sum()
}

/// Cleans and tokenises the latest messages of the customer, oldest first.
///
/// A model with neither polarity nor flags has nothing to say about them.
pub(super) fn tokenize(
    message: &Message,
    model: &LoadedModel,
    settings: &ThreadSettings,
) -> Vec<EarlierMessage> {
    let says_something = |head| model.scorer().labels(head).is_some();
    if !says_something(HeadName::Polarity) && !says_something(HeadName::Flags) {
        return Vec::new();
    }
    let limit = settings.max_tokens.saturating_mul(CHARS_PER_TOKEN);
    let mut earlier: Vec<EarlierMessage> = latest(message, settings)
        .filter_map(|(index, text)| {
            let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
            let body = CleanedText::of(text.get(..end)?).body();
            if body.trim().is_empty() || !model.languages().identify(&body, "").supported {
                return None;
            }
            let tokenizer = model.tokenizer();
            let tokens = tokenizer.tokenize_within(&body, Truncation::Head, settings.max_tokens);
            Some(EarlierMessage { index, tokens: tokens.ok()? })
        })
        .collect();
    earlier.reverse();
    earlier
}

/// Returns position and text of the customer's messages, the latest first.
fn latest<'a>(
    message: &'a Message,
    settings: &ThreadSettings,
) -> impl Iterator<Item = (usize, &'a str)> {
    let all = message.thread.iter().enumerate().rev();
    all.filter(|(_, earlier)| earlier.author == Author::Customer)
        .map(|(index, earlier)| (index, earlier.text.as_str()))
        .take(settings.max_messages)
}

/// Queues earlier messages behind the message itself, unless the queue is half full already: whoever brings a new message
/// needs the room more. All of them or none: a trend over some would not be the one that is asked for.
pub(super) fn submit(
    earlier: Vec<EarlierMessage>,
    model: &LoadedModel,
    lane: Lane,
    deadline: Instant,
) -> Option<Vec<PendingMood>> {
    let room = model.settings().max_queue_size / 2;
    earlier
        .into_iter()
        .map(|EarlierMessage { index, tokens }| {
            if model.queue().len() >= room {
                return None;
            }
            let unknown_share = tokens.unknown_share();
            let submitted = model.submit(tokens, lane, deadline).ok()?;
            Some(PendingMood { index, unknown_share, submitted })
        })
        .collect()
}

/// What earlier messages say.
#[derive(Debug, Default)]
pub(super) struct LookedAt {
    /// Position in the thread and polarity score, oldest first.
    pub(super) scores: Vec<(usize, f32)>,
    /// Flags that are set in one of them and call for a person, each once.
    pub(super) person_required: Vec<String>,
}

/// Waits for earlier messages; those that are not of this model's world say nothing.
///
/// # Errors
/// [`EarlierUnavailable`] when one of them is not computed in time.
pub(super) async fn wait(
    pending: Vec<PendingMood>,
    model: &LoadedModel,
    deadline: Instant,
) -> Result<LookedAt, EarlierUnavailable> {
    let until = deadline.checked_sub(RESERVE).ok_or(EarlierUnavailable)?;
    let mut earlier = LookedAt::default();
    for PendingMood { index, unknown_share, submitted } in pending {
        let waited = timeout_at(until.into(), submitted.result).await;
        let computed = waited.ok().and_then(Result::ok).and_then(Result::ok);
        let output = computed.ok_or(EarlierUnavailable)?.output;
        let prediction = model.scorer().predict(&output, unknown_share);
        let prediction = prediction.map_err(|_| EarlierUnavailable)?;
        for name in grave_flags(&prediction, model) {
            if !earlier.person_required.iter().any(|known| known == name) {
                earlier.person_required.push(name.to_owned());
            }
        }
        let is_foreign = prediction
            .abstention
            .is_some_and(|abstention| abstention.reason == AbstainReason::OutOfDistribution);
        if let Some(polarity) = prediction.polarity.filter(|_| !is_foreign) {
            earlier.scores.push((index, polarity.score));
        }
    }
    Ok(earlier)
}

/// Returns the flags that are set and call for a person.
fn grave_flags<'a>(
    prediction: &'a Prediction,
    model: &'a LoadedModel,
) -> impl Iterator<Item = &'a str> {
    let names = model.scorer().labels(HeadName::Flags);
    let set = prediction.flags.iter().filter(|flag| flag.above());
    set.filter_map(move |flag| names?.get(flag.id))
        .filter(|name| calls_for_person(name, model.taxonomy().person_required(name)))
}
