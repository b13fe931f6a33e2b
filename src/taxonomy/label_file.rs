//! Reads one section of labels: groups, intents, flags or steps of polarity.

use std::collections::HashMap;

use super::LabelEntry;
use super::file::{distinct_lines, line, unknown};
use crate::yaml::{Entry, Faults, Fields, Node, Position, quoted};

/// Labels of a section at most.
const MAX_LABELS: usize = 10_000;

/// What the entries of a section are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Group,
    Intent,
    Flag,
    Step,
}

/// A label and where it stands.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) entry: LabelEntry,
    pub(super) position: Position,
    pub(super) alias_positions: Vec<Position>,
}

/// Titles that are taken, for each language: title → label.
type Taken<'a> = Vec<HashMap<&'a str, &'a str>>;

/// Reads a section; entries with faults are among the result, so that what refers to them is not reported as well.
pub(super) fn section(
    node: &Node,
    form: Form,
    languages: &[String],
    faults: &mut Faults,
) -> Vec<Placed> {
    let mut taken = vec![HashMap::new(); languages.len()];
    let entries = node.entries(faults).unwrap_or_default();
    if entries.len() > MAX_LABELS {
        faults
            .add(node.position, format!("expected at most {MAX_LABELS}, found {}", entries.len()));
    }
    entries
        .iter()
        .take(MAX_LABELS)
        .map(|entry| label(entry, form, languages, &mut taken, faults))
        .collect()
}

fn label<'a>(
    entry: &'a Entry,
    form: Form,
    languages: &[String],
    taken: &mut Taken<'a>,
    faults: &mut Faults,
) -> Placed {
    let name = &entry.key.text;
    if name.is_empty() || name.chars().any(char::is_control) {
        faults.add(entry.key.position, "expected a name without control characters");
    }
    let mut placed = Placed {
        entry: LabelEntry::named(name),
        position: entry.key.position,
        alias_positions: vec![],
    };
    let Some(mut fields) = Fields::of(&entry.value, faults) else { return placed };
    if matches!(form, Form::Intent | Form::Flag) {
        let definition = fields.required("definition", faults);
        let definition = definition.and_then(|node| line(node, faults));
        placed.entry.definition = definition.unwrap_or_default().to_owned();
    }
    if let Some(node) = fields.optional("names") {
        placed.entry.names = titles(node, name, languages, taken, faults);
    }
    if matches!(form, Form::Intent | Form::Flag)
        && let Some(node) = fields.optional("aliases")
    {
        for (alias, node) in distinct_lines(node, faults) {
            if is_alias(alias) {
                placed.entry.aliases.push(alias.to_owned());
                placed.alias_positions.push(node.position);
            } else {
                node.refuse::<()>("lower-case letters and digits with hyphens between", faults);
            }
        }
    }
    if matches!(form, Form::Intent | Form::Flag)
        && let Some(node) = fields.optional("person_required")
    {
        placed.entry.person_required = node.boolean(faults).unwrap_or_default();
    }
    fields.finish(faults);
    placed
}

fn is_alias(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    text.split('-').all(plain)
}

/// Reads the titles of a label in the order of the languages; each title belongs to one label of its section.
fn titles<'a>(
    node: &'a Node,
    label: &'a str,
    languages: &[String],
    taken: &mut Taken<'a>,
    faults: &mut Faults,
) -> Vec<String> {
    let entries = node.entries(faults).unwrap_or_default();
    for entry in entries {
        if !languages.contains(&entry.key.text) {
            unknown(entry, "language", languages.iter().map(String::as_str), faults);
        }
    }
    let mut titles = Vec::with_capacity(languages.len());
    let mut missing = Vec::new();
    for (language, taken) in languages.iter().zip(taken) {
        let Some(Entry { value, .. }) = entries.iter().find(|entry| entry.key.text == *language)
        else {
            missing.push(language.as_str());
            continue;
        };
        let Some(title) = line(value, faults) else { continue };
        // A label that occurs twice has been reported as such.
        if let Some(owner) = taken.insert(title, label).filter(|owner| *owner != label) {
            let message = format!("{} is the name of {} already", quoted(title), quoted(owner));
            faults.add(value.position, message);
        }
        titles.push(title.to_owned());
    }
    if !missing.is_empty() {
        faults.add(node.position, format!("names are missing in {}", missing.join(", ")));
    }
    titles
}
