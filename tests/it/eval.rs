//! `signalbox eval`: from labelled messages to reports.

use std::collections::HashSet;
use std::path::PathBuf;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use serde_json::{Value, json};

use crate::binary::{json_lines, run, signalbox, tiny};
use crate::fixtures::{INT8, XLM_ROBERTA, fixture};

/// A text that must never be markup.
const SCRIPT: &str = "<script>alert('x')</script> & <img src=http://evil.example/x.png>";

/// Figures that every part has.
const FIGURES: [&str; 17] = [
    "n",
    "primary_accuracy",
    "primary_top3",
    "group_accuracy",
    "intents_micro_f1",
    "intents_macro_f1",
    "polarity3_accuracy",
    "polarity5_accuracy",
    "polarity_within1",
    "polarity_qwk",
    "flags_micro_f1",
    "flags_macro_f1",
    "ece",
    "coverage90_accuracy",
    "abstained",
    "accuracy_when_answered",
    "out_of_scope_auroc",
];

/// Labelled messages of three languages that the small model knows.
fn records() -> Vec<Value> {
    let texts = [
        ("en", "Where is my order 30-771? It should have come on Monday."),
        ("en", SCRIPT),
        ("en", "Please cancel it"),
        ("en", "I want my money back NOW, this is the third time I write!"),
        ("de", "Wo bleibt meine Bestellung? Größe 42, über DHL."),
        ("de", "Ich möchte alles zurückschicken"),
        ("de", "Die Tasse ist kaputt angekommen"),
        ("tr", "Siparişim nerede?"),
        ("tr", "İade etmek istiyorum, ürün kırık geldi"),
        ("en", ""),
    ];
    let intents = [
        "order.status",
        "order.cancel",
        "return.request",
        "refund.status",
        "item.damaged",
        "feedback.praise",
    ];
    let steps = ["very_negative", "negative", "neutral", "positive", "very_positive"];
    let flags = ["angry", "promoter", "urgent", "repeat_contact"];
    let channels = ["chat", "email"];
    (0..40)
        .map(|index| {
            let (lang, text) = texts[index % texts.len()];
            let mut record = json!({
                "text": text, "lang": lang, "intents": [intents[index % 6]],
                "channel": channels[index % 2], "batch": "b1",
            });
            if index % 4 > 0 {
                record["polarity"] = steps[index % 5].into();
                record["flags"] = json!([flags[index % 4]]);
                record["intents"] = json!([intents[index % 6], intents[(index + 2) % 6]]);
            }
            record
        })
        .collect()
}

/// The same with more in every text, so that whatever is shown shows it.
fn records_with(text: &str) -> Vec<Value> {
    let mut records = records();
    for record in &mut records {
        record["text"] = format!("{} {text}", record["text"].as_str().unwrap()).into();
    }
    records
}

struct Workplace(tempfile::TempDir);

impl Workplace {
    fn new() -> Self {
        let workplace = Self(tempfile::tempdir().unwrap());
        workplace.write("data.jsonl", &records());
        workplace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, records: &[Value]) {
        let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
        std::fs::write(self.path(name), lines).unwrap();
    }

    /// Runs in its folder, so that paths in reports are the same in every test.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let quick: &[&str] =
            if arguments.contains(&"--bootstrap") { &[] } else { &["--bootstrap", "20"] };
        run(signalbox(&["eval"]).args(arguments).args(quick).current_dir(self.0.path()))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }
}

