//! Policy files: which there are, whether they have changed, and what they say.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{ActivePolicy, PolicySettings};
use crate::message::MAX_NAME_CHARS;
use crate::policy::{Policy, PolicyErrors, Vocabulary};
use crate::telemetry::events;

/// The policy inside the program.
const EMBEDDED: &str = include_str!("../../config/policy.yaml");

/// Where the policy inside the program comes from, as replies spell it.
const EMBEDDED_ORIGIN: &str = "(embedded)";

/// Bytes of a policy file at most.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Policies of tenants at most.
const MAX_TENANTS: usize = 10_000;

/// Why a policy can't be taken up.
#[derive(Debug, thiserror::Error)]
pub enum PolicyLoadError {
    /// A file or directory can't be read.
    #[error("can't read {path}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A file is too large.
    #[error("{path} has over {MAX_FILE_BYTES} bytes")]
    TooLarge {
        /// Which one.
        path: PathBuf,
    },
    /// A file is not UTF-8.
    #[error("{path} is not UTF-8 from byte {valid_up_to} on")]
    NotText {
        /// Which one.
        path: PathBuf,
        /// Bytes before the first that is not.
        valid_up_to: usize,
    },
    /// Too many files.
    #[error("{path} holds over {MAX_TENANTS} policies")]
    TooMany {
        /// Which directory.
        path: PathBuf,
    },
    /// Two files for one tenant.
    #[error("{first} and {second} are both the policy of one tenant")]
    Twice {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A file's name is no name of a tenant.
    #[error("{path}: a tenant's name has 1 to {MAX_NAME_CHARS} characters")]
    Name {
        /// Which file.
        path: PathBuf,
    },
    /// The policy has faults.
    #[error(transparent)]
    Invalid(#[from] PolicyErrors),
}

impl PolicyLoadError {
    /// Returns the file or directory that it is about.
    pub(super) fn origin(&self) -> String {
        match self {
            Self::Read { path, .. }
            | Self::TooLarge { path }
            | Self::NotText { path, .. }
            | Self::TooMany { path }
            | Self::Name { path }
            | Self::Twice { second: path, .. } => path.display().to_string(),
            Self::Invalid(faults) => faults.origin().to_owned(),
        }
    }

    /// Tells whether the same file might be read a moment later.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

/// Why policies can't be taken up: everything that is wrong, file by file.
#[derive(Debug)]
pub struct PolicyLoadErrors(pub(super) Vec<PolicyLoadError>);

impl From<PolicyLoadError> for PolicyLoadErrors {
    fn from(error: PolicyLoadError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for PolicyLoadErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{}", events::chain(error))?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyLoadErrors {}

/// Every policy file: tenant (empty for the default policy) and path, and what changes whenever the file does.
pub(super) type Stamps = BTreeMap<(String, PathBuf), Option<Stamp>>;

/// What changes whenever a file does: inode, size, time of the last change (s, ns).
pub(super) type Stamp = (u64, u64, i64, i64);

/// What a look at the files finds.
pub(super) struct Found {
    /// The files that may be policies.
    pub(super) stamps: Stamps,
    /// Those that can't be, by their names.
    pub(super) refused: Vec<PolicyLoadError>,
}

/// Returns what changes whenever a file does; `None` when there is none to read.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok();
    metadata.map(|m| (m.ino(), m.size(), m.ctime(), m.ctime_nsec()))
}

/// Finds every policy file.
///
/// # Errors
/// [`PolicyLoadError`] when the directory of the tenants can't be listed or holds too many files.
pub(super) fn look(settings: &PolicySettings) -> Result<Found, PolicyLoadError> {
    let mut found = Found { stamps: Stamps::new(), refused: Vec::new() };
    if !settings.path.as_os_str().is_empty() {
        let path = settings.path.clone();
        found.stamps.insert((String::new(), path.clone()), stamp(&path));
    }
    let mut last: Option<(String, PathBuf)> = None;
    for (tenant, path) in tenant_files(&settings.tenants)? {
        if tenant.is_empty() || tenant.chars().count() > MAX_NAME_CHARS {
            found.refused.push(PolicyLoadError::Name { path });
            continue;
        }
        if let Some((_, first)) = last.as_ref().filter(|(name, _)| *name == tenant) {
            let (first, second) = (first.clone(), path);
            found.refused.push(PolicyLoadError::Twice { first, second });
            continue;
        }
        found.stamps.insert((tenant.clone(), path.clone()), stamp(&path));
        last = Some((tenant, path));
    }
    Ok(found)
}

/// Lists `<tenant>.yaml` of a directory in order. Names that begin with a dot are passed over, as the links are by which
/// Kubernetes swaps a whole directory.
fn tenant_files(directory: &Path) -> Result<Vec<(String, PathBuf)>, PolicyLoadError> {
    if directory.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let failed = |source| PolicyLoadError::Read { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_policy = matches!(path.extension().and_then(OsStr::to_str), Some("yaml" | "yml"));
        let is_hidden =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_policy || is_hidden {
            continue;
        }
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        files.push((name, path));
        if files.len() > MAX_TENANTS {
            return Err(PolicyLoadError::TooMany { path: directory.to_owned() });
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the files that settings name; none when they name none.
///
/// # Errors
/// [`PolicyLoadError`] when the directory can't be listed, or for the first file with a wrong name.
pub fn paths(settings: &PolicySettings) -> Result<Vec<PathBuf>, PolicyLoadError> {
    let Found { stamps, refused } = look(settings)?;
    match refused.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(stamps.into_keys().map(|(_, path)| path).collect()),
    }
}

/// Reads the policy of one file; `tenant` is empty for the default policy.
///
/// # Errors
/// [`PolicyLoadError`] when it can't be read or has faults.
pub fn parse(
    tenant: &str,
    path: &Path,
    vocabulary: &Vocabulary,
) -> Result<ActivePolicy, PolicyLoadError> {
    active(read(path)?, tenant, &path.display().to_string(), vocabulary)
}

/// Returns the policy inside the program.
///
/// # Errors
/// [`PolicyLoadError::Invalid`] when it names what the vocabulary lacks: a service with another taxonomy needs a policy of
/// its own.
pub fn embedded(vocabulary: &Vocabulary) -> Result<ActivePolicy, PolicyLoadError> {
    active(EMBEDDED.to_owned(), "", EMBEDDED_ORIGIN, vocabulary)
}

fn active(
    source: String,
    tenant: &str,
    origin: &str,
    vocabulary: &Vocabulary,
) -> Result<ActivePolicy, PolicyLoadError> {
    Ok(ActivePolicy {
        policy: Policy::parse(&source, origin, vocabulary)?,
        source,
        tenant: tenant.to_owned(),
        origin: origin.to_owned(),
        loaded_at: SystemTime::now(),
    })
}

/// Reads a text file of bounded size.
fn read(path: &Path) -> Result<String, PolicyLoadError> {
    let failed = |source| PolicyLoadError::Read { path: path.to_owned(), source };
    // Before opening: opening a FIFO would wait for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("not a regular file")));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(PolicyLoadError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| PolicyLoadError::NotText {
        path: path.to_owned(),
        valid_up_to: error.utf8_error().valid_up_to(),
    })
}
