//! The safety floor: when nothing may happen to a message without a person, whatever the policy says.

use super::facts::Facts;

/// Flags that call for a person.
const FLAGS: [&str; 2] = ["angry", "safety_risk"];
/// Flags that begin like this call for a person, too.
const THREATS: &str = "threat_";
/// The wish for a person.
const HUMAN_AGENT: &str = "support.human_agent";

/// Returns why nothing may run without a person; nothing if it may.
pub(super) fn reasons(facts: &Facts<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    if facts.abstained() {
        reasons.push(format!("the model declined to decide: {}", facts.abstain_reason));
    }
    for flag in &facts.flags {
        if FLAGS.contains(flag) || flag.starts_with(THREATS) {
            reasons.push(format!("the flag {flag} is set"));
        }
    }
    if facts.primary == HUMAN_AGENT || facts.intents.contains(&HUMAN_AGENT) {
        reasons.push(format!("the customer wants a person ({HUMAN_AGENT})"));
    }
    reasons
}
