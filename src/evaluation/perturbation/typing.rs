//! Typing errors.

use super::keyboard::neighbour;
use super::marks::marks;
use crate::random::Random;

/// Letters for one error.
const LETTERS_PER_ERROR: usize = 30;

/// Letters that a word needs to be touched. Shorter ones hold the words that turn a meaning around.
const MIN_WORD: usize = 4;
/// The same for Hangul, where a character is a syllable.
const MIN_HANGUL_WORD: usize = 3;

/// What is done to a letter.
#[derive(Clone, Copy)]
enum Edit {
    Swap,
    Drop,
    Double,
    Neighbour,
}

const EDITS: [Edit; 4] = [Edit::Swap, Edit::Drop, Edit::Double, Edit::Neighbour];

/// Makes one typing error for thirty letters; what is over is a chance of one more.
pub(super) fn mistype(text: &str, language: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let letters = characters.iter().filter(|c| c.is_alphabetic()).count();
    let chance = usize::from(random.below(LETTERS_PER_ERROR) < letters % LETTERS_PER_ERROR);
    let wanted = letters / LETTERS_PER_ERROR + chance;
    let mut places = chosen(places(&characters), wanted, random);
    // From the end to the beginning, so that places before an edit stay where they are.
    places.sort_unstable_by(|a, b| b.cmp(a));
    for place in places {
        edit(&mut characters, place, language, random);
    }
    characters.into_iter().collect()
}

/// Chinese characters and kana: written without spaces, and each carries too much to be swapped or dropped.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// Places of letters that may be touched.
fn places(characters: &[char]) -> Vec<usize> {
    let marked = marks(characters);
    let mut places = Vec::new();
    let mut start = 0;
    for word in characters.chunk_by(|a, b| a.is_alphabetic() && b.is_alphabetic()) {
        let range = start..start + word.len();
        start = range.end;
        let is_marked = marked.get(range.clone()).is_some_and(|marks| marks.contains(&true));
        if is_marked || !word.iter().all(|c| c.is_alphabetic()) {
            continue;
        }
        if word.iter().any(|c| is_unspaced(*c)) {
            places.extend(range);
            continue;
        }
        let hangul = word.iter().all(|c| is_hangul(*c));
        let least = if hangul { MIN_HANGUL_WORD } else { MIN_WORD };
        if word.len() >= least {
            places.extend(range.skip(1));
        }
    }
    places
}

/// Chooses some of the places, none beside another.
fn chosen(mut places: Vec<usize>, wanted: usize, random: &mut Random) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::with_capacity(wanted);
    while chosen.len() < wanted && !places.is_empty() {
        let place = places.swap_remove(random.below(places.len()));
        if chosen.iter().all(|other| other.abs_diff(place) > 1) {
            chosen.push(place);
        }
    }
    chosen
}

fn edit(characters: &mut Vec<char>, place: usize, language: &str, random: &mut Random) {
    let Some(&letter) = characters.get(place) else { return };
    let edit = random.pick(&EDITS).copied().unwrap_or(Edit::Double);
    let edit = if is_unspaced(letter) { Edit::Double } else { edit };
    match edit {
        Edit::Swap => {
            let next = characters.get(place + 1).copied();
            match next.filter(|next| next.is_alphabetic() && *next != letter) {
                Some(_) => characters.swap(place, place + 1),
                None => characters.insert(place, letter),
            }
        }
        Edit::Drop => {
            characters.remove(place);
        }
        Edit::Double => characters.insert(place, letter),
        Edit::Neighbour => match neighbour(letter, language, random) {
            Some(key) => {
                if let Some(character) = characters.get_mut(place) {
                    *character = key;
                }
            }
            None => characters.insert(place, letter),
        },
    }
}
