//! Which labels are learned, adjusted or left alone.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{ENOUGH_EXAMPLES, Example, LEAST_EXAMPLES, Purpose, extended};
use crate::evaluation::records::Case;
use crate::labels::{HeadKind, HeadName, LabelId, LabelSet};
use crate::message::MAX_NAME_CHARS;
use crate::model::manifest::Manifest;
use crate::suggestion::did_you_mean;

/// Probability from which a label counts as long as nothing better is known.
const DEFAULT_THRESHOLD: f32 = 0.5;

/// What happens to a label.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LabelRole {
    /// Its row stays as it is.
    Kept,
    /// Something is added to its row.
    Adjusted,
    /// It gets a row of its own.
    New,
}

/// Whether the labels of the model stay.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// New labels join those of the model.
    Extend,
    /// The labels of the examples take the place of the model's.
    Replace,
}

/// Labels of intents and flags as the examples name them, in the order in which they first occur.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NamedLabels {
    /// Intents.
    pub intents: Vec<String>,
    /// Flags.
    pub flags: Vec<String>,
}

#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    intents: Vec<String>,
    #[serde(default)]
    flags: Option<Vec<String>>,
}

impl NamedLabels {
    /// Adds the labels that a file of records names. What is no record is passed over: reading the records tells.
    pub fn add(&mut self, records: &[u8]) {
        for line in records.split(|byte| *byte == b'\n') {
            let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
            let Ok(names) = serde_json::from_slice::<Names>(line) else { continue };
            add_new(&mut self.intents, names.intents);
            add_new(&mut self.flags, names.flags.unwrap_or_default());
        }
    }
}

fn add_new(known: &mut Vec<String>, names: Vec<String>) {
    let mut seen: BTreeSet<String> = known.iter().cloned().collect();
    known.extend(names.into_iter().filter(|name| seen.insert(name.clone())));
}

/// Why labels can't be learned.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to do.
    #[error(
        "there is nothing to learn: no example has a new intent or flag, and no known one leads {ENOUGH_EXAMPLES} examples or more"
    )]
    Nothing,
    /// A label is none that a model can have.
    #[error(
        "{kind} {label:?} is no label: 1 to {MAX_NAME_CHARS} characters without control characters and spaces around them are \
         accepted"
    )]
    Name {
        /// "intent" or "flag".
        kind: &'static str,
        /// The label, cut off where it is long.
        label: String,
    },
    /// A new label has too few examples; perhaps it is a misspelt old one.
    #[error(
        "{place}: {kind} {label:?} is new and has {count} example(s), {LEAST_EXAMPLES} are needed at least{hint}"
    )]
    TooFew {
        /// File and line of its first example.
        place: String,
        /// "intent" or "flag".
        kind: &'static str,
        /// The label.
        label: String,
        /// Examples that it leads, or for a flag has.
        count: usize,
        /// What may have been meant.
        hint: String,
    },
    /// All examples have a flag, so that nothing tells what it is not.
    #[error("flag {label:?} is on every example; examples without it are needed as well")]
    NoContrast {
        /// The flag.
        label: String,
    },
    /// A head with one label says nothing.
    #[error("there is one intent, {label:?}; two are needed at least when all labels are new")]
    OneIntent {
        /// The intent.
        label: String,
    },
}

/// Labels of the adapted model and what happens to each.
#[derive(Clone, Debug)]
pub struct Plan {
    mode: Mode,
    files: Vec<String>,
    manifest: Manifest,
    intents: Roles,
    flags: Roles,
}

#[derive(Clone, Debug)]
struct Roles {
    kind: &'static str,
    labels: LabelSet,
    roles: Vec<LabelRole>,
    /// Whether the head is made anew.
    replaced: bool,
}

