//! Text without punctuation.

use super::marks::marks;

/// What people draw with punctuation: it tells the mood, and those who leave out full stops type it all the same.
const EMOTICONS: [&str; 14] =
    [":-)", ":-(", ";-)", ":)", ":(", ";)", ":D", ":P", ":/", ":'(", "<3", "^^", "=)", "xD"];

/// Takes punctuation out, but not emoticons and what stands inside numbers and addresses. Where it stood between two
/// words, a space is left; an apostrophe leaves none.
pub(super) fn without(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let marked = marks(&characters);
    let mut kept = String::with_capacity(text.len());
    let mut index = 0;
    while let Some(&character) = characters.get(index) {
        if let Some(length) = emoticon(characters.get(index..).unwrap_or_default()) {
            kept.extend(characters.iter().skip(index).take(length));
            index += length;
            continue;
        }
        let is_marked = marked.get(index).copied().unwrap_or_default();
        index += 1;
        if is_marked || !is_punctuation(character) {
            kept.push(character);
        } else if !is_apostrophe(character) {
            let before = kept.chars().next_back().is_some_and(|c| !c.is_whitespace());
            let after = characters.get(index).is_some_and(|c| !c.is_whitespace());
            if before && after {
                kept.push(' ');
            }
        }
    }
    kept.trim_end().to_owned()
}

/// Length of an emoticon that stands here, with a space or an end behind it.
fn emoticon(rest: &[char]) -> Option<usize> {
    EMOTICONS.into_iter().find_map(|emoticon| {
        let length = emoticon.chars().count();
        let here = rest.iter().zip(emoticon.chars()).filter(|(a, b)| **a == *b).count() == length;
        let ends = rest.get(length).is_none_or(|next| next.is_whitespace() || !next.is_ascii());
        (here && ends).then_some(length)
    })
}

fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '’' | '‘' | 'ʼ')
}

/// The general categories of punctuation (P), for the scripts of the languages that are supported.
fn is_punctuation(character: char) -> bool {
    // Symbols such as $ + < = > ^ ` | ~ are none.
    let is_ascii = character.is_ascii_punctuation() && !"$+<=>^`|~".contains(character);
    is_ascii
        || matches!(
            character,
            '¡' | '§' | '«' | '¶' | '·' | '»' | '¿'
            | '،' | '؛' | '؟' | '۔' | '٪'..='٭'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}'
            | '、'..='〃' | '〈'..='】' | '〔'..='〟' | '〰' | '・'
            | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe52}'
            | '！'..='＃' | '％'..='＊' | '，'..='／' | '：' | '；' | '？' | '＠' | '［'..='］' | '＿' | '｛' | '｝'
            | '｟'..='･'
        )
}
