//! `signalbox train`: from a few examples to a model that serves new labels.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::binary::{json_lines, run, signalbox, tiny};
use crate::fixtures::{CLASSIFIER, INT8, MULTI_HEAD, fixture};

const OLD: [&str; 6] = [
    "order.status",
    "order.cancel",
    "return.request",
    "refund.status",
    "item.damaged",
    "feedback.praise",
];

/// Sentences about two things that no label of the small model means, each ten times in other words.
fn records() -> Vec<Value> {
    let openings = [
        "Hello,",
        "Good day,",
        "Sorry,",
        "Please,",
        "Well,",
        "Hi there,",
        "Listen,",
        "OK,",
        "Again,",
        "So,",
    ];
    let of = |opening: &str, intent: &str, words: &str, flags: Value| json!({"text": format!("{opening} {words}"), "lang": "en", "intents": [intent], "flags": flags});
    openings
        .iter()
        .flat_map(|opening| {
            [
                of(opening, "warranty.claim", "!!!! ?!?! !!!! ?!?! !!!! ?!", json!(["vip"])),
                of(opening, "gift.card", "1234 5678 9999 0000 7777", json!([])),
            ]
        })
        .collect()
}

/// Messages of what the small model knows.
fn kept() -> Vec<Value> {
    [
        ("Where is my order 30-771?", "order.status"),
        ("Wo bleibt meine Bestellung?", "order.status"),
        ("Please cancel it", "order.cancel"),
        ("Ich möchte stornieren", "order.cancel"),
        ("I want to send everything back", "return.request"),
        ("İade etmek istiyorum", "return.request"),
        ("I want my money back NOW", "refund.status"),
        ("Wann kommt mein Geld?", "refund.status"),
        ("Die Tasse ist kaputt angekommen", "item.damaged"),
        ("The cup arrived broken", "item.damaged"),
        ("Thank you, great shop!", "feedback.praise"),
        ("Alles super, danke", "feedback.praise"),
    ]
    .map(|(text, intent)| json!({"text": text, "lang": "en", "intents": [intent], "flags": []}))
    .to_vec()
}

struct Workplace(tempfile::TempDir);

impl Workplace {
    fn new() -> Self {
        let workplace = Self(tempfile::tempdir().unwrap());
        workplace.write("data.jsonl", &records());
        workplace.write("keep.jsonl", &kept());
        workplace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, records: &[Value]) {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(self.path(name), lines).unwrap();
    }

    /// Runs in its folder, so that paths are the same in every test.
    fn train(&self, arguments: &[&str]) -> (i32, String, String) {
        run(signalbox(&["train"]).args(arguments).current_dir(self.0.path()))
    }

