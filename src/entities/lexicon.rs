//! Words of a language, found in one pass.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::folded::{FoldedText, fold_word};

/// Words and phrases of one language with their meanings.
#[derive(Debug)]
pub(super) struct Lexicon<M> {
    /// None when there are no words.
    automaton: Option<AhoCorasick>,
    meanings: Vec<M>,
    joints: Joints,
}

/// How words of a language hang together with what stands beside them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Joints {
    /// Letters that may be stuck to the front of a word, such as the Arabic article and prepositions; not part of it.
    pub(super) prefixes: &'static [&'static str],
    /// Inflections that may be stuck to the end of a word; part of it.
    pub(super) endings: &'static [&'static str],
}

/// A word in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<M> {
    /// First byte in the folded text.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
    pub(super) meaning: M,
}

/// Letters of the longest ending.
const LONGEST_ENDING: usize = 8;

impl<M: Copy> Lexicon<M> {
    /// Takes words in any spelling; they are folded.
    pub(super) fn new(words: impl IntoIterator<Item = (String, M)>, joints: Joints) -> Self {
        let (patterns, meanings): (Vec<String>, Vec<M>) =
            words.into_iter().map(|(word, meaning)| (fold_word(&word), meaning)).unzip();
        // Only more patterns than memory holds make this fail.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&patterns)
            .ok();
        Self { automaton, meanings, joints }
    }

    /// Adds the words of a text, in its order: of overlapping ones the first, and of those the longest.
    ///
    /// Linear in the text: as many words at most begin at one place as the lexicon has prefixes of one another.
    pub(super) fn scan(&self, text: &FoldedText, words: &mut Vec<Word<M>>) {
        let Some(automaton) = &self.automaton else { return };
        let first = words.len();
        for found in automaton.find_overlapping_iter(text.as_str()) {
            let Some(&meaning) = self.meanings.get(found.pattern().as_usize()) else { continue };
            if let Some(end) = self.end_of_word(text, found.start(), found.end()) {
                words.push(Word { start: found.start(), end, meaning });
            }
        }
        let mut added = words.split_off(first);
        // A listed form goes before an inflected one of the same letters: it was found last.
        added.reverse();
        added.sort_by_key(|word| (word.start, std::cmp::Reverse(word.end)));
        let mut covered = 0;
        for word in added {
            if word.start >= covered {
                covered = word.end;
                words.push(word);
            }
        }
    }

    /// Where the word ends, or `None` when it is only a part of another.
    fn end_of_word(&self, text: &FoldedText, start: usize, end: usize) -> Option<usize> {
        let first = text.after(start).chars().next()?;
        let last = text.before(end).chars().next_back()?;
        if joins(text.before(start).chars().next_back(), first)
            && !self.has_prefix(text.before(start))
        {
            return None;
        }
        if is_hangul(last) || !joins(text.after(end).chars().next(), last) {
            return Some(end);
        }
        let rest = text.after(end);
        // One letter more than the longest ending has is enough to know that it is none.
        let letters = rest.chars().take(LONGEST_ENDING + 1).take_while(|letter| is_letter(*letter));
        let ending = rest.get(..letters.map(char::len_utf8).sum())?;
        self.joints.endings.contains(&ending).then_some(end + ending.len())
    }

    fn has_prefix(&self, before: &str) -> bool {
        self.joints.prefixes.iter().any(|prefix| {
            before
                .strip_suffix(prefix)
                .is_some_and(|rest| !rest.chars().next_back().is_some_and(is_letter))
        })
    }
}

/// Tells whether a character beside a word's own makes both one word.
fn joins(beside: Option<char>, own: char) -> bool {
    beside.is_some_and(|beside| {
        (is_letter(beside) && is_letter(own))
            || (is_hangul(beside) && is_hangul(own))
            || beside == '_'
    })
}

fn is_hangul(character: char) -> bool {
    matches!(character, '\u{ac00}'..='\u{d7a3}')
}

/// Tells whether a character is a letter of a script that puts spaces between words.
pub(super) fn is_letter(character: char) -> bool {
    character.is_ascii_alphabetic()
        || (character.is_alphabetic()
            && !matches!(character, '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..))
}

/// Tells whether a letter right before a number makes both one word. Arabic prepositions do not.
pub(super) fn joins_number(character: char) -> bool {
    is_letter(character) && !('\u{0600}'..='\u{06ff}').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str], joints: Joints, text: &str) -> Vec<String> {
        let lexicon = Lexicon::new(words.iter().map(|word| ((*word).to_owned(), ())), joints);
        let folded = FoldedText::of(text);
        let mut found = Vec::new();
        lexicon.scan(&folded, &mut found);
        found.iter().map(|word| folded.part(word.start..word.end).to_owned()).collect()
    }

    #[test]
    fn the_longest_word_that_stands_alone_is_found() {
        let words = ["last", "last week", "week"];

        let whole = found(&words, Joints::default(), "Last week");
        let longer = found(&words, Joints::default(), "last weekend, lasting");

        assert_eq!(whole, ["last week"]);
        assert_eq!(longer, ["last"]);
    }

    #[test]
    fn inflections_belong_to_the_word_and_prefixes_do_not() {
        let turkish =
            found(&["lira"], Joints { endings: &["ya"], prefixes: &[] }, "liraya liralar");
        let arabic = found(&["الخميس"], Joints { endings: &[], prefixes: &["و"] }, "والخميس");

        assert_eq!(turkish, ["liraya"]);
        assert_eq!(arabic, ["الخميس"]);
    }

    #[test]
    fn scripts_without_spaces_need_none() {
        let japanese = found(&["昨日"], Joints::default(), "は昨日の");
        let korean = found(&["어제", "제"], Joints::default(), "어제부터 문제");

        assert_eq!(japanese, ["昨日"]);
        assert_eq!(korean, ["어제"]);
    }
}
