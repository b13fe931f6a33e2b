//! What a message names: orders, parcels, people's addresses, money, days.

mod amount;
mod announcement;
mod context;
mod date;
mod folded;
mod folding;
mod iban;
mod identifier;
mod lexicon;
mod payment_card;
mod phone;
mod postal_code;
mod promotion;
mod reading;
mod resolution;
mod secrecy;
mod tokens;
mod tracking;
mod units;
mod web;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::SystemTime;

use self::context::ContextFinder;
use self::folded::FoldedText;
use self::folding::Folding;
use self::phone::PhoneFinder;
use self::reading::Reading;

/// A kind of thing that a message can name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum EntityType {
    /// Number of an order.
    OrderNumber,
    /// Number that a carrier gave to a parcel.
    TrackingNumber,
    /// E-mail address.
    Email,
    /// Telephone number.
    Phone,
    /// Sum of money.
    Amount,
    /// Day, week or month.
    Date,
    /// Web address.
    Url,
    /// Number of an article.
    Sku,
    /// Postal code.
    PostalCode,
    /// Number of an invoice.
    InvoiceNumber,
    /// International bank account number.
    Iban,
    /// Number of a payment card.
    PaymentCard,
    /// Code that promises a discount.
    PromoCode,
}

impl EntityType {
    /// Every type.
    pub const ALL: [Self; 13] = [
        Self::OrderNumber,
        Self::TrackingNumber,
        Self::Email,
        Self::Phone,
        Self::Amount,
        Self::Date,
        Self::Url,
        Self::Sku,
        Self::PostalCode,
        Self::InvoiceNumber,
        Self::Iban,
        Self::PaymentCard,
        Self::PromoCode,
    ];

    /// Returns the name as replies and policies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderNumber => "order_number",
            Self::TrackingNumber => "tracking_number",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Amount => "amount",
            Self::Date => "date",
            Self::Url => "url",
            Self::Sku => "sku",
            Self::PostalCode => "postal_code",
            Self::InvoiceNumber => "invoice_number",
            Self::Iban => "iban",
            Self::PaymentCard => "payment_card",
            Self::PromoCode => "promo_code",
        }
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A name that is no [`EntityType`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown entity type {name:?}")]
pub struct UnknownEntityType {
    /// The name that was given.
    pub name: String,
}

impl FromStr for EntityType {
    type Err = UnknownEntityType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownEntityType { name: name.to_owned() })
    }
}

/// Something that a text names.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// What it is.
    pub kind: EntityType,
    /// Where it stands: bytes of the searched text.
    pub span: Range<usize>,
    /// Normalised value; bank accounts and cards are redacted.
    pub value: String,
    /// How sure that is, in [0, 1].
    pub confidence: f32,
    /// More about it: `carrier`, `currency`, `granularity`, `country`, `region`.
    pub attributes: BTreeMap<&'static str, String>,
}

/// What helps to read a text: who wrote it, and when.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    /// Language of the text, a BCP-47 tag or "und".
    pub language: &'a str,
    /// The caller's hint, a BCP-47 tag that may carry a region; may be empty.
    pub locale: &'a str,
    /// When the text was sent: what "yesterday" counts from.
    pub sent_at: SystemTime,
}

/// Fewest capital letters in a row that can be a promotion code without a digit.
const MIN_CAPITALS: usize = 4;

/// Finds entities. Built once and shared: it holds word lists and numbering plans.
#[derive(Debug)]
pub struct EntityFinder {
    folding: Folding,
    contexts: ContextFinder,
    phones: PhoneFinder,
    dates: date::DateFinder,
    amounts: amount::AmountFinder,
}

impl Default for EntityFinder {
    fn default() -> Self {
        Self::new()
    }
}

impl EntityFinder {
    /// Prepares word lists and numbering plans.
    #[must_use]
    pub fn new() -> Self {
        let folding = Folding::new();
        let contexts = ContextFinder::new(&folding);
        Self {
            folding,
            contexts,
            phones: PhoneFinder::new(),
            dates: date::DateFinder::new(),
            amounts: amount::AmountFinder::new(),
        }
    }

    /// Returns what a text names, in the order of the text; spans do not overlap.
    #[must_use]
    pub fn find(&self, text: &str, reference: &Reference<'_>) -> Vec<Entity> {
        let mut found = Vec::new();
        let folded = FoldedText::of(text);
        self.dates.find(text, &folded, reference, &mut found);
        self.amounts.find(text, &folded, reference, &mut found);
        if can_name_more(text) {
            self.find_identifiers(text, reference, &mut found);
        }
        let apart = secrecy::withhold(text, resolution::without_overlaps(found));
        secrecy::withhold_pieces(apart)
    }

    /// Adds everything but dates and amounts. The order matters: what is found first is out of reach of the rest.
    fn find_identifiers(&self, text: &str, reference: &Reference<'_>, found: &mut Vec<Entity>) {
        let language = primary_subtag(reference.language);
        let folded = self.folding.fold(text);
        let tokens = tokens::tokens(folded.as_str());
        // Words only matter beside numbers and codes; finding them costs more than all the rest.
        let has_codes = !tokens.is_empty() || has_capitals(text);
        let hits = if has_codes { self.contexts.hits(&folded, language) } else { Vec::new() };
        let country = region_subtag(reference.locale);
        let mut reading = Reading { text: folded, tokens, hits, language, country };
        iban::find(&mut reading, found);
        identifier::find_certain(&mut reading, found);
        payment_card::find(&mut reading, found);
        web::find(&mut reading, found);
        self.phones.find_international(&mut reading, found);
        identifier::find_checked(&mut reading, found);
        identifier::find_announced(&mut reading, found);
        postal_code::find(&mut reading, found);
        self.phones.find(&mut reading, found);
        promotion::find_near(&mut reading, found);
        identifier::find_unannounced(&mut reading, found);
        promotion::find_beside(&reading, found);
    }
}

/// Tells whether a text has anything that an entity other than a date or an amount needs: a digit of some script, an
/// address sign, a dot or a word in capitals.
fn can_name_more(text: &str) -> bool {
    let has_sign = text.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'@' | b'.'));
    let is_digit = |character| matches!(character, '０'..='９' | '＠' | '．' | '\u{0660}'..='\u{0669}' | '\u{06F0}'..='\u{06F9}');
    has_sign || has_capitals(text) || (!text.is_ascii() && text.contains(is_digit))
}

/// Tells whether a text has a word in capitals that is long enough for a promotion code.
fn has_capitals(text: &str) -> bool {
    let mut capitals = 0;
    text.chars().any(|character| {
        capitals = if character.is_uppercase() { capitals + 1 } else { 0 };
        capitals >= MIN_CAPITALS
    })
}

/// Returns the language of a tag: `pt` of `pt-BR`.
fn primary_subtag(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or_default()
}

/// Returns the country of a tag in upper case, or nothing: `BR` of `pt-br`.
fn region_subtag(tag: &str) -> String {
    let region = tag.split(['-', '_']).skip(1).find(|part| part.len() == 2);
    region.unwrap_or_default().to_ascii_uppercase()
}

#[cfg(test)]
mod tests;
