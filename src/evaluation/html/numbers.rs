//! Numbers for people.

use super::super::bootstrap::Interval;
use super::super::figures::Figure;
use crate::page::numbers::NOTHING;
pub(super) use crate::page::{
    drawing::at,
    numbers::{count, percent},
};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_show_their_sign_and_no_negative_zero() {
        assert_eq!(Kind::Share.difference(Some(0.0123)), "+1.2\u{a0}pp");
        assert_eq!(Kind::Score.difference(Some(-0.5)), "−0.500");
        assert_eq!(Kind::Score.difference(Some(-0.000_01)), "±0.000");
        assert_eq!(Kind::Share.difference(None), "–");
    }
}
