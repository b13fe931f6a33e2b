//! What a message names: orders, parcels, people's addresses, money, days.

mod amount;
mod date;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::SystemTime;

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

/// Finds entities. Built once and shared: it holds compiled expressions and word lists.
#[derive(Debug)]
pub struct EntityFinder {
    dates: date::DateFinder,
    amounts: amount::AmountFinder,
}

impl Default for EntityFinder {
    fn default() -> Self {
        Self::new()
    }
}

impl EntityFinder {
    /// Compiles expressions and word lists.
    #[must_use]
    pub fn new() -> Self {
        Self { dates: date::DateFinder::new(), amounts: amount::AmountFinder::new() }
    }

    /// Returns what a text names, in the order of the text; spans do not overlap.
    #[must_use]
    pub fn find(&self, text: &str, reference: &Reference<'_>) -> Vec<Entity> {
        let mut found = Vec::new();
        self.dates.find(text, reference, &mut found);
        self.amounts.find(text, reference, &mut found);
        found
    }
}
