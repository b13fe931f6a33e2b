//! Which models serve: loads versions out of a repository, swaps them and lets go of the old ones.

mod rollouts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};

use self::rollouts::{Rollouts, purpose_of};
use super::repository::{self, Found, ModelKey, Stamp};
use super::state::{Decision, SavedState};
use super::{
    EngineLoader, InferenceSettings, LoadError, LoadedModel, ModelSettings, Registry, Snapshot,
};
use crate::error::Error;
use crate::model::{ModelBundle, ModelSource};
use crate::taxonomy::Taxonomy;
use crate::telemetry::events;

/// Label of the version that a caller gets who names none.
pub const STABLE: &str = "stable";

/// Labels of one model at most.
const MAX_LABELS: usize = 100;

/// Where a version stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VersionState {
    /// Lies in the repository; nobody wants it loaded.
    Available,
    /// Its files are new and may still change.
    Settling,
    /// Is being loaded.
    Loading,
    /// Serves.
    Ready,
    /// Was refused as it lies there.
    Failed,
    /// Serves no new message; those that have begun are answered.
    Unloading,
}

/// What is known about a version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VersionStatus {
    /// Which.
    pub key: ModelKey,
    /// Where it stands. A version whose new files were refused while the old ones serve is [`VersionState::Ready`] and
    /// has a fault.
    pub state: VersionState,
    /// Labels that point to it.
    pub labels: Vec<String>,
    /// Why its files were refused.
    pub fault: Option<String>,
    /// Since when it stands there.
    pub since: SystemTime,
}

/// One version, as the manager sees it.
#[derive(Debug)]
struct Entry {
    /// Its files at the last look; `None` when they are gone.
    stamp: Option<Stamp>,
    /// Since when they look like that.
    unchanged_since: Instant,
    /// What somebody asked for, whatever the version policy says.
    decision: Option<Decision>,
    /// What serves, and the files that it was loaded from.
    served: Option<(Arc<LoadedModel>, Stamp)>,
    /// Files that were refused, and why.
    refused: Option<(Stamp, String)>,
    is_loading: bool,
    since: SystemTime,
}

impl Entry {
    fn new(now: Instant) -> Self {
        Self {
            stamp: None,
            unchanged_since: now,
            decision: None,
            served: None,
            refused: None,
            is_loading: false,
            since: SystemTime::now(),
        }
    }

    /// Tells whether files lie there that neither serve nor were refused.
    fn is_new(&self) -> bool {
        let served = self.served.as_ref().map(|(_, stamp)| stamp);
        let refused = self.refused.as_ref().map(|(stamp, _)| stamp);
        self.stamp.as_ref().is_some_and(|stamp| Some(stamp) != served && Some(stamp) != refused)
    }
}

#[derive(Debug, Default)]
struct State {
    /// Models that are configured by path; they stay.
    fixed: Vec<Arc<LoadedModel>>,
    versions: BTreeMap<ModelKey, Entry>,
    /// Version by model and label.
    labels: BTreeMap<String, BTreeMap<String, String>>,
    rollouts: Rollouts,
    /// Models that were taken out and may still have messages under way.
    retiring: Vec<Arc<LoadedModel>>,
    /// Why the repository could not be listed at the last look.
    unreadable: Option<String>,
}

/// Loads and lets go of models. One change happens at a time; everything here blocks.
pub struct ModelManager {
    settings: ModelSettings,
    inference: InferenceSettings,
    engines: Arc<EngineLoader>,
    registry: Arc<Registry>,
    taxonomy: ArcSwapOption<Taxonomy>,
    state: Mutex<State>,
    statuses: ArcSwap<Vec<VersionStatus>>,
    retiring: AtomicUsize,
}

impl std::fmt::Debug for ModelManager {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ModelManager")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl ModelManager {
    /// Makes a manager; nothing is loaded yet.
    #[must_use]
    pub fn new(
        settings: ModelSettings,
        inference: InferenceSettings,
        engines: Arc<EngineLoader>,
        registry: Arc<Registry>,
    ) -> Self {
        Self {
            settings,
            inference,
            engines,
            registry,
            taxonomy: ArcSwapOption::empty(),
            state: Mutex::default(),
            statuses: ArcSwap::default(),
            retiring: AtomicUsize::new(0),
        }
    }

