//! What every label means, what people call it, and how other products would say it.
//!
//! A [`Taxonomy`] is read from a file like `config/taxonomy.yaml`, whose head explains the form, and never changes. A
//! model is served only with one that [covers](Taxonomy::covers) its labels.

mod coverage;
mod file;
mod label_file;
mod number_file;
mod sentiment_file;
mod view;
mod view_file;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

pub use coverage::{Offered, UncoveredHead, UncoveredLabel, UncoveredLabels};
pub use view::{Seen, View, ViewResult};

use crate::labels::{POLARITY_STEPS, group_of};
use crate::yaml::Faults;

/// The file that is used where no other is configured.
pub const DEFAULT_YAML: &str = include_str!("../config/taxonomy.yaml");
/// Language that others fall back to.
const FALLBACK_LANGUAGE: &str = "en";

/// Everything that is wrong with a taxonomy file; shown as `origin:line:column: message`, one a line.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TaxonomyError(#[from] Faults);

impl TaxonomyError {
    /// Returns the faults in the order of the file.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0
    }
}

/// A label or a group of intents.
#[derive(Clone, Debug, Default)]
pub struct LabelEntry {
    name: String,
    definition: String,
    names: Vec<String>,
    aliases: Vec<String>,
    person_required: bool,
}

impl LabelEntry {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Returns the name that models, replies and policies use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it means, in one line. Empty for groups, steps of polarity and [`Taxonomy::of_labels`].
    #[must_use]
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// Returns the titles for people in the order of [`Taxonomy::languages`]; empty when the file gives none.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the names that are used elsewhere.
    #[must_use]
    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// Tells whether a message that carries this intent or flag must be seen by a person.
    #[must_use]
    pub fn person_required(&self) -> bool {
        self.person_required
    }
}

/// Where a label stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Intent(usize),
    Flag(usize),
    Step(usize),
    Group(usize),
}

/// What a file says.
#[derive(Debug, Default)]
struct Parts {
    languages: Vec<String>,
    groups: Vec<LabelEntry>,
    intents: Vec<LabelEntry>,
    flags: Vec<LabelEntry>,
    polarity: Vec<LabelEntry>,
    views: Vec<View>,
}

/// The meaning and names of every label, and the views.
#[derive(Debug)]
pub struct Taxonomy {
    origin: String,
    digest: String,
    parts: Parts,
    places: HashMap<String, Place>,
    aliases: HashMap<String, Place>,
}

impl Taxonomy {
    /// Reads a file of at most 1 MiB. `origin` names it in faults.
    ///
    /// # Errors
    /// [`TaxonomyError`] with all faults that were found.
    pub fn parse(yaml: &str, origin: &str) -> Result<Self, TaxonomyError> {
        Ok(Self::of_parts(file::read(yaml, origin)?, origin, yaml.as_bytes()))
    }

