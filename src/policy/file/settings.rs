//! Everything in the file of a policy but its rules.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::reading::{
    choice, is_name, line, line_of, lines, name, points, position_of, probability,
};
use super::super::routing::Priority;
use super::super::rule::{
    AutomaticTags, Macro, Queue, RequiredEntities, ServiceLevelTimes, Settings, TagSettings,
    Thresholds, Times,
};
use super::super::variables::is_language;
use super::super::vocabulary::{Vocabulary, entity_types};
use crate::entities::EntityType;
use crate::message::TagStyle;
use crate::suggestion::did_you_mean;
use crate::yaml::{Entry, Faults, Fields, Node, quoted};

/// Reads all settings. Where one is wrong it has a default, for the rules to be checked as well.
pub(super) fn read(
    fields: &mut Fields<'_>,
    vocabulary: &Vocabulary,
    faults: &mut Faults,
) -> Settings {
    let policy = fields.required("name", faults).and_then(|node| name(node, faults));
    let tags = tags(fields.optional("tags"), faults);
    let views = views(fields.optional("views"), vocabulary, faults);
    let queues = fields.required("queues", faults).map(|node| queues(node, faults));
    let levels = fields.required("priority", faults).and_then(|node| levels(node, faults));
    let service_levels = fields.required("service_levels", faults);
    let service_levels = service_levels.map(|node| service_levels_of(node, faults));
    let service_levels = service_levels.unwrap_or_default();
    let default = fields.required("default_service_level", faults).and_then(|node| {
        let names = service_levels.iter().map(|level| level.name.as_str());
        position_of(node, "service level", names, faults)
    });
    let confidence = fields.required("confidence", faults);
    let confidence = confidence.and_then(|node| confidence_of(node, faults));
    let macros = fields.optional("macros").map(|node| macros(node, faults));
    let required = fields.optional("required_entities");
    let flows = lines(fields.optional("flows"), faults);
    Settings {
        name: policy.unwrap_or_default().to_owned(),
        tags,
        views,
        queues: queues.unwrap_or_default(),
        levels: levels.unwrap_or([i32::MAX; 3]),
        service_levels,
        default_service_level: default.unwrap_or_default(),
        confidence: confidence.unwrap_or(Thresholds { auto: 1.0, suggest: 0.0 }),
        flows,
        macros: macros.unwrap_or_default(),
        required: required
            .map(|node| required_entities(node, vocabulary, faults))
            .unwrap_or_default(),
    }
}

fn tags(node: Option<&Node>, faults: &mut Faults) -> TagSettings {
    let mut tags = TagSettings {
        style: TagStyle::default(),
        prefix: String::new(),
        automatic: vec![AutomaticTags::Intents, AutomaticTags::Flags, AutomaticTags::Polarity],
    };
    let Some(mut fields) = node.and_then(|node| Fields::of(node, faults)) else {
        return tags;
    };
    if let Some(node) = fields.optional("style") {
        tags.style = choice(node, &TagStyle::ALL, TagStyle::as_str, faults).unwrap_or_default();
    }
    if let Some(node) = fields.optional("prefix")
        && let Some(prefix) = node.text(faults)
        && (prefix.is_empty() || line(node, faults).is_some())
    {
        prefix.clone_into(&mut tags.prefix);
    }
    if let Some(list) = fields.optional("automatic").and_then(|node| node.list(faults)) {
        tags.automatic.clear();
        for node in list {
            let kind = choice(node, &AutomaticTags::ALL, AutomaticTags::as_str, faults);
            match kind {
                Some(kind) if tags.automatic.contains(&kind) => {
                    faults.add(node.position, format!("{:?} occurs twice", kind.as_str()));
                }
                Some(kind) => tags.automatic.push(kind),
                None => {}
            }
        }
    }
    fields.finish(faults);
    tags
}

fn views(node: Option<&Node>, vocabulary: &Vocabulary, faults: &mut Faults) -> Vec<String> {
    let Some(list) = node.and_then(|node| node.list(faults)) else {
        return Vec::new();
    };
    let mut views: Vec<String> = Vec::new();
    for node in list {
        let names = vocabulary.views.iter().map(String::as_str);
        let found = position_of(node, "view", names, faults);
        let Some(view) = found.and_then(|index| vocabulary.views.get(index)) else { continue };
        if views.contains(view) {
            faults.add(node.position, format!("{view:?} occurs twice"));
        } else {
            views.push(view.clone());
        }
    }
    views
}

