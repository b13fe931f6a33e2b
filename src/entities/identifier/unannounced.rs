//! Order numbers that no word announces: by their shape alone.

use std::ops::Range;

use super::quantity::is_quantity;
use crate::entities::context::Topic;
use crate::entities::reading::Reading;
use crate::entities::tokens::{Token, looks_like_date};
use crate::entities::{Entity, EntityType};

/// Longest name of a speaker before what they say, in bytes.
const MAX_INTRODUCTION: usize = 24;

/// How far before an answer, in bytes, the question may name an order.
const QUESTION_REACH: usize = 80;

/// How sure an identifier is that only its shape speaks for.
const UNANNOUNCED: f32 = 0.6;

/// Adds the codes that are order numbers by their shape alone.
pub(in crate::entities) fn find_unannounced(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    for place in 0..reading.tokens.len() {
        let Some(token) = reading.tokens.get(place).filter(|token| !token.taken).cloned() else {
            continue;
        };
        let range = token.range();
        let has_sign = reading.text.byte_before(token.start) == Some(b'#');
        let is_order = (has_sign && token.digits >= 3 && token.joints <= 4)
            || is_code(reading, &token)
            || is_numbered(reading, &token)
            || answers_question(reading, &token);
        if is_order && !is_quantity(reading, &token) {
            found.push(order_entity(reading, &range, UNANNOUNCED));
            reading.take(&range);
        }
    }
}

/// Tells whether a token is written like nothing but a number that a shop made up: `LUN-77120-B`, `ZH20261120088`.
fn is_code(reading: &Reading<'_>, token: &Token) -> bool {
    let text = reading.text.slice(token.range());
    let original = reading.text.original(&token.range());
    let first_letters = text.chars().take_while(|letter| letter.is_alphabetic()).count();
    let words =
        text.split(['-', '/', '_', '.']).filter(|part| part.chars().all(char::is_alphabetic));
    let has_word = words.into_iter().any(|word| word.chars().count() > 4);
    if has_word || text.contains('.') || looks_like_date(text) {
        return false;
    }
    if token.letters == 0 {
        let parts = token.joints + 1;
        return (token.longest_run >= 5 && token.digits >= 7 || parts >= 3 && token.digits >= 9)
            && !text.contains('/')
            && !is_postal_pair(text);
    }
    let is_capital = !original.chars().any(char::is_lowercase);
    let is_long = token.longest_run >= 5 || (token.longest_run >= 4 && is_capital);
    match token.joints {
        0 => {
            (2..=4).contains(&first_letters)
                && token.longest_run >= 6
                && token.letters == first_letters
        }
        _ => is_long && token.letters <= 6,
    }
}

/// Tells whether a text is written like postal codes with an addition: `97214-1234`, `01310-100`.
fn is_postal_pair(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    matches!(lengths.as_slice(), [5, 3 | 4])
}

/// Tells whether "number" alone stands before a long number: "nr 2024118834".
fn is_numbered(reading: &Reading<'_>, token: &Token) -> bool {
    let is_long = token.digits >= 6 && token.letters == 0 && token.joints == 0;
    let nearest = reading.hits_before(token.start).next();
    is_long
        && nearest.is_some_and(|hit| {
            let between = reading.text.slice(hit.range.end..token.start);
            hit.topic == Topic::Number
                && between.len() <= 3
                && !between.contains(char::is_alphanumeric)
        })
}

/// Tells whether a token is all that a line says and the line before asked for an order number.
fn answers_question(reading: &Reading<'_>, token: &Token) -> bool {
    let bytes = reading.text.as_str().as_bytes();
    let before =
        bytes.get(token.start.saturating_sub(MAX_INTRODUCTION)..token.start).unwrap_or_default();
    let intro = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let line_start = token.start.saturating_sub(intro.len() + 1);
    let begins_line = before.contains(&b'\n') || token.start == 0;
    let is_first = begins_line && (intro.is_empty() || intro.ends_with(b":"));
    let line_end =
        reading.text.char_at(token.end).is_none_or(|next| matches!(next, '\n' | '\r' | '.'));
    let asked = reading
        .hits_before(line_start)
        .take_while(|hit| line_start - hit.range.end <= QUESTION_REACH)
        .next();
    token.digits >= 4 && is_first && line_end && asked.is_some_and(|hit| hit.topic == Topic::Order)
}

fn order_entity(reading: &Reading<'_>, range: &Range<usize>, confidence: f32) -> Entity {
    reading.entity(EntityType::OrderNumber, range, reading.text.code(range), confidence)
}
