//! The letters of a text by script, and its words.

/// Code points that are looked at; more do not change the answer but cost time.
const SAMPLE_CHARS: usize = 1_000;

/// Scripts that the n-grams know; the letters of every other are counted together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Arabic,
    Kana,
    Han,
    Hangul,
    Other,
}

/// Letters of each script in a text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LetterCounts {
    pub(super) latin: usize,
    pub(super) cyrillic: usize,
    pub(super) arabic: usize,
    pub(super) kana: usize,
    pub(super) han: usize,
    pub(super) hangul: usize,
    pub(super) other: usize,
}

impl LetterCounts {
    /// Returns how many letters there are.
    pub(super) fn total(&self) -> usize {
        self.latin + self.cyrillic + self.arabic + self.kana + self.han + self.hangul + self.other
    }

    fn count(&mut self, script: Script) {
        let counted = match script {
            Script::Latin => &mut self.latin,
            Script::Cyrillic => &mut self.cyrillic,
            Script::Arabic => &mut self.arabic,
            Script::Kana => &mut self.kana,
            Script::Han => &mut self.han,
            Script::Hangul => &mut self.hangul,
            Script::Other => &mut self.other,
        };
        *counted += 1;
    }
}

/// Calls `read` with each word of the first 1,000 code points: a space, letters in lower case and apostrophes, a space.
///
/// Links, addresses and numbers are left out: they are spelled alike in every language.
pub(super) fn for_each_word(text: &str, mut read: impl FnMut(&[char])) -> LetterCounts {
    let mut letters = LetterCounts::default();
    let mut word = vec![' '];
    for stretch in stretches(sample(text)).filter(|stretch| is_prose(stretch)) {
        for character in stretch.chars() {
            if is_mark(character) {
                continue;
            }
            let script = script_of(character);
            if let Some(script) = script {
                letters.count(script);
            }
            match (script, character) {
                (None, '\'' | '\u{2019}') => word.push('\''),
                (None | Some(Script::Other), _) => end_word(&mut word, &mut read),
                (Some(_), _) => word.push(lower(character)),
            }
        }
        end_word(&mut word, &mut read);
    }
    letters
}

fn end_word(word: &mut Vec<char>, read: &mut impl FnMut(&[char])) {
    if word.len() > 1 {
        word.push(' ');
        read(word);
        word.truncate(1);
    }
}

/// Returns the part of a text that is looked at.
pub(super) fn sample(text: &str) -> &str {
    match text.char_indices().nth(SAMPLE_CHARS) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}

/// Cuts at spaces and where East Asian writing begins and ends: it puts no spaces around numbers and links.
fn stretches(text: &str) -> impl Iterator<Item = &str> {
    text.split(char::is_whitespace).flat_map(|token| {
        let mut rest = token;
        std::iter::from_fn(move || {
            let kind = is_east_asian(rest.chars().next()?);
            let end = rest.find(|character| is_east_asian(character) != kind);
            let (stretch, following) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
            rest = following;
            Some(stretch)
        })
    })
}

/// Letters and punctuation of Chinese, Japanese and Korean.
fn is_east_asian(character: char) -> bool {
    matches!(
        character,
        '\u{2e80}'..='\u{2fff}'
            | '\u{3001}'..='\u{faff}'
            | '\u{ff00}'..='\u{ffef}'
            | '\u{20000}'..='\u{323af}'
    )
}

/// Tells whether a stretch between spaces is language at all. A digit may stand for a letter ("3ayez"), two may not.
fn is_prose(stretch: &str) -> bool {
    let digits = stretch.bytes().filter(u8::is_ascii_digit).count();
    digits < 2 && !stretch.contains('@') && !stretch.contains("://") && !stretch.starts_with("www.")
}

/// One character for one, so that the n-grams of a word stay as long as the word.
fn lower(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// Vowel marks and the stretching line of Arabic, which many writers leave out.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Returns the script of a letter; none for everything that is no letter.
///
/// Explicit ranges, not a Unicode table, because the recipe in `training/language.py` has to read every text alike.
pub(super) fn script_of(character: char) -> Option<Script> {
    match character {
        'A'..='Z'
        | 'a'..='z'
        | '\u{aa}'
        | '\u{ba}'
        | '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{24f}'
        | '\u{1e00}'..='\u{1eff}'
        | '\u{ff21}'..='\u{ff3a}'
        | '\u{ff41}'..='\u{ff5a}' => Some(Script::Latin),
        '\u{400}'..='\u{481}' | '\u{48a}'..='\u{52f}' => Some(Script::Cyrillic),
        '\u{620}'..='\u{63f}'
        | '\u{641}'..='\u{64a}'
        | '\u{66e}'..='\u{66f}'
        | '\u{671}'..='\u{6d3}'
        | '\u{6d5}'
        | '\u{6ee}'..='\u{6ef}'
        | '\u{6fa}'..='\u{6fc}'
        | '\u{750}'..='\u{77f}'
        | '\u{fb50}'..='\u{fbb1}'
        | '\u{fbd3}'..='\u{fd3d}'
        | '\u{fe76}'..='\u{fefc}' => Some(Script::Arabic),
        '\u{3041}'..='\u{3096}'
        | '\u{309d}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{ff66}'..='\u{ff9d}' => Some(Script::Kana),
        '\u{3005}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}' => Some(Script::Han),
        '\u{1100}'..='\u{11ff}'
        | '\u{3131}'..='\u{318e}'
        | '\u{a960}'..='\u{a97c}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{d7b0}'..='\u{d7fb}' => Some(Script::Hangul),
        _ if character.is_ascii() => None,
        _ if character.is_alphabetic() => Some(Script::Other),
        _ => None,
    }
}
