//! Which carrier a number belongs to, by its shape and check digit.

mod check_digits;

use self::check_digits as check;

/// Fewest characters of a number with a shape of its own.
pub(super) const MIN_CERTAIN: usize = 13;

/// What the shape of a number says by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// Nothing else looks like this: it is a tracking number whatever the text says.
    Certain(&'static str),
    /// Looks like a number of this kind, but its check digit is wrong.
    Broken,
    /// Could be many things; the text has to say so.
    Open,
}

/// Judges a number without separators in lower case.
pub(super) fn shape(code: &[u8]) -> Shape {
    if let Some(shape) = parcel_shape(code) {
        return shape;
    }
    let (letters, rest) = code.split_at(leading_letters(code));
    let digits = all_digits(rest).then_some(rest.len());
    match (letters, digits) {
        (b"", Some(20)) if code.starts_with(b"00340") => certain_if(check::gs1(code), "dhl"),
        (b"", Some(22)) if is_postal_service(code) => certain_if(check::gs1(code), "usps"),
        (b"", Some(30)) if is_routed_postal_service(code) => Shape::Certain("usps"),
        (b"jjd" | b"jd", Some(16..=21)) => Shape::Certain("dhl"),
        (b"jvgl", Some(12..=18)) => Shape::Certain("dhl"),
        (b"sf", Some(12..=15)) => Shape::Certain("sf_express"),
        (b"yt", Some(13 | 15)) | (b"jt", Some(13)) | (b"tba", Some(12)) => {
            Shape::Certain("unknown")
        }
        _ => Shape::Open,
    }
}

/// Judges shapes that have letters between their digits.
fn parcel_shape(code: &[u8]) -> Option<Shape> {
    match code {
        [b'1', b'z', rest @ ..] if rest.len() == 16 && all_digits(rest.get(6..)?) => {
            Some(certain_if(check::ups(rest), "ups"))
        }
        [a, b, number @ .., c, d] if is_universal_postal([*a, *b, *c, *d], number) => {
            Some(certain_if(check::universal_postal(number), post_of([*c, *d])))
        }
        [b'3', b's', rest @ ..] => is_dutch_post(rest).then_some(Shape::Certain("postnl")),
        [a, b, c, rest @ ..] if rest.len() == 13 && a.is_ascii_lowercase() => {
            let is_evri =
                all_digits(&[*b, *c]) && leading_letters(rest) == 3 && all_digits(rest.get(3..)?);
            is_evri.then_some(Shape::Certain("evri"))
        }
        [a, b, rest @ ..] if rest.len() == 11 && a.is_ascii_digit() && b.is_ascii_lowercase() => {
            all_digits(rest).then_some(Shape::Certain("la_poste"))
        }
        _ => None,
    }
}

fn is_universal_postal(letters: [u8; 4], number: &[u8]) -> bool {
    letters.iter().all(u8::is_ascii_lowercase) && number.len() == 9 && all_digits(number)
}

fn certain_if(valid: bool, carrier: &'static str) -> Shape {
    if valid { Shape::Certain(carrier) } else { Shape::Broken }
}

/// Tells whether a number can be one of the carrier that the text names: where that carrier publishes a check digit for
/// numbers of this length, it has to be right.
pub(super) fn agrees_with(carrier: &str, code: &[u8]) -> bool {
    check_of(carrier, code).is_none_or(|check| check(code))
}

/// Tells whether a number has twelve digits or more and the check digit of a carrier, so that it needs no other word
/// than the carrier's name.
pub(super) fn is_checked(carrier: &str, code: &[u8]) -> bool {
    code.len() >= 12 && check_of(carrier, code).is_some_and(|check| check(code))
}

/// Tells whether a number in lower case has the check digit of its carrier, or of its shape where that has one.
pub(super) fn has_right_check_digit(carrier: &str, code: &[u8]) -> bool {
    let has_checked_shape = code.starts_with(b"1z") || code.iter().all(u8::is_ascii_digit);
    is_checked(carrier, code) || (has_checked_shape && matches!(shape(code), Shape::Certain(_)))
}

