//! How the customer's mood went over a conversation.
//!
//! Bounded: the latest few messages of the customer are read, each from its beginning, and computed beside the message
//! itself. They never fail it: when they can't be computed, the trend is left out.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::time::timeout_at;

use crate::batching::{Lane, Submitted};
use crate::labels::HeadName;
use crate::message::{Author, Message, Truncation};
use crate::policy::MoodTrend;
use crate::registry::LoadedModel;
use crate::text::CleanedText;
use crate::tokenization::TokenizedMessage;
use crate::triage::ThreadMood;

/// What is computed for the earlier messages of a conversation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ThreadSettings {
    /// Messages of the customer at most, the latest ones. 0: none.
    pub max_messages: usize,
    /// Tokens of one of them at most, from its beginning.
    pub max_tokens: usize,
}

/// Characters of an earlier message that are looked at for each of its tokens; markup and quotes need some.
const CHARS_PER_TOKEN: usize = 64;

/// Change of the score from which the mood counts as falling or rising: half a step of the scale.
const TREND: f32 = 0.25;

/// Time before the deadline that is left for the answer itself when earlier messages are waited for.
const RESERVE: Duration = Duration::from_millis(5);

/// An earlier message of the customer.
pub(super) struct EarlierMessage {
    /// Position in the request's `thread`.
    index: usize,
    tokens: TokenizedMessage,
}

/// An earlier message that is being computed.
pub(super) struct PendingMood {
    index: usize,
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
/// A model without polarity has no mood to compute.
pub(super) fn tokenize(
    message: &Message,
    model: &LoadedModel,
    settings: &ThreadSettings,
) -> Vec<EarlierMessage> {
    if model.scorer().labels(HeadName::Polarity).is_none() {
        return Vec::new();
    }
    let limit = settings.max_tokens.saturating_mul(CHARS_PER_TOKEN);
    let mut earlier: Vec<EarlierMessage> = latest(message, settings)
        .filter_map(|(index, text)| {
            let end = text.char_indices().nth(limit).map_or(text.len(), |(end, _)| end);
            let body = CleanedText::of(text.get(..end)?).body();
            if body.trim().is_empty() {
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
/// needs the room more.
pub(super) fn submit(
    earlier: Vec<EarlierMessage>,
    model: &LoadedModel,
    lane: Lane,
    deadline: Instant,
) -> Vec<PendingMood> {
    let room = model.settings().max_queue_size / 2;
    earlier
        .into_iter()
        .filter_map(|EarlierMessage { index, tokens }| {
            if model.queue().len() >= room {
                return None;
            }
            let submitted = model.submit(tokens, lane, deadline).ok()?;
            Some(PendingMood { index, submitted })
        })
        .collect()
}

/// Waits for earlier messages and compares; `None` when one of them can't be had.
///
/// `score` is the polarity score of the message itself.
pub(super) async fn mood(
    pending: Vec<PendingMood>,
    score: f32,
    model: &LoadedModel,
    deadline: Instant,
) -> Option<ThreadMood> {
    let until = deadline.checked_sub(RESERVE)?;
    let mut earlier = Vec::with_capacity(pending.len());
    for PendingMood { index, submitted } in pending {
        let computed = timeout_at(until.into(), submitted.result).await.ok()?.ok()?.ok()?;
        let prediction = model.scorer().predict(&computed.output, 0.0).ok()?;
        earlier.push((index, prediction.polarity?.score));
    }
    ThreadMood::of(earlier, score)
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
