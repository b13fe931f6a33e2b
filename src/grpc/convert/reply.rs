//! Results become wire replies. This can't fail.

use std::time::Duration;

use crate::engine::MessageOutput;
use crate::entities::EntityType;
use crate::grpc::{pb, to_u32};
use crate::labels::{HeadName, LabelId, LabelSet};
use crate::language::Language;
use crate::message::MessageField;
use crate::policy::MoodTrend;
use crate::scoring::{AbstainReason, Abstention, GroupScore, PolarityPrediction, Scorer};
use crate::taxonomy::ViewResult;
use crate::text::SectionKind;
use crate::triage::{FoundEntity, Notice, ThreadMood, Timings, Triage};

use super::{explanation, routing};

/// Turns a result into a reply.
pub(in crate::grpc) fn response(triage: Triage) -> pb::ClassifyResponse {
    let scorer = triage.model.scorer();
    let prediction = &triage.prediction;
    pb::ClassifyResponse {
        intents: intents(&triage, scorer),
        primary_intent: primary_intent(&triage, scorer),
        group_fallback: prediction.group_fallback.as_ref().map(group),
        abstention: prediction.abstention.as_ref().map(abstention),
        polarity: prediction.polarity.as_ref().map(|p| polarity(p, scorer)),
        flags: flags(&triage, scorer),
        language: Some(language(&triage.language)),
        entities: triage.entities.iter().map(entity).collect(),
        routing: triage.routing.as_ref().map(|(routing, _)| routing::routing(routing)),
        truncated: triage.truncated,
        token_count: to_u32(triage.token_count),
        revisions: Some(revisions(&triage)),
        timings: Some(timings(&triage.timings)),
        batch_size: to_u32(triage.batch_size),
        raw_logits: triage.raw.as_ref().map_or_else(Vec::new, |raw| raw_logits(raw, scorer)),
        notices: triage.notices.iter().copied().map(notice).collect(),
        views: triage.views.iter().map(view).collect(),
        thread_mood: triage.thread_mood.as_ref().map(thread_mood),
        explanation: triage.explanation.as_ref().map(|e| explanation::explanation(e, scorer)),
        id: triage.id,
    }
}

fn intents(triage: &Triage, scorer: &Scorer) -> Vec<pb::Intent> {
    let options = &triage.options;
    triage
        .prediction
        .intents
        .iter()
        .enumerate()
        .filter(|(rank, intent)| {
            *rank == 0 || intent.presence.probability >= options.min_probability
        })
        .take(options.top_k)
        .map(|(_, intent)| pb::Intent {
            name: name_of(scorer.intents(), intent.presence.id),
            group: scorer.group(intent.presence.id).to_owned(),
            probability: intent.presence.probability,
            threshold: intent.presence.threshold,
            above: intent.presence.above(),
        })
        .collect()
}

fn primary_intent(triage: &Triage, scorer: &Scorer) -> Option<pb::PrimaryIntent> {
    triage.prediction.intents.first().map(|intent| pb::PrimaryIntent {
        name: name_of(scorer.intents(), intent.presence.id),
        group: scorer.group(intent.presence.id).to_owned(),
        probability: intent.leading,
    })
}

fn group(group: &GroupScore) -> pb::IntentGroup {
    pb::IntentGroup { name: group.name.to_string(), probability: group.probability }
}

fn abstention(abstention: &Abstention) -> pb::Abstention {
    let reason = match abstention.reason {
        AbstainReason::LowConfidence => pb::AbstainReason::LowConfidence,
        AbstainReason::Ambiguous => pb::AbstainReason::Ambiguous,
        AbstainReason::OutOfDistribution => pb::AbstainReason::OutOfDistribution,
        AbstainReason::UnsupportedLanguage => pb::AbstainReason::UnsupportedLanguage,
        AbstainReason::Empty => pb::AbstainReason::Empty,
    };
    pb::Abstention { reason: reason.into(), detail: abstention.detail.clone() }
}

fn polarity(polarity: &PolarityPrediction, scorer: &Scorer) -> pb::Polarity {
    let empty = LabelSet::new::<&str>([]);
    let labels = scorer.labels(HeadName::Polarity).unwrap_or(&empty);
    pb::Polarity {
        label: name_of(labels, polarity.label),
        score: polarity.score,
        probabilities: labels
            .iter()
            .zip(&polarity.probabilities)
            .map(|(label, &probability)| pb::PolarityProbability {
                label: label.to_owned(),
                probability,
            })
            .collect(),
        mixed: polarity.mixed,
    }
}

fn flags(triage: &Triage, scorer: &Scorer) -> Vec<pb::Flag> {
    let labels = scorer.labels(HeadName::Flags);
    triage
        .prediction
        .flags
        .iter()
        .map(|flag| pb::Flag {
            name: labels.map_or_else(String::new, |labels| name_of(labels, flag.id)),
            probability: flag.probability,
            above: flag.above(),
            threshold: flag.threshold,
        })
        .collect()
}

fn language(language: &Language) -> pb::Language {
    pb::Language {
        tag: language.tag.clone(),
        confidence: language.confidence,
        supported: language.supported,
    }
}

