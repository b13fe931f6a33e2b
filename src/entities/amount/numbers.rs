//! Numbers as they are written: 1,299.00, 1.299,00, 1 299, 49,-, 1万2千.

use crate::entities::folded::FoldedText;

/// A number in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Number {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) hundredths: u64,
    /// True when written without decimals.
    pub(super) whole: bool,
    /// True when it ends in a dash instead of decimals, as prices do.
    pub(super) dash: bool,
}

/// Digits of the longest number that is read, before the decimals.
const MAX_DIGITS: usize = 12;

/// Reads the number whose first digit stands at `start`. The end is that of the digits even where they are no number.
///
/// `None` with the end of the digits when they are too many.
pub(super) fn digits(text: &FoldedText, start: usize) -> (usize, Option<Number>) {
    let first = run(text, start);
    let mut end = start + first;
    let mut integer = String::from(text.part(start..end));
    let separator =
        text.after(end).chars().next().filter(|next| matches!(next, ' ' | '.' | ',' | '\''));
    let mut grouped = false;
    if let Some(separator) = separator.filter(|_| first <= 3) {
        while integer.len() <= MAX_DIGITS
            && let Some(group) = group(text, end, separator)
        {
            integer.push_str(text.part(end + 1..group));
            end = group;
            grouped = true;
        }
    }
    let decimals = decimals(text, end, separator.filter(|_| grouped));
    let after_decimals = decimals.map_or(end, |(_, end)| end);
    let cents = decimals.map_or(0, |(cents, _)| cents);
    let dash = if decimals.is_none() { dash(text, end) } else { None };
    let value = integer.parse::<u64>().ok().filter(|_| integer.len() <= MAX_DIGITS);
    let number = value.map(|value| Number {
        start,
        end: dash.unwrap_or(after_decimals),
        hundredths: value * 100 + cents,
        whole: decimals.is_none(),
        dash: dash.is_some(),
    });
    (after_decimals, number)
}

/// Bytes of the digits at a place.
fn run(text: &FoldedText, at: usize) -> usize {
    let rest = text.after(at);
    rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len())
}

/// Where the group of three digits ends that follows a separator; two digits where a group of three follows (1,29,900).
fn group(text: &FoldedText, at: usize, separator: char) -> Option<usize> {
    if !text.after(at).starts_with(separator) {
        return None;
    }
    let start = at + separator.len_utf8();
    match short_run(text, start) {
        3 => Some(start + 3),
        2 if separator == ','
            && text.after(start + 2).starts_with(',')
            && short_run(text, start + 3) == 3 =>
        {
            Some(start + 2)
        }
        _ => None,
    }
}

/// Like [`run`], but looks at four digits at most.
fn short_run(text: &FoldedText, at: usize) -> usize {
    text.after(at).bytes().take(4).take_while(u8::is_ascii_digit).count()
}

/// One or two decimals after a comma or dot that is not the separator of groups.
fn decimals(text: &FoldedText, at: usize, groups: Option<char>) -> Option<(u64, usize)> {
    let rest = text.after(at);
    let separator =
        rest.chars().next().filter(|next| matches!(next, '.' | ',') && Some(*next) != groups)?;
    let start = at + separator.len_utf8();
    let length = short_run(text, start);
    let value: u64 = text.part(start..start + length).parse().ok()?;
    let end = start + length;
    // More separators follow in versions, dates and addresses.
    let mut after = text.after(end).chars();
    let goes_on = matches!(after.next(), Some('.' | ','))
        && after.next().is_some_and(|next| next.is_ascii_digit());
    match length {
        _ if goes_on => None,
        1 => Some((value * 10, end)),
        2 => Some((value, end)),
        _ => None,
    }
}

/// "49,-", "599:-", "24,--".
fn dash(text: &FoldedText, at: usize) -> Option<usize> {
    let rest = text.after(at);
    let after = rest.strip_prefix([',', '.', ':'])?.strip_prefix('-')?;
    let after = after.strip_prefix('-').unwrap_or(after);
    (!after.starts_with(|next: char| next.is_ascii_digit()))
        .then(|| text.as_str().len() - after.len())
}

/// Reads a number of Chinese, Japanese or Korean signs, or of digits and such signs: 二千, 1万2千, 2만 5천.
pub(super) fn east_asian(text: &FoldedText, start: usize) -> (usize, Option<Number>) {
    let mut sum = Sum::default();
    let mut at = start;
    loop {
        let rest = text.after(at);
        let Some(next) = rest.chars().next() else { break };
        if next.is_ascii_digit() {
            let (end, number) = digits(text, at);
            let taken = number.is_some_and(|number| sum.put(number.hundredths, number.whole));
            if !taken && at > start {
                break;
            }
            at = end;
            if !taken {
                return (at, None);
            }
        } else if let Some(value) = sign(next) {
            if !sum.put(value * 100, true) {
                break;
            }
            at += next.len_utf8();
        } else if let Some(value) = hangul_sign(rest) {
            if !sum.put(value * 100, true) {
                break;
            }
            at += next.len_utf8();
        } else if let Some(scale) = scale(next) {
            if !sum.scale(scale) {
                break;
            }
            at += next.len_utf8();
        } else if next == ' '
            && sum.after_scale
            && rest
                .get(1..)
                .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()))
        {
            at += 1;
        } else {
            break;
        }
    }
    if at == start {
        let first = text.after(start).chars().next().map_or(1, char::len_utf8);
        return (start + first, None);
    }
    // A single space may have been taken in vain.
    let end = start + text.part(start..at).trim_end_matches(' ').len();
    let number = sum.value().map(|hundredths| Number {
        start,
        end,
        hundredths,
        whole: sum.whole,
        dash: false,
    });
    (at, number)
}

