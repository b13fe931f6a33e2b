//! Which of several overlapping entities stays.

use super::{Entity, EntityType};

/// Removes overlaps and sorts by place.
///
/// Bank accounts and cards come before everything, so that their digits can't leave under another name. Otherwise the
/// longest wins, then the more specific type, then the first.
pub(super) fn without_overlaps(mut found: Vec<Entity>) -> Vec<Entity> {
    if found.len() > 1 {
        found.sort_by_key(|entity| {
            let length = entity.span.len();
            let secret = is_secret(entity.kind);
            (!secret, usize::MAX - length, specificity(entity.kind), entity.span.start)
        });
        found = keep_disjoint(found);
    }
    found
}

fn is_secret(kind: EntityType) -> bool {
    matches!(kind, EntityType::Iban | EntityType::PaymentCard)
}

/// Ranks types: the lower, the less likely something is called that by mistake.
fn specificity(kind: EntityType) -> u8 {
    match kind {
        EntityType::Iban => 0,
        EntityType::PaymentCard => 1,
        EntityType::TrackingNumber => 2,
        EntityType::Email => 3,
        EntityType::Url => 4,
        EntityType::Amount => 5,
        EntityType::Date => 6,
        EntityType::InvoiceNumber => 7,
        EntityType::Sku => 8,
        EntityType::PromoCode => 9,
        EntityType::PostalCode => 10,
        EntityType::Phone => 11,
        EntityType::OrderNumber => 12,
    }
}

/// Takes entities in order of preference, each where nothing preferred stands.
fn keep_disjoint(preferred_first: Vec<Entity>) -> Vec<Entity> {
    let mut kept: std::collections::BTreeMap<usize, Entity> = std::collections::BTreeMap::new();
    for entity in preferred_first {
        let before = kept.range(..entity.span.end).next_back();
        if before.is_none_or(|(_, other)| other.span.end <= entity.span.start) {
            kept.insert(entity.span.start, entity);
        }
    }
    kept.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::Range;

    use super::*;

    fn entity(kind: EntityType, span: Range<usize>) -> Entity {
        Entity { kind, span, value: String::new(), confidence: 1.0, attributes: BTreeMap::new() }
    }

    fn kinds(found: Vec<Entity>) -> Vec<EntityType> {
        without_overlaps(found).into_iter().map(|entity| entity.kind).collect()
    }

    #[test]
    fn the_longest_wins() {
        let found = vec![entity(EntityType::OrderNumber, 0..4), entity(EntityType::Amount, 0..8)];

        assert_eq!(kinds(found), [EntityType::Amount]);
    }

    #[test]
    fn of_equals_the_more_specific_wins() {
        let found = vec![entity(EntityType::Phone, 3..9), entity(EntityType::TrackingNumber, 3..9)];

        assert_eq!(kinds(found), [EntityType::TrackingNumber]);
    }

    #[test]
    fn a_card_wins_over_anything_longer() {
        let found = vec![entity(EntityType::Url, 0..60), entity(EntityType::PaymentCard, 30..46)];

        assert_eq!(kinds(found), [EntityType::PaymentCard]);
    }

    #[test]
    fn what_does_not_overlap_is_sorted_by_place() {
        let found = vec![entity(EntityType::Url, 10..40), entity(EntityType::Date, 0..9)];

        assert_eq!(kinds(found), [EntityType::Date, EntityType::Url]);
    }
}