fn revisions(triage: &Triage) -> pb::Revisions {
    let model = &triage.model;
    let (manifest, digests) = (model.manifest(), model.digests());
    let policy = triage.routing.as_ref().map(|(_, active)| active.policy.digest());
    pb::Revisions {
        model_name: manifest.name.clone(),
        model_version: manifest.version.clone(),
        model_digest: digests.model.clone(),
        tokenizer_digest: digests.tokenizer.clone(),
        taxonomy_digest: model.taxonomy().digest().to_owned(),
        policy_digest: policy.unwrap_or_default().to_owned(),
    }
}

fn entity(found: &FoundEntity) -> pb::Entity {
    let section = match found.section {
        SectionKind::Body => pb::Section::Body,
        SectionKind::Quote => pb::Section::Quote,
        SectionKind::Forward => pb::Section::Forward,
        SectionKind::Signature => pb::Section::Signature,
        SectionKind::Footer => pb::Section::Footer,
    };
    let attributes = found.entity.attributes.iter();
    pb::Entity {
        r#type: entity_type(found.entity.kind).into(),
        start: to_u32(found.start),
        end: to_u32(found.end),
        value: found.entity.value.clone(),
        confidence: found.entity.confidence,
        attributes: attributes.map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        field: message_field(found.field).into(),
        section: section.into(),
    }
}

/// Names a field of a request on the wire.
pub(super) fn message_field(field: MessageField) -> pb::MessageField {
    match field {
        MessageField::Text => pb::MessageField::Text,
        MessageField::Subject => pb::MessageField::Subject,
    }
}

/// Names a type of entity on the wire.
pub(super) fn entity_type(kind: EntityType) -> pb::EntityType {
    match kind {
        EntityType::OrderNumber => pb::EntityType::OrderNumber,
        EntityType::TrackingNumber => pb::EntityType::TrackingNumber,
        EntityType::Email => pb::EntityType::Email,
        EntityType::Phone => pb::EntityType::Phone,
        EntityType::Amount => pb::EntityType::Amount,
        EntityType::Date => pb::EntityType::Date,
        EntityType::Url => pb::EntityType::Url,
        EntityType::Sku => pb::EntityType::Sku,
        EntityType::PostalCode => pb::EntityType::PostalCode,
        EntityType::InvoiceNumber => pb::EntityType::InvoiceNumber,
        EntityType::Iban => pb::EntityType::Iban,
        EntityType::PaymentCard => pb::EntityType::PaymentCard,
        EntityType::PromoCode => pb::EntityType::PromoCode,
    }
}

fn view(view: &ViewResult) -> pb::CompatibilityView {
    pb::CompatibilityView {
        name: view.view.clone(),
        intents: view.intents.clone(),
        sentiments: view.sentiments.clone(),
        numbers: view.numbers.iter().cloned().collect(),
        confidence: view.confidence.clone().unwrap_or_default(),
        sentiment_confidence: view.sentiment_confidence.clone().unwrap_or_default(),
        language_confidence: view.language_confidence.clone().unwrap_or_default(),
    }
}

fn thread_mood(mood: &ThreadMood) -> pb::ThreadMood {
    let trend = match mood.trend {
        MoodTrend::Unknown => pb::MoodTrend::Unspecified,
        MoodTrend::Steady => pb::MoodTrend::Steady,
        MoodTrend::Falling => pb::MoodTrend::Falling,
        MoodTrend::Rising => pb::MoodTrend::Rising,
    };
    let earlier = mood.earlier.iter();
    pb::ThreadMood {
        trend: trend.into(),
        change: mood.change,
        earlier: earlier
            .map(|&(index, score)| pb::ThreadPolarity { index: to_u32(index), score })
            .collect(),
    }
}

fn timings(timings: &Timings) -> pb::StageTimings {
    pb::StageTimings {
        text_us: us(timings.text),
        tokenize_us: us(timings.tokenize),
        queue_us: us(timings.queue),
        inference_us: us(timings.inference),
        scoring_us: us(timings.scoring),
        policy_us: us(timings.policy),
        total_us: us(timings.total),
        language_us: us(timings.language),
        entities_us: us(timings.entities),
        explanation_us: us(timings.explanation),
    }
}

/// Returns a time in microseconds.
pub(super) fn us(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn raw_logits(raw: &MessageOutput, scorer: &Scorer) -> Vec<pb::HeadLogits> {
    raw.heads
        .iter()
        .map(|(head, values)| pb::HeadLogits {
            head: head.as_str().to_owned(),
            labels: scorer
                .labels(*head)
                .map_or_else(Vec::new, |labels| labels.iter().map(str::to_owned).collect()),
            values: values.clone(),
        })
        .collect()
}

fn notice(notice: Notice) -> pb::Notice {
    let code = match notice {
        Notice::TextTruncated => pb::NoticeCode::TextTruncated,
        Notice::SubjectOnly => pb::NoticeCode::SubjectOnly,
        Notice::EntitiesCut => pb::NoticeCode::EntitiesCut,
        Notice::ThreadMoodUnavailable => pb::NoticeCode::ThreadMoodUnavailable,
    };
    pb::Notice { code: code.into(), message: notice.as_str().to_owned() }
}

pub(super) fn name_of(labels: &LabelSet, id: LabelId) -> String {
    labels.get(id).unwrap_or_default().to_owned()
}