#[test]
fn report_has_every_figure_for_every_part() {
    let work = Workplace::new();

    let (code, out, err) = work.run(&["data.jsonl", "--model", &tiny(), "--json", "out.json"]);

    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("Primary intent right") && out.contains("40 messages"), "{out}");
    let report = work.json("out.json");
    assert_eq!(
        (&report["schema"], &report["version"]),
        (&json!("signalbox.evaluation"), &json!(1))
    );
    assert_eq!(report["program"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["model"]["name"], "tiny-bert-multihead");
    assert!(report["model"]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(
        (&report["data"][0]["records"], &report["data"][0]["rejected"]),
        (&json!(40), &json!(0))
    );
    assert_eq!(report["data"][0]["sha256"].as_str().unwrap().len(), 64);
    let languages = report["by_language"].as_object().unwrap();
    assert_eq!(languages.keys().collect::<Vec<_>>(), ["de", "en", "tr"]);
    for part in languages.values().chain([&report["overall"]]) {
        for figure in FIGURES {
            assert!(part.get(figure).is_some(), "{figure} is missing");
        }
        let [low, value, high] = [
            &part["intervals"]["primary_top3"][0],
            &part["primary_top3"],
            &part["intervals"]["primary_top3"][1],
        ]
        .map(|number| number.as_f64().unwrap());
        assert!(low <= value && value <= high, "{low} {value} {high}");
    }
    let overall = &report["overall"];
    assert_eq!(
        (&overall["n"], &overall["n_polarity"], &overall["n_flags"]),
        (&json!(40), &json!(30), &json!(30))
    );
    assert_eq!(overall["out_of_scope_auroc"], Value::Null, "the small model has no such label");
    assert_eq!(report["abstentions"]["empty"], 4);
    assert_eq!(report["intents"].as_array().unwrap().len(), 6);
    assert_eq!(report["flags"][0]["label"], "angry");
    assert_eq!(report["polarity"]["confusion"].as_array().unwrap().len(), 5);
    assert_eq!(report["reliability"]["primary"]["bins"].as_array().unwrap().len(), 15);
    assert_eq!(report["coverage"].as_array().unwrap().len(), 100);
    for key in [
        "macro_language",
        "by_channel",
        "by_length",
        "confusion",
        "worst_confusions",
        "confident_errors",
    ] {
        assert!(report.get(key).is_some(), "{key} is missing");
    }
    assert!(report.get("robustness").is_none() && report.get("comparison").is_none());
}

#[test]
fn figures_are_those_of_what_classify_answers() {
    let work = Workplace::new();

    work.run(&["data.jsonl", "--model", &tiny(), "--json", "out.json"]);
    let (_, out, _) = run(signalbox(&["classify", "--model", &tiny(), "--input", "data.jsonl"])
        .current_dir(work.0.path()));

    let answers = json_lines(&out);
    let right = records()
        .iter()
        .zip(&answers)
        .filter(|(record, answer)| answer["primary_intent"]["name"] == record["intents"][0])
        .count();
    let steps = records()
        .iter()
        .zip(&answers)
        .filter(|(record, answer)| {
            record.get("polarity").is_some_and(|step| *step == answer["polarity"]["label"])
        })
        .count();
    let abstained = answers.iter().filter(|answer| answer.get("abstention").is_some()).count();
    let report = work.json("out.json");
    let figure = |name: &str| report["overall"][name].as_f64().unwrap();
    assert!((figure("primary_accuracy") - right as f64 / 40.0).abs() < 1e-6);
    assert!((figure("polarity5_accuracy") - steps as f64 / 30.0).abs() < 1e-6);
    assert!((figure("abstained") - abstained as f64 / 40.0).abs() < 1e-6);
}

#[test]
fn reports_are_the_same_every_time_and_depend_on_the_seed() {
    let work = Workplace::new();
    let report = |name: &str, seed: &str| {
        let (json, html) = (format!("{name}.json"), format!("{name}.html"));
        let (code, out, _) = work.run(&[
            "data.jsonl",
            "--model",
            &tiny(),
            "--robustness",
            "--seed",
            seed,
            "--json",
            &json,
            "--html",
            &html,
        ]);
        assert_eq!(code, 0);
        (out, work.read(&json), work.read(&html))
    };

    let (first, again, other) = (report("a", "7"), report("b", "7"), report("c", "8"));

    assert!(first == again, "the same input gave other reports");
    assert_ne!(first.1, other.1);
}

#[test]
fn bad_records_are_told_with_line_and_field_and_left_out() {
    let work = Workplace::new();
    let mut lines = records()[..3].to_vec();
    lines[1]["intents"] = json!(["order.staus"]);
    lines.push(json!({"text": "secret words", "lang": "en"}));
    lines.push(json!({"text": "secret words", "lang": "en", "intents": ["order.status"], "flags": ["angri"]}));
    work.write("bad.jsonl", &lines);

    let (code, out, err) = work.run(&["bad.jsonl", "--model", &tiny(), "--json", "out.json"]);

    assert_eq!(code, 3);
    assert!(err.contains("bad.jsonl: line 2: intents[0] is \"order.staus\""), "{err}");
    assert!(err.contains("did you mean \"order.status\"?"), "{err}");
    assert!(err.contains("line 4: intents is missing") && err.contains("\"angry\""), "{err}");
    assert!(err.contains("3 of 5 records were left out") && !err.contains("secret"), "{err}");
    assert!(out.contains("2 messages"), "{out}");
    let data = &work.json("out.json")["data"][0];
    assert_eq!((&data["records"], &data["rejected"]), (&json!(2), &json!(3)));
}

#[test]
fn nothing_to_evaluate_leaves_no_report() {
    let work = Workplace::new();
    work.write("bad.jsonl", &[json!({"text": "a"})]);
    work.write("empty.jsonl", &[]);
    let status = |data: &str| {
        let (code, out, err) = work.run(&[data, "--model", &tiny(), "--json", "out.json"]);
        assert!(!work.path("out.json").exists() && out.is_empty());
        (code, err)
    };

    assert_eq!(status("bad.jsonl").0, 3);
    let (code, err) = status("empty.jsonl");
    assert!(code == 1 && err.contains("no record in empty.jsonl"), "{err}");
    let (code, err) = status("nowhere.jsonl");
    assert!(code == 1 && err.contains("nowhere.jsonl"), "{err}");
}

#[test]
fn model_compared_with_itself_differs_in_nothing() {
    let work = Workplace::new();

    let (code, out, err) =
        work.run(&["data.jsonl", "--compare", &tiny(), &tiny(), "--json", "out.json"]);

    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("McNemar"), "{out}");
    let report = work.json("out.json");
    assert_eq!(report["compared"]["model"], report["model"]);
    let comparison = &report["comparison"];
    let languages = comparison["by_language"].as_object().unwrap().values();
    let labels =
        ["intents", "flags"].into_iter().flat_map(|kind| comparison[kind].as_array().unwrap());
    let parts = languages.chain([&comparison["overall"], &comparison["macro_language"]]);
    let mut changes = 0;
    for change in parts.flat_map(|part| part.as_object().unwrap().values()).chain(labels) {
        let difference = &change["difference"];
        assert!(difference.is_null() || *difference == json!(0.0), "{change}");
        if let Some(interval) = change.get("interval") {
            assert_eq!((interval, &change["p"]), (&json!([0.0, 0.0]), &json!(1.0)));
            changes += 1;
        }
    }
    assert!(changes > 50, "{changes}");
    assert_eq!(comparison["primary_changed"], 0.0);
    assert_eq!(
        (&comparison["mcnemar"]["p"], &comparison["only_first_right"]["count"]),
        (&json!(1.0), &json!(0))
    );
}

