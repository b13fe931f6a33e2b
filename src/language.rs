//! Which language a text is written in, and whether the model supports it.

use whatlang::{Detector, Info, Lang, Script};

/// Letters that a text needs before its language is told from the text alone.
const MIN_LETTERS: usize = 12;

/// Letters that a text needs before a language outside the model's is believed.
///
/// Short texts of a supported language are often taken for a close relative (Dutch for Afrikaans, Swedish for Danish),
/// and refusing those would cost more than it saves.
const MIN_LETTERS_TO_REFUSE: usize = 24;

/// Letters that a text in a script of one language needs before it is believed to be in that language: "5 Ω?" is not
/// Greek.
const MIN_LETTERS_OF_SCRIPT: usize = 4;

/// Confidence from which a language outside the model's is believed.
const MIN_CONFIDENCE_TO_REFUSE: f64 = 0.9;

/// Code points that are looked at; more do not change the answer but cost time.
const SAMPLE_CHARS: usize = 1_000;

/// Confidence that is reported where the caller's hint decided.
const HINT_CONFIDENCE: f32 = 0.5;

/// Language of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Language {
    /// BCP-47 tag; "und" when it can't be told.
    pub tag: String,
    /// How sure that is, in [0, 1].
    pub confidence: f32,
    /// The model was trained on it, or it can't be told.
    pub supported: bool,
}

/// Tells languages apart for one model.
#[derive(Clone, Debug)]
pub struct LanguageIdentifier {
    supported: Vec<String>,
    among_supported: Option<Detector>,
}

impl LanguageIdentifier {
    /// Prepares for a model's languages (BCP-47 tags). Empty means that every language counts as supported.
    #[must_use]
    pub fn new(supported: &[String]) -> Self {
        let known: Vec<Lang> = Lang::all()
            .iter()
            .copied()
            .filter(|lang| supported.iter().any(|tag| primary_subtag(tag) == tag_of(*lang)))
            .collect();
        let among_supported = (!known.is_empty()).then(|| Detector::with_allowlist(known));
        Self { supported: supported.to_vec(), among_supported }
    }

    /// Identifies the language of a text; `hint` is a BCP-47 tag or empty and decides for short texts.
    ///
    /// A hint alone never makes a text unsupported: it says what the caller expects, not what the customer wrote.
    #[must_use]
    pub fn identify(&self, text: &str, hint: &str) -> Language {
        let sample: String = text.chars().take(SAMPLE_CHARS).collect();
        let letters = sample.chars().filter(|character| character.is_alphabetic()).count();
        let hint = canonical(hint);
        let free = whatlang::detect(&sample);
        if let Some(info) = &free
            && !self.supports_detected(info, &hint)
            && is_foreign(info, letters)
        {
            return self.language(tag_of(info.lang()), info.confidence());
        }
        let restricted = match &self.among_supported {
            Some(detector) => detector.detect(&sample),
            None => free,
        };
        match restricted.filter(|info| self.supports_detected(info, &hint)) {
            Some(info) if info.script() == Script::Mandarin && self.reads_as_japanese(&hint) => {
                self.language("ja", info.confidence())
            }
            Some(info) if is_sure(&info, letters) => {
                self.language(tag_of(info.lang()), info.confidence())
            }
            _ if !hint.is_empty() && self.supports(&hint) => {
                Language { supported: true, tag: hint, confidence: HINT_CONFIDENCE }
            }
            Some(info) if letters >= MIN_LETTERS => {
                self.language(tag_of(info.lang()), info.confidence())
            }
            _ => Language { tag: "und".to_owned(), confidence: 0.0, supported: true },
        }
    }

    /// Chinese characters alone may be Japanese.
    fn supports_detected(&self, info: &Info, hint: &str) -> bool {
        self.supports(tag_of(info.lang()))
            || (info.script() == Script::Mandarin && self.reads_as_japanese(hint))
    }

    fn reads_as_japanese(&self, hint: &str) -> bool {
        self.supports("ja") && (hint == "ja" || !self.supports("zh"))
    }

    fn supports(&self, tag: &str) -> bool {
        self.supported.is_empty() || self.supported.iter().any(|known| primary_subtag(known) == tag)
    }

    fn language(&self, tag: &str, confidence: f64) -> Language {
        #[expect(clippy::cast_possible_truncation, reason = "a value in [0, 1]")]
        let confidence = confidence.clamp(0.0, 1.0) as f32;
        Language { tag: tag.to_owned(), confidence, supported: self.supports(tag) }
    }
}

/// Tells whether a language outside the model's is to be believed.
fn is_foreign(info: &Info, letters: usize) -> bool {
    let by_script = single_language_script(info.script()) && letters >= MIN_LETTERS_OF_SCRIPT;
    let by_words = letters >= MIN_LETTERS_TO_REFUSE
        && info.is_reliable()
        && info.confidence() >= MIN_CONFIDENCE_TO_REFUSE;
    by_script || by_words
}

/// Tells whether the text alone decides.
fn is_sure(info: &Info, letters: usize) -> bool {
    (single_language_script(info.script()) && letters > 0)
        || (letters >= MIN_LETTERS && info.is_reliable())
}

