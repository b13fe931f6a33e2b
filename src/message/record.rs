//! Messages as files hold them: JSON Lines, CSV and scenarios, with the field names of the API.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{
    Attachment, Author, Channel, Customer, CustomerTier, MessageDraft, Money, Order, OrderState,
    ThreadMessage,
};

/// A message as a file gives it. Other fields, such as labels, are left alone.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct MessageRecord {
    /// What the customer wrote; null means nothing.
    #[serde(deserialize_with = "nullable")]
    pub text: String,
    /// Identifier; numbers are taken as they are written.
    #[serde(default, deserialize_with = "identifier")]
    pub id: String,
    /// Subject line.
    #[serde(default, deserialize_with = "nullable")]
    pub subject: String,
    /// Where it came in; `None` when the record does not say.
    #[serde(default, deserialize_with = "channel")]
    pub channel: Option<Channel>,
    /// Language that is expected.
    #[serde(default, deserialize_with = "nullable")]
    pub locale_hint: String,
    /// Shop or brand.
    #[serde(default, deserialize_with = "nullable")]
    pub tenant: String,
    /// When it was sent (RFC 3339).
    #[serde(default, deserialize_with = "time")]
    pub sent_at: Option<SystemTime>,
    /// Earlier messages, oldest first.
    #[serde(default)]
    pub thread: Vec<ThreadRecord>,
    /// What is known about the customer.
    #[serde(default)]
    pub customer: CustomerRecord,
    /// What is known about the order.
    #[serde(default)]
    pub order: OrderRecord,
    /// Media types of the files that came with it.
    #[serde(default)]
    pub attachments: Vec<String>,
}

/// An earlier message.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ThreadRecord {
    author: Author,
    text: String,
    #[serde(default, deserialize_with = "time")]
    sent_at: Option<SystemTime>,
}

/// Facts about a customer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerRecord {
    tier: CustomerTier,
    lifetime_orders: Option<u32>,
    contacts_7d: Option<u32>,
    refunds_90d: Option<u32>,
    tags: Vec<String>,
}

/// Facts about an order.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct OrderRecord {
    state: OrderState,
    #[serde(deserialize_with = "time")]
    promised_by: Option<SystemTime>,
    value: Option<f64>,
    currency: Option<String>,
}

/// Why a record is no message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// A value without its unit, or the other way round.
    #[error("order.value and order.currency go together")]
    Currency,
    /// A value that is no amount of money.
    #[error("order.value must lie between 0 and 9e12")]
    Value,
}

/// Largest amount whose millionths fit.
const MAX_VALUE: f64 = 9e12;

impl MessageRecord {
    /// Makes the draft of a message; what a record leaves open is as in an empty request.
    ///
    /// # Errors
    /// [`RecordError`] for facts that don't fit together; everything else is left to [`MessageDraft::validate`].
    pub fn draft(self) -> Result<MessageDraft, RecordError> {
        let attachment = |media_type| Attachment { media_type, size_bytes: 0 };
        let thread = self.thread.into_iter().map(|earlier| ThreadMessage {
            author: earlier.author,
            text: earlier.text,
            sent_at: earlier.sent_at,
        });
        let CustomerRecord { tier, lifetime_orders, contacts_7d, refunds_90d, tags } =
            self.customer;
        Ok(MessageDraft {
            id: self.id,
            text: self.text,
            subject: self.subject,
            channel: self.channel.unwrap_or_default(),
            locale_hint: self.locale_hint,
            thread: thread.collect(),
            customer: Customer { tier, lifetime_orders, contacts_7d, refunds_90d, tags },
            order: self.order.facts()?,
            tenant: self.tenant,
            sent_at: self.sent_at,
            attachments: self.attachments.into_iter().map(attachment).collect(),
            ..MessageDraft::default()
        })
    }
}

