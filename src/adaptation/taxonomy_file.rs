//! The taxonomy of an adapted model: that of its base with the new labels, or one of its own.
//!
//! A taxonomy that is extended keeps its text, comments included: entries are put in where their sections end.

use crate::taxonomy::{LabelEntry, Taxonomy, TaxonomyError};

/// A label that the taxonomy does not know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewLabel {
    /// Its name.
    pub name: String,
    /// What it means, in one line.
    pub definition: String,
    /// An intent that is said in the words of other products in the same way; views have to map every intent.
    pub like: Option<String>,
}

/// Adds intents and flags to a taxonomy file.
///
/// # Errors
/// [`TaxonomyError`] when the result is none: the file is written in another style than block style, or a view does not
/// map the intent that a new one is like.
pub fn extended(
    yaml: &str,
    intents: &[NewLabel],
    flags: &[NewLabel],
) -> Result<String, TaxonomyError> {
    let mut lines: Vec<String> = yaml.lines().map(str::to_owned).collect();
    let groups = new_groups(&lines, intents);
    insert(&mut lines, "groups", &groups);
    insert(&mut lines, "intents", &entries(intents));
    if section(&lines, "flags").is_none() && !flags.is_empty() {
        lines.push("flags:".to_owned());
    }
    insert(&mut lines, "flags", &entries(flags));
    let lines = with_views(lines, intents);
    let text = lines.join("\n") + "\n";
    Taxonomy::parse(&text, "taxonomy.yaml")?;
    Ok(text)
}

/// Writes a taxonomy for labels, with what `known` says about those that it knows.
///
/// # Errors
/// [`TaxonomyError`] when a name or a definition is none.
pub fn replaced(
    known: &Taxonomy,
    intents: &[NewLabel],
    flags: &[NewLabel],
) -> Result<String, TaxonomyError> {
    let languages: Vec<&str> = known.languages().collect();
    let mut lines = vec!["format: 1".to_owned(), "languages:".to_owned()];
    lines.extend(languages.iter().map(|language| format!("  - {language}")));
    for (section, labels, is_intent) in [("intents:", intents, true), ("flags:", flags, false)] {
        if labels.is_empty() {
            continue;
        }
        lines.push(section.to_owned());
        for label in labels {
            let entry = if is_intent {
                known.intents().find(|entry| entry.name() == label.name)
            } else {
                known.flags().find(|entry| entry.name() == label.name)
            };
            match entry {
                Some(entry) => lines.extend(known_entry(entry, &languages)),
                None => lines.extend(new_entry(label)),
            }
        }
    }
    let text = lines.join("\n") + "\n";
    Taxonomy::parse(&text, "taxonomy.yaml")?;
    Ok(text)
}

fn known_entry(entry: &LabelEntry, languages: &[&str]) -> Vec<String> {
    let mut lines = vec![
        format!("  {}:", scalar(entry.name())),
        format!("    definition: {}", quoted(entry.definition())),
    ];
    if !entry.names().is_empty() {
        lines.push("    names:".to_owned());
        let titles = languages.iter().zip(entry.names());
        lines
            .extend(titles.map(|(language, title)| format!("      {language}: {}", quoted(title))));
    }
    if !entry.aliases().is_empty() {
        lines.push("    aliases:".to_owned());
        lines.extend(entry.aliases().iter().map(|alias| format!("      - {}", quoted(alias))));
    }
    if entry.person_required() {
        lines.push("    person_required: true".to_owned());
    }
    lines
}

fn new_entry(label: &NewLabel) -> [String; 2] {
    [
        format!("  {}:", scalar(&label.name)),
        format!("    definition: {}", quoted(&label.definition)),
    ]
}

fn entries(labels: &[NewLabel]) -> Vec<String> {
    labels.iter().flat_map(new_entry).collect()
}

/// Groups of new intents that a file with a section of groups lacks.
fn new_groups(lines: &[String], intents: &[NewLabel]) -> Vec<String> {
    let Some((start, end)) = section(lines, "groups") else { return vec![] };
    let mut known: Vec<String> = lines
        .get(start..end)
        .unwrap_or_default()
        .iter()
        .filter(|line| indent(line) == 2)
        .filter_map(|line| key(line))
        .collect();
    let mut new = Vec::new();
    for intent in intents {
        let group = crate::labels::group_of(&intent.name).to_owned();
        if !known.contains(&group) {
            new.push(format!("  {}: {{}}", scalar(&group)));
            known.push(group);
        }
    }
    new
}

/// Returns where the lines of a section begin and end.
fn section(lines: &[String], name: &str) -> Option<(usize, usize)> {
    let head = format!("{name}:");
    let start = lines.iter().position(|line| line.trim_end() == head)? + 1;
    let inside = lines.iter().enumerate().skip(start);
    let mut end = start;
    for (index, line) in inside {
        if line.trim().is_empty() {
            continue;
        }
        if indent(line) == 0 {
            break;
        }
        end = index + 1;
    }
    Some((start, end))
}

fn insert(lines: &mut Vec<String>, name: &str, more: &[String]) {
    if let Some((_, end)) = section(lines, name) {
        lines.splice(end..end, more.iter().cloned());
    }
}

