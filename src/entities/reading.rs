//! A text with everything that the finders of numbers look at.

use std::collections::BTreeMap;
use std::ops::Range;

use super::context::{Hit, Topic};
use super::folding::FoldedText;
use super::tokens::Token;
use super::{Entity, EntityType};

/// A folded text, its tokens and the words that announce numbers.
#[derive(Debug)]
pub(super) struct Reading<'t> {
    /// The text.
    pub(super) text: FoldedText<'t>,
    /// Its tokens, in order.
    pub(super) tokens: Vec<Token>,
    /// Its words with topics, in order.
    pub(super) hits: Vec<Hit>,
    /// Primary subtag of its language, or "und".
    pub(super) language: &'t str,
    /// Country that the caller's hint names, in upper case, or empty.
    pub(super) country: String,
}

impl Reading<'_> {
    /// Marks the tokens in a range as dealt with.
    pub(super) fn take(&mut self, range: &Range<usize>) {
        let first = self.tokens.partition_point(|token| token.end <= range.start);
        for token in self.tokens.iter_mut().skip(first) {
            if token.start >= range.end {
                break;
            }
            token.taken = true;
        }
    }

    /// Tells whether something in a range is dealt with.
    pub(super) fn is_taken(&self, range: &Range<usize>) -> bool {
        let first = self.tokens.partition_point(|token| token.end <= range.start);
        let inside = self.tokens.iter().skip(first).take_while(|token| token.start < range.end);
        inside.into_iter().any(|token| token.taken)
    }

    /// Returns the words with topics that end at or before a place, nearest first.
    pub(super) fn hits_before(&self, at: usize) -> impl Iterator<Item = &Hit> {
        let count = self.hits.partition_point(|hit| hit.range.end <= at);
        self.hits.iter().take(count).rev()
    }

    /// Returns the words with topics that begin at or after a place, nearest first.
    pub(super) fn hits_after(&self, at: usize) -> impl Iterator<Item = &Hit> {
        let first = self.hits.partition_point(|hit| hit.range.start < at);
        self.hits.iter().skip(first)
    }

    /// Tells whether a word with one of the topics ends within `reach` bytes before a place.
    pub(super) fn has_before(
        &self,
        at: usize,
        reach: usize,
        topics: impl Fn(Topic) -> bool,
    ) -> bool {
        self.hits_before(at)
            .take_while(|hit| at - hit.range.end <= reach)
            .any(|hit| topics(hit.topic))
    }

    /// Makes an entity of a stretch of the folded text.
    pub(super) fn entity(
        &self,
        kind: EntityType,
        range: &Range<usize>,
        value: String,
        confidence: f32,
    ) -> Entity {
        let span = self.text.original_span(range);
        Entity { kind, span, value, confidence, attributes: BTreeMap::new() }
    }
}
