//! Everything that the service logs, one function each, so that what is said and at which level stands in one place.
//!
//! Text is constant, values are fields, and no field ever holds text of a message.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::counters::CounterSnapshot;
use crate::error::{Error, ErrorKind};

/// Joins an error and its causes with ": ".
#[must_use]
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The server listens; models may still be loading.
pub fn listening(address: SocketAddr) {
    info!(%address, "listening");
}

/// A model is loaded, warmed and checked.
pub fn model_ready(name: &str, version: &str, digest: &str, engine: &str, took: Duration) {
    info!(
        model = name,
        version,
        digest,
        engine,
        took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "model ready"
    );
}

/// A version in the repository can't be served; what served before goes on.
pub fn model_refused(name: &str, version: &str, reason: &str) {
    error!(model = name, version, reason, "model refused");
}

/// A label from the last run points to a version that does not serve; callers who name it get none.
pub fn label_dangles(name: &str, label: &str, version: &str) {
    error!(model = name, label, version, "label points to no version that serves");
}

/// A rollout was set or taken away.
pub fn rollout_changed(name: &str) {
    info!(model = name, "rollout changed");
}

/// A part of a rollout is not in force.
pub fn rollout_inactive(name: &str, part: &str, reason: &str) {
    warn!(model = name, part, reason, "rollout not in force");
}

/// A canary failed a message; the primary version is asked.
pub fn canary_failed(name: &str, version: &str, failure: &Error) {
    // Broken rules may quote what the caller sent.
    if failure.kind() == ErrorKind::InvalidArgument {
        debug!(model = name, version, "message does not fit the canary");
    } else {
        debug!(model = name, version, error = chain(failure), "canary failed");
    }
}

/// A canary failed one message after the other; for a while all go to the primary version.
pub fn canary_bypassed(name: &str, version: &str, pause: Duration) {
    error!(model = name, version, pause_s = pause.as_secs(), "canary keeps failing");
}

/// A shadow could not read a message.
pub fn shadow_failed(name: &str, version: &str, id: &str, failure: &dyn StdError) {
    debug!(model = name, version, id, error = chain(failure), "shadow failed");
}

/// The thread of a shadow has the priority of every other.
pub fn priority_not_lowered(failure: &dyn StdError) {
    warn!(error = chain(failure), "the priority of a shadow can't be lowered");
}

/// A model was taken out and its last message has been answered.
pub fn model_unloaded(name: &str, version: &str) {
    info!(model = name, version, "model unloaded");
}

/// The model repository can't be listed, or what is in it can't serve together; what served before goes on.
pub fn repository_unreadable(reason: &str) {
    error!(reason, "model repository");
}

/// Looking at the model repository panicked; what served before goes on, and the next look comes.
pub fn repository_poll_failed() {
    error!("model repository: the look failed");
}

/// A routing policy is in force.
pub fn policy_ready(tenant: &str, origin: &str, digest: &str) {
    info!(tenant, origin, digest, "policy ready");
}

/// A policy file is refused; what was in force stays.
pub fn policy_refused(origin: &str, reason: &str) {
    error!(origin, reason, "policy refused");
}

/// Looking at the policy files panicked; what was in force stays, and the next look comes.
pub fn policy_reload_failed() {
    error!("policy reload failed");
}

/// The policy of a tenant is gone; the default one decides now.
pub fn policy_removed(tenant: &str) {
    info!(tenant, "policy removed");
}

/// Every model is ready and calls are answered.
pub fn serving(models: usize) {
    info!(models, "serving");
}

/// A stop was asked for.
pub fn draining(signal: &str) {
    info!(signal, "draining");
}

/// Inference threads did not end in time; the program ends without them.
pub fn threads_left() {
    error!("inference threads did not end in time");
}

/// The server has stopped.
pub fn stopped(counters: &CounterSnapshot, cut: usize) {
    info!(
        offered = counters.offered,
        answered = counters.answered,
        shed = counters.shed,
        expired = counters.expired,
        cancelled = counters.cancelled,
        failed = counters.failed,
        rejected = counters.rejected,
        cut,
        "stopped"
    );
}

/// A message was answered.
pub fn message_answered(id: &str, model: &str, batch_size: usize, total: Duration) {
    debug!(
        id,
        model,
        batch_size,
        total_us = u64::try_from(total.as_micros()).unwrap_or(u64::MAX),
        "message answered"
    );
}

/// A message was not answered. Only faults of the server are errors.
pub fn message_failed(id: &str, failure: &Error) {
    match failure.kind() {
        ErrorKind::Internal => error!(id, error = chain(failure), "message failed"),
        // A full server must not spend its time on a log line for each message that it sheds; the counters tell.
        ErrorKind::Overloaded | ErrorKind::NotReady | ErrorKind::DeadlineExceeded => {
            debug!(id, error = chain(failure), "message refused");
        }
        ErrorKind::NotFound | ErrorKind::FailedPrecondition | ErrorKind::PermissionDenied => {
            info!(id, error = chain(failure), "message not answered");
        }
        // Broken rules may quote what the caller sent, so only the fact is logged.
        ErrorKind::InvalidArgument => debug!(id, "message rejected"),
    }
}

/// A stream of messages can't go on.
pub fn stream_failed(failure: &Error) {
    error!(error = chain(failure), "stream failed");
}

/// A message was answered, but the words that carried the answer could not be found because of a fault.
pub fn explanation_failed(id: &str, failure: &dyn StdError) {
    error!(id, error = chain(failure), "explanation failed");
}

/// A batch of several messages failed; each is tried alone.
pub fn batch_failed(model: &str, messages: usize, failure: &dyn StdError) {
    warn!(model, messages, error = chain(failure), "batch failed, computing each message alone");
}

/// The engine panicked; its replica is made anew. Where, [`panicked`] has told.
pub fn engine_panicked(model: &str) {
    error!(model, "engine panicked, making a new replica");
}

/// Something panicked. What a panic says may quote a message, so only its place is told.
pub fn panicked(location: &str, thread: &str) {
    error!(location, thread, "panic");
}

/// A replica could not be made anew; its inference thread ends.
pub fn replica_lost(model: &str, failure: &dyn StdError) {
    error!(model, error = chain(failure), "replica lost");
}

/// The last inference thread of a model is gone.
pub fn model_lost(name: &str, version: &str) {
    error!(model = name, version, "no inference thread is left");
}

/// A connection ended with an error, which is mostly the other end going away without a word.
pub fn connection_failed(failure: &dyn StdError) {
    debug!(error = chain(failure), "connection failed");
}

/// A connection can't be taken, for example because the process has no file descriptor left.
pub fn accept_failed(failure: &dyn StdError) {
    warn!(error = chain(failure), "connection not accepted");
}

/// A handler panicked; the call was answered INTERNAL.
pub fn handler_panicked(failure: &Error) {
    error!(error = chain(failure), "handler panicked");
}

/// The feedback store can't be read or written; what depends on it is answered UNAVAILABLE, everything else goes on.
pub fn feedback_failed(failure: &dyn StdError) {
    error!(error = chain(failure), "feedback store failed");
}

/// The feedback store can be written again.
pub fn feedback_recovered() {
    info!("feedback store works again");
}

/// Feedback older than the retention was deleted.
pub fn feedback_pruned(submissions: usize) {
    info!(submissions, "feedback pruned");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_shows_every_cause() {
        let error = Error::internal(std::io::Error::other("disk on fire"));

        assert!(chain(&error).ends_with(": disk on fire"), "{}", chain(&error));
    }
}
