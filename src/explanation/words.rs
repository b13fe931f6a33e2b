//! The words of a text and the tokens of each.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// Characters that end a sentence.
const ENDS: [char; 12] = ['.', '!', '?', '…', '\n', '。', '！', '？', '．', '｡', '؟', '۔'];

/// A word as it can be left out: whole tokens, and whole words of Unicode (Standard Annex 29) where a language has spaces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Word {
    /// Positions of its tokens, white space before it included.
    pub tokens: Range<usize>,
    /// Where it stands in the text, in bytes, without white space around.
    pub span: Range<usize>,
    /// Number of the sentence that it begins in, from 0.
    pub sentence: usize,
}

/// Finds the words of a text in order; `places` are the bytes of each of its tokens, `None` for special tokens.
///
/// Tokens are joined as long as they share a word of Unicode. Such words are single characters in Chinese and Japanese,
/// so that there a token is a word: the vocabulary knows those better than the standard does. Punctuation by itself is
/// no word.
#[must_use]
pub fn find(text: &str, places: &[Option<Range<usize>>]) -> Vec<Word> {
    let word_starts: Vec<usize> = text.split_word_bound_indices().map(|(start, _)| start).collect();
    let mut words: Vec<Word> = Vec::new();
    // First of the tokens of white space that go with the word behind them.
    let mut before = None;
    for (index, place) in places.iter().enumerate() {
        let Some(place) = place else {
            before = None;
            continue;
        };
        let span = trimmed(text, place);
        if span.is_empty() {
            before = before.or(Some(index));
            continue;
        }
        let first = before.take().unwrap_or(index);
        match words.last_mut() {
            Some(last)
                if last.tokens.end == first && shares_word(&word_starts, &last.span, &span) =>
            {
                last.tokens.end = index + 1;
                last.span.end = last.span.end.max(span.end);
            }
            _ => words.push(Word { tokens: first..index + 1, span, sentence: 0 }),
        }
    }
    words.retain(|word| text.get(word.span.clone()).is_some_and(|word| word.chars().any(is_read)));
    number_sentences(text, &mut words);
    words
}

/// Counts sentences: one ends with a mark that says so or with a line.
///
/// Not as the standard has it, whose rules look ahead from every bracket behind a full stop: time would grow with the
/// square of the length. A sentence too many at "Dr. Kim" does no harm here.
fn number_sentences(text: &str, words: &mut [Word]) {
    let (mut sentence, mut read) = (0, 0);
    for word in words {
        let between = text.get(read..word.span.start).unwrap_or_default();
        if read > 0 && between.contains(ENDS) {
            sentence += 1;
        }
        word.sentence = sentence;
        // A mark can be part of a token, and of its word then.
        let last = text.get(word.span.clone()).and_then(|word| word.char_indices().next_back());
        read = last.map_or(word.span.end, |(start, _)| word.span.start + start);
    }
}

/// Returns the number of the part that a byte is in.
fn number(starts: &[usize], byte: usize) -> usize {
    starts.partition_point(|start| *start <= byte).saturating_sub(1)
}

/// Tells whether the last character of one stretch and the first of the next are of one word.
fn shares_word(starts: &[usize], before: &Range<usize>, after: &Range<usize>) -> bool {
    // A cut text goes on further back; a stretch never begins before the one before it.
    number(starts, before.end.saturating_sub(1)) == number(starts, after.start)
}

