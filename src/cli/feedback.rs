//! `signalbox feedback`: what people said about answers, as training data or in figures.

mod export;
mod report;

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::config::sources::{self, Sources};
use crate::feedback::{FeedbackReader, Filter};

/// Read the feedback that a service keeps, also while it runs.
#[derive(Debug, Subcommand)]
pub(super) enum FeedbackCommand {
    /// Write labelled messages, for `signalbox eval` and for training
    Export(export::ExportArguments),
    /// Show how often people agree with the models
    Report(report::ReportArguments),
}

/// Which feedback to read.
#[derive(Args, Debug)]
struct StoreArguments {
    /// File that keeps the feedback [default: `feedback.path` of the settings]
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Settings file (TOML) of the service
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only what is about this model
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    model_name: String,
    /// Only what is about this version
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    model_version: String,
    /// Only what is of this tenant
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    tenant: String,
    /// Only what was submitted at this time or later (RFC 3339, such as 2026-11-01T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<SystemTime>,
}

fn time(text: &str) -> Result<SystemTime, jiff::Error> {
    SystemTime::try_from(text.parse::<Timestamp>()?)
}

impl StoreArguments {
    fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.store {
            return Ok(path.clone());
        }
        let file = self.config.as_deref();
        let variables = sources::process_environment();
        let config = sources::load(Sources { file, ..Sources::default() }, &variables)?;
        if config.feedback.path.as_os_str().is_empty() {
            bail!("no feedback is kept: give --store, or settings with feedback.path");
        }
        Ok(config.feedback.path)
    }

    fn open(&self) -> anyhow::Result<FeedbackReader> {
        let path = self.path()?;
        FeedbackReader::open(&path).with_context(|| format!("can't read {}", path.display()))
    }

    fn filter(&self) -> Filter {
        Filter {
            model_name: self.model_name.clone(),
            model_version: self.model_version.clone(),
            tenant: self.tenant.clone(),
            since: self.since,
        }
    }
}

pub(super) fn run(command: &FeedbackCommand) -> anyhow::Result<u8> {
    match command {
        FeedbackCommand::Export(arguments) => export::run(arguments),
        FeedbackCommand::Report(arguments) => report::run(arguments),
    }
}
