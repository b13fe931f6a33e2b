use std::fmt::Write as _;

use proptest::prelude::*;

use crate::taxonomy::Taxonomy;

/// One of everything.
const COMPLETE: &str = "\
format: 1
languages: [en, de]
groups:
  order: { names: { en: Orders, de: Bestellungen } }
intents:
  order.status:
    definition: Asks where it is.
    names: { en: Status, de: Stand }
    aliases: [where-is-my-order, wismo]
  order.cancel:
    definition: Wants it no more.
    names: { en: Cancellation, de: Storno }
flags:
  angry:
    definition: Hostile tone.
    names: { en: Angry, de: Zornig }
    aliases: [furious]
polarity:
  very_negative: { names: { en: Awful, de: Furchtbar } }
  negative: { names: { en: Bad, de: Schlecht } }
  neutral: { names: { en: Calm, de: Ruhig } }
  positive: { names: { en: Good, de: Gut } }
  very_positive: { names: { en: Great, de: Toll } }
views:
  rules:
    description: By rules.
    intents:
      labels: [track, stop, buy]
      map: { order.status: track, order.cancel: stop }
      unreachable: { buy: Nobody buys here. }
    sentiment:
      labels: [bad, fine]
      choose: first_rule
      rules:
        - when: { flags: [angry] }
          label: bad
        - when: { polarity: [very_negative, negative] }
          label: bad
        - when: { polarity: [neutral, positive, very_positive] }
          label: fine
  scale:
    description: By bands.
    sentiment:
      labels: [low, high]
      choose: band
      number: mood
      bands:
        - { at_least: 3, label: high }
        - { at_least: 0, label: low }
      numbers:
        mood:
          minimum: 0
          maximum: 5
          decimals: 1
          weights: { neutral: 2.5, positive: 4, very_positive: 5, overlap: -1 }
    confidence:
      bands:
        - { at_least: 0.5, label: sure }
        - { at_least: 0, label: unsure }
";

fn faults_of(yaml: &str) -> String {
    Taxonomy::parse(yaml, "t.yaml").map(|_| ()).unwrap_err().to_string()
}

