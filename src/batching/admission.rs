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
    fn full_server_admits_again_after_a_place_is_given_back() {
        let admission = Admission::new(1);
        let permit = admission.try_admit().unwrap();

        assert!(admission.try_admit().is_none());
        drop(permit);
        assert!(admission.try_admit().is_some());
    }
}