    fn manifest(&self, model: &str) -> Value {
        let bytes = std::fs::read(self.path(model).join("signalbox.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn classify(&self, model: &str, text: &str) -> Value {
        let model = self.path(model).display().to_string();
        let (code, out, err) = run(&mut signalbox(&["classify", "--model", &model, text]));
        assert_eq!(code, 0, "{err}");
        json_lines(&out).remove(0)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn tensors(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(directory.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect()
}

#[test]
fn new_labels_join_those_of_the_model_which_stay_to_the_bit() {
    for base in [MULTI_HEAD, INT8] {
        let work = Workplace::new();
        let base = fixture(base);
        let base_text = base.display().to_string();

        let (code, out, err) = work.train(&[
            "--data",
            "data.jsonl",
            "--keep",
            "keep.jsonl",
            "--base",
            &base_text,
            "--out",
            "mine",
        ]);

        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.contains("warranty.claim") && out.contains("12 messages kept"), "{out}");
        let manifest = work.manifest("mine");
        assert_eq!((&manifest["name"], &manifest["version"]), (&json!("mine"), &json!("1")));
        let labels = [&OLD[..], &["warranty.claim", "gift.card"]].concat();
        assert_eq!(manifest["heads"][0]["labels"], json!(labels));
        assert_eq!(manifest["heads"][1]["labels"], json!(labels));
        assert_eq!(manifest["heads"][1]["thresholds"].as_array().unwrap().len(), 8);
        assert_eq!(manifest["heads"][1]["thresholds"][3], json!(0.6), "as it was");
        assert_eq!(manifest["heads"][3]["labels"][4], "vip");

        let (before, after) = (tensors(&base), tensors(&work.path("mine")));
        assert_eq!(before.len(), after.len());
        for (name, old) in &before {
            let new = &after[name];
            assert_eq!(new[..old.len()], old[..], "{name}");
            let grows = name.starts_with("heads.") && !name.contains("polarity");
            assert_eq!(new.len() > old.len(), grows, "{name}");
        }

        let model = work.path("mine").display().to_string();
        let (code, out, _) = run(&mut signalbox(&["model", "verify", &model]));
        assert_eq!((code, out.contains("passes 2 self-checks")), (0, true), "{out}");
        let claim = work.classify("mine", "Oh, !!!! ?!?! !!!! ?!?! !!!! ?!");
        assert_eq!(claim["intents"][0]["name"], "warranty.claim", "{claim}");
        let files = work.files();
        assert_eq!(files, ["data.jsonl", "keep.jsonl", "mine"], "nothing else is left");
    }
}

#[test]
fn labels_of_the_examples_can_take_the_place_of_the_models() {
    let work = Workplace::new();

    let (code, out, err) =
        work.train(&["--data", "data.jsonl", "--base", &tiny(), "--out", "mine", "--only"]);

    assert_eq!((code, err.as_str()), (0, ""));
    let manifest = work.manifest("mine");
    assert_eq!(manifest["heads"][0]["labels"], json!(["warranty.claim", "gift.card"]));
    assert_eq!(manifest["heads"][2]["labels"].as_array().unwrap().len(), 5, "polarity stays");
    assert_eq!(manifest["heads"][3]["labels"], json!(["vip"]));
    assert!(!out.contains("were there before"), "{out}");
    let taxonomy = std::fs::read_to_string(work.path("mine/taxonomy.yaml")).unwrap();
    assert!(taxonomy.contains("warranty.claim:") && !taxonomy.contains("order.status"));
    for (text, intent) in [
        ("Oh, !!!! ?!?! !!!! ?!?! !!!! ?!", "warranty.claim"),
        ("Oh, 1234 5678 9999 0000 7777", "gift.card"),
    ] {
        let answer = work.classify("mine", text);
        assert_eq!(answer["intents"][0]["name"], intent, "{answer}");
    }
}

#[test]
fn report_has_figures_and_warnings_and_no_text() {
    let work = Workplace::new();
    let mut records = records();
    records.push(json!({"text": "Hello, !!!! ?!?! !!!! ?!?! !!!! ?!", "lang": "en", "intents": ["gift.card"]}));
    for text in ["few words one", "few words two", "few words three"] {
        records.push(json!({"text": text, "lang": "en", "intents": ["tiny.label"]}));
    }
    work.write("data.jsonl", &records);
    let base = tiny();
    let arguments = ["--data", "data.jsonl", "--base", &base];

    let keep: &[&str] = &["--keep", "keep.jsonl"];
    for (out, report, keep) in [("a", "report.json", keep), ("b", "report.html", &[])] {
        let more = ["--out", out, "--report", report];
        let (code, _, err) = work.train(&[&arguments[..], &more, keep].concat());
        assert_eq!((code, err.as_str()), (0, ""));
    }

    let json = std::fs::read_to_string(work.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["schema"], "signalbox.adaptation");
    assert_eq!((&report["examples"], &report["kept"]), (&json!(24), &json!(12)));
    let claim = &report["intents"][0];
    assert_eq!((&claim["label"], &claim["role"]), (&json!("warranty.claim"), &json!("new")));
    assert!(OLD.contains(&claim["read_before_as"][0].as_str().unwrap()), "{claim}");
    assert!(claim["f1"].as_f64().unwrap() > 0.5, "{claim}");
    assert_eq!(report["existing"]["messages"], 12);
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("data.jsonl: line 1"), "{warnings}");
    assert!(warnings.contains("line 21") && warnings.contains("say the same"), "{warnings}");
    assert!(warnings.contains("tiny.label") && warnings.contains("has 3 examples"), "{warnings}");
    let html = std::fs::read_to_string(work.path("report.html")).unwrap();
    assert!(html.contains("warranty.claim") && html.contains("What it costs the others"));
    assert!(html.contains("450 messages kept in mind"), "those inside the program");
    let card = std::fs::read_to_string(work.path("a/MODEL_CARD.md")).unwrap();
    assert!(card.contains("| `gift.card` | new | 11 |"), "{card}");
    for text in [&json, &html, &card] {
        assert!(!text.contains("?!?!") && !text.contains("few words"), "no texts");
    }
}

#[test]
fn same_examples_give_the_same_model() {
    let work = Workplace::new();
    for out in ["a", "b"] {
        let (code, _, err) = work.train(&[
            "--data",
            "data.jsonl",
            "--keep",
            "keep.jsonl",
            "--base",
            &tiny(),
            "--out",
            out,
            "--name",
            "same",
            "--model-version",
            "7",
        ]);
        assert_eq!((code, err.as_str()), (0, ""));
    }

    for file in ["model.safetensors", "signalbox.json", "taxonomy.yaml", "MODEL_CARD.md"] {
        let read = |out: &str| std::fs::read(work.path(out).join(file)).unwrap();
        assert!(read("a") == read("b"), "{file}");
    }
    assert_eq!(work.manifest("a")["version"], "7");
}

#[test]
fn known_labels_with_enough_examples_are_adjusted() {
    let work = Workplace::new();
    let mut records = records();
    for record in &mut records {
        record["intents"] = json!(["feedback.praise"]);
        record["flags"] = Value::Null;
    }
    work.write("data.jsonl", &records);
    work.write("keep.jsonl", &[
        json!({"text": "Where is my order?", "lang": "en", "intents": ["order.status"]}),
        json!({"text": "Please cancel it", "lang": "en", "intents": ["order.cancel"], "flags": []}),
    ]);

    let (code, out, err) = work.train(&[
        "--data",
        "data.jsonl",
        "--base",
        &tiny(),
        "--out",
        "mine",
        "--keep",
        "keep.jsonl",
    ]);

    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("adjusted") && out.contains("2 messages kept in mind"), "{out}");
    assert!(!work.path("mine/taxonomy.yaml").exists(), "no label is new");
    assert_eq!(work.manifest("mine")["heads"][0]["labels"], json!(OLD));
    let (before, after) = (tensors(&fixture(MULTI_HEAD)), tensors(&work.path("mine")));
    for (name, old) in &before {
        let new = &after[name];
        let row = old.len() / 6;
        if name == "heads.primary.weight" || name == "heads.intent.weight" {
            assert_eq!(new[..5 * row], old[..5 * row], "{name}: rows of other labels");
            assert_ne!(new[5 * row..], old[5 * row..], "{name}: the row of the label");
        } else if !name.ends_with("primary.bias") && !name.ends_with("intent.bias") {
            assert_eq!(new, old, "{name}");
        }
    }
    let answer = work.classify("mine", "Oh, !!!! ?!?! !!!! ?!?! !!!! ?!");
    assert_eq!(answer["intents"][0]["name"], "feedback.praise", "{answer}");
}

#[test]
fn texts_can_be_left_out_of_the_model() {
    let work = Workplace::new();

    let (code, _, _) = work.train(&[
        "--data",
        "data.jsonl",
        "--keep",
        "keep.jsonl",
        "--base",
        &tiny(),
        "--out",
        "mine",
        "--no-texts",
    ]);

    assert_eq!(code, 0);
    for entry in std::fs::read_dir(work.path("mine")).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let is_vocabulary = path.ends_with("tokenizer.json");
        assert!(is_vocabulary || !text.contains("?!?!"), "{}", path.display());
    }
}

#[test]
fn faults_name_line_field_and_value_and_leave_nothing_behind() {
    let with = |more: Value| {
        let mut all = records();
        all.push(more);
        all
    };
    let record = |intents: Value| json!({"text": "secret", "lang": "en", "intents": intents});
    let cases: Vec<(Vec<Value>, &[&str], &str)> = vec![
        (
            with(record(json!(["order.staus"]))),
            &[],
            "data.jsonl: line 21: intent \"order.staus\" is new and has 1 example(s), 3 are needed at least (did you mean \
             \"order.status\"?)",
        ),
        (with(record(json!([]))), &[], "line 21: intents is empty"),
        (with(json!({"text": "secret", "lang": "en"})), &[], "line 21: intents is missing"),
        (with(record(json!([7]))), &[], "line 21: intents[0] has the wrong type"),
        (with(record(json!([" order"]))), &[], "intent \" order\" is no label"),
        (
            with(record(json!(["where-is-my-order"]))),
            &[],
            "\"where-is-my-order\" is another name of \"order.status\"",
        ),
        (
            with(json!({"text": " \u{200b}\n", "lang": "en", "intents": ["gift.card"]})),
            &[],
            "data.jsonl: line 21: text is empty once it is cleaned",
        ),
        (vec![record(json!(["order.status"]))], &[], "there is nothing to learn"),
        (vec![record(json!(["order.status"])); 9], &["--only"], "there is one intent"),
        (records(), &["--report", "report.txt"], "has to end in .json or .html"),
        (records(), &["--report", "data.jsonl/x.json"], "is to lie in none"),
        (records(), &["--name", ""], "--name has 0 characters"),
        (records(), &["--keep", "none.jsonl"], "can't read none.jsonl"),
    ];
    for (records, more, expected) in cases {
        let work = Workplace::new();
        work.write("data.jsonl", &records);
        let base = tiny();
        let arguments = ["--data", "data.jsonl", "--base", &base, "--out", "mine"];

        let (code, out, err) = work.train(&[&arguments[..], more].concat());

        assert_eq!((code, out.as_str()), (1, ""), "{expected}");
        assert!(err.contains(expected) && !err.contains("secret"), "{expected}\n{err}");
        assert_eq!(work.files(), ["data.jsonl", "keep.jsonl"], "{expected}");
    }
}

#[test]
fn what_can_not_be_adapted_or_overwritten_is_refused() {
    let work = Workplace::new();
    let plain = fixture(CLASSIFIER).display().to_string();

    let (code, _, err) = work.train(&["--data", "data.jsonl", "--base", &plain, "--out", "mine"]);
    assert_eq!((code, err.contains("has no signalbox.json")), (1, true), "{err}");

    std::fs::create_dir(work.path("mine")).unwrap();
    let (code, _, err) = work.train(&["--data", "data.jsonl", "--base", &tiny(), "--out", "mine"]);
    assert_eq!((code, err.contains("mine is there already")), (1, true), "{err}");

    let (code, _, err) =
        work.train(&["--data", "data.jsonl", "--out", "x", "--only", "--keep", "data.jsonl"]);
    assert_eq!((code, err.contains("--keep")), (2, true), "{err}");
}
