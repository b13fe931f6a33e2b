//! What is known about the variables on one way through a condition.

use std::collections::{BTreeMap, BTreeSet};

use super::super::condition::{List, Number, Real, Test, Text, Whole};
use super::super::expression::Comparison;
use super::super::variables::{BooleanVariable, Bounds, ListVariable, TextVariable};
use super::super::vocabulary::Vocabulary;
use super::key;
use crate::labels::group_of;

/// From here on not every whole number is a double, and steps of one would be lost.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What is known about the variables.
#[derive(Clone)]
pub(super) struct State<'c> {
    vocabulary: &'c Vocabulary,
    texts: BTreeMap<String, (Option<TextVariable>, Values)>,
    numbers: BTreeMap<String, Range>,
    /// Terms that are known to hold or not.
    others: BTreeMap<String, bool>,
}

/// The values that a text can have.
#[derive(Clone)]
enum Values {
    OneOf(BTreeSet<String>),
    NoneOf(BTreeSet<String>),
}

/// A range of numbers, some of which may be excluded.
#[derive(Clone)]
struct Range {
    least: f64,
    most: f64,
    least_excluded: bool,
    most_excluded: bool,
    whole: bool,
    excluded: Vec<f64>,
}

impl Range {
    fn within(bounds: Bounds, whole: bool) -> Self {
        Self {
            least: bounds.least,
            most: bounds.most,
            least_excluded: false,
            most_excluded: false,
            whole,
            excluded: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        let is_excluded =
            |number: f64| self.excluded.iter().any(|excluded| excluded.total_cmp(&number).is_eq());
        // Without the sign of zero.
        let mut least = self.least + 0.0;
        if self.whole {
            for _ in 0..self.excluded.len() {
                if is_excluded(least) {
                    least += 1.0;
                }
            }
        }
        least > self.most
            || (self.least_excluded || self.most_excluded || is_excluded(least))
                && least >= self.most
    }

    fn narrow(&mut self, operator: Comparison, number: f64) {
        // Of whole numbers, more than 3 is at least 4.
        let (above, below) = if self.whole {
            ((number.floor() + 1.0, false), (number.ceil() - 1.0, false))
        } else {
            ((number, true), (number, true))
        };
        match operator {
            Comparison::Equal => {
                self.at_least(number, false);
                self.at_most(number, false);
            }
            Comparison::Less => self.at_most(below.0, below.1),
            Comparison::LessOrEqual => self.at_most(number, false),
            Comparison::Greater => self.at_least(above.0, above.1),
            Comparison::GreaterOrEqual => self.at_least(number, false),
            // Without the sign of zero.
            Comparison::NotEqual => self.excluded.push(number + 0.0),
        }
    }

    fn at_least(&mut self, number: f64, excluded: bool) {
        if number > self.least {
            (self.least, self.least_excluded) = (number, excluded);
        } else if number >= self.least {
            self.least_excluded |= excluded;
        }
    }

    fn at_most(&mut self, number: f64, excluded: bool) {
        if number < self.most {
            (self.most, self.most_excluded) = (number, excluded);
        } else if number <= self.most {
            self.most_excluded |= excluded;
        }
    }
}

impl<'c> State<'c> {
    pub(super) fn new(vocabulary: &'c Vocabulary) -> Self {
        let (texts, numbers) = (BTreeMap::new(), BTreeMap::new());
        Self { vocabulary, texts, numbers, others: BTreeMap::new() }
    }

    /// Returns how much is known.
    pub(super) fn len(&self) -> usize {
        self.texts.len() + self.numbers.len() + self.others.len()
    }

    /// Takes note that a test comes out as given; `false` if that contradicts what is known.
    pub(super) fn add(&mut self, test: &Test, holds: bool) -> bool {
        match test {
            Test::SameText { equal, left, right } => match (left, right) {
                (Text::Constant(value), other) | (other, Text::Constant(value)) => {
                    let values = std::iter::once(value.to_string()).collect();
                    self.narrow_text(other, values, *equal == holds)
                }
                (_, _) => self.note(test, holds),
            },
            Test::TextIn { element: Text::Constant(value), list: List::Variable(list) } => {
                self.note_key(member(*list, value), holds)
            }
            Test::TextIn { element, list: List::Literal(elements) } => {
                let values = elements.iter().map(|element| match element {
                    Text::Constant(value) => Some(value.to_string()),
                    Text::Variable(_) | Text::Element | Text::Choice(_) => None,
                });
                match values.collect() {
                    Some(values) => self.narrow_text(element, values, holds),
                    None => self.note(test, holds),
                }
            }
            Test::Number { operator, left, right } => {
                let operator = if holds { *operator } else { operator.negated() };
                match (left.constant(), right.constant()) {
                    (None, Some(number)) => self.narrow_number(left, operator, number),
                    (Some(number), None) => self.narrow_number(right, operator.mirrored(), number),
                    (_, _) => self.note(test, holds),
                }
            }
            Test::Boolean(_)
            | Test::Present(_)
            | Test::SameBoolean { .. }
            | Test::TextIn { .. }
            | Test::NumberIn { .. }
            | Test::Part { .. }
            | Test::Matches { .. }
            | Test::Quantified { .. } => self.note(test, holds),
        }
    }

