//! The routing policies in force: the default one and those of tenants, read from files and taken up when they change.

mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};

use crate::policy::{Policy, Vocabulary};
use crate::telemetry::events;

pub use files::{PolicyLoadError, PolicyLoadErrors, embedded, parse, paths};

use files::Stamps;

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

/// Code points that are kept of what is wrong with a file.
const MAX_FAULT_CHARS: usize = 2_000;

/// The policies at one moment.
#[derive(Clone, Debug)]
pub struct PolicySet {
    default: Arc<ActivePolicy>,
    tenants: BTreeMap<String, Arc<ActivePolicy>>,
    faults: Vec<PolicyFault>,
}

impl PartialEq for PolicySet {
    /// The same policies in force, not only equal ones, and the same faults.
    fn eq(&self, other: &Self) -> bool {
        let tenants = self.tenants.len() == other.tenants.len();
        tenants && self.iter().all(|policy| other.holds(policy)) && self.faults == other.faults
    }
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

    /// Returns the policy of a tenant's own; the default one for the empty name.
    fn own(&self, tenant: &str) -> Option<&Arc<ActivePolicy>> {
        if tenant.is_empty() { Some(&self.default) } else { self.tenants.get(tenant) }
    }

    fn holds(&self, policy: &Arc<ActivePolicy>) -> bool {
        self.own(&policy.tenant).is_some_and(|own| Arc::ptr_eq(own, policy))
    }

    /// Returns the fault of an error: the one that is there already, if it is the same.
    fn fault_of(&self, error: &PolicyLoadError) -> PolicyFault {
        let (origin, mut message) = (error.origin(), events::chain(error));
        if let Some((end, _)) = message.char_indices().nth(MAX_FAULT_CHARS) {
            message.truncate(end);
            message.push_str(" ...");
        }
        let known = self.fault(&origin).filter(|known| known.message == message);
        let found_at = known.map_or_else(SystemTime::now, |known| known.found_at);
        PolicyFault { origin, message, found_at }
    }

    fn fault_at(&self, path: &Path) -> Option<PolicyFault> {
        self.fault(&path.display().to_string()).cloned()
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

impl Policies {
    /// Makes the place for policies; none is there yet.
    #[must_use]
    pub fn new(settings: PolicySettings) -> Self {
        Self { set: ArcSwapOption::empty(), settings, looks: Mutex::default() }
    }

    /// Reads all policies; they may name what `vocabulary` holds. Blocks.
    ///
    /// # Errors
    /// [`PolicyLoadErrors`] with every file that is refused; nothing changes then.
    pub fn load(&self, vocabulary: Vocabulary) -> Result<(), PolicyLoadErrors> {
        let found = files::look(&self.settings)?;
        let mut refused = found.refused;
        let mut default = None;
        let mut tenants = BTreeMap::new();
        for (tenant, path) in found.stamps.keys() {
            match files::parse(tenant, path, &vocabulary) {
                Err(error) => refused.push(error),
                Ok(policy) if tenant.is_empty() => default = Some(Arc::new(policy)),
                Ok(policy) => drop(tenants.insert(tenant.clone(), Arc::new(policy))),
            }
        }
        if !refused.is_empty() {
            return Err(PolicyLoadErrors(refused));
        }
        let default = match default {
            Some(policy) => policy,
            None => Arc::new(files::embedded(&vocabulary)?),
        };
        let set = Arc::new(PolicySet { default, tenants, faults: Vec::new() });
        *self.looks() = Looks { last: found.stamps.clone(), taken: found.stamps, vocabulary };
        self.set.store(Some(Arc::clone(&set)));
        for policy in set.iter() {
            events::policy_ready(&policy.tenant, &policy.origin, policy.policy.digest());
        }
        Ok(())
    }

    /// Returns the policies in force now; `None` before they are loaded.
    #[must_use]
    pub fn current(&self) -> Option<Arc<PolicySet>> {
        self.set.load_full()
    }

    /// Returns what policies may name; nothing before they are loaded.
    #[must_use]
    pub fn vocabulary(&self) -> Vocabulary {
        self.looks().vocabulary.clone()
    }

    /// Changes what policies may name that are read from now on; those in force stay.
    pub fn set_vocabulary(&self, vocabulary: Vocabulary) {
        self.looks().vocabulary = vocabulary;
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
        let mut looks = self.looks();
        let Some(current) = self.current() else { return };
        let found = match files::look(&self.settings) {
            Ok(found) => found,
            Err(error) => {
                let mut faults = current.faults.clone();
                faults.retain(|fault| fault.origin != error.origin());
                faults.push(current.fault_of(&error));
                return self.put(&current, PolicySet { faults, ..PolicySet::clone(&current) });
            }
        };
        if found.stamps != looks.last {
            looks.last = found.stamps;
            return;
        }
        let names: Vec<PolicyFault> =
            found.refused.iter().map(|error| current.fault_of(error)).collect();
        let (mut next, taken) = next_set(&current, found.stamps, &looks);
        next.faults.extend(names);
        looks.taken = taken;
        self.put(&current, next);
    }

    /// Puts other policies in force, if they are others, and then says what is new.
    fn put(&self, current: &PolicySet, next: PolicySet) {
        if next == *current {
            return;
        }
        let next = Arc::new(next);
        self.set.store(Some(Arc::clone(&next)));
        for policy in next.iter().filter(|policy| !current.holds(policy)) {
            events::policy_ready(&policy.tenant, &policy.origin, policy.policy.digest());
        }
        for tenant in current.tenants.keys().filter(|tenant| !next.tenants.contains_key(*tenant)) {
            events::policy_removed(tenant);
        }
        for fault in next.faults.iter().filter(|fault| !current.faults.contains(fault)) {
            events::policy_refused(&fault.origin, &fault.message);
        }
    }
}

/// Reads what has changed; returns it with the stamps of what need not be read again.
fn next_set(current: &PolicySet, now: Stamps, looks: &Looks) -> (PolicySet, Stamps) {
    let mut next = PolicySet {
        default: Arc::clone(&current.default),
        tenants: BTreeMap::new(),
        faults: Vec::new(),
    };
    let mut taken = Stamps::new();
    for (key, stamp) in now {
        let (tenant, path) = &key;
        let old = current.own(tenant).map(Arc::clone);
        let unchanged = looks.taken.get(&key) == Some(&stamp);
        let (policy, fault, is_read) = if unchanged {
            (old, current.fault_at(path), true)
        } else {
            match files::parse(tenant, path, &looks.vocabulary) {
                // Reading the files before this one takes its time; what changed since then waits for its own two looks.
                _ if files::stamp(path) != stamp => (old, current.fault_at(path), false),
                Ok(policy) => (Some(unless_same(policy, old)), None, true),
                Err(error) => (old, Some(current.fault_of(&error)), !error.may_pass()),
            }
        };
        next.faults.extend(fault);
        match policy {
            Some(policy) if tenant.is_empty() => next.default = policy,
            Some(policy) => drop(next.tenants.insert(tenant.clone(), policy)),
            None => {}
        }
        if is_read {
            taken.insert(key, stamp);
        }
    }
    (next, taken)
}

/// Keeps the old policy where a file was only touched.
fn unless_same(policy: ActivePolicy, old: Option<Arc<ActivePolicy>>) -> Arc<ActivePolicy> {
    old.filter(|old| old.source == policy.source && old.origin == policy.origin)
        .unwrap_or_else(|| Arc::new(policy))
}
