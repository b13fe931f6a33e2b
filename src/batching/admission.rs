//! A bound on the messages in flight, over all calls and models.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hands out places for messages in flight. Never waits: a full server says so at once.
#[derive(Clone, Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    limit: usize,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub struct AdmissionPermit {
    _place: OwnedSemaphorePermit,
}

impl Admission {
    /// Makes `limit` places, at least one.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Takes a place, or returns `None` when all are taken.
    #[must_use]
    pub fn try_admit(&self) -> Option<AdmissionPermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(AdmissionPermit { _place: place })
    }

    /// Takes a place for one more message of a call that has several, or returns `None` when only the last quarter of the
    /// places is free: calls with thousands of messages must not turn away those with one.
    #[must_use]
    pub fn try_admit_bulk(&self) -> Option<AdmissionPermit> {
        let reserved = self.limit / 4;
        if self.places.available_permits() <= reserved {
            return None;
        }
        self.try_admit()
    }

    /// Returns the number of places.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_leaves_the_last_quarter_to_single_messages() {
        let admission = Admission::new(8);
        let bulk: Vec<AdmissionPermit> =
            std::iter::from_fn(|| admission.try_admit_bulk()).collect();

        assert_eq!(bulk.len(), 6);
        let single: Vec<AdmissionPermit> = std::iter::from_fn(|| admission.try_admit()).collect();
        assert_eq!(single.len(), 2);
    }

    #[test]
    fn full_server_admits_again_after_a_place_is_given_back() {
        let admission = Admission::new(1);
        let permit = admission.try_admit().unwrap();

        assert!(admission.try_admit().is_none());
        drop(permit);
        assert!(admission.try_admit().is_some());
    }
}
