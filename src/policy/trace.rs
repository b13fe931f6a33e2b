//! Why a rule matched or not.

use super::condition::{List, Number, Term, Test, Text};
use super::evaluate::{Observer, Overflow, shown_number, shown_text};
use super::facts::Scope;
use super::routing::TermTrace;

/// Characters of a value at most.
const MAX_VALUE_CHARS: usize = 200;
/// Elements of a list that are shown at most.
const MAX_ELEMENTS: usize = 20;

/// Writes down each term of one condition.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) terms: Vec<TermTrace>,
}

impl Observer for Recorder {
    fn saw(&mut self, term: &Term, scope: &Scope<'_>, result: Result<bool, Overflow>) {
        let value = match result {
            Ok(_) => shortened(values(&term.test, scope).join(", ")),
            Err(Overflow) => "a whole number became too large".to_owned(),
        };
        let expression = term.source.clone();
        self.terms.push(TermTrace { expression, value, result: result.unwrap_or(false) });
    }
}

/// Values of whatever is not written in the condition itself.
fn values(test: &Test, scope: &Scope<'_>) -> Vec<String> {
    let mut values = Vec::new();
    match test {
        Test::Boolean(variable) => values.push(scope.boolean(*variable).to_string()),
        Test::Present(variable) => {
            values.push(if scope.present(*variable) { "known" } else { "unknown" }.to_owned());
        }
        Test::SameText { left, right, .. } => {
            values.extend([left, right].into_iter().filter_map(|text| text_value(text, scope)));
        }
        Test::SameBoolean { .. } => {}
        Test::Number { left, right, .. } => {
            let sides = [left, right].into_iter();
            values.extend(sides.filter_map(|number| number_value(number, scope)));
        }
        Test::TextIn { element, list } => {
            values.extend(text_value(element, scope));
            values.extend(list_value(list, scope));
        }
        Test::NumberIn { element, .. } => values.extend(number_value(element, scope)),
        Test::Part { text, part, .. } => {
            values.extend([text, part].into_iter().filter_map(|text| text_value(text, scope)));
        }
        Test::Matches { text, .. } => values.extend(text_value(text, scope)),
        Test::Quantified { list, .. } => values.extend(list_value(list, scope)),
    }
    values
}

fn text_value(text: &Text, scope: &Scope<'_>) -> Option<String> {
    match text {
        Text::Constant(_) | Text::Element => None,
        Text::Variable(_) | Text::Choice(_) => {
            shown_text(text, scope).map(|text| format!("{text:?}"))
        }
    }
}

fn number_value(number: &Number, scope: &Scope<'_>) -> Option<String> {
    match number.constant() {
        Some(_) => None,
        None => shown_number(number, scope),
    }
}

fn list_value(list: &List, scope: &Scope<'_>) -> Option<String> {
    let List::Variable(variable) = list else {
        return None;
    };
    let elements = scope.list(*variable);
    let shown: Vec<String> =
        elements.iter().take(MAX_ELEMENTS).map(|element| format!("{element:?}")).collect();
    let more = if elements.len() > MAX_ELEMENTS { ", …" } else { "" };
    Some(format!("[{}{more}]", shown.join(", ")))
}

fn shortened(value: String) -> String {
    match value.char_indices().nth(MAX_VALUE_CHARS) {
        None => value,
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
    }
}
