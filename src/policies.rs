//! The routing policies in force: the default one and those of tenants, read from files and taken up when they change.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};

use crate::message::MAX_NAME_CHARS;
use crate::policy::{Policy, PolicyErrors, Vocabulary};
use crate::telemetry::events;

/// The policy inside the program.
const EMBEDDED: &str = include_str!("../config/policy.yaml");

/// Where the policy inside the program comes from, as replies spell it.
const EMBEDDED_ORIGIN: &str = "(embedded)";

/// Bytes of a policy file at most.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Policies of tenants at most.
const MAX_TENANTS: usize = 10_000;

/// How messages are routed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// Policy file. Empty: the one inside the program.
    pub path: PathBuf,
    /// Directory with `<tenant>.yaml`. Empty: none.
    pub tenants: PathBuf,
    /// How often the files are looked at; zero: never.
    #[serde(with = "humantime_serde")]
    pub reload_interval: Duration,
}

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
    #[error("{0}")]
    Invalid(#[from] PolicyErrors),
}

/// A policy in force.
#[derive(Debug)]
pub struct ActivePolicy {
    /// What decides.
    pub policy: Policy,
    /// Its text.
    pub source: String,
    /// Tenant whose own it is; empty for the default one.
    pub tenant: String,
    /// Path of its file, or "(embedded)".
    pub origin: String,
    /// Since when it is in force.
    pub loaded_at: SystemTime,
}

/// A file that was refused while another policy stays in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyFault {
    /// Path of the file.
    pub origin: String,
    /// What is wrong with it, one line for each fault.
    pub message: String,
    /// When it was found.
    pub found_at: SystemTime,
}

/// The policies at one moment.
#[derive(Debug)]
pub struct PolicySet {
    default: Arc<ActivePolicy>,
    tenants: BTreeMap<String, Arc<ActivePolicy>>,
    faults: Vec<PolicyFault>,
}

impl PolicySet {
    /// Returns the policy that decides for a tenant; a tenant without one of its own has the default one.
    #[must_use]
    pub fn of_tenant(&self, tenant: &str) -> &Arc<ActivePolicy> {
        self.tenants.get(tenant).unwrap_or(&self.default)
    }

    /// Returns every policy: the default one, then those of tenants by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ActivePolicy>> {
        std::iter::once(&self.default).chain(self.tenants.values())
    }

    fn fault(&self, origin: &str) -> Option<&PolicyFault> {
        self.faults.iter().find(|fault| fault.origin == origin)
    }

    /// Returns the files that are refused as they are.
    #[must_use]
    pub fn faults(&self) -> &[PolicyFault] {
        &self.faults
    }
}

/// Where messages find their policy. Reading takes no lock.
#[derive(Debug)]
pub struct Policies {
    /// `None` until they are loaded.
    set: ArcSwapOption<PolicySet>,
    settings: PolicySettings,
    looks: Mutex<Looks>,
}

/// What the files looked like.
#[derive(Debug, Default)]
struct Looks {
    /// When the policies in force were read.
    taken: Stamps,
    /// At the last look.
    last: Stamps,
    /// What policies may name.
    vocabulary: Vocabulary,
}

/// Every policy file: tenant (empty for the default policy) and path, and what changes whenever the file does.
type Stamps = BTreeMap<(String, PathBuf), Option<Stamp>>;

/// What changes whenever a file does: inode, size, time of the last change (s, ns).
type Stamp = (u64, u64, i64, i64);

impl Policies {
    /// Makes the place for policies; none is there yet.
    #[must_use]
    pub fn new(settings: PolicySettings) -> Self {
        Self { set: ArcSwapOption::empty(), settings, looks: Mutex::default() }
    }

