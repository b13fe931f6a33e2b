//! Finds amounts.

use super::{Entity, Reference};

/// Finds amounts.
#[derive(Debug)]
pub(super) struct AmountFinder;

impl AmountFinder {
    /// Prepares the finder.
    pub(super) fn new() -> Self {
        Self
    }

    /// Adds the amounts of a text to `found`.
    pub(super) fn find(&self, text: &str, reference: &Reference<'_>, found: &mut Vec<Entity>) {
        let _unused = (text, reference, found);
    }
}
