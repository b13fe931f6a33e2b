//! What the identification answers.

use proptest::prelude::*;

use super::*;

const ALL: [&str; 15] =
    ["en", "de", "tr", "ja", "zh", "fr", "es", "it", "pt", "nl", "pl", "sv", "ru", "ar", "ko"];

fn identifier_of(supported: &[&str]) -> LanguageIdentifier {
    let supported: Vec<String> = supported.iter().map(|tag| (*tag).to_owned()).collect();
    LanguageIdentifier::new(&supported)
}

fn identifier() -> LanguageIdentifier {
    identifier_of(&ALL)
}

/// Tag and whether it is supported.
fn told(identifier: &LanguageIdentifier, text: &str, hint: &str) -> (String, bool) {
    let language = identifier.identify(text, hint);
    (language.tag, language.supported)
}

fn is(tag: &str, supported: bool) -> (String, bool) {
    (tag.to_owned(), supported)
}

#[test]
fn sentences_of_supported_languages_are_told_apart() {
    let cases = [
        ("en", "Where is my parcel? It should have been here on Monday."),
        ("de", "Ich warte immer noch auf mein Paket, es sollte schon am Montag ankommen."),
        ("tr", "Kargom nerede? Pazartesi günü gelmesi gerekiyordu."),
        ("ja", "荷物はどこですか？月曜日に届くはずでした。"),
        ("zh", "我的包裹在哪里？本来应该星期一到的。"),
        ("fr", "Où est mon colis ? Il devait arriver lundi."),
        ("es", "¿Dónde está mi paquete? Tenía que llegar el lunes."),
        ("it", "Dov'è il mio pacco? Doveva arrivare lunedì."),
        ("pt", "Onde está a minha encomenda? Devia ter chegado na segunda-feira."),
        ("nl", "Waar blijft mijn pakket? Het had maandag moeten komen."),
        ("pl", "Gdzie jest moja paczka? Miała być w poniedziałek."),
        ("sv", "Var är mitt paket? Det skulle ha kommit i måndags."),
        ("ru", "Где моя посылка? Она должна была прийти в понедельник."),
        ("ar", "أين طردي؟ كان يجب أن يصل يوم الاثنين."),
        ("ko", "제 소포는 어디에 있나요?"),
    ];
    for (tag, text) in cases {
        assert_eq!(told(&identifier(), text, ""), is(tag, true), "{text}");
    }
}

#[test]
fn a_few_words_are_enough() {
    for (tag, text) in [
        ("de", "Danke!"),
        ("de", "wo bleibt mein paket"),
        ("fr", "merci beaucoup"),
        ("tr", "siparisim nerede"),
        ("pl", "gdzie moja paczka"),
        ("sv", "var är mitt paket"),
        ("es", "gracias"),
    ] {
        assert_eq!(told(&identifier(), text, ""), is(tag, true), "{text}");
        assert_eq!(told(&identifier(), text, "ko"), is(tag, true), "{text}");
    }
}

#[test]
fn texts_without_language_follow_the_hint_and_are_never_refused() {
    for text in [
        "ok",
        "DHL?",
        "👍 123",
        "🎉🎉",
        "#48213-77",
        "5 Ω?",
        "ಠ_ಠ",
        "µ",
        "",
        "?!",
        "1Z999AA10123456784",
    ] {
        assert_eq!(told(&identifier(), text, ""), is("und", true), "{text}");
        assert_eq!(told(&identifier(), text, "de-AT"), is("de", true), "{text}");
        assert_eq!(told(&identifier(), text, "th"), is("und", true), "{text}");
    }
}

#[test]
fn names_of_products_and_mixed_messages_are_not_refused() {
    for text in [
        "iPhone 15 Pro Max",
        "Samsung Galaxy S24 Ultra 512GB",
        "Škoda Octavia Fußmatten",
        "Bestellung bei Željko Đorđević, wann kommt sie?",
        "hi, ich want to cancel meine order please, danke",
        "DHL Express tracking",
        "https://shop.example/hr/kosarica/gdje-je-moja-narudzba wo bleibt das?",
    ] {
        for hint in ["", "en", "de"] {
            assert!(identifier().identify(text, hint).supported, "{text} {hint}");
        }
    }
}

#[test]
fn supported_languages_in_latin_letters_are_not_refused() {
    for text in [
        "fein el order beta3i? ba2aly osboo3 mestany",
        "wo de baoguo zai nali, yijing yi ge xingqi le",
        "nimotsu ga mada todokimasen, doko ni arimasu ka",
        "gde moya posylka, uzhe nedelyu zhdu",
        "je sopo eodi issnayo, ajik an wasseoyo",
    ] {
        assert!(identifier().identify(text, "").supported, "{text}");
    }
}

