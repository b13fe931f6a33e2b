//! Heat maps: what is right against what was predicted.

use maud::{Markup, html};

use super::numbers::{at, percent};

/// Share from which the colour is so strong that the number on it has to be light.
const STRONG: f64 = 0.75;

/// A square table of counts, each row coloured by its shares.
pub(super) struct HeatMap<'a> {
    /// What it shows.
    pub(super) title: &'a str,
    /// Names of rows and columns.
    pub(super) names: &'a [String],
    /// Counts by `[right][predicted]`.
    pub(super) counts: &'a [Vec<u64>],
    /// Width and height of a cell.
    pub(super) cell: f64,
    /// Room for the names of the rows.
    pub(super) left: f64,
}

impl HeatMap<'_> {
    /// Draws it.
    pub(super) fn draw(&self) -> Markup {
        let Self { title, names, counts, cell, left } = *self;
        let top = left * 0.8;
        let side = cell * names.len() as f64;
        // The last column's slanted name leans out to the right.
        let width = left + side + left * 0.4;
        html! {
            div.scroll {
                svg.heat viewBox={ "0 0 " (at(width)) " " (at(top + side + 2.0)) } role="img"
                    style={ "max-width:" (at(width)) "px;min-width:" (at(width * 0.8)) "px" } {
                    title { (title) ": rows are what is right, columns what was predicted" }
                    @for (index, name) in names.iter().enumerate() {
                        @let middle = (index as f64 + 0.5) * cell;
                        text.tick x=(at(left - 6.0)) y=(at(top + middle + 4.0)) text-anchor="end" { (name) }
                        text.tick transform={
                            "translate(" (at(left + middle + 4.0)) " " (at(top - 6.0)) ") rotate(-50)"
                        } { (name) }
                    }
                    @for (row, cells) in counts.iter().enumerate() {
                        (self.row(row, cells, top))
                    }
                }
            }
        }
    }

    fn row(&self, row: usize, cells: &[u64], top: f64) -> Markup {
        let Self { names, cell, left, .. } = *self;
        let all: u64 = cells.iter().sum();
        let name = |index: usize| names.get(index).map_or("", String::as_str);
        html! {
            @for (column, count) in cells.iter().enumerate() {
                @let share = if all == 0 { 0.0 } else { *count as f64 / all as f64 };
                @let (x, y) = (left + column as f64 * cell, top + row as f64 * cell);
                g {
                    title { (name(row)) " taken for " (name(column)) ": " (count) " of " (all) ", " (percent(share)) }
                    rect.cell.right[row == column] x=(at(x)) y=(at(y)) width=(at(cell - 1.5)) height=(at(cell - 1.5))
                        style={ "--share:" (at(share * 100.0)) "%" } {}
                    @if *count > 0 {
                        text.count.strong[share > STRONG] x=(at(x + cell / 2.0 - 0.7)) y=(at(y + cell / 2.0 + 3.5))
                            text-anchor="middle" { (count) }
                    }
                }
            }
        }
    }
}
