//! Gives a condition its types and refuses what cannot be meant.
//!
//! After this a condition cannot fail except by a whole number that grows too large: types fit, optional variables stand
//! behind `has(…)`, patterns are compiled, and names are those of the vocabulary. The check goes on after a fault, so that
//! all of them are told at once.

mod calls;
mod comparisons;
mod names;

use super::condition::{Condition, List, Number, Real, Term, Test, Text, Whole};
use super::expression::{Expression, ExpressionFault, Kind, Operation};
use super::variables::{Bounds, Domain, MapVariable};
use super::vocabulary::Vocabulary;

/// Turns an expression into a condition.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn check(
    expression: &Expression,
    source: &str,
    vocabulary: &Vocabulary,
) -> Result<Condition, Vec<ExpressionFault>> {
    let mut checker = Checker { vocabulary, source, faults: Vec::new(), known: 0, element: None };
    match checker.condition(expression) {
        Some((condition, _)) if checker.faults.is_empty() => Ok(condition),
        Some(_) | None => Err(checker.faults),
    }
}

struct Checker<'a> {
    vocabulary: &'a Vocabulary,
    source: &'a str,
    faults: Vec<ExpressionFault>,
    /// Optional variables that are known to be there, by [`super::variables::OptionalVariable::bit`].
    known: u8,
    /// Name and values of the element that a quantifier looks at.
    element: Option<(String, Domain)>,
}

/// An expression with its type. Numbers carry their range, texts the values that they can take.
enum Typed {
    Condition(Condition, Guards),
    Text(Text, Domain),
    Number(Number, Bounds),
    List(List, Domain),
    Numbers(Vec<Number>),
    Map(MapVariable),
}

impl Typed {
    fn describe(&self) -> &'static str {
        match self {
            Self::Condition(..) => "true or false",
            Self::Text(..) => "a text",
            Self::Number(..) => "a number",
            Self::List(..) => "a list of texts",
            Self::Numbers(..) => "a list of numbers",
            Self::Map(..) => "a map",
        }
    }
}

/// Optional variables that are known to be there when a condition holds, and when it does not.
#[derive(Clone, Copy, Default)]
struct Guards {
    holds: u8,
    fails: u8,
}

