//! Whether a condition holds.
//!
//! The rules are those of CEL. Only a whole number can go wrong, by growing too large; as in CEL, `&&` and `||` overlook that
//! where their other parts decide.

use super::condition::{Condition, List, Number, Quantifier, Real, Term, Test, Text, Whole};
use super::expression::Operation;
use super::facts::Scope;

/// A whole number does not fit into 64 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Overflow;

/// Sees each term that is looked at, with what came of it.
pub(super) trait Observer {
    fn saw(&mut self, term: &Term, scope: &Scope<'_>, result: Result<bool, Overflow>);
}

/// Looks away.
pub(super) struct Unobserved;

impl Observer for Unobserved {
    fn saw(&mut self, _: &Term, _: &Scope<'_>, _: Result<bool, Overflow>) {}
}

/// Tells whether a condition holds.
pub(super) fn holds<O: Observer>(
    condition: &Condition,
    scope: &Scope<'_>,
    observer: &mut O,
) -> Result<bool, Overflow> {
    Evaluation { scope, element: "", observer }.condition(condition)
}

/// Returns a number as people read it; `None` if it cannot be computed.
pub(super) fn shown_number(number: &Number, scope: &Scope<'_>) -> Option<String> {
    let mut evaluation = Evaluation { scope, element: "", observer: &mut Unobserved };
    match number {
        Number::Whole(whole) => evaluation.whole(whole).ok().map(|number| number.to_string()),
        Number::Real(real) => evaluation.real(real).ok().map(|number| format!("{number:?}")),
    }
}

/// Returns a text outside of a quantifier; `None` if it cannot be computed.
pub(super) fn shown_text<'a>(text: &'a Text, scope: &Scope<'a>) -> Option<&'a str> {
    Evaluation { scope, element: "", observer: &mut Unobserved }.text(text).ok()
}

struct Evaluation<'e, 'a, O> {
    scope: &'e Scope<'a>,
    /// What a quantifier looks at; empty outside of one.
    element: &'a str,
    observer: &'e mut O,
}

impl<'a, O: Observer> Evaluation<'_, 'a, O> {
    fn condition(&mut self, condition: &'a Condition) -> Result<bool, Overflow> {
        match condition {
            Condition::Constant(value) => Ok(*value),
            Condition::Term(term) => {
                let result = self.test(&term.test);
                self.observer.saw(term, self.scope, result);
                result
            }
            Condition::Not(inner) => self.condition(inner).map(|holds| !holds),
            Condition::All(parts) => self.decide(parts, false),
            Condition::Any(parts) => self.decide(parts, true),
            Condition::Choice(sides) => {
                let (condition, yes, no) = &**sides;
                let side = if self.condition(condition)? { yes } else { no };
                self.condition(side)
            }
        }
    }

    /// Looks for a part that comes out as `deciding`; a part that went wrong counts only if none does.
    fn decide(&mut self, parts: &'a [Condition], deciding: bool) -> Result<bool, Overflow> {
        let mut undecided = Ok(!deciding);
        for part in parts {
            match self.condition(part) {
                Ok(holds) if holds == deciding => return Ok(deciding),
                Ok(_) => {}
                Err(overflow) => undecided = Err(overflow),
            }
        }
        undecided
    }

    fn test(&mut self, test: &'a Test) -> Result<bool, Overflow> {
        match test {
            Test::Boolean(variable) => Ok(self.scope.boolean(*variable)),
            Test::Present(variable) => Ok(self.scope.present(*variable)),
            Test::SameText { equal, left, right } => {
                Ok((self.text(left)? == self.text(right)?) == *equal)
            }
            Test::SameBoolean { equal, left, right } => {
                let (left, right) = (self.unseen(left)?, self.unseen(right)?);
                Ok((left == right) == *equal)
            }
            Test::Number { operator, left, right } => match (left, right) {
                (Number::Whole(left), Number::Whole(right)) => {
                    Ok(operator.holds(&self.whole(left)?, &self.whole(right)?))
                }
                (left, right) => Ok(operator.holds(&self.number(left)?, &self.number(right)?)),
            },
            Test::TextIn { element, list } => {
                let element = self.text(element)?;
                self.any_element(list, |_, candidate| Ok(candidate == element))
            }
            Test::NumberIn { element, list } => self.number_in(element, list),
            Test::Part { kind, text, part } => Ok(kind.holds(self.text(text)?, self.text(part)?)),
            Test::Matches { text, pattern } => Ok(pattern.is_match(self.text(text)?)),
            Test::Quantified { quantifier, list, body } => self.quantified(*quantifier, list, body),
        }
    }

    /// Evaluates a condition inside a term; the term alone is observed.
    fn unseen(&mut self, condition: &'a Condition) -> Result<bool, Overflow> {
        let (scope, element) = (self.scope, self.element);
        Evaluation { scope, element, observer: &mut Unobserved }.condition(condition)
    }

