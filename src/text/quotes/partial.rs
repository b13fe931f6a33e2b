//! Introductions that leave something out: the time, the date or the address.
//!
//! Persons write so too ("On 3 May I wrote:"), so that the writer has to look like a name.

use super::{Certainty, Moment, has_address};
use crate::text::phrases::introductions::{BEFORE_DATE, BEFORE_WRITER, PERSONS};
use crate::text::phrases::{WROTE, WROTE_BEFORE_NAME, fold};
use crate::text::signature::is_name;

/// Words of a writer's name.
const MAX_NAME_WORDS: usize = 5;
/// Words between the writer's address and the verb.
const MAX_WORDS_BEFORE_VERB: usize = 2;
/// Bytes in front of the first number of a date: "W dniu poniedziałek, 1 …".
const MAX_BYTES_BEFORE_DATE: usize = 40;

/// Tells whether a text introduces a quote by the writer's name and a verb, and what makes that sure.
pub(super) fn introduction(text: &str) -> Option<Certainty> {
    let sentence = text.trim_end().strip_suffix([':', '：'])?.trim_end();
    let parts = Parts::of(sentence)?;
    if !parts.is_written_by_name() {
        return None;
    }
    let moment = Moment::of(&fold(sentence));
    let is_dated = moment.has_date && begins_with_date(sentence);
    // Persons leave out the comma: "On 3 May 2025 Anna wrote:".
    let is_sure = match parts.writer {
        Writer::Address(_) | Writer::BareAddress => true,
        Writer::BeforeVerb(head) => is_dated && (moment.has_time || last_part(head).is_some()),
        Writer::BehindVerb(_) => is_dated && moment.has_time,
    };
    Some(if is_sure { Certainty::Alone } else { Certainty::WithQuote })
}

/// Tells whether a text begins with a date, as introductions do.
pub(super) fn begins_with_date(text: &str) -> bool {
    let folded = fold(text);
    let Some(at) = folded.find(|character: char| character.is_numeric()) else { return false };
    let first = folded.split([' ', '.', ',']).next().unwrap_or_default();
    at == 0 || (at <= MAX_BYTES_BEFORE_DATE && BEFORE_DATE.contains(&first))
}

