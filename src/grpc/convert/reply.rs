//! Results become wire replies. This can't fail.

use std::time::Duration;

use crate::engine::MessageOutput;
use crate::grpc::{pb, to_u32};
use crate::labels::{HeadName, LabelId, LabelSet};
use crate::language::Language;
use crate::registry::LoadedModel;
use crate::scoring::{AbstainReason, Abstention, GroupScore, PolarityPrediction, Scorer};
use crate::triage::{Notice, Timings, Triage};

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
        entities: Vec::new(),
        routing: None,
        truncated: triage.truncated,
        token_count: to_u32(triage.token_count),
        revisions: Some(revisions(&triage.model)),
        timings: Some(timings(&triage.timings)),
        batch_size: to_u32(triage.batch_size),
        raw_logits: triage.raw.as_ref().map_or_else(Vec::new, |raw| raw_logits(raw, scorer)),
        notices: triage.notices.iter().copied().map(notice).collect(),
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

fn revisions(model: &LoadedModel) -> pb::Revisions {
    let (manifest, digests) = (model.manifest(), model.digests());
    pb::Revisions {
        model_name: manifest.name.clone(),
        model_version: manifest.version.clone(),
        model_digest: digests.model.clone(),
        tokenizer_digest: digests.tokenizer.clone(),
        taxonomy_digest: digests.taxonomy.clone(),
        policy_digest: String::new(),
    }
}

fn timings(timings: &Timings) -> pb::StageTimings {
    let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    pb::StageTimings {
        text_us: us(timings.text),
        tokenize_us: us(timings.tokenize),
        queue_us: us(timings.queue),
        inference_us: us(timings.inference),
        scoring_us: us(timings.scoring),
        policy_us: 0,
        total_us: us(timings.total),
    }
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
        Notice::RoutingUnavailable => pb::NoticeCode::RoutingUnavailable,
        Notice::ExplanationUnavailable => pb::NoticeCode::ExplanationUnavailable,
        Notice::SubjectOnly => pb::NoticeCode::SubjectOnly,
    };
    pb::Notice { code: code.into(), message: notice.as_str().to_owned() }
}

fn name_of(labels: &LabelSet, id: LabelId) -> String {
    labels.get(id).unwrap_or_default().to_owned()
}
