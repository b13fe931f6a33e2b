//! What in a text must stay as it is.

/// Tells for each character whether it belongs to a number, an identifier, or an address of a page or mail.
///
/// Such a thing is a stretch of visible ASCII with a digit, an `@`, or what begins the address of a page; punctuation
/// at its ends does not belong to it.
pub(super) fn marks(characters: &[char]) -> Vec<bool> {
    let mut marks = Vec::with_capacity(characters.len());
    for stretch in characters.chunk_by(|a, b| a.is_ascii_graphic() == b.is_ascii_graphic()) {
        let text: String = stretch.iter().collect();
        if !is_mark(&text) {
            marks.extend(stretch.iter().map(|_| false));
            continue;
        }
        let is_end = |c: &char| c.is_ascii_punctuation();
        let first = stretch.iter().position(|c| !is_end(c)).unwrap_or(stretch.len());
        let last = stretch.iter().rposition(|c| !is_end(c)).unwrap_or_default();
        marks.extend((0..stretch.len()).map(|index| (first..=last).contains(&index)));
    }
    marks
}

fn is_mark(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit() || c == '@')
        || text.contains("://")
        || text.contains("www.")
}
