//! Bars in rows: the label and the number are text, the bar is drawn as wide as there is room.

use maud::{Markup, html};

use super::super::bootstrap::Interval;
use super::numbers::{Kind, at};

/// One bar.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bar {
    /// How long, between 0 and 1.
    pub(super) value: Option<f64>,
    /// Whiskers.
    pub(super) interval: Option<Interval>,
    /// A line across, for what it was before.
    pub(super) mark: Option<f64>,
}

/// One row: a bar for each model.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What it is about.
    pub(super) label: String,
    /// A word beside it, such as how many messages there are.
    pub(super) note: String,
    /// A bar for each model.
    pub(super) bars: Vec<Bar>,
}

/// Height of a bar and of the room between two, in units of the drawing, which is 100 wide.
const HEIGHT: f64 = 8.0;
const ROOM: f64 = 3.0;

/// Rows of bars under a title.
pub(super) fn chart(title: &str, kind: Kind, rows: &[Row]) -> Markup {
    html! {
        figure.bars {
            figcaption { (title) }
            @for row in rows {
                div.row {
                    span.label { (row.label) @if !row.note.is_empty() { small { (row.note) } } }
                    (drawing(title, kind, row))
                    span.value { @for bar in &row.bars { span { (kind.show(bar.value)) } } }
                }
            }
        }
    }
}

/// The bars of a row alone, for a cell of a table.
pub(super) fn drawing(title: &str, kind: Kind, row: &Row) -> Markup {
    let height = row.bars.len() as f64 * (HEIGHT + ROOM) - ROOM + 2.0 * ROOM;
    html! {
        svg.bar viewBox={ "0 0 100 " (at(height)) } preserveAspectRatio="none" role="img"
            style={ "height:" (at(height * 1.25)) "px" } {
            title { (spoken(title, kind, row)) }
            path.grid d={ "M0 0V" (at(height)) "M25 0V" (at(height)) "M50 0V" (at(height))
                "M75 0V" (at(height)) "M100 0V" (at(height)) } {}
            @for (index, bar) in row.bars.iter().enumerate() {
                (one(index, bar))
            }
        }
    }
}

fn one(index: usize, bar: &Bar) -> Markup {
    let top = ROOM + index as f64 * (HEIGHT + ROOM);
    let middle = top + HEIGHT / 2.0;
    let along = |value: f64| at(value.clamp(0.0, 1.0) * 100.0);
    html! {
        @if let Some(value) = bar.value {
            rect class={ "fill m" (index) } x="0" y=(at(top)) width=(along(value)) height=(at(HEIGHT)) {}
        }
        @if let Some(Interval { low, high }) = bar.interval {
            path.whisker d={
                "M" (along(low)) " " (at(middle)) "H" (along(high))
                "M" (along(low)) " " (at(middle - 2.0)) "V" (at(middle + 2.0))
                "M" (along(high)) " " (at(middle - 2.0)) "V" (at(middle + 2.0))
            } {}
        }
        @if let Some(mark) = bar.mark {
            path.mark d={ "M" (along(mark)) " " (at(top - 2.0)) "V" (at(top + HEIGHT + 2.0)) } {}
        }
    }
}

/// What the drawing shows, in words.
fn spoken(title: &str, kind: Kind, row: &Row) -> String {
    let value = |bar: &Bar| {
        let mut text = kind.show(bar.value);
        if let Some(interval) = bar.interval {
            text.push_str(&format!(" ({})", kind.interval(interval)));
        }
        if let Some(mark) = bar.mark {
            text.push_str(&format!(", before {}", kind.show(Some(mark))));
        }
        text
    };
    let values: Vec<String> = row.bars.iter().map(value).collect();
    let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
    format!("{title}, {}{note}: {}", row.label, values.join("; "))
}
