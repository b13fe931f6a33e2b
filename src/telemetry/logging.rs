//! Sets up structured logs on standard error.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Why logs can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter is not one that `tracing-subscriber` understands.
    #[error("log filter {filter:?} is not valid")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logs were set up before.
    #[error("logging is already set up")]
    AlreadySet,
}

/// Sets up logs for the whole process, panics included. `filter` has the syntax of `RUST_LOG`.
///
/// Lines are written by a thread of their own. When whoever reads them falls behind or is gone, lines are lost, and
/// nothing else: a service must not stand still or end because of its log. Keep the returned guard until the end; it
/// writes what is left.
///
/// # Errors
/// [`LoggingError`] when the filter is not valid or logs were set up before.
pub fn init(filter: &str, format: LogFormat) -> Result<WorkerGuard, LoggingError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| LoggingError::Filter { filter: filter.to_owned(), source })?;
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(writer)
        // It would go to standard error, and panic when that fails.
        .log_internal_errors(false);
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        LogFormat::Auto => !terminal,
        LogFormat::Pretty => false,
        LogFormat::Json => true,
    };
    let result = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(terminal).try_init()
    };
    result.map_err(|_| LoggingError::AlreadySet)?;
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map_or_else(String::new, ToString::to_string);
        let thread = std::thread::current();
        super::events::panicked(&location, thread.name().unwrap_or_default());
    }));
    Ok(guard)
}
