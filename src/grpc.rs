//! The native gRPC API. Nothing here knows how a message is classified; it converts, calls and converts back.

mod classifier;
pub mod codec;
mod convert;
mod deadline;
mod health;
mod layers;
mod models;
mod server_status;
mod status;

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;

use crate::config::{Config, LimitsConfig, ServerConfig};
use crate::lifecycle::Lifecycle;
use crate::pipeline::Pipeline;

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
    lifecycle: Lifecycle,
    limits: LimitsConfig,
    max_request_bytes: usize,
    max_metadata_bytes: u32,
    max_queue_size: usize,
    started_at: SystemTime,
}

/// Why the server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The definitions for reflection are damaged.
    #[error("server reflection can't be set up")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error("the gRPC transport failed")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves the API on a socket until `stop` resolves and every connection has ended.
///
/// # Errors
/// [`GrpcError`] when the server can't be set up or its transport fails.
pub async fn serve(
    listener: TcpListener,
    pipeline: Arc<Pipeline>,
    lifecycle: Lifecycle,
    config: &Config,
    stop: impl Future<Output = ()>,
) -> Result<(), GrpcError> {
    let context = Context {
        pipeline,
        lifecycle,
        limits: config.limits.clone(),
        max_request_bytes: config.server.max_request_bytes,
        max_metadata_bytes: config.server.max_metadata_bytes,
        max_queue_size: config.inference.max_queue_size,
        started_at: SystemTime::now(),
    };
    // Small replies must not wait for Nagle's algorithm; tonic's own setting does not reach sockets that it is handed.
    let incoming = TcpIncoming::from(listener)
        .with_nodelay(Some(true))
        .with_keepalive(Some(config.server.keepalive_interval));
    let router = builder(&config.server)
        .add_service(classifier::service(context.clone()))
        .add_service(models::service(context.clone()))
        .add_service(health::service(context.lifecycle.clone()))
        .add_service(server_status::service(context))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(router.serve_with_incoming_shutdown(incoming, stop).await?)
}

fn builder(
    config: &ServerConfig,
) -> tonic::transport::Server<
    tower::layer::util::Stack<layers::CatchPanic, tower::layer::util::Identity>,
> {
    tonic::transport::Server::builder()
        .http2_max_header_list_size(config.max_metadata_bytes)
        .max_concurrent_streams(config.max_concurrent_streams)
        .http2_keepalive_interval(Some(config.keepalive_interval))
        .http2_keepalive_timeout(Some(config.keepalive_timeout))
        // h2 closes a connection with ENHANCE_YOUR_CALM once too many small frames wait unread: 256 bytes less the
        // frame's size each, half the connection's window in all. A stream that is held must therefore be stopped by
        // its own window long before: filled with the smallest messages it takes 3.2 MiB of that budget, 128 MiB here.
        .initial_stream_window_size(1 << 16)
        .initial_connection_window_size(1 << 28)
        .layer(layers::catch_panic())
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(pb::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
