//! `signalbox policy`: check, test and explain routing policies without a server.

mod explain;
mod scenarios;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{ConfigArguments, EXIT_FAILED, EXIT_OK, start_logging};
use crate::app::{App, engine_loader};
use crate::config::Config;
use crate::policies;

/// Check, test or explain routing policies.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Say what is wrong with policy files, everything at once
    Check(CheckArguments),
    /// Compare what a policy decides with what scenarios expect
    Test(scenarios::TestArguments),
    /// Show what the policy decides about a message, and why
    Explain(explain::ExplainArguments),
}

#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    /// Policy files [default: those of the settings, or the one inside the program]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(super) fn run(command: &PolicyCommand) -> anyhow::Result<u8> {
    match command {
        PolicyCommand::Check(arguments) => check(arguments),
        PolicyCommand::Test(arguments) => scenarios::run(arguments),
        PolicyCommand::Explain(arguments) => explain::run(arguments),
    }
}

/// Parses each file against the labels of the models that would be served.
fn check(arguments: &CheckArguments) -> anyhow::Result<u8> {
    let config = arguments.config.resolve(&["log.filter=warn"], &[])?;
    let _logging = start_logging(&config)?;
    let files = if arguments.files.is_empty() {
        policies::paths(&config.policy)?
    } else {
        arguments.files.clone()
    };
    let vocabulary = App::new(config, engine_loader()).vocabulary()?;
    let mut out = std::io::stdout().lock();
    let mut refused = 0_u32;
    let embedded = files.is_empty().then(|| policies::embedded(&vocabulary));
    let read = files.iter().map(|file| policies::parse("", file, &vocabulary));
    for active in embedded.into_iter().chain(read) {
        match active {
            Ok(active) => {
                let (policy, origin) = (&active.policy, &active.origin);
                let (rules, digest) = (policy.rule_ids().count(), policy.digest());
                writeln!(out, "{origin}: ok: policy {}, {rules} rules, {digest}", policy.name())?;
            }
            Err(error) => {
                refused += 1;
                drop(writeln!(std::io::stderr(), "{}", crate::telemetry::events::chain(&error)));
            }
        }
    }
    Ok(if refused == 0 { EXIT_OK } else { EXIT_FAILED })
}

/// Loads models and policies as `serve` does; `policy` replaces all policies of the settings.
fn load(mut config: Config, policy: Option<&Path>) -> anyhow::Result<App> {
    if let Some(policy) = policy {
        config.policy.path = policy.to_owned();
        config.policy.tenants = PathBuf::new();
    }
    let app = App::new(config, engine_loader());
    app.load_models()?;
    Ok(app)
}