/// Reads the entries of a map whose keys are names.
fn named_entries<'a>(node: &'a Node, faults: &mut Faults) -> &'a [Entry] {
    let entries = node.entries(faults).unwrap_or_default();
    for Entry { key, .. } in entries {
        if !is_name(&key.text) {
            let message =
                format!("{} is no name: small letters, digits and hyphens", quoted(&key.text));
            faults.add(key.position, message);
        }
    }
    entries
}

fn queues(node: &Node, faults: &mut Faults) -> Vec<Queue> {
    // Named as the helpdesk names them, so any text will do.
    let entries = node.entries(faults).unwrap_or_default();
    for Entry { key, .. } in entries {
        line_of(&key.text, key.position, faults);
    }
    if entries.is_empty() {
        faults.add(node.position, "at least one queue is needed");
    }
    let names = entries.iter().map(|entry| entry.key.text.as_str());
    let mut queues = Vec::new();
    for Entry { key, value } in entries {
        let mut queue =
            Queue { name: key.text.clone(), skills: Vec::new(), alternatives: Vec::new() };
        if let Some(mut fields) = Fields::of(value, faults) {
            if let Some(description) = fields.optional("description") {
                line(description, faults);
            }
            queue.skills = lines(fields.optional("skills"), faults);
            let alternatives = fields.optional("alternatives");
            for node in alternatives.and_then(|node| node.list(faults)).unwrap_or_default() {
                let Some(position) = position_of(node, "queue", names.clone(), faults) else {
                    continue;
                };
                let name = names.clone().nth(position).unwrap_or_default();
                if name == key.text {
                    faults.add(node.position, "a queue is no alternative to itself");
                }
                queue.alternatives.push(name.to_owned());
            }
            fields.finish(faults);
        }
        queues.push(queue);
    }
    queues
}

fn levels(node: &Node, faults: &mut Faults) -> Option<[i32; 3]> {
    let mut fields = Fields::of(node, faults)?;
    let levels = fields.required("levels", faults);
    fields.finish(faults);
    let mut fields = Fields::of(levels?, faults)?;
    let mut score = |name| {
        let node = fields.required(name, faults)?;
        Some((points(node, faults)?, node.position))
    };
    let (p1, p2, p3) = (score("P1"), score("P2"), score("P3"));
    fields.finish(faults);
    let ((p1, _), (p2, at_p2), (p3, at_p3)) = (p1?, p2?, p3?);
    if p1 <= p2 {
        faults.add(at_p2, "P2 must need a lower score than P1");
    }
    if p2 <= p3 {
        faults.add(at_p3, "P3 must need a lower score than P2");
    }
    Some([p1, p2, p3])
}

fn service_levels_of(node: &Node, faults: &mut Faults) -> Vec<ServiceLevelTimes> {
    let mut levels = Vec::new();
    for Entry { key, value } in named_entries(node, faults) {
        let mut level = ServiceLevelTimes { name: key.text.clone(), times: Default::default() };
        if let Some(mut fields) = Fields::of(value, faults) {
            for (priority, times) in Priority::ALL.into_iter().zip(&mut level.times) {
                let read = fields.required(priority.as_str(), faults);
                *times = read.and_then(|node| times_of(node, faults)).unwrap_or_default();
            }
            fields.finish(faults);
        }
        levels.push(level);
    }
    levels
}

fn times_of(node: &Node, faults: &mut Faults) -> Option<Times> {
    let mut fields = Fields::of(node, faults)?;
    let first_response = fields.required("first_response", faults);
    let resolution = fields.required("resolution", faults);
    fields.finish(faults);
    let times = Times {
        first_response: first_response.and_then(|node| duration(node, faults))?,
        resolution: resolution.and_then(|node| duration(node, faults))?,
    };
    if times.resolution < times.first_response {
        faults.add(node.position, "the solution is due before the first response");
    }
    Some(times)
}

