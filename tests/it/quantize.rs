//! `signalbox model quantize`: the same bytes as `training/quantize.py`, or a refusal that says why.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use signalbox::model::{ModelBundle, ModelSource};

use crate::binary::{run, signalbox};
use crate::damage::{ModelCopy, StoredTensor};
use crate::fixtures::{DEBERTA, INT8, MODERNBERT, MULTI_HEAD, TINY, fixture, read};

const INDEX: &str = "model.safetensors.index.json";

/// SHA-256 of the weights that `training/quantize.py` writes for small models.
const EXPECTED: [(&str, &str); 7] = [
    (TINY[1], "fb3ca08b8a8412eb2ddba10b5bfcc5f6db0b67511550fb0f1e9a2d799f7867df"),
    (TINY[2], "5216cfda0a0be4b3709d8af8b82260ac21fa83beb04e2ed9feb7b08f3d4a942f"),
    (TINY[4], "ddd9db6741a8f49ce9f49c7b5c291792870c3c98897d5fd27a5a8f80315e197f"),
    (TINY[5], "431e4d4f160dd36c6beaafed0c6da90b26ee7b5dc25ed0f0de2e2533c9653668"),
    (TINY[6], "135ac732dd4593d84ba93e8e2f58209d880f402e5397e404870fd052f02ef931"),
    (TINY[7], "520e43c5d76f88a44092492b8995825ca1c031821d4d75e9a48c642c102d0eee"),
    (TINY[8], "4114e5fa0b26a3d5db98e21a7181d57fc754ca22318b621c8183014d7d869649"),
];

fn quantize(source: &Path, target: &Path, more: &[&str]) -> (i32, String, String) {
    run(signalbox(&["model", "quantize"]).arg(source).arg(target).args(more))
}

fn weights(directory: &Path) -> Vec<u8> {
    std::fs::read(directory.join("model.safetensors")).unwrap()
}

#[test]
fn weights_are_those_of_the_reference_to_the_byte() {
    let work = tempfile::tempdir().unwrap();

    for (name, expected) in EXPECTED {
        let target = work.path().join(name);

        let (code, _, err) = quantize(&fixture(name), &target, &[]);

        assert_eq!((code, err.as_str()), (0, ""), "{name}");
        assert_eq!(format!("{:x}", Sha256::digest(weights(&target))), expected, "{name}");
    }
}

#[test]
fn bundle_is_that_of_the_reference_with_its_digests() {
    let work = tempfile::tempdir().unwrap();
    let target = work.path().join("sub/int8");

    let (code, out, err) =
        quantize(&fixture(MULTI_HEAD), &target, &["--name", INT8, "--model-version", "2026.11.1"]);

    assert_eq!((code, err.as_str()), (0, ""));
    assert!(weights(&target) == read(INT8, "model.safetensors"));
    let load = |directory: &Path| {
        ModelBundle::load(&ModelSource::Directory(directory.to_owned())).unwrap()
    };
    let (written, reference) = (load(&target), load(&fixture(INT8)));
    assert_eq!(written.manifest(), reference.manifest());
    assert_eq!(written.digests().weights, reference.digests().weights);
    assert!(out.contains(&written.digests().model), "{out}");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(target.join("signalbox.json")).unwrap()).unwrap();
    assert_eq!(manifest["files"].as_object().unwrap().len(), 3);
    let left: Vec<_> = std::fs::read_dir(work.path().join("sub")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing lies beside it");
}

#[test]
fn shards_become_one_file_of_the_same_bytes() {
    let copy = ModelCopy::of(MULTI_HEAD);
    split_in_two(&copy);
    let work = tempfile::tempdir().unwrap();
    let target = work.path().join("int8");

    let (code, _, err) = quantize(copy.directory(), &target, &[]);

    assert_eq!((code, err.as_str()), (0, ""));
    assert!(weights(&target) == read(INT8, "model.safetensors"));
    assert!(!target.join(INDEX).exists());
}

