use proptest::prelude::*;

use super::*;

fn apply(perturbation: Perturbation, text: &str, language: &str) -> String {
    perturbation.apply(text, language, 1).unwrap_or_else(|| text.to_owned())
}

#[test]
fn letters_change_case_by_the_rules_of_the_language() {
    assert_eq!(apply(Perturbation::LowerCase, "IŞIK İade", "tr"), "ışık iade");
    assert_eq!(apply(Perturbation::UpperCase, "iade ışık", "tr"), "İADE IŞIK");
    assert_eq!(apply(Perturbation::UpperCase, "Größe", "de"), "GRÖSSE");
    assert_eq!(Perturbation::LowerCase.apply("荷物はまだですか", "ja", 1), None);
}

#[test]
fn marks_are_taken_off_latin_letters_and_only_the_usual_ones_off_others() {
    let plain = |text, language| apply(Perturbation::WithoutDiacritics, text, language);

    assert_eq!(plain("Größe à l’été", "de"), "Grosse a l’ete");
    assert_eq!(plain("Zażółć gęślą", "pl"), "Zazolc gesla");
    assert_eq!(plain("ılık ürün", "tr"), "ilik urun");
    assert_eq!(plain("ещё мой", "ru"), "еще мой");
    assert_eq!(plain("أين طلبي", "ar"), "اين طلبي");
    assert_eq!(plain("がぎぐ 안녕", "ja"), "がぎぐ 안녕");
}

#[test]
fn umlauts_are_written_out_in_german_alone() {
    let written = |text, language| apply(Perturbation::WrittenOutUmlauts, text, language);

    assert_eq!(written("Ärger über Größe", "de"), "Aerger ueber Groesse");
    assert_eq!(written("ÄRGER MIT DER TÜR", "de"), "AERGER MIT DER TUER");
    assert_eq!(written("ürün", "tr"), "ürün");
}

#[test]
fn punctuation_goes_but_not_out_of_numbers_addresses_and_emoticons() {
    let without = |text, language| apply(Perturbation::WithoutPunctuation, text, language);

    assert_eq!(
        without("Hi! Where's order #30-771? It was 49,90 €...", "en"),
        "Hi Wheres order 30-771 It was 49,90 €"
    );
    assert_eq!(
        without("see https://a.example/x?y=1, or a.b@c.example.", "en"),
        "see https://a.example/x?y=1 or a.b@c.example"
    );
    assert_eq!(without("thanks :) and/or not", "en"), "thanks :) and or not");
    assert_eq!(without("我要退货，请问怎么办？", "zh"), "我要退货 请问怎么办");
    assert_eq!(without("¿Dónde está?", "es"), "Dónde está");
    assert_eq!(without("أين طلبي؟", "ar"), "أين طلبي");
}

#[test]
fn width_changes_for_letters_and_digits_but_not_in_addresses() {
    let wide = |text, language| apply(Perturbation::FullWidth, text, language);

    assert_eq!(wide("注文番号はAB-12です", "ja"), "注文番号はＡＢ-１２です");
    assert_eq!(wide("メールは a@b.example です", "ja"), "メールは a@b.example です");
    assert_eq!(Perturbation::FullWidth.apply("order 12", "en", 1), None);
    assert_eq!(apply(Perturbation::FullWidthElsewhere, "order 12", "en"), "ｏｒｄｅｒ １２");
}

#[test]
fn chinese_goes_from_either_script_to_the_other() {
    let other = |text| apply(Perturbation::OtherHanScript, text, "zh-Hant");

    assert_eq!(other("我要退货，什么时候退款？"), "我要退貨，什麼時候退款？");
    assert_eq!(other("我要退貨，什麼時候退款？"), "我要退货，什么时候退款？");
    assert_eq!(Perturbation::OtherHanScript.apply("返品したい貨物", "ja", 1), None);
}

