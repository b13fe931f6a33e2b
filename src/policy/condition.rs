//! Conditions with types, ready to be evaluated: whatever can be wrong was refused before.

use std::ops::Range;

use regex::Regex;

use super::expression::{Comparison, Operation};
use super::variables::{
    BooleanVariable, ListVariable, MapVariable, OptionalVariable, RealVariable, TextVariable,
    WholeVariable,
};

/// Something that holds or does not.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Constant(bool),
    Term(Box<Term>),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    /// If the first holds, the second, else the third.
    Choice(Box<(Condition, Condition, Condition)>),
}

/// The smallest part of a condition that holds or does not; a trace names each.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// Bytes of the condition that it takes.
    pub(super) span: Range<usize>,
    /// The part as it is written.
    pub(super) source: String,
    /// What it asks.
    pub(super) test: Test,
}

/// What a term asks.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Boolean(BooleanVariable),
    Present(OptionalVariable),
    SameText { equal: bool, left: Text, right: Text },
    SameBoolean { equal: bool, left: Condition, right: Condition },
    Number { operator: Comparison, left: Number, right: Number },
    TextIn { element: Text, list: List },
    NumberIn { element: Number, list: Vec<Number> },
    Part { kind: PartKind, text: Text, part: Text },
    Matches { text: Text, pattern: Regex },
    Quantified { quantifier: Quantifier, list: List, body: Condition },
}

/// Where a part of a text is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PartKind {
    Start,
    End,
    Anywhere,
}

impl PartKind {
    /// Tells whether the part stands there.
    pub(super) fn holds(self, text: &str, part: &str) -> bool {
        match self {
            Self::Start => text.starts_with(part),
            Self::End => text.ends_with(part),
            Self::Anywhere => text.contains(part),
        }
    }
}

/// How many elements of a list must satisfy a condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Quantifier {
    AtLeastOne,
    Every,
    ExactlyOne,
}

/// A text.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Constant(Box<str>),
    Variable(TextVariable),
    /// The element that a quantifier looks at.
    Element,
    Choice(Box<(Condition, Text, Text)>),
}

/// A whole number.
#[derive(Clone, Debug)]
pub(super) enum Whole {
    Constant(i64),
    Variable(WholeVariable),
    Elements(List),
    Characters(Text),
    Negative(Box<Whole>),
    Computed { operator: Operation, sides: Box<(Whole, Whole)> },
    Choice(Box<(Condition, Whole, Whole)>),
}

/// A number with fractions.
#[derive(Clone, Debug)]
pub(super) enum Real {
    Constant(f64),
    Variable(RealVariable),
    Entry { map: MapVariable, key: Text },
    Negative(Box<Real>),
    Computed { operator: Operation, sides: Box<(Real, Real)> },
    Choice(Box<(Condition, Real, Real)>),
}

/// A number of either kind.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Whole(Whole),
    Real(Real),
}

impl Number {
    /// Returns the number if it is written in the condition.
    #[expect(
        clippy::cast_precision_loss,
        reason = "comparisons with fractions are exact up to 2^53, far beyond any count"
    )]
    pub(super) fn constant(&self) -> Option<f64> {
        match self {
            Self::Whole(Whole::Constant(value)) => Some(*value as f64),
            Self::Real(Real::Constant(value)) => Some(*value),
            Self::Whole(_) | Self::Real(_) => None,
        }
    }
}

/// A list of texts.
#[derive(Clone, Debug)]
pub(super) enum List {
    Variable(ListVariable),
    Literal(Vec<Text>),
}
