//! The command line: one program with subcommands.

mod bench;
mod classify;
mod embedding;
mod eval;
mod feedback;
mod input;
mod labelled;
mod model;
mod offline;
mod policy;
mod routing;
mod serve;
mod table;
mod train;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::Config;
use crate::config::sources::{self, Sources};
use crate::telemetry::logging;

/// Everything went well.
const EXIT_OK: u8 = 0;
/// The work could not be done, or was cut off.
const EXIT_FAILED: u8 = 1;
/// The work was done, but some of its input was bad.
const EXIT_PARTIAL: u8 = 3;

/// Reads what customers write to online shops: what they want, how they feel, and where it should go.
#[derive(Debug, Parser)]
#[command(name = "signalbox", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer calls over gRPC until a signal asks to stop
    Serve(serve::ServeArguments),
    /// Classify a message, or a file of them, without a server
    Classify(classify::ClassifyArguments),
    /// Measure a model on labelled messages, or compare two
    Eval(eval::EvalArguments),
    /// Teach a model new intents and flags from a few examples
    Train(train::TrainArguments),
    /// Measure how fast a running server is, or compare two runs
    Bench(bench::BenchArguments),
    /// Show, verify or quantise a model directory, or compare two versions that a server runs
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Check, test or explain routing policies
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Export what people said about answers, or show how often they agree
    #[command(subcommand)]
    Feedback(feedback::FeedbackCommand),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Where settings come from, for every subcommand that loads a model.
#[derive(Args, Debug)]
struct ConfigArguments {
    /// Settings file (TOML); see `signalbox serve --print-config` for every key
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Model directory; may be given several times, the first is the default [default: the model inside the program]
    #[arg(long, short, value_name = "DIR")]
    model: Vec<PathBuf>,
    /// Set one setting, for example `limits.max_in_flight=500`; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What to log, in the syntax of `RUST_LOG`
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How logs look
    #[arg(long, value_name = "FORMAT", value_parser = ["auto", "pretty", "json"])]
    log_format: Option<String>,
}

impl ConfigArguments {
    /// Puts all sources together and fills in what depends on the machine. `defaults` are those of the subcommand,
    /// `more` is set on top of everything.
    fn resolve(&self, defaults: &[&str], more: &[String]) -> anyhow::Result<Config> {
        let mut assignments = self.set.clone();
        if let Some(filter) = &self.log {
            assignments.push(format!("log.filter={}", toml::Value::from(filter.as_str())));
        }
        if let Some(format) = &self.log_format {
            assignments.push(format!("log.format={}", toml::Value::from(format.as_str())));
        }
        assignments.extend_from_slice(more);
        let variables = sources::process_environment();
        let all = Sources { defaults, file: self.config.as_deref(), assignments: &assignments };
        let mut config = sources::load(all, &variables)?;
        if !self.model.is_empty() {
            config.models.paths.clone_from(&self.model);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(config.resolved(cores)?)
    }
}

/// Starts logging; what is left is written when the guard is dropped.
fn start_logging(config: &Config) -> anyhow::Result<impl Drop + use<>> {
    Ok(logging::init(&config.log.filter, config.log.format)?)
}

/// Runs the program with the arguments of this process and returns its exit status.
///
/// 0: done. 1: failed, or work was cut off. 2: wrong arguments. 3: done, but some input was bad.
#[must_use]
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Classify(arguments) => classify::run(&arguments),
        Command::Eval(arguments) => eval::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Model(command) => model::run(&command),
        Command::Policy(command) => policy::run(&command),
        Command::Feedback(command) => feedback::run(&command),
        Command::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "signalbox", &mut std::io::stdout());
            Ok(EXIT_OK)
        }
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell then.
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// Whoever read our output has had enough (`signalbox classify … | head`): no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let direct = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let by_json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        direct.or(by_json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
