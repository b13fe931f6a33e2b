//! Each stage of a message by itself, and all of them in process, with the model inside the program.
//!
//! `cargo bench --bench stages` (criterion; `-- engine` for one group, `-- --save-baseline NAME` and `-- --baseline
//! NAME` to compare two builds). Texts are `data/bench/messages.jsonl` by their length class; an iteration goes over
//! the whole class, and the throughput counts its messages. `benches/policy.rs` times the policy, `benches/unary.rs`
//! the way over a socket.

#![allow(clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use signalbox::app::{App, engine_loader};
use signalbox::batching::Lane;
use signalbox::config::sources::{self, Sources, Variables};
use signalbox::engine::RaggedBatch;
use signalbox::engine::cpu::{CpuModel, InstructionSet};
use signalbox::message::{Limits, Message, MessageDraft, Truncation, ValidationErrors};
use signalbox::model::{ModelBundle, ModelSource};
use signalbox::tokenization::TextTokenizer;

/// Messages × tokens of a batch.
const SHAPES: [(usize, usize); 8] =
    [(1, 8), (1, 16), (1, 32), (1, 64), (1, 128), (8, 32), (32, 16), (32, 64)];
const CLASSES: [&str; 3] = ["short", "medium", "long"];

#[derive(serde::Deserialize)]
struct Sample {
    length: String,
    text: String,
}

fn texts(class: &str) -> Vec<String> {
    let lines = include_str!("../data/bench/messages.jsonl").lines();
    let samples = lines.map(|line| serde_json::from_str::<Sample>(line).unwrap());
    samples.filter(|sample| sample.length == class).map(|sample| sample.text).collect()
}

fn messages(class: &str) -> Vec<Message> {
    let limits = Limits::default();
    let draft = |text| MessageDraft { text, ..MessageDraft::default() };
    let valid = |draft: MessageDraft| draft.validate(&limits, ValidationErrors::default()).unwrap();
    texts(class).into_iter().map(draft).map(valid).collect()
}

fn app() -> App {
    let assignments = ["inference.instances=1", "log.filter=off"].map(str::to_owned);
    let all = Sources { assignments: &assignments, ..Sources::default() };
    let config = sources::load(all, &Variables::new()).unwrap();
    let app = App::new(config.resolved(1).unwrap(), engine_loader());
    app.load_models().unwrap();
    app
}

fn read(criterion: &mut Criterion) {
    let app = app();
    let mut group = criterion.benchmark_group("read: clean, language, entities");
    for class in CLASSES {
        let messages = messages(class);
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(class, |bencher| {
            bencher.iter(|| {
                for message in &messages {
                    black_box(app.pipeline().read(message).unwrap());
                }
            });
        });
    }
}

fn tokenize(criterion: &mut Criterion) {
    let bundle = ModelBundle::load(&ModelSource::Embedded).unwrap();
    let tokenizer = TextTokenizer::from_bundle(&bundle).unwrap();
    let mut group = criterion.benchmark_group("tokenize");
    for class in CLASSES {
        let texts = texts(class);
        group.throughput(Throughput::Elements(texts.len() as u64));
        group.bench_function(class, |bencher| {
            bencher.iter(|| {
                for text in &texts {
                    black_box(tokenizer.tokenize(text, Truncation::HeadTail).unwrap());
                }
            });
        });
    }
}

fn engine(criterion: &mut Criterion) {
    let bundle = ModelBundle::load(&ModelSource::Embedded).unwrap();
    for instructions in InstructionSet::available() {
        let model = CpuModel::load(&bundle, instructions).unwrap();
        let mut replica = model.replica(1).unwrap();
        let mut group = criterion.benchmark_group(format!("engine: {instructions}"));
        if instructions == InstructionSet::Portable {
            group.sample_size(10).measurement_time(Duration::from_secs(2));
        }
        for (count, length) in SHAPES {
            let message = |i: u32| (0..length).zip(i..).map(|(_, id)| 10 + 7_919 * id % 40_000);
            let messages: Vec<Vec<u32>> =
                (0..count).zip(0..).map(|(_, i)| message(i).collect()).collect();
            let batch = RaggedBatch::from_messages(messages.iter().map(Vec::as_slice));
            group.throughput(Throughput::Elements(count as u64));
            let name = BenchmarkId::from_parameter(format!("{count}×{length}"));
            group.bench_with_input(name, &batch, |bencher, batch| {
                bencher.iter(|| replica.infer(batch).unwrap());
            });
        }
    }
}

/// One message at a time from the request to the routing, with no socket.
fn classify(criterion: &mut Criterion) {
    let app = app();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("classify in process");
    for class in CLASSES {
        let messages = messages(class);
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(class, |bencher| {
            let run = |messages: Vec<Message>| {
                for message in messages {
                    let deadline = Instant::now() + Duration::from_secs(10);
                    let answer =
                        app.pipeline().classify(message, Lane::Interactive, deadline, None);
                    black_box(runtime.block_on(answer).unwrap());
                }
            };
            bencher.iter_batched(|| messages.clone(), run, BatchSize::PerIteration);
        });
    }
}

criterion_group!(stages, read, tokenize, engine, classify);
criterion_main!(stages);
