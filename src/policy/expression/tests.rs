use super::*;

fn parsed(source: &str) -> Kind {
    parse(source).unwrap().kind
}

fn text(source: &str) -> String {
    let Kind::Text(text) = parsed(source) else { panic!("{source}") };
    text
}

#[test]
fn and_binds_closer_than_or_and_both_closer_than_the_choice() {
    let Kind::Choice { condition, .. } = parsed("a || b && c ? d : e") else { panic!() };
    let Kind::Or(parts) = condition.kind else { panic!() };

    assert_eq!(parts.len(), 2);
    assert!(matches!(parts[1].kind, Kind::And(_)));
}

#[test]
fn products_bind_closer_than_sums_and_both_closer_than_comparisons() {
    let Kind::Compare { operator, left, .. } = parsed("1 - 2 * 3 - 4 <= 5") else { panic!() };
    let Kind::Compute { operator: outer, left: first, .. } = left.kind else { panic!() };
    let Kind::Compute { operator: inner, right: product, .. } = first.kind else { panic!() };

    assert_eq!(operator, Comparison::LessOrEqual);
    assert_eq!((outer, inner), (Operation::Subtract, Operation::Subtract));
    assert!(matches!(product.kind, Kind::Compute { operator: Operation::Multiply, .. }));
}

#[test]
fn strings_are_read_with_all_their_forms() {
    assert_eq!(text(r#""a\"b\\c\n\u00e4\x41\101\U0001F980""#), "a\"b\\c\näAA🦀");
    assert_eq!(text("'a\"b'"), "a\"b");
    assert_eq!(text(r#"r"a\d""#), r"a\d");
    assert_eq!(text("\"\"\"a\"b\nc\"\"\""), "a\"b\nc");
}

#[test]
fn numbers_are_read_with_all_their_forms() {
    assert_eq!(parsed("0x1F"), Kind::Integer(31));
    assert_eq!(parsed("-9223372036854775808"), Kind::Integer(i64::MIN));
    assert_eq!(parsed("1.5e3"), Kind::Double(1500.0));
    assert_eq!(parsed(".5"), Kind::Double(0.5));
    for wrong in
        ["9223372036854775808", "0x", "1x", "1e", "1e999", "1.5.2", "\"\\ud800\"", "\"\\q\""]
    {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn spans_cover_what_was_written() {
    let source = "abstained && (has( order.value )) ";
    let Kind::And(parts) = parsed(source) else { panic!() };

    assert_eq!(source.get(parts[0].span.clone()).unwrap(), "abstained");
    assert_eq!(source.get(parts[1].span.clone()).unwrap(), "(has( order.value ))");
}

#[test]
fn faults_point_to_the_byte() {
    assert_eq!(parse("a && ").unwrap_err().at, 5);
    assert_eq!(parse("a == 'x").unwrap_err().at, 5);
    assert_eq!(parse("ä").unwrap_err().at, 0);
    assert_eq!(parse("a /* b").unwrap_err().at, 2);
}
