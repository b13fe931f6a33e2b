//! The default policy against what a head of support expects of it.

use std::path::Path;
use std::process::Command;

#[cfg(feature = "embedded-model")]
#[test]
fn default_policy_decides_as_every_scenario_expects() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");

    let output = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(["policy", "test"])
        .arg(&scenarios)
        .output()
        .unwrap();

    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    let last = out.lines().last().unwrap();
    let passed: u32 = last.split(' ').next().unwrap().parse().unwrap();
    assert!(passed >= 400, "{last}");
}

#[test]
fn scenario_that_is_not_met_fails_and_shows_the_difference() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wrong.yaml");
    let text = "scenarios:\n  - name: wrong on purpose\n    text: hello\n    prediction:\n      \
                intents: { chat.greeting: 0.99 }\n    expect: { queue: fraud }\n";
    std::fs::write(&file, text).unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny-bert-multihead");

    let output = Command::new(env!("CARGO_BIN_EXE_signalbox"))
        .args(["policy", "test", "--model"])
        .arg(&model)
        .arg(&file)
        .output()
        .unwrap();

    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("wrong.yaml:2: wrong on purpose") && out.contains("fraud"), "{out}");
}