/// Returns a range of bytes without white space around it, grown to whole characters.
fn trimmed(text: &str, range: &Range<usize>) -> Range<usize> {
    let mut start = range.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = range.end.min(text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let part = text.get(start..end).unwrap_or_default();
    let start = end - part.trim_start().len();
    start..start + part.trim().len()
}

/// Tells whether a character says something by itself: letters, digits, emoji and other symbols, but no punctuation.
fn is_read(character: char) -> bool {
    if character.is_alphanumeric() {
        return true;
    }
    let is_punctuation = character.is_ascii()
        || matches!(character,
            '\u{80}'..='\u{bf}' | '\u{2000}'..='\u{206f}' | '\u{2e00}'..='\u{2e7f}'
            | '\u{3000}'..='\u{303f}' | '\u{fe00}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff65}'
            | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' | '\u{30fb}');
    !is_punctuation && !character.is_whitespace() && !character.is_control()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Places of the given tokens, which follow each other in the text, between two special ones.
    fn places(tokens: &[&str]) -> Vec<Option<Range<usize>>> {
        let mut at = 0;
        let mut places = vec![None];
        for token in tokens {
            places.push(Some(at..at + token.len()));
            at += token.len();
        }
        places.push(None);
        places
    }

    fn found(tokens: &[&str]) -> Vec<(String, Range<usize>, usize)> {
        let text = tokens.concat();
        let words = find(&text, &places(tokens));
        let word =
            |word: Word| (text.get(word.span).unwrap().to_owned(), word.tokens, word.sentence);
        words.into_iter().map(word).collect()
    }

    fn texts(tokens: &[&str]) -> Vec<String> {
        found(tokens).into_iter().map(|(text, _, _)| text).collect()
    }

    #[test]
    fn tokens_of_a_word_are_joined_and_punctuation_is_none() {
        let expected = [
            ("My".to_owned(), 1..2, 0),
            ("parcel's".to_owned(), 2..5, 0),
            ("late".to_owned(), 5..7, 0),
            ("Nice".to_owned(), 8..9, 1),
        ];
        assert_eq!(
            found(&["My", " par", "cel", "'s", " la", "te", "!", " Nice", ".", " ?!"]),
            expected
        );
    }

    #[test]
    fn in_scripts_without_spaces_a_token_is_a_word() {
        assert_eq!(
            texts(&["荷物", "は", "まだ", "ですか", "？"]),
            ["荷物", "は", "まだ", "ですか"]
        );
        assert_eq!(texts(&["我的", "订单", "在哪里", "。"]), ["我的", "订单", "在哪里"]);
        // Katakana is one word for Unicode, as syllables of a Korean word are.
        assert_eq!(texts(&["キャン", "セル", "したい"]), ["キャンセル", "したい"]);
        assert_eq!(texts(&["배", "송이", " 안", " 왔", "어요"]), ["배송이", "안", "왔어요"]);
    }

    #[test]
    fn white_space_alone_goes_with_the_word_behind_it() {
        let expected = [("荷物".to_owned(), 1..4, 0), ("x".to_owned(), 4..6, 0)];

        assert_eq!(found(&[" ", "", "荷物", "\n", "x"])[0].1, expected[0].1);
        assert_eq!(texts(&[" ", "", "荷物", "\n", "x"]), ["荷物", "x"]);
    }

    #[test]
    fn emoji_are_words_and_stay_whole() {
        assert_eq!(texts(&["so", " 😡", "👩\u{200d}🚀", ":)"]), ["so", "😡", "👩\u{200d}🚀"]);
    }

    #[test]
    fn a_token_over_several_words_joins_none_that_it_does_not_touch() {
        assert_eq!(texts(&["24", "/7", " e", "-mail"]), ["24", "/7", "e", "-mail"]);
        assert_eq!(texts(&["ab", "c-d", "e"]), ["abc-de"]);
    }

    #[test]
    fn lines_and_marks_end_sentences() {
        let sentences: Vec<usize> = found(&["Hello", "\n\n", "Where", "?", " Now", "。", "届"])
            .iter()
            .map(|w| w.2)
            .collect();

        assert_eq!(sentences, [0, 1, 2, 3]);
        let within: Vec<usize> = found(&["届きません。", "何", "か"]).iter().map(|w| w.2).collect();
        assert_eq!(within, [0, 1, 1]);
    }

    #[test]
    fn hostile_texts_of_the_greatest_length_are_read() {
        for unit in
            [".)", "a.)", ".", "a'", "a:\u{301}", "\u{301}", "🇩", "👩\u{200d}", "1,", "\n", "キ"]
        {
            let text: String = unit.chars().cycle().take(65_536).collect();
            let places: Vec<Option<Range<usize>>> =
                text.char_indices().map(|(at, c)| Some(at..at + c.len_utf8())).collect();

            let words = find(&text, &places);

            assert!(words.len() <= places.len(), "{unit:?}");
        }
    }

    proptest! {
        #[test]
        fn words_are_in_order_apart_and_whole_characters(
            text in "\\PC{0,40}|[a-c .?\n荷物はまだ😀\u{301}]{0,40}",
            cuts in prop::collection::vec((0_usize..60, 0_usize..12), 0..30),
        ) {
            // Places as a damaged tokenizer could give them: in order, but anywhere.
            let mut at = 0;
            let places: Vec<Option<Range<usize>>> = cuts
                .into_iter()
                .map(|(skip, length)| {
                    at += skip % 4;
                    let start = at;
                    at += length;
                    (skip != 7).then_some(start..at)
                })
                .collect();

            let words = find(&text, &places);

            let mut end = 0;
            for word in &words {
                prop_assert!(word.tokens.start >= end && word.tokens.start < word.tokens.end);
                prop_assert!(text.get(word.span.clone()).is_some_and(|part| !part.is_empty()));
                end = word.tokens.end;
            }
            prop_assert!(end <= places.len());
        }
    }
}
