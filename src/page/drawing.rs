//! Coordinates and lines of drawings (SVG).

/// A coordinate, to a tenth of a unit.
#[must_use]
pub fn at(value: f64) -> String {
    let text = format!("{:.1}", value + 0.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The data of a `path` that joins points by straight lines.
#[must_use]
pub fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        path.push(if path.is_empty() { 'M' } else { 'L' });
        path.push_str(&format!("{} {}", at(x), at(y)));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short_and_have_no_negative_zero() {
        assert_eq!(path([(1.0, 2.25), (-0.0, 3.06)].into_iter()), "M1 2.2L0 3.1");
    }
}
