//! Each layer uses only those to its right, and each big library is named in one place only.

use std::path::{Path, PathBuf};

/// Modules from the outermost to the innermost layer; a module may use its own layer and those after it.
const LAYERS: [&[&str]; 8] = [
    &["cli"],
    // The load generator is a client of the service; it stands beside what serves.
    &["app", "bench"],
    &["grpc"],
    &["pipeline"],
    &["registry", "policies", "triage", "feedback"],
    &[
        "batching",
        "policy",
        "entities",
        "language",
        "taxonomy",
        "lifecycle",
        "evaluation",
        "explanation",
        "adaptation",
    ],
    &["tokenization", "engine", "scoring"],
    &[
        "model",
        "message",
        "text",
        "labels",
        "error",
        "config",
        "telemetry",
        "yaml",
        "suggestion",
        "page",
        "random",
    ],
];

/// Uses against the direction that are meant, with the reason.
const EXCEPTIONS: [(&str, &str, &str); 4] = [
    ("config", "registry", COLLECTED),
    ("config", "pipeline", COLLECTED),
    ("config", "policies", COLLECTED),
    ("config", "feedback", COLLECTED),
];

const COLLECTED: &str =
    "settings of a part stand with the part; the configuration only collects them";

/// Crates and the only places that may name them.
const CONFINED: [(&str, &[&str]); 21] = [
    ("tonic", &["grpc.rs", "grpc/"]),
    ("hyper", &["grpc.rs", "grpc/"]),
    ("tonic_health", &["grpc.rs", "grpc/"]),
    ("prost", &["grpc.rs", "grpc/"]),
    ("prost_reflect", &["grpc/inference/"]),
    ("candle_core", &["engine/candle.rs", "engine/candle/"]),
    ("candle_nn", &["engine/candle.rs", "engine/candle/"]),
    ("candle_transformers", &["engine/candle.rs", "engine/candle/"]),
    ("signalbox_kernels", &["engine.rs", "engine/"]),
    ("tokenizers", &["tokenization.rs"]),
    ("clap", &["cli.rs", "cli/"]),
    ("serde_saphyr", &["yaml.rs"]),
    ("html5gum", &["text/html.rs", "text/html/"]),
    ("phonenumber", &["entities/"]),
    ("unicode_segmentation", &["explanation/"]),
    (
        "maud",
        &[
            "page.rs",
            "evaluation/html.rs",
            "evaluation/html/",
            "bench/html.rs",
            "bench/html/",
            "adaptation/html.rs",
        ],
    ),
    ("hanconv", &["evaluation/perturbation.rs"]),
    ("rusqlite", &["feedback/database.rs"]),
    ("hdrhistogram", &["bench/", "registry/rollout/shadow/"]),
    ("crossbeam_queue", &["registry/rollout/shadow/"]),
    ("rustix", &["registry/rollout/shadow.rs"]),
];

#[test]
fn modules_use_only_their_own_layer_and_inner_ones() {
    let mut faults = Vec::new();
    for (path, source) in sources() {
        let Some(own) = layer_of(&path) else { continue };
        let module = path.split(['/', '.']).next().unwrap();
        for used in crate_uses(&source) {
            let Some(target) = LAYERS.iter().position(|layer| layer.contains(&used.as_str()))
            else {
                continue;
            };
            let excepted = EXCEPTIONS.iter().any(|(m, u, _)| *m == module && *u == used);
            if target < own && !excepted {
                faults.push(format!("{path} uses crate::{used}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn big_libraries_are_named_in_one_place() {
    let mut faults = Vec::new();
    for (path, source) in sources() {
        for (library, places) in CONFINED {
            let allowed = places.iter().any(|place| path.starts_with(place));
            let named = code(&source).any(|line| names(line, library));
            if named && !allowed {
                faults.push(format!("{path} names {library}"));
            }
        }
        let reads_environment = code(&source).any(|line| line.contains("std::env::"));
        if reads_environment && path != "config/sources.rs" {
            faults.push(format!("{path} reads the environment"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_module_has_a_layer() {
    let missing: Vec<String> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| !["lib.rs", "main.rs"].contains(&path.as_str()) && layer_of(path).is_none())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn layer_of(path: &str) -> Option<usize> {
    let module = path.split(['/', '.']).next()?;
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Lines of code: no comments, nothing after the tests begin.
fn code(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn names(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(start, _)| {
        let (before, rest) = line.split_at(start);
        let before = before.chars().next_back();
        let starts = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '"');
        starts && rest.strip_prefix(library).is_some_and(|rest| rest.starts_with("::"))
    })
}

/// First path segments after `crate::`.
fn crate_uses(source: &str) -> Vec<String> {
    code(source)
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

/// Every file under `src` with its path relative to it. Test modules in files of their own are left out.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "tests.rs"))
        .map(|path| {
            let relative = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            (relative, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
