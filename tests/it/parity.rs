//! Token ids and logits against PyTorch and transformers, alone and in batches.

use std::path::PathBuf;

use signalbox::engine::candle::CandleModel;
use signalbox::engine::cpu::{CpuModel, InstructionSet};
use signalbox::engine::{BatchOutput, Engine, EngineError, MessageOutput, RaggedBatch};
use signalbox::message::Truncation;
use signalbox::model::ModelBundle;
use signalbox::tokenization::TextTokenizer;

use crate::fixtures::{Golden, TINY, default_model, fixture, golden, load};

/// Distance from PyTorch's logits.
const REFERENCE_TOLERANCE: f32 = 1e-4;
/// Distance between two computations of our own.
const OWN_TOLERANCE: f32 = 1e-4;

fn models() -> Vec<(PathBuf, Golden)> {
    let tiny = TINY.iter().map(|name| {
        let directory = fixture(name);
        let golden = golden(directory.join("golden.json"));
        (directory, golden)
    });
    let default = (default_model(), golden(fixture("default-golden.json")));
    tiny.chain([default]).collect()
}

fn engine(bundle: &ModelBundle) -> Box<dyn Engine> {
    CandleModel::load(bundle).unwrap().replica(1).unwrap()
}

/// A replica of every engine that computes the model, of the engine for the CPU one for each instruction set of this
/// machine.
fn engines(bundle: &ModelBundle, threads: usize) -> Vec<(String, Box<dyn Engine>)> {
    let candle = CandleModel::load(bundle).unwrap().replica(threads).unwrap();
    let sets = InstructionSet::available().into_iter();
    let cpu = sets.filter(|_| CpuModel::computes(bundle.architecture())).map(|instructions| {
        let model = CpuModel::load(bundle, instructions).unwrap();
        (instructions.to_string(), model.replica(threads).unwrap())
    });
    std::iter::once(("candle".to_owned(), candle)).chain(cpu).collect()
}

fn infer(engine: &mut dyn Engine, messages: &[&[u32]]) -> BatchOutput {
    engine.infer(&RaggedBatch::from_messages(messages.iter().copied())).unwrap()
}

fn rows(output: BatchOutput) -> Vec<MessageOutput> {
    output.into_messages().unwrap()
}

fn assert_close(found: &MessageOutput, expected: &MessageOutput, tolerance: f32, what: &str) {
    assert_eq!(found.heads.len(), expected.heads.len(), "{what}");
    for ((head, found), (_, expected)) in found.heads.iter().zip(&expected.heads) {
        assert_values_close(found, expected, tolerance, &format!("{what}, {head}"));
    }
}

fn assert_values_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        // Not `>`: NaN is not close to anything.
        assert!((found - expected).abs() <= tolerance, "{what}: {found} is not {expected}");
    }
}

/// The largest distance of a logit.
fn distance(found: &[MessageOutput], expected: &[MessageOutput]) -> f32 {
    let of_heads = |messages: &[MessageOutput]| -> Vec<f32> {
        messages
            .iter()
            .flat_map(|m| m.heads.iter().flat_map(|(_, logits)| logits.clone()))
            .collect()
    };
    let (found, expected) = (of_heads(found), of_heads(expected));
    found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max)
}

fn expected(bundle: &ModelBundle, golden: &Golden) -> Vec<MessageOutput> {
    let of_message = |message: &crate::fixtures::GoldenMessage| MessageOutput {
        heads: bundle
            .manifest()
            .heads
            .iter()
            .map(|head| (head.name, message.logits[head.name.as_str()].clone()))
            .collect(),
    };
    golden.messages.iter().map(of_message).collect()
}

fn ids(golden: &Golden) -> Vec<&[u32]> {
    let messages = golden.messages.iter();
    messages.map(|message| message.input_ids.as_slice()).collect()
}

