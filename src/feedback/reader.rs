//! Reads the file, beside a running service or without one.

use std::path::Path;

use super::agreement::{Agreement, Counting};
use super::database::{Database, DatabaseError, Filter};
use super::export::{ExportCounts, Exporting, Needed, TrainingRecord};

/// An open file, to read.
#[derive(Debug)]
pub struct FeedbackReader {
    database: Database,
}

impl FeedbackReader {
    /// Opens the file.
    ///
    /// # Errors
    /// [`DatabaseError`] when it is not there, keeps no feedback or can't be read.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { database: Database::open_to_read(path)? })
    }

    /// Sums up how often people agree with the models, as long as that is wanted; it is asked before each submission.
    ///
    /// # Errors
    /// [`DatabaseError`] when the file can't be read to its end, [`DatabaseError::Unwanted`] when nobody wants the sum any
    /// more.
    pub fn agreement(
        &self,
        filter: &Filter,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Agreement, DatabaseError> {
        let mut counting = Counting::default();
        self.database.for_each_judgement(filter, |judgement| {
            if !is_wanted() {
                return Err(DatabaseError::Unwanted);
            }
            counting.add(judgement);
            Ok(())
        })?;
        Ok(counting.finish())
    }

    /// Hands over a record for each message that has a text and what is needed, by tenant and id.
    ///
    /// # Errors
    /// A [`DatabaseError`] when the file can't be read to its end, or the first error of `write`.
    pub fn export<E: From<DatabaseError>>(
        &self,
        filter: &Filter,
        needed: Needed,
        mut write: impl FnMut(&TrainingRecord) -> Result<(), E>,
    ) -> Result<ExportCounts, E> {
        let mut exporting = Exporting::new(needed);
        self.database
            .for_each(filter, |stored| exporting.add(stored).as_ref().map_or(Ok(()), &mut write))?;
        exporting.finish().as_ref().map_or(Ok(()), &mut write)?;
        Ok(exporting.counts)
    }
}
