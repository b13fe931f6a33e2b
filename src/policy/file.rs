//! Reads the file of a policy.

mod origin;
mod rules;
mod settings;

use super::rule::{Rule, Settings};
use super::vocabulary::Vocabulary;
use crate::yaml::{Faults, Fields, Node};

/// Version of the form of policy files.
const FORMAT: i64 = 1;

/// Reads a policy from its tree. `source` is the text that the tree was read from.
///
/// # Errors
/// Everything that is wrong: what `faults` holds before, and what is found here.
pub(super) fn read(
    root: &Node,
    source: &str,
    vocabulary: &Vocabulary,
    mut faults: Faults,
) -> Result<(Settings, Vec<Rule>), Faults> {
    let Some(mut fields) = Fields::of(root, &mut faults) else { return Err(faults) };
    if let Some(format) = fields.required("format", &mut faults)
        && let Some(version) = format.integer(&mut faults)
        && version != FORMAT
    {
        faults.add(format.position, format!("format {version} is not known, this is {FORMAT}"));
    }
    let settings = settings::read(&mut fields, vocabulary, &mut faults);
    let list = fields.required("rules", &mut faults);
    fields.finish(&mut faults);
    let reader = rules::Reader { source, vocabulary, settings: &settings };
    let rules = list.map(|list| reader.rules(list, &mut faults)).unwrap_or_default();
    faults.finish((settings, rules))
}