#[test]
fn token_ids_are_those_of_the_reference() {
    for (directory, golden) in models() {
        let tokenizer = TextTokenizer::from_bundle(&load(directory.clone())).unwrap();

        for message in &golden.messages {
            let tokenized = tokenizer.tokenize(&message.text, Truncation::HeadTail).unwrap();

            assert_eq!(
                tokenized.input_ids,
                message.input_ids,
                "{}: {}",
                directory.display(),
                message.text
            );
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "distances, to be looked at with --nocapture")]
fn logits_are_those_of_the_reference_alone_and_together() {
    for (directory, golden) in models() {
        let bundle = load(directory.clone());
        let mut engine = engine(&bundle);
        let expected = expected(&bundle, &golden);
        let ids = ids(&golden);

        let together = rows(infer(&mut *engine, &ids));

        println!("{}: {:.1e} apart", directory.display(), distance(&together, &expected));
        assert_eq!(together.len(), ids.len());
        for ((message, together), expected) in ids.iter().zip(together).zip(&expected) {
            let alone = rows(infer(&mut *engine, &[message])).remove(0);
            let what = format!("{}, {} tokens", directory.display(), message.len());
            assert_close(&alone, expected, REFERENCE_TOLERANCE, &format!("{what}, alone"));
            assert_close(&together, expected, REFERENCE_TOLERANCE, &format!("{what}, together"));
        }
    }
}

#[test]
fn a_message_has_the_same_outputs_in_any_batch() {
    for name in TINY {
        let bundle = load(fixture(name));
        let golden = golden(fixture(name).join("golden.json"));
        let ids = ids(&golden);
        for (which, mut engine) in engines(&bundle, 1) {
            // Sums of int8 are exact and everything else is done token by token.
            let tolerance = if which == "candle" { OWN_TOLERANCE } else { 0.0 };
            let alone: Vec<_> =
                ids.iter().map(|message| rows(infer(&mut *engine, &[message])).remove(0)).collect();

            for seed in 1..=3_u64 {
                for batch in batches(&shuffled(ids.len(), seed)) {
                    let messages: Vec<_> = batch.iter().map(|&index| ids[index]).collect();
                    let outputs = rows(infer(&mut *engine, &messages));
                    for (&index, output) in batch.iter().zip(&outputs) {
                        let what = format!("{name}, {which}, seed {seed}, message {index}");
                        assert_close(output, &alone[index], tolerance, &what);
                    }
                }
            }
        }
    }
}

/// Cuts into batches of 1, 2, ... messages, so that neighbours and places change.
fn batches(order: &[usize]) -> Vec<&[usize]> {
    let mut batches = Vec::new();
    let mut rest = order;
    while !rest.is_empty() {
        let (batch, next) = rest.split_at((batches.len() + 1).min(rest.len()));
        batches.push(batch);
        rest = next;
    }
    batches
}

/// Fisher–Yates with a linear congruential generator: the same order on every run.
fn shuffled(len: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let mut state = seed;
    for last in (1..len).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap() % (last + 1);
        order.swap(last, other);
    }
    order
}

#[test]
fn ragged_and_padded_forms_agree() {
    for name in TINY.into_iter().filter(|name| name.starts_with("tiny-bert")) {
        let bundle = load(fixture(name));
        let golden = golden(fixture(name).join("golden.json"));
        let mut ragged = engine(&bundle);
        let padded = CandleModel::load_padded(&bundle).unwrap();
        let mut padded = padded.replica(1).unwrap();
        let ids = ids(&golden);

        let ragged = infer(&mut *ragged, &ids);
        let padded = infer(&mut *padded, &ids);

        assert_values_close(&ragged.pooled, &padded.pooled, OWN_TOLERANCE, name);
        for (ragged, padded) in rows(ragged).iter().zip(rows(padded)) {
            assert_close(ragged, &padded, OWN_TOLERANCE, name);
        }
    }
}

#[test]
fn thread_count_does_not_change_the_outputs() {
    let bundle = load(fixture(TINY[0]));
    let golden = golden(fixture(TINY[0]).join("golden.json"));
    // More than once, so that there are enough tokens for several threads.
    let ids = ids(&golden).repeat(3);
    let one = engines(&bundle, 1);
    let three = engines(&bundle, 3);

    for ((which, mut one), (_, mut three)) in one.into_iter().zip(three) {
        let (one, three) = (infer(&mut *one, &ids), infer(&mut *three, &ids));

        assert_eq!(three.rows, ids.len());
        assert_values_close(&three.pooled, &one.pooled, OWN_TOLERANCE, &which);
        for (three, one) in rows(three).iter().zip(&rows(one)) {
            assert_close(three, one, OWN_TOLERANCE, &which);
        }
    }
}

