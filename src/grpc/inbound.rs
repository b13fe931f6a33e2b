//! What a stream of requests waits for.

use std::time::Instant;

use tokio::sync::watch;
use tonic::{Status, Streaming};

use crate::lifecycle::ServiceState;

/// Reads the next request; `None` after the last one, or when nothing is read any more.
pub(super) async fn read<T>(inbound: Option<&mut Streaming<T>>) -> Result<Option<T>, Status> {
    match inbound {
        Some(inbound) => inbound.message().await,
        None => Ok(None),
    }
}

/// Waits for a moment; without one for ever.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Waits until the server takes no more calls.
pub(super) async fn stopping(state: &mut watch::Receiver<ServiceState>) {
    // The sender lives as long as the server; should it go, the server stops as well.
    drop(state.wait_for(|state| *state == ServiceState::Stopping).await);
}
