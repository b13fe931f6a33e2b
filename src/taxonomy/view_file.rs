//! Reads the section `views`: what passes here gives a result for every message.

use std::collections::{HashMap, HashSet};

use super::file::{distinct_lines, line, unknown};
use super::sentiment_file;
use super::view::{Band, IntentMapping, View};
use super::{LabelEntry, Parts};
use crate::yaml::{Entry, Faults, Fields, Node, Position, quoted};

/// Views of a file at most.
const MAX_VIEWS: usize = 64;
/// Intents that a message names at most.
const MAX_NAMED: usize = 60;

/// Reads the views. `parts` holds everything else of the file.
pub(super) fn views(node: &Node, parts: &Parts, faults: &mut Faults) -> Vec<View> {
    let entries = node.entries(faults).unwrap_or_default();
    if entries.len() > MAX_VIEWS {
        faults.add(node.position, format!("expected at most {MAX_VIEWS}, found {}", entries.len()));
    }
    entries.iter().take(MAX_VIEWS).filter_map(|entry| view(entry, parts, faults)).collect()
}

fn view(entry: &Entry, parts: &Parts, faults: &mut Faults) -> Option<View> {
    let name = &entry.key.text;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        let message = format!(
            "expected lower-case letters, digits and hyphens as name of a view, found {}",
            quoted(name)
        );
        faults.add(entry.key.position, message);
    }
    let mut fields = Fields::of(&entry.value, faults)?;
    let description = fields.required("description", faults);
    let description = description.and_then(|node| line(node, faults));
    let source = fields.optional("source").and_then(|node| line(node, faults));
    let intents = fields.optional("intents");
    let sentiment = fields.optional("sentiment");
    let confidence = fields.optional("confidence");
    fields.finish(faults);
    if intents.is_none() && sentiment.is_none() && confidence.is_none() {
        faults.add(entry.key.position, "expected at least one of intents, sentiment, confidence");
    }
    Some(View {
        name: name.clone(),
        description: description.unwrap_or_default().to_owned(),
        source: source.unwrap_or_default().to_owned(),
        intents: intents.and_then(|node| intent_mapping(node, &parts.intents, faults)),
        sentiment: sentiment.and_then(|node| sentiment_file::sentiment(node, &parts.flags, faults)),
        confidence: confidence.and_then(|node| self::confidence(node, faults)).unwrap_or_default(),
    })
}

/// Reads the bands over a probability.
fn confidence(node: &Node, faults: &mut Faults) -> Option<Vec<Band>> {
    let mut fields = Fields::of(node, faults)?;
    let bands = fields.required("bands", faults);
    fields.finish(faults);
    let bands = self::bands(bands?, Some((0.0, 1.0)), faults);
    Some(bands.into_iter().map(|(band, _)| band).collect())
}

/// Reads bands from high to low that cover all values of the range, each with the place of its label. Without a range,
/// which was refused elsewhere, only the order is checked.
pub(super) fn bands(
    node: &Node,
    range: Option<(f64, f64)>,
    faults: &mut Faults,
) -> Vec<(Band, Position)> {
    let mut bands: Vec<(Band, Position)> = Vec::new();
    let list = node.list(faults).unwrap_or_default();
    for element in list {
        let Some(mut fields) = Fields::of(element, faults) else { continue };
        let at_least = fields.required("at_least", faults);
        let label = fields.required("label", faults);
        let label = label.and_then(|node| Some((line(node, faults)?, node.position)));
        fields.finish(faults);
        let (Some(node), Some((label, position))) = (at_least, label) else { continue };
        let Some(at_least) = node.number(faults) else { continue };
        if let Some((minimum, maximum)) = range
            && !(minimum..=maximum).contains(&at_least)
        {
            node.refuse::<()>(&format!("a number from {minimum} to {maximum}"), faults);
        }
        let before = bands.last().map(|(band, _)| band.at_least);
        if let Some(before) = before.filter(|before| at_least >= *before) {
            node.refuse::<()>(&format!("less than {before}, the band before"), faults);
        }
        bands.push((Band { at_least, label: label.to_owned() }, position));
    }
    match (bands.last(), range) {
        (None, _) if list.is_empty() => {
            node.refuse::<()>("at least one band", faults);
        }
        (Some((last, _)), Some((minimum, _))) if last.at_least > minimum => {
            let message = format!("the last band must begin at the minimum, {minimum}");
            faults.add(node.position, message);
        }
        (Some(_) | None, _) => {}
    }
    bands
}

