//! The file that keeps submissions: one SQLite table, only ever added to and, when its time has come, deleted from.
//!
//! A transaction is on disk when it is committed (write-ahead log, `synchronous = FULL`: one fsync). One that a crash cut
//! off is not there at all: frames of the log carry checksums, and the last whole transaction is where it ends.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, Statement, Transaction,
    TransactionBehavior, params,
};
use uuid::Uuid;

use super::submission::{Labels, Submission, SubmissionDraft};
use crate::message::Channel;

/// Layout of the table, in the file as `user_version`.
const FORMAT: i32 = 1;
/// Says that the file is ours, as `application_id`: "SBFB".
const APPLICATION_ID: i32 = 0x5342_4642;
/// How long another process may hold the file, for example somebody who looks at it with `sqlite3`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Rows that are deleted in one transaction, so that submissions need not wait long.
const PRUNED_AT_ONCE: usize = 1_000;

const SCHEMA: &str = "
CREATE TABLE submissions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    feedback_id TEXT NOT NULL,
    submitted_at_ms INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL,
    tenant TEXT NOT NULL,
    model_name TEXT NOT NULL,
    model_version TEXT NOT NULL,
    predicted TEXT NOT NULL,
    corrected TEXT NOT NULL,
    agent TEXT NOT NULL,
    note TEXT NOT NULL,
    text TEXT,
    language TEXT NOT NULL,
    channel TEXT NOT NULL,
    idempotency_key TEXT
) STRICT;
CREATE UNIQUE INDEX submissions_by_key ON submissions (tenant, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX submissions_by_message ON submissions (tenant, message_id);
CREATE INDEX submissions_by_time ON submissions (submitted_at_ms);
";

const COLUMNS: &str = "feedback_id, submitted_at_ms, message_id, ticket_id, tenant, model_name, \
     model_version, predicted, corrected, agent, note, text, language, channel, idempotency_key";

const JUDGEMENT_COLUMNS: &str =
    "tenant, message_id, model_name, model_version, predicted, corrected";

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It can't be opened or made.
    #[error("can't open {path} (feedback.path)")]
    Open {
        /// What is configured.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// It is some other file.
    #[error(
        "{path} (feedback.path) keeps no feedback: its application_id is {found:#x}, must be {APPLICATION_ID:#x}"
    )]
    Foreign {
        /// What is configured.
        path: PathBuf,
        /// What the file says.
        found: i32,
    },
    /// It was written by another version of the program.
    #[error("{path} (feedback.path) has format {found}, must be {FORMAT}")]
    Format {
        /// What is configured.
        path: PathBuf,
        /// What the file says.
        found: i32,
    },
    /// Reading or writing failed.
    #[error("the feedback store failed")]
    Sqlite(#[from] rusqlite::Error),
    /// Labels can't be written or read as JSON.
    #[error("labels in the feedback store are not valid")]
    Labels(#[from] serde_json::Error),
    /// Whoever asked has gone.
    #[error("reading the feedback store was given up")]
    Unwanted,
}

impl DatabaseError {
    /// Tells whether the disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            Self::Open { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            Self::Foreign { .. } | Self::Format { .. } | Self::Labels(_) | Self::Unwanted => false,
        }
    }
}

/// What is said about a submission once it is on disk; the same for each repetition of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Identifier of the submission.
    pub feedback_id: Uuid,
    /// When it was kept, in milliseconds since the Unix epoch.
    pub submitted_at_ms: i64,
    /// Whether the text was kept, too.
    pub text_stored: bool,
}

impl Receipt {
    /// Returns when it was kept.
    #[must_use]
    pub fn submitted_at(&self) -> SystemTime {
        let since = Duration::from_millis(u64::try_from(self.submitted_at_ms).unwrap_or(0));
        SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Recorded {
    /// It is kept.
    New(Receipt),
    /// It was kept before.
    Repeated(Receipt),
    /// Its key was used before, with other content.
    KeyReused,
}

/// Which submissions to read. What is empty or `None` leaves nothing out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// About this model.
    pub model_name: String,
    /// About this version.
    pub model_version: String,
    /// Of this tenant.
    pub tenant: String,
    /// Submitted at this time or later.
    pub since: Option<SystemTime>,
}

/// A submission as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) receipt: Receipt,
    pub(super) submission: SubmissionDraft,
}

/// What figures are made of.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    pub(super) tenant: String,
    pub(super) message_id: String,
    pub(super) model_name: String,
    pub(super) model_version: String,
    pub(super) predicted: Labels,
    pub(super) corrected: Labels,
}

/// What a round of deletions did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Pruned {
    /// Submissions that were deleted.
    pub(super) deleted: usize,
    /// Another round is needed: there is more to delete, or somebody who reads keeps deleted bytes in the log.
    pub(super) is_unfinished: bool,
}

