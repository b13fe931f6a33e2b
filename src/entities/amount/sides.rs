//! Reads what stands beside a number: signs, codes and names of currencies, coins.

use super::Meaning;
use super::currencies::{EAST_ASIAN, Money, Place};
use super::numbers::{self, Number};
use super::reader::Reader;
use crate::entities::lexicon::{Word, is_letter, joins_number};

/// How sure an amount is that is told by a sign or code, and by a name.
const BY_SIGN: f32 = 0.96;
const BY_NAME: f32 = 0.9;

/// What may follow 块 when it is money.
const AFTER_YUAN: &str = "的买钱多左就不包也都还是了呢吧吗运邮差可退给贵便卖入一二三四五六七八九";

/// A currency beside a number.
#[derive(Clone, Copy, Debug)]
struct Side {
    money: Money,
    /// Its far end.
    at: usize,
    /// Sign or code rather than name.
    sign: bool,
    /// Stands right at the number.
    close: bool,
}

/// An amount that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) hundredths: u64,
    pub(super) money: Money,
    pub(super) confidence: f32,
}

impl Reader<'_> {
    pub(super) fn sum(&self, number: Number, covered: usize) -> Option<Sum> {
        let before = self.side_before(&number).filter(|side| side.at >= covered);
        if before.is_none() && !self.begins_free(number.start) {
            return None;
        }
        let after = self.side_after(&number);
        let sum = match (before, after) {
            (Some(before), Some(after))
                if self.same(before.money, after.money)
                    && before.sign != (after.sign && before.close && after.close) =>
            {
                let written_twice = self.text.part(before.at..number.start).trim()
                    != self.text.part(number.end..after.at).trim();
                let end = if written_twice { after.at } else { number.end };
                (before.at, end, before.money, before.sign)
            }
            (Some(before), Some(after)) if !before.close && after.close => {
                (number.start, after.at, after.money, after.sign)
            }
            (Some(before), _) => (before.at, number.end, before.money, before.sign),
            (None, Some(after)) => (number.start, after.at, after.money, after.sign),
            (None, None) => (number.start, number.end, self.priced(&number)?, false),
        };
        let (start, end, money, sign) = sum;
        let confidence = if sign { BY_SIGN } else { BY_NAME };
        let sum = Sum { start, end, hundredths: number.hundredths, money, confidence };
        self.is_sum(&number, &sum).then(|| self.with_parts(&number, sum))
    }

    fn same(&self, one: Money, other: Money) -> bool {
        self.code(one) == self.code(other)
            || (one == Money::Dollar && self.code(other).ends_with('D'))
    }

    fn code(&self, money: Money) -> &'static str {
        money.resolve(self.language.name, &self.region).0
    }

    fn side_before(&self, number: &Number) -> Option<Side> {
        let index = self.words.partition_point(|word| word.start < number.start).checked_sub(1)?;
        let word = self.words.get(index)?;
        let (money, place) = word.meaning.money?;
        let gap = self.text.part(word.end..number.start);
        if place == Place::After || !matches!(gap, "" | " ") || !self.is_spelled_right(word) {
            return None;
        }
        // "Euro 6" is an engine.
        let name = self.text.part(word.start..word.end);
        if name == "euro" && number.whole && number.hundredths <= 600 {
            return None;
        }
        Some(Side { money, at: word.start, sign: true, close: gap.is_empty() })
    }

    fn side_after(&self, number: &Number) -> Option<Side> {
        if self.language.is_unspaced()
            && let Some(side) = self.east_asian_name(number)
        {
            return Some(side);
        }
        let word = self.word_after(number.end)?;
        let (money, place) = word.meaning.money?;
        if place == Place::Before || !self.is_spelled_right(word) {
            return None;
        }
        let gap = self.text.part(number.end..word.start);
        // "50-Euro" is joined, "2201-P" is not.
        let letters = self.text.part(word.start..word.end).starts_with(is_letter);
        if gap == "-" && letters && word.end - word.start < 4 {
            return None;
        }
        let close = gap.is_empty();
        Some(Side { money, at: word.end, sign: place == Place::Either, close })
    }

    fn east_asian_name(&self, number: &Number) -> Option<Side> {
        let rest = self.text.after(number.end);
        let trimmed = rest.strip_prefix(' ').unwrap_or(rest);
        let (name, money) = EAST_ASIAN.iter().find(|(name, _)| trimmed.starts_with(name))?;
        let after = trimmed.strip_prefix(name)?;
        // 块 also counts pieces (两块巧克力), 元 begins other words (二元一次方程).
        let next = after.chars().next();
        let goes_on = match *name {
            "块" | "塊" => {
                number.hundredths < 2000
                    && next.is_some_and(|next| is_han(next) && !AFTER_YUAN.contains(next))
            }
            "元" => {
                next.is_some_and(|next| "素旦宵老".contains(next)) || after.starts_with("一次")
            }
            _ => false,
        };
        if goes_on {
            return None;
        }
        Some(Side {
            money: *money,
            at: self.text.as_str().len() - after.len(),
            sign: false,
            close: rest.len() == trimmed.len(),
        })
    }

    /// "49,-" is a price in German and Dutch, "599:-" in Swedish.
    fn priced(&self, number: &Number) -> Option<Money> {
        if !number.dash {
            return None;
        }
        match self.language.name {
            "de" if self.region == "CH" => Some(Money::Code("CHF")),
            "de" | "nl" => Some(Money::Code("EUR")),
            "sv" => Some(Money::Crown),
            _ => None,
        }
    }

    fn is_spelled_right(&self, word: &Word<Meaning>) -> bool {
        let original =
            self.original.get(self.text.original(word.start..word.end)).unwrap_or_default();
        !word.meaning.capitals_only || !original.chars().any(char::is_lowercase)
    }

    /// Tells whether a number is no part of an identifier, a version or a longer number.
    fn begins_free(&self, start: usize) -> bool {
        let mut before = self.text.before(start).chars().rev();
        match before.next() {
            None => true,
            Some('_' | '#') => false,
            Some(character) if character.is_ascii_digit() || joins_number(character) => false,
            Some('.' | ',' | ':' | '/') => {
                !before.next().is_some_and(|before| before.is_ascii_digit())
            }
            Some('-') => !before.next().is_some_and(is_letter),
            Some(_) => true,
        }
    }

    /// Leaves out what only looks like money: weights, counts, resolutions.
    fn is_sum(&self, number: &Number, sum: &Sum) -> bool {
        let name = self.text.part(number.end..sum.end).trim_start_matches(' ');
        match name {
            "p" => number.whole && number.hundredths < 10_000 && sum.end == number.end + 1,
            "gr" => false,
            "pounds" | "pound" | "libras" | "pund" | "pond" => {
                let start = sum.start.saturating_sub(32);
                let before = (start..=sum.start)
                    .find_map(|at| self.text.as_str().get(at..sum.start))
                    .unwrap_or_default();
                let weighed =
                    ["weigh", "weight", "lost ", "gained", "pesa", "vager", "weeg", "heavy"];
                let after = self.text.after(sum.end);
                !weighed.iter().any(|word| before.contains(word))
                    && ![" of ", " heavy", " de "].iter().any(|word| after.starts_with(word))
            }
            _ => true,
        }
    }

    /// Adds what follows: "9 Euro 90", "22€50", "5 zł 50 gr".
    fn with_parts(&self, number: &Number, sum: Sum) -> Sum {
        if !number.whole || number.dash || sum.end <= number.end || sum.money.is_part() {
            return sum;
        }
        if sum.money == Money::Yuan {
            return self.with_tenths(sum);
        }
        let rest = self.text.after(sum.end);
        let links =
            [" ", " and ", " und ", " et ", " e ", " y ", " i ", " en ", " och ", " и ", ""];
        for link in links {
            let Some(after) = rest
                .strip_prefix(link)
                .filter(|after| after.starts_with(|next: char| next.is_ascii_digit()))
            else {
                continue;
            };
            let start = self.text.as_str().len() - after.len();
            let (_, Some(part)) = numbers::digits(self.text, start) else { return sum };
            if !part.whole || part.hundredths >= 10_000 {
                return sum;
            }
            let coin = self
                .word_after(part.end)
                .filter(|word| word.meaning.money.is_some_and(|(money, _)| money.is_part()));
            let hundredths = sum.hundredths + part.hundredths / 100;
            if let Some(coin) = coin {
                return Sum { end: coin.end, hundredths, ..sum };
            }
            let bare = part.end - part.start == 2 && self.ends_bare(part.end);
            let spaced = link == " "
                && matches!(self.language.name, "de" | "fr")
                && self.text.part(sum.start..sum.end).ends_with(is_letter);
            if bare && (link.is_empty() || spaced) {
                return Sum { end: part.end, hundredths, ..sum };
            }
            return sum;
        }
        sum
    }

    /// "37块8", "九块九": tenths after 块, if no other number or counter follows.
    fn with_tenths(&self, sum: Sum) -> Sum {
        let mut rest = self.text.after(sum.end).chars();
        let named = self.text.before(sum.end).ends_with(['块', '塊']);
        let tenths = rest.next().filter(|_| named).and_then(numbers::tenths);
        let counted =
            rest.next().is_some_and(|next| next.is_ascii_digit() || next == '.' || is_han(next));
        let Some((tenths, length)) = tenths.filter(|_| !counted) else { return sum };
        Sum { end: sum.end + length, hundredths: sum.hundredths + tenths * 10, ..sum }
    }

    fn ends_bare(&self, end: usize) -> bool {
        let rest = self.text.after(end);
        let sided = self.word_after(end).is_some_and(|word| word.meaning.money.is_some());
        !sided
            && !rest
                .starts_with(|next: char| is_letter(next) || matches!(next, '%' | '-' | '/' | ':'))
            && !rest.starts_with(" %")
            && !rest.starts_with(" x")
    }
}

fn is_han(character: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&character)
}
