//! Promotion codes that stand near the word "code" in a looser way: `WELCOME15` somewhere in its sentence, a word in
//! capitals right beside it.

use std::ops::Range;

use super::context::Topic;
use super::reading::Reading;
use super::tokens::Token;
use super::{Entity, EntityType, MIN_CAPITALS};

/// Longest code without digits, in characters.
const MAX_CODE: usize = 20;

/// How far from a word about codes, in bytes, a code with digits may stand.
const REACH: usize = 64;

/// How sure a code is that a word does not directly announce.
const CONFIDENCE: f32 = 0.7;

/// Adds the codes that are a word in capitals with up to three digits: `WELCOME15`.
pub(super) fn find_near(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    for place in 0..reading.tokens.len() {
        let Some(token) = reading.tokens.get(place).filter(|token| !token.taken) else { continue };
        let range = token.range();
        if is_word_and_number(reading, token) && is_near(reading, &range) {
            let value = reading.text.code(&range);
            found.push(reading.entity(EntityType::PromoCode, &range, value, CONFIDENCE));
            reading.take(&range);
        }
    }
}

fn is_word_and_number(reading: &Reading<'_>, token: &Token) -> bool {
    let original = reading.text.original(&token.range());
    let letters = original.chars().take_while(|letter| letter.is_uppercase()).count();
    letters >= 3 && letters == token.letters && (1..=3).contains(&token.digits) && token.joints <= 1
}

fn is_near(reading: &Reading<'_>, range: &Range<usize>) -> bool {
    let is_code = |topic| matches!(topic, Topic::Promotion | Topic::Code);
    let after =
        reading.hits_after(range.end).take_while(|hit| hit.range.start - range.end <= REACH);
    reading.has_before(range.start, REACH, is_code)
        || after.into_iter().any(|hit| is_code(hit.topic))
}

/// Adds the codes without a digit: words in capitals right beside a word about codes.
pub(super) fn find_beside(reading: &Reading<'_>, found: &mut Vec<Entity>) {
    for (place, hit) in reading.hits.iter().enumerate() {
        if !matches!(hit.topic, Topic::Promotion | Topic::Code)
            || is_capital(reading.text.original(&hit.range))
        {
            continue;
        }
        let sides = [word_after(reading, hit.range.end), word_before(reading, hit.range.start)];
        let neighbours = [place.checked_sub(1), Some(place + 1)];
        let is_hit = |range: &Range<usize>| {
            let others =
                neighbours.into_iter().flatten().filter_map(|other| reading.hits.get(other));
            others
                .into_iter()
                .any(|other| other.range.start < range.end && range.start < other.range.end)
        };
        for range in sides.into_iter().flatten().filter(|range| !is_hit(range)) {
            let value = reading.text.code(&range);
            found.push(reading.entity(EntityType::PromoCode, &range, value, CONFIDENCE));
        }
    }
}

fn is_capital(original: &str) -> bool {
    original.contains(char::is_uppercase) && !original.contains(char::is_lowercase)
}

/// Returns the word in capitals that follows a place, behind spaces, a colon or quotation marks.
fn word_after(reading: &Reading<'_>, at: usize) -> Option<Range<usize>> {
    let rest = reading.text.slice(at..reading.text.as_str().len());
    let gap: usize =
        rest.chars().take(4).take_while(|sign| is_gap(*sign)).map(char::len_utf8).sum();
    let start = at + gap;
    let word = reading.text.slice(start..reading.text.as_str().len());
    let length: usize =
        word.chars().take(MAX_CODE + 1).take_while(is_letter).map(char::len_utf8).sum();
    let is_joined = gap == 0 && rest.chars().next().is_some_and(|next| !next.is_ascii());
    code(reading, start..start + length).filter(|_| gap > 0 || is_joined)
}

/// Returns the word in capitals that stands before a place.
fn word_before(reading: &Reading<'_>, at: usize) -> Option<Range<usize>> {
    let before = reading.text.slice(0..at);
    let gap: usize =
        before.chars().rev().take(4).take_while(|sign| is_gap(*sign)).map(char::len_utf8).sum();
    let end = at - gap;
    let word = reading.text.slice(0..end);
    let length: usize =
        word.chars().rev().take(MAX_CODE + 1).take_while(is_letter).map(char::len_utf8).sum();
    code(reading, end - length..end).filter(|_| gap > 0)
}

fn is_gap(sign: char) -> bool {
    matches!(sign, ' ' | ':' | '"' | '\'' | '“' | '”' | '„' | '«' | '»' | '「' | '」' | '(')
}

/// Tells whether a character is a letter of a script that has capitals.
fn is_letter(character: &char) -> bool {
    matches!(character, 'a'..='z' | '\u{0400}'..='\u{04FF}')
}

/// Returns a word if it is in capitals, long enough, and stands alone among words that are not.
fn code(reading: &Reading<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let text = &reading.text;
    let original = text.original(&range);
    let is_long = (MIN_CAPITALS..=MAX_CODE).contains(&original.chars().count());
    let joins =
        |next: Option<char>| next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '-');
    let stands_alone = !joins(text.char_at(range.end)) && !joins(text.char_before(range.start));
    let next_end = text.as_str().len().min(range.end + 8);
    let next = text.slice(range.end..next_end).is_empty()
        || !is_shouting(text.original(&(range.end..next_end)));
    (is_long && is_capital(original) && stands_alone && next).then_some(range)
}

/// Tells whether capitals go on: nothing but capital letters in what follows.
fn is_shouting(next: &str) -> bool {
    next.chars().filter(|letter| letter.is_uppercase()).count() >= 2
        && !next.contains(char::is_lowercase)
}
