//! Phone numbers, by the numbering plans of libphonenumber.

use std::collections::BTreeMap;
use std::ops::Range;

use phonenumber::metadata::{DATABASE, Metadata};
use regex::Regex;

use super::context::Topic;
use super::reading::Reading;
use super::tokens::looks_like_date;
use super::{Entity, EntityType};

/// Most digits of a number with its country code (ITU-T E.164).
const MAX_DIGITS: usize = 15;

/// Most runs of digits that a number is written in.
const MAX_GROUPS: usize = 7;

/// Fewest digits of a number that is looked for.
const MIN_DIGITS: usize = 8;

/// Fewest digits of a number without separators and without a word that announces it.
const MIN_BARE_DIGITS: usize = 10;

/// How far before a number, in bytes, a word announces it.
const WORD_REACH: usize = 32;

/// Countries whose national numbers are tried for a language, most likely first.
const COUNTRIES: [(&str, &[&str]); 15] = [
    ("en", &["US", "GB", "AU", "IE"]),
    ("de", &["DE", "AT", "CH"]),
    ("tr", &["TR"]),
    ("ja", &["JP"]),
    ("zh", &["CN", "TW", "HK"]),
    ("fr", &["FR", "BE", "CH"]),
    ("es", &["ES", "MX"]),
    ("it", &["IT", "CH"]),
    ("pt", &["PT", "BR"]),
    ("nl", &["NL", "BE"]),
    ("pl", &["PL"]),
    ("sv", &["SE", "FI"]),
    ("ru", &["RU"]),
    ("ar", &["SA", "AE", "EG"]),
    ("ko", &["KR"]),
];

/// Countries whose national numbers are always written with the trunk digit.
const WITH_TRUNK: [&str; 13] =
    ["DE", "AT", "CH", "GB", "FR", "NL", "BE", "SE", "FI", "JP", "KR", "AU", "IE"];

/// Countries that a caller's hint may name besides.
const HINTED_COUNTRIES: [&str; 21] = [
    "AR", "BG", "CA", "CL", "CO", "CZ", "DK", "GR", "HU", "IN", "KW", "LU", "MA", "MY", "NO", "NZ",
    "PE", "QA", "SG", "UA", "ZA",
];

/// Finds phone numbers.
#[derive(Debug)]
pub(super) struct PhoneFinder {
    /// Calling codes with the country that uses them most, and whether its trunk digit is 0.
    calling_codes: BTreeMap<String, (String, bool)>,
    plans: Vec<Plan>,
}

/// How a country's national numbers look.
#[derive(Debug)]
struct Plan {
    country: &'static str,
    calling_code: u16,
    /// Digits before a national number when one calls inside the country; empty where there are none.
    trunk: String,
    /// Matches a national number without trunk digits.
    number: Regex,
}

impl Plan {
    fn of(country: &'static str) -> Option<Self> {
        let metadata = DATABASE.by_id(country)?;
        let pattern = metadata.descriptors().general().national_number().as_str();
        let number = Regex::new(&format!("(?x)^(?:{pattern})$")).ok()?;
        let trunk = metadata.national_prefix().unwrap_or_default().to_owned();
        Some(Self { country, calling_code: metadata.country_code(), trunk, number })
    }

    /// Reads digits as a national number and returns it in E.164.
    ///
    /// The library would also look at the ranges that are in use, and reject the numbers that some countries keep for
    /// fiction and examples. It also compiles its expressions anew for every hundredth country that it meets.
    fn read(&self, digits: &str) -> Option<String> {
        if WITH_TRUNK.contains(&self.country) && !digits.starts_with('0') {
            return None;
        }
        let without_trunk =
            digits.strip_prefix(self.trunk.as_str()).filter(|_| !self.trunk.is_empty());
        let national = without_trunk
            .into_iter()
            .chain([digits])
            .find(|national| self.number.is_match(national))?;
        (national.len() + 1 >= MIN_DIGITS).then(|| format!("+{}{national}", self.calling_code))
    }
}

