//! What announces the message that is answered or forwarded.

mod partial;

use super::characters::floor_boundary;
use super::lines::Line;
use super::phrases::fields::HeaderField;
use super::phrases::{
    BEGIN_FORWARDED, FORWARD_PREFIXES, FORWARDED, ORIGINAL, REPLY_ABOVE, WROTE, WROTE_BEFORE_NAME,
    fold,
};

/// Lines over which "On … wrote:" may be broken.
pub(super) const MAX_INTRODUCTION_LINES: usize = 4;
/// Bytes of a line within "On … wrote:"; mail programs break them at about 80 characters.
const MAX_INTRODUCTION_LINE_BYTES: usize = 300;
/// Lines of a header block.
const MAX_HEADER_LINES: usize = 12;
/// Bytes of the name of a header's field.
const MAX_FIELD_BYTES: usize = 40;
/// Bytes of a line that announces something.
const MAX_ANNOUNCEMENT_BYTES: usize = 160;

/// How sure it is that a line introduces a quote.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Certainty {
    /// It does when a marked quote follows.
    WithQuote,
    /// It does, whatever follows: persons do not write so.
    Alone,
}

/// Tells whether a text, lines joined, is an introduction such as "On … wrote:".
fn introduction(text: &str) -> Option<Certainty> {
    stamped(text).max(partial::introduction(text))
}

/// Tells whether a text is an introduction by its address and time, or by its verb and date.
fn stamped(text: &str) -> Option<Certainty> {
    let folded = fold(text);
    let folded = folded.trim_end();
    let sentence = folded.strip_suffix(':')?.trim_end();
    let moment = Moment::of(sentence);
    if !moment.has_date && !moment.has_time {
        return None;
    }
    let has_address = has_address(sentence);
    let ends_with_verb = WROTE.iter().any(|verb| sentence.ends_with(verb));
    let has_verb = ends_with_verb
        || WROTE_BEFORE_NAME.iter().any(|verb| sentence.contains(verb))
        || (sentence.ends_with(')') && WROTE.iter().any(|verb| sentence.contains(verb)));
    if has_address && sentence.contains(['<', '(']) {
        let ends_with_address = sentence.ends_with(['>', ')']);
        // Some programs leave the year out.
        let is_complete = moment.has_time && (moment.has_date || ends_with_verb);
        let is_introduction = is_complete && (has_verb || ends_with_address);
        return is_introduction.then_some(Certainty::Alone);
    }
    (has_verb && moment.has_date).then_some(Certainty::WithQuote)
}

/// What a text says about when.
struct Moment {
    /// A day with its month and year, roughly: a year, or three numbers with the same sign between.
    has_date: bool,
    /// A time of day.
    has_time: bool,
}

impl Moment {
    fn of(text: &str) -> Self {
        let mut moment = Self { has_date: false, has_time: false };
        // Numbers as they come, with the character before each.
        let mut numbers: [(char, usize, u32); 2] = [(' ', 0, 0); 2];
        let mut before = ' ';
        let mut digits = 0;
        let mut value: u32 = 0;
        for character in text.chars().chain(std::iter::once(' ')) {
            if let Some(digit) = character.to_digit(10) {
                digits += 1;
                value = value.saturating_mul(10).saturating_add(digit);
                continue;
            }
            if digits > 0 {
                let [first, second] = numbers;
                moment.has_date |= digits == 4 && (1990..2100).contains(&value);
                let is_separator = matches!(before, '.' | '/' | '-');
                moment.has_date |=
                    is_separator && second.0 == before && first.1 > 0 && second.1 > 0;
                let is_clock = matches!(before, ':' | '.' | 'h' | '時');
                moment.has_time |= is_clock
                    && digits == 2
                    && second.1 <= 2
                    && second.1 > 0
                    && second.2 < 25
                    && value < 60;
                numbers = [second, (before, digits, value)];
            }
            before = character;
            if !matches!(character, '.' | '/' | '-' | ':' | 'h' | '時') && digits == 0 {
                numbers = [(' ', 0, 0); 2];
            }
            digits = 0;
            value = 0;
        }
        moment
    }
}

/// Tells whether a text has something like an e-mail address; mail programs may break it in two.
fn has_address(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + 1..).and_then(|after| after.trim_start().chars().next());
        before.is_some_and(|character| !character.is_whitespace())
            && after.is_some_and(char::is_alphanumeric)
    })
}

