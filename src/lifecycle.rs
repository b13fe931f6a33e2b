//! In which state the service is, and who is told when it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// State of the service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServiceState {
    /// Models are loading; calls are refused.
    Starting,
    /// Calls are answered.
    Serving,
    /// A stop was asked for. Calls are still answered, so that load balancers have time to look elsewhere.
    Draining,
    /// New calls are refused; those under way are answered.
    Stopping,
    /// The default model has no inference thread left.
    Failed,
}

/// A call that is being answered; it counts as open until this is dropped.
#[derive(Debug)]
pub struct OpenCall {
    open: Arc<AtomicUsize>,
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The state, shared by everything that asks for it or changes it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    state: watch::Sender<ServiceState>,
    open_calls: Arc<AtomicUsize>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let state = watch::Sender::new(ServiceState::Starting);
        Self { state, open_calls: Arc::default() }
    }
}

impl Lifecycle {
    /// Returns the state at this moment.
    #[must_use]
    pub fn state(&self) -> ServiceState {
        *self.state.borrow()
    }

    /// Counts a call as open until the returned guard is dropped.
    #[must_use]
    pub fn open_call(&self) -> OpenCall {
        self.open_calls.fetch_add(1, Ordering::SeqCst);
        OpenCall { open: Arc::clone(&self.open_calls) }
    }

    /// Returns the number of open calls.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.open_calls.load(Ordering::SeqCst)
    }

    /// Subscribes to changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<ServiceState> {
        self.state.subscribe()
    }

    /// Goes to another state and tells whether that changed anything. A stop is final: once draining, only stopping can
    /// follow.
    pub fn advance(&self, next: ServiceState) -> bool {
        self.state.send_if_modified(|state| {
            let allowed = match (*state, next) {
                (ServiceState::Stopping, _) => false,
                (ServiceState::Draining, next) => next == ServiceState::Stopping,
                (current, next) => current != next,
            };
            if allowed {
                *state = next;
            }
            allowed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_is_open_until_its_guard_is_dropped() {
        let lifecycle = Lifecycle::default();
        let call = lifecycle.clone().open_call();

        assert_eq!(lifecycle.open_calls(), 1);
        drop(call);
        assert_eq!(lifecycle.open_calls(), 0);
    }

    #[test]
    fn drain_is_final() {
        let lifecycle = Lifecycle::default();
        lifecycle.advance(ServiceState::Draining);

        lifecycle.advance(ServiceState::Serving);
        assert_eq!(lifecycle.state(), ServiceState::Draining);
        lifecycle.advance(ServiceState::Stopping);
        lifecycle.advance(ServiceState::Failed);
        assert_eq!(lifecycle.state(), ServiceState::Stopping);
    }
}