impl Plan {
    /// Makes the label sets of the adapted model. `files` names the files of the examples, for faults.
    ///
    /// # Errors
    /// [`PlanError`] for a name that no label can have, or when there are too few labels.
    pub fn new(
        base: &Manifest,
        named: &NamedLabels,
        mode: Mode,
        files: Vec<String>,
    ) -> Result<Self, PlanError> {
        let intent_head = base.head(HeadName::Primary).or_else(|| base.head(HeadName::Intent));
        let labels = |head: Option<&crate::model::manifest::Head>| {
            head.map_or_else(|| LabelSet::new::<&str>([]), |head| head.labels.clone())
        };
        let flag_head = base.head(HeadName::Flags);
        let intents = Roles::of("intent", &labels(intent_head), &named.intents, mode)?;
        // Flags can only be learned by a model that has them; without examples they stay.
        let flag_mode = if named.flags.is_empty() { Mode::Extend } else { mode };
        let named_flags = if flag_head.is_some() { named.flags.as_slice() } else { &[] };
        let flags = Roles::of("flag", &labels(flag_head), named_flags, flag_mode)?;
        if let (Mode::Replace, [label]) = (mode, named.intents.as_slice()) {
            return Err(PlanError::OneIntent { label: label.clone() });
        }
        let manifest = manifest(base, &intents, &flags);
        Ok(Self { mode, files, manifest, intents, flags })
    }

    /// Returns what the adapted model will be, but for temperatures and thresholds: examples are read with its labels.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Tells whether the labels of the model stay.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Adjusts the known labels that have enough examples.
    #[must_use]
    pub fn with_examples<'a>(mut self, cases: impl Iterator<Item = &'a Case> + Clone) -> Self {
        let leading = cases.clone().map(|case| std::slice::from_ref(&case.primary));
        self.intents.adjust(&leading);
        let raised = cases.filter_map(|case| case.flags.as_deref());
        self.flags.adjust(&raised);
        self
    }

    /// Returns what happens to each label of a head; `None` for a head that stays as it is.
    pub(super) fn roles(&self, head: HeadName) -> Option<&[LabelRole]> {
        let roles = self.roles_of(head)?;
        let changes = roles.roles.iter().any(|role| *role != LabelRole::Kept);
        changes.then_some(roles.roles.as_slice())
    }

    /// Tells whether a head is made anew.
    pub(super) fn replaces(&self, head: HeadName) -> bool {
        self.roles_of(head).is_some_and(|roles| roles.replaced)
    }

    fn roles_of(&self, head: HeadName) -> Option<&Roles> {
        match head {
            HeadName::Primary | HeadName::Intent => Some(&self.intents),
            HeadName::Flags => Some(&self.flags),
            HeadName::Polarity => None,
        }
    }

    /// Returns the intents whose rows change.
    pub fn learned_intents(&self) -> impl Iterator<Item = LabelId> + Clone {
        self.intents.learned()
    }

    /// Returns the flags whose rows change.
    pub fn learned_flags(&self) -> impl Iterator<Item = LabelId> + Clone {
        self.flags.learned()
    }

    /// Returns the intents after adaptation and what happens to each.
    pub fn intents(&self) -> impl Iterator<Item = (&str, LabelRole)> {
        self.intents.labels.iter().zip(self.intents.roles.iter().copied())
    }

    /// Returns the flags after adaptation and what happens to each.
    pub fn flags(&self) -> impl Iterator<Item = (&str, LabelRole)> {
        self.flags.labels.iter().zip(self.flags.roles.iter().copied())
    }

    /// Returns the name of a file of the examples.
    #[must_use]
    pub fn file(&self, case: &Case) -> &str {
        self.files.get(case.file).map_or("", String::as_str)
    }

    /// Makes sure that every label that is learned has examples to learn from.
    pub(super) fn check(&self, examples: &[Example]) -> Result<(), PlanError> {
        let learning: Vec<&Case> = examples
            .iter()
            .filter(|example| example.purpose == Purpose::Learn)
            .filter_map(|example| example.case.as_ref())
            .collect();
        let mut learns = false;
        for (id, role) in (0..).map(LabelId).zip(&self.intents.roles) {
            learns |= *role != LabelRole::Kept;
            if *role == LabelRole::New {
                let leads = |case: &Case| case.primary == id;
                let mentions = |case: &Case| case.intents.contains(&id);
                self.check_count(&self.intents, id, &learning, leads, mentions)?;
            }
        }
        for (id, role) in (0..).map(LabelId).zip(&self.flags.roles) {
            learns |= *role != LabelRole::Kept;
            if *role == LabelRole::New {
                let raised =
                    |case: &Case| case.flags.as_ref().is_some_and(|flags| flags.contains(&id));
                self.check_count(&self.flags, id, &learning, raised, raised)?;
                self.check_contrast(id, examples, raised)?;
            }
        }
        if learns { Ok(()) } else { Err(PlanError::Nothing) }
    }

    fn check_count(
        &self,
        roles: &Roles,
        id: LabelId,
        cases: &[&Case],
        counts: impl Fn(&Case) -> bool,
        mentions: impl Fn(&Case) -> bool,
    ) -> Result<(), PlanError> {
        let count = cases.iter().filter(|case| counts(case)).count();
        if count >= LEAST_EXAMPLES {
            return Ok(());
        }
        let first = cases.iter().find(|case| mentions(case));
        let place = first
            .map_or_else(String::new, |case| format!("{}: line {}", self.file(case), case.line));
        let label = roles.labels.get(id).unwrap_or_default();
        let others = roles.labels.iter().filter(|other| *other != label);
        Err(PlanError::TooFew {
            place,
            kind: roles.kind,
            label: label.to_owned(),
            count,
            hint: did_you_mean(label, others),
        })
    }

    fn check_contrast(
        &self,
        id: LabelId,
        examples: &[Example],
        raised: impl Fn(&Case) -> bool,
    ) -> Result<(), PlanError> {
        let lacks = |example: &Example| match &example.case {
            Some(case) => case.flags.is_some() && !raised(case),
            None => true,
        };
        if examples.iter().any(lacks) {
            return Ok(());
        }
        let label = self.flags.labels.get(id).unwrap_or_default().to_owned();
        Err(PlanError::NoContrast { label })
    }
}

