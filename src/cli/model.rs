//! `signalbox model`.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum ModelCommand {
    /// Show
    Show,
}

pub(super) fn run(_command: &ModelCommand) -> anyhow::Result<u8> {
    Ok(0)
}
