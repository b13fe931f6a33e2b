//! A folder of models, `<name>/<version>/`, as users of Triton and TensorFlow Serving know it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::version;
use crate::message::MAX_NAME_CHARS;

/// Models and versions that are looked at, at most; a folder with more is some other folder.
const MAX_VERSIONS: usize = 10_000;

/// Files of one version that are looked at, at most.
const MAX_FILES: usize = 10_000;

/// A version of a model, by name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ModelKey {
    /// Name of the model.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl ModelKey {
    /// Compares by name, the latest version of each name first.
    pub(super) fn latest_first(&self, other: &Self) -> std::cmp::Ordering {
        let by_version = || version::compare(&other.version, &self.version);
        self.name.cmp(&other.name).then_with(by_version)
    }
}

impl fmt::Display for ModelKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.name, self.version)
    }
}

/// Which versions of a model are loaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VersionPolicy {
    /// The latest so many.
    Latest(usize),
    /// Every one.
    All,
    /// These.
    Specific(Vec<String>),
}

/// A version policy that can't be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{given:?} is neither \"all\", \"latest:N\" with N from 1 to 100, nor versions with commas between"
)]
pub struct VersionPolicyError {
    given: String,
}

impl FromStr for VersionPolicy {
    type Err = VersionPolicyError;

    fn from_str(text: &str) -> Result<Self, VersionPolicyError> {
        let refused = || VersionPolicyError { given: text.to_owned() };
        let text = text.trim();
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(count) = text.strip_prefix("latest:") {
            let count = count.trim().parse().ok().filter(|count| (1..=100).contains(count));
            return count.map(Self::Latest).ok_or_else(refused);
        }
        let versions: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
        // "latest" alone is a slip, not a version.
        if versions.iter().all(|version| is_name(version) && version != "latest") {
            Ok(Self::Specific(versions))
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for VersionPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest(count) => write!(formatter, "latest:{count}"),
            Self::All => formatter.write_str("all"),
            Self::Specific(versions) => formatter.write_str(&versions.join(",")),
        }
    }
}

impl Serialize for VersionPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VersionPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl VersionPolicy {
    /// Returns which of the versions are wanted, the latest first.
    pub(super) fn choose<'a>(&self, versions: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let mut versions: Vec<&str> = versions.into_iter().collect();
        versions.sort_by(|a, b| version::compare(b, a));
        match self {
            Self::Latest(count) => versions.truncate(*count),
            Self::All => {}
            Self::Specific(chosen) => {
                versions.retain(|version| chosen.iter().any(|c| c == version));
            }
        }
        versions
    }
}

/// Tells whether a folder may name a model or a version: what can stand in a path, a call and a metric alike.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    !name.is_empty()
        && name.len() <= MAX_NAME_CHARS
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(allowed)
}

/// What the files of a version look like from outside: equal while nobody writes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Stamp(BTreeMap<PathBuf, (u64, Option<SystemTime>)>);

/// The versions that lie in a repository, with their files' stamps.
pub(super) type Found = BTreeMap<ModelKey, Stamp>;

/// The folder of a version.
pub(super) fn path_of(root: &Path, key: &ModelKey) -> PathBuf {
    root.join(&key.name).join(&key.version)
}

/// Looks at a repository. Folders whose names can't be those of models or versions are passed over; so are files.
///
/// # Errors
/// [`std::io::Error`] when the repository itself can't be listed.
pub(super) fn scan(root: &Path) -> std::io::Result<Found> {
    let mut found = Found::new();
    for name in folders(root)? {
        // A folder that goes away while it is looked at holds nothing.
        for version in folders(&root.join(&name)).unwrap_or_default() {
            if found.len() >= MAX_VERSIONS {
                return Err(std::io::Error::other(format!("over {MAX_VERSIONS} versions")));
            }
            let key = ModelKey { name: name.clone(), version };
            if let Ok(stamp) = stamp(&path_of(root, &key)) {
                found.insert(key, stamp);
            }
        }
    }
    Ok(found)
}

/// Looks at the files of one version.
pub(super) fn stamp(directory: &Path) -> std::io::Result<Stamp> {
    let mut stamp = Stamp::default();
    for entry in std::fs::read_dir(directory)?.take(MAX_FILES) {
        let path = entry?.path();
        // Follows links: a repository may be a mounted volume of links.
        let data = std::fs::metadata(&path)?;
        if data.is_file() {
            stamp.0.insert(path, (data.len(), data.modified().ok()));
        }
    }
    Ok(stamp)
}

fn folders(directory: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
        if let Some(name) = name.filter(|_| path.is_dir()) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_policies_are_read_as_they_are_written() {
        for text in ["all", "latest:3", "1,2026.11.1"] {
            assert_eq!(text.parse::<VersionPolicy>().unwrap().to_string(), text);
        }
        for text in ["", "latest", "latest:0", "latest:101", "1,,2", "../1", "a/b"] {
            let error = text.parse::<VersionPolicy>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is neither")), "{error}");
        }
    }

    #[test]
    fn latest_is_by_the_order_of_versions() {
        let versions = ["9", "10", "2"];

        assert_eq!(VersionPolicy::Latest(2).choose(versions), ["10", "9"]);
        assert_eq!(VersionPolicy::All.choose(versions), ["10", "9", "2"]);
        assert_eq!(VersionPolicy::Specific(vec!["2".into(), "7".into()]).choose(versions), ["2"]);
    }

    #[test]
    fn folders_that_can_not_be_models_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["shop/1", "shop/.2.part", "shop/two words", ".git/1", "empty"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        std::fs::write(root.path().join("shop/1/config.json"), "{}").unwrap();
        std::fs::write(root.path().join("README.md"), "").unwrap();
        std::fs::write(root.path().join("shop/notes.txt"), "").unwrap();

        let found = scan(root.path()).unwrap();

        assert_eq!(found.keys().map(ToString::to_string).collect::<Vec<_>>(), ["shop/1"]);
        let before = found.into_values().next().unwrap();
        std::fs::write(root.path().join("shop/1/config.json"), "{ }").unwrap();
        assert_ne!(scan(root.path()).unwrap().into_values().next().unwrap(), before);
    }
}
