//! Rollouts on the wire.

use crate::grpc::pb;
use crate::message::{ValidationError, ValidationErrors};
use crate::registry::Snapshot;
use crate::registry::rollout::{
    ActiveRollout, Agreement, CanaryRule, Disagreement, Inactive, Latency, Rollout, RolloutKey,
    ShadowReport, ShadowRule, Share, Verdict,
};

/// Reads a request: name of the model and what is asked for.
///
/// # Errors
/// [`ValidationErrors`] with every broken rule.
pub(super) fn rule(request: pb::SetRolloutRequest) -> Result<(String, Rollout), ValidationErrors> {
    let pb::SetRolloutRequest { name, canary, shadow } = request;
    let mut errors = ValidationErrors::default();
    if name.is_empty() {
        errors.push("name", ValidationError::Missing);
    }
    if canary.is_none() && shadow.is_none() {
        errors.push("canary", ValidationError::Missing);
    }
    let canary = canary.map(|pb::Canary { version, percent, key }| {
        require_version("canary.version", &version, &mut errors);
        let share = share_of("canary.percent", percent, &mut errors);
        CanaryRule { version, share, key: key_of(key, &mut errors) }
    });
    let shadow = shadow.map(|pb::Shadow { version, percent }| {
        require_version("shadow.version", &version, &mut errors);
        ShadowRule { version, share: share_of("shadow.percent", percent, &mut errors) }
    });
    if errors.violations().is_empty() {
        Ok((name, Rollout { canary, shadow }))
    } else {
        Err(errors)
    }
}

fn require_version(field: &str, version: &str, errors: &mut ValidationErrors) {
    if version.is_empty() {
        errors.push(field, ValidationError::Missing);
    }
}

fn share_of(field: &str, percent: f64, errors: &mut ValidationErrors) -> Share {
    Share::try_from(percent).unwrap_or_else(|_| {
        errors.push(field, ValidationError::OutOfRange { value: percent, min: 0.0, max: 100.0 });
        Share::default()
    })
}

fn key_of(value: i32, errors: &mut ValidationErrors) -> RolloutKey {
    match pb::RolloutKey::try_from(value) {
        Ok(pb::RolloutKey::Unspecified) => RolloutKey::default(),
        Ok(pb::RolloutKey::Tenant) => RolloutKey::Tenant,
        Ok(pb::RolloutKey::Conversation) => RolloutKey::Conversation,
        Ok(pb::RolloutKey::Message) => RolloutKey::Message,
        Err(_) => {
            errors.push("canary.key", ValidationError::UnknownValue { value });
            RolloutKey::default()
        }
    }
}

/// Describes how the rollout of a model stands; a model without one has neither canary nor shadow.
pub(super) fn describe(name: &str, snapshot: &Snapshot) -> pb::Rollout {
    let primary = snapshot.primary(name).map(|model| model.manifest().version.clone());
    let rollout = snapshot.rollout(name);
    pb::Rollout {
        name: name.to_owned(),
        primary_version: primary.unwrap_or_default(),
        canary: rollout.and_then(canary),
        shadow: rollout.and_then(shadow),
    }
}

fn canary(rollout: &ActiveRollout) -> Option<pb::CanaryStatus> {
    let CanaryRule { version, share, key } = rollout.rule.canary.clone()?;
    let key = match key {
        RolloutKey::Tenant => pb::RolloutKey::Tenant,
        RolloutKey::Conversation => pb::RolloutKey::Conversation,
        RolloutKey::Message => pb::RolloutKey::Message,
    };
    let rule = pb::Canary { version, percent: share.percent(), key: key.into() };
    let mut status = pb::CanaryStatus { canary: Some(rule), ..pb::CanaryStatus::default() };
    match rollout.canary.as_ref()? {
        Err(inactive) => status.inactive_reason = inactive.to_string(),
        Ok(canary) => {
            let counts = canary.counts();
            status.version.clone_from(&canary.model().manifest().version);
            status.offered = counts.offered;
            status.answered = counts.answered;
            status.fell_back = counts.fell_back;
            status.bypassed = counts.bypassed;
        }
    }
    Some(status)
}

fn shadow(rollout: &ActiveRollout) -> Option<pb::ShadowStatus> {
    let ShadowRule { version, share } = rollout.rule.shadow.clone()?;
    let rule = pb::Shadow { version, percent: share.percent() };
    let tap = rollout.shadow.as_ref()?.as_ref();
    Some(pb::ShadowStatus {
        shadow: Some(rule),
        version: tap.map(|tap| tap.version().to_owned()).unwrap_or_default(),
        inactive_reason: tap.err().map(Inactive::to_string).unwrap_or_default(),
        report: tap.ok().map(|tap| report(tap.report())),
    })
}

fn report(report: ShadowReport) -> pb::ShadowReport {
    let ShadowReport {
        since,
        sampled,
        compared,
        dropped,
        failed,
        waiting,
        comparison,
        primary_inference,
        shadow_inference,
        disagreements,
    } = report;
    pb::ShadowReport {
        since: Some(since.into()),
        sampled,
        compared,
        dropped,
        failed,
        waiting,
        all: Some(agreement(comparison.all)),
        primary_intent: Some(agreement(comparison.primary)),
        intents: Some(agreement(comparison.intents)),
        polarity: Some(agreement(comparison.polarity)),
        flags: Some(agreement(comparison.flags)),
        primary_inference: Some(latency(primary_inference)),
        shadow_inference: Some(latency(shadow_inference)),
        disagreements: disagreements.into_iter().map(disagreement).collect(),
    }
}

fn agreement(Agreement { compared, agreed }: Agreement) -> pb::VersionAgreement {
    pb::VersionAgreement { compared, agreed }
}

fn latency(Latency { count, p50, p95, p99, max }: Latency) -> pb::LatencySummary {
    let [p50_us, p95_us, p99_us, max_us] =
        [p50, p95, p99, max].map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    pb::LatencySummary { count, p50_us, p95_us, p99_us, max_us }
}

fn disagreement(disagreement: Disagreement) -> pb::Disagreement {
    let Disagreement { id, compared_at, said, found } = disagreement;
    pb::Disagreement {
        id,
        compared_at: Some(compared_at.into()),
        primary: Some(answer(said)),
        shadow: Some(answer(found)),
    }
}

fn answer(Verdict { primary, intents, polarity, flags }: Verdict) -> pb::ComparedAnswer {
    pb::ComparedAnswer {
        primary_intent: primary.unwrap_or_default(),
        intents: intents.into_iter().flatten().collect(),
        polarity: polarity.unwrap_or_default(),
        flags: flags.into_iter().flatten().collect(),
    }
}