/// A number that is read sign by sign, in hundredths.
#[derive(Debug)]
struct Sum {
    total: u64,
    section: u64,
    current: Option<u64>,
    after_scale: bool,
    whole: bool,
}

impl Default for Sum {
    fn default() -> Self {
        Self { total: 0, section: 0, current: None, after_scale: false, whole: true }
    }
}

impl Sum {
    fn put(&mut self, hundredths: u64, whole: bool) -> bool {
        if self.current.is_some() {
            return false;
        }
        self.current = Some(hundredths);
        self.after_scale = false;
        self.whole = whole;
        true
    }

    fn scale(&mut self, scale: u64) -> bool {
        // 億億 is no number.
        if self.total > 0 && self.section == 0 && self.current.is_none() {
            return false;
        }
        if scale < 10_000 {
            let Some(added) = self.current.unwrap_or(100).checked_mul(scale) else { return false };
            self.section = self.section.saturating_add(added);
        } else {
            let own = if self.current.is_none() && self.section == 0 {
                100
            } else {
                self.current.unwrap_or(0)
            };
            let Some(added) = self.section.saturating_add(own).checked_mul(scale) else {
                return false;
            };
            self.total = self.total.saturating_add(added);
            self.section = 0;
        }
        self.current = None;
        self.after_scale = true;
        self.whole = true;
        true
    }

    fn value(&self) -> Option<u64> {
        let value =
            self.total.saturating_add(self.section).saturating_add(self.current.unwrap_or(0));
        // What is beyond any price is none.
        (value < 10_u64.pow(14)).then_some(value)
    }
}

/// Tells whether a number can begin with this character in Chinese, Japanese or Korean.
pub(super) fn begins_east_asian(character: char) -> bool {
    sign(character).is_some() || scale(character).is_some() || is_hangul_sign(character)
}

/// A single digit or numeral sign after 块, and its bytes.
pub(super) fn tenths(character: char) -> Option<(u64, usize)> {
    let value = character.to_digit(10).map(u64::from).or(sign(character))?;
    Some((value, character.len_utf8()))
}

/// Korean numerals, most of which are also particles.
pub(super) fn is_hangul_sign(character: char) -> bool {
    HANGUL_SIGNS.contains(character)
}

const HANGUL_SIGNS: &str = "일이삼사오육칠팔구";

/// Reads a Korean numeral, which must multiply what follows it: 삼천.
fn hangul_sign(rest: &str) -> Option<u64> {
    let mut characters = rest.chars();
    let first = characters.next()?;
    characters.next().and_then(scale)?;
    (1..).zip(HANGUL_SIGNS.chars()).find(|(_, sign)| *sign == first).map(|(value, _)| value)
}

fn sign(character: char) -> Option<u64> {
    Some(match character {
        '〇' | '零' => 0,
        '一' | '壱' => 1,
        '二' | '两' | '兩' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    })
}

/// What a sign multiplies by.
pub(super) fn scale(character: char) -> Option<u64> {
    Some(match character {
        '十' | '십' => 10,
        '百' | '백' => 100,
        '千' | '천' => 1000,
        '万' | '萬' | '만' => 10_000,
        '億' | '亿' | '억' => 100_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<(u64, usize)> {
        digits(&FoldedText::of(text), 0).1.map(|number| (number.hundredths, number.end))
    }

    fn signs(text: &str) -> Option<(u64, usize)> {
        east_asian(&FoldedText::of(text), 0).1.map(|number| (number.hundredths, number.end))
    }

    #[test]
    fn separators_are_told_apart_by_form() {
        assert_eq!(value("1,299.00"), Some((129_900, 8)));
        assert_eq!(value("1.299,00"), Some((129_900, 8)));
        assert_eq!(value("1 299,5"), Some((129_950, 7)));
        assert_eq!(value("1.299"), Some((129_900, 5)));
        assert_eq!(value("12,5 x"), Some((1250, 4)));
        assert_eq!(value("1,29,900"), Some((12_990_000, 8)));
        assert_eq!(value("1'299.90"), Some((129_990, 8)));
    }

    #[test]
    fn a_dash_stands_for_no_decimals() {
        assert_eq!(value("49,-"), Some((4900, 4)));
        assert_eq!(value("599:-"), Some((59_900, 5)));
        assert_eq!(value("5-7"), Some((500, 1)));
    }

    #[test]
    fn groups_end_where_they_are_not_of_three() {
        assert_eq!(value("12 3456"), Some((1200, 2)));
        assert_eq!(value("4711 200"), Some((471_100, 4)));
        assert_eq!(value("1234567890123"), None);
    }

    #[test]
    fn east_asian_numbers_are_read() {
        assert_eq!(signs("二千"), Some((200_000, 6)));
        assert_eq!(signs("1万2千"), Some((1_200_000, 8)));
        assert_eq!(signs("2만 5천원"), Some((2_500_000, 9)));
        assert_eq!(signs("三百二十"), Some((32_000, 12)));
        assert_eq!(signs("1.5万"), Some((1_500_000, 6)));
        assert_eq!(signs("1,280"), Some((128_000, 5)));
        assert_eq!(signs("삼천원"), Some((300_000, 6)));
    }
}
