//! What the policy and the compatibility views get to see.

use crate::labels::{HeadName, LabelSet, ScoredLabel};
use crate::message::Message;
use crate::policies::ActivePolicy;
use crate::policy::{DecideOptions, Facts, Mood, Predicted, PredictedLabel, Received, Routing};
use crate::scoring::{RankedIntent, Scorer};
use crate::taxonomy::{Seen, ViewResult};
use crate::triage::Triage;

/// Lets the policy decide.
pub(super) fn decide(triage: &Triage, message: &Message, active: &ActivePolicy) -> Routing {
    let received = Received {
        customer: &message.customer,
        order: &message.order,
        sent_at: triage.sent_at,
        channel: message.channel,
        tenant: &message.tenant,
        thread: &message.thread,
        media_types: message.attachments.iter().map(|file| file.media_type.as_str()).collect(),
        language: &triage.language.tag,
        language_supported: triage.language.supported,
        entities: triage.entities.iter().map(|found| found.entity.kind.as_str()).collect(),
        message_length: triage.body_chars,
    };
    let facts = Facts::from_prediction(&predicted(triage), &received);
    let options = &message.options;
    let options = DecideOptions { explain: options.explain, tag_style: options.tag_style };
    active.policy.decide(&facts, options)
}

fn predicted(triage: &Triage) -> Predicted<'_> {
    let prediction = &triage.prediction;
    let scorer = triage.model.scorer();
    let intents = prediction.intents.iter().map(|intent| &intent.presence);
    Predicted {
        intents: labels(triage, Some(scorer.intents()), intents),
        leading: prediction.intents.first().map_or(0.0, |primary| f64::from(primary.leading)),
        group_fallback: prediction.group_fallback.as_ref().map(|group| &*group.name),
        abstention: prediction.abstention.as_ref().map(|abstention| abstention.reason),
        flags: labels(triage, scorer.labels(HeadName::Flags), prediction.flags.iter()),
        mood: prediction.polarity.as_ref().and_then(|polarity| {
            let label = scorer.labels(HeadName::Polarity)?.get(polarity.label)?;
            Some(Mood { label, score: f64::from(polarity.score), mixed: polarity.mixed })
        }),
        trend: triage.thread_mood.as_ref().map(|mood| (mood.trend, f64::from(mood.change))),
        earlier_person_required: triage
            .earlier_person_required
            .iter()
            .map(String::as_str)
            .collect(),
        truncated: triage.truncated,
    }
}

fn labels<'a>(
    triage: &'a Triage,
    names: Option<&'a LabelSet>,
    scored: impl Iterator<Item = &'a ScoredLabel>,
) -> Vec<PredictedLabel<'a>> {
    let taxonomy = triage.model.taxonomy();
    let label = |label: &ScoredLabel| {
        let name = names?.get(label.id)?;
        Some(PredictedLabel {
            name,
            probability: f64::from(label.probability),
            present: label.above(),
            person_required: taxonomy.person_required(name),
        })
    };
    scored.filter_map(label).collect()
}

/// Puts the answer into the words of other products: those that the caller names, else those of the policy.
///
/// Of a text that the model cannot read only the flags are told; of one where nothing is left there is no view.
pub(super) fn views(triage: &Triage, active: &ActivePolicy) -> Vec<ViewResult> {
    let asked = &triage.options.views;
    let names = if asked.is_empty() { active.policy.views() } else { asked };
    if names.is_empty() || triage.prediction.intents.is_empty() {
        return Vec::new();
    }
    let scorer = triage.model.scorer();
    let readable = !triage.is_foreign();
    let believed =
        |rank: usize, intent: &RankedIntent| readable && (rank == 0 || intent.presence.above());
    let ranked = triage.prediction.intents.iter().enumerate();
    let intents: Vec<(&str, f32)> = ranked
        .filter(|(rank, intent)| believed(*rank, intent))
        .filter_map(|(_, intent)| {
            Some((scorer.intents().get(intent.presence.id)?, intent.presence.probability))
        })
        .collect();
    let steps = scorer.labels(HeadName::Polarity);
    let polarity = triage.prediction.polarity.as_ref().filter(|_| readable).and_then(|polarity| {
        Some((steps?.get(polarity.label)?, polarity.probabilities.as_slice()))
    });
    let flags = set_flags(triage, scorer);
    let leading = triage.prediction.intents.first().filter(|_| readable);
    let seen = Seen {
        intents: &intents,
        primary_probability: leading.map_or(0.0, |intent| intent.leading),
        polarity,
        flags: &flags,
        language_confidence: triage.language.confidence,
    };
    // A model with a taxonomy of its own may lack a view that the policy names; naming one twice gives it once.
    let first = |(at, name): &(usize, &String)| !names.iter().take(*at).any(|n| n == *name);
    let views = names.iter().enumerate().filter(first);
    let views = views.filter_map(|(_, name)| triage.model.taxonomy().view(name));
    views.map(|view| view.apply(&seen)).collect()
}

fn set_flags<'a>(triage: &'a Triage, scorer: &'a Scorer) -> Vec<&'a str> {
    let labels: Option<&LabelSet> = scorer.labels(HeadName::Flags);
    let name = |flag: &ScoredLabel| labels?.get(flag.id);
    triage.prediction.flags.iter().filter(|flag| flag.above()).filter_map(name).collect()
}