/// Returns the check that a carrier publishes for numbers of this length.
fn check_of(carrier: &str, code: &[u8]) -> Option<fn(&[u8]) -> bool> {
    if !all_digits(code) {
        return None;
    }
    match (carrier, code.len()) {
        ("dhl", 10) | ("yamato" | "sagawa" | "japan_post", 12) => Some(check::modulo_seven),
        ("dhl", 20) | ("hermes", 14) | ("usps", 20 | 22) | ("fedex", 15) => Some(check::gs1),
        ("fedex", 12) => Some(check::fedex_express),
        ("gls", 12) => Some(check::gls),
        _ => None,
    }
}

/// Tells whether a number has a length that carriers use; right behind a word that announces it, shorter ones will do.
pub(super) fn is_plausible(code: &[u8], is_adjacent: bool) -> bool {
    let digits = code.iter().filter(|byte| byte.is_ascii_digit()).count();
    let (length, least_digits) = match (is_adjacent, digits < code.len()) {
        (false, false) => (8, 8),
        (false, true) => (8, 6),
        (true, false) => (7, 7),
        (true, true) => (6, 4),
    };
    (length..=30).contains(&code.len()) && digits >= least_digits
}

/// Returns the post that numbers with this country belong to (UPU standard S10).
fn post_of(country: [u8; 2]) -> &'static str {
    match &country {
        b"de" => "dhl",
        b"gb" => "royal_mail",
        b"us" => "usps",
        b"fr" => "la_poste",
        b"es" => "correos",
        b"it" => "poste_italiane",
        b"br" => "correios",
        b"nl" => "postnl",
        b"jp" => "japan_post",
        b"cn" => "china_post",
        b"kr" => "korea_post",
        b"tr" => "ptt",
        _ => "unknown",
    }
}

fn is_postal_service(code: &[u8]) -> bool {
    matches!(code, [b'9', b'1'..=b'5', ..])
}

/// A number of the US post behind its routing code: 420 and the five digits of a ZIP code.
fn is_routed_postal_service(code: &[u8]) -> bool {
    code.starts_with(b"420")
        && code.get(8..).is_some_and(|number| is_postal_service(number) && check::gs1(number))
}

/// What follows `3S`: letters of the sender, then digits.
fn is_dutch_post(rest: &[u8]) -> bool {
    let letters = leading_letters(rest);
    let digits = rest.get(letters..).unwrap_or_default();
    (2..=8).contains(&letters) && (6..=13).contains(&digits.len()) && all_digits(digits)
}

fn leading_letters(code: &[u8]) -> usize {
    code.iter().take_while(|byte| byte.is_ascii_lowercase()).count()
}

fn all_digits(code: &[u8]) -> bool {
    code.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_shape_of_their_own_need_no_words() {
        let cases: [(&[u8], &str); 11] = [
            (b"1z4r7w096641847900", "ups"),
            (b"rn486125292gb", "royal_mail"),
            (b"rr449838060tr", "ptt"),
            (b"uj446697337se", "unknown"),
            (b"9400527777887462072846", "usps"),
            (b"00340434881412517290", "dhl"),
            (b"jjd000957884588602881", "dhl"),
            (b"3skabc262990342", "postnl"),
            (b"sf1493329085054", "sf_express"),
            (b"h02qya8172944139", "evri"),
            (b"6a11698371936", "la_poste"),
        ];

        for (code, carrier) in cases {
            assert_eq!(shape(code), Shape::Certain(carrier), "{carrier}");
        }
    }

    #[test]
    fn a_wrong_check_digit_is_told() {
        assert_eq!(shape(b"1z88e417012200461 5".as_slice()), Shape::Open);
        assert_eq!(shape(b"1z5w28816899304417"), Shape::Broken);
        assert_eq!(shape(b"rr447184403de"), Shape::Broken);
    }

    #[test]
    fn the_check_digit_of_a_named_carrier_is_checked() {
        assert!(agrees_with("gls", b"501211090433"));
        assert!(!agrees_with("gls", b"501211090434"));
        assert!(agrees_with("yurtici", b"440131001275"));
    }
}