    /// Returns how models are found.
    #[must_use]
    pub fn settings(&self) -> &ModelSettings {
        &self.settings
    }

    /// Returns the taxonomy of the service; `None` before the start.
    #[must_use]
    pub fn taxonomy(&self) -> Option<Arc<Taxonomy>> {
        self.taxonomy.load_full()
    }

    /// Takes out every model without waiting for its messages, and joins all threads.
    pub fn close(&self) {
        let mut state = self.state();
        let state = std::mem::take(&mut *state);
        // What is asked for from now on is refused.
        self.taxonomy.store(None);
        let snapshot = self.registry.snapshot();
        self.registry.publish(Snapshot::default());
        for model in snapshot.models().iter().chain(&state.retiring) {
            model.queue().abandon();
        }
    }

    /// Returns what is known about each version of the repository.
    #[must_use]
    pub fn versions(&self) -> Arc<Vec<VersionStatus>> {
        self.statuses.load_full()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each entry is changed whole, and a load that panicked has left it as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the models that are configured by path, then the wanted versions of the repository, and lets them serve.
    ///
    /// # Errors
    /// [`LoadError`] when a configured model is refused, when the repository can't be listed, or when nothing in it can
    /// be served. A version that is refused beside others that serve is no error.
    pub fn start(&self, taxonomy: Arc<Taxonomy>) -> Result<(), LoadError> {
        self.taxonomy.store(Some(taxonomy));
        let mut state = self.state();
        let paths = &self.settings.paths;
        let sources = match paths.is_empty() {
            true if self.has_repository() => vec![],
            true => vec![ModelSource::Embedded],
            false => paths.iter().cloned().map(ModelSource::Directory).collect(),
        };
        for source in sources {
            let model = self.load_from(&source, None);
            state.fixed.push(model.map_err(|error| error.at(source.to_string()))?);
        }
        if self.has_repository() {
            self.restore(&mut state)?;
            let found = self.scan()?;
            self.take_in(&mut state, found);
            self.load_wanted(&mut state, Duration::ZERO);
            if state.fixed.is_empty() && state.versions.values().all(|entry| entry.served.is_none())
            {
                return Err(nothing_to_serve(&self.settings.repository, &state));
            }
        }
        for (name, labels) in &state.labels {
            for (label, version) in labels {
                let key = ModelKey { name: name.clone(), version: version.clone() };
                if state.versions.get(&key).is_none_or(|entry| entry.served.is_none()) {
                    events::label_dangles(name, label, version);
                }
            }
        }
        self.publish(&mut state)
    }

    /// Looks at the repository again: loads what is new, lets go of what is not wanted any more.
    pub fn poll(&self) {
        if !self.has_repository() {
            return;
        }
        let mut state = self.state();
        match self.scan() {
            Err(error) => {
                let reason = events::chain(&error);
                if state.unreadable.as_ref() != Some(&reason) {
                    events::repository_unreadable(&reason);
                }
                state.unreadable = Some(reason);
            }
            Ok(found) => {
                state.unreadable = None;
                self.take_in(&mut state, found);
                self.load_wanted(&mut state, self.settings.quiet_period);
                self.publish_or_tell(&mut state);
            }
        }
    }

    /// Tells whether models or shadows wait for their last messages.
    #[must_use]
    pub fn is_retiring(&self) -> bool {
        self.retiring.load(Ordering::Relaxed) > 0
    }

    /// Lets go of models whose last message has been answered, and of shadows whose thread has ended. Threads are joined
    /// here, not where the last message was answered.
    pub fn retire(&self) {
        let mut state = self.state();
        drop(state.rollouts.take_ended());
        let (done, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut state.retiring)
            .into_iter()
            .partition(|model| Arc::strong_count(model) == 1);
        state.retiring = waiting;
        self.tell(&state);
        drop(state);
        for model in done {
            events::model_unloaded(&model.manifest().name, &model.manifest().version);
            drop(model);
        }
    }

    /// Loads a version as it lies in the repository now, or loads it anew if its files are others. An empty version means
    /// the latest there is.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when there is no such version, [`Error::FailedPrecondition`] when it is refused; what served
    /// before goes on to serve then.
    pub fn load(&self, name: &str, version: &str) -> Result<Arc<LoadedModel>, Error> {
        self.check_control()?;
        let mut state = self.state();
        let found = self.scan().map_err(|error| refused(&error))?;
        self.take_in(&mut state, found);
        let on_disk =
            state.versions.iter().filter(|(key, entry)| key.name == name && entry.stamp.is_some());
        let versions = on_disk.map(|(key, _)| key.version.as_str());
        let latest =
            repository::VersionPolicy::Latest(1).choose(versions).first().map(ToString::to_string);
        let version =
            if version.is_empty() { latest.unwrap_or_default() } else { version.to_owned() };
        let key = ModelKey { name: name.to_owned(), version };
        let on_disk = state.versions.get(&key).is_some_and(|entry| entry.stamp.is_some());
        if !on_disk {
            return Err(self.unknown(&key));
        }
        self.load_version(&mut state, &key);
        let entry = state.versions.get_mut(&key).ok_or_else(|| self.unknown(&key))?;
        if entry.is_new() {
            let reason = format!("model {key}: its files change while they are read");
            return Err(Error::FailedPrecondition { reason });
        }
        if let Some((_, reason)) = &entry.refused {
            let reason = format!("model {key}: {reason}");
            self.tell(&state);
            return Err(Error::FailedPrecondition { reason });
        }
        entry.decision = Some(Decision::Load);
        let model = entry.served.as_ref().map(|(model, _)| Arc::clone(model));
        self.publish(&mut state).map_err(|error| refused(&error))?;
        self.save(&state)?;
        model.ok_or_else(|| self.unknown(&key))
    }

    /// Takes a version out; an empty one means every version of the model. Messages under way are answered.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when it does not serve, [`Error::FailedPrecondition`] when a label or a rollout points to
    /// it or no default model would be left.
    pub fn unload(&self, name: &str, version: &str) -> Result<(), Error> {
        self.check_control()?;
        let mut state = self.state();
        let is_meant =
            |key: &ModelKey| key.name == name && (version.is_empty() || key.version == version);
        let serves = |entry: &Entry| entry.served.is_some();
        let meant: Vec<ModelKey> = state
            .versions
            .iter()
            .filter(|(key, entry)| is_meant(key) && serves(entry))
            .map(|(key, _)| key.clone())
            .collect();
        if meant.is_empty() {
            let key = ModelKey { name: name.to_owned(), version: version.to_owned() };
            return Err(self.unknown(&key));
        }
        for key in &meant {
            if let Some(label) = labels_of(&state, key).first() {
                let reason = format!("model {key} can't be unloaded: label {label:?} points to it");
                return Err(Error::FailedPrecondition { reason });
            }
            if let Some(purpose) = purpose_of(&state, key) {
                let purpose = purpose.as_str();
                let reason =
                    format!("model {key} can't be unloaded: it is the {purpose} of a rollout");
                return Err(Error::FailedPrecondition { reason });
            }
        }
        let snapshot = self.registry.snapshot();
        let default = snapshot.models().first().map(|model| model.manifest().name.clone());
        let is_left =
            state.fixed.iter().any(|model| Some(&model.manifest().name) == default.as_ref())
                || state.versions.iter().any(|(key, entry)| {
                    Some(&key.name) == default.as_ref() && serves(entry) && !meant.contains(key)
                });
        if !is_left {
            let reason = format!(
                "model {name} can't be unloaded: no version of the default model would be left"
            );
            return Err(Error::FailedPrecondition { reason });
        }
        for key in &meant {
            if let Some(entry) = state.versions.get_mut(key) {
                entry.decision = Some(Decision::Unload);
                let served = entry.served.take();
                entry.since = SystemTime::now();
                state.retiring.extend(served.map(|(model, _)| model));
            }
        }
        self.publish(&mut state).map_err(|error| refused(&error))?;
        self.save(&state)
    }

    /// Lets a label point to a version that serves.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when the version does not serve, [`Error::FailedPrecondition`] for a label that can't be one.
    pub fn set_label(&self, name: &str, label: &str, version: &str) -> Result<(), Error> {
        self.check_control()?;
        let key = ModelKey { name: name.to_owned(), version: version.to_owned() };
        if !repository::is_name(label) || label.starts_with(|c: char| c.is_ascii_digit()) {
            let reason = format!(
                "{label:?} can't be a label: it must begin with a letter and have letters, digits and ._-+ only"
            );
            return Err(Error::FailedPrecondition { reason });
        }
        let mut state = self.state();
        if state.versions.get(&key).is_none_or(|entry| entry.served.is_none()) {
            return Err(self.unknown(&key));
        }
        if state.versions.keys().any(|key| key.name == name && key.version == label) {
            let reason =
                format!("{label:?} can't be a label: model {name} has a version of that name");
            return Err(Error::FailedPrecondition { reason });
        }
        let labels = state.labels.entry(name.to_owned()).or_default();
        if labels.len() >= MAX_LABELS && !labels.contains_key(label) {
            let reason = format!("model {name} has {MAX_LABELS} labels, which is the limit");
            return Err(Error::FailedPrecondition { reason });
        }
        labels.insert(label.to_owned(), version.to_owned());
        self.publish(&mut state).map_err(|error| refused(&error))?;
        self.save(&state)
    }

    /// Takes a label away.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when there is no such label, [`Error::FailedPrecondition`] when a rollout names it.
    pub fn remove_label(&self, name: &str, label: &str) -> Result<(), Error> {
        self.check_control()?;
        let mut state = self.state();
        let named =
            state.rollouts.versions().find(|(n, _, version)| (*n, *version) == (name, label));
        if let Some((_, purpose, _)) = named {
            let purpose = purpose.as_str();
            let reason = format!(
                "label {label:?} of model {name} can't be removed: the {purpose} of a rollout names it"
            );
            return Err(Error::FailedPrecondition { reason });
        }
        if state.labels.get_mut(name).and_then(|labels| labels.remove(label)).is_none() {
            let key = ModelKey { name: name.to_owned(), version: label.to_owned() };
            return Err(self.unknown(&key));
        }
        self.publish(&mut state).map_err(|error| refused(&error))?;
        self.save(&state)
    }

    fn has_repository(&self) -> bool {
        !self.settings.repository.as_os_str().is_empty()
    }

    fn check_control(&self) -> Result<(), Error> {
        if !self.settings.allow_control {
            let reason = "models.allow_control is false".to_owned();
            return Err(Error::PermissionDenied { reason });
        }
        if !self.has_repository() {
            let reason = "models.repository is not set".to_owned();
            return Err(Error::FailedPrecondition { reason });
        }
        Ok(())
    }

    fn unknown(&self, key: &ModelKey) -> Error {
        let loaded = self.registry.snapshot().names();
        Error::ModelNotFound { name: key.name.clone(), version: key.version.clone(), loaded }
    }

    fn scan(&self) -> Result<Found, LoadError> {
        let path = &self.settings.repository;
        repository::scan(path)
            .map_err(|source| LoadError::Repository { path: path.clone(), source })
    }

    /// Notes what lies in the repository now.
    fn take_in(&self, state: &mut State, mut found: Found) {
        let now = Instant::now();
        for (key, entry) in &mut state.versions {
            let stamp = found.remove(key);
            if stamp != entry.stamp {
                (entry.stamp, entry.unchanged_since) = (stamp, now);
            }
        }
        for (key, stamp) in found {
            let entry = state.versions.entry(key).or_insert_with(|| Entry::new(now));
            entry.stamp = Some(stamp);
        }
        // What has gone and neither serves nor was asked for leaves nothing to tell.
        state.versions.retain(|_, entry| {
            entry.stamp.is_some() || entry.served.is_some() || entry.decision.is_some()
        });
    }

    /// Loads every wanted version whose files have not changed for `quiet`, and takes out those that are not wanted and
    /// have a successor.
    fn load_wanted(&self, state: &mut State, quiet: Duration) {
        let wanted = self.wanted(state);
        let now = Instant::now();
        for key in &wanted {
            let is_due = state.versions.get(key).is_some_and(|entry| {
                entry.is_new() && now.saturating_duration_since(entry.unchanged_since) >= quiet
            });
            if is_due {
                self.load_version(state, key);
            }
        }
        let serves =
            |key: &ModelKey| state.versions.get(key).is_some_and(|entry| entry.served.is_some());
        let (ready, missing): (Vec<_>, Vec<_>) = wanted.iter().partition(|key| serves(key));
        let with_successor: BTreeSet<&str> = ready.iter().map(|key| key.name.as_str()).collect();
        let waiting: BTreeSet<&str> = missing.iter().map(|key| key.name.as_str()).collect();
        for (key, entry) in &mut state.versions {
            let name = key.name.as_str();
            // While a successor is on its way or was refused, the old version goes on.
            if !wanted.contains(key) && with_successor.contains(name) && !waiting.contains(name) {
                let served = entry.served.take();
                state.retiring.extend(served.map(|(model, _)| model));
            }
        }
    }

    /// Which versions should serve: by policy, by what was asked for, and those that labels and rollouts point to.
    fn wanted(&self, state: &State) -> BTreeSet<ModelKey> {
        let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, entry) in &state.versions {
            // Who was told to go is no candidate, so that "latest" means the latest of the others.
            if entry.stamp.is_some() && entry.decision != Some(Decision::Unload) {
                by_name.entry(&key.name).or_default().push(&key.version);
            }
        }
        let mut wanted = BTreeSet::new();
        for (name, versions) in by_name {
            for version in self.settings.policy_of(name).choose(versions) {
                wanted.insert(ModelKey { name: name.to_owned(), version: version.to_owned() });
            }
        }
        let asked =
            state.versions.iter().filter(|(_, entry)| entry.decision == Some(Decision::Load));
        wanted.extend(asked.map(|(key, _)| key.clone()));
        for (name, labels) in &state.labels {
            wanted.extend(
                labels
                    .values()
                    .map(|version| ModelKey { name: name.clone(), version: version.clone() }),
            );
        }
        for (name, _, version) in state.rollouts.versions() {
            let key = ModelKey { name: name.to_owned(), version: version.to_owned() };
            let is_there = |entry: &Entry| entry.stamp.is_some() || entry.served.is_some();
            // One that has gone must not keep others from being let go of.
            if state.versions.get(&key).is_some_and(is_there) {
                wanted.insert(key);
            }
        }
        wanted
    }

