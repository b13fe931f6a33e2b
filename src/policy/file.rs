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
/// The result is there whenever it can be; what is wrong is in `faults`.
pub(super) fn read(
    root: &Node,
    source: &str,
    vocabulary: &Vocabulary,
    faults: &mut Faults,
) -> Option<(Settings, Vec<Rule>)> {
    let mut fields = Fields::of(root, faults)?;
    if let Some(format) = fields.required("format", faults)
        && let Some(version) = format.integer(faults)
        && version != FORMAT
    {
        faults.add(format.position, format!("format {version} is not known, this is {FORMAT}"));
    }
    let settings = settings::read(&mut fields, vocabulary, faults);
    let list = fields.required("rules", faults);
    fields.finish(faults);
    let reader = rules::Reader { source, vocabulary, settings: &settings };
    let rules = list.map(|list| reader.rules(list, faults)).unwrap_or_default();
    Some((settings, rules))
}
