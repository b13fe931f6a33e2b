//! Engines alone, on one thread, with the weights of a model: milliseconds a batch.
//!
//! `cargo bench --bench engine` prints a table for the model inside the program. With `-- --lines [MODEL]` it times what
//! it is asked for: a line `ENGINE REPETITIONS LENGTH,LENGTH,...` on standard input is answered with the seconds of each
//! repetition as JSON on standard output, so that another program can take turns with it (`benches/peers/compare.py`).
//!
//! Token `k` of message `i` is 10 + (7919 i + 104729 k) mod 40000.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a bench")]

use std::collections::HashMap;
use std::io::BufRead;
use std::path::PathBuf;
use std::time::Instant;

use signalbox::engine::candle::CandleModel;
use signalbox::engine::cpu::{CpuModel, InstructionSet};
use signalbox::engine::{Engine, RaggedBatch};
use signalbox::model::{ModelBundle, ModelSource};

/// Messages × tokens that the table shows.
const SHAPES: [(usize, usize); 8] =
    [(1, 8), (1, 16), (1, 32), (1, 64), (1, 128), (32, 16), (32, 32), (32, 64)];
/// Rounds over all engines, so that what else the machine does meets each of them alike.
const ROUNDS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--lines") {
        Some(place) => answer_lines(arguments.get(place + 1)),
        None => print_table(),
    }
}

fn batch(lengths: &[usize]) -> RaggedBatch {
    let id = |i: usize, k: usize| u32::try_from(10 + (7_919 * i + 104_729 * k) % 40_000).unwrap();
    let message = |(i, length): (usize, &usize)| (0..*length).map(|k| id(i, k)).collect();
    let messages: Vec<Vec<u32>> = lengths.iter().enumerate().map(message).collect();
    RaggedBatch::from_messages(messages.iter().map(Vec::as_slice))
}

fn engine(bundle: &ModelBundle, name: &str) -> Box<dyn Engine> {
    match name {
        "candle" => CandleModel::load(bundle).unwrap().replica(1),
        "candle-padded" => CandleModel::load_padded(bundle).unwrap().replica(1),
        _ => CpuModel::load(bundle, name.parse().unwrap()).unwrap().replica(1),
    }
    .unwrap()
}

/// Seconds of each repetition.
fn time(engine: &mut dyn Engine, lengths: &[usize], repetitions: usize) -> Vec<f64> {
    let batch = batch(lengths);
    assert_eq!(engine.infer(&batch).unwrap().rows, lengths.len());
    let once = |_| {
        let started = Instant::now();
        let output = engine.infer(&batch).unwrap();
        let elapsed = started.elapsed().as_secs_f64();
        assert!(output.pooled.iter().all(|value| value.is_finite()));
        elapsed
    };
    (0..repetitions).map(once).collect()
}

fn answer_lines(model: Option<&String>) {
    let source = match model {
        Some(path) => ModelSource::Directory(PathBuf::from(path)),
        None => ModelSource::Embedded,
    };
    let bundle = ModelBundle::load(&source).unwrap();
    let mut engines: HashMap<String, Box<dyn Engine>> = HashMap::new();
    println!("{}", serde_json::to_string(&names()).unwrap());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut parts = line.split(' ');
        let (name, repetitions) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
        let lengths = parts.next().unwrap().split(',').map(|length| length.parse().unwrap());
        let lengths: Vec<usize> = lengths.collect();
        let engine = engines.entry(name.to_owned()).or_insert_with(|| engine(&bundle, name));
        let seconds = time(engine.as_mut(), &lengths, repetitions);
        println!("{}", serde_json::to_string(&seconds).unwrap());
    }
}

/// Engines of this machine, the fastest first.
fn names() -> Vec<&'static str> {
    let cpu = InstructionSet::available().into_iter().rev().map(InstructionSet::name);
    cpu.chain(["candle"]).collect()
}

fn print_table() {
    let bundle = ModelBundle::load(&ModelSource::Embedded).unwrap();
    let names: Vec<_> = names().into_iter().filter(|name| *name != "portable").collect();
    let mut engines: Vec<_> = names.iter().map(|name| engine(&bundle, name)).collect();
    println!("milliseconds a batch, median of {ROUNDS} rounds of medians");
    println!(
        "messages x tokens{}",
        names.iter().map(|name| format!("{name:>14}")).collect::<String>()
    );
    for (messages, tokens) in SHAPES {
        let repetitions = (512 / (messages * tokens)).clamp(3, 20);
        let mut medians = vec![Vec::new(); engines.len()];
        for _ in 0..ROUNDS {
            for (engine, medians) in engines.iter_mut().zip(&mut medians) {
                medians.push(median(time(engine.as_mut(), &vec![tokens; messages], repetitions)));
            }
        }
        let cells = medians.into_iter().map(|medians| format!("{:>14.3}", 1e3 * median(medians)));
        println!("{:>17}{}", format!("{messages} x {tokens}"), cells.collect::<String>());
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
