use proptest::prelude::*;

use super::*;

/// As little as a model's own file may say.
const MINIMAL: &str = "\
format: 1
intents:
  POSITIVE:
    definition: The customer is content.
  NEGATIVE:
    definition: The customer is not.
";

fn shipped() -> Taxonomy {
    Taxonomy::parse(DEFAULT_YAML, "config/taxonomy.yaml").unwrap()
}

fn names<'a>(entries: impl Iterator<Item = &'a LabelEntry>) -> Vec<&'a str> {
    entries.map(LabelEntry::name).collect()
}

#[test]
fn shipped_file_is_sound_and_complete() {
    let taxonomy = shipped();

    assert_eq!(taxonomy.intents().len(), 50);
    assert_eq!(taxonomy.flags().len(), 12);
    assert_eq!(taxonomy.groups().len(), 16);
    assert_eq!(taxonomy.languages().len(), 15);
    assert_eq!(names(taxonomy.polarity()), POLARITY_STEPS);
    let views: Vec<_> = taxonomy.views().map(View::name).collect();
    assert_eq!(views, ["gorgias", "zendesk", "comprehend", "google", "freshdesk", "nps"]);
    let sections =
        [names(taxonomy.groups()), names(taxonomy.intents()), names(taxonomy.flags())].concat();
    for label in sections {
        let place = taxonomy.places[label];
        assert_eq!(taxonomy.entry(place).unwrap().names().len(), 15, "{label}");
    }
    assert!(taxonomy.views().all(|view| !view.source().is_empty()));
}

#[test]
fn digest_is_that_of_the_file() {
    let digest = Taxonomy::parse(MINIMAL, "t.yaml").unwrap().digest().to_owned();

    // sha256sum of the same bytes.
    assert_eq!(digest, MINIMAL_DIGEST);
}

const MINIMAL_DIGEST: &str =
    "sha256:bf106aae0d9e59b2442d24f1656eba07e09ec7a7c68b3f3f3d21d06a7d21ba28";

#[test]
fn names_and_aliases_resolve_to_the_name() {
    let taxonomy = shipped();

    assert_eq!(taxonomy.resolve("where-is-my-order"), Some("order.status"));
    assert_eq!(taxonomy.resolve("order.status"), Some("order.status"));
    assert_eq!(taxonomy.resolve("furious"), Some("angry"));
    assert_eq!(taxonomy.resolve("very_negative"), Some("very_negative"));
    assert_eq!(taxonomy.resolve("order"), None, "a group is no label");
    assert_eq!(taxonomy.resolve("weather"), None);
}

#[test]
fn titles_fall_back_by_language() {
    let taxonomy = shipped();
    let title = |label, language| taxonomy.display_name(label, language);

    assert_eq!(title("order.status", "de"), Some("Bestellstatus"));
    assert_eq!(title("order.status", "de-AT"), Some("Bestellstatus"));
    assert_eq!(title("order.status", "DE"), Some("Bestellstatus"));
    assert_eq!(title("order.status", "und"), Some("Order status"));
    assert_eq!(title("order.status", ""), Some("Order status"));
    assert_eq!(title("order", "fr"), Some("Commandes"));
    assert_eq!(title("angry", "es"), Some("Enfado"));
    assert_eq!(title("negative", "nl"), Some("Negatief"));
    assert_eq!(title("weather", "en"), None);
}

#[test]
fn minimal_file_has_names_groups_and_steps() {
    let taxonomy = Taxonomy::parse(MINIMAL, "t.yaml").unwrap();

    assert_eq!(names(taxonomy.intents()), ["POSITIVE", "NEGATIVE"]);
    assert_eq!(names(taxonomy.groups()), ["POSITIVE", "NEGATIVE"]);
    assert_eq!(names(taxonomy.polarity()), POLARITY_STEPS);
    assert_eq!(taxonomy.flags().len(), 0);
    assert_eq!(taxonomy.languages().collect::<Vec<_>>(), ["en"]);
    assert_eq!(taxonomy.display_name("POSITIVE", "de"), Some("POSITIVE"));
}

#[test]
fn any_names_are_looked_up_without_harm() {
    let taxonomy = shipped();

    proptest!(|(name in ".{0,20}", language in ".{0,8}")| {
        prop_assert_eq!(taxonomy.resolve(&name), None);
        prop_assert_eq!(taxonomy.display_name(&name, &language), None);
        prop_assert!(taxonomy.display_name("angry", &language).is_some());
    });
}

#[test]
fn files_in_the_documentation_are_sound() {
    let text = include_str!("../../docs/taxonomy.md");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());

    let files: Vec<_> = blocks.filter(|block| block.starts_with("format: 1")).collect();

    assert_eq!(files.len(), 2);
    for file in files {
        let read = Taxonomy::parse(file, "docs/taxonomy.md");
        assert!(read.is_ok(), "{}", read.unwrap_err());
    }
}

#[test]
fn labels_that_call_for_a_person_are_marked() {
    let taxonomy = shipped();

    let marked = taxonomy.intents().chain(taxonomy.flags()).filter(|entry| entry.person_required());

    assert_eq!(
        names(marked),
        [
            "support.human_agent",
            "angry",
            "threat_legal",
            "threat_chargeback",
            "threat_public",
            "safety_risk"
        ]
    );
    assert!(taxonomy.person_required("angry"));
    assert!(!taxonomy.person_required("urgent") && !taxonomy.person_required("furious"));
}

#[test]
fn a_mark_is_true_or_false_and_belongs_to_intents_and_flags() {
    let marked = |mark: &str| {
        Taxonomy::parse(&format!("{MINIMAL}    person_required: {mark}\n"), "t.yaml")
            .map(|taxonomy| taxonomy.person_required("NEGATIVE"))
            .map_err(|error| error.to_string())
    };

    assert_eq!(marked("true"), Ok(true));
    assert_eq!(marked("false"), Ok(false));
    assert!(marked("sometimes").unwrap_err().contains("true or false"));
    let group =
        format!("{MINIMAL}groups:\n  POSITIVE: {{ person_required: true }}\n  NEGATIVE: {{}}\n");
    let error = Taxonomy::parse(&group, "t.yaml").unwrap_err().to_string();
    assert!(error.contains("unknown field \"person_required\""), "{error}");
}