#[test]
fn models_are_compared_message_by_message() {
    let work = Workplace::new();
    let int8 = fixture(INT8).display().to_string();

    let (code, ..) = work.run(&[
        "data.jsonl",
        "--model",
        &tiny(),
        "--compare",
        &int8,
        "--json",
        "out.json",
        "--html",
        "out.html",
    ]);

    assert_eq!(code, 0);
    let report = work.json("out.json");
    assert_eq!(report["compared"]["model"]["name"], INT8);
    let test = &report["comparison"]["mcnemar"];
    let cells = ["both_right", "only_first_right", "only_second_right", "neither_right"];
    assert_eq!(cells.map(|cell| test[cell].as_u64().unwrap()).iter().sum::<u64>(), 40);
    well_formed(&work.read("out.html"));
}

#[test]
fn comparison_that_can_not_be_made_is_refused() {
    let work = Workplace::new();
    let other = fixture(XLM_ROBERTA).display().to_string();

    let (code, _, err) = work.run(&["data.jsonl", "--compare", &tiny(), &other]);
    assert!(code == 1 && err.contains("different labels"), "{err}");
    let (code, _, err) =
        work.run(&["data.jsonl", "--model", &tiny(), "--compare", &tiny(), &other]);
    assert!(code == 1 && err.contains("leave --model out"), "{err}");
    let (code, _, err) = work.run(&["data.jsonl", "--model", &tiny(), "--model", &other]);
    assert!(code == 1 && err.contains("2 models are named"), "{err}");
    let (code, ..) = work.run(&[]);
    assert_eq!(code, 2);
}

#[test]
fn messages_are_never_written_over() {
    let work = Workplace::new();
    std::fs::hard_link(work.path("data.jsonl"), work.path("link.json")).unwrap();
    let before = work.read("data.jsonl");

    let (code, _, err) = work.run(&["data.jsonl", "--model", &tiny(), "--json", "link.json"]);
    let (nowhere, ..) = work.run(&["data.jsonl", "--model", &tiny(), "--html", "no/where.html"]);

    assert!(code == 1 && err.contains("one of the files to read"), "{err}");
    assert_eq!((nowhere, work.read("data.jsonl")), (1, before));
}

