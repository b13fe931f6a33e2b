//! Postal codes: shapes of countries, where an address or a word says that one stands there.

use std::ops::Range;

use super::context::Topic;
use super::folding::ascii_form;
use super::reading::Reading;
use super::tokens::Token;
use super::units::is_followed_by_unit;
use super::{Entity, EntityType};

/// How far after another postal code, in bytes, one of the same shape is taken along: "69003 instead of 69100".
const CORRECTION_REACH: usize = 24;

/// How far before a postal code, in bytes, a word may announce it.
const WORD_REACH: usize = 40;

/// How far after a postal code, in bytes, a word may tell what it was.
const AFTER_REACH: usize = 16;

/// Countries whose codes are tried for a language, most likely first.
const COUNTRIES: [(&str, &[&str]); 15] = [
    ("en", &["US", "GB", "CA", "IN"]),
    ("de", &["DE", "AT", "CH"]),
    ("tr", &["TR"]),
    ("ja", &["JP"]),
    ("zh", &["CN"]),
    ("fr", &["FR", "CH", "BE", "CA"]),
    ("es", &["ES", "MX"]),
    ("it", &["IT", "CH"]),
    ("pt", &["PT", "BR"]),
    ("nl", &["NL", "BE"]),
    ("pl", &["PL"]),
    ("sv", &["SE"]),
    ("ru", &["RU"]),
    ("ar", &["SA"]),
    ("ko", &["KR"]),
];

/// Words, folded, by which a text names another country than its language suggests.
const COUNTRY_WORDS: [(&str, &str); 24] = [
    ("zurich", "CH"),
    ("lugano", "CH"),
    ("geneve", "CH"),
    ("lausanne", "CH"),
    ("luzern", "CH"),
    ("winterthur", "CH"),
    ("bruxelles", "BE"),
    ("brussel", "BE"),
    ("antwerpen", "BE"),
    ("liege", "BE"),
    ("wien", "AT"),
    ("innsbruck", "AT"),
    ("svizzera", "CH"),
    ("suisse", "CH"),
    ("schweiz", "CH"),
    ("switzerland", "CH"),
    ("osterreich", "AT"),
    ("austria", "AT"),
    ("belgi", "BE"),
    ("mexico", "MX"),
    ("germany", "DE"),
    ("netherlands", "NL"),
    ("australia", "AU"),
    ("france", "FR"),
];

/// Words, folded, that stand between a street and a code or before a town.
const PREPOSITIONS: [&str; 16] = [
    "in", "nach", "aus", "au", "a", "to", "i", "te", "en", "w", "do", "till", "naar", "de", "im",
    "bei",
];

/// A stretch of the shape of a country's codes.
struct Candidate {
    range: Range<usize>,
    country: &'static str,
    /// Little else is written like this.
    is_distinctive: bool,
}

/// Adds the postal codes of a text.
pub(super) fn find(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    if reading.tokens.iter().all(|token| token.taken) {
        return;
    }
    let countries = countries(reading);
    let mut previous: Option<Candidate> = None;
    for place in 0..reading.tokens.len() {
        let candidate = countries.iter().find_map(|country| candidate(reading, place, country));
        let Some(candidate) = candidate.filter(|candidate| !reading.is_taken(&candidate.range))
        else {
            continue;
        };
        if !is_announced(reading, &candidate) && !corrects(reading, &candidate, previous.as_ref()) {
            continue;
        }
        let original = reading.text.original(&candidate.range).chars().map(ascii_form);
        let value: String = original
            .map(|character| if character.is_whitespace() { ' ' } else { character })
            .flat_map(char::to_uppercase)
            .collect();
        let mut entity = reading.entity(EntityType::PostalCode, &candidate.range, value, 0.85);
        entity.attributes.insert("country", candidate.country.to_owned());
        found.push(entity);
        reading.take(&candidate.range);
        previous = Some(candidate);
    }
}