impl Checker<'_> {
    fn fault<T>(&mut self, at: &Expression, message: impl Into<String>) -> Option<T> {
        self.faults.push(ExpressionFault { at: at.span.start, message: message.into() });
        None
    }

    fn written(&self, expression: &Expression) -> &str {
        self.source.get(expression.span.clone()).unwrap_or_default()
    }

    fn term(&self, expression: &Expression, test: Test, guards: Guards) -> Typed {
        let source = self.written(expression).to_owned();
        let term = Term { span: expression.span.clone(), source, test };
        Typed::Condition(Condition::Term(Box::new(term)), guards)
    }

    fn condition(&mut self, expression: &Expression) -> Option<(Condition, Guards)> {
        match self.expression(expression)? {
            Typed::Condition(condition, guards) => Some((condition, guards)),
            other @ (Typed::Text(..)
            | Typed::Number(..)
            | Typed::List(..)
            | Typed::Numbers(_)
            | Typed::Map(_)) => {
                let message = format!("expected true or false, this is {}", other.describe());
                self.fault(expression, message)
            }
        }
    }

    fn expression(&mut self, expression: &Expression) -> Option<Typed> {
        match &expression.kind {
            Kind::Boolean(value) => {
                Some(Typed::Condition(Condition::Constant(*value), Guards::default()))
            }
            Kind::Integer(value) => {
                let number = Number::Whole(Whole::Constant(*value));
                Some(Typed::Number(number, Bounds::NONE))
            }
            Kind::Double(value) => {
                Some(Typed::Number(Number::Real(Real::Constant(*value)), Bounds::NONE))
            }
            Kind::Text(text) => {
                Some(Typed::Text(Text::Constant(text.as_str().into()), Domain::Open))
            }
            Kind::List(elements) => self.list(elements),
            Kind::Name(_) | Kind::Field { .. } => self.variable(expression),
            Kind::Index { of, index } => self.entry(of, index),
            Kind::Call { of, name, arguments } => {
                self.call(expression, of.as_deref(), name, arguments)
            }
            Kind::Not(inner) => {
                let (condition, guards) = self.condition(inner)?;
                let guards = Guards { holds: guards.fails, fails: guards.holds };
                Some(Typed::Condition(Condition::Not(Box::new(condition)), guards))
            }
            Kind::Negative(inner) => self.negative(inner),
            Kind::And(parts) => self.all(parts),
            Kind::Or(parts) => self.any(parts),
            Kind::Compare { operator, left, right } => {
                self.compare(expression, *operator, left, right)
            }
            Kind::In { element, list } => self.membership(expression, element, list),
            Kind::Compute { operator, left, right } => {
                self.compute(expression, *operator, left, right)
            }
            Kind::Choice { condition, yes, no } => self.choice(condition, yes, no),
        }
    }

    /// Each part may rely on the parts before it.
    fn all(&mut self, parts: &[Expression]) -> Option<Typed> {
        let before = self.known;
        let mut joined: Option<Guards> = None;
        let mut conditions = Vec::with_capacity(parts.len());
        for part in parts {
            let so_far = joined.unwrap_or_default();
            self.known = before | so_far.holds;
            if let Some((condition, guards)) = self.condition(part) {
                conditions.push(condition);
                let fails = match joined {
                    None => guards.fails,
                    Some(so_far) => so_far.fails & (so_far.holds | guards.fails),
                };
                joined = Some(Guards { holds: so_far.holds | guards.holds, fails });
            }
        }
        self.known = before;
        let complete = conditions.len() == parts.len();
        complete.then(|| Typed::Condition(Condition::All(conditions), joined.unwrap_or_default()))
    }

    /// Each part may rely on the parts before it having failed.
    fn any(&mut self, parts: &[Expression]) -> Option<Typed> {
        let before = self.known;
        let mut joined: Option<Guards> = None;
        let mut conditions = Vec::with_capacity(parts.len());
        for part in parts {
            let so_far = joined.unwrap_or_default();
            self.known = before | so_far.fails;
            if let Some((condition, guards)) = self.condition(part) {
                conditions.push(condition);
                let holds = match joined {
                    None => guards.holds,
                    Some(so_far) => so_far.holds & (so_far.fails | guards.holds),
                };
                joined = Some(Guards { holds, fails: so_far.fails | guards.fails });
            }
        }
        self.known = before;
        let complete = conditions.len() == parts.len();
        complete.then(|| Typed::Condition(Condition::Any(conditions), joined.unwrap_or_default()))
    }

    fn choice(
        &mut self,
        condition: &Expression,
        yes: &Expression,
        no: &Expression,
    ) -> Option<Typed> {
        let checked = self.condition(condition);
        let guards = checked.as_ref().map(|(_, guards)| *guards).unwrap_or_default();
        let before = self.known;
        self.known = before | guards.holds;
        let typed_yes = self.expression(yes);
        self.known = before | guards.fails;
        let typed_no = self.expression(no);
        self.known = before;
        let (condition, _) = checked?;
        match (typed_yes?, typed_no?) {
            (Typed::Condition(yes, first), Typed::Condition(no, second)) => {
                let join = |first, second| (guards.holds | first) & (guards.fails | second);
                let holds = join(first.holds, second.holds);
                let fails = join(first.fails, second.fails);
                let choice = Condition::Choice(Box::new((condition, yes, no)));
                Some(Typed::Condition(choice, Guards { holds, fails }))
            }
            (Typed::Text(yes, first), Typed::Text(no, second)) => {
                let domain = if first == second { first } else { Domain::Open };
                Some(Typed::Text(Text::Choice(Box::new((condition, yes, no))), domain))
            }
            (Typed::Number(Number::Whole(yes), _), Typed::Number(Number::Whole(no), _)) => {
                let choice = Whole::Choice(Box::new((condition, yes, no)));
                Some(Typed::Number(Number::Whole(choice), Bounds::NONE))
            }
            (Typed::Number(Number::Real(yes), _), Typed::Number(Number::Real(no), _)) => {
                let choice = Real::Choice(Box::new((condition, yes, no)));
                Some(Typed::Number(Number::Real(choice), Bounds::NONE))
            }
            (first, second) => {
                let (first, second) = (first.describe(), second.describe());
                let message =
                    format!("both sides of ? : must be alike, these are {first} and {second}");
                self.fault(no, with_fraction_hint(message, first, second))
            }
        }
    }

    fn list(&mut self, elements: &[Expression]) -> Option<Typed> {
        let mut texts = Vec::new();
        let mut numbers = Vec::new();
        let mut complete = true;
        for element in elements {
            match self.expression(element) {
                Some(Typed::Text(text, _)) => texts.push(text),
                Some(Typed::Number(number, _)) => numbers.push(number),
                Some(other) => {
                    let message =
                        format!("a list holds texts or numbers, this is {}", other.describe());
                    self.fault::<()>(element, message);
                    complete = false;
                }
                None => complete = false,
            }
            if !texts.is_empty() && !numbers.is_empty() {
                return self.fault(element, "a list holds either texts or numbers");
            }
        }
        let typed = if numbers.is_empty() {
            Typed::List(List::Literal(texts), Domain::Open)
        } else {
            Typed::Numbers(numbers)
        };
        complete.then_some(typed)
    }

    fn entry(&mut self, of: &Expression, index: &Expression) -> Option<Typed> {
        let typed = self.expression(of);
        let key = self.expression(index);
        let map = match typed? {
            Typed::Map(map) => map,
            Typed::List(..) | Typed::Numbers(_) => {
                return self.fault(of, "elements of a list are found with in, exists or all");
            }
            other @ (Typed::Condition(..) | Typed::Text(..) | Typed::Number(..)) => {
                let message = format!("this is {}, only maps have entries", other.describe());
                return self.fault(of, message);
            }
        };
        let Typed::Text(key, domain) = key? else {
            return self.fault(index, "an entry is named by a text");
        };
        match &key {
            Text::Constant(name) => self.check_value(name, map.domain(), of, index)?,
            Text::Variable(_) | Text::Element | Text::Choice(_) => {
                self.check_overlap(domain, map.domain(), index)?;
            }
        }
        Some(Typed::Number(Number::Real(Real::Entry { map, key }), Bounds::PROBABILITY))
    }

    fn negative(&mut self, inner: &Expression) -> Option<Typed> {
        let number = match self.expression(inner)? {
            Typed::Number(Number::Whole(whole), _) => {
                Number::Whole(Whole::Negative(Box::new(whole)))
            }
            Typed::Number(Number::Real(real), _) => Number::Real(Real::Negative(Box::new(real))),
            other @ (Typed::Condition(..)
            | Typed::Text(..)
            | Typed::List(..)
            | Typed::Numbers(_)
            | Typed::Map(_)) => {
                let message = format!("only numbers have a negative, this is {}", other.describe());
                return self.fault(inner, message);
            }
        };
        Some(Typed::Number(number, Bounds::NONE))
    }

    fn compute(
        &mut self,
        expression: &Expression,
        operator: Operation,
        left: &Expression,
        right: &Expression,
    ) -> Option<Typed> {
        let (first, second) = (self.expression(left), self.expression(right));
        let number = match (first?, second?) {
            (Typed::Number(Number::Whole(left), _), Typed::Number(Number::Whole(right), _)) => {
                Number::Whole(Whole::Computed { operator, sides: Box::new((left, right)) })
            }
            (Typed::Number(Number::Real(left), _), Typed::Number(Number::Real(right), _)) => {
                Number::Real(Real::Computed { operator, sides: Box::new((left, right)) })
            }
            (first, second) => {
                let (first, second) = (first.describe(), second.describe());
                let operator = operator.as_str();
                let message = format!("{operator} does not join {first} and {second}");
                return self.fault(expression, with_fraction_hint(message, first, second));
            }
        };
        Some(Typed::Number(number, Bounds::NONE))
    }
}

/// Two numbers that do not fit are a whole one and one with fractions.
fn with_fraction_hint(message: String, first: &str, second: &str) -> String {
    if first == "a number" && second == first {
        return format!("{message}: one is whole, the other has fractions (write 2 as 2.0)");
    }
    message
}
