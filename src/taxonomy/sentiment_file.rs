//! Reads how a view puts polarity and flags.

use std::collections::{BTreeSet, HashSet};

use super::LabelEntry;
use super::file::{distinct_lines, line};
use super::number_file::numbers;
use super::view::{Choice, Number, Rule, Sentiment};
use super::view_file::bands;
use crate::labels::POLARITY_STEPS;
use crate::yaml::{Entry, Faults, Fields, Node, Position, Value, quoted};

/// Rules of a view at most; each is compared with each.
const MAX_RULES: usize = 100;

/// Ways to choose a sentiment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    FirstRule,
    EveryRule,
    Highest,
    Band,
    None,
}

impl Way {
    const ALL: [Self; 5] =
        [Self::FirstRule, Self::EveryRule, Self::Highest, Self::Band, Self::None];

    fn as_str(self) -> &'static str {
        match self {
            Self::FirstRule => "first_rule",
            Self::EveryRule => "every_rule",
            Self::Highest => "highest",
            Self::Band => "band",
            Self::None => "none",
        }
    }

    fn by_rules(self) -> bool {
        matches!(self, Self::FirstRule | Self::EveryRule)
    }
}

/// Whether a field goes with a way to choose.
#[derive(Clone, Copy)]
enum Need {
    Required,
    Optional,
    Absent,
}

impl Need {
    fn required_if(required: bool) -> Self {
        if required { Self::Required } else { Self::Absent }
    }
}

/// The fields of a sentiment, as far as they are there.
struct Given<'a> {
    labels: Option<&'a Entry>,
    rules: Option<&'a Entry>,
    number: Option<&'a Entry>,
    bands: Option<&'a Entry>,
    numbers: Option<&'a Entry>,
}

/// Labels that are known, each with its place, and whether anything gives it.
struct Labels<'a> {
    list: Vec<(&'a str, &'a Node)>,
    given: HashSet<usize>,
    /// Something gives a label that is not there, perhaps instead of one that is.
    is_confused: bool,
}

impl Labels<'_> {
    /// Finds a label and notes that it is given; reports one that is not there.
    fn give(&mut self, label: &str, position: Position, faults: &mut Faults) -> Option<usize> {
        let index = self.list.iter().position(|(known, _)| *known == label);
        if let Some(index) = index {
            self.given.insert(index);
        } else {
            self.is_confused = true;
            let message = format!("{} is not among the labels of this view", quoted(label));
            let known = self.list.iter().map(|(known, _)| *known);
            faults.add_unknown(position, message, label, known);
        }
        index
    }
}

/// Reads the section `sentiment` of a view; rules may name `flags`.
pub(super) fn sentiment(
    node: &Node,
    flags: &[LabelEntry],
    faults: &mut Faults,
) -> Option<Sentiment> {
    let mut fields = Fields::of(node, faults)?;
    let way = fields.required("choose", faults).and_then(|node| way(node, faults));
    let given = Given {
        labels: fields.entry("labels"),
        rules: fields.entry("rules"),
        number: fields.entry("number"),
        bands: fields.entry("bands"),
        numbers: fields.entry("numbers"),
    };
    let position = fields.position();
    fields.finish(faults);
    let way = way?;
    check_fields(way, &given, position, faults);
    let labels = given.labels.map(|entry| distinct_lines(&entry.value, faults));
    let list = labels.unwrap_or_default();
    let mut labels = Labels { list, given: HashSet::new(), is_confused: false };
    let numbers = given.numbers.map(|entry| numbers(&entry.value, faults)).unwrap_or_default();
    let choice = match way {
        Way::FirstRule => {
            let rules = rules(given.rules, flags, &mut labels, faults);
            check_order(&rules, given.rules, faults);
            Choice::FirstRule(rules.into_iter().map(|(rule, _)| rule).collect())
        }
        Way::EveryRule => {
            let rules = rules(given.rules, flags, &mut labels, faults);
            Choice::EveryRule(rules.into_iter().map(|(rule, _)| rule).collect())
        }
        Way::Highest => Choice::Highest(highest(&mut labels, &numbers, faults)),
        Way::Band => band(&given, &mut labels, &numbers, faults),
        Way::None => Choice::None,
    };
    for (index, (label, node)) in labels.list.iter().enumerate() {
        if way != Way::None && !labels.is_confused && !labels.given.contains(&index) {
            faults.add(node.position, format!("nothing gives the label {}", quoted(label)));
        }
    }
    let labels = labels.list.iter().map(|(label, _)| (*label).to_owned()).collect();
    Some(Sentiment { labels, numbers, choice })
}

