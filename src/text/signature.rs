//! What stands under a message: closing formulas, names, addresses, notices of firms and mail programs.

mod blocks;
mod names;

use names::has_content;
pub(super) use names::is_name;

use super::phrases::closings::{CLOSINGS, FROM_PLACE};
use super::phrases::devices::{DEVICES, NOT_SENT_FROM, SENT_FROM};
use super::phrases::fold;
use super::phrases::footers::FOOTERS;
use super::sections::SectionKind;

/// Lines of a signature.
pub(super) const MAX_LINES: usize = 12;
/// Lines of a paragraph that is a notice.
const MAX_NOTICE_LINES: usize = 12;
/// Bytes of a paragraph that is a notice, at least.
const MIN_NOTICE_BYTES: usize = 30;
/// Bytes of a paragraph that is a notice, at most.
const MAX_NOTICE_BYTES: usize = 4_000;
/// Bytes of a line of a signature.
const MAX_LINE_BYTES: usize = 160;

/// Tells whether a line is what a mail program says about itself: "Sent from my iPhone".
pub(super) fn is_sent_from(text: &str) -> bool {
    if text.len() > MAX_LINE_BYTES || text.len() < 8 {
        return false;
    }
    let text = fold(text);
    let text = text.trim_end_matches(['.', ' ', '-']);
    SENT_FROM.iter().any(|phrase| text.starts_with(phrase) || text.ends_with(phrase))
        && DEVICES.iter().any(|device| text.contains(device))
        && !NOT_SENT_FROM.iter().any(|sign| text.contains(sign))
        && text.split_whitespace().count() <= 12
}

/// A line at the end of a message, with what it can be in a signature.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    text: &'a str,
    /// A blank line or something that was cut stands before it.
    is_paragraph: bool,
    /// Found out when first asked.
    role: Option<Role>,
}

/// What a line can be in a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// The line "--".
    Delimiter,
    /// A line of dashes or the like.
    Rule,
    /// A closing formula.
    Closing,
    /// Says how to reach somebody.
    Contact,
    /// A name, title, firm or street.
    Name,
    /// None of these.
    Text,
}

impl<'a> Ending<'a> {
    pub(super) fn new(text: &'a str, is_paragraph: bool) -> Self {
        Self { text, is_paragraph, role: None }
    }

    fn role(&mut self) -> Role {
        *self.role.get_or_insert_with(|| role(self.text))
    }
}

/// Tells whether a line asks for or says something that a signature does not.
pub(super) fn says_something(text: &str) -> bool {
    if text.contains(['?', '？', '؟']) {
        return true;
    }
    let folded = fold(text);
    let is_formula = FOOTERS.iter().any(|phrase| folded.contains(phrase));
    has_content(&folded) && text.split_whitespace().count() >= 3 && !is_formula
}