#[test]
fn page_is_well_formed_escapes_texts_and_needs_nothing_else() {
    let work = Workplace::new();
    let mut records = records_with(SCRIPT);
    for record in &mut records {
        record["batch"] = format!("\"'>{SCRIPT}").into();
    }
    work.write("<b>&\".jsonl", &records);

    let (code, ..) =
        work.run(&["<b>&\".jsonl", "--model", &tiny(), "--robustness", "--html", "out.html"]);
    assert_eq!(code, 0);

    let page = work.read("out.html");
    well_formed(&page);
    assert!(page.contains("&lt;script&gt;alert"), "the text is shown");
    assert_eq!(page.matches("<script").count(), 1, "only our own script");
    assert!(!page.contains("<img"));
    assert!(page.contains("dir=\"auto\""));
    for heading in ["Overview", "Languages", "Mistakes", "Intents", "Flags", "Mood", "Robustness"] {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
}

#[test]
fn texts_can_be_left_out_of_all_reports() {
    let work = Workplace::new();
    work.write("secret.jsonl", &records_with("Geheimnis"));
    let arguments =
        ["secret.jsonl", "--model", &tiny(), "--json", "out.json", "--html", "out.html"];

    let (_, shown, _) = work.run(&arguments);
    let with = work.read("out.json") + &work.read("out.html");
    let (_, hidden, _) = work.run(&[&arguments[..], &["--no-texts"]].concat());
    let without = work.read("out.json") + &work.read("out.html");

    assert!(with.contains("Geheimnis") && !without.contains("Geheimnis"));
    assert!(work.json("out.json")["without_texts"] == true);
    assert!(!shown.contains("Geheimnis") && shown == hidden, "the summary never has texts");
}

#[test]
fn robustness_tells_what_becomes_of_disturbed_messages() {
    let work = Workplace::new();

    let (code, out, _) =
        work.run(&["data.jsonl", "--model", &tiny(), "--robustness", "--json", "out.json"]);

    assert_eq!(code, 0);
    assert!(out.contains("Typing errors") && out.contains("primary changed"), "{out}");
    let report = work.json("out.json");
    let effects = report["robustness"].as_array().unwrap();
    assert_eq!(effects.len(), 12);
    let effect = |name: &str| effects.iter().find(|effect| effect["perturbation"] == name).unwrap();
    assert_eq!(effect("other_han_script")["messages"], 0, "there is no Chinese message");
    assert_eq!(effect("other_han_script")["primary_changed"], Value::Null);
    // Three German messages of ten, of which "Wo bleibt", "Ich möchte" have umlauts.
    assert_eq!(effect("written_out_umlauts")["messages"], 8);
    assert_eq!(effect("emoji_at_end")["messages"], 40);
    for effect in effects.iter().filter(|effect| effect["messages"] != 0) {
        let by_language = effect["by_language"].as_object().unwrap().values();
        let sum: u64 = by_language.map(|part| part["messages"].as_u64().unwrap()).sum();
        assert_eq!(effect["messages"], sum);
        for side in ["before", "after"] {
            assert!(effect[side]["primary_accuracy"].is_number(), "{effect}");
        }
    }
}

#[test]
fn intervals_can_be_left_out() {
    let work = Workplace::new();

    let (code, out, _) =
        work.run(&["data.jsonl", "--model", &tiny(), "--bootstrap", "0", "--json", "out.json"]);

    assert_eq!(code, 0);
    assert_eq!(work.json("out.json")["overall"]["intervals"], json!({}));
    assert!(!out.contains("resamples") && !out.contains('['), "{out}");
}

/// Elements that have no end tag.
const VOID: [&str; 3] = ["meta", "input", "br"];

/// Attributes that would fetch something.
const FETCHING: [&str; 7] = ["src", "srcset", "href", "xlink:href", "data", "poster", "action"];

/// Checks that a page has no faults of syntax, that every element is closed in order, that no id occurs twice, that
/// links lead to places on the page, and that nothing is fetched.
fn well_formed(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>"));
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut open, mut ids, mut links) = (Vec::new(), HashSet::new(), Vec::new());
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                for (attribute, value) in &tag.attributes {
                    let attribute = String::from_utf8_lossy(attribute).into_owned();
                    let value = String::from_utf8_lossy(value).into_owned();
                    if attribute == "id" {
                        assert!(ids.insert(value.clone()), "id {value} occurs twice");
                    }
                    if FETCHING.contains(&attribute.as_str()) {
                        let target = value
                            .strip_prefix('#')
                            .unwrap_or_else(|| panic!("{name} fetches {value}"));
                        links.push(target.to_owned());
                    }
                    assert!(!attribute.starts_with("on"), "{name} has a handler");
                    assert!(!value.contains("url("), "{name} fetches {value}");
                }
                if !VOID.contains(&name.as_str()) {
                    open.push(name);
                }
            }
            Token::EndTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                assert_eq!(open.pop().as_ref(), Some(&name), "{name} is closed out of order");
            }
            Token::Error(error) => panic!("{}", error.value),
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) => {}
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    assert!(links.iter().all(|link| ids.contains(link)), "{links:?}");
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"), "the style fetches something");
}
