//! Files with labelled messages, for `eval` and `train`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use sha2::{Digest, Sha256};

use crate::evaluation::records::{Fault, Record, parse};
use crate::evaluation::report::DataFile;
use crate::evaluation::vocabulary::Vocabulary;
use crate::message::Limits;

/// Faults that are told one by one.
const TOLD: usize = 50;

/// Files as they are.
pub(super) struct DataSet {
    files: Vec<(String, Vec<u8>)>,
}

/// What the files hold.
pub(super) struct Parsed {
    /// Messages of all files, one after the other.
    pub(super) records: Vec<Record>,
    /// The files.
    pub(super) files: Vec<DataFile>,
    /// Bad lines with the position of their file.
    faults: Vec<(usize, Fault)>,
}

impl DataSet {
    pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let read = |path: &PathBuf| {
            let name = path.display().to_string();
            let bytes = std::fs::read(path).with_context(|| format!("can't read {name}"))?;
            Ok((name, bytes))
        };
        Ok(Self { files: paths.iter().map(read).collect::<anyhow::Result<_>>()? })
    }

    /// Returns what the files hold, in order.
    pub(super) fn contents(&self) -> impl Iterator<Item = &[u8]> {
        self.files.iter().map(|(_, bytes)| bytes.as_slice())
    }

    /// Reads every record; labels are those of a model.
    pub(super) fn parse(self, vocabulary: &Vocabulary, limits: &Limits) -> Parsed {
        let mut parsed = Parsed { records: Vec::new(), files: Vec::new(), faults: Vec::new() };
        for (index, (path, bytes)) in self.files.into_iter().enumerate() {
            let (records, faults) = parse(&bytes, index, vocabulary, limits);
            parsed.files.push(DataFile {
                path,
                sha256: hex(&Sha256::digest(&bytes)),
                records: records.len(),
                rejected: faults.len(),
            });
            parsed.records.extend(records);
            parsed.faults.extend(faults.into_iter().map(|fault| (index, fault)));
        }
        parsed
    }
}

impl Parsed {
    /// Returns how many lines were left out.
    pub(super) fn rejected(&self) -> usize {
        self.faults.len()
    }

    /// Tells which lines are left out, and why.
    pub(super) fn tell_faults(&self) {
        let mut err = std::io::stderr().lock();
        let path = |index: usize| self.files.get(index).map_or("", |file| &file.path);
        for (file, fault) in self.faults.iter().take(TOLD) {
            // Standard error may be closed; the exit status still says it.
            drop(writeln!(err, "{}: {fault}", path(*file)));
        }
        let (bad, good) = (self.faults.len(), self.records.len());
        if bad > TOLD {
            drop(writeln!(err, "... and {} more", bad - TOLD));
        }
        if bad > 0 {
            drop(writeln!(err, "{bad} of {} records were left out", bad + good));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
