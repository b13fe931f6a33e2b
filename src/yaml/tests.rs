use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn fault_of(text: &str) -> String {
    parse(text, "a.yaml").unwrap_err().to_string()
}

fn at(line: u64, column: u64) -> Position {
    Position { line, column }
}

fn entry<'a>(node: &'a Node, name: &str) -> &'a Entry {
    let Value::Map(entries) = &node.value else { panic!("not a map") };
    entries.iter().find(|entry| entry.key.text == name).unwrap()
}

#[test]
fn parts_know_their_place() {
    let root = parse("a: 1\nbö:\n  - x\n  -  c: true\n", "a.yaml").unwrap();

    assert_eq!(root.position, at(1, 1));
    assert_eq!(entry(&root, "a").value, Node { position: at(1, 4), value: Value::Integer(1) });
    let list = entry(&root, "bö");
    assert_eq!(list.key.position, at(2, 1));
    let Value::List(elements) = &list.value.value else { panic!("not a list") };
    assert_eq!(elements[0].position, at(3, 5));
    let inner = entry(&elements[1], "c");
    assert_eq!(inner.key.position, at(4, 6));
    assert_eq!(inner.value.value, Value::Boolean(true));
}

#[test]
fn scalars_are_what_they_are_written_as() {
    let root = parse("[no, yes, null, ~, '1', 1.5, .nan, 0x10, on, 2026-11-27]", "a.yaml").unwrap();

    let Value::List(list) = root.value else { panic!("not a list") };
    let values: Vec<_> = list.into_iter().map(|node| node.value).collect();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        values[..6],
        [text("no"), text("yes"), Value::Null, Value::Null, text("1"), Value::Float(1.5)]
    );
    assert!(matches!(values[6], Value::Float(number) if number.is_nan()));
    assert_eq!(values[7..], [Value::Integer(16), text("on"), text("2026-11-27")]);
}

#[test]
fn keys_are_taken_as_written() {
    let root = parse("no: 1\nnull: 2\n7: 3\ntrue: 4\n~: 5\n", "a.yaml").unwrap();

    let Value::Map(entries) = root.value else { panic!("not a map") };
    let keys: Vec<_> = entries.iter().map(|entry| entry.key.text.as_str()).collect();
    assert_eq!(keys, ["no", "null", "7", "true", "~"]);
}

#[test]
fn repeated_keys_are_reported_where_they_repeat() {
    let root = parse("a: 1\nb: 2\na: 3\n", "a.yaml").unwrap();
    let mut faults = Faults::new("a.yaml");

    root.entries(&mut faults);

    assert_eq!(faults.finish(()).unwrap_err().to_string(), "a.yaml:3:1: \"a\" occurs twice");
}

#[test]
fn unknown_fields_are_reported_with_what_was_meant() {
    let root = parse("names: 1\naliasses: 2\nzebra: 3\n", "a.yaml").unwrap();
    let mut faults = Faults::new("a.yaml");

    let mut fields = Fields::of(&root, &mut faults).unwrap();
    let missing = fields.required("definition", &mut faults);
    fields.optional("names");
    fields.optional("aliases");
    fields.finish(&mut faults);

    assert!(missing.is_none());
    assert_eq!(
        faults.finish(()).unwrap_err().to_string(),
        "a.yaml:1:1: field \"definition\" is missing\n\
         a.yaml:2:1: unknown field \"aliasses\" (did you mean \"aliases\"?)\n\
         a.yaml:3:1: unknown field \"zebra\", expected one of definition, names, aliases"
    );
}

#[test]
fn wrong_types_say_what_is_expected_and_what_is_there() {
    let root = parse("[1.5, {}, x, .inf]", "a.yaml").unwrap();
    let Value::List(list) = &root.value else { panic!("not a list") };
    let mut faults = Faults::new("a.yaml");

    list[0].text(&mut faults);
    list[1].list(&mut faults);
    list[2].number(&mut faults);
    list[3].number(&mut faults);

    assert_eq!(
        faults.finish(()).unwrap_err().to_string(),
        "a.yaml:1:2: expected a text in quotes, found 1.5\n\
         a.yaml:1:7: expected a list, found a map\n\
         a.yaml:1:11: expected a number, found \"x\"\n\
         a.yaml:1:14: expected a number, found inf"
    );
}

#[test]
fn broken_yaml_is_refused_with_its_place() {
    assert!(fault_of("a: [1, 2\nb: 3").starts_with("a.yaml:2:"), "{}", fault_of("a: [1, 2\nb: 3"));
    assert!(fault_of("a:\n\t- b\n").starts_with("a.yaml:2:"), "{}", fault_of("a:\n\t- b\n"));
    assert!(fault_of("a: 1\n---\nb: 2\n").starts_with("a.yaml:"));
    assert!(fault_of("a: !secret x\n").starts_with("a.yaml:1:"));
}

#[test]
fn byte_order_mark_is_skipped() {
    assert_eq!(parse("\u{feff}a: 1\n", "a.yaml").unwrap(), parse("a: 1\n", "a.yaml").unwrap());
}

#[test]
fn empty_file_is_nothing() {
    assert_eq!(parse("# only a comment\n", "a.yaml").unwrap().value, Value::Null);
}

#[test]
fn large_files_are_refused_unread() {
    let fault = fault_of(&" ".repeat(MAX_BYTES + 1));

    assert_eq!(fault, "a.yaml: the file has 1048577 bytes, at most 1048576 are read");
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(50_000), deep_block()] {
        fault_of(&text);
    }
}

fn deep_block() -> String {
    (0..500).fold(String::new(), |mut text, depth| {
        writeln!(text, "{}a:", " ".repeat(depth)).unwrap();
        text
    })
}

#[test]
fn alias_bombs_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").unwrap();
    }

    fault_of(&bomb);
}

#[test]
fn modest_aliases_are_read_and_stand_where_they_are_used() {
    let root = parse("a: &x [1]\nb: *x\n", "a.yaml").unwrap();

    let b = &entry(&root, "b").value;
    assert_eq!(b.position, at(2, 4));
    assert!(matches!(&b.value, Value::List(list) if list.len() == 1));
}

#[test]
fn merge_keys_are_ordinary_keys() {
    let root = parse("a: &x {b: 1}\nc:\n  <<: *x\n", "a.yaml").unwrap();

    let c = &entry(&root, "c").value;
    assert_eq!(entry(c, "<<").key.position, at(3, 3));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z0-9:#&*!|>'\"%@`{}\\[\\],?<~ \t\n\u{feff}\u{0}é-]{0,120}") {
        if let Err(faults) = parse(&text, "a.yaml") {
            prop_assert!(!faults.to_string().is_empty());
        }
    }
}