#[test]
fn greeting_stands_before_the_body_of_a_mail() {
    let greeted = |text, language| apply(Perturbation::GreetingInFront, text, language);

    assert_eq!(greeted("wo ist es?", "de"), "Guten Tag, wo ist es?");
    assert_eq!(greeted("Order 7\n\nWhere is it?", "en"), "Order 7\n\nHello,\nWhere is it?");
    assert_eq!(greeted("hvor er den?", "da"), "Hello, hvor er den?");
}

#[test]
fn half_is_counted_in_characters() {
    assert_eq!(apply(Perturbation::FirstHalf, "退货什么", "zh"), "退货");
    assert_eq!(apply(Perturbation::FirstHalf, "abc de", "en"), "abc");
    assert_eq!(Perturbation::FirstHalf.apply("a", "en", 1), None);
}

#[test]
fn emoji_stands_at_the_end_and_says_nothing_about_the_mood() {
    let text = apply(Perturbation::EmojiAtEnd, "wo ist es? ", "de");

    assert!(
        text.starts_with("wo ist es? ") && NEUTRAL_EMOJI.iter().any(|emoji| text.ends_with(emoji))
    );
}

#[test]
fn typing_errors_are_as_many_as_they_should_be() {
    let text =
        "several letters together making perfectly ordinary sentences without numbers ".repeat(20);

    let typed = apply(Perturbation::Typos, &text, "en");

    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let (errors, wanted) = (strsim::osa_distance(&text, &typed), letters / 30);
    assert!((wanted..=wanted + 1).contains(&errors), "{errors} of {wanted}");
}

#[test]
fn typing_errors_leave_short_words_first_letters_and_numbers_alone() {
    let text =
        "do not send it to me or my son but to the old man, he is in 30-771-AB at a@b.example";
    for seed in 0..200 {
        assert_eq!(
            Perturbation::Typos
                .apply(text, "en", seed)
                .filter(|typed| !typed.contains("30-771-AB at a@b.example")),
            None
        );
    }
    for seed in 0..200 {
        let typed = Perturbation::Typos.apply("keine nicht niemals", "de", seed);
        let typed = typed.unwrap_or_default();
        assert!(
            typed.is_empty()
                || typed.split(' ').map(|word| word.chars().next()).eq([
                    Some('k'),
                    Some('n'),
                    Some('n')
                ]),
            "{typed}"
        );
    }
}

proptest! {
    #[test]
    fn every_perturbation_is_the_same_for_the_same_seed_and_never_fails(
        text in any::<String>(),
        language in prop::sample::select(vec!["en", "de", "tr", "ja", "zh", "ru", "ar", "ko", "fi", ""]),
        seed in any::<u64>(),
    ) {
        for perturbation in Perturbation::ALL {
            let once = perturbation.apply(&text, language, seed);
            prop_assert_eq!(&once, &perturbation.apply(&text, language, seed));
            prop_assert_ne!(once.as_deref(), Some(text.as_str()));
        }
    }

    #[test]
    fn numbers_and_addresses_stay(
        before in "[a-z]{4,9}( [a-z]{4,9}){0,6}",
        number in "[A-Z]{2}-[0-9]{4,8}",
        after in "[a-z]{4,9}( [a-z]{4,9}){0,6}",
        seed in any::<u64>(),
    ) {
        let text = format!("{before} {number} {after}, write to max@shop.example!");

        for perturbation in [Perturbation::Typos, Perturbation::WithoutPunctuation, Perturbation::WithoutDiacritics,
                             Perturbation::EmojiAtEnd, Perturbation::GreetingInFront] {
            let disturbed = perturbation.apply(&text, "en", seed).unwrap_or_else(|| text.clone());
            prop_assert!(disturbed.contains(&number), "{perturbation:?}: {disturbed}");
            prop_assert!(disturbed.contains("max@shop.example"), "{perturbation:?}: {disturbed}");
        }
    }
}
