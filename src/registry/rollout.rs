//! Rollouts: a share of the calls that name no version goes to another one (canary), or is read by another one in the
//! background (shadow).

mod canary;
mod shadow;
mod verdict;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::LoadedModel;
use crate::message::Message;

pub(super) use canary::CanaryRecord;
pub use canary::{Attempt, Canary, CanaryCounts};
pub(super) use shadow::ShadowThread;
pub use shadow::{
    Agreement, Comparison, Disagreement, Latency, ShadowJob, ShadowReport, ShadowTap,
};
pub use verdict::{ComparedHead, Verdict};

/// Thousandths of a percent in the whole.
const WHOLE: u32 = 100_000;

/// A share of keys: thousandths of a percent, from 0 to 100,000.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(u32);

/// A percentage outside of 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("percent is {percent}, must lie between 0 and 100")]
pub struct ShareError {
    percent: f64,
}

impl TryFrom<f64> for Share {
    type Error = ShareError;

    /// Makes a share of a percentage, rounded to thousandths.
    fn try_from(percent: f64) -> Result<Self, ShareError> {
        // NaN is in no range.
        if !(0.0..=100.0).contains(&percent) {
            return Err(ShareError { percent });
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked above: between 0 and 100,000"
        )]
        let thousandths = (percent * 1_000.0).round() as u32;
        Ok(Self(thousandths))
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.percent()
    }
}

impl Share {
    /// Returns the share in percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }

    /// Tells whether a key belongs to the share. A larger share has the keys of every smaller one and more.
    ///
    /// A key has a place between 0 and 99,999: the first 8 bytes of SHA-256 over `purpose`, the name of the model and the
    /// key, with a zero byte between them, read as a big-endian number, times 100,000, divided by 2^64 and rounded down.
    /// It belongs to the share when its place is less than the share's thousandths of a percent. That is a promise to
    /// callers (docs/rollout.md) and must not change.
    #[must_use]
    pub fn has(self, purpose: Purpose, model: &str, key: &str) -> bool {
        match self.0 {
            0 => return false,
            WHOLE => return true,
            _ => {}
        }
        let mut hash = Sha256::new();
        for part in [purpose.as_str(), "\0", model, "\0", key] {
            hash.update(part);
        }
        let digest = hash.finalize();
        let number = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        (u128::from(number) * u128::from(WHOLE)) >> 64 < u128::from(self.0)
    }
}

/// What a share is taken for. Canary and shadow choose independently of each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Messages that the canary answers.
    Canary,
    /// Messages that the shadow reads.
    Shadow,
}

impl Purpose {
    /// Returns the name that goes into the hash, and that logs and replies use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Shadow => "shadow",
        }
    }
}

/// What keeps messages with one version.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RolloutKey {
    /// The tenant.
    Tenant,
    /// The conversation, or where none is named, the message.
    #[default]
    Conversation,
    /// The message's id.
    Message,
}

impl RolloutKey {
    fn of(self, message: &Message) -> &str {
        match self {
            Self::Tenant => &message.tenant,
            Self::Conversation if message.conversation_id.is_empty() => &message.id,
            Self::Conversation => &message.conversation_id,
            Self::Message => &message.id,
        }
    }
}

/// A canary as somebody asked for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryRule {
    /// The version, or a label that points to it.
    pub version: String,
    /// Keys that go there.
    #[serde(rename = "percent")]
    pub share: Share,
    /// What is hashed.
    pub key: RolloutKey,
}

/// A shadow as somebody asked for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ShadowRule {
    /// The version, or a label that points to it.
    pub version: String,
    /// Messages that it reads, of those that the primary version answers.
    #[serde(rename = "percent")]
    pub share: Share,
}

/// A rollout of one model as somebody asked for it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Answers a share of the calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryRule>,
    /// Reads a share of them in the background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowRule>,
}

impl Rollout {
    /// Returns the versions or labels that it names, and what for.
    pub(super) fn versions(&self) -> impl Iterator<Item = (Purpose, &str)> {
        let canary = self.canary.iter().map(|rule| (Purpose::Canary, rule.version.as_str()));
        let shadow = self.shadow.iter().map(|rule| (Purpose::Shadow, rule.version.as_str()));
        canary.chain(shadow)
    }
}

/// A rollout beside the models of a snapshot: what was asked for, and what is in force of it, or why it is not.
#[derive(Debug)]
pub struct ActiveRollout {
    /// What was asked for.
    pub rule: Rollout,
    /// The canary; `None` without a rule for one.
    pub canary: Option<Result<Canary, Inactive>>,
    /// The shadow; `None` without a rule for one.
    pub shadow: Option<Result<ShadowTap, Inactive>>,
}

/// Why a part of a rollout is not in force.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Inactive {
    /// No version or label of that name serves.
    #[error("version {version:?} does not serve")]
    Missing {
        /// Version or label that the rule names.
        version: String,
    },
    /// The version answers these calls without a rollout.
    #[error("version {version:?} is the one that answers calls which name no version")]
    Primary {
        /// Version or label that the rule names.
        version: String,
    },
    /// The thread that reads messages in the background can't be started.
    #[error("the shadow of version {version:?} can't be started: {reason}")]
    NotStarted {
        /// Version or label that the rule names.
        version: String,
        /// Why not, with its causes.
        reason: String,
    },
}

/// Which model answers a message.
#[derive(Clone, Debug)]
pub struct Route {
    /// The model that answers, or that does when the canary fails.
    pub primary: Arc<LoadedModel>,
    /// The canary, when the message is one of its share: it is asked first, unless it keeps failing.
    pub canary: Option<Canary>,
    /// The shadow, when the message is one of its share: it reads the message if the primary model answers it.
    pub shadow: Option<ShadowTap>,
}

impl Route {
    /// A message that is answered by one model, come what may.
    #[must_use]
    pub fn direct(primary: Arc<LoadedModel>) -> Self {
        Self { primary, canary: None, shadow: None }
    }

    /// A message that named no version.
    pub(super) fn by(
        rollout: &ActiveRollout,
        primary: Arc<LoadedModel>,
        message: &Message,
    ) -> Self {
        let name = &primary.manifest().name;
        let canary = match (&rollout.rule.canary, &rollout.canary) {
            (Some(rule), Some(Ok(canary)))
                if rule.share.has(Purpose::Canary, name, rule.key.of(message)) =>
            {
                Some(canary.clone())
            }
            _ => None,
        };
        let shadow = match (&rollout.rule.shadow, &rollout.shadow) {
            (Some(rule), Some(Ok(shadow)))
                if rule.share.has(Purpose::Shadow, name, &message.id) =>
            {
                Some(shadow.clone())
            }
            _ => None,
        };
        Self { primary, canary, shadow }
    }
}

#[cfg(test)]
mod tests;
