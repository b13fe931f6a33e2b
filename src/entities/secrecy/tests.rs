//! What must not leave, and what must.

#![expect(clippy::string_slice, reason = "numbers of cards and accounts are ASCII")]

use std::time::SystemTime;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::{EntityFinder, EntityType, Reference, iban, payment_card};

const BEFORE: [&str; 16] = [
    "",
    "order ",
    "tracking number ",
    "DHL ",
    "Rechnung ",
    "code ",
    "Artikel ",
    "JD",
    "JJD",
    "order 0",
    "https://pay.example/",
    "https://pay.example/c?n=",
    "https://pay.example/2026/11/25/",
    "order #",
    "SKU ",
    "tel. ",
];

const SEPARATORS: [&str; 12] =
    ["", " ", "%20", "+", "/", "_", ".", "-", "\n", "%2520", "\n\n", " / "];

const AFTER: [&str; 9] = ["", " ", "123", " 123", "0", "@x.example", "?a=1", ".example", " 12/27"];

fn reference() -> Reference<'static> {
    Reference { language: "en", locale: "", sent_at: SystemTime::UNIX_EPOCH }
}

/// Returns the longest run of characters of a secret that a value shows.
fn shown(value: &str, secret: &str) -> usize {
    let value: String = value
        .to_uppercase()
        .chars()
        .filter(|sign| sign.is_ascii_alphanumeric() || *sign == '*')
        .collect();
    (1..=secret.len())
        .take_while(|length| {
            (0..=secret.len() - length).any(|start| value.contains(&secret[start..start + length]))
        })
        .last()
        .unwrap_or(0)
}

fn check(
    finder: &EntityFinder,
    secret: &str,
    groups: &[&str],
    parts: (&str, &str, &str),
) -> Result<(), TestCaseError> {
    let (before, separator, after) = parts;
    let text = format!("{before}{}{after}", groups.join(separator));
    for entity in finder.find(&text, &reference()) {
        if !matches!(entity.kind, EntityType::Date | EntityType::Amount) || entity.value.len() > 12
        {
            prop_assert!(shown(&entity.value, secret) <= 5, "{text:?} {entity:?}");
        }
    }
    Ok(())
}

#[test]
fn cards_do_not_leave_however_they_are_written() {
    let finder = EntityFinder::new();
    let parts = (
        prop::sample::select(vec!["4", "51", "55", "2221", "6011", "62", "5018", "3530"]),
        prop::collection::vec(0_u8..10, 15),
        prop::sample::select(BEFORE.to_vec()),
        prop::sample::select(SEPARATORS.to_vec()),
        prop::sample::select(AFTER.to_vec()),
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1000));

    runner
        .run(&parts, |(prefix, digits, before, separator, after)| {
            let tail: String = digits.iter().map(|digit| char::from(b'0' + digit)).collect();
            let body = format!("{prefix}{tail}")[..15].to_owned();
            let card = (0..10).map(|digit| format!("{body}{digit}"));
            let card = card.clone().find(|card| payment_card::is_valid(card.as_bytes())).unwrap();
            let groups: Vec<&str> = (0..4).map(|group| &card[group * 4..group * 4 + 4]).collect();
            check(&finder, &card, &groups, (before, separator, after))
        })
        .unwrap();
}

#[test]
fn a_digit_behind_a_card_does_not_make_a_number_of_a_rare_length_of_it() {
    let finder = EntityFinder::new();
    for text in [
        "Artikel 5018/0017/3772/82190",
        "JD50187084824760890",
        "tracking number 50180030812678690",
        "tracking number 5018_2095_3302_72290",
    ] {
        let found = finder.find(text, &reference());
        let [card] = found.as_slice() else { panic!("{text}: {found:?}") };
        assert_eq!(card.kind, EntityType::PaymentCard, "{text}");
        assert_eq!(card.value.matches('*').count(), 12, "{text}: {card:?}");
    }
}

#[test]
fn accounts_do_not_leave_however_they_are_written() {
    let finder = EntityFinder::new();
    let parts = (
        prop::sample::select(vec![("DE", 18), ("DZ", 22), ("GB", 18), ("HN", 24), ("PL", 24)]),
        prop::collection::vec(0_u8..10, 24),
        prop::sample::select(vec![
            "",
            "order ",
            "tracking number ",
            "https://pay.example/c?iban=",
            "https://pay.example/",
            "SKU ",
            "code ",
        ]),
        prop::sample::select(SEPARATORS.to_vec()),
        prop::sample::select(vec!["", " ", "@x.example", "&a=1", " please"]),
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1000));

    runner
        .run(&parts, |((country, length), digits, before, separator, after)| {
            let tail: String =
                digits.iter().take(length).map(|digit| char::from(b'0' + digit)).collect();
            let account = (2..99).map(|check| format!("{country}{check:02}{tail}"));
            let account =
                account.clone().find(|account| iban::is_valid(account.as_bytes())).unwrap();
            let groups: Vec<&str> = (0..account.len())
                .step_by(4)
                .map(|start| &account[start..account.len().min(start + 4)])
                .collect();
            check(&finder, &account, &groups, (before, separator, after))
        })
        .unwrap();
}

#[test]
fn known_ways_around_are_closed() {
    let finder = EntityFinder::new();
    let cards = [
        "https://pay.example/c?n=4111%201111%201111%201111",
        "https://pay.example/c?n=%34111111111111111",
        "4111+1111+1111+1111@x.example",
        "order 4111111111111111123",
        "order 4111-1111-1111-11110",
        "order 04111111111111111",
        "order 4111 1111 1111 1111123",
        "JD4111111111111111",
        "JJD4111 1111 1111 1111 123",
        "order 4111 (1111) 1111 1111",
        "order 4111\n\n1111\n\n1111\n\n1111",
        "order 4222222222222",
        "order 213112345678904",
        "tracking 1Z4111111111111111",
        "order 1234111111111111111",
        "order number 4111/1111/1111/1111",
    ];
    for text in cards {
        for entity in finder.find(text, &reference()) {
            let digits =
                shown(&entity.value, "4111111111111111").min(shown(&entity.value, "1111111111"));
            assert!(digits <= 4, "{text} {entity:?}");
            assert!(
                !entity.value.contains("4222222222222")
                    && !entity.value.contains("213112345678904"),
                "{text}"
            );
        }
    }
    for text in [
        "refund to DЕ89370400440532013000",
        "order DE89/3704/0044/0532/0130/00",
        "order 61109010140000071219812874",
    ] {
        for entity in finder.find(text, &reference()) {
            assert!(shown(&entity.value, "370400440532013000") <= 4, "{text} {entity:?}");
            assert!(shown(&entity.value, "109010140000071219812874") <= 4, "{text} {entity:?}");
        }
    }
}

#[test]
fn groups_that_are_announced_one_by_one_are_a_card() {
    let text = "order 4111\norder 1111\norder 1111\norder 1111";

    let found = EntityFinder::new().find(text, &reference());

    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].value, "************1111");
}

#[test]
fn numbers_of_parcels_and_addresses_stay() {
    let finder = EntityFinder::new();
    let texts = [
        "DHL tracking 37335576844809324203",
        "tracking 9400527777887462072846",
        "order number 20261125-00417",
        "https://shop.example/p/4006381333931?v=2",
        "call +49 1512 3456789",
        "tracking JJD000957884588602881",
    ];
    for text in texts {
        let found = finder.find(text, &reference());
        assert_eq!(found.len(), 1, "{text} {found:?}");
        assert!(!found[0].value.contains('*'), "{text} {found:?}");
    }
}
