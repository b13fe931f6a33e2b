//! Why a rule matched or not.

use super::condition::{List, Number, Term, Test, Text};
use super::evaluate::{Observer, Overflow, shown_number, shown_text};
use super::facts::Scope;
use super::routing::TermTrace;

/// Characters of a value at most.
const MAX_VALUE_CHARS: usize = 200;
/// Characters of one text in a value at most.
const MAX_TEXT_CHARS: usize = 64;
/// Elements of a list that are shown at most.
const MAX_ELEMENTS: usize = 8;
/// Bytes of the conditions and terms of one decision at most; about four times what the default policy needs. Rules after
/// that are told without them.
const MAX_TRACE_BYTES: usize = 128 << 10;

/// Writes down each term of one condition.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    pub(super) terms: Vec<TermTrace>,
    used: usize,
}

impl Recorder {
    /// Goes on to the next rule: returns its condition, or nothing when there is no more room.
    pub(super) fn condition(&mut self, condition: &str) -> String {
        self.used = self.used.saturating_add(condition.len());
        if self.is_full() { String::new() } else { condition.to_owned() }
    }

    fn is_full(&self) -> bool {
        self.used > MAX_TRACE_BYTES
    }
}

impl Observer for Recorder {
    fn saw(&mut self, term: &Term, scope: &Scope<'_>, result: Result<bool, Overflow>) {
        self.used = self.used.saturating_add(term.source.len());
        if self.is_full() {
            return;
        }
        let value = match result {
            Ok(_) => shortened(values(&term.test, scope).join(", ")),
            Err(Overflow) => "a whole number became too large".to_owned(),
        };
        self.used = self.used.saturating_add(value.len());
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
        Text::Variable(_) | Text::Choice(_) => shown_text(text, scope).map(quoted),
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
    let shown: Vec<String> = elements.iter().take(MAX_ELEMENTS).map(quoted).collect();
    let more = if elements.len() > MAX_ELEMENTS { ", …" } else { "" };
    Some(format!("[{}{more}]", shown.join(", ")))
}

/// Quotes a text, cut first: escaping is slow, and a long one is not shown whole anyway.
fn quoted(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let end = text.char_indices().nth(MAX_TEXT_CHARS).map_or(text.len(), |(end, _)| end);
    format!("{:?}", text.get(..end).unwrap_or_default())
}

fn shortened(value: String) -> String {
    match value.char_indices().nth(MAX_VALUE_CHARS) {
        None => value,
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
    }
}