#[test]
fn the_longest_message_is_computed_and_one_token_more_is_refused() {
    for name in TINY {
        let bundle = load(fixture(name));
        let longest = bundle.architecture().max_positions();
        for (which, mut engine) in engines(&bundle, 1) {
            let output = infer(&mut *engine, &[&vec![5; longest]]);
            let error = engine
                .infer(&RaggedBatch::from_messages([[5].as_slice(), &vec![5; longest + 1]]))
                .unwrap_err();

            assert!(output.pooled.iter().all(|value| value.is_finite()), "{name}, {which}");
            assert_eq!(
                error.to_string(),
                format!(
                    "message 1 of the batch has {} tokens, 1 to {longest} are accepted",
                    longest + 1
                )
            );
        }
    }
}

#[test]
fn a_token_outside_the_vocabulary_or_no_token_is_refused() {
    let bundle = load(fixture(TINY[0]));
    let outside = u32::try_from(bundle.architecture().vocabulary_size).unwrap();

    for (_, mut engine) in engines(&bundle, 1) {
        for (message, what) in [([outside].as_slice(), "token id"), (&[], "0 tokens")] {
            let error = engine.infer(&RaggedBatch::from_messages([message])).unwrap_err();

            assert!(matches!(error, EngineError::BadInput { index: 0, .. }));
            assert!(error.to_string().contains(what), "{error}");
        }
    }
}

#[test]
fn a_batch_without_messages_has_no_rows() {
    let bundle = load(fixture(TINY[0]));

    for (which, mut engine) in engines(&bundle, 2) {
        let output = infer(&mut *engine, &[]);

        assert_eq!(output.rows, 0, "{which}");
        assert_eq!(output.heads.len(), bundle.manifest().heads.len());
        assert!(rows(output).is_empty());
    }
}

/// How far int8 may be from f32: root mean square of the difference, in units of that of the logits.
/// The small models are random and 32 wide, so that a step of int8 is a larger part of them than of a trained one.
const INT8_TOLERANCE: f64 = 0.1;

/// Width of the small models.
const LARGEST_TINY: usize = 32;

#[test]
#[expect(clippy::print_stdout, reason = "distances, to be looked at with --nocapture")]
fn int8_is_close_to_the_reference_with_every_instruction_set() {
    for (directory, golden) in models() {
        let bundle = load(directory.clone());
        let expected = expected(&bundle, &golden);
        for (which, mut engine) in engines(&bundle, 1) {
            // Without vector instructions and hardly optimised, a message of the large model takes seconds.
            let is_slow = which == InstructionSet::Portable.name()
                && bundle.architecture().hidden_size > LARGEST_TINY;
            let every = if is_slow { 15 } else { 1 };
            let ids: Vec<&[u32]> = ids(&golden).into_iter().step_by(every).collect();
            let expected: Vec<&MessageOutput> = expected.iter().step_by(every).collect();
            let found = rows(infer(&mut *engine, &ids));

            let (mut of_difference, mut of_logits) = (0.0, 0.0);
            let heads = found.iter().flat_map(|message| &message.heads);
            let expected_heads = expected.iter().flat_map(|message| &message.heads);
            for ((_, found), (_, expected)) in heads.zip(expected_heads) {
                for (found, expected) in found.iter().zip(expected) {
                    of_difference += f64::from(found - expected).powi(2);
                    of_logits += f64::from(*expected).powi(2);
                }
            }
            let distance = (of_difference / of_logits).sqrt();
            println!("{}, {which}: {distance:.3} apart", directory.display());
            // Not `>`: NaN is not close to anything.
            assert!(distance <= INT8_TOLERANCE, "{}, {which}: {distance}", directory.display());
        }
    }
}
