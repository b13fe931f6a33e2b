use super::*;

fn taxonomy(yaml: &str) -> Taxonomy {
    Taxonomy::parse(yaml, "t.yaml").unwrap()
}

#[test]
fn names_of_several_taxonomies_come_once_and_in_order() {
    let first = taxonomy(
        "format: 1\nintents:\n  order.status: { definition: a }\n  refund: { definition: b }\nflags:\n  urgent: { definition: c }\n",
    );
    let second = taxonomy(
        "format: 1\nintents:\n  refund: { definition: a, person_required: true }\n  order.cancel: { definition: b }\nflags:\n  anger: { definition: c, person_required: true }\n",
    );

    let vocabulary = Vocabulary::of([&first, &second].into_iter());

    assert_eq!(vocabulary.intents, ["order.status", "refund", "order.cancel"]);
    assert_eq!(vocabulary.groups(), ["order", "refund"]);
    assert_eq!(vocabulary.flags, ["urgent", "anger"]);
    assert_eq!(vocabulary.polarity.len(), 5);
    assert!(vocabulary.person_required("refund") && vocabulary.person_required("anger"));
    assert!(!vocabulary.person_required("urgent") && !vocabulary.person_required("order.status"));
}

#[test]
fn without_taxonomies_there_are_no_names() {
    assert_eq!(Vocabulary::of(std::iter::empty()), Vocabulary::default());
}
