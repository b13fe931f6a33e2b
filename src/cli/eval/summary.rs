//! What was found, on one screen.

use comfy_table::{CellAlignment, Table};

use crate::cli::table::empty;
use crate::evaluation::comparison::{Change, Comparison};
use crate::evaluation::figures::Figure;
use crate::evaluation::report::parts::{FiguresReport, Named, PartReport};
use crate::evaluation::report::robustness::RobustnessReport;
use crate::evaluation::report::{Evaluation, Report};

/// Figures that have a column of their own in the tables of parts.
const COLUMNS: [(Figure, &str); 8] = [
    (Figure::PrimaryAccuracy, "primary"),
    (Figure::PrimaryTop3, "top 3"),
    (Figure::GroupAccuracy, "group"),
    (Figure::IntentsMicroF1, "intents F1"),
    (Figure::Polarity3Accuracy, "mood (3)"),
    (Figure::FlagsMicroF1, "flags F1"),
    (Figure::Ece, "ECE"),
    (Figure::Abstained, "abstained"),
];

/// Mistakes that are listed.
const CONFUSIONS: usize = 8;

/// Puts what matters most into tables. Holds no text of a message.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    let evaluation = &report.evaluation;
    line(&mut text, &head(report, evaluation));
    if let Some(compared) = &report.compared {
        line(&mut text, &format!("compared with {}", model(compared)));
    }
    let mut tables = vec![
        overall(evaluation, report.bootstrap),
        parts("language", &evaluation.by_language),
        parts("channel", &evaluation.by_channel),
        parts("tokens", &evaluation.by_length),
    ];
    if !evaluation.worst_confusions.is_empty() {
        tables.push(confusions(evaluation));
    }
    tables.extend(evaluation.robustness.as_deref().map(robustness));
    tables.extend(report.comparison.as_ref().map(compared));
    for table in tables {
        line(&mut text, &format!("\n{table}"));
    }
    if let Some(comparison) = &report.comparison {
        line(&mut text, &format!("\n{}", mcnemar(comparison)));
    }
    text.trim_end().to_owned()
}

fn line(text: &mut String, more: &str) {
    text.push_str(more);
    text.push('\n');
}

fn model(evaluation: &Evaluation) -> String {
    let model = &evaluation.model;
    format!("{} {} ({})", model.name, model.version, model.source)
}

fn head(report: &Report, evaluation: &Evaluation) -> String {
    let messages = evaluation.overall.messages;
    let files = report.data.len();
    let intervals = match report.bootstrap {
        0 => String::new(),
        draws => format!("; in brackets 95 % intervals from {draws} resamples"),
    };
    format!("{}: {messages} messages from {files} file(s){intervals}", model(evaluation))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn with_interval(figures: &FiguresReport, figure: Figure) -> String {
    let value = number(figures.get(figure));
    match figures.interval(figure) {
        Some(interval) => format!("{value} [{:.3}, {:.3}]", interval.low, interval.high),
        None => value,
    }
}

fn overall(evaluation: &Evaluation, draws: u64) -> Table {
    let mut table = empty(&["figure", "all messages", "mean of languages"]);
    for figure in Figure::ALL {
        let cells = [&evaluation.overall.figures, &evaluation.macro_language].map(|figures| {
            if draws == 0 { number(figures.get(figure)) } else { with_interval(figures, figure) }
        });
        table.add_row([figure.title().to_owned()].into_iter().chain(cells));
    }
    table
}

fn parts(kind: &str, parts: &Named<PartReport>) -> Table {
    let mut header = vec![kind, "n"];
    header.extend(COLUMNS.map(|(_, title)| title));
    let mut table = empty(&header);
    for (name, part) in &parts.0 {
        let figures = COLUMNS.map(|(figure, _)| number(part.figures.get(figure)));
        table.add_row([name.clone(), part.messages.to_string()].into_iter().chain(figures));
    }
    table
}

fn confusions(evaluation: &Evaluation) -> Table {
    let mut table = empty(&["most frequent mistakes", "taken for", "count", "share"]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    for pair in evaluation.worst_confusions.iter().take(CONFUSIONS) {
        let (count, share) = (pair.count.to_string(), number(pair.share));
        table.add_row([pair.gold.clone(), pair.predicted.clone(), count, share]);
    }
    table
}

fn robustness(effects: &[RobustnessReport]) -> Table {
    let mut table = empty(&[
        "disturbed",
        "n",
        "primary",
        "intents F1",
        "mood (3)",
        "flags F1",
        "primary changed",
    ]);
    let both =
        |before: Option<f64>, after: Option<f64>| format!("{} → {}", number(before), number(after));
    for report in effects {
        let effect = &report.effect;
        let (before, after) = (&effect.before, &effect.after);
        table.add_row([
            report.title.to_owned(),
            effect.messages.to_string(),
            both(before.primary_accuracy, after.primary_accuracy),
            both(before.intents_micro_f1, after.intents_micro_f1),
            both(before.polarity3_accuracy, after.polarity3_accuracy),
            both(before.flags_micro_f1, after.flags_micro_f1),
            number(effect.primary_changed),
        ]);
    }
    table
}

fn compared(comparison: &Comparison) -> Table {
    let mut table = empty(&["figure", "first", "second", "difference", "95 % interval", "p"]);
    for figure in Figure::ALL {
        if let Some(change) = comparison.overall.get(figure) {
            table.add_row(changed(figure.title(), change));
        }
    }
    for (language, changes) in &comparison.by_language.0 {
        if let Some(change) = changes.get(Figure::PrimaryAccuracy) {
            let title = format!("{}, {language}", Figure::PrimaryAccuracy.title());
            table.add_row(changed(&title, change));
        }
    }
    table
}

fn changed(title: &str, change: &Change) -> [String; 6] {
    // Rounded first, so that no "-0.000" is shown.
    let signed = |value: f64| format!("{:+.3}", (value * 1e3).round() / 1e3 + 0.0);
    let interval =
        change.interval.map(|[low, high]| format!("[{}, {}]", signed(low), signed(high)));
    [
        title.to_owned(),
        number(change.first),
        number(change.second),
        change.difference.map_or_else(|| "–".to_owned(), signed),
        interval.unwrap_or_default(),
        change.p.map_or_else(String::new, |p| format!("{p:.3}")),
    ]
}

fn mcnemar(comparison: &Comparison) -> String {
    let test = &comparison.mcnemar;
    format!(
        "primary intent: only the first is right about {}, only the second about {} (McNemar's exact p {:.4})",
        test.only_first_right, test.only_second_right, test.p
    )
}
