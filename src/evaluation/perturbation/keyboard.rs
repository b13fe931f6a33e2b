//! Which key lies beside which.

use crate::random::Random;

/// Rows of letters of the keyboards that are usual for a language; the last entry is for all others.
const LAYOUTS: [(&str, &[&str]); 7] = [
    ("de", &["qwertzuiopü", "asdfghjklöä", "yxcvbnm"]),
    ("fr", &["azertyuiop", "qsdfghjklm", "wxcvbn"]),
    ("tr", &["qwertyuıopğü", "asdfghjklşi", "zxcvbnmöç"]),
    ("sv", &["qwertyuiopå", "asdfghjklöä", "zxcvbnm"]),
    ("ru", &["йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"]),
    ("ar", &["ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر", "ىةوزظ"]),
    ("", &["qwertyuiop", "asdfghjkl", "zxcvbnm"]),
];

/// Returns the key to the left or right of a letter, in its case; `None` for a letter without a key of its own.
pub(super) fn neighbour(letter: char, language: &str, random: &mut Random) -> Option<char> {
    let lower = letter.to_lowercase().next()?;
    let rows = LAYOUTS.into_iter().find(|(tag, _)| *tag == language || tag.is_empty())?.1;
    let row: Vec<char> = rows.iter().find(|row| row.contains(lower))?.chars().collect();
    let place = row.iter().position(|key| *key == lower)?;
    let left = place.checked_sub(1).and_then(|place| row.get(place));
    let beside: Vec<char> = left.into_iter().chain(row.get(place + 1)).copied().collect();
    let key = *random.pick(&beside)?;
    if letter.is_uppercase() { key.to_uppercase().next() } else { Some(key) }
}
