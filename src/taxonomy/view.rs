//! The result for a message in the words of another product.

use std::collections::{BTreeSet, HashMap};

use crate::labels::POLARITY_STEPS;

/// Probabilities are rounded to this many parts before they are compared with a limit: 0.8 as `f32` is not 0.8 as `f64`.
const PROBABILITY_SCALE: f64 = 1e6;

/// What was found in a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// Intents that are present with their probabilities, the primary one first.
    pub intents: &'a [(&'a str, f32)],
    /// Probability of the primary intent, in [0, 1]; 0 when there is none.
    pub primary_probability: f32,
    /// Step of polarity, and the probabilities of the five steps, lowest first. `None` when the model tells none.
    pub polarity: Option<(&'a str, &'a [f32])>,
    /// Flags that are set.
    pub flags: &'a [&'a str],
    /// Confidence in the language, in [0, 1].
    pub language_confidence: f32,
}

/// A message in the words of another product.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewResult {
    /// Name of the view.
    pub view: String,
    /// Intents of the product, the primary one first, none twice. Empty when the product has no list of intents.
    pub intents: Vec<String>,
    /// Sentiments of the product; most products give one.
    pub sentiments: Vec<String>,
    /// Numbers by name. Empty when the model tells no polarity.
    pub numbers: Vec<(String, f64)>,
    /// How the product words the confidence in the primary intent. `None` when it does not.
    pub confidence: Option<String>,
    /// How it words the confidence in the step of polarity. `None` when it does not or there is none.
    pub sentiment_confidence: Option<String>,
    /// How it words the confidence in the language. `None` when it does not.
    pub language_confidence: Option<String>,
}

/// How another product would put the same result.
#[derive(Debug)]
pub struct View {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) source: String,
    pub(super) intents: Option<IntentMapping>,
    pub(super) sentiment: Option<Sentiment>,
    pub(super) confidence: Vec<Band>,
}

/// Intents of this service → intents of the product.
#[derive(Debug, Default)]
pub(super) struct IntentMapping {
    pub(super) labels: Vec<String>,
    /// Intent → position in `labels`.
    pub(super) map: HashMap<String, usize>,
    /// Labels that nothing maps to, each with the reason.
    pub(super) unreachable: Vec<(String, String)>,
}

/// Sentiments and numbers of the product.
#[derive(Debug)]
pub(super) struct Sentiment {
    pub(super) labels: Vec<String>,
    pub(super) numbers: Vec<Number>,
    pub(super) choice: Choice,
}

/// How a sentiment is chosen. Positions refer to the labels and numbers of the [`Sentiment`].
#[derive(Debug)]
pub(super) enum Choice {
    FirstRule(Vec<Rule>),
    EveryRule(Vec<Rule>),
    /// For each label the position of its number.
    Highest(Vec<usize>),
    Band {
        number: usize,
        bands: Vec<Band>,
    },
    None,
}

/// Conditions that must all hold, and the label that follows.
#[derive(Debug)]
pub(super) struct Rule {
    /// Any of these is set; `None`: does not matter.
    pub(super) flags: Option<BTreeSet<String>>,
    /// For each step whether it will do; `None`: does not matter.
    pub(super) polarity: Option<[bool; POLARITY_STEPS.len()]>,
    /// Position of the label.
    pub(super) label: usize,
}

/// A number of the product.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) name: String,
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    /// 10 to the power of the decimals that are kept.
    pub(super) scale: f64,
    /// For each step of polarity.
    pub(super) weights: [f64; POLARITY_STEPS.len()],
    pub(super) overlap: f64,
}

/// A range of values, from `at_least` to the band before.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) at_least: f64,
    pub(super) label: String,
}

impl View {
    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what the view gives.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns the documentation it follows; empty when the file names none.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns every intent of the product; empty when it has no fixed list.
    pub fn intent_labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.intents.as_ref().map_or(&[][..], |intents| &intents.labels).iter().map(String::as_str)
    }

    /// Returns the intents of the product that nothing maps to, each with the reason.
    pub fn unreachable_intents(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let unreachable = self.intents.as_ref().map_or(&[][..], |intents| &intents.unreachable);
        unreachable.iter().map(|(label, reason)| (label.as_str(), reason.as_str()))
    }

    /// Returns every sentiment of the product; empty when it has none or gives numbers only.
    pub fn sentiment_labels(&self) -> impl ExactSizeIterator<Item = &str> {
        let labels = self.sentiment.as_ref().map_or(&[][..], |sentiment| &sentiment.labels);
        labels.iter().map(String::as_str)
    }

    /// Returns the numbers of the view, each with the smallest and largest value.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = (&str, f64, f64)> {
        let numbers = self.sentiment.as_ref().map_or(&[][..], |sentiment| &sentiment.numbers);
        numbers.iter().map(|number| (number.name.as_str(), number.minimum, number.maximum))
    }

    /// Puts what was found into the words of the product.
    ///
    /// Intents that the view does not know are left out. Without polarity there are no numbers, and no sentiment except
    /// from rules on flags alone.
    #[must_use]
    pub fn apply(&self, seen: &Seen<'_>) -> ViewResult {
        let mut result = ViewResult { view: self.name.clone(), ..ViewResult::default() };
        if let Some(mapping) = &self.intents {
            result.intents = mapping.apply(seen.intents);
        }
        if let Some(sentiment) = &self.sentiment {
            sentiment.apply(seen, &mut result);
        }
        let band = |probability: f32| band_of(&self.confidence, round_probability(probability));
        result.confidence = band(seen.primary_probability);
        result.language_confidence = band(seen.language_confidence);
        result.sentiment_confidence = seen.polarity.and_then(|(step, probabilities)| {
            band(step_index(step).and_then(|index| probabilities.get(index)).copied()?)
        });
        result
    }
}

