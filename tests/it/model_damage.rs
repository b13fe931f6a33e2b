//! How damaged models are refused: by file, field or tensor, what was expected and what was found.

use std::error::Error as _;

use safetensors::Dtype;
use serde_json::{Value, json};
use signalbox::engine::RaggedBatch;
use signalbox::engine::candle::CandleModel;
use signalbox::message::Truncation;
use signalbox::model::{ModelBundle, ModelError, ModelSource};
use signalbox::tokenization::TextTokenizer;

use crate::damage::{ModelCopy, StoredTensor};
use crate::fixtures::{CLASSIFIER, INT8, MULTI_HEAD, XLM_ROBERTA, read};

/// Loads bundle and tokenizer and returns the error with its causes as one text.
fn refusal(copy: &ModelCopy) -> String {
    let source = ModelSource::Directory(copy.directory().to_owned());
    let result = ModelBundle::load(&source).and_then(|bundle| TextTokenizer::from_bundle(&bundle));
    let error = result.err().map(|error| chain(&error));
    error.unwrap_or_else(|| "it was accepted".to_owned())
}

fn chain(error: &ModelError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

pub(crate) fn assert_refused(model: &str, damage: impl FnOnce(&ModelCopy), expected: &str) {
    let copy = ModelCopy::of(model);
    damage(&copy);

    let found = refusal(&copy);

    assert!(found.contains(expected), "expected an error with\n  {expected}\nfound\n  {found}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_damaged_tensor_is_named_with_what_was_expected_and_found() {
    const DENSE: &str = "encoder.layer.1.intermediate.dense.weight";
    type Damage = fn(&mut StoredTensor);
    let cases: Vec<(&str, &str, Damage, &str)> = vec![
        (
            MULTI_HEAD,
            DENSE,
            |tensor| tensor.shape = vec![32, 64],
            "model.safetensors: tensor encoder.layer.1.intermediate.dense.weight should have shape [64, 32], found [32, 64]",
        ),
        (
            MULTI_HEAD,
            DENSE,
            |tensor| tensor.dtype = Dtype::I32,
            "model.safetensors: tensor encoder.layer.1.intermediate.dense.weight should have type F32, F16, BF16, or I8 with scales, found type I32",
        ),
        (
            MULTI_HEAD,
            DENSE,
            |tensor| tensor.bytes[8..12].copy_from_slice(&f32::NAN.to_le_bytes()),
            "model.safetensors: tensor encoder.layer.1.intermediate.dense.weight should have finite values, found infinity or NaN at 2",
        ),
        (
            "tiny-bert-multihead-f16",
            DENSE,
            |tensor| tensor.bytes[2..4].copy_from_slice(&[0, 0x7c]),
            "should have finite values, found infinity or NaN at 1",
        ),
        (
            "tiny-bert-multihead-bf16",
            DENSE,
            |tensor| tensor.bytes[2..4].copy_from_slice(&[0x80, 0x7f]),
            "should have finite values, found infinity or NaN at 1",
        ),
        (
            MULTI_HEAD,
            "heads.intent.weight",
            |tensor| {
                tensor.shape[0] -= 1;
                tensor.bytes.truncate(5 * 32 * 4);
            },
            "model.safetensors: tensor heads.intent.weight should have shape [6, 32], found [5, 32]",
        ),
        (
            MULTI_HEAD,
            "embeddings.word_embeddings.weight",
            |tensor| {
                tensor.shape[0] -= 1;
                tensor.bytes.truncate(400 * 32 * 4);
            },
            "model.safetensors: tensor embeddings.word_embeddings.weight should have shape [401, 32], found [400, 32]",
        ),
        (
            INT8,
            DENSE,
            |tensor| tensor.bytes[7] = 0x80,
            "model.safetensors: tensor encoder.layer.1.intermediate.dense.weight should have integers from -127 to 127, found -128",
        ),
        (
            INT8,
            "encoder.layer.1.intermediate.dense.weight_scale",
            |tensor| {
                tensor.bytes[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes());
            },
            "model.safetensors: tensor encoder.layer.1.intermediate.dense.weight_scale should have finite scales of at least 0, found inf in row 1",
        ),
        (
            INT8,
            "encoder.layer.1.intermediate.dense.weight_scale",
            |tensor| {
                tensor.shape = vec![32];
                tensor.bytes.truncate(32 * 4);
            },
            "model.safetensors: tensor encoder.layer.1.intermediate.dense.weight_scale should have type F32 and shape [64], one scale for each row of encoder.layer.1.intermediate.dense.weight, found type F32 and shape [32]",
        ),
        (
            INT8,
            DENSE,
            |tensor| tensor.shape = vec![64 * 32],
            "model.safetensors: tensor encoder.layer.1.intermediate.dense.weight should have shape [out, in] for type I8, found [2048]",
        ),
    ];
    for (model, tensor, damage, expected) in cases {
        assert_refused(model, |copy| copy.edit_tensor(tensor, damage), expected);
    }
}

#[test]
fn an_absent_tensor_is_named() {
    for (model, name) in [
        (MULTI_HEAD, "encoder.layer.0.attention.self.query.bias"),
        (MULTI_HEAD, "heads.flags.weight"),
        (INT8, "embeddings.word_embeddings.weight_scale"),
        (CLASSIFIER, "bert.pooler.dense.weight"),
        (XLM_ROBERTA, "classifier.out_proj.bias"),
        ("tiny-distilbert-classifier", "pre_classifier.weight"),
    ] {
        assert_refused(
            model,
            |copy| copy.edit_tensors(|tensors| drop(tensors.remove(name).unwrap())),
            &format!("model.safetensors: tensor {name} should have type F32"),
        );
    }
}

#[test]
fn a_head_that_the_manifest_does_not_know_is_refused() {
    assert_refused(
        MULTI_HEAD,
        |copy| {
            copy.edit("signalbox.json", |manifest| {
                manifest["heads"].as_array_mut().unwrap().pop();
            });
        },
        "model.safetensors: tensor heads.flags.bias should have a head of that name in the manifest, found none",
    );
}

#[test]
fn damaged_files_are_refused_without_a_panic() {
    for (file, expected) in [
        ("config.json", "config.json is not valid JSON: "),
        ("signalbox.json", "signalbox.json is not valid JSON: "),
        ("tokenizer.json", "tokenizer.json is not a tokenizer that can be used: "),
        ("model.safetensors", "model.safetensors is not a sound safetensors file: "),
    ] {
        let whole = read(MULTI_HEAD, file);
        for length in [0, 1, 7, 8, 9, 100, whole.len() / 2, whole.len() - 2] {
            assert_refused(MULTI_HEAD, |copy| copy.write(file, &whole[..length]), expected);
        }
        assert_refused(MULTI_HEAD, |copy| copy.write(file, &[0xff; 64]), expected);
    }
    let long = [read(MULTI_HEAD, "model.safetensors"), vec![0]].concat();
    assert_refused(
        MULTI_HEAD,
        |copy| copy.write("model.safetensors", &long),
        "model.safetensors is not a sound safetensors file: ",
    );
}

#[test]
fn absent_files_and_other_forms_of_weights_are_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        assert_refused(MULTI_HEAD, |copy| copy.remove(file), &format!(" has no {file}"));
    }
    for (found, advice) in [
        ("pytorch_model.bin", "a pickle can run code"),
        ("tf_model.h5", "save the model from PyTorch"),
    ] {
        assert_refused(
            MULTI_HEAD,
            |copy| {
                copy.remove("model.safetensors");
                copy.write(found, b"{}");
            },
            &format!("has no model.safetensors, and {found} is not read: {advice}"),
        );
    }
    assert_refused(
        MULTI_HEAD,
        |copy| {
            copy.remove("config.json");
            std::fs::create_dir(copy.path("config.json")).unwrap();
        },
        "config.json cannot be read: not a regular file",
    );
}