/// An open file.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    /// The log may still hold what was deleted.
    holds_deleted: bool,
}

impl Database {
    /// Opens the file to write, and makes it if need be. Its folder must be there.
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let failed = |source| DatabaseError::Open { path: path.to_owned(), source };
        // SQLite would make a file that everybody may read, and says less about what is in the way. Its other files have the
        // rights of this one.
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // Before anything is changed: it may be somebody else's file.
        if !is_empty(&connection)? {
            check_format(&connection, path)?;
        }
        // Before there is a table, else it has no effect.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // What is deleted is overwritten: it may be personal data.
        connection.pragma_update(None, "secure_delete", true)?;
        set_up(&mut connection)?;
        let database = Self { connection, holds_deleted: false };
        // What a crash left in the log may never have been synced. It must be before a repetition is acknowledged.
        database.checkpoint()?;
        Ok(database)
    }

    /// Opens a file that is there to read, also while a service writes to it.
    pub(super) fn open_to_read(path: &Path) -> Result<Self, DatabaseError> {
        let failed = |source| DatabaseError::Open { path: path.to_owned(), source };
        OpenOptions::new().read(true).open(path).map_err(failed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        check_format(&connection, path)?;
        Ok(Self { connection, holds_deleted: false })
    }

    /// Keeps submissions, all or none; they are on disk when this returns.
    pub(super) fn record(
        &mut self,
        submissions: &[Submission],
        store_text: bool,
        now: SystemTime,
    ) -> Result<Vec<Recorded>, DatabaseError> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = self.connection.transaction_with_behavior(behavior)?;
        let mut statements = Statements::prepare(&transaction)?;
        let recorded = submissions
            .iter()
            .map(|submission| statements.record(submission, store_text, now))
            .collect::<Result<_, _>>()?;
        drop(statements);
        transaction.commit()?;
        Ok(recorded)
    }

    /// Deletes some of what was submitted before a time, the oldest first. What it took on disk is given back.
    pub(super) fn prune(&mut self, before: SystemTime) -> Result<Pruned, DatabaseError> {
        let deleted = self.connection.execute(
            "DELETE FROM submissions WHERE sequence IN (SELECT sequence FROM submissions \
             WHERE submitted_at_ms < ?1 ORDER BY submitted_at_ms LIMIT ?2)",
            params![milliseconds(before), i64::try_from(PRUNED_AT_ONCE).unwrap_or(i64::MAX)],
        )?;
        if deleted > 0 {
            self.connection.pragma_query(None, "incremental_vacuum", |_| Ok(()))?;
            self.holds_deleted = true;
        }
        if self.holds_deleted {
            // Whoever reads at this moment must not hold up those who submit.
            self.connection.busy_timeout(Duration::ZERO)?;
            let is_empty = self.checkpoint();
            self.connection.busy_timeout(BUSY_TIMEOUT)?;
            self.holds_deleted = !is_empty?;
        }
        let is_unfinished = deleted == PRUNED_AT_ONCE || self.holds_deleted;
        Ok(Pruned { deleted, is_unfinished })
    }

    /// Lets every submission that fits pass, those of one message together and in the order in which they came.
    pub(super) fn for_each<E: From<DatabaseError>>(
        &self,
        filter: &Filter,
        mut visit: impl FnMut(Stored) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read(COLUMNS, filter, |row| visit(stored(row)?))
    }

    /// As [`Self::for_each`], but reads no more than figures are made of; texts and notes are most of a file.
    pub(super) fn for_each_judgement<E: From<DatabaseError>>(
        &self,
        filter: &Filter,
        mut visit: impl FnMut(Judgement) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read(JUDGEMENT_COLUMNS, filter, |row| visit(judgement(row)?))
    }

    fn read<E: From<DatabaseError>>(
        &self,
        columns: &str,
        filter: &Filter,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT {columns} FROM submissions WHERE (?1 = '' OR model_name = ?1) \
             AND (?2 = '' OR model_version = ?2) AND (?3 = '' OR tenant = ?3) \
             AND submitted_at_ms >= ?4 ORDER BY tenant, message_id, sequence"
        );
        let sqlite = |error| E::from(DatabaseError::Sqlite(error));
        let mut statement = self.connection.prepare(&sql).map_err(sqlite)?;
        let Filter { model_name, model_version, tenant, since } = filter;
        let since = since.map_or(i64::MIN, milliseconds);
        let mut rows =
            statement.query(params![model_name, model_version, tenant, since]).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            visit(row)?;
        }
        Ok(())
    }

    /// Moves what is in the log to the file, synced, and empties the log; tells whether it is empty, which it is not while
    /// somebody reads it.
    fn checkpoint(&self) -> Result<bool, DatabaseError> {
        let busy: i64 =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(busy == 0)
    }
}

