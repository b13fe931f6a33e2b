//! What is taken for what, and the messages that show it.

use maud::{Markup, html};

use super::super::report::Evaluation;
use super::super::report::examples::{Example, Guess, GuessedExample};
use super::heat::HeatMap;
use super::numbers::{Kind, count, percent};
use super::{key, short};

/// Groups against groups, and the most frequent mistakes.
pub(super) fn confusions(models: &[&Evaluation]) -> Markup {
    html! {
        @for (index, model) in models.iter().enumerate() {
            @let groups = &model.confusion.groups;
            @if models.len() > 1 { h3 { (key(index, models.len())) (short(model, index)) } }
            div.columns.even {
                figure.map {
                    figcaption {
                        "Groups"
                        small { "rows: right, columns: predicted, colour: share of the row" }
                    }
                    (HeatMap {
                        title: "Groups of intents",
                        names: &groups.groups,
                        counts: &groups.counts,
                        cell: 34.0,
                        left: 92.0,
                    }.draw())
                }
                div { h3 { "Most frequent mistakes" } (worst(model)) }
            }
        }
    }
}

fn worst(model: &Evaluation) -> Markup {
    html! {
        @if model.worst_confusions.is_empty() { p.muted { "None." } }
        @else {
            div.pairs {
                @for pair in &model.worst_confusions {
                    details {
                        summary {
                            span.n { (count(pair.count)) "×" }
                            span { (pair.gold) " → " b { (pair.predicted) } }
                            span.muted { (Kind::Share.show(pair.share)) }
                        }
                        @for example in &pair.examples { (guessed(example)) }
                    }
                }
            }
            p.muted {
                "Right → taken for, and the share of all messages with that right intent. Open one to see the surest "
                "examples."
            }
        }
    }
}

/// The errors that each model was surest of.
pub(super) fn confident_errors(models: &[&Evaluation]) -> Markup {
    html! {
        @for (index, model) in models.iter().enumerate() {
            @if models.len() > 1 { h3 { (key(index, models.len())) (short(model, index)) } }
            @let id = format!("errors-{index}");
            (filter(&id))
            div.examples id=(id) {
                @for error in &model.confident_errors { (guessed(error)) }
                @if model.confident_errors.is_empty() { p.muted { "None." } }
            }
        }
    }
}

/// A field to look for something in a list; shown by the script, which does the looking.
pub(super) fn filter(list: &str) -> Markup {
    html! {
        label.filter hidden data-list=(list) {
            "Show those with " input type="search" placeholder="language, intent, word";
        }
    }
}

fn guessed(guessed: &GuessedExample) -> Markup {
    message(&guessed.example, &[&guessed.guess])
}

/// A message with what each model took it for.
pub(super) fn message(example: &Example, guesses: &[&Guess]) -> Markup {
    html! {
        article.example {
            p.meta {
                span { (example.language) } span { (example.channel) }
                span { (example.file) ":" (example.line) }
                @if !example.batch.is_empty() { span { (example.batch) } }
            }
            @if let Some(text) = &example.text {
                p.text dir="auto" lang=(example.language) { (text) }
            }
            p.labels {
                span.gold { "right: " b { (example.gold.join(" + ")) } }
                @for (index, guess) in guesses.iter().enumerate() {
                    span.guess {
                        (key(index, guesses.len())) "said: "
                        b { (guess.predicted.as_deref().unwrap_or("nothing, the text is empty")) }
                        " " (percent(guess.confidence))
                    }
                }
            }
        }
    }
}
