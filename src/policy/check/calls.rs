//! Functions of conditions.

use regex::RegexBuilder;

use super::super::condition::{List, Number, PartKind, Quantifier, Test, Text, Whole};
use super::super::expression::{Expression, Kind};
use super::super::variables::{Bounds, VARIABLES, Variable};
use super::names::roots;
use super::{Checker, Guards, Typed};
use crate::suggestion::did_you_mean;
use crate::yaml::quoted;

/// Functions that there are.
const FUNCTIONS: [&str; 9] =
    ["has", "size", "startsWith", "endsWith", "contains", "matches", "exists", "all", "exists_one"];

/// Bytes of a compiled pattern at most.
const MAX_PATTERN_BYTES: usize = 1 << 18;

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        expression: &Expression,
        of: Option<&Expression>,
        name: &str,
        arguments: &[Expression],
    ) -> Option<Typed> {
        match (name, of, arguments) {
            ("has", None, [variable]) => self.presence(expression, variable),
            ("size", None, [of]) | ("size", Some(of), []) => self.size(of),
            ("startsWith", Some(of), [part]) => self.part(expression, PartKind::Start, of, part),
            ("endsWith", Some(of), [part]) => self.part(expression, PartKind::End, of, part),
            ("contains", Some(of), [part]) => self.part(expression, PartKind::Anywhere, of, part),
            ("matches", Some(of), [pattern]) => self.matches(expression, of, pattern),
            ("exists", Some(of), [name, body]) => {
                self.quantified(expression, Quantifier::AtLeastOne, of, (name, body))
            }
            ("all", Some(of), [name, body]) => {
                self.quantified(expression, Quantifier::Every, of, (name, body))
            }
            ("exists_one", Some(of), [name, body]) => {
                self.quantified(expression, Quantifier::ExactlyOne, of, (name, body))
            }
            _ => self.no_such_call(expression, name),
        }
    }

    fn no_such_call(&mut self, expression: &Expression, name: &str) -> Option<Typed> {
        let usage = match name {
            "has" => "has(order.value)",
            "size" => "size(intents)",
            "startsWith" | "endsWith" | "contains" => "primary.startsWith(\"order.\")",
            "matches" => "language.matches(\"^(de|nl)$\")",
            "exists" | "all" | "exists_one" => "intents.exists(i, i.startsWith(\"order.\"))",
            _ => {
                let hint = did_you_mean(name, FUNCTIONS);
                let hint = if hint.is_empty() {
                    format!(", there are {}", FUNCTIONS.join(", "))
                } else {
                    hint
                };
                return self.fault(expression, format!("unknown function {}{hint}", quoted(name)));
            }
        };
        self.fault(expression, format!("{name} is called like {usage}"))
    }

    fn presence(&mut self, expression: &Expression, variable: &Expression) -> Option<Typed> {
        let found = self.find_variable(variable)?;
        let Some(optional) = found.optional() else {
            let optional: Vec<&str> = VARIABLES
                .iter()
                .filter(|(_, variable)| variable.optional().is_some())
                .map(|(name, _)| *name)
                .collect();
            let name = self.written(variable).to_owned();
            let message = format!("{name} is always known, has(…) is for {}", optional.join(", "));
            return self.fault(variable, message);
        };
        let guards = Guards { holds: optional.bit(), fails: 0 };
        Some(self.term(expression, Test::Present(optional), guards))
    }

    fn size(&mut self, of: &Expression) -> Option<Typed> {
        let size = match self.expression(of)? {
            Typed::List(list, _) => Whole::Elements(list),
            Typed::Text(text, _) => Whole::Characters(text),
            other @ (Typed::Condition(..)
            | Typed::Number(..)
            | Typed::Numbers(_)
            | Typed::Map(_)) => {
                let message = format!("size counts lists and texts, this is {}", other.describe());
                return self.fault(of, message);
            }
        };
        Some(Typed::Number(Number::Whole(size), Bounds::COUNT))
    }

    fn part(
        &mut self,
        expression: &Expression,
        kind: PartKind,
        of: &Expression,
        part: &Expression,
    ) -> Option<Typed> {
        let (first, second) = (self.expression(of), self.expression(part));
        let (text, domain) = match first? {
            Typed::Text(text, domain) => (text, domain),
            Typed::List(..) => {
                let message = "this looks into a text, for an element of a list use in or exists";
                return self.fault(of, message);
            }
            other @ (Typed::Condition(..)
            | Typed::Number(..)
            | Typed::Numbers(_)
            | Typed::Map(_)) => {
                let message = format!("this looks into a text, not {}", other.describe());
                return self.fault(of, message);
            }
        };
        let Typed::Text(part_text, _) = second? else {
            return self.fault(part, "expected a text");
        };
        if let Text::Constant(constant) = &part_text
            && let Some(values) = domain.values(self.vocabulary)
            && !values.iter().any(|value| kind.holds(value, constant))
        {
            let (name, constant) = (self.written(of).to_owned(), quoted(constant));
            let verb = match kind {
                PartKind::Start => "starts with",
                PartKind::End => "ends with",
                PartKind::Anywhere => "contains",
            };
            return self.fault(part, format!("no value of {name} {verb} {constant}"));
        }
        let test = Test::Part { kind, text, part: part_text };
        Some(self.term(expression, test, Guards::default()))
    }

    fn matches(
        &mut self,
        expression: &Expression,
        of: &Expression,
        pattern: &Expression,
    ) -> Option<Typed> {
        let typed = self.expression(of);
        let Kind::Text(source) = &pattern.kind else {
            return self.fault(pattern, "a pattern must be written out as a text");
        };
        let built = RegexBuilder::new(source)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .build();
        let compiled = match built {
            Ok(compiled) => compiled,
            Err(error) => {
                // The message draws the pattern over several lines; its last one says what is wrong.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ").to_owned();
                return self.fault(pattern, format!("malformed pattern: {reason}"));
            }
        };
        let Typed::Text(text, domain) = typed? else {
            return self.fault(of, "matches looks at a text");
        };
        if let Some(values) = domain.values(self.vocabulary)
            && !values.iter().any(|value| compiled.is_match(value))
        {
            let name = self.written(of).to_owned();
            return self.fault(pattern, format!("no value of {name} matches this pattern"));
        }
        Some(self.term(expression, Test::Matches { text, pattern: compiled }, Guards::default()))
    }

    fn quantified(
        &mut self,
        expression: &Expression,
        quantifier: Quantifier,
        of: &Expression,
        (name, body): (&Expression, &Expression),
    ) -> Option<Typed> {
        let typed = self.expression(of);
        let Kind::Name(element) = &name.kind else {
            return self.fault(name, "expected a name for the element, such as i");
        };
        if Variable::named(element).is_some() || roots().any(|root| root == element) {
            return self.fault(name, format!("{element:?} is a variable, choose another name"));
        }
        if self.element.is_some() {
            // The work would multiply, and no list here holds anything that calls for it.
            return self
                .fault(expression, "exists, all and exists_one cannot stand within each other");
        }
        let (list, domain): (List, _) = match typed? {
            Typed::List(list, domain) => (list, domain),
            other @ (Typed::Condition(..)
            | Typed::Text(..)
            | Typed::Number(..)
            | Typed::Numbers(_)
            | Typed::Map(_)) => {
                let message = format!("expected a list of texts, this is {}", other.describe());
                return self.fault(of, message);
            }
        };
        self.element = Some((element.clone(), domain));
        let checked = self.condition(body);
        self.element = None;
        let (body, _) = checked?;
        let test = Test::Quantified { quantifier, list, body };
        Some(self.term(expression, test, Guards::default()))
    }
}