    /// Loads a version from its files as they are; a refusal is kept with the entry, and what served goes on to serve.
    fn load_version(&self, state: &mut State, key: &ModelKey) {
        let Some(entry) = state.versions.get_mut(key) else { return };
        if entry.served.as_ref().map(|(_, stamp)| stamp) == entry.stamp.as_ref() {
            return;
        }
        entry.is_loading = true;
        self.tell(state);
        let path = repository::path_of(&self.settings.repository, key);
        let before = repository::stamp(&path);
        let is_fixed = state.fixed.iter().any(|model| model.key() == *key);
        let loaded = if is_fixed {
            Err(LoadError::Duplicate { name: key.name.clone(), version: key.version.clone() })
        } else {
            self.load_from(&ModelSource::Directory(path.clone()), Some(key))
        };
        let after = repository::stamp(&path);
        let Some(entry) = state.versions.get_mut(key) else { return };
        entry.is_loading = false;
        entry.since = SystemTime::now();
        let stamp = match (before, after) {
            (Ok(before), Ok(after)) if before == after => after,
            // Somebody wrote meanwhile: neither a success nor a failure counts.
            (_, after) => {
                entry.stamp = after.ok();
                entry.unchanged_since = Instant::now();
                return;
            }
        };
        entry.stamp = Some(stamp.clone());
        match loaded {
            Ok(model) => {
                entry.refused = None;
                let old = entry.served.replace((model, stamp));
                state.retiring.extend(old.map(|(model, _)| model));
            }
            Err(error) => {
                let reason = events::chain(&error);
                events::model_refused(&key.name, &key.version, &reason);
                entry.refused = Some((stamp, reason));
            }
        }
    }

