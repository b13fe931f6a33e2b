//! `signalbox feedback export`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::StoreArguments;
use crate::cli::EXIT_OK;
use crate::feedback::{ExportCounts, FeedbackReader, Filter, Needed};

#[derive(Args, Debug)]
pub(in crate::cli) struct ExportArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// Only messages with intents, mood and flags all judged, as the training recipe needs them
    #[arg(long)]
    complete: bool,
    /// File to write to (JSON Lines) [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &ExportArguments) -> anyhow::Result<u8> {
    let needed = if arguments.complete { Needed::Everything } else { Needed::Intents };
    let export =
        Export { reader: arguments.store.open()?, filter: arguments.store.filter(), needed };
    let counts = match &arguments.out {
        Some(out) => {
            check_output(out, &arguments.store.path()?)?;
            export.to_file(out).with_context(|| format!("can't write {}", out.display()))?
        }
        None => export.write(std::io::stdout().lock())?.1,
    };
    let ExportCounts { exported, without_text, unjudged } = counts;
    // Standard error may be closed; the export is there all the same.
    drop(writeln!(
        std::io::stderr(),
        "{exported} messages exported; left out: {without_text} whose text was not kept, \
         {unjudged} without a judgement that is needed"
    ));
    Ok(EXIT_OK)
}

/// What to write.
struct Export {
    reader: FeedbackReader,
    filter: Filter,
    needed: Needed,
}

impl Export {
    /// Writes the file whole or not at all.
    fn to_file(&self, out: &Path) -> anyhow::Result<ExportCounts> {
        let mut part = out.as_os_str().to_owned();
        part.push(".part");
        let (file, counts) = self.write(File::create(&part)?)?;
        file.sync_all()?;
        std::fs::rename(&part, out)?;
        Ok(counts)
    }

    fn write<W: Write>(&self, out: W) -> anyhow::Result<(W, ExportCounts)> {
        let mut out = BufWriter::new(out);
        let counts =
            self.reader.export(&self.filter, self.needed, |record| -> anyhow::Result<()> {
                serde_json::to_writer(&mut out, record)?;
                Ok(out.write_all(b"\n")?)
            })?;
        let out = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok((out, counts))
    }
}

/// Refuses to write over the feedback itself, by the same name or another link to it.
fn check_output(out: &Path, store: &Path) -> anyhow::Result<()> {
    let identity = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    if identity(out).is_some() && identity(out) == identity(store) {
        bail!("{} is the file to read", out.display());
    }
    Ok(())
}
