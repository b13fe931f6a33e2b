//! Connections: accept, serve over HTTP/2, end gracefully.
//!
//! tonic's own server is not used because it enforces `grpc-timeout` outside of every layer and answers CANCELLED where
//! the gRPC specification wants DEADLINE_EXCEEDED; here the deadline belongs to the handlers alone.

use std::future::Future;
use std::io;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::service::Routes;
use tower::Layer;

use super::call::Calls;
use super::layers;
use crate::config::ServerConfig;
use crate::telemetry::events;

/// How long accepting rests after the process has run out of file descriptors or memory for a socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often the rest of a preface that came in pieces is looked for.
const PREFACE_POLL: Duration = Duration::from_millis(20);

/// Serves connections until `stop` resolves and every one of them has ended. Dropping the future cuts them off.
pub(super) async fn serve(
    listener: TcpListener,
    routes: Calls<Routes>,
    config: &ServerConfig,
    stop: impl Future<Output = ()>,
) {
    let service = layers::catch_panic().layer(routes);
    let protocol = protocol(config);
    let graceful = GracefulShutdown::new();
    // Owns the connections, so that none outlives the server.
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    let mut accepting = true;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Connections that have ended are let go of as they come.
            Some(_) = connections.join_next() => continue,
            () = &mut stop => break,
        };
        match accepted.and_then(|(socket, _)| prepare(socket)) {
            Ok(socket) => {
                accepting = true;
                let service = TowerToHyperService::new(service.clone());
                let (protocol, watcher) = (protocol.clone(), graceful.watcher());
                let patience = config.handshake_timeout;
                connections.spawn(async move {
                    if !matches!(timeout(patience, begins(&socket)).await, Ok(Ok(true))) {
                        return;
                    }
                    let connection = protocol.serve_connection(TokioIo::new(socket), service);
                    if let Err(error) = watcher.watch(connection).await {
                        events::connection_failed(&error);
                    }
                });
            }
            Err(error) => {
                // Once for each time that it begins, not twenty times a second.
                if std::mem::take(&mut accepting) {
                    events::accept_failed(&error);
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    graceful.shutdown().await;
}

/// Waits until the client has said that it speaks HTTP/2; `false` when it goes away before. hyper itself waits for ever,
/// and its pings begin only after that.
async fn begins(socket: &TcpStream) -> io::Result<bool> {
    const PREFACE_BYTES: usize = 24;
    let mut seen = [0; PREFACE_BYTES];
    loop {
        match socket.peek(&mut seen).await? {
            0 => return Ok(false),
            PREFACE_BYTES => return Ok(true),
            // Rarely does it come in pieces; what has come makes the socket readable, so there is nothing to wait for.
            _ => tokio::time::sleep(PREFACE_POLL).await,
        }
    }
}

/// Small replies must not wait for Nagle's algorithm.
fn prepare(socket: TcpStream) -> io::Result<TcpStream> {
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn protocol(config: &ServerConfig) -> http2::Builder<TokioExecutor> {
    let mut protocol = http2::Builder::new(TokioExecutor::new());
    protocol
        .timer(TokioTimer::new())
        .max_header_list_size(config.max_metadata_bytes)
        .max_concurrent_streams(config.max_concurrent_streams)
        .keep_alive_interval(config.keepalive_interval)
        .keep_alive_timeout(config.keepalive_timeout)
        // h2 closes a connection with ENHANCE_YOUR_CALM once too many small frames wait unread: 256 bytes less the
        // frame's size each, half the connection's window in all. A stream that is held must therefore be stopped by
        // its own window long before: filled with the smallest messages it takes 3.2 MiB of that budget, 128 MiB here.
        .initial_stream_window_size(1 << 16)
        .initial_connection_window_size(1 << 28);
    protocol
}