    fn load_from(
        &self,
        source: &ModelSource,
        key: Option<&ModelKey>,
    ) -> Result<Arc<LoadedModel>, LoadError> {
        let started = Instant::now();
        let mut bundle = ModelBundle::load(source)?;
        if let Some(key) = key {
            bundle = bundle.named(&key.name, &key.version);
        }
        let factory = (self.engines)(&bundle, &self.inference)?;
        let taxonomy = self.taxonomy().ok_or(LoadError::NotStarted)?;
        let model = LoadedModel::start(&bundle, &factory, self.inference, &taxonomy)?;
        let manifest = model.manifest();
        events::model_ready(
            &manifest.name,
            &manifest.version,
            &model.digests().model,
            model.engine().name,
            started.elapsed(),
        );
        Ok(Arc::new(model))
    }

    /// Lets exactly the models that are loaded serve.
    fn publish(&self, state: &mut State) -> Result<(), LoadError> {
        let served = state.versions.values().filter_map(|entry| entry.served.as_ref());
        let mut served: Vec<_> = served.map(|(model, _)| model).collect();
        served.sort_by(|a, b| a.key().latest_first(&b.key()));
        let models = state.fixed.iter().chain(served).cloned().collect();
        let snapshot = Snapshot::new(models, &self.settings.default)?;
        let mut snapshot = snapshot.labelled(state.labels.clone());
        snapshot.rollouts = state.rollouts.arrange(&snapshot);
        self.registry.publish(snapshot);
        self.tell(state);
        Ok(())
    }