    /// Reads all policies; they may name what `vocabulary` holds. Blocks.
    ///
    /// # Errors
    /// [`PolicyLoadError`] for the first file that is refused; nothing changes then.
    pub fn load(&self, vocabulary: Vocabulary) -> Result<(), PolicyLoadError> {
        let settings = &self.settings;
        let taken = look(settings)?;
        let mut default = None;
        let mut tenants = BTreeMap::new();
        for (tenant, path) in taken.keys() {
            let policy = Arc::new(parse_file(tenant, path, &vocabulary)?);
            if tenant.is_empty() {
                default = Some(policy);
            } else {
                tenants.insert(tenant.clone(), policy);
            }
        }
        let default = match default {
            Some(policy) => policy,
            None => Arc::new(embedded(&vocabulary)?),
        };
        let set = PolicySet { default, tenants, faults: Vec::new() };
        for policy in set.iter() {
            events::policy_ready(&policy.tenant, &policy.origin, policy.policy.digest());
        }
        *self.looks() = Looks { last: taken.clone(), taken, vocabulary };
        self.set.store(Some(Arc::new(set)));
        Ok(())
    }

    /// Returns the policies in force now; `None` before they are loaded.
    #[must_use]
    pub fn current(&self) -> Option<Arc<PolicySet>> {
        self.set.load_full()
    }

    /// Returns where they are read from.
    #[must_use]
    pub fn settings(&self) -> &PolicySettings {
        &self.settings
    }

    fn looks(&self) -> MutexGuard<'_, Looks> {
        // What it holds is a note of what was seen: valid at any time.
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the files and takes up what has changed, all of it at once. Blocks.
    ///
    /// A file that is refused leaves in force what was there, and the reason is kept. A change is taken up only when
    /// two looks in a row find the files the same: one that is just being written must not become policy.
    pub fn reload(&self) {
        let Some(current) = self.current() else { return };
        let mut looks = self.looks();
        let directory = self.settings.tenants.display().to_string();
        let now = match look(&self.settings) {
            Ok(stamps) => stamps,
            Err(error) => {
                if let Some(next) = with_fault(&current, directory, events::chain(&error)) {
                    self.set.store(Some(Arc::new(next)));
                }
                return;
            }
        };
        if now != looks.last {
            looks.last = now;
            return;
        }
        if now != looks.taken || current.fault(&directory).is_some() {
            self.set.store(Some(Arc::new(next_set(&current, &now, &looks))));
            looks.taken = now;
        }
    }
}

/// Reads what has changed.
fn next_set(current: &PolicySet, now: &Stamps, looks: &Looks) -> PolicySet {
    let mut next = PolicySet {
        default: Arc::clone(&current.default),
        tenants: BTreeMap::new(),
        faults: Vec::new(),
    };
    for (key, stamp) in now {
        let (tenant, path) = key;
        let origin = path.display().to_string();
        let old =
            if tenant.is_empty() { Some(&current.default) } else { current.tenants.get(tenant) };
        let (policy, fault) = if looks.taken.get(key) == Some(stamp) {
            (old.map(Arc::clone), current.fault(&origin).cloned())
        } else {
            take_up(tenant, path, old, &looks.vocabulary)
        };
        next.faults.extend(fault);
        match policy {
            Some(policy) if tenant.is_empty() => next.default = policy,
            Some(policy) => drop(next.tenants.insert(tenant.clone(), policy)),
            None => {}
        }
    }
    for tenant in current.tenants.keys().filter(|tenant| !next.tenants.contains_key(*tenant)) {
        events::policy_removed(tenant);
    }
    next
}

/// Reads one file; returns what is in force after that, and what is wrong with the file.
fn take_up(
    tenant: &str,
    path: &Path,
    old: Option<&Arc<ActivePolicy>>,
    vocabulary: &Vocabulary,
) -> (Option<Arc<ActivePolicy>>, Option<PolicyFault>) {
    match parse_file(tenant, path, vocabulary) {
        // Touched, but the same.
        Ok(policy) if old.is_some_and(|old| old.source == policy.source) => {
            (old.map(Arc::clone), None)
        }
        Ok(policy) => {
            events::policy_ready(tenant, &policy.origin, policy.policy.digest());
            (Some(Arc::new(policy)), None)
        }
        Err(error) => {
            let (origin, message) = (path.display().to_string(), events::chain(&error));
            events::policy_refused(&origin, &message);
            let found_at = SystemTime::now();
            (old.map(Arc::clone), Some(PolicyFault { origin, message, found_at }))
        }
    }
}

