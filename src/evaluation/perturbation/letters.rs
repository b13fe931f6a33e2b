//! The same letters in another case, without marks, in another width.

use unicode_normalization::UnicodeNormalization;

use super::marks::marks;

/// Makes letters small; Turkish has two kinds of i.
pub(super) fn lower(text: &str, language: &str) -> String {
    if language == "tr" {
        return text.replace('I', "ı").replace('İ', "i").to_lowercase();
    }
    text.to_lowercase()
}

/// Makes letters capital; Turkish has two kinds of i.
pub(super) fn upper(text: &str, language: &str) -> String {
    if language == "tr" {
        return text.replace('i', "İ").replace('ı', "I").to_uppercase();
    }
    text.to_uppercase()
}

/// Takes the marks off Latin letters, and those that are often left out off Cyrillic and Arabic ones.
pub(super) fn without_diacritics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.nfc() {
        match character {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'Æ' => plain.push_str("AE"),
            'œ' => plain.push_str("oe"),
            'Œ' => plain.push_str("OE"),
            'ø' => plain.push('o'),
            'Ø' => plain.push('O'),
            'ł' => plain.push('l'),
            'Ł' => plain.push('L'),
            'đ' => plain.push('d'),
            'Đ' => plain.push('D'),
            'ı' => plain.push('i'),
            'ё' => plain.push('е'),
            'Ё' => plain.push('Е'),
            'أ' | 'إ' | 'آ' => plain.push('ا'),
            '\u{64b}'..='\u{652}' => {}
            other => plain.push(base(other)),
        }
    }
    plain
}

/// The Latin letter under the marks; any other character as it is.
fn base(character: char) -> char {
    let mut parts = std::iter::once(character).nfd();
    parts.next().filter(char::is_ascii_alphabetic).unwrap_or(character)
}

/// Writes umlauts as two letters; the second is a capital in a word of capitals.
pub(super) fn written_out_umlauts(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 8);
    let mut characters = text.nfc().peekable();
    let mut before_is_capital = false;
    while let Some(character) = characters.next() {
        let after_is_capital = characters.peek().is_some_and(|next| next.is_uppercase());
        let pair = match character {
            'ä' => "ae",
            'ö' => "oe",
            'ü' => "ue",
            'ß' => "ss",
            'Ä' => "Ae",
            'Ö' => "Oe",
            'Ü' => "Ue",
            _ => "",
        };
        if pair.is_empty() {
            written.push(character);
        } else if character.is_uppercase() && (before_is_capital || after_is_capital) {
            written.push_str(&pair.to_uppercase());
        } else {
            written.push_str(pair);
        }
        before_is_capital = character.is_uppercase();
    }
    written
}

/// Distance from an ASCII character to its full-width form.
const TO_FULL_WIDTH: u32 = 0xfee0;

/// Puts ASCII letters and digits into full width, but not those of addresses.
pub(super) fn full_width(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let address = |stretch: &[char]| {
        let text: String = stretch.iter().collect();
        text.contains('@') || text.contains("://") || text.contains("www.")
    };
    let mut wide = String::with_capacity(text.len() * 2);
    for stretch in characters.chunk_by(|a, b| a.is_ascii_graphic() == b.is_ascii_graphic()) {
        let keep = address(stretch) && marks(stretch).contains(&true);
        wide.extend(stretch.iter().map(|&character| {
            let widened = char::from_u32(u32::from(character) + TO_FULL_WIDTH);
            widened.filter(|_| !keep && character.is_ascii_alphanumeric()).unwrap_or(character)
        }));
    }
    wide
}
