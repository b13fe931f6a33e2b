//! Numbers of orders, parcels, invoices and articles, and promotion codes: by their shape and by the words around them.

mod groups;
mod parcel;
mod quantity;
mod unannounced;

use std::ops::Range;

use self::groups::{capitals_before, parcel_end, spaced_range};
use self::parcel::tracking_verdict;
pub(super) use self::parcel::{find_certain, find_checked};
use self::quantity::{is_measure, is_quantity};
pub(super) use self::unannounced::find_unannounced;
use super::announcement::{self, Announcement};
use super::context::Topic;
use super::reading::Reading;
use super::tokens::Token;
use super::{Entity, EntityType};

/// How sure an identifier is that a word announces.
const ANNOUNCED: f32 = 0.9;

/// Adds what a word announces.
pub(super) fn find_announced(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    for place in 0..reading.tokens.len() {
        let Some(token) = reading.tokens.get(place).filter(|token| !token.taken).cloned() else {
            continue;
        };
        let candidate = Candidate::at(reading, place, token);
        match verdict(reading, &candidate) {
            Verdict::Is(entity, range) => {
                found.push(entity);
                reading.take(&range);
            }
            Verdict::IsNothing => reading.take(&candidate.token.range()),
            Verdict::Unknown => {}
        }
    }
}

/// A number that a word may announce.
struct Candidate {
    token: Token,
    /// Where it begins with the capital letters before it: `HH 2026 11 0093`.
    start: usize,
    /// Where it ends with the groups after it that are written like parts of one number.
    spaced: Range<usize>,
    /// Where all groups after it end.
    chain: Range<usize>,
}

impl Candidate {
    fn at(reading: &Reading<'_>, place: usize, token: Token) -> Self {
        let start = capitals_before(reading, &token).unwrap_or(token.start);
        let spaced = spaced_range(reading, place, start);
        let chain = start..parcel_end(reading, place);
        Self { token, start, spaced, chain }
    }

    /// Tells whether it is a plain number in the sense that many other things are written like it.
    fn is_plain(&self) -> bool {
        let is_short = self.token.letters == 0 && self.token.longest_run < 4;
        (self.token.is_number() || is_short) && self.start == self.token.start
    }
}

enum Verdict {
    Is(Entity, Range<usize>),
    /// A word says that it is something that is not looked for.
    IsNothing,
    Unknown,
}

fn verdict(reading: &Reading<'_>, candidate: &Candidate) -> Verdict {
    let before = announcement::before(reading, candidate.start);
    let after = announcement::after(reading, candidate.token.end);
    let adjacent_after =
        |announcement: &&Announcement| announcement.words == 0 && follows(reading.language);
    let adjacent_before = before.first().is_some_and(|announcement| announcement.words == 0);
    let first_after = after.iter().find(adjacent_after).filter(|_| !adjacent_before);
    for announcement in first_after.into_iter().chain(&before).chain(&after) {
        match judge(reading, candidate, announcement) {
            Verdict::Unknown => {}
            found @ (Verdict::Is(..) | Verdict::IsNothing) => return found,
        }
    }
    Verdict::Unknown
}

/// Tells whether the language names a number after it: `88-40213 no'lu sipariş`, `48213番の注文`.
fn follows(language: &str) -> bool {
    matches!(language, "tr" | "ja" | "zh" | "ko")
}

fn judge(reading: &Reading<'_>, candidate: &Candidate, announcement: &Announcement) -> Verdict {
    let token = &candidate.token;
    let limit = word_limit(announcement, candidate, reading.language);
    if announcement.words > limit {
        return Verdict::Unknown;
    }
    let is_quantity = is_quantity(reading, token);
    // "the driver of parcel 7-5502: 0152 5550128": the number in between is what the word announced.
    let is_used = announcement.numbers > 0 && token.letters == 0;
    let kind = match announcement.topic {
        Topic::Tracking if is_used => return Verdict::Unknown,
        Topic::Tracking | Topic::Carrier(_) => {
            return tracking_verdict(reading, candidate, announcement);
        }
        Topic::Promotion | Topic::Code => {
            return promotion_verdict(reading, candidate, announcement);
        }
        Topic::Unrelated => return Verdict::IsNothing,
        Topic::Account if token.digits >= 4 => return Verdict::IsNothing,
        Topic::Order if is_order_shape(reading, candidate, announcement) => EntityType::OrderNumber,
        Topic::Invoice if is_order_shape(reading, candidate, announcement) => {
            EntityType::InvoiceNumber
        }
        Topic::Article if is_article_shape(token) => EntityType::Sku,
        Topic::Order
        | Topic::Invoice
        | Topic::Article
        | Topic::Account
        | Topic::Postal
        | Topic::Address
        | Topic::Phone
        | Topic::Number => return Verdict::Unknown,
    };
    if is_quantity {
        return Verdict::Unknown;
    }
    let range = if kind == EntityType::Sku { token.range() } else { candidate.spaced.clone() };
    let value = reading.text.code(&range);
    Verdict::Is(reading.entity(kind, &range, value, ANNOUNCED), range)
}