    fn publish_or_tell(&self, state: &mut State) {
        if let Err(error) = self.publish(state) {
            events::repository_unreadable(&events::chain(&error));
        }
    }

    /// Puts down where each version stands, for whoever asks.
    fn tell(&self, state: &State) {
        let retiring = state.retiring.len() + state.rollouts.ending();
        self.retiring.store(retiring, Ordering::Relaxed);
        let wanted = self.wanted(state);
        let mut statuses: Vec<VersionStatus> = state
            .versions
            .iter()
            .map(|(key, entry)| VersionStatus {
                key: key.clone(),
                state: match entry {
                    Entry { is_loading: true, .. } => VersionState::Loading,
                    Entry { served: Some(_), .. } => VersionState::Ready,
                    _ if !wanted.contains(key) => VersionState::Available,
                    Entry { refused: Some((stamp, _)), stamp: now, .. }
                        if Some(stamp) == now.as_ref() =>
                    {
                        VersionState::Failed
                    }
                    _ => VersionState::Settling,
                },
                labels: labels_of(state, key),
                fault: entry.refused.as_ref().map(|(_, reason)| reason.clone()),
                since: entry.since,
            })
            .collect();
        statuses.sort_by(|a, b| a.key.latest_first(&b.key));
        for model in &state.retiring {
            let key = model.key();
            let entry = statuses.iter_mut().find(|status| status.key == key);
            if let Some(status) = entry.filter(|status| status.state == VersionState::Available) {
                status.state = VersionState::Unloading;
            }
        }
        self.statuses.store(Arc::new(statuses));
    }

