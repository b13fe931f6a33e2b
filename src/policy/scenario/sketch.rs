//! What a model would predict, as a scenario says it.

use std::collections::BTreeSet;

use super::super::facts::{Mood, MoodTrend, Predicted, PredictedLabel};
use super::super::reading::{choice, position_of, probability};
use super::super::variables::is_language;
use super::super::vocabulary::{Vocabulary, entity_types};
use crate::scoring::AbstainReason;
use crate::yaml::{Entry, Faults, Fields, Node, Value, quoted};

/// Probability of a flag that a scenario says is set.
const SET: f64 = 0.9;
/// Probability of any other flag.
const UNSET: f64 = 0.0;
/// Change of the score where a scenario says only that the mood falls or rises: one step of the scale.
const USUAL_CHANGE: f64 = 0.5;

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
    /// Why the model declines to decide; `None` when it decides.
    pub abstain: Option<AbstainReason>,
    /// How the mood went over the conversation, and by how much; `None` when unknown.
    pub trend: Option<(MoodTrend, f64)>,
    /// Every flag of the vocabulary.
    known_flags: Vec<String>,
    /// Intents and flags of the vocabulary that call for a person.
    person_required: BTreeSet<String>,
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
        .and_then(|node| choice(node, &AbstainReason::ALL, AbstainReason::as_str, faults));
    let fallback_node = fields.optional("group_fallback");
    let group_fallback = fallback_node.and_then(|node| {
        let groups = vocabulary.groups().iter().map(String::as_str);
        let position = position_of(node, "group", groups, faults)?;
        vocabulary.groups().get(position).cloned()
    });
    if let (Some(node), Some(_)) = (fallback_node, abstain) {
        faults.add(node.position, "a model that declines to decide falls back to no group");
    }
    let trend = trend(&mut fields, faults);
    fields.finish(faults);
    Some(Sketch {
        intents: intents.unwrap_or_default(),
        polarity,
        flags: flags.unwrap_or_default(),
        language,
        entities,
        group_fallback: group_fallback.unwrap_or_default(),
        abstain,
        trend,
        known_flags: vocabulary.flags.clone(),
        person_required: vocabulary.all_person_required().clone(),
    })
}

/// Reads how the mood went; a change that is left out is as large as it usually is.
fn trend(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<(MoodTrend, f64)> {
    let trend = fields
        .optional("trend")
        .and_then(|node| choice(node, &MoodTrend::ALL, MoodTrend::as_str, faults));
    let change_node = fields.optional("change");
    let change = change_node.and_then(|node| between(node, -2.0, 2.0, faults));
    let usual = match trend {
        None | Some(MoodTrend::Unknown) => {
            if let Some(node) = change_node {
                faults.add(node.position, "change needs a trend");
            }
            return None;
        }
        Some(MoodTrend::Falling) => -USUAL_CHANGE,
        Some(MoodTrend::Steady) => 0.0,
        Some(MoodTrend::Rising) => USUAL_CHANGE,
    };
    Some((trend?, change.unwrap_or(usual)))
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
    /// Returns what a model would say that predicts this, with the flags of the vocabulary.
    pub(super) fn predicted(&self) -> Predicted<'_> {
        Predicted {
            // The first one is present when the model stands by it.
            intents: self
                .intents
                .iter()
                .enumerate()
                .map(|(rank, (name, probability))| self.label(name, *probability, rank > 0))
                .collect(),
            leading: self.intents.first().map_or(0.0, |(_, probability)| *probability),
            group_fallback: Some(self.group_fallback.as_str()).filter(|group| !group.is_empty()),
            abstention: self.abstain,
            flags: self.known_flags.iter().map(|name| self.flag(name)).collect(),
            mood: self.polarity.as_ref().map(|(label, score)| {
                let mixed = false;
                Mood { label, score: *score, mixed }
            }),
            trend: self.trend,
            earlier_person_required: Vec::new(),
            truncated: false,
        }
    }

    fn flag<'a>(&'a self, name: &'a str) -> PredictedLabel<'a> {
        let set = self.flags.iter().any(|flag| flag == name);
        self.label(name, if set { SET } else { UNSET }, set)
    }

    fn label<'a>(&'a self, name: &'a str, probability: f64, present: bool) -> PredictedLabel<'a> {
        let person_required = self.person_required.contains(name);
        PredictedLabel { name, probability, present, person_required }
    }
}