/// Lets every view say of a new intent what it says of the one that it is like.
fn with_views(lines: Vec<String>, intents: &[NewLabel]) -> Vec<String> {
    let Some((start, end)) = section(&lines, "views") else { return lines };
    let mut result = Vec::with_capacity(lines.len());
    let mut map: Option<usize> = None;
    for (index, line) in lines.into_iter().enumerate() {
        let is_entry = (start..end).contains(&index) && !line.trim().is_empty();
        let own_indent = indent(&line);
        if is_entry && map.is_some_and(|map| own_indent <= map) {
            map = None;
        }
        let mut copies = Vec::new();
        if is_entry && map.is_some() {
            let known = key(&line);
            let like = intents.iter().filter(|intent| intent.like == known && known.is_some());
            let value = line.split_once(": ").map_or("", |(_, value)| value);
            let pad = " ".repeat(own_indent);
            copies.extend(like.map(|intent| format!("{pad}{}: {value}", scalar(&intent.name))));
        } else if is_entry && line.trim() == "map:" {
            map = Some(own_indent);
        }
        result.push(line);
        result.extend(copies);
    }
    result
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Returns the key of a line `key: value`, without quotes.
fn key(line: &str) -> Option<String> {
    let line = line.trim();
    let (key, rest) = line.split_once(':')?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| key.trim_matches(['"', '\'']).to_owned())
}

/// Writes a name in the way that reads best and means the text alone.
fn scalar(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain);
    // Words that YAML takes for truth values and nothing.
    let is_word = matches!(
        name.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null"
    );
    if is_plain && !is_word { name.to_owned() } else { quoted(name) }
}

/// Quotes a text as JSON does, which YAML reads as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::taxonomy::DEFAULT_YAML;

    fn label(name: &str, like: Option<&str>) -> NewLabel {
        NewLabel {
            name: name.to_owned(),
            definition: "Says \"it\": one line.".to_owned(),
            like: like.map(str::to_owned),
        }
    }

    #[test]
    fn new_labels_join_the_taxonomy_inside_the_program() {
        let intents = [
            label("payment.apple_pay", Some("payment.methods")),
            label("crypto.wallet", Some("payment.methods")),
            label("größe: egal", Some("order.status")),
        ];

        let yaml = extended(DEFAULT_YAML, &intents, &[label("vip", None)]).unwrap();

        let before = Taxonomy::parse(DEFAULT_YAML, "before").unwrap();
        let after = Taxonomy::parse(&yaml, "after").unwrap();
        assert_eq!(after.intents().len(), before.intents().len() + 3);
        assert_eq!(after.flags().len(), before.flags().len() + 1);
        assert_eq!(after.views().len(), before.views().len());
        let names: Vec<&str> = after.intents().map(LabelEntry::name).collect();
        assert_eq!(names[names.len() - 3..], ["payment.apple_pay", "crypto.wallet", "größe: egal"]);
        assert!(after.groups().any(|group| group.name() == "crypto"));
        assert_eq!(after.person_required("angry"), before.person_required("angry"));
        assert!(DEFAULT_YAML.lines().all(|line| yaml.contains(line)), "no line is lost");
    }

    #[test]
    fn views_say_of_a_new_intent_what_they_say_of_the_one_that_it_is_like() {
        let yaml = "format: 1\nintents:\n  a:\n    definition: A.\n  b:\n    definition: B.\nviews:\n  old:\n    \
                    description: Old.\n    intents:\n      labels:\n        - X\n        - Y\n      map:\n        a: X\n        \
                    b: Y\n";

        let yaml = extended(yaml, &[label("c.d", Some("b"))], &[]).unwrap();

        assert!(yaml.contains("        b: Y\n        c.d: Y\n"), "{yaml}");
    }

    #[test]
    fn flags_get_a_section_where_there_is_none() {
        let yaml =
            extended("format: 1\nintents:\n  a:\n    definition: A.\n", &[], &[label("f", None)]);

        assert!(Taxonomy::parse(&yaml.unwrap(), "after").unwrap().flags().any(|f| f.name() == "f"));
    }

    #[test]
    fn file_in_another_style_is_refused_and_not_damaged() {
        let yaml = "{format: 1, intents: {a: {definition: A.}}}\n";
        let result = extended(yaml, &[label("b", None)], &[]);

        // Nothing could be put in, so the label is missing, which whoever asked has to look at.
        let labels = Taxonomy::parse(&result.unwrap(), "after").unwrap();
        assert!(!labels.intents().any(|intent| intent.name() == "b"));
    }

    #[test]
    fn taxonomy_of_its_own_keeps_what_is_known_of_a_label() {
        let known = Taxonomy::parse(DEFAULT_YAML, "known").unwrap();
        let intents = [label("order.status", None), label("bug.crash", None)];

        let yaml = replaced(&known, &intents, &[label("angry", None)]).unwrap();

        let own = Taxonomy::parse(&yaml, "own").unwrap();
        assert_eq!(
            own.display_name("order.status", "de"),
            known.display_name("order.status", "de")
        );
        assert_eq!(own.display_name("bug.crash", "de"), Some("bug.crash"));
        assert!(own.person_required("angry"));
    }
}
