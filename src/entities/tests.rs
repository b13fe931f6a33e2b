//! What holds for every text.

use std::time::SystemTime;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;

fn find_in(text: &str, language: &str) -> Vec<Entity> {
    let reference = Reference { language, locale: "", sent_at: SystemTime::UNIX_EPOCH };
    EntityFinder::new().find(text, &reference)
}

fn named(text: &str, language: &str) -> Vec<(EntityType, String)> {
    find_in(text, language).into_iter().map(|entity| (entity.kind, entity.value)).collect()
}

/// Returns a number with a right Luhn digit that begins like a Visa card.
fn card_of(digits: &[u8]) -> String {
    let number: String = digits.iter().map(|digit| char::from(b'0' + digit % 10)).collect();
    let number = format!("4{number}");
    let sum: u32 = number
        .bytes()
        .rev()
        .zip([2, 1].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    format!("{number}{}", (10 - sum % 10) % 10)
}

#[test]
fn names_of_types_are_read_back() {
    for kind in EntityType::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert!("order".parse::<EntityType>().is_err());
}

#[test]
fn digits_of_any_script_are_read() {
    assert_eq!(named("رقم الطلب ٤٨٢١٣", "ar"), [(EntityType::OrderNumber, "48213".to_owned())]);
    assert_eq!(
        named("注文番号　４８２１３", "ja"),
        [(EntityType::OrderNumber, "48213".to_owned())]
    );
}

#[test]
fn a_bare_number_behind_the_word_for_an_order_is_no_phone() {
    assert_eq!(
        named("order 2125550142", "en"),
        [(EntityType::OrderNumber, "2125550142".to_owned())]
    );
    assert_eq!(named("phone 2125550142", "en"), [(EntityType::Phone, "+12125550142".to_owned())]);
}

#[test]
fn the_hint_of_the_caller_names_the_country_of_a_phone() {
    let finder = EntityFinder::new();
    let reference = Reference { language: "en", locale: "en-AU", sent_at: SystemTime::UNIX_EPOCH };

    let found = finder.find("ring 0412 555 019", &reference);

    assert_eq!(found[0].value, "+61412555019");
    assert_eq!(found[0].attributes["region"], "AU");
}

#[test]
fn numbers_of_customers_and_tickets_are_left_alone() {
    assert_eq!(named("Kundennummer 20-33817, Ticket 99120", "de"), []);
    assert_eq!(named("my ticket #88214, serial number 5C-0099-1187", "en"), []);
}

#[test]
fn mistyped_accounts_and_cards_are_nothing_else() {
    assert_eq!(named("IBAN DE89 3704 0044 0532 0130 01", "de"), []);
    assert_eq!(named("order 4111 1111 1111 1112", "en"), []);
}

#[test]
fn a_card_in_an_address_does_not_leave_with_it() {
    let found = named("https://shop.example/pay?card=4111111111111111", "en");

    assert_eq!(found, [(EntityType::PaymentCard, "************1111".to_owned())]);
}

#[test]
fn hostile_texts_are_finished() {
    let finder = EntityFinder::new();
    let reference = Reference { language: "de", locale: "", sent_at: SystemTime::UNIX_EPOCH };
    let parts = [
        "1 ",
        "-",
        "a@",
        "a@b.",
        "4111 ",
        "de89 ",
        "+49",
        "(030) ",
        "0171 39200 58 ",
        "order no ",
        "#1",
        "1z ",
        "x.y/",
        "https://",
        "9 9 9 ",
        "Nr. ",
        "订单",
        "٣",
        "\n7",
        "code ",
        "ABCDE ",
        "1.000.",
        "a-1-",
    ];

    for part in parts {
        let text = part.repeat(65_536 / part.chars().count());
        let found = finder.find(&text, &reference);

        assert!(found.len() <= text.len());
    }
}

/// Runs a check on generated texts with one finder for all of them.
fn for_all<S: Strategy>(
    texts: S,
    check: impl Fn(&EntityFinder, S::Value) -> Result<(), TestCaseError>,
) {
    let finder = EntityFinder::new();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(500));

    runner.run(&texts, |text| check(&finder, text)).unwrap();
}

#[test]
fn spans_are_in_order_apart_and_on_characters() {
    let reference = Reference { language: "de", locale: "", sent_at: SystemTime::UNIX_EPOCH };
    for_all("(\\PC|[0-9 @./#+-]|order |Nr\\. |DHL ){0,60}", |finder, text| {
        let mut end = 0;
        for entity in finder.find(&text, &reference) {
            prop_assert!(entity.span.start >= end && entity.span.end > entity.span.start);
            prop_assert!(text.get(entity.span.clone()).is_some());
            prop_assert!(!entity.value.is_empty() && (0.0..=1.0).contains(&entity.confidence));
            end = entity.span.end;
        }
        Ok(())
    });
}

#[test]
fn cards_leave_redacted_whatever_stands_around_them() {
    let before = vec![
        "",
        "order ",
        "Bestellung Nr. ",
        "DHL ",
        "tracking number ",
        "Rechnung ",
        "code ",
        "tel. ",
        "#",
        "Artikel ",
        "visa",
        "77 ",
        "PLZ 12345 ",
        "https://x.example/",
        "a@b.example ",
        "12,",
        "+",
        "IBAN ",
    ];
    let separators = vec!["", " ", "-", ".", "  ", "\n"];
    let after = vec!["", " ", ".", " 12/27 123", " 4", "€", " bitte", "@", "/x"];
    let digits = prop::collection::vec(0_u8..10, 14);
    let parts = (
        digits,
        prop::sample::select(before),
        prop::sample::select(separators),
        prop::sample::select(after),
    );
    let reference = Reference { language: "de", locale: "", sent_at: SystemTime::UNIX_EPOCH };

    for_all(parts, |finder, (digits, before, separator, after)| {
        let card = card_of(&digits);
        let groups: Vec<&str> =
            (0..4).filter_map(|group| card.get(group * 4..group * 4 + 4)).collect();
        let text = format!("{before}{}{after}", groups.join(separator));

        for entity in finder.find(&text, &reference) {
            let value: String = entity.value.chars().filter(char::is_ascii_digit).collect();
            prop_assert!(!value.contains(&groups[1..3].concat()), "{entity:?}");
            prop_assert!(!value.contains(&groups[..2].concat()), "{entity:?}");
        }
        Ok(())
    });
}
