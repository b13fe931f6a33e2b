//! What docs/policy.md shows is so.

use super::super::scenario::ScenarioFile;
use super::super::variables::VARIABLES;
use super::super::{DecideOptions, Policy, Vocabulary};
use crate::taxonomy::{DEFAULT_YAML, Taxonomy};

const PAGE: &str = include_str!("../../../docs/policy.md");

/// Returns the block of code that begins with this line.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn examples_work_together() {
    let vocabulary =
        Vocabulary::of(std::iter::once(&Taxonomy::parse(DEFAULT_YAML, "taxonomy.yaml").unwrap()));
    let policy = Policy::parse(block("yaml"), "policy.md", &vocabulary);
    let file = ScenarioFile::parse(block("yaml scenarios"), "policy.md", &vocabulary);
    let (policy, file) = (policy.unwrap(), file.unwrap());
    let scenario = &file.scenarios[0];

    let routing = policy.decide(&scenario.facts(None).unwrap(), DecideOptions::default());

    // The parcel is two days late, which is not more than two.
    assert_eq!(scenario.expect.differences(&routing), Vec::<String>::new());
}

#[test]
fn every_variable_is_described() {
    for (name, variable) in VARIABLES {
        let row =
            PAGE.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        let optional = row.contains("**may be unknown**");
        assert_eq!(optional, variable.optional().is_some(), "{name}");
    }
}