/// Puts the tensors of a model into two files with an index.
fn split_in_two(copy: &ModelCopy) {
    const SHARDS: [&str; 2] =
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let mut files: BTreeMap<String, &str> = BTreeMap::new();
    for (number, shard) in SHARDS.into_iter().enumerate() {
        copy.write(shard, &read(MULTI_HEAD, "model.safetensors"));
        copy.edit_tensors_of(shard, |tensors: &mut BTreeMap<String, StoredTensor>| {
            let mut index = 0;
            tensors.retain(|name, _| {
                index += 1;
                let stays = index % 2 == number;
                if stays {
                    files.insert(name.clone(), shard);
                }
                stays
            });
        });
    }
    copy.remove("model.safetensors");
    copy.write(INDEX, json!({"weight_map": files}).to_string().as_bytes());
}

#[test]
fn both_forms_are_compared_on_messages() {
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data.jsonl");
    let lines = ["Where is my order?", "", "Ich will mein Geld zurück!", "siparişim nerede"]
        .map(|text| format!("{}\n", json!({"text": text, "else": 1})));
    std::fs::write(&data, lines.concat()).unwrap();
    let data = data.display().to_string();

    let (code, out, _) =
        quantize(&fixture(MULTI_HEAD), &work.path().join("int8"), &["--data", &data, "--json"]);

    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    assert!(report["bytes_after"].as_u64() < report["bytes_before"].as_u64());
    let comparison = &report["comparison"];
    assert_eq!((&comparison["messages"], &comparison["empty"]), (&json!(3), &json!(1)));
    assert_eq!(comparison["engine_before"], "candle");
    assert_eq!(comparison["engine_after"], "cpu");
    for head in comparison["heads"].as_array().unwrap() {
        let number = |field: &str| head[field].as_f64().unwrap();
        assert!(number("mean_difference") > 0.0, "{head}");
        assert!(number("largest_difference") >= number("mean_difference"), "{head}");
        assert!(number("largest_difference") < 0.5, "{head}");
        assert!((0.0..=1.0).contains(&number("same_leading")), "{head}");
    }

    let (code, out, _) =
        quantize(&fixture(MULTI_HEAD), &work.path().join("again"), &["--data", &data]);

    assert_eq!(code, 0);
    assert!(out.contains("same leading label") && out.contains("polarity"), "{out}");
}

#[test]
fn what_can_not_be_quantised_is_refused_and_leaves_nothing_behind() {
    let work = tempfile::tempdir().unwrap();
    let target = work.path().join("int8");
    for (name, reason) in [
        (DEBERTA, "has other blocks than BERT"),
        (MODERNBERT, "has other blocks than BERT"),
        (INT8, "is int8 already"),
    ] {
        let (code, out, err) = quantize(&fixture(name), &target, &[]);

        assert_eq!((code, out.as_str()), (1, ""), "{name}");
        assert!(err.contains(reason) && err.contains(name), "{err}");
    }

    let (_, _, err) = quantize(&fixture(TINY[4]), &target, &["--name", "mine"]);
    assert!(err.contains("no signalbox.json"), "{err}");
    let (_, _, err) = quantize(&fixture(MULTI_HEAD), work.path(), &[]);
    assert!(err.contains("is there already"), "{err}");
    let (_, _, err) = quantize(&fixture(MULTI_HEAD), &target, &["--name", ""]);
    assert!(err.contains("--name has 0 characters"), "{err}");
    let bad = work.path().join("bad.jsonl");
    std::fs::write(&bad, "{\"text\": \"a\"}\n{\"txt\": \"secret\"}\n").unwrap();
    let bad = bad.display().to_string();
    let (_, _, err) = quantize(&fixture(MULTI_HEAD), &target, &["--data", &bad]);
    assert!(err.contains("line 2") && err.contains("\"text\"") && !err.contains("secret"), "{err}");

    let left: Vec<_> = std::fs::read_dir(work.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left.len(), 1, "only the messages: {left:?}");
}