impl IntentMapping {
    fn apply(&self, intents: &[(&str, f32)]) -> Vec<String> {
        let mut mapped: Vec<String> = Vec::new();
        let labels = intents.iter().filter_map(|(name, _)| self.labels.get(*self.map.get(*name)?));
        for label in labels {
            if !mapped.contains(label) {
                mapped.push(label.clone());
            }
        }
        mapped
    }
}

impl Sentiment {
    fn apply(&self, seen: &Seen<'_>, result: &mut ViewResult) {
        let step = seen.polarity.and_then(|(step, _)| step_index(step));
        let values: Vec<f64> = match seen.polarity {
            Some((_, probabilities)) => {
                self.numbers.iter().map(|number| number.value(probabilities)).collect()
            }
            None => vec![],
        };
        let label = |index: usize| self.labels.get(index).cloned();
        result.sentiments = match &self.choice {
            Choice::FirstRule(rules) => {
                let first = rules.iter().find(|rule| rule.holds(seen.flags, step));
                first.and_then(|rule| label(rule.label)).into_iter().collect()
            }
            Choice::EveryRule(rules) => {
                let mut labels: Vec<String> = Vec::new();
                for rule in rules.iter().filter(|rule| rule.holds(seen.flags, step)) {
                    labels.extend(label(rule.label).filter(|label| !labels.contains(label)));
                }
                labels
            }
            Choice::Highest(numbers) => {
                highest(numbers, &values).and_then(label).into_iter().collect()
            }
            Choice::Band { number, bands } => {
                values.get(*number).and_then(|value| band_of(bands, *value)).into_iter().collect()
            }
            Choice::None => vec![],
        };
        let names = self.numbers.iter().map(|number| number.name.clone());
        result.numbers = names.zip(values).collect();
    }
}

impl Rule {
    fn holds(&self, flags: &[&str], step: Option<usize>) -> bool {
        let flagged =
            self.flags.as_ref().is_none_or(|any| flags.iter().any(|flag| any.contains(*flag)));
        let felt = self
            .polarity
            .is_none_or(|steps| step.and_then(|index| steps.get(index).copied()).unwrap_or(false));
        flagged && felt
    }
}

impl Number {
    /// Returns the number for the probabilities of the five steps: within its bounds, rounded half away from zero.
    fn value(&self, probabilities: &[f32]) -> f64 {
        let weighted = |weights: &[f64]| -> f64 {
            weights.iter().zip(probabilities).map(|(weight, p)| weight * f64::from(*p)).sum()
        };
        let overlap = weighted(&[1.0, 1.0]).min(weighted(&[0.0, 0.0, 0.0, 1.0, 1.0]));
        let sum = weighted(&self.weights) + self.overlap * overlap;
        // Scoring gives finite probabilities; whatever else comes must not leave the bounds.
        let sum = if sum.is_nan() { self.minimum } else { sum };
        round(sum.clamp(self.minimum, self.maximum), self.scale)
    }
}

/// Rounds half away from zero; never gives a negative zero.
pub(super) fn round(value: f64, scale: f64) -> f64 {
    (value * scale).round() / scale + 0.0
}

fn round_probability(probability: f32) -> f64 {
    round(f64::from(probability), PROBABILITY_SCALE)
}

/// Returns the position of the label whose number is greatest, the earlier on a tie.
fn highest(numbers: &[usize], values: &[f64]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (label, number) in numbers.iter().enumerate() {
        let Some(value) = values.get(*number) else { continue };
        if best.is_none_or(|(_, greatest)| *value > greatest) {
            best = Some((label, *value));
        }
    }
    best.map(|(label, _)| label)
}

/// Returns the label of the first band that the value reaches; the last one takes what is below all, or not a number.
fn band_of(bands: &[Band], value: f64) -> Option<String> {
    let band = bands.iter().find(|band| value >= band.at_least).or(bands.last())?;
    Some(band.label.clone())
}

pub(super) fn step_index(step: &str) -> Option<usize> {
    POLARITY_STEPS.iter().position(|known| *known == step)
}

#[cfg(test)]
mod tests;