    /// Makes a taxonomy of a model's own labels: names without definitions, titles or views, groups after the names.
    #[must_use]
    pub fn of_labels(offered: &[Offered<'_>]) -> Self {
        let (intents, flags) = coverage::distinct_labels(offered);
        let entries = |names: &[&str]| names.iter().copied().map(LabelEntry::named).collect();
        let parts = Parts {
            languages: vec![FALLBACK_LANGUAGE.to_owned()],
            groups: groups_of(intents.iter().copied()),
            intents: entries(&intents),
            flags: entries(&flags),
            polarity: entries(&POLARITY_STEPS),
            views: vec![],
        };
        // Labels hold no control characters, so that these separate without doubt.
        let content = format!("{}\n\n{}", intents.join("\n"), flags.join("\n"));
        Self::of_parts(parts, "the model's own labels", content.as_bytes())
    }

    fn of_parts(parts: Parts, origin: &str, content: &[u8]) -> Self {
        let mut places = HashMap::new();
        let mut aliases = HashMap::new();
        // An intent goes before a step or a group of the same name: both then mean the same.
        let mut enter = |entries: &[LabelEntry], place: fn(usize) -> Place| {
            for (index, entry) in entries.iter().enumerate() {
                places.entry(entry.name.clone()).or_insert(place(index));
                for alias in &entry.aliases {
                    aliases.entry(alias.clone()).or_insert(place(index));
                }
            }
        };
        enter(&parts.intents, Place::Intent);
        enter(&parts.flags, Place::Flag);
        enter(&parts.polarity, Place::Step);
        enter(&parts.groups, Place::Group);
        let digest = format!("sha256:{:x}", Sha256::digest(content));
        Self { origin: origin.to_owned(), digest, parts, places, aliases }
    }

    /// Returns the taxonomy that a model without a file of its own is served with: `service`, or one of the model's
    /// labels.
    ///
    /// The latter is for a directory as Hugging Face writes it (`described` is false: there is no `signalbox.json`) whose
    /// labels are plainly another set, such as `LABEL_0` or `POSITIVE`: not one is known, not even when separators and
    /// case are passed over. As soon as one is known, the rest are taken for mistakes.
    ///
    /// # Errors
    /// [`UncoveredLabels`] when `service` does not cover the model and the model is not of that kind.
    pub fn fitting(
        service: &Arc<Self>,
        offered: &[Offered<'_>],
        described: bool,
    ) -> Result<Arc<Self>, UncoveredLabels> {
        match service.covers(offered) {
            Ok(()) => Ok(Arc::clone(service)),
            Err(_) if !described && !service.resembles(offered) => {
                Ok(Arc::new(Self::of_labels(offered)))
            }
            Err(uncovered) => Err(uncovered),
        }
    }

    /// Returns where it was read from.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns `sha256:` and 64 hexadecimal digits over the file, or over the labels if there is no file.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the languages of [`LabelEntry::names`] as BCP-47 tags.
    pub fn languages(&self) -> impl ExactSizeIterator<Item = &str> {
        self.parts.languages.iter().map(String::as_str)
    }

    /// Returns the groups of intents in the order of display.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &LabelEntry> {
        self.parts.groups.iter()
    }

    /// Returns the intents in the order of display.
    pub fn intents(&self) -> impl ExactSizeIterator<Item = &LabelEntry> {
        self.parts.intents.iter()
    }

    /// Returns the flags in the order of display.
    pub fn flags(&self) -> impl ExactSizeIterator<Item = &LabelEntry> {
        self.parts.flags.iter()
    }

    /// Returns the five steps of polarity, lowest first.
    pub fn polarity(&self) -> impl ExactSizeIterator<Item = &LabelEntry> {
        self.parts.polarity.iter()
    }

    /// Returns the views in the order of the file.
    pub fn views(&self) -> impl ExactSizeIterator<Item = &View> {
        self.parts.views.iter()
    }

    /// Returns the view of that name.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&View> {
        self.parts.views.iter().find(|view| view.name() == name)
    }

    /// Returns the name of an intent, flag or step of polarity, given that name or an alias.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<&str> {
        let place = self.places.get(name).filter(|place| !matches!(place, Place::Group(_)));
        let entry = self.entry(*place.or_else(|| self.aliases.get(name))?)?;
        Some(entry.name())
    }

    /// Tells whether a message that carries the intent or flag of this name must be seen by a person; false for unknown
    /// names.
    #[must_use]
    pub fn person_required(&self, label: &str) -> bool {
        let place = self.places.get(label);
        place.and_then(|place| self.entry(*place)).is_some_and(LabelEntry::person_required)
    }

    /// Returns the title of an intent, flag, step of polarity or group, given its name.
    ///
    /// `language` is a BCP-47 tag. A language that is not there falls back to another form of it (`de-AT` to `de`), then
    /// to English, then to the name itself. `None` for an unknown label.
    #[must_use]
    pub fn display_name(&self, label: &str, language: &str) -> Option<&str> {
        let entry = self.entry(*self.places.get(label)?)?;
        let title = |index: Option<usize>| entry.names.get(index?);
        let found = title(self.language_index(language))
            .or_else(|| title(self.language_index(FALLBACK_LANGUAGE)));
        Some(found.map_or(entry.name(), String::as_str))
    }

    fn language_index(&self, tag: &str) -> Option<usize> {
        let position = |holds: &dyn Fn(&str) -> bool| {
            self.parts.languages.iter().position(|language| holds(language))
        };
        position(&|language| language.eq_ignore_ascii_case(tag)).or_else(|| {
            let primary = primary_subtag(tag);
            position(&|language| primary_subtag(language).eq_ignore_ascii_case(primary))
        })
    }

    fn entry(&self, place: Place) -> Option<&LabelEntry> {
        match place {
            Place::Intent(index) => self.parts.intents.get(index),
            Place::Flag(index) => self.parts.flags.get(index),
            Place::Step(index) => self.parts.polarity.get(index),
            Place::Group(index) => self.parts.groups.get(index),
        }
    }
}

fn primary_subtag(tag: &str) -> &str {
    tag.split_once(['-', '_']).map_or(tag, |(primary, _)| primary)
}

/// Returns the groups of intents, in the order in which they first occur.
fn groups_of<'a>(intents: impl Iterator<Item = &'a str>) -> Vec<LabelEntry> {
    let mut seen = BTreeSet::new();
    intents.map(group_of).filter(|group| seen.insert(*group)).map(LabelEntry::named).collect()
}

#[cfg(test)]
mod tests;