/// Returns where the introduction that ends in line `end` begins, and how sure it is.
///
/// `first` is the first line that may belong to it.
pub(super) fn introduction_at(
    lines: &[Line<'_>],
    first: usize,
    end: usize,
) -> Option<(usize, Certainty)> {
    let last = lines.get(end)?;
    if !last.text().ends_with([':', '：']) {
        return None;
    }
    let mut joined = String::new();
    let mut nearest = None;
    for start in (first..=end).rev().take(MAX_INTRODUCTION_LINES) {
        let text = lines.get(start)?.text();
        if text.is_empty() || text.len() > MAX_INTRODUCTION_LINE_BYTES {
            break;
        }
        // A name without a date may be the end of an introduction that was broken, but no sentence stands in one.
        if nearest.is_some() && text.ends_with(['.', '!', '?', '。', '！', '？', '؟', ':']) {
            break;
        }
        joined = if joined.is_empty() { text.to_owned() } else { format!("{text} {joined}") };
        let found = introduction(&joined);
        if nearest.is_none() {
            nearest = found.map(|certainty| (start, certainty));
            if nearest.is_some() && Moment::of(&fold(&joined)).has_date {
                break;
            }
        } else if let Some(certainty) = found.filter(|_| partial::begins_with_date(&joined)) {
            return Some((start, certainty));
        }
    }
    nearest
}

/// Tells whether a line introduces a quote and goes on with it, as some programs do: "… <a@b.example> wrote: Dear …".
pub(super) fn is_introduction_with_quote(text: &str) -> bool {
    let Some(bracket) = text.find('>').filter(|&bracket| bracket < MAX_INTRODUCTION_LINE_BYTES)
    else {
        return false;
    };
    let Some(rest) = text.get(bracket..) else { return false };
    let Some(colon) = rest.find(": ").filter(|&colon| colon < MAX_FIELD_BYTES) else {
        return false;
    };
    text.get(..=bracket + colon).is_some_and(|text| stamped(text) == Some(Certainty::Alone))
}

/// A part that announces what follows to the end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Announcement {
    /// The line behind it.
    pub(super) end: usize,
    /// It says so of a forwarded message; other headers stand before both forwarded and answered ones.
    pub(super) says_forwarded: bool,
}

