//! What a model would predict, as a scenario says it.

use super::super::facts::{Facts, Mood, MoodTrend};
use super::super::reading::{choice, position_of, probability};
use super::super::variables::{ABSTAIN_REASONS, is_language};
use super::super::vocabulary::{Vocabulary, entity_types};
use super::groups_of;
use crate::labels::group_of;
use crate::yaml::{Entry, Faults, Fields, Node, Value, quoted};

/// Probability of a flag that a scenario says is set.
const SET: f64 = 0.9;

/// What a model would predict. Whatever is left out is as if the model saw nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// Intents that are present with their probabilities, the primary one first.
    pub intents: Vec<(String, f64)>,
    /// Step of the polarity scale and score in [-1, 1]; `None` for a model without polarity.
    pub polarity: Option<(String, f64)>,
    /// Flags that are set.
    pub flags: Vec<String>,
    /// Language; `None` leaves it to the text.
    pub language: Option<String>,
    /// Types of entities that are found; `None` leaves it to the text.
    pub entities: Option<Vec<&'static str>>,
    /// Group that is sure while no intent is; empty for none.
    pub group_fallback: String,
    /// Why the model declines to decide; empty when it decides.
    pub abstain: &'static str,
    /// How the mood went over the conversation.
    pub trend: MoodTrend,
    /// By how much.
    pub change: Option<f64>,
}

pub(super) fn read(node: &Node, vocabulary: &Vocabulary, faults: &mut Faults) -> Option<Sketch> {
    let mut fields = Fields::of(node, faults)?;
    let intents = fields.optional("intents").map(|node| intents(node, vocabulary, faults));
    let polarity = fields.optional("polarity").and_then(|node| polarity(node, vocabulary, faults));
    let flags = fields.optional("flags").map(|node| {
        let names = vocabulary.flags.iter().map(String::as_str);
        named(node, "flag", &names, faults).into_iter().map(str::to_owned).collect()
    });
    let language = fields.optional("language").and_then(|node| language(node, faults));
    let entities = fields
        .optional("entities")
        .map(|node| named(node, "entity type", &entity_types().into_iter(), faults));
    let abstain = fields
        .optional("abstain")
        .and_then(|node| choice(node, &ABSTAIN_REASONS, |reason| reason, faults));
    let group_fallback = fields.optional("group_fallback").and_then(|node| {
        let groups = vocabulary.groups().iter().map(String::as_str);
        let position = position_of(node, "group", groups, faults)?;
        vocabulary.groups().get(position).cloned()
    });
    let trends = [MoodTrend::Unknown, MoodTrend::Falling, MoodTrend::Steady, MoodTrend::Rising];
    let trend =
        fields.optional("trend").and_then(|node| choice(node, &trends, MoodTrend::as_str, faults));
    let change = fields.optional("change").and_then(|node| between(node, -2.0, 2.0, faults));
    fields.finish(faults);
    Some(Sketch {
        intents: intents.unwrap_or_default(),
        polarity,
        flags: flags.unwrap_or_default(),
        language,
        entities,
        group_fallback: group_fallback.unwrap_or_default(),
        abstain: abstain.unwrap_or_default(),
        trend: trend.unwrap_or_default(),
        change,
    })
}

fn intents(node: &Node, vocabulary: &Vocabulary, faults: &mut Faults) -> Vec<(String, f64)> {
    let mut intents = Vec::new();
    for Entry { key, value } in node.entries(faults).unwrap_or_default() {
        let names = vocabulary.intents.iter().map(String::as_str);
        let key = Node { position: key.position, value: Value::Text(key.text.clone()) };
        let known = position_of(&key, "intent", names, faults);
        let intent = known.and_then(|index| vocabulary.intents.get(index));
        if let (Some(intent), Some(number)) = (intent, probability(value, faults)) {
            intents.push((intent.clone(), number));
        }
    }
    intents
}

fn named<'n>(
    node: &Node,
    kind: &str,
    names: &(impl Iterator<Item = &'n str> + Clone),
    faults: &mut Faults,
) -> Vec<&'n str> {
    let mut found = Vec::new();
    for node in node.list(faults).unwrap_or_default() {
        let position = position_of(node, kind, names.clone(), faults);
        let Some(name) = position.and_then(|index| names.clone().nth(index)) else { continue };
        if found.contains(&name) {
            faults.add(node.position, format!("{} occurs twice", quoted(name)));
        } else {
            found.push(name);
        }
    }
    found
}

fn language(node: &Node, faults: &mut Faults) -> Option<String> {
    let text = node.text(faults)?;
    if is_language(text) {
        return Some(text.to_owned());
    }
    let message = format!("{} is no language, they are two or three small letters", quoted(text));
    faults.add(node.position, message);
    None
}

fn between(node: &Node, least: f64, most: f64, faults: &mut Faults) -> Option<f64> {
    let number = node.number(faults)?;
    if (least..=most).contains(&number) {
        return Some(number);
    }
    faults.add(node.position, format!("{number} does not lie between {least} and {most}"));
    None
}

/// Reads a step of the scale, or a score, which gives the nearest step.
fn polarity(node: &Node, vocabulary: &Vocabulary, faults: &mut Faults) -> Option<(String, f64)> {
    let steps = &vocabulary.polarity;
    #[expect(clippy::cast_precision_loss, reason = "a scale has a handful of steps")]
    let place = |index: usize| {
        let last = steps.len().saturating_sub(1).max(1);
        -1.0 + 2.0 * index as f64 / last as f64
    };
    if matches!(node.value, Value::Text(_)) {
        let names = steps.iter().map(String::as_str);
        let index = position_of(node, "polarity", names, faults)?;
        return Some((steps.get(index)?.clone(), place(index)));
    }
    let score = between(node, -1.0, 1.0, faults)?;
    let distance = |index: usize| (place(index) - score).abs();
    let nearest = (0..steps.len()).min_by(|a, b| distance(*a).total_cmp(&distance(*b)))?;
    Some((steps.get(nearest)?.clone(), score))
}

impl Sketch {
    /// Adds to facts what the model would say.
    pub(super) fn draw<'a>(&'a self, facts: &mut Facts<'a>) {
        if let Some((primary, probability)) = self.intents.first() {
            facts.primary = primary;
            facts.primary_group = group_of(primary);
            facts.primary_probability = *probability;
        }
        facts.intents = self.intents.iter().map(|(intent, _)| intent.as_str()).collect();
        if !self.abstain.is_empty() {
            // The primary intent does not count as present when the model declines to decide.
            facts.intents =
                self.intents.iter().skip(1).map(|(intent, _)| intent.as_str()).collect();
        }
        facts.groups = groups_of(&facts.intents);
        if !self.group_fallback.is_empty() {
            facts.group_fallback = &self.group_fallback;
            if !facts.groups.contains(&facts.group_fallback) {
                facts.groups.push(&self.group_fallback);
            }
        }
        facts.probabilities =
            self.intents.iter().map(|(intent, number)| (intent.as_str(), *number)).collect();
        facts.flags = self.flags.iter().map(String::as_str).collect();
        facts.flag_probabilities = self.flags.iter().map(|flag| (flag.as_str(), SET)).collect();
        if let Some((label, score)) = &self.polarity {
            facts.mood = Mood { label, score: *score, mixed: false };
        }
        if let Some(language) = &self.language {
            facts.language = language;
        }
        if let Some(entities) = &self.entities {
            facts.entities = entities.clone();
        }
        facts.abstain_reason = self.abstain;
        if self.abstain == "unsupported_language" {
            facts.language_supported = false;
        }
    }
}