/// Where the writer stands.
#[derive(Clone, Copy)]
enum Writer<'a> {
    /// In front of an address, which a verb stands beside.
    Address(&'a str),
    /// An address without a name, in front of the verb.
    BareAddress,
    /// In front of the verb.
    BeforeVerb(&'a str),
    /// Behind the verb.
    BehindVerb(&'a str),
}

struct Parts<'a> {
    writer: Writer<'a>,
}

impl<'a> Parts<'a> {
    fn of(sentence: &'a str) -> Option<Self> {
        let head = without_verb(sentence);
        let in_front = sentence.split_once('@').map(|(in_front, _)| in_front);
        let bracket = in_front.and_then(|in_front| in_front.rfind(['<', '(', '[']));
        if let Some((before, address)) = bracket.and_then(|at| sentence.split_at_checked(at))
            && has_address(address)
        {
            let (_, behind) = address.rsplit_once(['>', ')', ']'])?;
            let is_beside = match head {
                Some(_) => behind.split_whitespace().count() <= MAX_WORDS_BEFORE_VERB + 1,
                None if behind.is_empty() => verb_before(before).is_some(),
                None => is_verb_with_date(behind),
            };
            return is_beside.then_some(Self { writer: Writer::Address(before) });
        }
        let writer = match head {
            Some(head) if is_bare_address(head) => Writer::BareAddress,
            Some(head) => Writer::BeforeVerb(head),
            None => Writer::BehindVerb(verb_before(sentence)?),
        };
        Some(Self { writer })
    }

    fn is_written_by_name(&self) -> bool {
        let head = match self.writer {
            Writer::BareAddress => return true,
            Writer::Address(head) | Writer::BeforeVerb(head) | Writer::BehindVerb(head) => head,
        };
        let name = name_in(verb_before(head).unwrap_or(head));
        let name = name.trim_matches(['"', '“', '”', '„', '\'', ' ', ',', '*', '«', '»']);
        let is_small = name.chars().next().is_none_or(char::is_lowercase);
        let is_person = fold(name).split_whitespace().any(|word| PERSONS.contains(&word));
        !is_small && !is_person && is_name(name, MAX_NAME_WORDS)
    }
}

/// Tells whether a text is an address, alone or behind a date.
fn is_bare_address(head: &str) -> bool {
    let (date, address) = head.rsplit_once(' ').unwrap_or(("", head));
    let is_placed = date.is_empty() || (date.ends_with(',') && begins_with_date(date));
    is_placed && address.starts_with(char::is_alphanumeric) && has_address(address)
}

/// Tells whether a text is a verb with a date behind it: "schrieb am 1. Januar 2024".
fn is_verb_with_date(text: &str) -> bool {
    let text = text.trim_start();
    let date = WROTE.iter().find_map(|verb| text.strip_prefix(verb)?.strip_prefix(' '));
    date.is_some_and(|date| begins_with_date(date) && Moment::of(&fold(date)).has_date)
}

/// Returns what stands in front of the verb that ends a text.
fn without_verb(sentence: &str) -> Option<&str> {
    let heads = WROTE.iter().filter_map(|verb| {
        let head = sentence.strip_suffix(verb)?;
        let is_word = head.ends_with([' ', '\u{a0}', '>', ')', ']'])
            || verb.chars().next().is_some_and(|first| u32::from(first) >= 0x3000);
        is_word.then(|| head.trim_end())
    });
    heads.min_by_key(|head| head.len())
}

/// Returns what stands behind a verb that comes before the writer's name.
fn verb_before(sentence: &str) -> Option<&str> {
    WROTE_BEFORE_NAME.iter().find_map(|verb| Some(sentence.rsplit_once(verb)?.1))
}

/// Returns the text behind the last comma, when the date is in front of it.
fn last_part(head: &str) -> Option<&str> {
    let (date, name) = head.rsplit_once([',', '،', '，', '、'])?;
    (date.contains(char::is_numeric) && !name.contains(char::is_numeric)).then_some(name)
}

/// Returns the name behind the date and time.
fn name_in(head: &str) -> &str {
    if let Some(name) = last_part(head) {
        return name.trim();
    }
    let behind_numbers = match head.rfind(char::is_numeric) {
        // The rest of the word belongs to the number: "10:00Uhr", "1日(月)".
        Some(at) => {
            let rest = head.get(at..).unwrap_or_default();
            rest.split_once(char::is_whitespace).map_or("", |(_, name)| name)
        }
        None => head,
    };
    let mut name = behind_numbers.trim();
    while let Some((first, rest)) = name.split_once(' ')
        && BEFORE_WRITER.contains(&fold(first.trim_end_matches([',', '.'])).as_str())
    {
        name = rest.trim_start();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_or_date_with_a_name_and_a_verb_is_enough() {
        for text in [
            "Shop <s@x.example> wrote:",
            "On 01/01/2024, Shop <s@x.example> wrote:",
            "Am Montag, 1. Januar 2024, Shop <s@x.example> schrieb:",
            "Shop <s@x.example> schrieb am 1. Januar 2024:",
            "shop@x.example wrote:",
            "On Mon, Jan 1, 2024, shop@x.example wrote:",
            "On 01/01/2024 10:15, Shop wrote:",
            "Am 01.01.2024 um 10:15 schrieb Shop:",
            "W dniu 01.01.2024 o 10:15, Shop pisze:",
        ] {
            assert_eq!(introduction(text), Some(Certainty::Alone), "{text}");
        }
    }

    #[test]
    fn what_persons_tell_is_no_introduction() {
        for text in [
            "On 01/01/2024 at 10:15 I wrote:",
            "On 01/01/2024, your colleague wrote:",
            "I asked Shop <s@x.example> and she wrote:",
            "Am 01.01.2024 um 10:15 schrieb ich:",
            "the label wrote:",
            "On 01/01/2024 I asked shop@x.example and she wrote:",
        ] {
            assert_eq!(introduction(text), None, "{text}");
        }
        assert_eq!(introduction("Anna wrote:"), Some(Certainty::WithQuote));
    }
}
