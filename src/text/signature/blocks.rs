//! Signatures that no closing formula stands in front of, told by what they hold.

use super::{Ending, has_content, is_contact, is_name};
use crate::text::phrases::fold;

/// Lines of such a signature.
const MAX_LINES: usize = 7;
/// Lines in front of it that may speak of an address.
const MAX_LINES_IN_FRONT: usize = 30;
/// Bytes of one of its lines.
const MAX_LINE_BYTES: usize = 160;
/// Words that ask to do something with the address under them; a paragraph that says "the following" does too.
const ASKED_FOR: [&str; 18] = [
    "住所",
    "届け先",
    "届先",
    "配送先",
    "送り先",
    "送付先",
    "発送先",
    "宛先",
    "宛て",
    "引っ越",
    "引越",
    "転居",
    "下記",
    "以下",
    "次の",
    "こちら",
    "変更",
    "訂正",
];
/// What such a signature's lines do not have.
const SENTENCE: [char; 8] = ['。', '？', '?', '！', '!', '、', '「', 'ま'];

/// Returns how many lines the last paragraph has, when it is a Japanese name with address and telephone.
///
/// Addresses are also what customers write about, so that it stays where the text in front speaks of one.
pub(super) fn postal(lines: &[Ending<'_>]) -> Option<usize> {
    let count = 1 + lines.iter().rev().take(MAX_LINES).position(|line| line.is_paragraph)?;
    let (text, block) = lines.split_at_checked(lines.len().checked_sub(count)?)?;
    let (name, rest) = block.split_first()?;
    let is_block = is_name(name.text, 3)
        && rest.iter().any(|line| line.text.starts_with('〒'))
        && rest.iter().any(|line| is_telephone(line.text))
        && rest.iter().all(|line| is_part(line.text));
    let is_asked_for = || {
        text.iter().rev().take(MAX_LINES_IN_FRONT).any(|line| {
            line.text.contains('〒') || ASKED_FOR.iter().any(|word| line.text.contains(word))
        })
    };
    (is_block && !text.is_empty() && !is_asked_for()).then_some(count)
}

/// Returns 1 when the last paragraph is one line of name, firm and telephone: "Kim Lee | Lee Ltd | +1 …".
pub(super) fn card(lines: &[Ending<'_>]) -> Option<usize> {
    let line = lines.last().filter(|line| line.is_paragraph && line.text.contains(" | "))?;
    let parts: Vec<&str> = line.text.split(" | ").map(str::trim).collect();
    let is_card = parts.len() >= 3
        && line.text.len() <= MAX_LINE_BYTES
        && parts.first().is_some_and(|name| is_name(name, 4))
        && parts.iter().any(|part| part.contains('@') || is_international_number(part))
        && !line.text.contains(['?', '？', '؟', '!'])
        && !has_content(&fold(line.text));
    is_card.then_some(1)
}

/// Tells whether a text is a telephone number and nothing else: "+1 555 010 0199".
fn is_international_number(text: &str) -> bool {
    let is_sign = |character: char| {
        character.is_ascii_digit() || matches!(character, '+' | ' ' | '(' | ')' | '-' | '.' | '/')
    };
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.starts_with('+') && text.chars().all(is_sign) && (7..=16).contains(&digits)
}

fn is_part(text: &str) -> bool {
    text.len() <= MAX_LINE_BYTES && !text.contains(SENTENCE)
}

fn is_telephone(text: &str) -> bool {
    const LABELS: [&str; 6] = ["電話", "tel", "Tel", "TEL", "携帯", "☎"];
    LABELS.iter().any(|label| text.starts_with(label)) && is_contact(text)
}
