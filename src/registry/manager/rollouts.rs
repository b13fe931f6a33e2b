//! Rollouts of the manager: what was asked for, and what is in force beside the models that serve.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ModelManager, State};
use crate::error::Error;
use crate::registry::rollout::{
    ActiveRollout, Canary, CanaryRecord, Inactive, Purpose, Rollout, ShadowTap, ShadowThread,
};
use crate::registry::{LoadedModel, ModelKey, Snapshot};
use crate::telemetry::events;

/// The rollouts of all models, by name.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    by_model: BTreeMap<String, Entry>,
    /// Threads of shadows that were taken away and may still compute a message.
    ending: Vec<ShadowThread>,
}

/// A rollout, and what it has going.
#[derive(Debug, Default)]
struct Entry {
    rule: Rollout,
    canary: Option<(Pair, Arc<CanaryRecord>)>,
    shadow: Option<(Pair, ShadowThread)>,
    /// What has been told about parts that are not in force.
    told: BTreeMap<&'static str, String>,
}

/// Two models that meet, by the digests of their files: when one changes, counting starts anew.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Pair {
    primary: (ModelKey, String),
    other: (ModelKey, String),
}

impl Pair {
    fn of(primary: &LoadedModel, other: &LoadedModel) -> Self {
        let identity = |model: &LoadedModel| (model.key(), model.digests().model.clone());
        Self { primary: identity(primary), other: identity(other) }
    }
}

impl Rollouts {
    /// Takes over what an earlier run left.
    pub(super) fn restore(&mut self, rules: BTreeMap<String, Rollout>) {
        for (name, rule) in rules {
            self.by_model.entry(name).or_default().rule = rule;
        }
    }

    /// Returns what was asked for, by model.
    pub(super) fn rules(&self) -> BTreeMap<String, Rollout> {
        self.by_model.iter().map(|(name, entry)| (name.clone(), entry.rule.clone())).collect()
    }

    /// Returns the versions and labels that rollouts name: model, purpose, version or label.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&str, Purpose, &str)> {
        self.by_model.iter().flat_map(|(name, entry)| {
            entry.rule.versions().map(move |(purpose, version)| (name.as_str(), purpose, version))
        })
    }

    /// Puts the rollouts beside the models of a snapshot. Starts the threads of new shadows and ends those that are not
    /// needed any more.
    pub(super) fn arrange(&mut self, snapshot: &Snapshot) -> BTreeMap<String, ActiveRollout> {
        let mut active = BTreeMap::new();
        for (name, entry) in &mut self.by_model {
            let ended = entry.shadow.take_if(|(pair, thread)| {
                let rule = entry.rule.shadow.as_ref();
                let now = rule.and_then(|rule| snapshot.other(name, &rule.version).ok());
                let is_same = now.is_some_and(|(primary, other)| {
                    thread.is_of(other) && *pair == Pair::of(primary, other)
                });
                // One that has ended by itself has lost its replica; it is started anew.
                !is_same || thread.has_ended()
            });
            self.ending.extend(ended.map(|(_, thread)| thread).inspect(ShadowThread::end));
            let rollout = ActiveRollout {
                rule: entry.rule.clone(),
                canary: entry.arrange_canary(name, snapshot),
                shadow: entry.arrange_shadow(name, snapshot),
            };
            entry.tell(name, &rollout);
            active.insert(name.clone(), rollout);
        }
        active
    }

    /// Returns the number of threads that end.
    pub(super) fn ending(&self) -> usize {
        self.ending.len()
    }

    /// Returns the threads that have ended, for the caller to drop.
    pub(super) fn take_ended(&mut self) -> Vec<ShadowThread> {
        let (ended, ending) =
            std::mem::take(&mut self.ending).into_iter().partition(ShadowThread::has_ended);
        self.ending = ending;
        ended
    }

    fn set(&mut self, name: &str, rule: Rollout) {
        self.by_model.entry(name.to_owned()).or_default().rule = rule;
    }

    fn clear(&mut self, name: &str) -> bool {
        let Some(entry) = self.by_model.remove(name) else { return false };
        self.ending.extend(entry.shadow.map(|(_, thread)| thread).inspect(ShadowThread::end));
        true
    }
}

impl Entry {
    fn arrange_canary(
        &mut self,
        name: &str,
        snapshot: &Snapshot,
    ) -> Option<Result<Canary, Inactive>> {
        let found = snapshot.other(name, &self.rule.canary.as_ref()?.version);
        let (primary, other) = match found {
            Ok(found) => found,
            Err(inactive) => return Some(Err(inactive)),
        };
        let pair = Pair::of(primary, other);
        let kept = self.canary.take().filter(|(known, _)| *known == pair);
        let (_, record) = self.canary.insert(kept.unwrap_or_else(|| (pair, Arc::default())));
        Some(Ok(Canary::new(Arc::clone(other), Arc::clone(record))))
    }