/// Makes the table in a new file.
fn set_up(connection: &mut Connection) -> Result<(), DatabaseError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    if is_empty(&transaction)? {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    Ok(transaction.commit()?)
}

fn is_empty(connection: &Connection) -> Result<bool, rusqlite::Error> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn check_format(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let found = number("application_id")?;
    if found != APPLICATION_ID {
        return Err(DatabaseError::Foreign { path: path.to_owned(), found });
    }
    let found = number("user_version")?;
    if found != FORMAT {
        return Err(DatabaseError::Format { path: path.to_owned(), found });
    }
    Ok(())
}

/// What keeping a submission takes, read once for all of a transaction.
struct Statements<'a> {
    find_key: Statement<'a>,
    insert: Statement<'a>,
}

impl<'a> Statements<'a> {
    fn prepare(transaction: &'a Transaction<'_>) -> Result<Self, DatabaseError> {
        let find_key =
            format!("SELECT {COLUMNS} FROM submissions WHERE tenant = ?1 AND idempotency_key = ?2");
        let insert = format!(
            "INSERT INTO submissions ({COLUMNS}) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
        );
        Ok(Self {
            find_key: transaction.prepare(&find_key)?,
            insert: transaction.prepare(&insert)?,
        })
    }

    fn record(
        &mut self,
        submission: &Submission,
        store_text: bool,
        now: SystemTime,
    ) -> Result<Recorded, DatabaseError> {
        let key = Some(&submission.idempotency_key).filter(|key| !key.is_empty());
        if let Some(key) = key {
            let read = |row: &Row<'_>| Ok(stored(row));
            let found =
                self.find_key.query_row(params![submission.tenant, key], read).optional()?;
            if let Some(before) = found.transpose()? {
                let same = is_same(&before, submission);
                let repeated = Recorded::Repeated(before.receipt);
                return Ok(if same { repeated } else { Recorded::KeyReused });
            }
        }
        let text = Some(&submission.text).filter(|text| store_text && !text.is_empty());
        let receipt = Receipt {
            feedback_id: Uuid::now_v7(),
            submitted_at_ms: milliseconds(now),
            text_stored: text.is_some(),
        };
        self.insert.execute(params![
            receipt.feedback_id.to_string(),
            receipt.submitted_at_ms,
            submission.message_id,
            submission.ticket_id,
            submission.tenant,
            submission.model_name,
            submission.model_version,
            serde_json::to_string(&submission.predicted)?,
            serde_json::to_string(&submission.corrected)?,
            submission.agent,
            submission.note,
            text,
            submission.language,
            submission.channel.as_str(),
            key,
        ])?;
        Ok(Recorded::New(receipt))
    }
}

/// Tells whether a submission says what was kept. A text that was not kept can't differ.
fn is_same(before: &Stored, submission: &Submission) -> bool {
    let mut now = SubmissionDraft::clone(submission);
    if !before.receipt.text_stored {
        now.text.clear();
    }
    before.submission == now
}

fn labels(row: &Row<'_>, index: usize) -> Result<Labels, DatabaseError> {
    Ok(serde_json::from_str(&row.get::<_, String>(index)?)?)
}

/// Reads [`JUDGEMENT_COLUMNS`].
fn judgement(row: &Row<'_>) -> Result<Judgement, DatabaseError> {
    Ok(Judgement {
        tenant: row.get(0)?,
        message_id: row.get(1)?,
        model_name: row.get(2)?,
        model_version: row.get(3)?,
        predicted: labels(row, 4)?,
        corrected: labels(row, 5)?,
    })
}

/// Reads [`COLUMNS`].
fn stored(row: &Row<'_>) -> Result<Stored, DatabaseError> {
    let text: Option<String> = row.get(11)?;
    let feedback_id: String = row.get(0)?;
    let channel: String = row.get(13)?;
    let idempotency_key: Option<String> = row.get(14)?;
    Ok(Stored {
        receipt: Receipt {
            feedback_id: Uuid::try_parse(&feedback_id).unwrap_or_default(),
            submitted_at_ms: row.get(1)?,
            text_stored: text.is_some(),
        },
        submission: SubmissionDraft {
            message_id: row.get(2)?,
            ticket_id: row.get(3)?,
            tenant: row.get(4)?,
            model_name: row.get(5)?,
            model_version: row.get(6)?,
            predicted: labels(row, 7)?,
            corrected: labels(row, 8)?,
            agent: row.get(9)?,
            note: row.get(10)?,
            text: text.unwrap_or_default(),
            language: row.get(12)?,
            channel: Channel::from_name(&channel).unwrap_or_default(),
            idempotency_key: idempotency_key.unwrap_or_default(),
        },
    })
}

/// Milliseconds since the Unix epoch; times before it count as its beginning.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
