//! The order of versions.

use std::cmp::Ordering;

/// Compares versions as people read them: runs of digits by their value, so that "10" comes after "9".
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let mut parts = (split(a), split(b));
    loop {
        match (parts.0.next(), parts.1.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match a.cmp(&b) {
                Ordering::Equal => {}
                unequal @ (Ordering::Less | Ordering::Greater) => return unequal,
            },
        }
    }
}

/// Splits a version into runs of digits, without leading zeros and with their length first so that they compare by
/// value, and runs of other characters.
fn split(version: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = version;
    std::iter::from_fn(move || {
        let is_digit = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if !is_digit {
            return Some((0, run));
        }
        let digits = run.trim_start_matches('0');
        Some((1 + digits.len(), digits))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_people_read_them() {
        for (older, newer) in [
            ("9", "10"),
            ("1.9", "1.10"),
            ("1.2", "1.2.1"),
            ("2026.9.1", "2026.11.1"),
            ("1.0a", "1.0b"),
        ] {
            assert_eq!(compare(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(compare(newer, older), Ordering::Greater, "{older} {newer}");
        }
        assert_eq!(compare("1.2", "1.2"), Ordering::Equal);
        assert_ne!(compare("1.02", "1.2"), Ordering::Equal, "two names stay two");
    }
}
