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
use crate::fixtures::{
    CLASSIFIER, DEBERTA, DEBERTA_SHARDED, ELECTRA, INT8, MODERNBERT, MODERNBERT_MEAN, MULTI_HEAD,
    XLM_ROBERTA, read,
};

const INDEX: &str = "model.safetensors.index.json";
const SHARDS: [&str; 2] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

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
        (ELECTRA, "electra.embeddings_project.weight"),
        (ELECTRA, "classifier.dense.bias"),
        (DEBERTA, "deberta.embeddings.position_embeddings.weight"),
        (DEBERTA, "deberta.encoder.rel_embeddings.weight"),
        (DEBERTA, "deberta.encoder.layer.1.attention.self.pos_key_proj.weight"),
        (DEBERTA, "deberta.encoder.layer.0.attention.self.pos_query_proj.bias"),
        (DEBERTA, "deberta.encoder.conv.conv.bias"),
        (DEBERTA, "deberta.encoder.conv.LayerNorm.weight"),
        (DEBERTA, "pooler.dense.weight"),
        (MODERNBERT, "model.embeddings.norm.weight"),
        (MODERNBERT, "model.layers.1.attn_norm.weight"),
        (MODERNBERT, "model.layers.0.attn.Wqkv.weight"),
        (MODERNBERT, "model.layers.3.mlp.Wi.weight"),
        (MODERNBERT, "model.final_norm.weight"),
        (MODERNBERT, "head.norm.weight"),
        (MODERNBERT_MEAN, "model.layers.2.mlp.Wo.bias"),
        (MODERNBERT_MEAN, "head.dense.bias"),
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
fn shards_that_the_index_does_not_describe_are_refused() {
    const TENSOR: &str = "deberta.encoder.layer.2.output.dense.weight";
    let entry = format!("/weight_map/{TENSOR}");
    let outside =
        "should be a file name of letters, digits, '-', '_' and '.' that ends with .safetensors";
    for name in ["../model.safetensors", "/etc/passwd", "sub/model.safetensors", ".safetensors"] {
        assert_refused(
            DEBERTA_SHARDED,
            |copy| copy.set(INDEX, &entry, json!(name)),
            &format!("{INDEX}: field weight_map.{TENSOR} {outside}, found \"{name}\""),
        );
    }
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.set(INDEX, &entry, json!("model-00003-of-00003.safetensors")),
        &format!(" has no model-00003-of-00003.safetensors, which {INDEX} names"),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.remove(SHARDS[1]),
        &format!(" has no {}, which {INDEX} names", SHARDS[1]),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.set(INDEX, &entry, json!(SHARDS[0])),
        &format!(
            "{INDEX}: field weight_map.{TENSOR} should be \"{}\", which holds this tensor, found \"{}\"",
            SHARDS[1], SHARDS[0]
        ),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.edit_tensors_of(SHARDS[1], |tensors| drop(tensors.remove(TENSOR).unwrap())),
        &format!(
            "{INDEX}: field weight_map.{TENSOR} should be the file that holds this tensor, found \"{}\", which does not",
            SHARDS[1]
        ),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| {
            copy.edit_tensors_of(SHARDS[0], |tensors| {
                let more = tensors.values().next().unwrap().clone();
                tensors.insert("more.weight".to_owned(), more);
            });
        },
        &format!("{INDEX}: field weight_map.more.weight should be \"{}\"", SHARDS[0]),
    );
}

#[test]
fn damaged_shards_and_tensors_in_them_are_named() {
    const TENSOR: &str = "deberta.encoder.layer.2.output.dense.weight";
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.write(INDEX, b"{"),
        &format!("{INDEX} is not valid JSON: "),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.write(INDEX, b"{}"),
        &format!("{INDEX}: field weight_map should be an object, found nothing"),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.write(INDEX, br#"{"weight_map": {}}"#),
        &format!("{INDEX}: tensor deberta.embeddings.word_embeddings.weight should have type F32"),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| copy.write(SHARDS[1], &read(DEBERTA_SHARDED, SHARDS[1])[..500]),
        &format!("{} is not a sound safetensors file: ", SHARDS[1]),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| {
            copy.edit_tensors_of(SHARDS[1], |tensors| {
                let tensor = tensors.get_mut(TENSOR).unwrap();
                tensor.bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
            });
        },
        &format!(
            "{}: tensor {TENSOR} should have finite values, found infinity or NaN at 1",
            SHARDS[1]
        ),
    );
    assert_refused(
        DEBERTA_SHARDED,
        |copy| {
            copy.edit_tensors_of(SHARDS[1], |tensors| drop(tensors.remove(TENSOR).unwrap()));
            copy.edit(INDEX, |index| {
                index["weight_map"].as_object_mut().unwrap().remove(TENSOR).unwrap();
            });
        },
        &format!("{INDEX}: tensor {TENSOR} should have type F32"),
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
    let bundle = ["config.json", "signalbox.json", "tokenizer.json", "model.safetensors"];
    let bundle = bundle.map(|file| (INT8, file));
    let sharded = ["config.json", INDEX, SHARDS[0], SHARDS[1]].map(|file| (DEBERTA_SHARDED, file));
    let others =
        [DEBERTA, ELECTRA, MODERNBERT, MODERNBERT_MEAN].map(|model| (model, "config.json"));
    for (model, file) in bundle.into_iter().chain(sharded).chain(others) {
        let whole = read(model, file);
        let copy = ModelCopy::of(model);
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
