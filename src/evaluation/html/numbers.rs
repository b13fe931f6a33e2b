//! Numbers for people.

use super::super::bootstrap::Interval;
use super::super::figures::Figure;

/// Shown where there is nothing to measure.
const NOTHING: &str = "–";

/// A count with its thousands apart.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share in per cent.
pub(super) fn percent(value: f64) -> String {
    format!("{:.1}\u{a0}%", value * 100.0)
}

/// A score between 0 and 1.
pub(super) fn score(value: f64) -> String {
    format!("{value:.3}")
}

/// How numbers of a kind look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A share of something.
    Share,
    /// A score that is none.
    Score,
}

impl Kind {
    /// Tells how a figure looks.
    pub(super) fn of(figure: Figure) -> Self {
        match figure {
            Figure::IntentsMicroF1
            | Figure::IntentsMacroF1
            | Figure::PolarityQwk
            | Figure::FlagsMicroF1
            | Figure::FlagsMacroF1
            | Figure::Ece
            | Figure::OutOfScopeAuroc
            | Figure::NothingToServeAuroc => Self::Score,
            Figure::PrimaryAccuracy
            | Figure::PrimaryTop3
            | Figure::GroupAccuracy
            | Figure::Polarity3Accuracy
            | Figure::Polarity5Accuracy
            | Figure::PolarityWithin1
            | Figure::Coverage90Accuracy
            | Figure::Abstained
            | Figure::AccuracyWhenAnswered
            | Figure::GroupFallback
            | Figure::GroupFallbackAccuracy
            | Figure::LanguageAccuracy => Self::Share,
        }
    }

    /// Shows a number.
    pub(super) fn show(self, value: Option<f64>) -> String {
        match (self, value) {
            (_, None) => NOTHING.to_owned(),
            (Self::Share, Some(value)) => percent(value),
            (Self::Score, Some(value)) => score(value),
        }
    }

    /// Shows an interval.
    pub(super) fn interval(self, interval: Interval) -> String {
        let Interval { low, high } = interval;
        match self {
            Self::Share => format!("{:.1} to {:.1}\u{a0}%", low * 100.0, high * 100.0),
            Self::Score => format!("{low:.3} to {high:.3}"),
        }
    }

    /// Shows a difference with its sign; those of shares are percentage points.
    pub(super) fn difference(self, value: Option<f64>) -> String {
        let Some(value) = value else { return NOTHING.to_owned() };
        let text = match self {
            Self::Share => format!("{:.1}", value.abs() * 100.0),
            Self::Score => format!("{:.3}", value.abs()),
        };
        let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
        let sign = match value {
            _ if is_zero => "±",
            value if value < 0.0 => "−",
            _ => "+",
        };
        let unit = if self == Self::Share { "\u{a0}pp" } else { "" };
        format!("{sign}{text}{unit}")
    }
}

/// A coordinate of a drawing.
pub(super) fn at(value: f64) -> String {
    let text = format!("{:.1}", value + 0.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(7), "7");
        assert_eq!(count(1_870), "1,870");
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn differences_show_their_sign_and_no_negative_zero() {
        assert_eq!(Kind::Share.difference(Some(0.0123)), "+1.2\u{a0}pp");
        assert_eq!(Kind::Score.difference(Some(-0.5)), "−0.500");
        assert_eq!(Kind::Score.difference(Some(-0.000_01)), "±0.000");
        assert_eq!(Kind::Share.difference(None), "–");
    }
}