impl Roles {
    fn of(
        kind: &'static str,
        base: &LabelSet,
        named: &[String],
        mode: Mode,
    ) -> Result<Self, PlanError> {
        if let Some(label) = named.iter().find(|label| !is_label(label)) {
            let label = label.chars().take(MAX_NAME_CHARS).collect();
            return Err(PlanError::Name { kind, label });
        }
        let replaced = mode == Mode::Replace;
        if replaced {
            let labels = LabelSet::new(named.iter().map(String::as_str));
            return Ok(Self { kind, roles: vec![LabelRole::New; labels.len()], labels, replaced });
        }
        let known: BTreeSet<&str> = base.iter().collect();
        let new: Vec<String> =
            named.iter().filter(|name| !known.contains(name.as_str())).cloned().collect();
        let mut roles = vec![LabelRole::Kept; base.len()];
        roles.resize(base.len() + new.len(), LabelRole::New);
        Ok(Self { kind, labels: extended(base, &new), roles, replaced })
    }

    /// Adjusts known labels that occur often enough.
    fn adjust<'a>(&mut self, labels: &(impl Iterator<Item = &'a [LabelId]> + Clone)) {
        for (index, role) in self.roles.iter_mut().enumerate() {
            let count = labels.clone().filter(|ids| ids.contains(&LabelId(index))).count();
            if *role == LabelRole::Kept && count >= ENOUGH_EXAMPLES {
                *role = LabelRole::Adjusted;
            }
        }
    }

    fn learned(&self) -> impl Iterator<Item = LabelId> + Clone {
        let changes = |(index, role): (usize, &LabelRole)| {
            (*role != LabelRole::Kept).then_some(LabelId(index))
        };
        self.roles.iter().enumerate().filter_map(changes)
    }
}

fn is_label(name: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&name.chars().count())
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

/// Returns the manifest with the labels of the adapted model.
fn manifest(base: &Manifest, intents: &Roles, flags: &Roles) -> Manifest {
    let mut manifest = base.clone();
    for head in &mut manifest.heads {
        let roles = match head.name {
            HeadName::Primary | HeadName::Intent => intents,
            HeadName::Flags => flags,
            HeadName::Polarity => continue,
        };
        head.labels = roles.labels.clone();
        if roles.replaced {
            head.temperature = 1.0;
            head.thresholds.clear();
        }
        if head.kind == HeadKind::MultiLabel {
            head.thresholds.resize(roles.labels.len(), DEFAULT_THRESHOLD);
        }
    }
    manifest
}