#[test]
fn other_languages_are_refused() {
    for (tag, text) in [
        ("th", "พัสดุของฉันอยู่ที่ไหน"),
        ("el", "Πού είναι το δέμα μου;"),
        ("he", "איפה החבילה שלי"),
        ("hi", "मेरा ऑर्डर कहाँ है"),
        ("uk", "Де моє замовлення? Чекаю вже тиждень."),
        ("cs", "Kde je můj balík? Čekám už týden."),
        ("cs", "kdy mi prijde balik, uz jsem zaplatil minuly tyden"),
        ("da", "Hvor er min pakke? Jeg har ikke hørt noget fra jer."),
        ("hu", "Hol van a csomagom? Egy hete rendeltem."),
        ("vi", "Đơn hàng của tôi đâu rồi?"),
        ("fa", "سفارش من کجاست؟ هنوز نرسیده است"),
    ] {
        assert_eq!(told(&identifier(), text, ""), is(tag, false), "{text}");
        assert_eq!(told(&identifier(), text, "de"), is(tag, false), "{text}");
    }
}

#[test]
fn a_model_of_two_languages_refuses_the_other_known_ones() {
    let two = identifier_of(&["en", "de"]);

    assert_eq!(told(&two, "Où est mon colis ? Il devait arriver lundi.", ""), is("fr", false));
    assert_eq!(told(&two, "Где моя посылка?", ""), is("ru", false));
    assert_eq!(told(&two, "注文をキャンセルしたいです", "de"), is("ja", false));
    assert_eq!(told(&two, "Wo bleibt mein Paket?", ""), is("de", true));
    assert!(two.identify("merci", "").supported, "too short to refuse");
    assert_eq!(told(&two, "merci", "de"), is("de", true));
}

#[test]
fn languages_that_only_the_library_knows_can_be_supported() {
    let czech = identifier_of(&["en", "cs-CZ"]);

    let text = "Kde je můj balík? Čekám na něj už týden.";
    assert_eq!(told(&czech, text, ""), is("cs", true));
    assert_eq!(told(&czech, "kdy mi prijde balik, uz jsem zaplatil", ""), is("cs", true));
    assert_eq!(told(&czech, "Where is my parcel? I paid last week.", ""), is("en", true));
    assert_eq!(told(&czech, "ok", "cs"), is("cs", true));
    assert!(!czech.identify("Gdzie jest moja paczka? Miała być w poniedziałek.", "").supported);
}

#[test]
fn a_script_is_shared_by_supported_languages() {
    let both = identifier_of(&["ru", "uk"]);

    assert_eq!(told(&both, "где моя посылка", ""), is("ru", true));
    assert_eq!(told(&both, "Де моє замовлення? Чекаю вже тиждень.", ""), is("uk", true));
    assert!(!both.identify("Къде е поръчката ми? Платих я вече.", "").supported);
}

#[test]
fn every_language_is_supported_where_the_model_names_none() {
    let any = identifier_of(&[]);

    for text in ["Πού είναι το δέμα μου;", "Kde je můj balík?", "Wo bleibt mein Paket?", "ok"]
    {
        assert!(any.identify(text, "").supported, "{text}");
    }
    assert_eq!(told(&any, "ok", "th"), is("th", true));
}

#[test]
fn hint_alone_never_refuses() {
    for hint in ["und", "th", "no", "eng", "xx", "", "-", "日本"] {
        assert!(identifier().identify("ok", hint).supported, "{hint}");
    }
    assert_eq!(identifier().identify("ok", "deu").tag, "de");
    assert_eq!(identifier().identify("ok", "zh_Hant-TW").tag, "zh");
}

#[test]
fn chinese_characters_are_japanese_where_that_is_expected() {
    let without_chinese = identifier_of(&["en", "ja"]);

    assert_eq!(told(&identifier(), "注文取消", "ja"), is("ja", true));
    assert_eq!(told(&identifier(), "订单取消", ""), is("zh", true));
    assert_eq!(told(&without_chinese, "注文取消", ""), is("ja", true));
}

#[test]
fn numbers_and_links_inside_east_asian_sentences_do_not_hide_them() {
    assert_eq!(told(&identifier(), "注文48213をキャンセルしたいです", ""), is("ja", true));
    assert_eq!(told(&identifier(), "订单号20231120还没发货吗", ""), is("zh", true));
}

#[test]
fn the_first_thousand_code_points_decide() {
    let text = format!("{} {}", "Wo bleibt mein Paket? ".repeat(60), "Where is it? ".repeat(5000));

    assert_eq!(identifier().identify(&text, "").tag, "de");
}

proptest! {
    #[test]
    fn any_text_gets_a_tag_and_a_confidence(text in any::<String>(), hint in "[a-zA-Z_-]{0,12}") {
        let identifier = identifier();

        let language = identifier.identify(&text, &hint);

        prop_assert!((0.0..=1.0).contains(&language.confidence));
        prop_assert!(!language.tag.is_empty());
        prop_assert_eq!(&language, &identifier.identify(&text, &hint));
    }

    #[test]
    fn numbers_links_and_addresses_change_nothing(number in "[0-9]{2,12}", host in "[a-z]{3,9}") {
        let plain = identifier().identify("wo bleibt mein paket", "");

        let text = format!("{number} wo bleibt mein paket https://{host}.example/{host} info@{host}.example");

        prop_assert_eq!(identifier().identify(&text, ""), plain);
    }
}