fn way(node: &Node, faults: &mut Faults) -> Option<Way> {
    let text = node.text(faults)?;
    let way = Way::ALL.into_iter().find(|way| way.as_str() == text);
    if way.is_none() {
        let all = Way::ALL.map(Way::as_str);
        let message = format!("expected one of {}, found {}", all.join(", "), quoted(text));
        faults.add_unknown(node.position, message, text, all);
    }
    way
}

fn check_fields(way: Way, given: &Given<'_>, position: Position, faults: &mut Faults) {
    let banded = Need::required_if(way == Way::Band);
    let numbers = if way.by_rules() { Need::Optional } else { Need::Required };
    let fields = [
        ("labels", given.labels, Need::required_if(way != Way::None)),
        ("rules", given.rules, Need::required_if(way.by_rules())),
        ("number", given.number, banded),
        ("bands", given.bands, banded),
        ("numbers", given.numbers, numbers),
    ];
    for (name, entry, need) in fields {
        match (entry, need) {
            (None, Need::Required) => {
                faults.add(position, format!("field {name:?} is missing for {}", way.as_str()));
            }
            (Some(entry), Need::Absent) => {
                let message = format!("field {name:?} does not go with {}", way.as_str());
                faults.add(entry.key.position, message);
            }
            (Some(_), Need::Required | Need::Optional) | (None, Need::Optional | Need::Absent) => {}
        }
    }
}

fn rules<'a>(
    entry: Option<&'a Entry>,
    flags: &[LabelEntry],
    labels: &mut Labels<'_>,
    faults: &mut Faults,
) -> Vec<(Rule, &'a Node)> {
    let Some(node) = entry.map(|entry| &entry.value) else { return vec![] };
    let list = node.list(faults).unwrap_or_default();
    if list.len() > MAX_RULES {
        faults.add(node.position, format!("expected at most {MAX_RULES}, found {}", list.len()));
    }
    list.iter()
        .take(MAX_RULES)
        .filter_map(|node| Some((rule(node, flags, labels, faults)?, node)))
        .collect()
}

fn rule(
    node: &Node,
    known_flags: &[LabelEntry],
    labels: &mut Labels<'_>,
    faults: &mut Faults,
) -> Option<Rule> {
    let mut fields = Fields::of(node, faults)?;
    let when = fields.required("when", faults);
    let label = fields.required("label", faults);
    fields.finish(faults);
    let label = label.and_then(|node| labels.give(line(node, faults)?, node.position, faults));
    let when = when?;
    let mut conditions = Fields::of(when, faults)?;
    let flags = conditions.optional("flags");
    let polarity = conditions.optional("polarity");
    conditions.finish(faults);
    if flags.is_none() && polarity.is_none() {
        faults.add(when.position, "expected a condition: flags, polarity or both");
        return None;
    }
    let flags = flags.map(|node| {
        let names = || known_flags.iter().map(LabelEntry::name);
        let flags = known(node, "flag", names, faults);
        flags.into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    });
    let polarity = polarity.map(|node| {
        let steps = known(node, "step of polarity", || POLARITY_STEPS.into_iter(), faults);
        POLARITY_STEPS.map(|step| steps.contains(&step))
    });
    // A label that is unknown has been reported; the rule still counts for what is covered.
    Some(Rule { flags, polarity, label: label.unwrap_or_default() })
}