    fn note(&mut self, test: &Test, holds: bool) -> bool {
        self.note_key(key(test), holds)
    }

    fn note_key(&mut self, key: String, holds: bool) -> bool {
        *self.others.entry(key).or_insert(holds) == holds
    }

    fn narrow_text(&mut self, text: &Text, values: BTreeSet<String>, within: bool) -> bool {
        let variable = match text {
            Text::Variable(variable) => Some(*variable),
            Text::Constant(_) | Text::Element | Text::Choice(_) => None,
        };
        let vocabulary = self.vocabulary;
        let (_, known) = self.texts.entry(format!("{text:?}")).or_insert_with(|| {
            let domain = variable.and_then(|variable| variable.domain().values(vocabulary));
            let known = match domain {
                Some(values) => Values::OneOf(values.into_iter().map(str::to_owned).collect()),
                None => Values::NoneOf(BTreeSet::new()),
            };
            (variable, known)
        });
        match (&mut *known, within) {
            (Values::OneOf(known), true) => known.retain(|value| values.contains(value)),
            (Values::OneOf(known), false) => known.retain(|value| !values.contains(value)),
            (Values::NoneOf(excluded), true) => {
                let left = values.into_iter().filter(|value| !excluded.contains(value)).collect();
                *known = Values::OneOf(left);
            }
            (Values::NoneOf(excluded), false) => excluded.extend(values),
        }
        !matches!(known, Values::OneOf(known) if known.is_empty())
    }

    fn narrow_number(&mut self, number: &Number, operator: Comparison, constant: f64) -> bool {
        let (bounds, whole) = match number {
            Number::Whole(Whole::Variable(variable)) => (variable.bounds(), true),
            Number::Whole(Whole::Elements(_) | Whole::Characters(_)) => (Bounds::COUNT, true),
            Number::Real(Real::Variable(variable)) => (variable.bounds(), false),
            Number::Real(Real::Entry { .. }) => (Bounds::PROBABILITY, false),
            // What is computed may be NaN, for which a comparison and its opposite both fail.
            Number::Real(
                Real::Constant(_) | Real::Negative(_) | Real::Computed { .. } | Real::Choice(_),
            ) => {
                return true;
            }
            Number::Whole(
                Whole::Constant(_) | Whole::Negative(_) | Whole::Computed { .. } | Whole::Choice(_),
            ) => (Bounds::NONE, true),
        };
        if constant.abs() >= EXACT {
            return true;
        }
        let range = self.numbers.entry(format!("{number:?}"));
        let range = range.or_insert_with(|| Range::within(bounds, whole));
        range.narrow(operator, constant);
        !range.is_empty()
    }

    /// Looks at what different variables say about each other.
    pub(super) fn is_possible(&self) -> bool {
        self.groups_fit() && self.abstention_fits() && self.sizes_fit()
    }

    fn values_of(&self, wanted: TextVariable) -> Option<&BTreeSet<String>> {
        self.texts.values().find_map(|(variable, values)| match values {
            Values::OneOf(values) if *variable == Some(wanted) => Some(values),
            Values::OneOf(_) | Values::NoneOf(_) => None,
        })
    }

    /// The group of the primary intent is its own.
    fn groups_fit(&self) -> bool {
        let intents = self.values_of(TextVariable::Primary);
        let groups = self.values_of(TextVariable::PrimaryGroup);
        match (intents, groups) {
            (Some(intents), Some(groups)) => {
                intents.iter().any(|intent| groups.contains(group_of(intent)))
            }
            (_, _) => true,
        }
    }

    /// There is a reason exactly where the model abstains.
    fn abstention_fits(&self) -> bool {
        let abstained = key(&Test::Boolean(BooleanVariable::Abstained));
        let reasons = self.values_of(TextVariable::AbstainReason);
        match (self.others.get(&abstained), reasons) {
            (Some(true), Some(reasons)) => reasons.iter().any(|reason| !reason.is_empty()),
            (Some(false), Some(reasons)) => reasons.contains(""),
            (_, _) => true,
        }
    }

    /// A list with a member is not empty.
    fn sizes_fit(&self) -> bool {
        let lists = [
            ListVariable::Intents,
            ListVariable::Groups,
            ListVariable::Flags,
            ListVariable::Entities,
            ListVariable::MissingEntities,
            ListVariable::CustomerTags,
        ];
        lists.into_iter().all(|list| {
            let size = Number::Whole(Whole::Elements(List::Variable(list)));
            let Some(range) = self.numbers.get(&format!("{size:?}")) else { return true };
            let prefix = member(list, "");
            let prefix = prefix.trim_end_matches("\"\"");
            let members =
                self.others.iter().filter(|(key, held)| **held && key.starts_with(prefix));
            #[expect(
                clippy::cast_precision_loss,
                reason = "a condition names a handful of members"
            )]
            let members = members.count() as f64;
            members <= range.most
        })
    }
}

fn member(list: ListVariable, value: &str) -> String {
    format!("{list:?} holds {value:?}")
}
