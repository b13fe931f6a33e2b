use std::sync::Arc;

use super::*;
use crate::labels::POLARITY_STEPS;
use crate::taxonomy::DEFAULT_YAML;

fn shipped() -> Taxonomy {
    Taxonomy::parse(DEFAULT_YAML, "config/taxonomy.yaml").unwrap()
}

fn offered<'a>(head: HeadName, labels: &'a LabelSet) -> Vec<Offered<'a>> {
    vec![(head, labels)]
}

#[test]
fn labels_that_are_known_are_covered_whatever_their_order_and_number() {
    let intents = LabelSet::new(["refund.request", "order.status"]);
    let flags = LabelSet::new(["angry"]);
    let steps = LabelSet::new(POLARITY_STEPS);

    let heads = [
        (HeadName::Primary, &intents),
        (HeadName::Intent, &intents),
        (HeadName::Flags, &flags),
        (HeadName::Polarity, &steps),
    ];

    assert_eq!(shipped().covers(&heads), Ok(()));
}

#[test]
fn every_label_that_is_not_known_is_listed_with_what_was_meant() {
    let intents = LabelSet::new(["order.staus", "order.cancel", "Where_Is_My_Order", "xyz"]);
    let flags = LabelSet::new(["order.status"]);

    let uncovered =
        shipped().covers(&[(HeadName::Primary, &intents), (HeadName::Flags, &flags)]).unwrap_err();

    assert_eq!(uncovered.heads.len(), 2);
    assert_eq!(
        uncovered.to_string(),
        "the taxonomy (config/taxonomy.yaml) does not know all labels of the model: \
         head primary: \"order.staus\" (did you mean \"order.status\"?), \
         \"Where_Is_My_Order\" (did you mean \"order.status\"?), \"xyz\"; \
         head flags: \"order.status\"; correct the labels, add them to the taxonomy, \
         or put a taxonomy.yaml of its own into the model's directory"
    );
}

#[test]
fn model_that_fits_is_served_with_the_taxonomy_of_the_service() {
    let service = Arc::new(shipped());
    let labels = LabelSet::new(["order.status"]);

    let fitting = Taxonomy::fitting(&service, &offered(HeadName::Primary, &labels), false).unwrap();

    assert!(Arc::ptr_eq(&fitting, &service));
}

#[test]
fn plain_model_with_labels_of_its_own_gets_a_taxonomy_of_them() {
    let service = Arc::new(shipped());
    let labels = LabelSet::new(["LABEL_0", "LABEL_1"]);
    let heads = offered(HeadName::Primary, &labels);

    let own = Taxonomy::fitting(&service, &heads, false).unwrap();

    assert_eq!(own.intents().map(LabelEntry::name).collect::<Vec<_>>(), ["LABEL_0", "LABEL_1"]);
    assert_eq!(own.covers(&heads), Ok(()));
    assert_eq!(own.display_name("LABEL_0", "de"), Some("LABEL_0"));
    assert_eq!(own.views().len(), 0);
    assert_ne!(own.digest(), service.digest());
}

#[test]
fn plain_model_that_means_the_labels_of_the_service_must_spell_them_right() {
    let service = Arc::new(shipped());
    for labels in [["order.status", "LABEL_1"], ["order_status", "refund_request"]] {
        let labels = LabelSet::new(labels);

        let refused = Taxonomy::fitting(&service, &offered(HeadName::Intent, &labels), false);

        assert!(refused.is_err(), "{labels:?}");
    }
}

#[test]
fn model_with_a_manifest_is_never_served_with_unknown_labels() {
    let service = Arc::new(shipped());
    let labels = LabelSet::new(["LABEL_0"]);

    let refused = Taxonomy::fitting(&service, &offered(HeadName::Primary, &labels), true);

    assert!(refused.is_err());
}
