//! A text as letters and digits of ASCII and what separates them, with the escapes of addresses decoded.

use super::super::folding::ascii_form;

/// Stands for letters and digits that have no ASCII form.
const OTHER_LETTER: u8 = b'?';

/// Stands for everything that is neither letter nor digit and has no ASCII form.
const OTHER_SIGN: u8 = b' ';

/// Cyrillic and Greek capitals and the Latin ones that look the same.
const LOOKALIKES: [(&str, &str); 2] =
    [("АВСЕНІЈКМОРЅТХУ", "ABCEHIJKMOPSTXY"), ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX")];

/// One character or one escape.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    /// ASCII form, letters in upper case.
    pub(super) byte: u8,
    /// Where it begins, in bytes of the text.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
}

impl Sign {
    /// Tells whether it is a digit.
    pub(super) fn is_digit(&self) -> bool {
        self.byte.is_ascii_digit()
    }

    /// Tells whether it is a letter of any script or a digit.
    pub(super) fn is_alphanumeric(&self) -> bool {
        self.byte.is_ascii_alphanumeric() || self.byte == OTHER_LETTER
    }
}

/// Counts the digits of a text, at least.
pub(super) fn count_digits(text: &str) -> usize {
    let is_digit = |character: &char| {
        character.is_ascii_digit()
            || (!character.is_ascii() && ascii_form(*character).is_ascii_digit())
    };
    text.chars().filter(is_digit).count()
}

/// Reads a text.
pub(super) fn read(text: &str) -> Vec<Sign> {
    let mut signs = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let start = text.len() - rest.len();
        let (byte, length) = match escape(rest.as_bytes()) {
            Some((byte, length)) => (ascii_sign(char::from(byte)), length),
            None => (ascii_sign(character), character.len_utf8()),
        };
        signs.push(Sign { byte, start, end: start + length });
        rest = rest.get(length..).unwrap_or_default();
    }
    signs
}

/// Returns the byte that an escape stands for (RFC 3986, section 2.1), also one that is escaped again, and its length.
fn escape(bytes: &[u8]) -> Option<(u8, usize)> {
    let after_sign = bytes.strip_prefix(b"%")?;
    let again = after_sign.chunks_exact(2).take(8).take_while(|pair| *pair == b"25").count() * 2;
    let hexadecimal = |at: usize| {
        let digit = char::from(*after_sign.get(at)?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    let byte = hexadecimal(again)? * 16 + hexadecimal(again + 1)?;
    Some((byte, again + 3))
}

fn ascii_sign(character: char) -> u8 {
    let form = ascii_form(character).to_ascii_uppercase();
    if form == char::from(OTHER_LETTER) {
        return OTHER_SIGN;
    }
    if let Some(byte) = u8::try_from(form).ok().filter(u8::is_ascii) {
        return byte;
    }
    let upper = form.to_uppercase().next().unwrap_or(form);
    let lookalike = LOOKALIKES.iter().find_map(|(others, latin)| {
        let place = others.chars().position(|other| other == upper)?;
        latin.as_bytes().get(place).copied()
    });
    lookalike.unwrap_or(if form.is_alphanumeric() { OTHER_LETTER } else { OTHER_SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_lookalikes_and_wide_digits_are_read() {
        let signs = read("%34é%2520Е４?");

        let bytes: Vec<u8> = signs.iter().map(|sign| sign.byte).collect();
        assert_eq!(bytes, b"4? E4 ");
    }
}
