//! The last gate: no number of a card or an account leaves as part of something else.
//!
//! The finders of cards and accounts know how these are usually written. Here the text is searched once more as an
//! address would be decoded, with any separators, and whatever was found on such a stretch is redacted.

mod accounts;
mod cards;
mod signs;

use std::collections::BTreeMap;
use std::ops::Range;

use self::signs::Sign;
use super::{Entity, EntityType, payment_card, tracking};

/// Fewest digits of a text that can name a card or an account.
const MIN_DIGITS: usize = 8;

/// Groups of a card, and digits of each group.
const PIECE: usize = 4;

/// A stretch of a text that is the number of a card or an account.
#[derive(Clone, Debug)]
struct Secret {
    kind: EntityType,
    /// Bytes of the text.
    span: Range<usize>,
    /// Redacted number.
    value: String,
    /// Numbers of parcels, articles and phones look like this now and then, so that a word for one decides.
    is_doubtful: bool,
}

/// Redacts what contains the number of a card or an account. Takes and returns entities in the order of the text, apart.
pub(super) fn withhold(text: &str, found: Vec<Entity>) -> Vec<Entity> {
    let is_safe = |entity: &Entity| is_redacted(entity.kind) || entity.kind == EntityType::Date;
    if found.iter().all(is_safe) {
        return found;
    }
    let secrets = secrets(text);
    if secrets.is_empty() {
        return found;
    }
    let mut kept: Vec<Entity> = Vec::with_capacity(found.len());
    for entity in found {
        let first = secrets.partition_point(|secret| secret.span.end <= entity.span.start);
        let overlapping = secrets
            .iter()
            .skip(first)
            .take_while(|secret| secret.span.start < entity.span.end)
            .find(|secret| !is_redacted(entity.kind) && !survives(&entity, secret));
        match overlapping {
            None => push_apart(&mut kept, entity),
            Some(_) if matches!(entity.kind, EntityType::Url | EntityType::Email) => {
                let value = masked(&entity.value);
                push_apart(&mut kept, Entity { value, ..entity });
            }
            Some(secret) => push_apart(&mut kept, redacted(&entity, secret)),
        }
    }
    kept
}

/// Redacts four numbers of four digits in a row that are a card together, each announced for itself.
pub(super) fn withhold_pieces(found: Vec<Entity>) -> Vec<Entity> {
    let is_piece = |entity: &Entity| {
        entity.value.len() == PIECE && entity.value.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut kept: Vec<Entity> = Vec::with_capacity(found.len());
    for entity in found {
        kept.push(entity);
        let first = kept.len().saturating_sub(PIECE);
        let pieces = kept.get(first..).unwrap_or_default();
        let number: String = pieces.iter().map(|piece| piece.value.as_str()).collect();
        let is_card = pieces.len() == PIECE
            && pieces.iter().all(is_piece)
            && payment_card::is_valid(number.as_bytes());
        if is_card {
            let end = pieces.last().map_or(0, |piece| piece.span.end);
            kept.truncate(first + 1);
            if let Some(card) = kept.last_mut() {
                card.kind = EntityType::PaymentCard;
                card.span.end = end;
                card.value = payment_card::redacted(number.as_bytes());
                card.attributes.clear();
            }
        }
    }
    kept
}

fn is_redacted(kind: EntityType) -> bool {
    matches!(kind, EntityType::Iban | EntityType::PaymentCard)
}

/// Adds an entity; what overlaps the one before it is a part of the same number.
fn push_apart(kept: &mut Vec<Entity>, entity: Entity) {
    match kept.last_mut().filter(|last| last.span.end > entity.span.start) {
        Some(last) if is_redacted(last.kind) || !is_redacted(entity.kind) => {
            last.span.end = last.span.end.max(entity.span.end);
        }
        Some(last) => {
            let start = last.span.start.min(entity.span.start);
            *last = Entity { span: start..entity.span.end.max(last.span.end), ..entity };
        }
        None => kept.push(entity),
    }
}

/// Tells whether an entity is what it is called although a part of it looks like a secret.
fn survives(entity: &Entity, secret: &Secret) -> bool {
    let code = entity.value.to_ascii_lowercase();
    let is_longer = entity.span.len() > secret.span.len();
    let carrier = entity.attributes.get("carrier").map_or("unknown", String::as_str);
    match entity.kind {
        EntityType::TrackingNumber => {
            secret.is_doubtful
                || (is_longer && tracking::has_right_check_digit(carrier, code.as_bytes()))
        }
        EntityType::Sku | EntityType::Phone => secret.is_doubtful,
        EntityType::OrderNumber
        | EntityType::Email
        | EntityType::Amount
        | EntityType::Date
        | EntityType::Url
        | EntityType::PostalCode
        | EntityType::InvoiceNumber
        | EntityType::Iban
        | EntityType::PaymentCard
        | EntityType::PromoCode => false,
    }
}

fn redacted(entity: &Entity, secret: &Secret) -> Entity {
    let start = entity.span.start.min(secret.span.start);
    let end = entity.span.end.max(secret.span.end);
    Entity {
        kind: secret.kind,
        span: start..end,
        value: secret.value.clone(),
        confidence: entity.confidence,
        attributes: BTreeMap::new(),
    }
}

/// Hides the secrets of an address; where they go on after it, all its digits.
fn masked(address: &str) -> String {
    let secrets = secrets(address);
    let is_hidden = |sign: &Sign| {
        let is_inside = |secret: &Secret| secret.span.contains(&sign.start);
        if secrets.is_empty() { sign.is_digit() } else { secrets.iter().any(is_inside) }
    };
    let mut value = String::with_capacity(address.len());
    for sign in signs::read(address) {
        if sign.is_alphanumeric() && is_hidden(&sign) {
            value.push('*');
        } else {
            value.push_str(address.get(sign.start..sign.end).unwrap_or_default());
        }
    }
    value
}

/// Returns the secrets of a text in the order of their places, apart. Linear in the text.
fn secrets(text: &str) -> Vec<Secret> {
    if signs::count_digits(text) < MIN_DIGITS {
        return Vec::new();
    }
    let signs = signs::read(text);
    let mut all = accounts::find(&signs);
    all.extend(cards::find(&signs));
    all.sort_by_key(|secret| (secret.span.start, usize::MAX - secret.span.end));
    let mut apart: Vec<Secret> = Vec::with_capacity(all.len());
    for secret in all {
        match apart.last_mut().filter(|last| last.span.end > secret.span.start) {
            Some(last) => {
                last.span.end = last.span.end.max(secret.span.end);
                last.is_doubtful &= secret.is_doubtful;
            }
            None => apart.push(secret),
        }
    }
    apart
}

#[cfg(test)]
mod tests;