/// Returns how many of the last lines are a signature or a notice, and which.
///
/// `lines` are those that are not blank, in order. A message that is nothing but its signature stays: there is nothing
/// else to read.
pub(super) fn ending(lines: &mut [Ending<'_>]) -> Option<(usize, SectionKind)> {
    if lines.len() < 2 {
        return None;
    }
    let found = notice(lines)
        .map(|count| (count, SectionKind::Footer))
        .or_else(|| signature(lines).map(|count| (count, SectionKind::Signature)))?;
    (found.0 < lines.len()).then_some(found)
}

/// Returns how many lines the last paragraph has, when it is a notice.
fn notice(lines: &[Ending<'_>]) -> Option<usize> {
    let mut bytes = 0;
    let mut count = 0;
    for line in lines.iter().rev() {
        count += 1;
        bytes += line.text.len();
        if count > MAX_NOTICE_LINES || bytes > MAX_NOTICE_BYTES {
            return None;
        }
        if line.is_paragraph {
            break;
        }
    }
    let first = lines.len().checked_sub(count).filter(|&first| first > 0)?;
    if bytes < MIN_NOTICE_BYTES {
        return None;
    }
    let paragraph: Vec<&str> = lines.get(first..)?.iter().map(|line| line.text).collect();
    let paragraph = fold(&paragraph.join(" "));
    let is_notice =
        !paragraph.contains('?') && FOOTERS.iter().any(|phrase| paragraph.contains(phrase));
    is_notice.then_some(count)
}

/// Returns how many lines stand from a delimiter, rule or closing formula on, when all behind it look like a signature;
/// some signatures need none.
fn signature(lines: &mut [Ending<'_>]) -> Option<usize> {
    let mut reaches = false;
    let mut ruled = None;
    let mut closed = None;
    for (index, line) in lines.iter_mut().rev().take(MAX_LINES).enumerate() {
        match line.role() {
            Role::Delimiter => return Some(index + 1),
            // Rules stand around a signature: the first one is wanted.
            Role::Rule if reaches => ruled = Some(index + 1),
            Role::Rule | Role::Name => {}
            Role::Contact => reaches = true,
            Role::Closing if closed.is_none() => closed = Some(index + 1),
            Role::Closing => {}
            Role::Text => break,
        }
    }
    ruled.max(closed).or_else(|| blocks::postal(lines)).or_else(|| blocks::card(lines))
}

fn role(text: &str) -> Role {
    if matches!(text, "--" | "—") {
        Role::Delimiter
    } else if is_rule(text) {
        Role::Rule
    } else if is_closing(text) {
        Role::Closing
    } else if text.len() > MAX_LINE_BYTES
        || text.contains(['?', '？', '؟', '!', '！', '。', '¿', '¡'])
    {
        Role::Text
    } else if is_contact(text) || is_registration(text) || is_sent_from(text) {
        if has_content(&fold(text)) { Role::Text } else { Role::Contact }
    } else if is_name(text, 6) {
        Role::Name
    } else {
        Role::Text
    }
}

/// Tells whether a line is a rule of five signs or more.
fn is_rule(text: &str) -> bool {
    let is_sign = |character: char| {
        matches!(
            character,
            '-' | '_'
                | '='
                | '*'
                | '~'
                | '─'
                | '━'
                | '―'
                | '＝'
                | '＊'
                | '～'
                | '—'
                | '+'
                | '#'
                | '・'
        )
    };
    text.chars().count() >= 5 && text.chars().all(is_sign)
}

/// Tells whether a line is a closing formula, alone or with the name of who closes.
fn is_closing(text: &str) -> bool {
    if text.len() > MAX_LINE_BYTES {
        return false;
    }
    let folded = fold(text);
    let ends = [',', '.', '!', '-', '—', '–', ':', ' ', '、', '。', ')', '(', '…', '،'];
    let phrase = folded.trim_end_matches(ends);
    if CLOSINGS.contains(&phrase) {
        return true;
    }
    // Firms close in two languages at once.
    if let Some((first, second)) = phrase.split_once(['/', '|'])
        && CLOSINGS.contains(&first.trim_matches(ends))
        && CLOSINGS.contains(&second.trim_matches(ends))
    {
        return true;
    }
    if is_korean_closing(phrase) {
        return true;
    }
    // The name may follow on the same line: the formula is as long in the line as it is folded.
    CLOSINGS.iter().any(|formula| {
        let Some(rest) = folded.strip_prefix(formula) else { return false };
        let Some(rest) = text.get(text.len().saturating_sub(rest.len())..) else { return false };
        let has_comma = rest.starts_with([',', '،']);
        let name = rest.trim_start_matches([',', '،', ' ', '-', '–']);
        if name.len() == rest.len() || name.is_empty() || (!has_comma && is_ambiguous(formula)) {
            return false;
        }
        let name = name.trim_end_matches(['.', '!', ' ']);
        let (first, place) = name.split_once(' ').unwrap_or((name, ""));
        let is_place = FROM_PLACE.contains(&first) && !place.is_empty() && is_name(place, 2);
        is_place || is_name(name, 3)
    })
}

/// Tells whether a line is a Korean name with the word with which one signs.
fn is_korean_closing(phrase: &str) -> bool {
    let name = ["드림", "올림", "배상"].iter().find_map(|word| phrase.strip_suffix(word));
    name.is_some_and(|name| {
        name.ends_with(' ') && name.split_whitespace().count() <= 2 && name.chars().count() <= 10
    })
}

/// Tells whether a formula with a capitalised word behind it may be something else: "LG Fernseher", "Best Buy".
fn is_ambiguous(formula: &str) -> bool {
    formula.len() <= 4
}

/// Tells whether a line says how to reach somebody: an address, a site, a telephone number, parts between bars.
fn is_contact(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let has_address = text.contains('@') || text.contains("www.") || text.contains("://");
    if has_address {
        return words <= 6;
    }
    let is_barred = text.contains(" | ") || text.contains(" · ") || text.contains(" • ");
    if is_barred {
        return true;
    }
    let digits = text.chars().filter(|character| character.is_numeric()).count();
    let letters = text.chars().filter(|character| character.is_alphabetic()).count();
    let signs = text
        .chars()
        .filter(|character| matches!(character, '+' | '(' | ')' | '-' | ' ' | '/' | '.'))
        .count();
    let is_telephone = (7..=16).contains(&digits) && letters <= 12 && (signs >= 1 || letters > 0);
    is_telephone && words <= 9
}

/// Tells whether a line is about where a firm is registered.
fn is_registration(text: &str) -> bool {
    if !text.contains(|character: char| character.is_numeric()) {
        return false;
    }
    const WORDS: [&str; 22] = [
        "amtsgericht",
        "handelsregister",
        "geschäftsführer",
        "ust-id",
        "hrb ",
        "registered office",
        "company no",
        "vat no",
        "vat reg",
        "siret",
        "rcs ",
        "p.iva",
        "partita iva",
        "c.i.f",
        "kvk ",
        "btw ",
        "krs ",
        "regon",
        "org.nr",
        "mersis",
        "инн ",
        "огрн",
    ];
    let folded = fold(text);
    WORDS.iter().any(|word| folded.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mail_programs_say_is_told_from_what_people_say() {
        for text in [
            "Sent from my iPhone",
            "Von meinem iPhone gesendet",
            "iPhone'umdan gönderildi",
            "iPhoneから送信",
            "发自我的iPhone",
            "나의 iPhone에서 보냄",
            "Get Outlook for iOS",
            "أُرسلت من الـ iPhone",
        ] {
            assert!(is_sent_from(text), "{text}");
        }
        for text in [
            "Sent from my old address by mistake, sorry.",
            "I sent it from my phone yesterday, did you get the three photos of the damage?",
            "My phone is broken",
        ] {
            assert!(!is_sent_from(text), "{text}");
        }
    }

    fn cut(texts: &[&str]) -> Option<(usize, SectionKind)> {
        let mut lines: Vec<Ending<'_>> = texts.iter().map(|text| Ending::new(text, true)).collect();
        ending(&mut lines)
    }

    #[test]
    fn a_wish_under_a_closing_keeps_everything() {
        for wish in [
            "Please also cancel order 5",
            "PS: call me",
            "CANCEL MY ORDER",
            "请尽快退款",
            "أريد استرداد",
            "Kundennummer 559201",
            "and where is it?",
        ] {
            assert_eq!(cut(&["It leaks.", "Best regards", "Tom Abara", wish]), None, "{wish}");
        }
    }

    #[test]
    fn a_closing_with_contacts_under_it_is_a_signature() {
        let lines = [
            "It leaks.",
            "Kind regards,",
            "Tom Abara",
            "Head of Sales | Abara Ltd",
            "+44 20 7946 0000",
        ];

        assert_eq!(cut(&lines), Some((4, SectionKind::Signature)));
    }

    #[test]
    fn a_message_that_is_nothing_but_a_closing_stays() {
        assert_eq!(cut(&["Best regards", "Tom"]), None);
        assert_eq!(cut(&["LG Fernseher"]), None);
    }
}
