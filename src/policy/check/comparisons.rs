//! Comparisons and membership, and whether the values that they name exist.

use super::super::condition::{Condition, List, Number, Test, Text, Whole};
use super::super::expression::{Comparison, Expression, Kind};
use super::super::variables::{Bounds, Domain};
use super::{Checker, Guards, Typed};
use crate::suggestion::did_you_mean;
use crate::yaml::quoted;

/// Values of a domain that are listed in a message at most.
const MAX_LISTED: usize = 8;

impl Checker<'_> {
    pub(super) fn compare(
        &mut self,
        expression: &Expression,
        operator: Comparison,
        left: &Expression,
        right: &Expression,
    ) -> Option<Typed> {
        let (first, second) = (self.expression(left), self.expression(right));
        match (first?, second?) {
            (Typed::Number(first, bounds), Typed::Number(second, other)) => {
                if let Some(constant) = second.constant() {
                    self.check_reached(operator, bounds, constant, (left, right))?;
                } else if let Some(constant) = first.constant() {
                    self.check_reached(operator.mirrored(), other, constant, (right, left))?;
                }
                Some(self.number_test(expression, operator, first, second))
            }
            (Typed::Text(..), Typed::Text(..)) if operator.orders() => {
                self.fault(expression, "texts have no order, compare them with == and !=")
            }
            (Typed::Text(first, domain), Typed::Text(second, other)) => {
                self.check_texts((&first, domain, left), (&second, other, right))?;
                let equal = operator == Comparison::Equal;
                if let (Text::Constant(first), Text::Constant(second)) = (&first, &second) {
                    let constant = Condition::Constant((first == second) == equal);
                    return Some(Typed::Condition(constant, Guards::default()));
                }
                let test = Test::SameText { equal, left: first, right: second };
                Some(self.term(expression, test, Guards::default()))
            }
            (Typed::Condition(first, _), Typed::Condition(second, _)) if !operator.orders() => {
                let equal = operator == Comparison::Equal;
                let test = Test::SameBoolean { equal, left: first, right: second };
                Some(self.term(expression, test, Guards::default()))
            }
            (Typed::List(..) | Typed::Numbers(_), Typed::List(..) | Typed::Numbers(_)) => {
                self.fault(expression, "lists are not compared as a whole, use in, exists or all")
            }
            (first, second) => {
                let message = format!(
                    "{} does not compare {} with {}",
                    operator.as_str(),
                    first.describe(),
                    second.describe()
                );
                self.fault(expression, message)
            }
        }
    }

    fn number_test(
        &self,
        expression: &Expression,
        operator: Comparison,
        left: Number,
        right: Number,
    ) -> Typed {
        let constant = match (&left, &right) {
            (Number::Whole(Whole::Constant(first)), Number::Whole(Whole::Constant(second))) => {
                Some(operator.holds(first, second))
            }
            (first, second) => first
                .constant()
                .zip(second.constant())
                .map(|(first, second)| operator.holds(&first, &second)),
        };
        match constant {
            Some(holds) => Typed::Condition(Condition::Constant(holds), Guards::default()),
            None => {
                let test = Test::Number { operator, left, right };
                self.term(expression, test, Guards::default())
            }
        }
    }

    pub(super) fn membership(
        &mut self,
        expression: &Expression,
        element: &Expression,
        list: &Expression,
    ) -> Option<Typed> {
        let (first, second) = (self.expression(element), self.expression(list));
        match (first?, second?) {
            (Typed::Text(text, domain), Typed::List(texts, other)) => {
                match (&text, &texts) {
                    (Text::Constant(value), List::Variable(_)) => {
                        self.check_value(value, other, list, element)?;
                    }
                    (_, List::Variable(_)) => self.check_overlap(domain, other, expression)?,
                    (_, List::Literal(elements)) => {
                        self.check_elements(elements, domain, element, list)?;
                    }
                }
                let test = Test::TextIn { element: text, list: texts };
                Some(self.term(expression, test, Guards::default()))
            }
            (Typed::Number(number, bounds), Typed::Numbers(numbers)) => {
                for constant in numbers.iter().filter_map(Number::constant) {
                    let sides = (element, list);
                    self.check_reached(Comparison::Equal, bounds, constant, sides)?;
                }
                let test = Test::NumberIn { element: number, list: numbers };
                Some(self.term(expression, test, Guards::default()))
            }
            (_, Typed::Map(_)) => {
                let map = self.written(list).to_owned();
                self.fault(list, format!("every name is in {map}, compare {map}[…] with a number"))
            }
            (_, Typed::Text(..)) => {
                self.fault(list, "in needs a list, for a part of a text use contains(…)")
            }
            (first, second) => {
                let (first, second) = (first.describe(), second.describe());
                self.fault(expression, format!("in does not look for {first} in {second}"))
            }
        }
    }

    /// Elements of a list that is written out must be values that the other side can take.
    fn check_elements(
        &mut self,
        elements: &[Text],
        domain: Domain,
        of: &Expression,
        list: &Expression,
    ) -> Option<()> {
        let written = if let Kind::List(written) = &list.kind { written.as_slice() } else { &[] };
        let mut complete = Some(());
        for (element, at) in elements.iter().zip(written) {
            if let Text::Constant(value) = element {
                complete = self.check_value(value, domain, of, at).and(complete);
            }
        }
        complete
    }

    fn check_texts(
        &mut self,
        (left, domain, at): (&Text, Domain, &Expression),
        (right, other, at_other): (&Text, Domain, &Expression),
    ) -> Option<()> {
        match (left, right) {
            (Text::Constant(_), Text::Constant(_)) => Some(()),
            (Text::Constant(value), _) => self.check_value(value, other, at_other, at),
            (_, Text::Constant(value)) => self.check_value(value, domain, at, at_other),
            (_, _) => self.check_overlap(domain, other, at),
        }
    }

    /// Reports a text that `of` never is or holds.
    pub(super) fn check_value(
        &mut self,
        value: &str,
        domain: Domain,
        of: &Expression,
        at: &Expression,
    ) -> Option<()> {
        if domain.holds(value, self.vocabulary) {
            return Some(());
        }
        let values = domain.values(self.vocabulary).unwrap_or_default();
        let mut hint = did_you_mean(value, values.iter().copied());
        if hint.is_empty() {
            hint = form_of(domain, &values);
        }
        let of = self.written(of).to_owned();
        self.fault(at, format!("{of} has no value {}{hint}", quoted(value)))
    }

    /// Reports two texts that have no value in common.
    pub(super) fn check_overlap(
        &mut self,
        domain: Domain,
        other: Domain,
        at: &Expression,
    ) -> Option<()> {
        let overlap = match (domain.values(self.vocabulary), other.values(self.vocabulary)) {
            (Some(values), _) => values.iter().any(|value| other.holds(value, self.vocabulary)),
            (None, Some(values)) => values.iter().any(|value| domain.holds(value, self.vocabulary)),
            (None, None) => true,
        };
        if overlap {
            return Some(());
        }
        self.fault(at, "the two sides have no value in common")
    }

    /// Reports a number outside of the range of what it is compared with, or one that the comparison never reaches.
    fn check_reached(
        &mut self,
        operator: Comparison,
        bounds: Bounds,
        constant: f64,
        (of, at): (&Expression, &Expression),
    ) -> Option<()> {
        let never = match operator {
            Comparison::Less => constant <= bounds.least,
            Comparison::Greater => constant >= bounds.most,
            Comparison::LessOrEqual
            | Comparison::GreaterOrEqual
            | Comparison::Equal
            | Comparison::NotEqual => false,
        };
        if bounds.hold(constant) && !never {
            return Some(());
        }
        let range = if bounds.most.is_finite() {
            format!("lies between {} and {}", bounds.least, bounds.most)
        } else {
            format!("is at least {}", bounds.least)
        };
        let of = self.written(of).to_owned();
        let operator = operator.as_str();
        self.fault(at, format!("{of} {range}, {operator} {constant} makes no sense"))
    }
}

/// Says what values look like that were not met.
fn form_of(domain: Domain, values: &[&str]) -> String {
    if domain == Domain::Language {
        return ", a language is two or three small letters, such as \"de\"".to_owned();
    }
    if domain == Domain::Currency {
        return ", a currency is three capital letters, such as \"EUR\"".to_owned();
    }
    if values.len() > MAX_LISTED {
        return String::new();
    }
    let listed: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!(", it knows {}", listed.join(", "))
}
