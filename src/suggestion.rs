//! Finds what somebody probably meant who wrote a name that does not exist.

/// Longer names are not compared: the distance takes time proportional to the product of both lengths.
const MAX_CHARS: usize = 64;
/// Candidates that are compared at most.
const MAX_CANDIDATES: usize = 1_000;

/// Returns the candidate that is nearest to an unknown name, or `None` if none is near.
///
/// Near means a few characters added, left out, exchanged or swapped: one for each four of the name, and one more; never
/// more than 3, and fewer than the name has. Case does not count. The earliest candidate wins a tie.
///
/// ```
/// use signalbox::suggestion::closest;
///
/// assert_eq!(closest("aliasses", ["names", "aliases"]), Some("aliases"));
/// assert_eq!(closest("weather", ["names", "aliases"]), None);
/// ```
#[must_use]
pub fn closest<'a>(
    unknown: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = unknown.chars().count();
    if length == 0 || length > MAX_CHARS {
        return None;
    }
    let most = (1 + length / 4).min(3).min(length - 1);
    let unknown = unknown.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
        if candidate.chars().count().abs_diff(length) > most {
            continue;
        }
        let distance = strsim::osa_distance(&unknown, &candidate.to_lowercase());
        if distance <= most && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Returns ` (did you mean "…"?)` for the end of a message, or nothing when no candidate is near; see [`closest`].
#[must_use]
pub fn did_you_mean<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    match closest(unknown, candidates) {
        Some(candidate) => format!(" (did you mean {candidate:?}?)"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found() {
        let names = ["order.status", "order.cancel", "refund.status"];

        assert_eq!(closest("order.staus", names), Some("order.status"), "left out");
        assert_eq!(closest("order.sttaus", names), Some("order.status"), "swapped");
        assert_eq!(closest("Order.Status", names), Some("order.status"), "case");
        assert_eq!(closest("order_cancel", names), Some("order.cancel"), "another separator");
    }

    #[test]
    fn nothing_is_suggested_for_another_word() {
        assert_eq!(closest("emotion", ["order.status", "flags"]), None);
        assert_eq!(closest("", ["a"]), None);
        assert_eq!(closest("b", ["a"]), None, "one letter is no likeness");
        assert_eq!(closest(&"a".repeat(100_000), ["a"]), None);
    }

    #[test]
    fn the_nearest_wins_and_of_equals_the_first() {
        assert_eq!(closest("angri", ["hungry", "angry"]), Some("angry"));
        assert_eq!(closest("cat", ["bat", "hat"]), Some("bat"));
    }

    #[test]
    fn message_is_empty_without_a_near_candidate() {
        assert_eq!(did_you_mean("emial", ["email"]), " (did you mean \"email\"?)");
        assert_eq!(did_you_mean("xyz", ["email"]), "");
    }
}
