//! The safety floor: when nothing may happen to a message without a person, whatever the policy says.
//!
//! What calls for a person is said by the taxonomy of the model; some names call for one even where it does not say so.

use super::facts::Facts;

/// Flags that call for a person by their name.
const FLAGS: [&str; 2] = ["angry", "safety_risk"];
/// Flags that begin like this call for a person, too.
const THREATS: &str = "threat_";
/// The wish for a person.
const HUMAN_AGENT: &str = "support.human_agent";

/// Tells whether a flag calls for a person when it is set: by its name, or because the taxonomy has it `marked`.
#[must_use]
pub fn calls_for_person(flag: &str, marked: bool) -> bool {
    marked || FLAGS.contains(&flag) || flag.starts_with(THREATS)
}

/// Returns why nothing may run without a person; nothing if it may.
pub(super) fn reasons(facts: &Facts<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    if facts.abstained() {
        reasons.push(format!("the model declined to decide: {}", facts.abstain_reason));
    }
    if !facts.group_fallback.is_empty() {
        reasons.push(format!("only the group is sure: {}", facts.group_fallback));
    }
    if !facts.tells_person_required {
        reasons.push("the model cannot tell whether a person is needed".to_owned());
    }
    for flag in &facts.flags {
        if calls_for_person(flag, facts.person_required.contains(flag)) {
            reasons.push(format!("the flag {flag} is set"));
        }
    }
    if facts.primary == HUMAN_AGENT || facts.intents.contains(&HUMAN_AGENT) {
        reasons.push(format!("the customer wants a person ({HUMAN_AGENT})"));
    }
    for label in &facts.person_required {
        if *label != HUMAN_AGENT && !facts.flags.contains(label) {
            reasons.push(format!("{label} calls for a person"));
        }
    }
    for label in &facts.earlier_person_required {
        reasons.push(format!("an earlier message of the customer calls for a person: {label}"));
    }
    if facts.truncated {
        reasons.push("the text was too long, the model has not read all of it".to_owned());
    }
    reasons
}
