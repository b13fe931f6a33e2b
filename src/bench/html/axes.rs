//! A field with two axes, each linear or logarithmic.

use maud::{Markup, html};

use crate::page::drawing::at;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scale {
    /// Equal steps are equally long.
    Linear,
    /// Equal factors are.
    Logarithmic,
}

/// One axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    title: &'static str,
    scale: Scale,
    low: f64,
    high: f64,
    /// Places with a line and a label.
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis from 0 over values.
    pub(super) fn linear(title: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let most = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let step = step(most);
        let count = (most / step).ceil().clamp(1.0, 20.0);
        let high = count * step;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 20")]
        let ticks = (0..=count as u32)
            .map(|index| f64::from(index) * step)
            .map(|value| (value, number(value)))
            .collect();
        Self { title, scale: Scale::Linear, low: 0.0, high, ticks }
    }

    /// An axis from 0 that ends with the largest value, for time.
    pub(super) fn until_the_end(title: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        let mut axis = Self::linear(title, values.into_iter());
        if most > 0.0 {
            axis.high = most;
            axis.ticks.retain(|(value, _)| *value <= most);
        }
        axis
    }

    /// An axis over values above 0, from one of 1, 2 or 5 times a power of ten to another.
    pub(super) fn logarithmic(title: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for value in values.filter(|value| value.is_finite() && *value > 0.0) {
            (least, most) = (least.min(value), most.max(value));
        }
        if most <= 0.0 {
            (least, most) = (1.0, 10.0);
        }
        let round: Vec<f64> = (-4..=7)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|lead| lead * 10.0_f64.powi(power)))
            .collect();
        let low = round.iter().copied().rfind(|value| *value <= least * 1.000_1).unwrap_or(1e-4);
        let above = round.iter().copied().find(|value| *value >= most * 0.999_9 && *value > low);
        let high = above.unwrap_or(1e8);
        let inside = round.iter().copied().filter(|value| (low..=high).contains(value));
        // Powers of ten alone once there are many.
        let is_wide = (high / low).log10() > 3.0;
        let is_shown =
            |value: &f64| !is_wide || (value.log10() - value.log10().round()).abs() < 1e-6;
        let ticks = inside.filter(is_shown).map(|value| (value, number(value))).collect();
        Self { title, scale: Scale::Logarithmic, low, high, ticks }
    }

    /// An axis with labels of its own.
    pub(super) fn labelled(
        title: &'static str,
        scale: Scale,
        (low, high): (f64, f64),
        ticks: Vec<(f64, String)>,
    ) -> Self {
        Self { title, scale, low, high, ticks }
    }

    /// Where a value lies, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value.max(1e-9) / self.low).ln() / (self.high / self.low).ln(),
        };
        share.clamp(0.0, 1.0)
    }
}

/// A length of a step that gives about five of them: 1, 2 or 5 times a power of ten.
fn step(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let raw = most / 5.0;
    let power = 10.0_f64.powf(raw.log10().floor());
    let lead = [1.0, 2.0, 5.0, 10.0].into_iter().find(|lead| lead * power >= raw * 0.999_9);
    lead.unwrap_or(10.0) * power
}

/// A number on an axis.
pub(super) fn number(value: f64) -> String {
    if value >= 10_000.0 {
        return format!("{}k", (value / 1e3 * 10.0).round() / 10.0);
    }
    let digits = match value {
        value if value >= 100.0 => 1.0,
        value if value >= 10.0 => 10.0,
        _ => 1e4,
    };
    format!("{}", (value * digits).round() / digits)
}

/// The field itself, in units of a drawing.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) width: f64,
    pub(super) height: f64,
}

const LEFT: f64 = 46.0;
const TOP: f64 = 10.0;
const BELOW: f64 = 34.0;
const RIGHT: f64 = 14.0;

impl Field {
    /// Makes a field for half of the page.
    pub(super) fn half(x: Axis, y: Axis) -> Self {
        Self { x, y, width: 460.0, height: 240.0 }
    }

    /// Makes a field as wide as the page.
    pub(super) fn wide(x: Axis, y: Axis, height: f64) -> Self {
        Self { x, y, width: 1_060.0, height }
    }

    pub(super) fn view_box(&self) -> String {
        let (width, height) = (LEFT + self.width + RIGHT, TOP + self.height + BELOW);
        format!("0 0 {} {}", at(width), at(height))
    }

    pub(super) fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (LEFT + self.x.share(x) * self.width, TOP + (1.0 - self.y.share(y)) * self.height)
    }

    /// Lines and labels of both axes.
    pub(super) fn axes(&self) -> Markup {
        let bottom = TOP + self.height;
        html! {
            @for (value, label) in &self.x.ticks {
                @let x = LEFT + self.x.share(*value) * self.width;
                path.grid d={ "M" (at(x)) " " (at(TOP)) "V" (at(bottom)) } {}
                text.tick x=(at(x)) y=(at(bottom + 13.0)) text-anchor="middle" { (label) }
            }
            @for (value, label) in &self.y.ticks {
                @let y = TOP + (1.0 - self.y.share(*value)) * self.height;
                path.grid d={ "M" (at(LEFT)) " " (at(y)) "H" (at(LEFT + self.width)) } {}
                text.tick x=(at(LEFT - 5.0)) y=(at(y + 3.5)) text-anchor="end" { (label) }
            }
            text.axis x=(at(LEFT + self.width / 2.0)) y=(at(bottom + 28.0)) text-anchor="middle" { (self.x.title) }
            text.axis text-anchor="middle"
                transform={ "translate(10 " (at(TOP + self.height / 2.0)) ") rotate(-90)" } { (self.y.title) }
        }
    }

    /// A line across the field at a value of the lower axis, with a word on top.
    pub(super) fn marker(&self, value: f64, word: &str, row: f64) -> Markup {
        let x = LEFT + self.x.share(value) * self.width;
        let is_right = x > LEFT + self.width * 0.75;
        let (anchor, shift) = if is_right { ("end", -4.0) } else { ("start", 4.0) };
        html! {
            path.marker d={ "M" (at(x)) " " (at(TOP)) "V" (at(TOP + self.height)) } {}
            text.note x=(at(x + shift)) y=(at(TOP + 12.0 + row * 13.0)) text-anchor=(anchor) { (word) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn linear_axis_begins_at_zero_and_has_round_numbers() {
        let axis = Axis::linear("", [3.0, 470.0, f64::NAN].into_iter());

        assert_eq!(labels(&axis), ["0", "100", "200", "300", "400", "500"]);
        assert_eq!(labels(&Axis::linear("", std::iter::empty())), ["0", "1"]);
    }

    #[test]
    fn logarithmic_axis_covers_its_values_and_thins_out_labels() {
        let axis = Axis::logarithmic("", [0.3, 42.0, 0.0].into_iter());
        assert_eq!(labels(&axis), ["0.2", "0.5", "1", "2", "5", "10", "20", "50"]);

        let wide = Axis::logarithmic("", [0.3, 4_200.0].into_iter());
        assert_eq!(labels(&wide), ["1", "10", "100", "1000"]);
        assert!((axis.share(0.2) - 0.0).abs() < 1e-9 && (axis.share(1e9) - 1.0).abs() < 1e-9);
    }
}
