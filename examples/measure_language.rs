//! Measures the identification of languages.
//!
//! ```text
//! cargo run --release --example measure_language -- WEIGHTS MESSAGES.jsonl [OTHER.jsonl...]
//! ```
//!
//! WEIGHTS is a file that `training/language.py` wrote, or `-` for those inside the program. Each line of the others is
//! `{"text": "...", "lang": "de"}`. MESSAGES are in the 15 known languages; files after it are read line by line and
//! their refusals are listed.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::wildcard_enum_match_arm,
    reason = "a measurement on trusted files, printed"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Context, bail};
use serde::Deserialize;
use signalbox::language::{Language, LanguageIdentifier, Ngrams};
use whatlang::{Detector, Lang};

const KNOWN: [&str; 15] =
    ["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "zh"];

#[derive(Deserialize)]
struct Row {
    text: String,
    lang: String,
    #[serde(default)]
    split: String,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, messages, others @ ..] = arguments.as_slice() else {
        bail!("usage: measure_language WEIGHTS MESSAGES.jsonl [OTHER.jsonl...]");
    };
    let ngrams = match weights.as_str() {
        "-" => Ngrams::embedded(),
        path => Ngrams::parse(Vec::leak(std::fs::read(path)?))?,
    };
    let identifier = LanguageIdentifier::with_ngrams(&KNOWN.map(str::to_owned), ngrams);
    let rows = read(messages)?;
    for (name, lengths) in [("over 20 characters", 21..usize::MAX), ("8 to 20", 8..21)] {
        let rows: Vec<&Row> =
            rows.iter().filter(|row| lengths.contains(&row.text.chars().count())).collect();
        println!("{name}, {} messages", rows.len());
        accuracy(&identifier, &rows);
    }
    calibration(&identifier, &rows);
    speed(&identifier, &rows);
    for path in others {
        recall(&identifier, path)?;
    }
    Ok(())
}

fn read(path: &str) -> anyhow::Result<Vec<Row>> {
    let lines = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Prints how many messages of each language are told right, by several ways.
fn accuracy(identifier: &LanguageIdentifier, rows: &[&Row]) {
    let library = Detector::with_allowlist(vec![
        Lang::Ara,
        Lang::Deu,
        Lang::Eng,
        Lang::Spa,
        Lang::Fra,
        Lang::Ita,
        Lang::Jpn,
        Lang::Kor,
        Lang::Nld,
        Lang::Pol,
        Lang::Por,
        Lang::Rus,
        Lang::Swe,
        Lang::Tur,
        Lang::Cmn,
    ]);
    let by_library = |row: &Row| {
        let lang = library.detect_lang(&row.text).map_or("", whatlang_code);
        lang == row.lang
    };
    let right = |row: &Row, hint: &str| identifier.identify(&row.text, hint).tag == row.lang;
    print_by_language("whatlang, restricted", rows, by_library);
    print_by_language("no hint", rows, |row| right(row, ""));
    print_by_language("right hint", rows, |row| right(row, &row.lang));
    print_by_language("hint en", rows, |row| right(row, "en"));
    print_by_language("refused", rows, |row| !identifier.identify(&row.text, "").supported);
}

fn print_by_language(name: &str, rows: &[&Row], holds: impl Fn(&Row) -> bool) {
    let mut by_language: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in rows {
        let (held, seen) = by_language.entry(&row.lang).or_default();
        *held += usize::from(holds(row));
        *seen += 1;
    }
    let shares = || by_language.values().map(|(held, seen)| percent(*held, *seen));
    let mean = shares().sum::<f64>() / shares().count() as f64;
    let (held, seen) =
        by_language.values().fold((0, 0), |(held, seen), (h, s)| (held + h, seen + s));
    print!("  {name:20} mean {mean:6.2}, all {:6.2} |", percent(held, seen));
    for (language, share) in by_language.keys().zip(shares()) {
        print!(" {language} {share:.1}");
    }
    println!();
}

fn percent(held: usize, seen: usize) -> f64 {
    100.0 * held as f64 / seen.max(1) as f64
}

/// Prints the share that is right by reported confidence.
fn calibration(identifier: &LanguageIdentifier, rows: &[Row]) {
    let mut bins: BTreeMap<usize, (usize, usize, f64)> = BTreeMap::new();
    for row in rows {
        let Language { tag, confidence, .. } = identifier.identify(&row.text, "");
        if tag == "und" || matches!(tag.as_str(), "ja" | "zh" | "ko") {
            continue;
        }
        let (held, seen, sum) = bins.entry((confidence * 10.0) as usize).or_default();
        *held += usize::from(tag == row.lang);
        *seen += 1;
        *sum += f64::from(confidence);
    }
    println!("confidence of languages in Latin, Cyrillic and Arabic letters");
    for (held, seen, sum) in bins.values() {
        println!(
            "  mean {:5.1} %: {:5.1} % right of {seen}",
            100.0 * sum / *seen as f64,
            percent(*held, *seen)
        );
    }
}

fn speed(identifier: &LanguageIdentifier, rows: &[Row]) {
    let mut times: Vec<(f64, usize)> = Vec::new();
    for row in rows {
        // The least of several, as other programs may be running.
        let time = (0..5).map(|_| {
            let started = Instant::now();
            std::hint::black_box(identifier.identify(std::hint::black_box(&row.text), ""));
            started.elapsed().as_secs_f64() * 1e6
        });
        times.push((time.fold(f64::INFINITY, f64::min), row.text.chars().count()));
    }
    let mean = times.iter().map(|(time, _)| time).sum::<f64>() / times.len() as f64;
    let of_length: Vec<f64> = times
        .iter()
        .filter(|(_, chars)| (180..260).contains(chars))
        .map(|(time, _)| *time)
        .collect();
    let middle = of_length.iter().sum::<f64>() / of_length.len().max(1) as f64;
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    println!(
        "time: mean {mean:.1} us, 180 to 259 characters {middle:.1} us, p99 {:.1} us",
        times[times.len() * 99 / 100].0
    );
}

/// Prints which messages are refused.
fn recall(identifier: &LanguageIdentifier, path: &str) -> anyhow::Result<()> {
    let rows = read(path)?;
    let mut splits: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for row in &rows {
        let language = identifier.identify(&row.text, "");
        let (refused, named, seen) = splits.entry(&row.split).or_default();
        *refused += usize::from(!language.supported);
        *named += usize::from(language.tag == row.lang);
        *seen += 1;
        if language.supported != KNOWN.contains(&row.lang.as_str()) {
            println!(
                "  {} {} read as {} {:.2}: {}",
                row.split, row.lang, language.tag, language.confidence, row.text
            );
        }
    }
    println!("{path} by split (refused, named right, of): {splits:?}");
    Ok(())
}

fn whatlang_code(lang: Lang) -> &'static str {
    match lang.code() {
        "ara" => "ar",
        "deu" => "de",
        "eng" => "en",
        "spa" => "es",
        "fra" => "fr",
        "ita" => "it",
        "jpn" => "ja",
        "kor" => "ko",
        "nld" => "nl",
        "pol" => "pl",
        "por" => "pt",
        "rus" => "ru",
        "swe" => "sv",
        "tur" => "tr",
        "cmn" => "zh",
        _ => "",
    }
}