#[test]
fn oversized_files_are_refused_before_they_are_parsed() {
    for (file, limit) in
        [("config.json", 1 << 20), ("signalbox.json", 1 << 20), ("tokenizer.json", 64 << 20)]
    {
        assert_refused(
            MULTI_HEAD,
            |copy| copy.write(file, &vec![b' '; limit + 1]),
            &format!("{file} has more than {limit} bytes"),
        );
    }
}

#[test]
fn a_file_that_the_manifest_was_not_written_for_is_refused() {
    let declared: Value = serde_json::from_slice(&read(MULTI_HEAD, "signalbox.json")).unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let digest = declared["files"][file].as_str().unwrap();
        assert_refused(
            MULTI_HEAD,
            |copy| {
                copy.set("signalbox.json", "/files", declared["files"].clone());
                let mut bytes = read(MULTI_HEAD, file);
                bytes.push(b'\n');
                copy.write(file, &bytes);
            },
            &format!("{file} should have digest {digest}, found sha256:"),
        );
    }
}

#[test]
fn a_vocabulary_larger_than_the_embeddings_is_refused() {
    let shrink = |copy: &ModelCopy| {
        copy.set("config.json", "/vocab_size", json!(400));
        copy.edit_tensor("embeddings.word_embeddings.weight", |tensor| {
            tensor.shape[0] = 400;
            tensor.bytes.truncate(400 * 32 * 4);
        });
    };
    assert_refused(
        MULTI_HEAD,
        shrink,
        "tokenizer.json: field model.vocab should be ids below the 400 rows of the word embeddings, found id 400",
    );
}

#[test]
fn no_flipped_byte_makes_anything_panic() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for file in ["config.json", "signalbox.json", "tokenizer.json", "model.safetensors"] {
        let whole = read(INT8, file);
        let copy = ModelCopy::of(INT8);
        for _ in 0..60 {
            let mut bytes = whole.clone();
            // Half of the flips go to the first bytes: headers and settings.
            let end = if random(2) == 0 { whole.len().min(3_000) } else { whole.len() };
            bytes[random(end)] ^= 1 << random(8);
            copy.write(file, &bytes);

            use_model(&copy);
        }
    }
}

/// Loads a model and computes with it, as far as it goes.
fn use_model(copy: &ModelCopy) {
    let source = ModelSource::Directory(copy.directory().to_owned());
    let Ok(bundle) = ModelBundle::load(&source) else {
        return;
    };
    let Ok(tokenizer) = TextTokenizer::from_bundle(&bundle) else {
        return;
    };
    let text = "Where is my order 4711? ü 我的订单";
    if let Ok(tokenized) = tokenizer.tokenize(text, Truncation::HeadTail) {
        let mut engine = CandleModel::load(&bundle).unwrap().replica(1).unwrap();
        let batch = RaggedBatch::from_messages([tokenized.input_ids.as_slice()]);
        // Weights may have become absurd, which the reader of the logits notices.
        drop(engine.infer(&batch));
    }
}
