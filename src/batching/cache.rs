//! Outputs of messages that came before, word for word.
//!
//! The outputs of a model depend on its weights and on the token ids alone, so an entry never goes stale: the cache
//! belongs to one loaded model and goes with it. Everything else in an answer (entities, routing, times) is made anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::engine::MessageOutput;

/// What an entry takes beside its numbers: pointers, lengths, its place in the table; an estimate.
const ENTRY_BYTES: usize = 256;
/// An entry of a usual size: 40 tokens and 120 outputs. Tells the table how many there may be.
const USUAL_BYTES: u64 = 900;

/// A bounded cache of outputs by token ids. What is asked for least goes first (S3-FIFO).
#[derive(Debug)]
pub struct OutputCache {
    entries: Cache<Box<[u32]>, Arc<MessageOutput>, Bytes>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// A cache at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CacheSnapshot {
    /// Bytes that entries may take, about.
    pub capacity_bytes: u64,
    /// Bytes that they take, about.
    pub used_bytes: u64,
    /// Number of entries.
    pub entries: u64,
    /// Messages that were found.
    pub hits: u64,
    /// Messages that were not.
    pub misses: u64,
}

#[derive(Clone, Debug)]
struct Bytes;

impl Weighter<Box<[u32]>, Arc<MessageOutput>> for Bytes {
    fn weight(&self, ids: &Box<[u32]>, output: &Arc<MessageOutput>) -> u64 {
        let logits: usize = output.heads.iter().map(|(_, logits)| logits.len()).sum();
        let bytes = ENTRY_BYTES + 4 * (ids.len() + logits);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl OutputCache {
    /// Makes a cache whose entries take about `bytes` at most; `None` for 0, which means no cache.
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        let usual = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(1);
        (bytes > 0).then(|| Self {
            entries: Cache::with_weighter(usual, bytes, Bytes),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// Finds the outputs of a message; counts whether it did.
    pub(super) fn get(&self, ids: &[u32]) -> Option<MessageOutput> {
        let found = self.entries.get(ids);
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found.map(|output| output.as_ref().clone())
    }

    /// Keeps the outputs of a message.
    pub(super) fn insert(&self, ids: &[u32], output: &MessageOutput) {
        self.entries.insert(ids.into(), Arc::new(output.clone()));
    }

    /// Reads the figures.
    #[must_use]
    pub fn snapshot(&self) -> CacheSnapshot {
        CacheSnapshot {
            capacity_bytes: self.entries.capacity(),
            used_bytes: self.entries.weight(),
            entries: u64::try_from(self.entries.len()).unwrap_or(u64::MAX),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::HeadName;

    fn output(value: f32) -> MessageOutput {
        MessageOutput { heads: vec![(HeadName::Primary, vec![value; 100])] }
    }

    #[test]
    fn what_was_kept_is_found_by_the_same_tokens_only() {
        let cache = OutputCache::new(1 << 20).unwrap();

        cache.insert(&[1, 2], &output(0.5));

        assert_eq!(cache.get(&[1, 2]), Some(output(0.5)));
        assert_eq!(cache.get(&[1]), None);
        assert_eq!(cache.get(&[2, 1]), None);
        let CacheSnapshot { entries, hits, misses, .. } = cache.snapshot();
        assert_eq!((entries, hits, misses), (1, 1, 2));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let cache = OutputCache::new(100_000).unwrap();

        for id in 0..10_000 {
            cache.insert(&[id], &output(0.0));
        }

        let CacheSnapshot { capacity_bytes, used_bytes, entries, .. } = cache.snapshot();
        assert!(used_bytes <= capacity_bytes, "{used_bytes} of {capacity_bytes}");
        assert!((50..=200).contains(&entries), "{entries}");
    }

    #[test]
    fn no_bytes_are_no_cache() {
        assert!(OutputCache::new(0).is_none());
    }
}
