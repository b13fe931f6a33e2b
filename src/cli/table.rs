//! Tables of figures on a terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};

/// A table without rows: a line under the header, and everything but the first column to the right.
pub(super) fn empty(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).force_no_tty().set_header(header.iter().copied());
    for component in [TableComponent::HeaderLines, TableComponent::MiddleHeaderIntersections] {
        table.set_style(component, '─');
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
