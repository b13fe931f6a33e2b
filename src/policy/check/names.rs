//! Variables of conditions: which one is meant, and whether it may be used here.

use super::super::condition::{List, Number, Real, Test, Text, Whole};
use super::super::expression::{Expression, Kind};
use super::super::variables::{VARIABLES, Variable};
use super::{Checker, Guards, Typed};
use crate::suggestion::did_you_mean;

impl Checker<'_> {
    pub(super) fn variable(&mut self, expression: &Expression) -> Option<Typed> {
        if let (Kind::Name(name), Some((element, domain))) = (&expression.kind, &self.element)
            && name == element
        {
            return Some(Typed::Text(Text::Element, *domain));
        }
        let variable = self.find_variable(expression)?;
        if let Some(optional) = variable.optional()
            && self.known & optional.bit() == 0
        {
            let name = self.written(expression);
            let message = format!("{name} may be unknown, ask first: has({name}) && …");
            return self.fault(expression, message);
        }
        Some(match variable {
            Variable::Text(text) => Typed::Text(Text::Variable(text), text.domain()),
            Variable::Boolean(boolean) => {
                self.term(expression, Test::Boolean(boolean), Guards::default())
            }
            Variable::Whole(whole) => {
                Typed::Number(Number::Whole(Whole::Variable(whole)), whole.bounds())
            }
            Variable::Real(real) => {
                Typed::Number(Number::Real(Real::Variable(real)), real.bounds())
            }
            Variable::List(list) => Typed::List(List::Variable(list), list.domain()),
            Variable::Map(map) => Typed::Map(map),
        })
    }

    /// Finds the variable that an expression names, or reports that there is none.
    pub(super) fn find_variable(&mut self, expression: &Expression) -> Option<Variable> {
        let Some(path) = path_of(expression) else {
            return self.fault(expression, "only variables have fields");
        };
        if let Some(variable) = Variable::named(&path) {
            return Some(variable);
        }
        let (root, rest) = path.split_once('.').unwrap_or((&path, ""));
        let fields: Vec<&str> = VARIABLES
            .iter()
            .filter_map(|(name, _)| name.split_once('.'))
            .filter_map(|(of, field)| (of == root).then_some(field))
            .collect();
        if fields.is_empty() {
            if Variable::named(root).is_some() {
                let hint = match Variable::named(root) {
                    Some(Variable::Map(_)) => format!(", write {root}[{rest:?}]"),
                    Some(_) | None => String::new(),
                };
                return self.fault(expression, format!("{root} has no fields{hint}"));
            }
            let names = VARIABLES.iter().map(|(name, _)| *name);
            let hint = did_you_mean(&path, names);
            let hint = if hint.is_empty() { did_you_mean(root, roots()) } else { hint };
            return self.fault(expression, format!("unknown variable {path:?}{hint}"));
        }
        if rest.is_empty() {
            let message = format!("{root} is no value, it has the fields {}", fields.join(", "));
            return self.fault(expression, message);
        }
        let hint = did_you_mean(rest, fields.iter().copied());
        let hint = if hint.is_empty() { format!(", it has {}", fields.join(", ")) } else { hint };
        self.fault(expression, format!("{root} has no field {rest:?}{hint}"))
    }
}

/// Returns the dotted name that an expression spells, if it does.
fn path_of(expression: &Expression) -> Option<String> {
    match &expression.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Field { of, name } => Some(format!("{}.{name}", path_of(of)?)),
        Kind::Boolean(_)
        | Kind::Integer(_)
        | Kind::Double(_)
        | Kind::Text(_)
        | Kind::List(_)
        | Kind::Index { .. }
        | Kind::Call { .. }
        | Kind::Not(_)
        | Kind::Negative(_)
        | Kind::And(_)
        | Kind::Or(_)
        | Kind::Compare { .. }
        | Kind::In { .. }
        | Kind::Compute { .. }
        | Kind::Choice { .. } => None,
    }
}

/// Returns the first parts of the names of variables.
pub(super) fn roots() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(name, _)| name.split_once('.').map_or(*name, |(root, _)| root))
}
