//! Words and signs after a number that make it a quantity.

use super::folding::FoldedText;

/// Units, currencies and counted things, in lower case without accents.
///
/// Only what often follows numbers of four digits and more.
const UNITS: &[&str] = &[
    // Currencies.
    "tl",
    "lira",
    "liraya",
    "lirayi",
    "liralik",
    "eur",
    "euro",
    "euros",
    "usd",
    "dollar",
    "dollars",
    "gbp",
    "pounds",
    "chf",
    "franken",
    "francs",
    "kr",
    "kronor",
    "sek",
    "zl",
    "zlotych",
    "pln",
    "rub",
    "reais",
    "pesos",
    "cent",
    "cents",
    "yen",
    "won",
    "руб",
    "рублей",
    "рубля",
    "р",
    "тысяч",
    "тыс",
    "درهم",
    "ريال",
    "جنيه",
    "دينار",
    // Units.
    "kg",
    "g",
    "gr",
    "mg",
    "km",
    "m",
    "cm",
    "mm",
    "ml",
    "cl",
    "l",
    "lt",
    "w",
    "kw",
    "v",
    "volt",
    "mah",
    "gb",
    "mb",
    "tb",
    "hz",
    "mhz",
    "rpm",
    "lm",
    "lumen",
    "k",
    "x",
    "%",
    "м",
    "см",
    "мм",
    "кг",
    "г",
    "мл",
    "л",
    // Things that are counted.
    "stuck",
    "stk",
    "st",
    "pcs",
    "pieces",
    "adet",
    "tane",
    "szt",
    "sztuk",
    "шт",
    "штук",
    "units",
    "stycken",
    "items",
    "piece",
    "parcalik",
    "seiten",
    "pages",
    "schritte",
    "menschen",
    "people",
    "customers",
    "times",
    "personen",
    "stuks",
    "piezas",
    "pezzi",
    "pecas",
    "unidades",
    "points",
    "punkte",
    "puan",
    "follower",
    "followers",
    // Times.
    "days",
    "tage",
    "tagen",
    "gun",
    "jours",
    "dias",
    "giorni",
    "dagen",
    "dni",
    "dagar",
    "дней",
    "ايام",
    "hours",
    "stunden",
    "minutes",
    "minuten",
    "uhr",
    "h",
    "min",
    "years",
    "jahre",
    "jahren",
    "ans",
    "anos",
    "yil",
    "yilinda",
    "года",
    "году",
    "год",
];

/// Signs and characters that make a number before them a quantity.
const SIGNS: &str = "%€$£¥₺₽₩₹°円元块塊원万萬千个個枚本개장명人瓶箱回次年月日년월일時時点点時分분号分歳岁台대袋包支件条";

/// Signs and words of currencies before a number.
const CURRENCIES: &[&str] = &[
    "eur", "usd", "gbp", "chf", "r$", "mxn", "sek", "pln", "try", "tl", "cny", "rmb", "jpy", "aed",
    "sar", "krw", "rub", "kr",
];

/// Tells whether a sign or a word of a currency stands before a place.
pub(super) fn is_preceded_by_currency(text: &FoldedText<'_>, start: usize) -> bool {
    let end = if text.byte_before(start) == Some(b' ') { start - 1 } else { start };
    let is_sign = text.char_before(end).is_some_and(|sign| "€$£¥₺₽₩".contains(sign));
    let word = |length: usize| end.checked_sub(length).map(|from| text.slice(from..end));
    let is_whole = |length: usize| {
        !end.checked_sub(length)
            .and_then(|from| text.char_before(from))
            .is_some_and(char::is_alphabetic)
    };
    let mut lengths = (2..=3).filter(|length| is_whole(*length));
    is_sign
        || (end < start
            && lengths.any(|length| word(length).is_some_and(|word| CURRENCIES.contains(&word))))
}

/// Tells whether a unit, a currency or a counted thing follows a place.
pub(super) fn is_followed_by_unit(text: &FoldedText<'_>, end: usize) -> bool {
    let start = match text.byte(end) {
        Some(b' ' | b'-') => end + 1,
        _ => end,
    };
    let Some(next) = text.char_at(start) else { return false };
    if SIGNS.contains(next) {
        return true;
    }
    let rest = text.slice(start..text.as_str().len());
    let length: usize =
        rest.chars().take(16).take_while(|letter| letter.is_alphabetic()).map(char::len_utf8).sum();
    UNITS.contains(&text.slice(start..start + length))
}
