//! In which state the service is, and who is told when it changes.

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

/// The state, shared by everything that asks for it or changes it.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    state: watch::Sender<ServiceState>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { state: watch::Sender::new(ServiceState::Starting) }
    }
}

impl Lifecycle {
    /// Returns the state at this moment.
    #[must_use]
    pub fn state(&self) -> ServiceState {
        *self.state.borrow()
    }

    /// Subscribes to changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<ServiceState> {
        self.state.subscribe()
    }

    /// Goes to another state. A stop is final: once draining, only stopping can follow.
    pub fn advance(&self, next: ServiceState) {
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
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