fn countries(reading: &Reading<'_>) -> Vec<&'static str> {
    let all = COUNTRIES.iter().flat_map(|(_, countries)| countries.iter().copied());
    let hinted = all.filter(|country| *country == reading.country).take(1);
    let named = COUNTRY_WORDS
        .iter()
        .filter(|(word, _)| reading.text.as_str().contains(word))
        .map(|(_, country)| *country);
    let own = COUNTRIES.iter().filter(|(language, _)| *language == reading.language);
    let own = own.flat_map(|(_, countries)| countries.iter().copied());
    hinted.chain(named).chain(own).chain(["GB"]).collect()
}

/// Returns what begins with a token and has the shape of a country's codes.
fn candidate(reading: &Reading<'_>, place: usize, country: &'static str) -> Option<Candidate> {
    let token = reading.tokens.get(place).filter(|token| !token.taken)?;
    let text = reading.text.slice(token.range());
    let (range, is_distinctive) = match country {
        "GB" => (british(reading, place, token, text)?, true),
        "CA" => (
            paired(reading, place, token, |first, second| {
                shape(first) == "a9a" && shape(second) == "9a9"
            })?,
            true,
        ),
        "NL" => (dutch(reading, token, text)?, true),
        "SE" => (swedish(reading, place, token)?, false),
        "JP" => (of_shape(token, text, &["999-9999"])?, true),
        "PT" => (of_shape(token, text, &["9999-999"])?, true),
        "BR" => (of_shape(token, text, &["99999-999", "99999999"])?, text.contains('-')),
        "PL" => (of_shape(token, text, &["99-999"])?, true),
        "US" => (of_shape(token, text, &["99999", "99999-9999"])?, text.contains('-')),
        "CN" | "RU" | "IN" => (of_shape(token, text, &["999999"])?, false),
        "AT" | "CH" | "BE" | "AU" => (of_shape(token, text, &["9999"])?, false),
        _ => (of_shape(token, text, &["99999"])?, false),
    };
    Some(Candidate { range, country, is_distinctive })
}

/// Writes every digit as 9 and every letter as a.
fn shape(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '0'..='9' => '9',
            'a'..='z' => 'a',
            other => other,
        })
        .collect()
}

fn of_shape(token: &Token, text: &str, shapes: &[&str]) -> Option<Range<usize>> {
    (text.len() <= 10 && shapes.contains(&shape(text).as_str())).then(|| token.range())
}

/// Returns the range of a token and the next one where both fit.
fn paired(
    reading: &Reading<'_>,
    place: usize,
    token: &Token,
    fits: impl Fn(&str, &str) -> bool,
) -> Option<Range<usize>> {
    let next = reading.tokens.get(place + 1).filter(|next| next.start == token.end + 1)?;
    let is_spaced = reading.text.byte(token.end) == Some(b' ');
    let both = fits(reading.text.slice(token.range()), reading.text.slice(next.range()));
    (is_spaced && both).then_some(token.start..next.end)
}

fn british(reading: &Reading<'_>, place: usize, token: &Token, text: &str) -> Option<Range<usize>> {
    let is_outward =
        |text: &str| ["a9", "a99", "aa9", "aa99", "a9a", "aa9a"].contains(&shape(text).as_str());
    // C, I, K, M, O and V are never used here, so that "3mm" is no part of a code. GB, TB and XL measure and size.
    let is_inward = |text: &str| {
        shape(text) == "9aa"
            && !text.contains(['c', 'i', 'k', 'm', 'o', 'v'])
            && !["gb", "tb", "xl"].iter().any(|unit| text.ends_with(unit))
    };
    paired(reading, place, token, |first, second| is_outward(first) && is_inward(second)).or_else(
        || {
            let (outward, inward) = text.split_at_checked(text.len().checked_sub(3)?)?;
            (text.len() <= 7 && is_outward(outward) && is_inward(inward)).then(|| token.range())
        },
    )
}

fn dutch(reading: &Reading<'_>, token: &Token, text: &str) -> Option<Range<usize>> {
    let range = match shape(text.get(..text.len().min(7))?).as_str() {
        "9999aa" => token.range(),
        "9999" if reading.text.byte(token.end) == Some(b' ') => token.start..token.end + 3,
        _ => return None,
    };
    let letters = reading.text.original(&(range.end - 2..range.end));
    let is_bounded = !reading.text.char_at(range.end).is_some_and(char::is_alphanumeric);
    (letters.len() == 2 && letters.chars().all(|letter| letter.is_ascii_uppercase()) && is_bounded)
        .then_some(range)
}

fn swedish(reading: &Reading<'_>, place: usize, token: &Token) -> Option<Range<usize>> {
    let text = reading.text.slice(token.range());
    paired(reading, place, token, |first, second| shape(first) == "999" && shape(second) == "99")
        .or_else(|| of_shape(token, text, &["99999"]))
}