/// Digits that are written like a phone number.
struct Candidate {
    range: Range<usize>,
    /// Digits alone.
    digits: String,
    /// They begin with `+` or 00.
    is_international: bool,
    /// How many runs of digits there are.
    groups: usize,
}

impl PhoneFinder {
    /// Loads the numbering plans.
    pub(super) fn new() -> Self {
        let of_languages = COUNTRIES.iter().flat_map(|(_, countries)| countries.iter());
        let mut countries: Vec<&'static str> =
            of_languages.chain(&HINTED_COUNTRIES).copied().collect();
        countries.sort_unstable();
        countries.dedup();
        let plans = countries.into_iter().filter_map(Plan::of).collect();
        let main = DATABASE.iter().filter(|metadata| is_main(metadata));
        let calling_codes = main
            .map(|metadata| {
                let has_zero = metadata.national_prefix() == Some("0");
                (metadata.country_code().to_string(), (metadata.id().to_owned(), has_zero))
            })
            .collect();
        Self { calling_codes, plans }
    }

    /// Adds the phone numbers of a text that begin with a plus sign.
    pub(super) fn find_international(&self, reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
        self.find_where(reading, found, |number| number.contains('+'));
    }

    /// Adds the phone numbers of a text.
    pub(super) fn find(&self, reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
        self.find_where(reading, found, |_| true);
    }

    fn find_where(
        &self,
        reading: &mut Reading<'_>,
        found: &mut Vec<Entity>,
        is_wanted: impl Fn(&str) -> bool,
    ) {
        let plans = self.countries(reading);
        let mut done = 0;
        for place in 0..reading.tokens.len() {
            let Some(token) = reading.tokens.get(place).filter(|token| !token.taken) else {
                continue;
            };
            if token.start < done || token.letters > 0 {
                continue;
            }
            let candidates = candidates(reading, token.start);
            let wanted = candidates
                .iter()
                .filter(|candidate| is_wanted(reading.text.slice(candidate.range.clone())));
            let number = wanted.into_iter().find_map(|candidate| {
                self.number(reading, candidate, &plans).map(|number| (candidate, number))
            });
            if let Some((candidate, (value, region))) = number {
                done = candidate.range.end;
                let mut entity = reading.entity(EntityType::Phone, &candidate.range, value, 0.9);
                entity.attributes.insert("region", region);
                found.push(entity);
                reading.take(&candidate.range);
            }
        }
    }

    /// Returns the plans that national numbers of the text may follow, most likely first.
    fn countries(&self, reading: &Reading<'_>) -> Vec<&Plan> {
        let own = COUNTRIES.iter().filter(|(language, _)| *language == reading.language);
        let own = own.flat_map(|(_, countries)| countries.iter().copied());
        let countries = [reading.country.as_str()].into_iter().chain(own);
        countries
            .filter_map(|country| self.plans.iter().find(|plan| plan.country == country))
            .collect()
    }

    /// Returns the number in E.164 and its country.
    fn number(
        &self,
        reading: &Reading<'_>,
        candidate: &Candidate,
        plans: &[&Plan],
    ) -> Option<(String, String)> {
        if reading.is_taken(&candidate.range)
            || is_date_or_sum(reading.text.slice(candidate.range.clone()))
        {
            return None;
        }
        if candidate.is_international {
            return self.international(&candidate.digits);
        }
        let is_announced =
            reading.has_before(candidate.range.start, WORD_REACH, |topic| topic == Topic::Phone);
        plans.iter().find_map(|plan| {
            let number = plan.read(&candidate.digits)?;
            let is_mobile_of_china = plan.country == "CN" && candidate.digits.len() == 11;
            let is_bare = candidate.groups == 1 && !is_mobile_of_china;
            let is_short =
                candidate.digits.len() < MIN_BARE_DIGITS || !candidate.digits.starts_with('0');
            (is_announced || !is_bare || !is_short).then(|| (number, plan.country.to_owned()))
        })
    }