    fn any_element(
        &mut self,
        list: &'a List,
        mut matches: impl FnMut(&mut Self, &'a str) -> Result<bool, Overflow>,
    ) -> Result<bool, Overflow> {
        match list {
            List::Variable(variable) => {
                let scope = self.scope;
                for element in scope.list(*variable) {
                    if matches(self, element)? {
                        return Ok(true);
                    }
                }
            }
            List::Literal(elements) => {
                for element in elements {
                    let element = self.text(element)?;
                    if matches(self, element)? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn number_in(&mut self, element: &'a Number, list: &'a [Number]) -> Result<bool, Overflow> {
        for candidate in list {
            let same = match (element, candidate) {
                (Number::Whole(left), Number::Whole(right)) => {
                    self.whole(left)? == self.whole(right)?
                }
                (left, right) => {
                    let (left, right) = (self.number(left)?, self.number(right)?);
                    left.partial_cmp(&right).is_some_and(std::cmp::Ordering::is_eq)
                }
            };
            if same {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn quantified(
        &mut self,
        quantifier: Quantifier,
        list: &'a List,
        body: &'a Condition,
    ) -> Result<bool, Overflow> {
        let mut went_wrong = None;
        let mut held = 0_usize;
        let decided = self.any_element(list, |evaluation, element| {
            let (scope, observer) = (evaluation.scope, &mut Unobserved);
            match (Evaluation { scope, element, observer }.condition(body), quantifier) {
                (Ok(holds), Quantifier::AtLeastOne) => return Ok(holds),
                (Ok(holds), Quantifier::Every) => return Ok(!holds),
                (Ok(holds), Quantifier::ExactlyOne) => held += usize::from(holds),
                (Err(overflow), Quantifier::AtLeastOne | Quantifier::Every) => {
                    went_wrong = Some(overflow);
                }
                (Err(overflow), Quantifier::ExactlyOne) => return Err(overflow),
            }
            Ok(false)
        })?;
        match (quantifier, decided, went_wrong) {
            (Quantifier::ExactlyOne, _, _) => Ok(held == 1),
            (Quantifier::AtLeastOne | Quantifier::Every, false, Some(overflow)) => Err(overflow),
            (Quantifier::AtLeastOne, decided, _) => Ok(decided),
            (Quantifier::Every, decided, _) => Ok(!decided),
        }
    }

    fn text(&mut self, text: &'a Text) -> Result<&'a str, Overflow> {
        match text {
            Text::Constant(text) => Ok(text),
            Text::Variable(variable) => Ok(self.scope.text(*variable)),
            Text::Element => Ok(self.element),
            Text::Choice(sides) => {
                let (condition, yes, no) = &**sides;
                let side = if self.unseen(condition)? { yes } else { no };
                self.text(side)
            }
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "comparisons with fractions are exact up to 2^53, far beyond any count"
    )]
    fn number(&mut self, number: &'a Number) -> Result<f64, Overflow> {
        match number {
            Number::Whole(whole) => self.whole(whole).map(|number| number as f64),
            Number::Real(real) => self.real(real),
        }
    }

    fn whole(&mut self, whole: &'a Whole) -> Result<i64, Overflow> {
        let count = |number: usize| i64::try_from(number).map_err(|_| Overflow);
        match whole {
            Whole::Constant(number) => Ok(*number),
            Whole::Variable(variable) => Ok(self.scope.whole(*variable)),
            Whole::Elements(List::Variable(variable)) => count(self.scope.list(*variable).len()),
            Whole::Elements(List::Literal(elements)) => count(elements.len()),
            Whole::Characters(text) => count(self.text(text)?.chars().count()),
            Whole::Negative(inner) => self.whole(inner)?.checked_neg().ok_or(Overflow),
            Whole::Computed { operator, sides } => {
                let (left, right) = (self.whole(&sides.0)?, self.whole(&sides.1)?);
                let computed = match operator {
                    Operation::Add => left.checked_add(right),
                    Operation::Subtract => left.checked_sub(right),
                    Operation::Multiply => left.checked_mul(right),
                };
                computed.ok_or(Overflow)
            }
            Whole::Choice(sides) => {
                let (condition, yes, no) = &**sides;
                let side = if self.unseen(condition)? { yes } else { no };
                self.whole(side)
            }
        }
    }

    fn real(&mut self, real: &'a Real) -> Result<f64, Overflow> {
        match real {
            Real::Constant(number) => Ok(*number),
            Real::Variable(variable) => Ok(self.scope.real(*variable)),
            Real::Entry { map, key } => {
                let key = self.text(key)?;
                Ok(self.scope.entry(*map, key))
            }
            Real::Negative(inner) => self.real(inner).map(|number| -number),
            Real::Computed { operator, sides } => {
                let (left, right) = (self.real(&sides.0)?, self.real(&sides.1)?);
                Ok(match operator {
                    Operation::Add => left + right,
                    Operation::Subtract => left - right,
                    Operation::Multiply => left * right,
                })
            }
            Real::Choice(sides) => {
                let (condition, yes, no) = &**sides;
                let side = if self.unseen(condition)? { yes } else { no };
                self.real(side)
            }
        }
    }
}