fn is_announced(reading: &Reading<'_>, candidate: &Candidate) -> bool {
    let (start, end) = (candidate.range.start, candidate.range.end);
    let is_joined =
        matches!(reading.text.byte_before(start), Some(b'#' | b'.' | b',' | b'-' | b'/' | b'+'))
            || (matches!(reading.text.byte(end), Some(b'.' | b',' | b'-' | b'/' | b':'))
                && reading.text.byte(end + 1).is_some_and(|next| next.is_ascii_alphanumeric()));
    if is_joined || is_followed_by_unit(&reading.text, end) {
        return false;
    }
    let has_word = reading.has_before(start, WORD_REACH, |topic| topic == Topic::Postal)
        || has_after(reading, end, Topic::Postal);
    if has_word {
        return true;
    }
    let has_address = reading.has_before(start, WORD_REACH, |topic| topic == Topic::Address)
        || has_after(reading, end, Topic::Address);
    if candidate.is_distinctive {
        let has_code_word = reading.has_before(start, 8, |topic| topic == Topic::Code);
        return has_address
            || has_code_word
            || is_before_town(reading, candidate)
            || matches!(candidate.country, "GB" | "NL" | "PT" | "BR" | "CA")
            || (candidate.country == "JP"
                && reading.text.char_at(end).is_none_or(|next| next != 'に'));
    }
    let is_round = reading.text.slice(candidate.range.clone()).ends_with("000");
    let is_short = candidate.range.len() < 5;
    let is_in_address = has_after(reading, end, Topic::Address)
        || (has_address && follows_preposition(reading, start));
    (is_in_address && !is_short && !is_round)
        || (is_before_town(reading, candidate) && !(is_short && is_round))
        || follows_state(reading, start)
}

fn has_after(reading: &Reading<'_>, end: usize, topic: Topic) -> bool {
    reading
        .hits_after(end)
        .take_while(|hit| hit.range.start - end <= AFTER_REACH)
        .any(|hit| hit.topic == topic)
}

/// Tells whether a code stands where addresses have it: at the beginning of a line or behind a comma, a house number or
/// a preposition, and before a capital letter.
fn is_before_town(reading: &Reading<'_>, candidate: &Candidate) -> bool {
    let town = reading.text.original(&(candidate.range.end..reading.text.as_str().len()));
    let mut letters = town.chars();
    let is_town = letters.next() == Some(' ')
        && letters.next().is_some_and(char::is_uppercase)
        && letters.next().is_some_and(char::is_lowercase);
    if !is_town {
        return false;
    }
    let before = text_before(reading, candidate.range.start);
    let is_numbered = last_word(before).bytes().any(|byte| byte.is_ascii_digit());
    is_numbered || follows_preposition(reading, candidate.range.start)
}

/// Tells whether a code stands at the beginning of a line, behind punctuation or behind a preposition.
fn follows_preposition(reading: &Reading<'_>, start: usize) -> bool {
    let before = text_before(reading, start);
    before.is_empty()
        || before.ends_with(['\n', ',', '(', ':', '-', '·', '|'])
        || PREPOSITIONS.contains(&last_word(before))
}

fn text_before<'r>(reading: &'r Reading<'_>, start: usize) -> &'r str {
    const REACH: usize = 12;
    let all = reading.text.slice(0..start);
    let from = (start.saturating_sub(REACH)..start)
        .find(|from| all.is_char_boundary(*from))
        .unwrap_or(start);
    all.get(from..).unwrap_or_default().trim_end_matches(' ')
}

fn last_word(text: &str) -> &str {
    text.rsplit([' ', '\n', '(', '\'']).next().unwrap_or_default()
}

/// Tells whether the two capital letters of an American state stand before a code: `Portland, OR 97214`.
fn follows_state(reading: &Reading<'_>, start: usize) -> bool {
    let Some(state) = start.checked_sub(4).map(|from| reading.text.original(&(from..start))) else {
        return false;
    };
    let mut characters = state.chars();
    characters.next().is_some_and(|before| before == ' ' || before == ',')
        && characters.next().is_some_and(|letter| letter.is_ascii_uppercase())
        && characters.next().is_some_and(|letter| letter.is_ascii_uppercase())
        && characters.next() == Some(' ')
}

/// Tells whether a code is set against another one of its shape.
fn corrects(reading: &Reading<'_>, candidate: &Candidate, previous: Option<&Candidate>) -> bool {
    previous.is_some_and(|previous| {
        let between = reading.text.slice(previous.range.end..candidate.range.start);
        previous.country == candidate.country
            && between.len() <= CORRECTION_REACH
            && previous.range.len() == candidate.range.len()
            && !between.contains('\n')
            && !is_followed_by_unit(&reading.text, candidate.range.end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_write_digits_as_nine_and_letters_as_a() {
        assert_eq!(shape("sw1a"), "aa9a");
        assert_eq!(shape("31-559"), "99-999");
    }
}