/// Reads a list of names that must be known.
fn known<'a, 'k, I: Iterator<Item = &'k str>>(
    node: &'a Node,
    what: &str,
    names: impl Fn() -> I,
    faults: &mut Faults,
) -> Vec<&'a str> {
    let lines = distinct_lines(node, faults);
    for (text, node) in &lines {
        if !names().any(|name| name == *text) {
            let message = format!("unknown {what} {}", quoted(text));
            faults.add_unknown(node.position, message, text, names());
        }
    }
    lines.into_iter().map(|(text, _)| text).collect()
}

/// The first rule that holds decides: every step must meet one, and every rule must be met by something.
fn check_order(rules: &[(Rule, &Node)], entry: Option<&Entry>, faults: &mut Faults) {
    let Some(Entry { key, value: Node { value: Value::List(list), .. } }) = entry else { return };
    if rules.len() < list.len() {
        // What the rules with faults were meant to cover is not known.
        return;
    }
    for (index, (rule, node)) in rules.iter().enumerate() {
        let holds_before = |step: usize| {
            let mut earlier = rules.iter().take(index);
            earlier.any(|(earlier, _)| earlier.allows(step) && earlier.holds_for_flags_of(rule))
        };
        // After the last step comes a message without polarity.
        let mut steps = (0..=POLARITY_STEPS.len()).filter(|step| rule.allows(*step)).peekable();
        if steps.peek().is_some() && steps.all(holds_before) {
            faults.add(node.position, "earlier rules hold whenever this one does");
        }
    }
    let always =
        |step: usize| rules.iter().any(|(rule, _)| rule.flags.is_none() && rule.allows(step));
    let steps = POLARITY_STEPS.iter().enumerate();
    let uncovered: Vec<_> =
        steps.filter(|(index, _)| !always(*index)).map(|(_, step)| *step).collect();
    if !uncovered.is_empty() {
        let message = format!("no rule holds for {} without a flag", uncovered.join(", "));
        faults.add(key.position, message);
    }
}

impl Rule {
    /// Tells whether a step will do; past the last one, whether a message without polarity will.
    fn allows(&self, step: usize) -> bool {
        self.polarity.is_none_or(|steps| steps.get(step).copied().unwrap_or(false))
    }

    /// Tells whether the flags of this rule are met whenever those of the other are.
    fn holds_for_flags_of(&self, other: &Self) -> bool {
        match (&self.flags, &other.flags) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(other)) => other.is_subset(own),
        }
    }
}

/// Finds for each label the number of its name.
fn highest(labels: &mut Labels<'_>, numbers: &[Number], faults: &mut Faults) -> Vec<usize> {
    let mut positions = Vec::with_capacity(labels.list.len());
    for (index, (label, node)) in labels.list.iter().enumerate() {
        // Which label is greatest depends on the message, so each counts as given.
        labels.given.insert(index);
        match numbers.iter().position(|number| number.name == *label) {
            Some(position) => positions.push(position),
            None => {
                let names = numbers.iter().map(|number| number.name.as_str());
                let message = format!("no number is named {}", quoted(label));
                faults.add_unknown(node.position, message, label, names);
            }
        }
    }
    positions
}

fn band(
    given: &Given<'_>,
    labels: &mut Labels<'_>,
    numbers: &[Number],
    faults: &mut Faults,
) -> Choice {
    let number = given.number.and_then(|entry| {
        let name = entry.value.text(faults)?;
        let position = numbers.iter().position(|number| number.name == name);
        if position.is_none() {
            let names = numbers.iter().map(|number| number.name.as_str());
            let message = format!("no number is named {}", quoted(name));
            faults.add_unknown(entry.value.position, message, name, names);
        }
        position
    });
    let decides = number.and_then(|index| numbers.get(index));
    let range = decides.map(|number| (number.minimum, number.maximum));
    let range = range.filter(|(minimum, _)| minimum.is_finite());
    let bands = given.bands.map(|entry| bands(&entry.value, range, faults)).unwrap_or_default();
    for (band, position) in &bands {
        labels.give(&band.label, *position, faults);
    }
    let bands = bands.into_iter().map(|(band, _)| band).collect();
    Choice::Band { number: number.unwrap_or_default(), bands }
}
