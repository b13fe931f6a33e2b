//! Finds dates.

use super::{Entity, Reference};

/// Finds dates.
#[derive(Debug)]
pub(super) struct DateFinder;

impl DateFinder {
    /// Prepares the finder.
    pub(super) fn new() -> Self {
        Self
    }

    /// Adds the dates of a text to `found`.
    pub(super) fn find(&self, text: &str, reference: &Reference<'_>, found: &mut Vec<Entity>) {
        let _unused = (text, reference, found);
    }
}