    fn arrange_shadow(
        &mut self,
        name: &str,
        snapshot: &Snapshot,
    ) -> Option<Result<ShadowTap, Inactive>> {
        let version = &self.rule.shadow.as_ref()?.version;
        let (primary, other) = match snapshot.other(name, version) {
            Ok(found) => found,
            Err(inactive) => return Some(Err(inactive)),
        };
        // What does not fit any more is gone already.
        if let Some((_, thread)) = &self.shadow {
            return Some(Ok(thread.tap().clone()));
        }
        Some(match ShadowThread::start(other) {
            Ok(thread) => {
                let (_, thread) = self.shadow.insert((Pair::of(primary, other), thread));
                Ok(thread.tap().clone())
            }
            Err(error) => {
                let reason = events::chain(error.as_ref());
                Err(Inactive::NotStarted { version: version.clone(), reason })
            }
        })
    }

    /// Logs parts that are not in force, once for each reason.
    fn tell(&mut self, name: &str, rollout: &ActiveRollout) {
        let canary = rollout.canary.as_ref().and_then(|canary| canary.as_ref().err());
        let shadow = rollout.shadow.as_ref().and_then(|shadow| shadow.as_ref().err());
        for (purpose, inactive) in [(Purpose::Canary, canary), (Purpose::Shadow, shadow)] {
            let part = purpose.as_str();
            let Some(inactive) = inactive else {
                self.told.remove(part);
                continue;
            };
            let reason = inactive.to_string();
            if self.told.get(part) != Some(&reason) {
                events::rollout_inactive(name, part, &reason);
                self.told.insert(part, reason);
            }
        }
    }
}

impl ModelManager {
    /// Sets the rollout of a model in place of the one that it had. Messages under way keep the version that they began
    /// with.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when a version does not serve, [`Error::FailedPrecondition`] when it answers these calls
    /// anyway or its shadow can't be started; what was in force stays then.
    pub fn set_rollout(&self, name: &str, rule: Rollout) -> Result<(), Error> {
        self.check_control()?;
        let mut state = self.state();
        let snapshot = self.registry.snapshot();
        for (purpose, version) in rule.versions() {
            let found = snapshot.other(name, version);
            found.map_err(|inactive| self.refusal(name, purpose, &inactive))?;
        }
        let before = state.rollouts.rules().remove(name);
        state.rollouts.set(name, rule);
        let published = self.publish(&mut state).map_err(|error| super::refused(&error));
        let refused = published.err().or_else(|| self.shadow_refusal(name));
        if let Some(error) = refused {
            match before {
                Some(rule) => state.rollouts.set(name, rule),
                None => {
                    state.rollouts.clear(name);
                }
            }
            self.publish(&mut state).map_err(|error| super::refused(&error))?;
            return Err(error);
        }
        events::rollout_changed(name);
        self.save(&state)
    }

    /// Takes the rollout of a model away.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when there is none.
    pub fn clear_rollout(&self, name: &str) -> Result<(), Error> {
        self.check_control()?;
        let mut state = self.state();
        if !state.rollouts.clear(name) {
            let key = ModelKey { name: name.to_owned(), version: String::new() };
            return Err(self.unknown(&key));
        }
        self.publish(&mut state).map_err(|error| super::refused(&error))?;
        events::rollout_changed(name);
        self.save(&state)
    }

    fn refusal(&self, name: &str, purpose: Purpose, inactive: &Inactive) -> Error {
        match inactive {
            Inactive::Missing { version } => {
                let key = ModelKey { name: name.to_owned(), version: version.clone() };
                self.unknown(&key)
            }
            Inactive::Primary { .. } | Inactive::NotStarted { .. } => {
                let reason = format!("model {name}: {}.version: {inactive}", purpose.as_str());
                Error::FailedPrecondition { reason }
            }
        }
    }

    /// Returns why the shadow of a model that was just published is not in force.
    fn shadow_refusal(&self, name: &str) -> Option<Error> {
        let snapshot = self.registry.snapshot();
        let inactive = snapshot.rollout(name)?.shadow.as_ref()?.as_ref().err()?.clone();
        Some(self.refusal(name, Purpose::Shadow, &inactive))
    }
}

/// Returns what a rollout needs a version for, if one does.
pub(super) fn purpose_of(state: &State, key: &ModelKey) -> Option<Purpose> {
    let named = state.rollouts.versions().find(|(name, _, version)| {
        let labels = state.labels.get(*name);
        let target = labels.and_then(|labels| labels.get(*version));
        *name == key.name && target.map_or(*version, String::as_str) == key.version
    });
    named.map(|(_, purpose, _)| purpose)
}