/// Changes of [`COMPLETE`] (what is replaced, by what) with the faults that follow, without the name of the file.
const FAULTS: &[(&str, &str, &[&str])] = &[
    ("format: 1", "format: 2", &["1:9: expected 1, the only version of the form, found 2"]),
    ("format: 1\n", "", &["1:1: field \"format\" is missing"]),
    ("views:", "vews: {}\nviews:", &["24:1: unknown field \"vews\" (did you mean \"views\"?)"]),
    (
        "[en, de]",
        "[en, de, english]",
        &["2:21: expected a BCP-47 tag such as en, found \"english\""],
    ),
    (
        "names: { en: Status, de: Stand }",
        "names: { en: Status }",
        &["8:12: names are missing in de"],
    ),
    (
        "de: Stand }",
        "de: Stand, se: X }",
        &["8:37: unknown language \"se\" (did you mean \"de\"?)"],
    ),
    ("de: Storno", "de: Stand", &["12:36: \"Stand\" is the name of \"order.status\" already"]),
    ("Asks where it is.", "", &["7:15: expected a text, found nothing"]),
    ("Asks where it is.", "17", &["7:17: expected a text in quotes, found 17"]),
    (
        "Hostile tone.",
        "' '",
        &["15:17: expected one line of text without spaces around it, found \" \""],
    ),
    (
        "order.cancel:\n",
        "order.status:\n",
        &["10:3: \"order.status\" occurs twice", "29:35: unknown intent \"order.cancel\""],
    ),
    (
        "order.cancel:\n",
        "ordre.cancel:\n",
        &[
            "10:3: \"ordre.cancel\" is in no group of this file (did you mean \"order\"?)",
            "29:12: intents are missing: ordre.cancel",
            "29:35: unknown intent \"order.cancel\" (did you mean \"ordre.cancel\"?)",
        ],
    ),
    (
        "  order: {",
        "  refund: { names: { en: R, de: R } }\n  order: {",
        &["4:3: the group \"refund\" has no intent"],
    ),
    (
        "wismo]",
        "Wismo]",
        &["9:34: expected lower-case letters and digits with hyphens between, found \"Wismo\""],
    ),
    ("wismo]", "furious]", &["17:15: \"furious\" is an alias of \"order.status\" already"]),
    ("wismo]", "wismo, wismo]", &["9:41: \"wismo\" occurs twice"]),
    ("wismo]", "angry]", &["9:34: \"angry\" is a name of this file already"]),
    (
        "  angry:\n",
        "  order.status:\n",
        &[
            "14:3: \"order.status\" is the name of an intent already",
            "35:27: unknown flag \"angry\"",
        ],
    ),
    (
        "  neutral: {",
        "  netral: {",
        &[
            "19:3: polarity needs the steps very_negative, negative, neutral, positive, very_positive in this order",
            "21:3: unknown step of polarity \"netral\" (did you mean \"neutral\"?)",
        ],
    ),
    (
        "[track, stop, buy]",
        "[track, stop, buy, sell]",
        &["28:34: no intent maps to \"sell\"; if that is meant, say why under unreachable"],
    ),
    (
        "{ buy: ",
        "{ stop: ",
        &[
            "28:23: \"stop\" is said to be unreachable, but an intent maps to it",
            "28:29: no intent maps to \"buy\"; if that is meant, say why under unreachable",
        ],
    ),
    (
        "order.cancel: stop",
        "order.cancel: stopp",
        &["29:49: \"stopp\" is not among the labels of this view (did you mean \"stop\"?)"],
    ),
    (", order.cancel: stop }", " }", &["29:12: intents are missing: order.cancel"]),
    (
        "order.cancel: stop }",
        "order.cancel: stop, order.cancl: stop }",
        &["29:55: unknown intent \"order.cancl\" (did you mean \"order.cancel\"?)"],
    ),
    (
        "choose: first_rule",
        "choose: first_rul",
        &[
            "33:15: expected one of first_rule, every_rule, highest, band, none, found \"first_rul\" (did you mean \"first_rule\"?)",
        ],
    ),
    (
        "choose: first_rule",
        "choose: none",
        &[
            "32:7: field \"labels\" does not go with none",
            "32:7: field \"numbers\" is missing for none",
            "34:7: field \"rules\" does not go with none",
        ],
    ),
    (
        "{ flags: [angry] }",
        "{ flags: [angri] }",
        &["35:27: unknown flag \"angri\" (did you mean \"angry\"?)"],
    ),
    ("{ flags: [angry] }", "{}", &["35:17: expected a condition: flags, polarity or both"]),
    (
        "{ flags: [angry] }",
        "{ flag: [angry] }",
        &[
            "35:17: expected a condition: flags, polarity or both",
            "35:19: unknown field \"flag\" (did you mean \"flags\"?)",
        ],
    ),
    (
        "[very_negative, negative]",
        "[negative]",
        &["34:7: no rule holds for very_negative without a flag"],
    ),
    (
        "[very_negative, negative]",
        "[very_negative, negativ]",
        &[
            "34:7: no rule holds for negative without a flag",
            "37:45: unknown step of polarity \"negativ\" (did you mean \"negative\"?)",
        ],
    ),
    (
        "label: fine",
        "label: fin",
        &["40:18: \"fin\" is not among the labels of this view (did you mean \"fine\"?)"],
    ),
    (
        "labels: [bad, fine]",
        "labels: [bad, fine, superb]",
        &["32:27: nothing gives the label \"superb\""],
    ),
    (
        "[neutral, positive, very_positive] }",
        "[neutral, positive, very_positive], flags: [angry] }",
        &[
            "34:7: no rule holds for neutral, positive, very_positive without a flag",
            "39:11: earlier rules hold whenever this one does",
        ],
    ),
    (
        "number: mood",
        "number: mod",
        &["46:15: no number is named \"mod\" (did you mean \"mood\"?)"],
    ),
    ("at_least: 3,", "at_least: 6,", &["48:23: expected a number from 0 to 5, found 6"]),
    ("at_least: 3,", "at_least: 0,", &["49:23: expected less than 0, the band before, found 0"]),
    (
        "- { at_least: 0, label: low }",
        "- { at_least: 1, label: low }",
        &["48:9: the last band must begin at the minimum, 0"],
    ),
    (
        "{ at_least: 0.5, label: sure }",
        "{ at_least: 1.5, label: sure }",
        &["58:23: expected a number from 0 to 1, found 1.5"],
    ),
    ("minimum: 0", "minimum: .nan", &["52:20: expected a number, found NaN"]),
    ("maximum: 5", "maximum: -5", &["51:9: the minimum, 0, is not less than the maximum, -5"]),
    (
        "maximum: 5",
        "maximum: 5.05",
        &["53:20: expected no more digits than decimals says, found 5.05"],
    ),
    ("decimals: 1", "decimals: 7", &["54:21: expected a whole number from 0 to 6, found 7"]),
    (
        "neutral: 2.5",
        "neutral: 2e9",
        &["55:31: expected a number from -1000000000 to 1000000000, found 2000000000"],
    ),
    (
        "neutral: 2.5",
        "netral: 2.5",
        &["55:22: unknown value \"netral\" (did you mean \"neutral\"?)"],
    ),
    ("neutral: 2.5", "neutral: .inf", &["55:31: expected a number, found inf"]),
    ("    description: By bands.\n", "", &["42:5: field \"description\" is missing"]),
    (
        "label: high",
        "label: hih",
        &["48:33: \"hih\" is not among the labels of this view (did you mean \"high\"?)"],
    ),
    (
        "choose: band",
        "choose: highest",
        &[
            "44:16: no number is named \"low\"",
            "44:21: no number is named \"high\"",
            "46:7: field \"number\" does not go with highest",
            "47:7: field \"bands\" does not go with highest",
        ],
    ),
    (
        "buy: Nobody buys here.",
        "bye: Nobody buys here.",
        &[
            "28:29: no intent maps to \"buy\"; if that is meant, say why under unreachable",
            "30:22: unknown label \"bye\"",
        ],
    ),
    (
        "buy: Nobody buys here.",
        "buy: ''",
        &["30:27: expected one line of text without spaces around it, found \"\""],
    ),
    (
        "          label: fine\n",
        "          label: fine\n        - { when: { polarity: [negative, neutral] }, label: bad }\n",
        &["41:11: earlier rules hold whenever this one does"],
    ),
];