/// Returns the language part of a BCP-47 tag in lower case: "pt" of "pt-BR".
fn primary_subtag(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Returns the language of a hint as replies spell it: "de" of "de_AT" and "deu", "nb" of "no"; empty for tags that
/// name no language.
fn canonical(hint: &str) -> String {
    let tag = primary_subtag(hint);
    match tag.as_str() {
        "und" | "mul" | "zxx" | "mis" => String::new(),
        "no" => "nb".to_owned(),
        "iw" => "he".to_owned(),
        "in" => "id".to_owned(),
        _ => Lang::from_code(&tag).map_or(tag, |lang| tag_of(lang).to_owned()),
    }
}

/// Tells whether a script by itself says the language, so that even a single word is enough.
fn single_language_script(script: Script) -> bool {
    use Script as S;
    match script {
        S::Armenian
        | S::Bengali
        | S::Ethiopic
        | S::Georgian
        | S::Greek
        | S::Gujarati
        | S::Gurmukhi
        | S::Hangul
        | S::Hiragana
        | S::Kannada
        | S::Katakana
        | S::Khmer
        | S::Malayalam
        | S::Mandarin
        | S::Myanmar
        | S::Oriya
        | S::Sinhala
        | S::Tamil
        | S::Telugu
        | S::Thai => true,
        S::Arabic | S::Cyrillic | S::Devanagari | S::Hebrew | S::Latin => false,
    }
}

/// Returns the shortest BCP-47 tag of a language, which is its ISO 639-1 code.
#[expect(clippy::too_many_lines, reason = "a table")]
fn tag_of(lang: Lang) -> &'static str {
    match lang {
        Lang::Afr => "af",
        Lang::Aka => "ak",
        Lang::Amh => "am",
        Lang::Ara => "ar",
        Lang::Aze => "az",
        Lang::Bel => "be",
        Lang::Bul => "bg",
        Lang::Ben => "bn",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cym => "cy",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Epo => "eo",
        Lang::Spa => "es",
        Lang::Est => "et",
        Lang::Pes => "fa",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Hye => "hy",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jpn => "ja",
        Lang::Jav => "jv",
        Lang::Kat => "ka",
        Lang::Khm => "km",
        Lang::Kan => "kn",
        Lang::Kor => "ko",
        Lang::Lat => "la",
        Lang::Lit => "lt",
        Lang::Lav => "lv",
        Lang::Mkd => "mk",
        Lang::Mal => "ml",
        Lang::Mar => "mr",
        Lang::Mya => "my",
        Lang::Nob => "nb",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Ori => "or",
        Lang::Pan => "pa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Sin => "si",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Sna => "sn",
        Lang::Srp => "sr",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tha => "th",
        Lang::Tuk => "tk",
        Lang::Tgl => "tl",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Uzb => "uz",
        Lang::Vie => "vi",
        Lang::Yid => "yi",
        Lang::Cmn => "zh",
        Lang::Zul => "zu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier() -> LanguageIdentifier {
        let supported = ["en", "de", "tr", "ja", "zh", "fr", "es", "sv", "nl", "ru", "ar", "ko"];
        LanguageIdentifier::new(&supported.map(str::to_owned))
    }

    #[test]
    fn sentences_of_supported_languages_are_told_apart() {
        let cases = [
            ("en", "Where is my parcel? It should have been here on Monday."),
            ("de", "Ich warte immer noch auf mein Paket, es sollte schon am Montag ankommen."),
            ("tr", "Kargom nerede? Pazartesi günü gelmesi gerekiyordu."),
            ("ja", "荷物はどこですか？月曜日に届くはずでした。"),
            ("zh", "我的包裹在哪里？本来应该星期一到的。"),
            ("ru", "Где моя посылка? Она должна была прийти в понедельник."),
            ("ko", "제 소포는 어디에 있나요?"),
        ];
        for (tag, text) in cases {
            let language = identifier().identify(text, "");
            assert_eq!((language.tag.as_str(), language.supported), (tag, true), "{text}");
        }
    }

    #[test]
    fn short_text_follows_the_hint() {
        let language = identifier().identify("ok", "de-AT");

        assert_eq!((language.tag.as_str(), language.supported), ("de", true));
    }

    #[test]
    fn short_text_without_hint_is_undetermined_and_not_refused() {
        let language = identifier().identify("👍 123", "");

        assert_eq!((language.tag.as_str(), language.supported), ("und", true));
    }

    #[test]
    fn other_scripts_and_long_foreign_texts_are_not_supported() {
        for text in [
            "พัสดุของฉันอยู่ที่ไหน",
            "Πού είναι το δέμα μου;",
            "Nerez apa sa ek dlouhá česká věta, ve které se ptám, kde je můj balík a kdy dorazí.",
        ] {
            assert!(!identifier().identify(text, "").supported, "{text}");
        }
    }

    #[test]
    fn hint_alone_never_refuses() {
        for hint in ["und", "th", "no", "eng", "xx"] {
            assert!(identifier().identify("ok", hint).supported, "{hint}");
        }
        assert_eq!(identifier().identify("ok", "deu").tag, "de");
        assert_eq!(identifier().identify("ok", "th").tag, "und");
    }

    #[test]
    fn a_few_foreign_letters_do_not_refuse() {
        for text in ["5 Ω?", "ಠ_ಠ", "µ"] {
            assert!(identifier().identify(text, "").supported, "{text}");
        }
    }

    #[test]
    fn chinese_characters_are_japanese_where_that_is_expected() {
        let japanese = LanguageIdentifier::new(&["en".to_owned(), "ja".to_owned()]);

        assert_eq!(identifier().identify("注文取消", "").tag, "zh");
        assert_eq!(identifier().identify("注文取消", "ja").tag, "ja");
        assert!(japanese.identify("注文取消", "").supported);
    }

    #[test]
    fn model_without_languages_supports_all() {
        assert!(LanguageIdentifier::new(&[]).identify("Πού είναι το δέμα μου;", "").supported);
    }
}
