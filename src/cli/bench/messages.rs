//! What is sent.

use std::fs::File;

use anyhow::{Context, bail};

use super::BenchArguments;
use crate::bench::corpus;
use crate::cli::input::{self, Format};
use crate::message::{MessageDraft, MessageRecord};

/// Messages to choose from, at least one.
pub(super) struct Messages {
    /// A file, or the name of an embedded set.
    pub(super) source: String,
    /// The messages.
    pub(super) drafts: Vec<MessageDraft>,
}

impl Messages {
    /// Reads the file, or takes embedded ones.
    pub(super) fn of(arguments: &BenchArguments) -> anyhow::Result<Self> {
        let Some(path) = &arguments.input else {
            let length = arguments.length();
            let records = corpus::messages(length)?;
            let drafts = records.into_iter().map(MessageRecord::draft).collect::<Result<_, _>>()?;
            return Ok(Self { source: length.as_str().to_owned(), drafts });
        };
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("can't open {name}"))?;
        let format = arguments.input_format.or_else(|| Format::by_extension(path));
        let (mut drafts, mut fault) = (Vec::new(), None);
        input::read(Box::new(file), format.unwrap_or(Format::Text), |line| {
            let draft =
                line.record.and_then(|record| record.draft().map_err(|error| error.to_string()));
            match draft {
                // A message without a text is answered without being computed.
                Ok(draft) if draft.text.trim().is_empty() => {}
                Ok(draft) => drafts.push(draft),
                Err(reason) => fault = Some((line.number, reason)),
            }
            fault.is_none()
        })
        .with_context(|| format!("can't read {name}"))?;
        // A load that is another one than was meant is worth nothing: nothing is passed over.
        if let Some((line, reason)) = fault {
            bail!("{name}, line {line}: {reason}");
        }
        if drafts.is_empty() {
            bail!("there is no text to send in {name}");
        }
        Ok(Self { source: name, drafts })
    }

    pub(super) fn mean_chars(&self) -> f64 {
        let chars: usize = self.drafts.iter().map(|draft| draft.text.chars().count()).sum();
        chars as f64 / self.drafts.len().max(1) as f64
    }
}