    /// Reads digits that begin with a country code.
    fn international(&self, digits: &str) -> Option<(String, String)> {
        let digits = digits.strip_prefix("00").unwrap_or(digits);
        let (code, national, (country, has_zero)) = (1..=3).find_map(|length| {
            let (code, national) = digits.split_at_checked(length)?;
            self.calling_codes.get(code).map(|main| (code, national, main))
        })?;
        // People keep the trunk digit of their own country: +44 (0)20 ..., +49 0171 ...
        let without_trunk = national.strip_prefix('0').filter(|_| *has_zero).unwrap_or(national);
        let number = format!("+{code}{without_trunk}");
        (MIN_DIGITS..=MAX_DIGITS).contains(&(number.len() - 1)).then(|| (number, country.clone()))
    }
}

/// Tells whether a country is the one that its calling code stands for first.
fn is_main(metadata: &Metadata) -> bool {
    let countries = DATABASE.region(&metadata.country_code()).unwrap_or_default();
    metadata.is_main_country_for_code() || countries.len() == 1
}

/// Reads what is written like a phone number and begins with a run of digits, longest first.
fn candidates(reading: &Reading<'_>, digits_start: usize) -> Vec<Candidate> {
    let bytes = reading.text.as_str().as_bytes();
    let Some((start, has_plus)) = number_start(bytes, digits_start) else { return Vec::new() };
    let mut candidates = Vec::new();
    let mut digits = String::new();
    let mut at = digits_start;
    let mut groups = 0;
    while let Some(run) = bytes.get(at..) {
        let length = run.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some(group) = run.get(..length).filter(|_| length > 0) else { break };
        let is_optional_trunk =
            group == b"0" && bytes.get(at.wrapping_sub(1)) == Some(&b'(') && has_plus;
        if !is_optional_trunk {
            digits.extend(group.iter().copied().map(char::from));
        }
        at += length;
        groups += 1;
        if digits.len() > MAX_DIGITS + 2 || groups > MAX_GROUPS || is_continued(bytes, at) {
            break;
        }
        if digits.len() >= MIN_DIGITS {
            let is_international = has_plus || digits.starts_with("00");
            let range = start..at;
            let opens_alone = bytes.get(start) == Some(&b'(')
                && !bytes.get(range.clone()).unwrap_or_default().contains(&b')');
            let range = if opens_alone { start + 1..at } else { range };
            candidates.push(Candidate { range, digits: digits.clone(), is_international, groups });
        }
        at += separator_length(bytes, at);
    }
    candidates.reverse();
    candidates
}

/// Returns where a number begins whose first digit stands at `at`, and whether it has a plus sign; none where the digit
/// belongs to something else.
fn number_start(bytes: &[u8], at: usize) -> Option<(usize, bool)> {
    let before = bytes.get(..at)?;
    match before {
        [.., b'(', b'+'] | [.., b'+', b'('] => Some((at - 2, true)),
        [.., b'+'] => Some((at - 1, true)),
        [.., b'('] => Some((at - 1, false)),
        [.., byte] if byte.is_ascii_alphanumeric() || b"#,.-/_$&*=".contains(byte) => None,
        _ => Some((at, false)),
    }
}

/// Tells whether a run of digits that ends at `at` goes on as something else: a unit, a decimal, a percentage.
fn is_continued(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at..) {
        Some([byte, ..]) if byte.is_ascii_alphabetic() || b"%@_".contains(byte) => true,
        Some([b',' | b':', digit, ..]) => digit.is_ascii_digit(),
        _ => false,
    }
}

/// Returns the length of what may stand between two groups of digits: one to three of space, hyphen, dot, slash,
/// parentheses, but not the end of a sentence.
fn separator_length(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = rest.iter().take(4).take_while(|byte| b" -./()".contains(byte)).count();
    let separator = rest.get(..length).unwrap_or_default();
    if length > 3 || separator.starts_with(b". ") { 0 } else { length }
}

/// Tells whether groups of digits look like a date, or like a sum with dots between its thousands.
fn is_date_or_sum(text: &str) -> bool {
    let first = text.split(' ').next().unwrap_or_default();
    let thousands = text.split('.').skip(1).all(|group| group.len() == 3);
    looks_like_date(first) || (text.contains('.') && thousands && !text.starts_with('0'))
}