impl OrderRecord {
    fn facts(self) -> Result<Order, RecordError> {
        let value = match (self.value, self.currency) {
            (None, None) => None,
            (Some(amount), Some(currency_code)) => {
                if !(0.0..=MAX_VALUE).contains(&amount) {
                    return Err(RecordError::Value);
                }
                #[expect(clippy::cast_possible_truncation, reason = "checked above")]
                let amount_micros = (amount * 1e6).round() as i64;
                Some(Money { currency_code, amount_micros })
            }
            (Some(_), None) | (None, Some(_)) => return Err(RecordError::Currency),
        };
        let promised_by = self.promised_by;
        Ok(Order { state: self.state, promised_by, value })
    }
}

/// Takes null for an empty text, as exports write it.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// Takes a channel in any case; empty and null mean that the record does not say.
fn channel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Channel>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if name.trim().is_empty() {
        return Ok(None);
    }
    let known = Channel::NAMED.map(Channel::as_str).join(", ");
    // The name is not quoted: it may hold anything.
    let unknown = || D::Error::custom(format_args!("is none of {known}"));
    Channel::from_name(&name).map(Some).ok_or_else(unknown)
}

/// Reads RFC 3339; null and an empty text mean that the record does not say.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.parse::<Timestamp>().ok().and_then(|time| SystemTime::try_from(time).ok());
    let wrong = || D::Error::custom("is not a time as RFC 3339 writes it");
    parsed.map(Some).ok_or_else(wrong)
}

/// Takes numbers as well: many helpdesks count their tickets.
fn identifier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Identifier {
        Text(String),
        Number(u64),
        Negative(i64),
    }
    Ok(match Option::<Identifier>::deserialize(deserializer)? {
        None => String::new(),
        Some(Identifier::Text(text)) => text,
        Some(Identifier::Number(number)) => number.to_string(),
        Some(Identifier::Negative(number)) => number.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(json: &str) -> MessageDraft {
        serde_json::from_str::<MessageRecord>(json).unwrap().draft().unwrap()
    }

    #[test]
    fn record_carries_everything_that_a_request_does() {
        let draft = draft(
            r#"{"text": "hi", "id": 7, "channel": "Email", "sent_at": "2026-11-20T10:00:00+01:00",
                "customer": {"tier": "vip", "lifetime_orders": 3}, "attachments": ["image/png"],
                "order": {"state": "shipped", "value": 59.9, "currency": "EUR"},
                "thread": [{"author": "customer", "text": "hello?"}], "labels": ["x"]}"#,
        );

        assert_eq!(draft.id, "7");
        assert_eq!(draft.channel, Channel::Email);
        assert_eq!(draft.customer.tier, CustomerTier::Vip);
        assert_eq!(draft.order.value.unwrap().amount_micros, 59_900_000);
        assert_eq!(draft.thread.len(), 1);
        assert_eq!(draft.attachments[0].media_type, "image/png");
        let sent_at = draft.sent_at.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(sent_at.as_secs(), 1_795_165_200);
    }

    #[test]
    fn null_is_an_empty_text_and_a_missing_text_is_none() {
        assert_eq!(draft(r#"{"text": null, "subject": "hi"}"#).text, "");
        assert!(serde_json::from_str::<MessageRecord>(r#"{"subject": "hi"}"#).is_err());
    }

    #[test]
    fn value_needs_a_currency_and_a_range() {
        let order = |json: &str| {
            let json = format!(r#"{{"text": "", "order": {json}}}"#);
            serde_json::from_str::<MessageRecord>(&json).unwrap().draft().map(|_| ())
        };

        assert_eq!(order(r#"{"value": 5}"#), Err(RecordError::Currency));
        assert_eq!(order(r#"{"currency": "EUR"}"#), Err(RecordError::Currency));
        assert_eq!(order(r#"{"value": -1, "currency": "EUR"}"#), Err(RecordError::Value));
        assert_eq!(order(r#"{"value": 9e99, "currency": "EUR"}"#), Err(RecordError::Value));
    }
}
