//! What the policy and the compatibility views get to see.

use crate::labels::{HeadName, LabelSet, ScoredLabel};
use crate::message::{Author, Message};
use crate::policies::ActivePolicy;
use crate::policy::{Conversation, DecideOptions, Facts, Mood, MoodTrend, Routing};
use crate::scoring::{AbstainReason, Scorer};
use crate::taxonomy::{Seen, ViewResult};
use crate::triage::Triage;

/// Lets the policy decide.
pub(super) fn decide(triage: &Triage, message: &Message, active: &ActivePolicy) -> Routing {
    let scorer = triage.model.scorer();
    let mut facts = Facts::new(&message.customer, &message.order, triage.sent_at);
    add_intents(&mut facts, triage, scorer);
    add_flags(&mut facts, triage, scorer);
    add_mood(&mut facts, triage, scorer);
    for found in &triage.entities {
        let kind = found.entity.kind.as_str();
        if !facts.entities.contains(&kind) {
            facts.entities.push(kind);
        }
    }
    facts.language = primary_subtag(&triage.language.tag);
    facts.language_supported = triage.language.supported;
    facts.channel = message.channel;
    facts.tenant = &message.tenant;
    let written_by = |author| message.thread.iter().filter(|m| m.author == author).count();
    facts.thread = Conversation {
        length: message.thread.len(),
        customer_messages: written_by(Author::Customer),
        agent_messages: written_by(Author::Agent),
        trend: triage.thread_mood.as_ref().map_or(MoodTrend::Unknown, |mood| mood.trend),
        change: triage.thread_mood.as_ref().map(|mood| f64::from(mood.change)),
    };
    facts.attachments = message.attachments.len();
    facts.images = message.attachments.iter().filter(|a| is_image(&a.media_type)).count();
    facts.message_length = triage.body_chars;
    let options = &message.options;
    let options = DecideOptions { explain: options.explain, tag_style: options.tag_style };
    active.policy.decide(&facts, options)
}

/// Puts the answer into the words of other products: those that the caller names, else those of the policy.
pub(super) fn views(triage: &Triage, active: &ActivePolicy) -> Vec<ViewResult> {
    let asked = &triage.options.views;
    let names = if asked.is_empty() { active.policy.views() } else { asked };
    if names.is_empty() || triage.prediction.intents.is_empty() {
        return Vec::new();
    }
    let scorer = triage.model.scorer();
    let intents: Vec<(&str, f32)> = triage
        .prediction
        .intents
        .iter()
        .enumerate()
        .filter(|(rank, intent)| *rank == 0 || intent.presence.above())
        .filter_map(|(_, intent)| {
            Some((scorer.intents().get(intent.presence.id)?, intent.presence.probability))
        })
        .collect();
    let steps = scorer.labels(HeadName::Polarity);
    let polarity = triage.prediction.polarity.as_ref().and_then(|polarity| {
        Some((steps?.get(polarity.label)?, polarity.probabilities.as_slice()))
    });
    let flags = set_flags(triage, scorer);
    let leading = triage.prediction.intents.first().map_or(0.0, |intent| intent.leading);
    let seen = Seen {
        intents: &intents,
        primary_probability: leading,
        polarity,
        flags: &flags,
        language_confidence: triage.language.confidence,
    };
    // A model with a taxonomy of its own may lack a view that the policy names.
    let views = names.iter().filter_map(|name| triage.model.taxonomy().view(name));
    views.map(|view| view.apply(&seen)).collect()
}

/// What a model says about a text that is not in its world is no fact.
fn is_believed(triage: &Triage) -> bool {
    match triage.prediction.abstention.as_ref().map(|abstention| abstention.reason) {
        None | Some(AbstainReason::LowConfidence | AbstainReason::Ambiguous) => true,
        Some(
            AbstainReason::OutOfDistribution
            | AbstainReason::UnsupportedLanguage
            | AbstainReason::Empty,
        ) => false,
    }
}

fn add_intents<'a>(facts: &mut Facts<'a>, triage: &'a Triage, scorer: &'a Scorer) {
    let prediction = &triage.prediction;
    facts.abstain_reason =
        prediction.abstention.as_ref().map_or("", |abstention| abstention.reason.as_str());
    if !is_believed(triage) {
        return;
    }
    if let Some(group) = &prediction.group_fallback {
        facts.group_fallback = &group.name;
        facts.groups.push(&group.name);
    }
    if let Some(primary) = prediction.intents.first() {
        facts.primary = scorer.intents().get(primary.presence.id).unwrap_or_default();
        facts.primary_group = scorer.group(primary.presence.id);
        facts.primary_probability = f64::from(primary.leading);
    }
    for (rank, intent) in prediction.intents.iter().enumerate() {
        let Some(name) = scorer.intents().get(intent.presence.id) else { continue };
        facts.probabilities.push((name, f64::from(intent.presence.probability)));
        // A leading intent that the model does not stand by is present only if it is above its threshold.
        let leads = rank == 0 && !facts.abstained() && prediction.group_fallback.is_none();
        if leads || intent.presence.above() {
            facts.intents.push(name);
            let group = scorer.group(intent.presence.id);
            if !facts.groups.contains(&group) {
                facts.groups.push(group);
            }
        }
    }
}

fn add_flags<'a>(facts: &mut Facts<'a>, triage: &'a Triage, scorer: &'a Scorer) {
    if !is_believed(triage) {
        return;
    }
    facts.flags = set_flags(triage, scorer);
    let labels = scorer.labels(HeadName::Flags);
    facts.flag_probabilities = triage
        .prediction
        .flags
        .iter()
        .filter_map(|flag| Some((labels?.get(flag.id)?, f64::from(flag.probability))))
        .collect();
}

fn set_flags<'a>(triage: &'a Triage, scorer: &'a Scorer) -> Vec<&'a str> {
    let labels: Option<&LabelSet> = scorer.labels(HeadName::Flags);
    let name = |flag: &ScoredLabel| labels?.get(flag.id);
    triage.prediction.flags.iter().filter(|flag| flag.above()).filter_map(name).collect()
}

fn add_mood<'a>(facts: &mut Facts<'a>, triage: &'a Triage, scorer: &'a Scorer) {
    let (true, Some(polarity)) = (is_believed(triage), &triage.prediction.polarity) else {
        return;
    };
    let labels = scorer.labels(HeadName::Polarity);
    if let Some(label) = labels.and_then(|labels| labels.get(polarity.label)) {
        facts.mood = Mood { label, score: f64::from(polarity.score), mixed: polarity.mixed };
    }
}

fn primary_subtag(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

fn is_image(media_type: &str) -> bool {
    media_type.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/"))
}
