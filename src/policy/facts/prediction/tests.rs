use std::time::SystemTime;

use proptest::prelude::*;

use super::*;

fn label(name: &str, probability: f64, present: bool) -> PredictedLabel<'_> {
    PredictedLabel { name, probability, present, person_required: false }
}

fn marked(name: &str, present: bool) -> PredictedLabel<'_> {
    PredictedLabel { name, probability: 0.9, present, person_required: true }
}

/// A model that leads with an order, sees a threat, and is sad.
fn predicted() -> Predicted<'static> {
    Predicted {
        intents: vec![
            label("order.status", 0.4, false),
            label("refund.status", 0.7, true),
            label("order.cancel", 0.1, false),
        ],
        leading: 0.8,
        flags: vec![label("urgent", 0.8, true), marked("fury", true), marked("hazard", false)],
        mood: Some(Mood { label: "negative", score: -0.5, mixed: true }),
        trend: Some((MoodTrend::Falling, -0.5)),
        ..Predicted::default()
    }
}

/// Gives facts to a closure, for they borrow.
fn with_facts(predicted: &Predicted<'_>, check: impl FnOnce(&Facts<'_>)) {
    let (customer, order) = (Customer::default(), Order::default());
    let thread: Vec<ThreadMessage> = [Author::Customer, Author::Agent, Author::Bot]
        .map(|author| ThreadMessage { author, text: "…".to_owned(), sent_at: None })
        .into();
    let received = Received {
        customer: &customer,
        order: &order,
        sent_at: SystemTime::UNIX_EPOCH,
        channel: Channel::Chat,
        tenant: "acme",
        thread: &thread,
        media_types: vec!["IMAGE/png", "application/pdf", "image"],
        language: "zh-Hant",
        language_supported: true,
        entities: vec!["email", "phone", "email"],
        message_length: 7,
    };
    check(&Facts::from_prediction(predicted, &received));
}

#[test]
fn what_came_with_the_message_is_counted() {
    with_facts(&predicted(), |facts| {
        assert_eq!(facts.language, "zh");
        assert_eq!(facts.entities, ["email", "phone"]);
        let thread = facts.thread;
        assert_eq!((thread.length, thread.customer_messages, thread.agent_messages), (3, 1, 1));
        assert_eq!((thread.trend, thread.change), (MoodTrend::Falling, Some(-0.5)));
        assert_eq!((facts.attachments, facts.images), (3, 1));
        assert_eq!((facts.tenant, facts.message_length), ("acme", 7));
    });
}

#[test]
fn a_leading_intent_is_present_when_the_model_stands_by_it() {
    with_facts(&predicted(), |facts| {
        assert_eq!((facts.primary, facts.primary_group), ("order.status", "order"));
        assert_eq!(facts.intents, ["order.status", "refund.status"]);
        assert_eq!(facts.groups, ["order", "refund"]);
        assert_eq!(facts.probabilities.len(), 3);
        assert_eq!(facts.flags, ["urgent", "fury"]);
        assert_eq!(facts.person_required, ["fury"]);
        assert!(facts.tells_person_required);
    });
}

#[test]
fn behind_a_group_the_leading_intent_must_reach_its_threshold() {
    let predicted = Predicted { group_fallback: Some("return"), ..predicted() };

    with_facts(&predicted, |facts| {
        assert_eq!(facts.primary, "order.status");
        assert_eq!(facts.intents, ["refund.status"]);
        assert_eq!((facts.group_fallback, &*facts.groups), ("return", &["refund", "return"][..]));
    });
}

#[test]
fn a_model_that_is_unsure_is_believed_but_for_the_lead() {
    for reason in [AbstainReason::LowConfidence, AbstainReason::Ambiguous] {
        let abstention = Some(reason);
        let predicted = Predicted { abstention, group_fallback: Some("return"), ..predicted() };
        with_facts(&predicted, |facts| {
            assert_eq!(facts.abstain_reason, reason.as_str());
            assert_eq!((facts.primary, &*facts.intents), ("order.status", &["refund.status"][..]));
            assert_eq!(facts.group_fallback, "");
            assert_eq!(facts.mood.label, "negative");
        });
    }
}

#[test]
fn of_a_text_that_the_model_cannot_read_the_flags_stay() {
    for reason in [AbstainReason::OutOfDistribution, AbstainReason::UnsupportedLanguage] {
        let predicted = Predicted { abstention: Some(reason), ..predicted() };
        with_facts(&predicted, |facts| {
            assert_eq!((facts.primary, facts.primary_group), ("", ""));
            assert!(facts.intents.is_empty() && facts.groups.is_empty());
            assert!(facts.probabilities.is_empty());
            assert_eq!((facts.mood, facts.thread.trend), (Mood::default(), MoodTrend::Unknown));
            assert_eq!(facts.flags, ["urgent", "fury"]);
            assert_eq!(facts.flag_probabilities.len(), 3);
            assert_eq!(facts.person_required, ["fury"]);
        });
    }
}

#[test]
fn of_nothing_nothing_is_known() {
    let predicted = Predicted { abstention: Some(AbstainReason::Empty), ..predicted() };

    with_facts(&predicted, |facts| {
        assert!(facts.flags.is_empty() && facts.intents.is_empty());
        assert_eq!(facts.mood, Mood::default());
        assert_eq!(facts.thread.length, 3);
    });
}

#[test]
fn a_model_must_know_a_flag_that_calls_for_a_person() {
    let tells = |flags: Vec<PredictedLabel<'static>>| {
        let mut tells = false;
        with_facts(&Predicted { flags, ..predicted() }, |facts| {
            tells = facts.tells_person_required;
        });
        tells
    };

    assert!(!tells(vec![]));
    assert!(!tells(vec![label("urgent", 0.9, true), label("confused", 0.1, false)]));
    assert!(tells(vec![label("angry", 0.1, false)]));
    assert!(tells(vec![label("threat_legal", 0.1, false)]));
    assert!(tells(vec![label("urgent", 0.1, false), marked("fury", false)]));
}

proptest! {
    #[test]
    fn facts_never_contradict_each_other(
        reason in prop::option::of(prop::sample::select(AbstainReason::ALL.to_vec())),
        fallback in prop::option::of(prop::sample::select(vec!["order", "return"])),
        present in any::<[bool; 6]>(),
        intents in 0..4_usize,
    ) {
        let mut predicted = Predicted { abstention: reason, group_fallback: fallback, ..predicted() };
        for (label, present) in
            predicted.intents.iter_mut().chain(&mut predicted.flags).zip(present)
        {
            label.present = present;
        }
        predicted.intents.truncate(intents);
        let set = predicted.flags.iter().filter(|flag| flag.present).count();

        with_facts(&predicted, |facts| {
            assert_eq!(facts.abstained(), reason.is_some());
            assert!(facts.group_fallback.is_empty() || !facts.abstained());
            assert_eq!(facts.primary.is_empty(), facts.primary_group.is_empty());
            assert!(!facts.primary.is_empty() || facts.intents.is_empty());
            let stands = reason.is_none() && fallback.is_none() && intents > 0;
            assert!(!stands || facts.intents.first() == Some(&facts.primary));
            for intent in &facts.intents {
                assert!(facts.groups.contains(&group_of(intent)));
            }
            let empty = reason == Some(AbstainReason::Empty);
            assert_eq!(facts.flags.len(), if empty { 0 } else { set });
            for label in &facts.person_required {
                assert!(facts.flags.contains(label) || facts.intents.contains(label));
            }
        });
    }
}
