use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::Date;
use proptest::prelude::*;

use super::*;
use crate::entities::EntityType;

/// Friday, 27 November 2026, 10:15 UTC.
const FRIDAY: Duration = Duration::from_secs(1_795_774_500);

/// Built once: most of the time of these tests would go into it.
static FINDER: LazyLock<DateFinder> = LazyLock::new(DateFinder::new);

/// Each date of a text: the words, the value and the granularity.
fn read_in(language: &str, locale: &str, text: &str) -> Vec<(String, String, String)> {
    let reference = Reference { language, locale, sent_at: UNIX_EPOCH + FRIDAY };
    let mut found = Vec::new();
    FINDER.find(text, &FoldedText::of(text), &reference, &mut found);
    found
        .into_iter()
        .map(|entity| {
            let granularity = entity.attributes.get("granularity").unwrap();
            (text.get(entity.span).unwrap().to_owned(), entity.value, granularity.clone())
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
            .map(|(words, value, unit)| (words.as_str(), value.as_str(), unit.as_str()))
            .collect();
        assert_eq!(&found, expected, "{language}: {text}");
    }
}

#[test]
fn numeric_dates_follow_separator_language_and_region() {
    assert_read(
        "en",
        &[
            ("sent 2026-11-03T09:00", &[("2026-11-03", "2026-11-03", "day")]),
            ("on 5/6/2026", &[("5/6/2026", "2026-05-06", "day")]),
            ("on 16/5/2026", &[("16/5/2026", "2026-05-16", "day")]),
        ],
    );
    assert_read("fr", &[("jusqu'au 5/12", &[("5/12", "2026-12-05", "day")])]);
    assert_read(
        "de",
        &[(
            "am 3.11.26 und 4.12. da",
            &[("3.11.26", "2026-11-03", "day"), ("4.12.", "2026-12-04", "day")],
        )],
    );
    assert_read("ja", &[("７/３１までに", &[("７/３１", "2026-07-31", "day")])]);

    let british = read_in("en", "en-GB", "on 5/6/2026");

    assert_eq!(british.first().map(|(_, value, _)| value.as_str()), Some("2026-06-05"));
}

#[test]
fn numbers_of_other_kinds_are_no_dates() {
    assert_read(
        "en",
        &[
            ("open 24/7, 5/5 stars, version 2.4.1, 10/10", &[]),
            ("order 2026-11-0042 and 12-11-2026-7, ip 10.11.12.13", &[]),
            ("on 31/02/2026 or 30 February", &[]),
        ],
    );
    assert_read("de", &[("38,5 cm, 7.1 und 8.3, um 9.30 Uhr, bis 12.10 Uhr", &[])]);
    assert_read("ja", &[("評価4.8の、24.5に替えたい、10日で", &[])]);
}

#[test]
fn spelled_months_are_read_with_and_without_year() {
    assert_read(
        "en",
        &[
            (
                "August 28, 2026 or the 3rd of May",
                &[("August 28, 2026", "2026-08-28", "day"), ("3rd of May", "2027-05-03", "day")],
            ),
            ("You may 5 times march", &[("may 5", "2027-05-05", "day")]),
        ],
    );
    assert_read("de", &[("Mi., 28. Okt. 2026", &[("Mi., 28. Okt. 2026", "2026-10-28", "day")])]);
    assert_read(
        "es",
        &[("el 20 de diciembre de 2025", &[("20 de diciembre de 2025", "2025-12-20", "day")])],
    );
    assert_read(
        "pl",
        &[("w środę, 18 listopada", &[("środę, 18 listopada", "2026-11-18", "day")])],
    );
    assert_read(
        "tr",
        &[(
            "16 Nisan 2026 Perşembe, 5 Aralık'ta",
            &[("16 Nisan 2026 Perşembe", "2026-04-16", "day"), ("5 Aralık", "2026-12-05", "day")],
        )],
    );
    assert_read("ar", &[("الخميس ٢٩ أكتوبر", &[("الخميس ٢٩ أكتوبر", "2026-10-29", "day")])]);
    assert_read("ru", &[("с 3 января", &[("3 января", "2027-01-03", "day")])]);
}

#[test]
fn east_asian_dates_include_era_year_words_and_weekday() {
    assert_read(
        "ja",
        &[
            ("令和8年10月15日に", &[("令和8年10月15日", "2026-10-15", "day")]),
            ("１１月３日(火)から", &[("１１月３日(火)", "2026-11-03", "day")]),
            (
                "先月20日と2024年12月",
                &[("先月20日", "2026-10-20", "day"), ("2024年12月", "2024-12-01", "month")],
            ),
        ],
    );
    assert_read(
        "zh",
        &[
            ("去年十二月三号", &[("去年十二月三号", "2025-12-03", "day")]),
            ("上周五和下周三", &[("上周五", "2026-11-20", "day"), ("下周三", "2026-12-02", "day")]),
        ],
    );
    assert_read(
        "ko",
        &[("2026년 11월 17일 (화)", &[("2026년 11월 17일 (화)", "2026-11-17", "day")])],
    );
}

#[test]
fn days_weeks_and_months_are_counted_from_the_day_of_writing() {
    assert_read(
        "en",
        &[
            ("yesterday", &[("yesterday", "2026-11-26", "day")]),
            ("three weeks ago", &[("three weeks ago", "2026-11-02", "week")]),
            ("I fly in 3 days", &[("in 3 days", "2026-11-30", "day")]),
            ("It arrived in 3 days, for 10 days, within 14 days", &[]),
        ],
    );
    assert_read(
        "fr",
        &[(
            "il y a deux jours, le mois prochain",
            &[("il y a deux jours", "2026-11-25", "day"), ("mois prochain", "2026-12-01", "month")],
        )],
    );
    assert_read(
        "es",
        &[
            ("lo compré hace tres días", &[("hace tres días", "2026-11-24", "day")]),
            ("espero desde hace tres días", &[]),
        ],
    );
    assert_read(
        "sv",
        &[
            ("för tre dagar sedan", &[("för tre dagar sedan", "2026-11-24", "day")]),
            ("Leveransen blev två dagar sen", &[]),
        ],
    );
    assert_read("ru", &[("неделю назад", &[("неделю назад", "2026-11-16", "week")])]);
    assert_read("tr", &[("3 gün önce", &[("3 gün önce", "2026-11-24", "day")])]);
    assert_read("ar", &[("قبل يومين", &[("قبل يومين", "2026-11-25", "day")])]);
    assert_read("ko", &[("사흘 전", &[("사흘 전", "2026-11-24", "day")])]);
}

#[test]
fn chosen_weekdays_are_strictly_before_or_after() {
    assert_read(
        "en",
        &[(
            "last Friday and next Friday",
            &[("last Friday", "2026-11-20", "day"), ("next Friday", "2026-12-04", "day")],
        )],
    );
    assert_read("es", &[("el viernes pasado", &[("viernes pasado", "2026-11-20", "day")])]);
    assert_read(
        "nl",
        &[("volgende week donderdag", &[("volgende week donderdag", "2026-12-03", "day")])],
    );
    assert_read("sv", &[("i måndags", &[("i måndags", "2026-11-23", "day")])]);
}

#[test]
fn a_bare_weekday_goes_by_its_sentence() {
    assert_read(
        "en",
        &[
            ("It arrived broken on Monday", &[("Monday", "2026-11-23", "day")]),
            ("I need it by Monday", &[("Monday", "2026-11-30", "day")]),
        ],
    );
    assert_read(
        "de",
        &[
            ("liegt seit Dienstag dort", &[("Dienstag", "2026-11-24", "day")]),
            ("Wenn bis Dienstag nichts passiert", &[("Dienstag", "2026-12-01", "day")]),
        ],
    );
    assert_read("fr", &[("vos horaires d'ouverture samedi ?", &[("samedi", "2026-11-28", "day")])]);
    assert_read("ko", &[("목요일까지 주세요", &[("목요일", "2026-12-03", "day")])]);
    assert_read(
        "pt",
        &[
            ("a segunda via da nota", &[]),
            ("dá tempo até sexta?", &[("sexta", "2026-12-04", "day")]),
        ],
    );
}

#[test]
fn a_day_in_either_order_is_over_where_the_sentence_says_so() {
    assert_read(
        "en",
        &[
            ("I ordered on 12/11", &[("12/11", "2026-11-12", "day")]),
            ("I will be home on 12/11", &[("12/11", "2026-12-11", "day")]),
            ("I ordered on 11/12", &[("11/12", "2026-11-12", "day")]),
        ],
    );
}

#[test]
fn days_at_the_ends_of_the_calendar_have_four_digits_of_year() {
    let first = UNIX_EPOCH - Duration::from_secs(62_135_596_800);
    let last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let read = |sent_at: SystemTime, text: &str| {
        let mut found = Vec::new();
        FINDER.find(
            text,
            &FoldedText::of(text),
            &Reference { language: "en", locale: "", sent_at },
            &mut found,
        );
        found.into_iter().map(|entity| entity.value).collect::<Vec<_>>()
    };

    assert_eq!(read(last, "ordered yesterday, on 3 May 2026"), ["9999-12-30", "2026-05-03"]);
    assert_eq!(read(last, "it comes tomorrow"), [""; 0]);
    assert_eq!(read(first, "ordered yesterday"), [""; 0]);
    assert_eq!(read(first, "it comes tomorrow"), ["0001-01-02"]);
}

#[test]
fn habits_hours_and_feasts_are_no_dates() {
    assert_read("en", &[("every Monday, Monday to Friday, Black Friday, Mondays", &[])]);
    assert_read("de", &[("Mo–Fr 9–17 Uhr, Guten Morgen, montags, jeden Freitag", &[])]);
    assert_read("fr", &[("du lundi au vendredi", &[])]);
    assert_read("es", &[("por la mañana, los lunes", &[])]);
    assert_read("zh", &[("周一至周五，早上", &[])]);
}

#[test]
fn months_weeks_and_day_numbers_need_a_word_beside() {
    assert_read(
        "en",
        &[
            ("in March", &[("March", "2027-03-01", "month")]),
            ("protest march, may I?", &[]),
            ("on the 5th", &[("5th", "2026-12-05", "day")]),
        ],
    );
    assert_read(
        "de",
        &[(
            "im Mai oder KW 51",
            &[("Mai", "2027-05-01", "month"), ("KW 51", "2026-12-14", "week")],
        )],
    );
    assert_read("tr", &[("ocak ayında; gazlı ocak", &[("ocak", "2027-01-01", "month")])]);
    assert_read("fr", &[("prévu le 14. Le 42 taille petit", &[("14", "2026-11-14", "day")])]);
    assert_read("it", &[("verso l'1.", &[])]);
    assert_read("ja", &[("25日までに、10日で", &[("25日", "2026-11-25", "day")])]);
    assert_read("pl", &[("od 12.2025", &[("12.2025", "2025-12-01", "month")])]);
}

#[test]
fn an_unknown_language_is_found_by_its_words() {
    assert_read(
        "und",
        &[
            (
                "bis spätestens Freitag, 4. Dezember",
                &[("Freitag, 4. Dezember", "2026-12-04", "day")],
            ),
            ("昨日", &[("昨日", "2026-11-26", "day")]),
            ("2026-11-03", &[("2026-11-03", "2026-11-03", "day")]),
        ],
    );
    assert_read("en", &[("вчера", &[("вчера", "2026-11-26", "day")])]);
}

#[test]
fn names_in_addresses_are_no_dates() {
    assert_read("en", &[("www.today.example, @friday, me@monday.example, #yesterday", &[])]);
}

#[test]
fn the_ends_of_time_find_nothing_beyond() {
    for sent_at in [
        UNIX_EPOCH,
        SystemTime::now(),
        UNIX_EPOCH + Duration::from_secs(u64::MAX >> 2),
        UNIX_EPOCH + Duration::from_secs(253_402_207_200),
    ] {
        let reference = Reference { language: "en", locale: "", sent_at };
        let mut found = Vec::new();
        let text = "tomorrow, next week, in 999 months, 999 weeks ago, Friday, May 3, in December";
        FINDER.find(text, &FoldedText::of(text), &reference, &mut found);
        assert!(found.iter().all(|entity| entity.value.parse::<Date>().is_ok()));
    }
}

#[test]
fn hostile_texts_are_read_to_their_end() {
    for unit in [
        "1",
        "1.",
        "1/2 ",
        "1.1.",
        "a ",
        "monday ",
        "by monday ",
        "1月",
        "一",
        "3 days ago ",
        "last ",
        "1月1日(",
        "周",
        "يوم ",
    ] {
        let text: String = unit.chars().cycle().take(65_536).collect();
        let folded = FoldedText::of(&text);
        for language in ["en", "zh", "tr", "und"] {
            let reference = Reference { language, locale: "", sent_at: UNIX_EPOCH + FRIDAY };
            let mut found = Vec::new();
            FINDER.find(&text, &folded, &reference, &mut found);
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
    fn spans_are_slices_and_values_are_dates(
        pieces in proptest::collection::vec(
            prop_oneof![
                "[0-9]{1,5}", "[ ./:,'()-]{1,2}", ".{0,4}",
                proptest::sample::select(vec![
                    "last ", "Friday", "in ", " days ago", "月", "日", "年", "31 February", " de ", "mayo", "上周", "五", "الخميس",
                    "vor ", " Wochen", "9999", "dün", " önce", "KW ", "월 ", "the ", "5th", "令和", "e\u{301}", "i måndags",
                ]).prop_map(str::to_owned),
            ],
            0..24,
        ),
        language in proptest::sample::select(vec!["en", "de", "tr", "ja", "zh", "es", "ar", "ko", "sv", "und"]),
        seconds in 0_u64..300_000_000_000,
    ) {
        let text = pieces.concat();
        let reference = Reference { language, locale: "", sent_at: UNIX_EPOCH + Duration::from_secs(seconds) };
        let mut found = Vec::new();

        FINDER.find(&text, &FoldedText::of(&text), &reference, &mut found);

        for entity in found {
            prop_assert!(text.get(entity.span.clone()).is_some_and(|words| !words.is_empty()));
            prop_assert!(entity.value.parse::<Date>().is_ok(), "{}", entity.value);
            prop_assert!(entity.kind == EntityType::Date);
        }
    }
}
