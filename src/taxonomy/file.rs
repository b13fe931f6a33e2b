//! Reads a taxonomy file: what passes here is valid.

use std::collections::{HashMap, HashSet};

use super::label_file::{self, Form, Placed};
use super::view_file;
use super::{FALLBACK_LANGUAGE, LabelEntry, Parts, groups_of};
use crate::labels::{POLARITY_STEPS, group_of};
use crate::yaml::{self, Entry, Faults, Fields, Node, Value, quoted};

/// The only version of the form so far.
const FORMAT: i64 = 1;
/// Elements of a list at most; lists are searched from the front.
const MAX_ELEMENTS: usize = 1_000;

/// Reads and checks a file.
pub(super) fn read(text: &str, origin: &str) -> Result<Parts, Faults> {
    let root = yaml::parse(text, origin)?;
    let mut faults = Faults::new(origin);
    let parts = parts(&root, &mut faults);
    // Whatever is not there has been reported.
    faults.finish(parts.unwrap_or_default())
}

fn parts(root: &Node, faults: &mut Faults) -> Option<Parts> {
    let mut fields = Fields::of(root, faults)?;
    format(&mut fields, faults);
    let languages = languages(fields.optional("languages"), faults);
    let intents_node = fields.required("intents", faults);
    let mut section = |node: Option<&Node>, form: Form| {
        node.map(|node| label_file::section(node, form, &languages, faults))
    };
    let groups = section(fields.optional("groups"), Form::Group);
    let intents = section(intents_node, Form::Intent).unwrap_or_default();
    let flags = section(fields.optional("flags"), Form::Flag).unwrap_or_default();
    let polarity = section(fields.optional("polarity"), Form::Step);
    if let Some(node) = intents_node
        && matches!(&node.value, Value::Map(entries) if entries.is_empty())
    {
        faults.add(node.position, "expected at least one intent");
    }
    if let Some(steps) = &polarity {
        check_steps(steps, root, faults);
    }
    check_names(
        [&intents, &flags, polarity.as_deref().unwrap_or_default()],
        groups.as_deref().unwrap_or_default(),
        faults,
    );
    let groups = groups_of_file(groups, &intents, faults);
    let views = fields.optional("views");
    fields.finish(faults);
    let mut parts = Parts {
        languages,
        groups,
        intents: entries(intents),
        flags: entries(flags),
        polarity: polarity
            .map_or_else(|| POLARITY_STEPS.into_iter().map(LabelEntry::named).collect(), entries),
        views: vec![],
    };
    if let Some(node) = views {
        parts.views = view_file::views(node, &parts, faults);
    }
    Some(parts)
}

fn entries(placed: Vec<Placed>) -> Vec<LabelEntry> {
    placed.into_iter().map(|placed| placed.entry).collect()
}

fn format(fields: &mut Fields<'_>, faults: &mut Faults) {
    let Some(node) = fields.required("format", faults) else { return };
    if node.integer(faults).is_some_and(|format| format != FORMAT) {
        node.refuse::<()>("1, the only version of the form", faults);
    }
}

fn languages(node: Option<&Node>, faults: &mut Faults) -> Vec<String> {
    let Some(node) = node else { return vec![FALLBACK_LANGUAGE.to_owned()] };
    let mut languages: Vec<String> = Vec::new();
    for (tag, element) in distinct_lines(node, faults) {
        if is_language_tag(tag) {
            languages.push(tag.to_owned());
        } else {
            element.refuse::<()>("a BCP-47 tag such as en", faults);
        }
    }
    if !languages.iter().any(|language| language == FALLBACK_LANGUAGE) {
        let message =
            format!("{FALLBACK_LANGUAGE:?} is missing, which other languages fall back to");
        faults.add(node.position, message);
    }
    languages
}

fn is_language_tag(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let primary = subtags.next().unwrap_or_default();
    let sound = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.chars().all(|c| c.is_ascii_alphanumeric())
    };
    (2..=3).contains(&primary.len())
        && primary.chars().all(|c| c.is_ascii_lowercase())
        && subtags.all(sound)
        && tag.len() <= 35
}