    fn restore(&self, state: &mut State) -> Result<(), LoadError> {
        let Some(saved) = SavedState::read(&self.settings.state_path)? else { return Ok(()) };
        let now = Instant::now();
        for (key, decision) in saved.decisions {
            let entry = state.versions.entry(key).or_insert_with(|| Entry::new(now));
            entry.decision = Some(decision);
        }
        state.labels = saved.labels;
        state.rollouts.restore(saved.rollouts);
        Ok(())
    }

    fn save(&self, state: &State) -> Result<(), Error> {
        let decisions =
            state.versions.iter().filter_map(|(key, entry)| Some((key.clone(), entry.decision?)));
        let saved = SavedState {
            labels: state.labels.clone(),
            decisions: decisions.collect(),
            rollouts: state.rollouts.rules(),
        };
        saved.write(&self.settings.state_path).map_err(Error::internal)
    }
}

fn labels_of(state: &State, key: &ModelKey) -> Vec<String> {
    let labels = state.labels.get(&key.name).into_iter().flatten();
    labels.filter(|(_, version)| **version == key.version).map(|(label, _)| label.clone()).collect()
}

fn refused(error: &LoadError) -> Error {
    Error::FailedPrecondition { reason: events::chain(error) }
}

fn nothing_to_serve(path: &Path, state: &State) -> LoadError {
    let faults = state.versions.iter().filter_map(|(key, entry)| {
        let (_, reason) = entry.refused.as_ref()?;
        Some(format!("{key}: {reason}"))
    });
    let faults: Vec<String> = faults.collect();
    LoadError::NothingToServe { path: path.to_owned(), faults: faults.join("; ") }
}
