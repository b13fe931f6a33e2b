//! Numbers in words: "cem", "settanta", "fünfundzwanzig", "two thousand".

mod eastern;
mod germanic;
mod romance;

/// Number words of one language, from which compounds are made.
#[derive(Debug)]
pub(super) struct Numerals {
    /// Primary language subtag.
    pub(super) language: &'static str,
    /// From 1 to 19; forms separated by `|`.
    small: [&'static str; 19],
    /// 20, 30, … 90.
    tens: [&'static str; 8],
    /// 100, 200, … as far as they are words of their own.
    hundreds: &'static [&'static str],
    thousand: &'static str,
    million: &'static str,
    /// Between numbers: "and".
    pub(super) links: &'static str,
    compounds: Compounds,
}

/// How tens and ones are joined into one word.
#[derive(Clone, Copy, Debug)]
enum Compounds {
    /// They are separate words.
    None,
    /// Ones, this, tens: "fünfundzwanzig". Hundreds are joined too.
    OnesFirst(&'static str),
    /// Tens, ones: "tjugofem".
    TensFirst,
    /// Tens without their last vowel before a vowel, ones: "ventuno".
    Elided,
}

/// What a number word does in a number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Numeral {
    /// Is added.
    Value(u64),
    /// Multiplies what stands before it.
    Scale(u64),
}

impl Numerals {
    /// All words with their meanings.
    pub(super) fn words(&self) -> Vec<(String, Numeral)> {
        let mut words = Vec::new();
        let mut add = |forms: &str, numeral| {
            words.extend(
                forms
                    .split('|')
                    .filter(|form| !form.is_empty())
                    .map(|form| (form.to_owned(), numeral)),
            );
        };
        for (value, forms) in (1..).zip(self.small) {
            add(forms, Numeral::Value(value));
        }
        for (tens, forms) in (2..).zip(self.tens) {
            add(forms, Numeral::Value(tens * 10));
            for (ones, one_forms) in (1..10).zip(self.small) {
                for (form, one) in forms
                    .split('|')
                    .flat_map(|form| one_forms.split('|').map(move |one| (form, one)))
                {
                    if let Some(compound) = self.compounds.join(form, one) {
                        add(&compound, Numeral::Value(tens * 10 + ones));
                    }
                }
            }
        }
        for (hundreds, forms) in (1..).zip(self.hundreds) {
            let numeral = if hundreds == 1 && self.hundreds.len() == 1 {
                Numeral::Scale(100)
            } else {
                Numeral::Value(hundreds * 100)
            };
            add(forms, numeral);
        }
        add(self.thousand, Numeral::Scale(1000));
        add(self.million, Numeral::Scale(1_000_000));
        self.add_hundred_compounds(&mut words);
        words
    }

    /// "zweihundert", "zweihundertfünfzig".
    fn add_hundred_compounds(&self, words: &mut Vec<(String, Numeral)>) {
        let (Compounds::OnesFirst(_) | Compounds::TensFirst, Some(hundred)) =
            (self.compounds, self.hundreds.first())
        else {
            return;
        };
        for (ones, one) in (1..10).zip(self.small) {
            for one in one.split('|') {
                for hundred in hundred.split('|') {
                    words.push((format!("{one}{hundred}"), Numeral::Value(ones * 100)));
                    for (tens, form) in
                        (2..).zip(self.tens).filter(|(tens, _)| tens % 5 == 0 || *tens == 2)
                    {
                        words.push((
                            format!("{one}{hundred}{form}"),
                            Numeral::Value(ones * 100 + tens * 10),
                        ));
                    }
                }
            }
        }
    }
}

impl Compounds {
    fn join(self, tens: &str, ones: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::OnesFirst(and) => Some(format!(
                "{}{and}{tens}",
                ones.strip_suffix("ins").map_or(ones.to_owned(), |one| format!("{one}in"))
            )),
            Self::TensFirst => Some(format!("{tens}{ones}")),
            Self::Elided if ones.starts_with(['u', 'o']) => {
                Some(format!("{}{ones}", tens.get(..tens.len() - 1)?))
            }
            Self::Elided => Some(format!("{tens}{ones}")),
        }
    }
}

/// Languages whose number words stand between spaces.
pub(super) const NUMERALS: [&Numerals; 12] = [
    &germanic::ENGLISH,
    &germanic::GERMAN,
    &germanic::DUTCH,
    &germanic::SWEDISH,
    &romance::FRENCH,
    &romance::SPANISH,
    &romance::ITALIAN,
    &romance::PORTUGUESE,
    &eastern::POLISH,
    &eastern::RUSSIAN,
    &eastern::TURKISH,
    &eastern::ARABIC,
];