/// Reads the labels of the product and which of them each intent becomes.
fn intent_mapping(
    node: &Node,
    intents: &[LabelEntry],
    faults: &mut Faults,
) -> Option<IntentMapping> {
    let mut fields = Fields::of(node, faults)?;
    let labels = fields.required("labels", faults);
    let map = fields.required("map", faults);
    let unreachable = fields.optional("unreachable");
    fields.finish(faults);
    let labels = labels.map(|node| distinct_lines(node, faults))?;
    let map = map?;
    let mut mapping = IntentMapping {
        labels: labels.iter().map(|(label, _)| (*label).to_owned()).collect(),
        ..IntentMapping::default()
    };
    let is_sound = read_map(map, intents, &mut mapping, faults);
    if let Some(node) = unreachable {
        read_unreachable(node, &mut mapping, faults);
    }
    if is_sound {
        check_reached(&labels, &mapping, faults);
    }
    Some(mapping)
}

/// Every label is either reached or said to be unreachable.
fn check_reached(labels: &[(&str, &Node)], mapping: &IntentMapping, faults: &mut Faults) {
    let declared: HashSet<_> =
        mapping.unreachable.iter().map(|(label, _)| label.as_str()).collect();
    let reached: HashSet<_> = mapping.map.values().copied().collect();
    for (index, (label, node)) in labels.iter().enumerate() {
        match (reached.contains(&index), declared.contains(label)) {
            (true, true) => {
                let message = format!(
                    "{} is said to be unreachable, but an intent maps to it",
                    quoted(label)
                );
                faults.add(node.position, message);
            }
            (false, false) => {
                let message = format!(
                    "no intent maps to {}; if that is meant, say why under unreachable",
                    quoted(label)
                );
                faults.add(node.position, message);
            }
            (true, false) | (false, true) => {}
        }
    }
}

/// Reads what each intent becomes and tells whether every one becomes a label of the product.
fn read_map(
    node: &Node,
    intents: &[LabelEntry],
    mapping: &mut IntentMapping,
    faults: &mut Faults,
) -> bool {
    let positions: HashMap<&str, usize> =
        mapping.labels.iter().enumerate().map(|(index, label)| (label.as_str(), index)).collect();
    let known: HashSet<_> = intents.iter().map(LabelEntry::name).collect();
    let mut map = HashMap::new();
    for entry in node.entries(faults).unwrap_or_default() {
        if !known.contains(entry.key.text.as_str()) {
            unknown(entry, "intent", intents.iter().map(LabelEntry::name), faults);
        }
        let target = line(&entry.value, faults);
        let index = target.and_then(|label| positions.get(label).copied());
        if let (Some(label), None) = (target, index) {
            let message = format!("{} is not among the labels of this view", quoted(label));
            let known = mapping.labels.iter().map(String::as_str);
            faults.add_unknown(entry.value.position, message, label, known);
        }
        map.insert(entry.key.text.clone(), index);
    }
    let missing: Vec<_> =
        intents.iter().map(LabelEntry::name).filter(|name| !map.contains_key(*name)).collect();
    let named = missing.get(..missing.len().min(MAX_NAMED)).unwrap_or_default();
    if !named.is_empty() {
        let more = match missing.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        faults.add(node.position, format!("intents are missing: {}{more}", named.join(", ")));
    }
    let is_sound = missing.is_empty() && map.values().all(Option::is_some);
    mapping.map = map.into_iter().filter_map(|(intent, index)| Some((intent, index?))).collect();
    is_sound
}

fn read_unreachable(node: &Node, mapping: &mut IntentMapping, faults: &mut Faults) {
    for entry in node.entries(faults).unwrap_or_default() {
        if !mapping.labels.contains(&entry.key.text) {
            unknown(entry, "label", mapping.labels.iter().map(String::as_str), faults);
        }
        let reason = line(&entry.value, faults).unwrap_or_default();
        mapping.unreachable.push((entry.key.text.clone(), reason.to_owned()));
    }
}
