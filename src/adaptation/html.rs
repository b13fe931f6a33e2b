//! The report as one HTML page that needs nothing else. Holds no text of a message.

use maud::{Markup, html};

use super::report::{Existing, LabelReport, Report};
use crate::page::numbers::{NOTHING, count, counted, percent};
use crate::page::{Page, Section};

/// Returns the page. `name` and `version` are those of the adapted model.
#[must_use]
pub fn page(report: &Report, name: &str, version: &str) -> String {
    let section = |id, title, content| Section { id, title, content };
    let mut sections = vec![section("warnings", "Look at this", warnings(report))];
    for (id, title, labels) in
        [("intents", "Intents", &report.intents), ("flags", "Flags", &report.flags)]
    {
        if !labels.is_empty() {
            sections.push(section(id, title, table(labels)));
        }
    }
    sections.push(section("confusions", "Taken for another", confusions(report)));
    if let Some(cost) = &report.existing {
        sections.push(section("existing", "What it costs the others", existing(cost)));
    }
    let page = Page {
        title: format!("{name} {version} trained"),
        style: "",
        script: None,
        head: head(report, name, version),
        sections,
        foot: foot(report),
    };
    page.into_string()
}

fn head(report: &Report, name: &str, version: &str) -> Markup {
    html! {
        h1 { "Training" }
        p.models { span.model { b { (name) " " (version) } } }
        p.muted {
            (count(report.examples)) " examples · " (count(report.kept)) " messages kept in mind · every figure is of "
            "messages that were held out, " (counted(report.folds, "part")) " in turn"
        }
    }
}

fn warnings(report: &Report) -> Markup {
    html! {
        @if report.warnings.is_empty() { p.muted { "Nothing looks wrong." } }
        @else { ul { @for warning in &report.warnings { li { (warning) } } } }
    }
}

fn table(labels: &[LabelReport]) -> Markup {
    let reads_before = labels.iter().any(|label| label.read_before_as.is_some());
    html! {
        div.scroll { table {
            thead { tr {
                th { "label" } th { "" } th.n { "examples" } th.n { "precision" } th.n { "recall" } th.n { "F1" }
                th.n { "threshold" }
                @if reads_before { th { "read before as" } }
            } }
            tbody { @for label in labels { tr {
                td { (label.label) } td { (label.role) } td.n { (count(label.examples)) }
                td.n { (share(label.precision)) } td.n { (share(label.recall)) }
                td.n { (score(label.f1)) } td.n { (score(label.threshold.map(f64::from))) }
                @if reads_before { td { (before(label)) } }
            } } }
        } }
    }
}

fn before(label: &LabelReport) -> String {
    let text = |(name, times): &(String, u64)| format!("{name} ({times} of {})", label.examples);
    label.read_before_as.as_ref().map_or_else(String::new, text)
}

fn confusions(report: &Report) -> Markup {
    html! {
        @if report.confusions.is_empty() { p.muted { "None." } }
        @else { div.scroll { table {
            thead { tr { th { "right" } th { "taken for" } th.n { "times" } } }
            tbody { @for confusion in &report.confusions { tr {
                td { (confusion.gold) } td { (confusion.predicted) } td.n { (count(confusion.count)) }
            } } }
        } } }
    }
}

fn existing(cost: &Existing) -> Markup {
    let of = |part: u64, whole: u64| match whole {
        0 => NOTHING.to_owned(),
        whole => format!("{} ({})", count(part), percent(part as f64 / whole as f64)),
    };
    html! {
        div.scroll { table { tbody {
            tr { td { "messages of intents that were there before" } td.n { (count(cost.messages)) } }
            tr { td { "another leading intent than before" } td.n { (of(cost.changed, cost.messages)) } }
            tr { td { "of these taken over by a new one" } td.n { (of(cost.taken_over, cost.messages)) } }
            @if cost.labelled > 0 {
                tr { td { "right before" } td.n { (of(cost.right_before, cost.labelled)) } }
                tr { td { "right now" } td.n { (of(cost.right_now, cost.labelled)) } }
            }
        } } }
    }
}

fn foot(report: &Report) -> Markup {
    html! {
        h2 { "How it was fitted" }
        div.scroll { table {
            thead { tr { th { "head" } th.n { "penalty" } th.n { "temperature" } } }
            tbody { @for head in &report.heads { tr {
                td { (head.head) } td.n { (head.penalty) } td.n { (format!("{:.2}", head.temperature)) }
            } } }
        } }
        p.muted { "What each figure means stands in docs/train.md." }
    }
}

fn share(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), percent)
}

fn score(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{value:.2}"))
}