/// Reads a duration such as `45s`, `2m`, `4h` or `1d`. A number alone would leave its unit to chance.
fn duration(node: &Node, faults: &mut Faults) -> Option<Duration> {
    const MOST: Duration = Duration::from_secs(366 * 86_400);
    let text = node.text(faults)?;
    let unit = |unit| Some(text.strip_suffix(unit)?.trim_end());
    let parsed = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]
        .into_iter()
        .find_map(|(letter, seconds)| Some((unit(letter)?.parse::<u64>().ok()?, seconds)))
        .and_then(|(number, seconds)| number.checked_mul(seconds))
        .map(Duration::from_secs)
        .filter(|duration| *duration <= MOST);
    if parsed.is_none() {
        let message = format!(
            "{} is no duration, they look like 45s, 2m, 4h or 1d, a year at most",
            quoted(text)
        );
        faults.add(node.position, message);
    }
    parsed
}

fn confidence_of(node: &Node, faults: &mut Faults) -> Option<Thresholds> {
    let mut fields = Fields::of(node, faults)?;
    let auto = fields.required("auto", faults).and_then(|node| probability(node, faults));
    let suggest = fields.required("suggest", faults).and_then(|node| probability(node, faults));
    fields.finish(faults);
    let thresholds = Thresholds { auto: auto?, suggest: suggest? };
    if thresholds.suggest > thresholds.auto {
        faults.add(node.position, "suggest must not be greater than auto");
    }
    Some(thresholds)
}

fn macros(node: &Node, faults: &mut Faults) -> Vec<Macro> {
    let mut macros = Vec::new();
    for Entry { key, value } in named_entries(node, faults) {
        let mut read =
            Macro { name: key.text.clone(), default: String::new(), by_language: BTreeMap::new() };
        if let crate::yaml::Value::Map(_) = value.value {
            macro_ids(value, &mut read, faults);
        } else if let Some(id) = line(value, faults) {
            id.clone_into(&mut read.default);
        }
        macros.push(read);
    }
    macros
}

fn macro_ids(node: &Node, read: &mut Macro, faults: &mut Faults) {
    let mut default = None;
    for Entry { key, value } in node.entries(faults).unwrap_or_default() {
        let Some(text) = line(value, faults) else { continue };
        if key.text == "default" {
            default = Some((text, value.position));
        } else if is_language(&key.text) {
            read.by_language.insert(key.text.clone(), text.to_owned());
        } else {
            let message = format!(
                "{} is no language, they are two or three small letters; or default",
                quoted(&key.text)
            );
            faults.add(key.position, message);
        }
    }
    let Some((language, position)) = default else {
        faults.add(node.position, "field \"default\" is missing: the language to fall back to");
        return;
    };
    match read.by_language.get(language) {
        Some(id) => read.default.clone_from(id),
        None => {
            let hint = did_you_mean(language, read.by_language.keys().map(String::as_str));
            let message = format!("there is no macro for the language {}{hint}", quoted(language));
            faults.add(position, message);
        }
    }
}

fn required_entities(
    node: &Node,
    vocabulary: &Vocabulary,
    faults: &mut Faults,
) -> Vec<RequiredEntities> {
    let mut required = Vec::new();
    for Entry { key, value } in node.entries(faults).unwrap_or_default() {
        if !vocabulary.intents.contains(&key.text) {
            let hint = did_you_mean(&key.text, vocabulary.intents.iter().map(String::as_str));
            faults.add(key.position, format!("unknown intent {}{hint}", quoted(&key.text)));
        }
        let list = value.list(faults).unwrap_or_default();
        let groups = list.iter().filter_map(|node| group(node, faults)).collect();
        required.push(RequiredEntities { intent: key.text.clone(), groups });
    }
    required
}

/// Reads types of entities of which one will do, such as `order_number|tracking_number`.
fn group(node: &Node, faults: &mut Faults) -> Option<Vec<EntityType>> {
    let text = node.text(faults)?;
    let mut group = Vec::new();
    for part in text.split('|').map(str::trim) {
        match EntityType::ALL.into_iter().find(|known| known.as_str() == part) {
            Some(known) if group.contains(&known) => {
                faults.add(node.position, format!("{part:?} occurs twice"));
            }
            Some(known) => group.push(known),
            None => {
                let hint = did_you_mean(part, entity_types());
                faults.add(node.position, format!("unknown entity type {}{hint}", quoted(part)));
            }
        }
    }
    Some(group)
}