/// Keeps everything in force and notes a fault; `None` when it is noted already.
fn with_fault(current: &PolicySet, origin: String, message: String) -> Option<PolicySet> {
    if current.fault(&origin).is_some_and(|fault| fault.message == message) {
        return None;
    }
    events::policy_refused(&origin, &message);
    let mut faults = current.faults.clone();
    faults.retain(|fault| fault.origin != origin);
    faults.push(PolicyFault { origin, message, found_at: SystemTime::now() });
    let (default, tenants) = (Arc::clone(&current.default), current.tenants.clone());
    Some(PolicySet { default, tenants, faults })
}

/// Returns the policy inside the program.
///
/// # Errors
/// [`PolicyLoadError::Invalid`] when it names what the vocabulary lacks: a model whose own taxonomy replaces the service's
/// needs a policy of its own.
pub fn embedded(vocabulary: &Vocabulary) -> Result<ActivePolicy, PolicyLoadError> {
    parse(EMBEDDED.to_owned(), "", EMBEDDED_ORIGIN, vocabulary)
}

/// Returns the files that settings name; none when they name none.
///
/// # Errors
/// [`PolicyLoadError`] when the directory can't be listed.
pub fn files(settings: &PolicySettings) -> Result<Vec<PathBuf>, PolicyLoadError> {
    Ok(look(settings)?.into_keys().map(|(_, path)| path).collect())
}

/// Finds every policy file.
fn look(settings: &PolicySettings) -> Result<Stamps, PolicyLoadError> {
    let mut stamps = Stamps::new();
    let mut note = |tenant: String, path: PathBuf| {
        let metadata = std::fs::metadata(&path).ok();
        let stamp = metadata.map(|m| (m.ino(), m.size(), m.ctime(), m.ctime_nsec()));
        stamps.insert((tenant, path), stamp);
    };
    if !settings.path.as_os_str().is_empty() {
        note(String::new(), settings.path.clone());
    }
    for (tenant, path) in tenant_files(&settings.tenants)? {
        note(tenant, path);
    }
    Ok(stamps)
}

/// Lists `<tenant>.yaml` of a directory. Names that begin with a dot are passed over, as the links are by which
/// Kubernetes swaps a whole directory.
fn tenant_files(directory: &Path) -> Result<Vec<(String, PathBuf)>, PolicyLoadError> {
    if directory.as_os_str().is_empty() {
        return Ok(Vec::new());
    }
    let failed = |source| PolicyLoadError::Read { path: directory.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(OsStr::to_str);
        let is_policy = matches!(extension, Some("yaml" | "yml"));
        let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        if !is_policy || name.starts_with('.') {
            continue;
        }
        if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
            return Err(PolicyLoadError::Name { path });
        }
        files.push((name, path));
        if files.len() > MAX_TENANTS {
            return Err(PolicyLoadError::TooMany { path: directory.to_owned() });
        }
    }
    files.sort();
    for pair in files.windows(2) {
        if let [(tenant, first), (same, second)] = pair
            && tenant == same
        {
            return Err(PolicyLoadError::Twice { first: first.clone(), second: second.clone() });
        }
    }
    Ok(files)
}

/// Reads the policy of one file; `tenant` is empty for the default policy.
///
/// # Errors
/// [`PolicyLoadError`] when it can't be read or has faults.
pub fn parse_file(
    tenant: &str,
    path: &Path,
    vocabulary: &Vocabulary,
) -> Result<ActivePolicy, PolicyLoadError> {
    parse(read(path)?, tenant, &path.display().to_string(), vocabulary)
}

fn parse(
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