#[test]
fn each_fault_is_told_with_its_place() {
    for (from, to, expected) in FAULTS {
        assert!(COMPLETE.contains(from), "{from}");
        let expected: Vec<_> = expected.iter().map(|fault| format!("t.yaml:{fault}")).collect();

        let found = faults_of(&COMPLETE.replacen(from, to, 1));

        assert_eq!(found, expected.join("\n"), "{from:?} replaced by {to:?}");
    }
}

#[test]
fn faults_of_all_sections_are_told_at_once() {
    let text = COMPLETE
        .replace("format: 1", "format: one")
        .replace("wismo", "Wismo")
        .replace("Hostile tone.", "''")
        .replace("label: fine", "label: fin")
        .replace("decimals: 1", "decimals: x");

    let lines: Vec<_> = faults_of(&text).lines().map(str::to_owned).collect();

    let places = ["1:9", "9:34", "15:17", "40:18", "54:21"];
    assert_eq!(lines.len(), places.len(), "{lines:#?}");
    for (line, place) in lines.iter().zip(places) {
        assert!(line.starts_with(&format!("t.yaml:{place}: ")), "{line}");
    }
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    for left_out in ["    aliases: [furious]\n", "    names: { en: Angry, de: Zornig }\n"] {
        let text = COMPLETE.replace(left_out, "");

        assert!(Taxonomy::parse(&text, "t.yaml").is_ok(), "{left_out}");
    }
}

#[test]
fn what_is_no_taxonomy_is_refused() {
    let deep = format!("format: 1\nintents: {}", "[".repeat(10_000));
    let wide = format!("format: 1\nintents:\n{}", "  a: 1\n".repeat(2_000));
    let large = "#".repeat((1 << 20) + 1);
    for text in ["", "[]", "7", "intents: {}", "\t", "format: 1\nintents:\n", &deep, &wide, &large]
    {
        assert!(!faults_of(text).is_empty());
    }
}

#[test]
fn a_flood_of_faults_stays_readable() {
    let mut text = String::from("format: 1\nintents:\n");
    for index in 0..20_000 {
        writeln!(text, "  i{index}: {{}}").unwrap();
    }

    let faults = faults_of(&text);

    assert!(faults.starts_with("t.yaml:3:3: expected at most 10000, found 20000\n"), "{faults}");
    assert!(faults.ends_with("t.yaml: and 9901 more"), "{faults}");
}

#[test]
fn complete_example_is_read_whole() {
    let taxonomy = Taxonomy::parse(COMPLETE, "t.yaml").unwrap();
    let view = taxonomy.view("rules").unwrap();

    assert_eq!(view.intent_labels().collect::<Vec<_>>(), ["track", "stop", "buy"]);
    assert_eq!(view.unreachable_intents().collect::<Vec<_>>(), [("buy", "Nobody buys here.")]);
    let scale = taxonomy.view("scale").unwrap();
    assert_eq!(scale.numbers().collect::<Vec<_>>(), [("mood", 0.0, 5.0)]);
    assert_eq!(taxonomy.intents().next().unwrap().aliases(), ["where-is-my-order", "wismo"]);
}

proptest! {
    #[test]
    fn a_damaged_file_is_read_or_refused(
        start in 0..COMPLETE.len(),
        length in 0_usize..40,
        inserted in "[a-z0-9:#&*!|>'\"{}\\[\\],~ \n\t\u{feff}é-]{0,8}",
    ) {
        let bytes = COMPLETE.as_bytes();
        let end = (start + length).min(COMPLETE.len());
        let text = [&bytes[..start], inserted.as_bytes(), &bytes[end..]].concat();

        let text = String::from_utf8(text).unwrap();

        if let Err(error) = Taxonomy::parse(&text, "t.yaml") {
            prop_assert!(error.to_string().starts_with("t.yaml:"));
        }
    }
}