/// Returns how many words may stand between an announcement and a number.
fn word_limit(announcement: &Announcement, candidate: &Candidate, language: &str) -> usize {
    let is_plain = candidate.is_plain() && !announcement.numbered;
    let has_sign = announcement.numbered && announcement.topic == Topic::Unrelated;
    let limit = match announcement.topic {
        Topic::Carrier(_) => 14,
        Topic::Tracking => 8,
        Topic::Order | Topic::Invoice if is_plain => 2,
        Topic::Order => 6,
        Topic::Invoice => 8,
        Topic::Account => 4,
        Topic::Unrelated if has_sign => 4,
        Topic::Article | Topic::Unrelated => 1,
        Topic::Promotion => 2,
        Topic::Code => usize::from(is_word_and_number(candidate)),
        Topic::Postal | Topic::Address | Topic::Phone | Topic::Number => 0,
    };
    match (announcement.after, follows(language)) {
        (false, _) => limit,
        (true, true) => limit.min(1),
        (true, false) => 0,
    }
}

fn is_order_shape(
    reading: &Reading<'_>,
    candidate: &Candidate,
    announcement: &Announcement,
) -> bool {
    let token = &candidate.token;
    let text = reading.text.slice(token.range());
    let is_year =
        token.is_number() && token.digits == 4 && matches!(text.get(..2), Some("19" | "20"));
    let is_number = candidate.spaced == token.range() && token.letters == 0 && token.joints == 0;
    let digits = if announcement.numbered || !is_number { 3 } else { 4 };
    let all_digits = token.digits + candidate.spaced.len() - token.range().len();
    let is_capital = !reading.text.original(&token.range()).contains(char::is_lowercase);
    let is_short_code = announcement.words == 0
        && is_capital
        && token.letters > 0
        && token.letters + token.digits >= 3
        && token.joints > 0;
    (all_digits >= digits || is_short_code) && (!is_year || !is_number || announcement.numbered)
}

fn is_article_shape(token: &Token) -> bool {
    let length = token.digits + token.letters;
    match token.letters {
        0 => token.digits >= 4,
        _ => length >= 3 && (token.digits >= 2 || token.joints > 0),
    }
}

/// Tells whether a candidate is written like most promotion codes: `WELCOME15`.
fn is_word_and_number(candidate: &Candidate) -> bool {
    let token = &candidate.token;
    token.letters >= 3
        && token.digits <= 3
        && token.longest_run == token.digits
        && token.joints <= 1
}

fn promotion_verdict(
    reading: &Reading<'_>,
    candidate: &Candidate,
    announcement: &Announcement,
) -> Verdict {
    let token = &candidate.token;
    let length = token.digits + token.letters;
    let is_measure = is_measure(reading.text.original(&token.range()));
    let is_sentence_like =
        token.letters < 2 || !(4..=20).contains(&length) || token.joints > 1 || is_measure;
    let text = reading.text.slice(token.range());
    let first_letters = text.chars().take_while(|letter| letter.is_alphabetic()).count();
    let is_article =
        announcement.topic == Topic::Code && text.contains('/') && is_article_shape(token);
    let kind = if is_article {
        EntityType::Sku
    } else if is_sentence_like
        || text.contains(['/', '.'])
        || (announcement.topic == Topic::Code && first_letters < 2)
    {
        return Verdict::Unknown;
    } else {
        EntityType::PromoCode
    };
    let range = token.range();
    let value = reading.text.code(&range);
    Verdict::Is(reading.entity(kind, &range, value, ANNOUNCED), range)
}
