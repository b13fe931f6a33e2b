//! Check digits as carriers publish them. Codes are ASCII, in lower case, the check digit last.

/// GS1 modulo 10 with weights 3 and 1 from the right: SSCC, USPS, FedEx Ground, Hermes.
pub(super) fn gs1(code: &[u8]) -> bool {
    weighted_modulo_ten(code, 0)
}

/// GLS: like GS1, with one added to the sum.
pub(super) fn gls(code: &[u8]) -> bool {
    weighted_modulo_ten(code, 1)
}

fn weighted_modulo_ten(code: &[u8], offset: u32) -> bool {
    let Some((check, number)) = code.split_last() else { return false };
    let weights = [3, 1].into_iter().cycle();
    let sum: u32 =
        number.iter().rev().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum();
    (sum + offset + value(*check)).is_multiple_of(10)
}

/// DHL waybills and Japanese carriers: the number modulo 7.
pub(super) fn modulo_seven(code: &[u8]) -> bool {
    let Some((check, number)) = code.split_last() else { return false };
    let remainder = number.iter().fold(0, |remainder, digit| (remainder * 10 + value(*digit)) % 7);
    remainder == value(*check)
}

/// FedEx Express: weights 3, 1, 7 from the left, modulo 11, modulo 10.
pub(super) fn fedex_express(code: &[u8]) -> bool {
    let Some((check, number)) = code.split_last() else { return false };
    let weights = [3, 1, 7].into_iter().cycle();
    let sum: u32 = number.iter().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum();
    sum % 11 % 10 == value(*check)
}

/// UPS: what follows `1Z`. Letters count from a = 2, every second character is doubled, modulo 10.
pub(super) fn ups(code: &[u8]) -> bool {
    let Some((check, number)) = code.split_last() else { return false };
    let weights = [1, 2].into_iter().cycle();
    let sum: u32 =
        number.iter().zip(weights).map(|(character, weight)| ups_value(*character) * weight).sum();
    (sum + value(*check)).is_multiple_of(10)
}

fn ups_value(character: u8) -> u32 {
    match character {
        b'a'..=b'z' => (u32::from(character - b'a') + 2) % 10,
        _ => value(character),
    }
}

/// Universal Postal Union, standard S10: the nine digits.
pub(super) fn universal_postal(digits: &[u8]) -> bool {
    let Some((check, number)) = digits.split_last() else { return false };
    let weights = [8, 6, 4, 2, 3, 5, 9, 7];
    let sum: u32 = number.iter().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum();
    let expected = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        other => other,
    };
    expected == value(*check)
}

fn value(digit: u8) -> u32 {
    u32::from(digit.saturating_sub(b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_check_digits_are_accepted_and_wrong_ones_are_not() {
        type Check = fn(&[u8]) -> bool;
        let checks: [(Check, &[u8]); 6] = [
            (gs1, b"09134579430195"),
            (gls, b"582204177935"),
            (modulo_seven, b"447193924155"),
            (fedex_express, b"771233871129"),
            (ups, b"5w28814263411502"),
            (universal_postal, b"486125292"),
        ];

        for (valid, code) in checks {
            let mut changed = code.to_vec();
            let last = changed.last_mut().unwrap();
            *last = if *last == b'9' { b'0' } else { *last + 1 };

            assert!(valid(code), "{}", String::from_utf8_lossy(code));
            assert!(!valid(&changed), "{}", String::from_utf8_lossy(&changed));
        }
    }
}
