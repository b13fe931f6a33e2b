//! Finds the numbers of a text: in digits, in signs, in words.

use std::collections::BTreeMap;

use super::numbers::{self, Number};
use super::numerals::Numeral;
use super::sides::Sum;
use super::{Language, Meaning};
use crate::entities::folded::FoldedText;
use crate::entities::lexicon::{Word, is_letter};
use crate::entities::{Entity, EntityType};

/// A text that is read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) original: &'a str,
    pub(super) text: &'a FoldedText,
    pub(super) words: &'a [Word<Meaning>],
    pub(super) language: &'a Language,
    /// ISO 3166 in capitals, or empty.
    pub(super) region: String,
}

/// Where the next numbers begin; kept, so that no part of a text is searched twice.
#[derive(Debug)]
struct Starts {
    digit: Option<usize>,
    /// Index among the words.
    word: usize,
}

impl Reader<'_> {
    pub(super) fn read_all(&self, found: &mut Vec<Entity>) {
        let mut covered = 0;
        let mut starts = Starts { digit: self.next_digit(0), word: 0 };
        let mut at = 0;
        while let Some(start) = self.next_start(at, &mut starts) {
            let (end, number) = self.number(start);
            at = end.max(start + 1);
            let Some(sum) = number.and_then(|number| self.sum(number, covered)) else { continue };
            covered = sum.end;
            at = at.max(sum.end);
            found.push(self.entity(&sum));
        }
    }

    /// Where the next number begins: a digit, a numeral sign or a number word.
    fn next_start(&self, at: usize, starts: &mut Starts) -> Option<usize> {
        if starts.digit.is_some_and(|digit| digit < at) {
            starts.digit = self.next_digit(at);
        }
        while self
            .words
            .get(starts.word)
            .is_some_and(|word| word.start < at || word.meaning.numeral.is_none())
        {
            starts.word += 1;
        }
        let spelled = self.words.get(starts.word).map(|word| word.start);
        match (starts.digit, spelled) {
            (Some(digit), Some(spelled)) => Some(digit.min(spelled)),
            (digit, spelled) => digit.or(spelled),
        }
    }

    fn next_digit(&self, at: usize) -> Option<usize> {
        let unspaced = self.language.is_unspaced();
        let begins =
            |next: char| next.is_ascii_digit() || (unspaced && numbers::begins_east_asian(next));
        self.text.after(at).find(begins).map(|skipped| at + skipped)
    }

    fn number(&self, start: usize) -> (usize, Option<Number>) {
        if self.language.is_unspaced() {
            let (end, number) = numbers::east_asian(self.text, start);
            return (end, number.filter(|_| !self.is_vague(start)));
        }
        if self.text.after(start).starts_with(|next: char| next.is_ascii_digit()) {
            let (end, number) = numbers::digits(self.text, start);
            return (end, number.map(|number| self.scaled(number)));
        }
        self.spelled(start)
    }

    /// "Several hundred": a scale alone after a word for an uncertain number.
    fn is_vague(&self, start: usize) -> bool {
        let begins_with_scale =
            self.text.after(start).chars().next().is_some_and(|first| {
                numbers::scale(first).is_some() || numbers::is_hangul_sign(first)
            });
        let before = self.text.before(start).chars().next_back();
        begins_with_scale
            && before.is_some_and(|before| {
                numbers::begins_east_asian(before)
                    || matches!(
                        before,
                        '几' | '数' | '數' | '幾' | '何' | '上' | '近' | '好' | '第' | '\u{ac00}'
                            ..='\u{d7a3}'
                    )
            })
    }

    /// "5 тыс.", "2 bin", "5k".
    fn scaled(&self, number: Number) -> Number {
        let rest = self.text.after(number.end);
        if let Some(after) = rest
            .strip_prefix('k')
            .filter(|after| !after.starts_with(is_letter) && number.end - number.start < 5)
        {
            return Number {
                end: self.text.as_str().len() - after.len(),
                hundredths: number.hundredths * 1000,
                ..number
            };
        }
        let Some(word) = self.word_after(number.end) else { return number };
        match word.meaning.numeral {
            Some(Numeral::Scale(scale)) if word.meaning.money.is_none() && scale > 100 => Number {
                end: word.end,
                hundredths: number.hundredths.saturating_mul(scale),
                ..number
            },
            _ => number,
        }
    }

    /// A number in words, from its first word on.
    fn spelled(&self, start: usize) -> (usize, Option<Number>) {
        let first = self.words.partition_point(|word| word.start < start);
        let (mut total, mut section, mut end) = (0_u64, 0_u64, start);
        let mut pending_link = false;
        let mut last = first;
        for (index, word) in self.words.iter().enumerate().skip(first).take(12) {
            let gap = self.text.part(end..word.start);
            let joined =
                index == first || matches!(gap, " " | "-") || (pending_link && gap.is_empty());
            let is_money =
                word.meaning.money.is_some() && index > first && !self.number_follows(index);
            if !joined || is_money {
                break;
            }
            match word.meaning.numeral {
                Some(Numeral::Value(value)) => section = section.saturating_add(value),
                Some(Numeral::Scale(100)) => section = section.max(1).saturating_mul(100),
                Some(Numeral::Scale(scale)) => {
                    total = total.saturating_add(section.max(1).saturating_mul(scale));
                    section = 0;
                }
                None if word.meaning.link && index > first => {
                    pending_link = true;
                    // The link belongs to the number only if another word follows.
                    let next = self.words.get(index + 1);
                    if !next.is_some_and(|next| {
                        next.meaning.numeral.is_some() && next.meaning.money.is_none()
                    }) {
                        break;
                    }
                }
                None => break,
            }
            end = word.end;
            last = index;
        }
        let hundredths =
            total.saturating_add(section).checked_mul(100).filter(|value| *value < 10_u64.pow(14));
        let first_end = self.words.get(last).map_or(end, |word| word.end);
        let number = hundredths.map(|hundredths| Number {
            start,
            end,
            hundredths,
            whole: true,
            dash: false,
        });
        (first_end.max(start + 1), number)
    }

    /// French "cent" is a number before a number or a currency, and a coin elsewhere.
    fn number_follows(&self, index: usize) -> bool {
        self.words.get(index).is_some_and(|word| word.meaning.numeral.is_some())
            && self.words.get(index + 1).is_some_and(|next| {
                let gap = self.words.get(index).map(|word| self.text.part(word.end..next.start));
                gap == Some(" ") && (next.meaning.money.is_some() || next.meaning.numeral.is_some())
            })
    }

    pub(super) fn word_after(&self, at: usize) -> Option<&Word<Meaning>> {
        let word = self.words.get(self.words.partition_point(|word| word.start < at))?;
        matches!(self.text.part(at..word.start), "" | " " | "-").then_some(word)
    }

    fn entity(&self, sum: &Sum) -> Entity {
        let (code, parts) = sum.money.resolve(self.language.name, &self.region);
        let hundredths = sum.hundredths / parts;
        let value = match code {
            "JPY" | "KRW" => (hundredths / 100).to_string(),
            _ => format!("{}.{:02}", hundredths / 100, hundredths % 100),
        };
        Entity {
            kind: EntityType::Amount,
            span: self.text.original(sum.start..sum.end),
            value,
            confidence: sum.confidence,
            attributes: BTreeMap::from([("currency", code.to_owned())]),
        }
    }
}
