use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;

/// Built once: most of the time of these tests would go into it.
static FINDER: LazyLock<AmountFinder> = LazyLock::new(AmountFinder::new);

/// Each amount of a text: the words, the value and the currency.
fn read_in(language: &str, locale: &str, text: &str) -> Vec<(String, String, String)> {
    let reference = Reference { language, locale, sent_at: UNIX_EPOCH };
    let mut found = Vec::new();
    FINDER.find(text, &FoldedText::of(text), &reference, &mut found);
    found
        .into_iter()
        .map(|entity| {
            let currency = entity.attributes.get("currency").unwrap();
            (text.get(entity.span).unwrap().to_owned(), entity.value, currency.clone())
        })
        .collect()
}

/// A text, and what is to be read from it.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)]);

fn assert_read(language: &str, cases: &[Case<'_>]) {
    for (text, expected) in cases {
        let found = read_in(language, "", text);
        let found: Vec<_> = found
            .iter()
            .map(|(words, value, currency)| (words.as_str(), value.as_str(), currency.as_str()))
            .collect();
        assert_eq!(&found, expected, "{language}: {text}");
    }
}

#[test]
fn signs_codes_and_names_stand_on_either_side() {
    assert_read(
        "en",
        &[
            (
                "paid $1,299.00, GBP 89.50 and 40 euros",
                &[
                    ("$1,299.00", "1299.00", "USD"),
                    ("GBP 89.50", "89.50", "GBP"),
                    ("40 euros", "40.00", "EUR"),
                ],
            ),
            (
                "$129.00 USD for 50 bucks",
                &[("$129.00 USD", "129.00", "USD"), ("50 bucks", "50.00", "USD")],
            ),
        ],
    );
    assert_read("pl", &[("1 299,90 zł", &[("1 299,90 zł", "1299.90", "PLN")])]);
    assert_read(
        "pt",
        &[("R$49 e R$ 1.480", &[("R$49", "49.00", "BRL"), ("R$ 1.480", "1480.00", "BRL")])],
    );
    assert_read(
        "ru",
        &[(
            "4 590 руб., 200р и 5 тыс. рублей",
            &[
                ("4 590 руб.", "4590.00", "RUB"),
                ("200р", "200.00", "RUB"),
                ("5 тыс. рублей", "5000.00", "RUB"),
            ],
        )],
    );
    assert_read(
        "ar",
        &[(
            "٣٥ درهم و900 ريال سعودي",
            &[("٣٥ درهم", "35.00", "AED"), ("900 ريال سعودي", "900.00", "SAR")],
        )],
    );
}

#[test]
fn prices_without_decimals_end_in_a_dash() {
    assert_read(
        "de",
        &[("24,- € statt 49,-", &[("24,- €", "24.00", "EUR"), ("49,-", "49.00", "EUR")])],
    );
    assert_read("nl", &[("€ 1.065,-", &[("€ 1.065,-", "1065.00", "EUR")])]);
    assert_read("sv", &[("599:-", &[("599:-", "599.00", "SEK")])]);
}

#[test]
fn coins_may_follow() {
    assert_read("de", &[("9 Euro 90 gekostet", &[("9 Euro 90", "9.90", "EUR")])]);
    assert_read("fr", &[("22€50", &[("22€50", "22.50", "EUR")])]);
    assert_read("ru", &[("722 рубля 50 копеек", &[("722 рубля 50 копеек", "722.50", "RUB")])]);
    assert_read("zh", &[("37块8，", &[("37块8", "37.80", "CNY")])]);
    assert_read("sv", &[("3 öre", &[("3 öre", "0.03", "SEK")])]);
}

#[test]
fn inflected_names_are_covered_and_suffixes_after_an_apostrophe_are_not() {
    assert_read(
        "tr",
        &[
            ("2.100 liraya", &[("2.100 liraya", "2100.00", "TRY")]),
            ("149,90 TL'yi", &[("149,90 TL", "149.90", "TRY")]),
        ],
    );
}

#[test]
fn numbers_in_words_are_read() {
    assert_read("pt", &[("paguei cem reais", &[("cem reais", "100.00", "BRL")])]);
    assert_read(
        "it",
        &[(
            "settanta euro, ventuno euro",
            &[("settanta euro", "70.00", "EUR"), ("ventuno euro", "21.00", "EUR")],
        )],
    );
    assert_read("de", &[("fünfundzwanzig Euro", &[("fünfundzwanzig Euro", "25.00", "EUR")])]);
    assert_read(
        "en",
        &[("two hundred and fifty dollars", &[("two hundred and fifty dollars", "250.00", "USD")])],
    );
    assert_read("fr", &[("deux cents euros", &[("deux cents euros", "200.00", "EUR")])]);
    assert_read(
        "ja",
        &[("二千円と1万2千円", &[("二千円", "2000", "JPY"), ("1万2千円", "12000", "JPY")])],
    );
    assert_read("zh", &[("三百块的", &[("三百块", "300.00", "CNY")])]);
    assert_read(
        "ko",
        &[("2만 5천원짜리, 삼천원", &[("2만 5천원", "25000", "KRW"), ("삼천원", "3000", "KRW")])],
    );
}

#[test]
fn shared_signs_follow_language_and_region() {
    let currency = |language, locale, text| {
        read_in(language, locale, text)
            .first()
            .map(|(_, _, currency)| currency.clone())
            .unwrap_or_default()
    };

    assert_eq!(currency("ja", "", "¥60"), "JPY");
    assert_eq!(currency("zh", "", "¥60"), "CNY");
    assert_eq!(currency("en", "en-CA", "$60"), "CAD");
    assert_eq!(currency("es", "", "$60"), "USD");
    assert_eq!(currency("sv", "", "60 kr"), "SEK");
    assert_eq!(currency("sv", "nb-NO", "60 kr"), "NOK");
    assert_eq!(currency("zh", "", "NT$120"), "TWD");
}

#[test]
fn other_numbers_are_no_amounts() {
    assert_read(
        "en",
        &[
            (
                "$ well spent, 20 %, size 12, order AB-200, 1080p, weighs 5 pounds, 5 pounds of flour",
                &[],
            ),
            ("try 5 times, rub 3 minutes, Order 2201-P", &[]),
        ],
    );
    assert_read("zh", &[("两块巧克力，二元一次方程，几百元", &[])]);
    assert_read("it", &[("Euro 6", &[])]);
    assert_read("pl", &[("50 gr, 100g", &[])]);
}

#[test]
fn the_largest_numbers_are_none() {
    assert_read("en", &[("$9999999999999999999999, 99999999999999999999 euros", &[])]);
    assert_read("ja", &[("9億億億億億億億億円", &[])]);
}

#[test]
fn hostile_texts_are_read_to_their_end() {
    for unit in [
        "1", "1,", "1 ", "1€", "$1 ", "one ", "hundred ", "and ", "万", "1万 ", "9块", "일",
        "1 000 ", "€", "lira",
    ] {
        let text: String = unit.chars().cycle().take(65_536).collect();
        for language in ["en", "zh", "ko", "tr", "und"] {
            let reference = Reference { language, locale: "", sent_at: UNIX_EPOCH };
            let mut found = Vec::new();
            FINDER.find(&text, &FoldedText::of(&text), &reference, &mut found);
            assert!(
                found.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start),
                "{unit} {language}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn spans_are_slices_and_values_are_numbers(
        pieces in proptest::collection::vec(
            prop_oneof![
                "[0-9]{1,14}", "[ .,:'-]{1,2}", ".{0,4}",
                proptest::sample::select(vec![
                    "€", "$", "US$", " euros", "円", "块", "万", "千", "만", "천원", "ريال", "liraya", "hundred ", "cent ", " zł", "руб.",
                    "kr", " and ", "R$", "¥", "k", "e\u{301}", "一", "일",
                ]).prop_map(str::to_owned),
            ],
            0..24,
        ),
        language in proptest::sample::select(vec!["en", "de", "tr", "ja", "zh", "fr", "ar", "ko", "ru", "und"]),
    ) {
        let reference = Reference { language, locale: "", sent_at: UNIX_EPOCH };
        let text = pieces.concat();
        let mut found = Vec::new();

        FINDER.find(&text, &FoldedText::of(&text), &reference, &mut found);

        for entity in found {
            prop_assert!(text.get(entity.span.clone()).is_some_and(|words| !words.is_empty()));
            prop_assert!(entity.value.parse::<f64>().is_ok(), "{}", entity.value);
        }
    }
}
