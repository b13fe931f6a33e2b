//! The gRPC APIs, the native one and the Open Inference Protocol. Nothing here knows how a message is classified; it
//! converts, calls and converts back.

mod call;
mod classifier;
pub mod client;
pub mod codec;
mod convert;
mod deadline;
mod exchange;
mod feedback;
mod health;
pub mod inference;
mod layers;
mod models;
mod policies;
mod server_status;
mod status;
mod taxonomy;
mod transport;
mod window;

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;
use tonic::service::Routes;

use self::call::Calls;
use crate::config::{Config, LimitsConfig};
use crate::feedback::FeedbackStore;
use crate::lifecycle::Lifecycle;
use crate::pipeline::{ExplanationSettings, Pipeline};
use crate::registry::ModelManager;

/// Code generated from `proto/signalbox/v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated"
)]
pub mod pb {
    tonic::include_proto!("signalbox.v1");

    /// The compiled definitions, for reflection.
    pub const DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("signalbox_descriptor");
}

/// What the services share.
#[derive(Clone, Debug)]
struct Context {
    pipeline: Arc<Pipeline>,
    models: Arc<ModelManager>,
    /// `None` when no feedback is kept.
    feedback: Option<Arc<FeedbackStore>>,
    lifecycle: Lifecycle,
    limits: LimitsConfig,
    max_request_bytes: usize,
    max_metadata_bytes: u32,
    max_queue_size: usize,
    explanation: ExplanationSettings,
    started_at: SystemTime,
}

/// The parts of the service that calls are passed on to.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What messages pass through.
    pub pipeline: Arc<Pipeline>,
    /// Loads models and lets go of them.
    pub models: Arc<ModelManager>,
    /// Keeps what people say about answers; `None` when nothing of it is kept.
    pub feedback: Option<Arc<FeedbackStore>>,
    /// State of the service.
    pub lifecycle: Lifecycle,
}

/// Why the server can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The definitions for reflection are damaged.
    #[error("server reflection can't be set up")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The definitions that replies are written as JSON by are damaged.
    #[error("replies can't be written as JSON")]
    Json(#[from] inference::ReplyJsonError),
}

/// Serves the API on a socket until `stop` resolves and every connection has ended.
///
/// # Errors
/// [`GrpcError`] when the server can't be set up.
pub async fn serve(
    listener: TcpListener,
    parts: Parts,
    config: &Config,
    stop: impl Future<Output = ()>,
) -> Result<(), GrpcError> {
    let Parts { pipeline, models, feedback, lifecycle } = parts;
    let context = Context {
        pipeline,
        models,
        feedback,
        lifecycle,
        limits: config.limits.clone(),
        max_request_bytes: config.server.max_request_bytes,
        max_metadata_bytes: config.server.max_metadata_bytes,
        max_queue_size: config.inference.max_queue_size,
        explanation: config.explanation,
        started_at: SystemTime::now(),
    };
    let open_calls = context.lifecycle.clone();
    let routes = Routes::new(classifier::service(context.clone()))
        .add_service(models::service(context.clone()))
        .add_service(policies::service(context.clone()))
        .add_service(feedback::service(context.clone()))
        .add_service(taxonomy::service(context.clone()))
        .add_service(health::service(context.lifecycle.clone()))
        .add_service(inference::service(context.clone())?)
        .add_service(server_status::service(context))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let calls = Calls::new(
        routes.prepare(),
        open_calls,
        config.limits.default_timeout,
        config.server.receive_timeout,
    );
    transport::serve(listener, calls, &config.server, stop).await;
    Ok(())
}

/// Size of a request at most that carries no message of a customer. Bytes.
const MAX_QUESTION_BYTES: usize = 16 << 10;

/// Counts on the wire have 32 bits; none of ours comes near that.
fn to_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that tools can show the details of errors.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}