/// The steps are part of the interface: replies, views and models know these five in this order.
fn check_steps(steps: &[Placed], root: &Node, faults: &mut Faults) {
    for step in steps {
        if !POLARITY_STEPS.contains(&step.entry.name()) {
            let name = step.entry.name();
            let message = format!("unknown step of polarity {}", quoted(name));
            faults.add_unknown(step.position, message, name, POLARITY_STEPS);
        }
    }
    if !steps.iter().map(|step| step.entry.name()).eq(POLARITY_STEPS) {
        let at = steps.first().map_or(root.position, |step| step.position);
        let message =
            format!("polarity needs the steps {} in this order", POLARITY_STEPS.join(", "));
        faults.add(at, message);
    }
}

/// An alias and a name must say of themselves which label is meant.
fn check_names(labels: [&[Placed]; 3], groups: &[Placed], faults: &mut Faults) {
    let [intents, flags, _] = labels;
    let intent_names: HashSet<_> = intents.iter().map(|intent| intent.entry.name()).collect();
    for flag in flags.iter().filter(|flag| intent_names.contains(flag.entry.name())) {
        let name = quoted(flag.entry.name());
        faults.add(flag.position, format!("{name} is the name of an intent already"));
    }
    let names: HashSet<_> =
        labels.into_iter().flatten().chain(groups).map(|label| label.entry.name()).collect();
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for label in intents.iter().chain(flags) {
        for (alias, position) in label.entry.aliases().iter().zip(&label.alias_positions) {
            if names.contains(alias.as_str()) {
                faults.add(*position, format!("{alias:?} is a name of this file already"));
            }
            if let Some(owner) = owners.insert(alias, label.entry.name()) {
                let message = format!("{alias:?} is an alias of {} already", quoted(owner));
                faults.add(*position, message);
            }
        }
    }
}

/// Checks that groups and intents fit each other; without a section the groups follow from the intents.
fn groups_of_file(
    groups: Option<Vec<Placed>>,
    intents: &[Placed],
    faults: &mut Faults,
) -> Vec<LabelEntry> {
    let Some(groups) = groups else {
        return groups_of(intents.iter().map(|intent| intent.entry.name()));
    };
    let known: HashSet<_> = groups.iter().map(|group| group.entry.name()).collect();
    let used: HashSet<_> = intents.iter().map(|intent| group_of(intent.entry.name())).collect();
    for intent in intents {
        let group = group_of(intent.entry.name());
        if !known.contains(group) {
            let message = format!("{} is in no group of this file", quoted(intent.entry.name()));
            let known = groups.iter().map(|group| group.entry.name());
            faults.add_unknown(intent.position, message, group, known);
        }
    }
    for group in groups.iter().filter(|group| !used.contains(group.entry.name())) {
        let name = quoted(group.entry.name());
        faults.add(group.position, format!("the group {name} has no intent"));
    }
    entries(groups)
}

/// Returns a text of one line, or reports that it is none.
pub(super) fn line<'a>(node: &'a Node, faults: &mut Faults) -> Option<&'a str> {
    let text = node.text(faults)?;
    if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
        return node.refuse("one line of text without spaces around it", faults);
    }
    Some(text)
}

/// Returns the lines of a list, each once; reports an empty list and what occurs twice.
pub(super) fn distinct_lines<'a>(node: &'a Node, faults: &mut Faults) -> Vec<(&'a str, &'a Node)> {
    let Some(list) = node.list(faults) else { return vec![] };
    if list.is_empty() {
        faults.add(node.position, "expected at least one, found an empty list");
    }
    if list.len() > MAX_ELEMENTS {
        faults.add(node.position, format!("expected at most {MAX_ELEMENTS}, found {}", list.len()));
    }
    let mut seen = HashSet::new();
    let mut lines = Vec::new();
    for element in list.iter().take(MAX_ELEMENTS) {
        match line(element, faults) {
            Some(text) if seen.insert(text) => lines.push((text, element)),
            Some(text) => faults.add(element.position, format!("{} occurs twice", quoted(text))),
            None => {}
        }
    }
    lines
}

/// Reports that a key names nothing that is known.
pub(super) fn unknown<'a>(
    entry: &Entry,
    what: &str,
    known: impl Iterator<Item = &'a str>,
    faults: &mut Faults,
) {
    let name = &entry.key.text;
    faults.add_unknown(entry.key.position, format!("unknown {what} {}", quoted(name)), name, known);
}

#[cfg(test)]
mod tests;