/// Reads an announcement that begins in line `at`.
pub(super) fn announcement(lines: &[Line<'_>], at: usize, fields: &Fields) -> Option<Announcement> {
    let text = lines.get(at)?.text();
    if text.starts_with(['-', '_', '—', '–', '=', '*']) {
        if let Some(found) = ruled_announcement(text) {
            let begin = next_line(lines, at + 1);
            let end = header_end(lines, begin, fields).unwrap_or(at + 1);
            return Some(Announcement { end, says_forwarded: found });
        }
        if is_rule(text) {
            let end = header_block(lines, next_line(lines, at + 1), fields)?;
            return Some(Announcement { end, says_forwarded: false });
        }
    }
    if text.ends_with([':', '：'])
        && text.len() <= MAX_ANNOUNCEMENT_BYTES
        && is_begin_forwarded(text)
    {
        let end = header_end(lines, next_line(lines, at + 1), fields).unwrap_or(at + 1);
        return Some(Announcement { end, says_forwarded: true });
    }
    let end = header_block(lines, at, fields)?;
    Some(Announcement { end, says_forwarded: false })
}

fn is_begin_forwarded(text: &str) -> bool {
    let folded = fold(text);
    BEGIN_FORWARDED.contains(&folded.as_str())
}

/// Tells whether a line of dashes with words announces a forwarded (true) or an answered (false) message.
fn ruled_announcement(text: &str) -> Option<bool> {
    if text.len() > MAX_ANNOUNCEMENT_BYTES {
        return None;
    }
    let is_rule = |character: char| {
        matches!(character, '-' | '_' | '—' | '–' | '=' | '*') || character.is_whitespace()
    };
    let words = text.trim_matches(is_rule);
    let dashes = text.len() - text.trim_start_matches(is_rule).len();
    if words.is_empty() || dashes < 2 {
        return None;
    }
    let words = fold(words.trim_end_matches(':'));
    if FORWARDED.iter().any(|phrase| words.starts_with(phrase)) {
        return Some(true);
    }
    ORIGINAL.contains(&words.as_str()).then_some(false)
}

/// Tells whether a line is a long rule, as Outlook puts before what it quotes.
fn is_rule(text: &str) -> bool {
    text.len() >= 10 && text.bytes().all(|byte| matches!(byte, b'_' | b'-' | b'='))
}

/// Returns `at`, or the line behind it when `at` is blank.
fn next_line(lines: &[Line<'_>], at: usize) -> usize {
    if lines.get(at).is_some_and(Line::is_blank) { at + 1 } else { at }
}

/// The header's field of each line, if it looks like one.
pub(super) struct Fields(Vec<Option<HeaderField>>);

impl Fields {
    pub(super) fn of(lines: &[Line<'_>]) -> Self {
        Self(lines.iter().map(|line| field(line.text())).collect())
    }

    fn get(&self, at: usize) -> Option<HeaderField> {
        self.0.get(at).copied().flatten()
    }
}

fn field(text: &str) -> Option<HeaderField> {
    let head = text.get(..floor_boundary(text, MAX_FIELD_BYTES)).unwrap_or_default();
    let (name, _) = head.split_once([':', '：'])?;
    let name = name.trim_matches(['*', ' ', '\u{a0}', '\u{202f}', '\u{3000}']);
    HeaderField::named(&fold(name))
}

/// Returns the line behind the fields that begin in line `at`, whatever they are.
fn header_end(lines: &[Line<'_>], at: usize, fields: &Fields) -> Option<usize> {
    fields.get(at)?;
    let mut end = at + 1;
    while end < at + MAX_HEADER_LINES && (fields.get(end).is_some() || is_continued(lines, end)) {
        end += 1;
    }
    Some(end)
}

/// Returns the line behind a block of fields that begins in line `at` and can be nothing but a mail's header.
///
/// Places can be "From:" and "To:" as well: sender, two more fields and a subject or an address have to be there.
fn header_block(lines: &[Line<'_>], at: usize, fields: &Fields) -> Option<usize> {
    let end = header_end(lines, at, fields)?;
    let mut seen: Vec<HeaderField> = Vec::new();
    for field in (at..end).filter_map(|line| fields.get(line)) {
        if !seen.contains(&field) {
            seen.push(field);
        }
    }
    let mut texts = lines.get(at..end)?.iter().map(Line::text);
    let is_header = seen.len() >= 3
        && seen.contains(&HeaderField::From)
        && (seen.contains(&HeaderField::Date) || seen.contains(&HeaderField::To))
        && (seen.contains(&HeaderField::Subject) || texts.any(has_address));
    is_header.then_some(end)
}

/// Tells whether a line goes on with the addresses of the line before.
fn is_continued(lines: &[Line<'_>], at: usize) -> bool {
    let Some(text) = lines.get(at).map(Line::text) else { return false };
    let Some(before) = at.checked_sub(1).and_then(|before| lines.get(before)) else { return false };
    !text.is_empty() && before.text().ends_with([';', ',']) && has_address(text)
}

/// Tells whether a line is the subject that a mail program gives a forwarded message: "Fwd: …".
pub(super) fn is_forward_subject(text: &str) -> bool {
    let head = text.get(..floor_boundary(text, MAX_FIELD_BYTES)).unwrap_or_default();
    head.split_once([':', '：'])
        .is_some_and(|(prefix, _)| FORWARD_PREFIXES.contains(&fold(prefix.trim()).as_str()))
}

/// Tells whether a line is a helpdesk's mark above which the answer goes.
pub(super) fn is_reply_mark(text: &str) -> bool {
    if text.len() > MAX_ANNOUNCEMENT_BYTES {
        return false;
    }
    let is_mark = text.starts_with(['#', '-', '=', '*', '~', '_']) && !text.starts_with("- ");
    is_mark && {
        let folded = fold(text);
        REPLY_ABOVE.iter().any(|phrase| folded.contains(phrase))
    }
}

/// Tells whether a line begins with a mark of quoting.
pub(super) fn is_marked(text: &str) -> bool {
    text.starts_with(['>', '＞'])
}

/// Tells whether lines that all begin with a mark of quoting are quoted: ">:(" and "> 40 €" are not.
pub(super) fn is_quote(lines: &[Line<'_>]) -> bool {
    lines.len() >= 3 || lines.iter().any(|line| is_quoted(line.text()))
}

fn is_quoted(text: &str) -> bool {
    let rest = text.trim_start_matches(['>', '＞', ' ']);
    let marks = text.get(..text.len() - rest.len()).unwrap_or_default();
    let is_spaced = marks.ends_with(' ') || marks.len() > 1;
    match rest.chars().next() {
        None => true,
        Some(first) if is_spaced => {
            first.is_alphabetic() || matches!(first, '"' | '“' | '*' | '-' | '•' | '[' | '¿' | '¡')
        }
        Some(first) => first.is_alphabetic() && rest.contains(' '),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn introductions_are_told_in_any_language_by_address_and_time() {
        for text in [
            "On Mon, Nov 3, 2025 at 10:00 AM Shop <a@b.example> wrote:",
            "Am Mo., 3. Nov. 2025 um 10:00 Uhr schrieb Shop <a@b.example>:",
            "3 Kas 2025 Pzt, 10:00 tarihinde Shop <a@b.example> şunu yazdı:",
            "2025年11月3日(月) 10:00 店 <a@b.example>:",
            "店 <a@b.example> 于2025年11月3日周一 10:00写道：",
            "Le lun. 3 nov. 2025 à 10h00, Shop <a@b.example> a écrit :",
            "في الاثنين، ٣ نوفمبر ٢٠٢٥ في ١٠:٠٠ ص تمت كتابة ما يلي بواسطة متجر <a@b.example>:",
        ] {
            assert_eq!(introduction(text), Some(Certainty::Alone), "{text}");
        }
    }

    #[test]
    fn what_a_person_could_have_written_needs_a_quote() {
        assert_eq!(
            introduction("Am 05.11.25 um 16:20 schrieb Ihr Support:"),
            Some(Certainty::WithQuote)
        );
        assert_eq!(introduction("On Wednesday I wrote again:"), None);
        assert_eq!(introduction("At 10:00 they said:"), None);
    }
}
