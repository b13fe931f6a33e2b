//! `signalbox serve`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use futures_util::Stream;
use tokio::signal::unix::{SignalKind, signal};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::SignalStream;

use super::{ConfigArguments, EXIT_FAILED, EXIT_OK, start_logging};
use crate::app::{App, engine_loader};
use crate::config::Config;

/// How long blocking work that can't be stopped (a model that is just loading) may hold up the exit.
const RUNTIME_GRACE: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:50051]
    #[arg(long, short, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Write the address to this file once the server listens on it
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Print the settings in force as a TOML file and exit
    #[arg(long)]
    print_config: bool,
}

pub(super) fn run(arguments: &ServeArguments) -> anyhow::Result<u8> {
    let listen = arguments.listen.map(|address| format!("server.listen=\"{address}\""));
    let config = arguments.config.resolve(&[], &Vec::from_iter(listen))?;
    if arguments.print_config {
        std::io::stdout().write_all(config.to_toml()?.as_bytes())?;
        return Ok(EXIT_OK);
    }
    let _logging = start_logging(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.worker_threads)
        // Two more, so that loading a model or summing up feedback never waits for texts, or texts for them.
        .max_blocking_threads(config.server.text_threads + 2)
        .thread_name("tokio")
        .enable_all()
        .build()
        .context("the runtime can't start")?;
    let result = runtime.block_on(serve(config, arguments.port_file.as_deref()));
    runtime.shutdown_timeout(RUNTIME_GRACE);
    result
}

async fn serve(config: Config, port_file: Option<&Path>) -> anyhow::Result<u8> {
    let signals = signals().context("signals can't be caught")?;
    let on_listening = |address: SocketAddr| match port_file {
        Some(path) => std::fs::write(path, format!("{address}\n")),
        None => Ok(()),
    };
    let report = App::new(config, engine_loader()).serve(on_listening, signals).await?;
    Ok(if report.cut == 0 { EXIT_OK } else { EXIT_FAILED })
}

/// Returns the names of the signals that ask for a stop, as they come.
fn signals() -> std::io::Result<impl Stream<Item = &'static str> + Unpin> {
    let terminate = SignalStream::new(signal(SignalKind::terminate())?).map(|()| "SIGTERM");
    let interrupt = SignalStream::new(signal(SignalKind::interrupt())?).map(|()| "SIGINT");
    // A terminal that is closed asks for the same.
    let hang_up = SignalStream::new(signal(SignalKind::hangup())?).map(|()| "SIGHUP");
    Ok(terminate.merge(interrupt).merge(hang_up))
}
