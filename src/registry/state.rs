//! What people decided about models, in a file, so that it survives a restart.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::LoadError;
use super::repository::ModelKey;
use super::rollout::Rollout;

/// What somebody asked for about one version.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Decision {
    /// Load it, even where the version policy would not.
    Load,
    /// Leave it out, even where the version policy would load it.
    Unload,
}

/// Everything that was decided.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct SavedState {
    /// Version by model and label.
    pub(super) labels: BTreeMap<String, BTreeMap<String, String>>,
    /// By version.
    pub(super) decisions: BTreeMap<ModelKey, Decision>,
    /// By model.
    pub(super) rollouts: BTreeMap<String, Rollout>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    format: u32,
    #[serde(default)]
    models: BTreeMap<String, ModelForm>,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ModelForm {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    versions: BTreeMap<String, Decision>,
    /// Since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rollout: Option<Rollout>,
}

/// What is written when there is a rollout.
const FORMAT: u32 = 2;

/// What is written when there is none, so that a program from before rollouts can take over.
const FORMAT_WITHOUT_ROLLOUTS: u32 = 1;

impl SavedState {
    /// Reads the file; `None` when there is none yet, or no path for one.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, LoadError> {
        if path.as_os_str().is_empty() {
            return Ok(None);
        }
        let failed = |source| LoadError::ReadState { path: path.to_owned(), source };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let form: FileForm =
            serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
        if !(FORMAT_WITHOUT_ROLLOUTS..=FORMAT).contains(&form.format) {
            let text = format!(
                "format is {}, must lie between {FORMAT_WITHOUT_ROLLOUTS} and {FORMAT}",
                form.format
            );
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        let mut state = Self::default();
        for (name, model) in form.models {
            for (version, decision) in model.versions {
                state.decisions.insert(ModelKey { name: name.clone(), version }, decision);
            }
            state.rollouts.extend(model.rollout.map(|rollout| (name.clone(), rollout)));
            state.labels.insert(name, model.labels);
        }
        Ok(Some(state))
    }

    /// Writes the file, whole or not at all: a crash leaves the old one.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        let mut models: BTreeMap<String, ModelForm> = BTreeMap::new();
        for (name, labels) in self.labels.iter().filter(|(_, labels)| !labels.is_empty()) {
            models.entry(name.clone()).or_default().labels.clone_from(labels);
        }
        for (key, decision) in &self.decisions {
            let model = models.entry(key.name.clone()).or_default();
            model.versions.insert(key.version.clone(), *decision);
        }
        for (name, rollout) in &self.rollouts {
            models.entry(name.clone()).or_default().rollout = Some(rollout.clone());
        }
        let format = if self.rollouts.is_empty() { FORMAT_WITHOUT_ROLLOUTS } else { FORMAT };
        let json = serde_json::to_vec_pretty(&FileForm { format, models })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let part = path.with_extension("part");
        let mut file = std::fs::File::create(&part)?;
        file.write_all(&json)?;
        file.sync_all()?;
        std::fs::rename(&part, path)?;
        // The rename lasts only once the folder is written.
        std::fs::File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::rollout::{ShadowRule, Share};

    #[test]
    fn state_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models.json");
        assert_eq!(SavedState::read(&path).unwrap(), None);
        let key = |version: &str| ModelKey { name: "shop".into(), version: version.into() };
        let shadow = ShadowRule { version: "2".into(), share: Share::try_from(12.5).unwrap() };
        let rollout = Rollout { canary: None, shadow: Some(shadow) };
        let state = SavedState {
            labels: [("shop".to_owned(), [("stable".to_owned(), "1".to_owned())].into())].into(),
            decisions: [(key("1"), Decision::Load), (key("2"), Decision::Unload)].into(),
            rollouts: [("shop".to_owned(), rollout)].into(),
        };

        state.write(&path).unwrap();

        assert_eq!(SavedState::read(&path).unwrap(), Some(state));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn file_without_rollouts_is_that_of_earlier_programs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models.json");
        let text = r#"{"format": 1, "models": {"shop": {"labels": {"stable": "1"}, "versions": {"2": "load"}}}}"#;
        std::fs::write(&path, text).unwrap();

        let state = SavedState::read(&path).unwrap().unwrap();
        state.write(&path).unwrap();

        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(json(&std::fs::read_to_string(&path).unwrap()), json(text));
    }

    #[test]
    fn state_that_can_not_be_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models.json");
        for (text, expected) in [
            ("{", "EOF"),
            (r#"{"format": 3}"#, "format is 3, must lie between 1 and 2"),
            (
                r#"{"format": 2, "models": {"shop": {"rollout": {"shadow": {"version": "2", "percent": 101}}}}}"#,
                "percent is 101, must lie between 0 and 100",
            ),
            (r#"{"format": 1, "modles": {}}"#, "unknown field `modles`"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = crate::telemetry::events::chain(&SavedState::read(&path).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
