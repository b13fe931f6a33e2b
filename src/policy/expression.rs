//! Conditions as they are written: text to a tree without types.
//!
//! The language is a part of the Common Expression Language (CEL), with its grammar and precedences: literals, variables,
//! fields, calls, indices, lists, and the operators. What CEL has beyond that (maps, messages, bytes, unsigned numbers,
//! `null`, division) is refused by name. Other than a general parser this one bounds its recursion: a condition that is
//! nested deeper than [`MAX_DEPTH`] is refused before it can exhaust the stack of the thread.

mod lexer;
mod parser;

use std::ops::Range;

pub(super) use parser::parse;

/// Bytes of a condition at most.
pub(super) const MAX_BYTES: usize = 4_096;
/// Expressions within each other at most.
pub(super) const MAX_DEPTH: usize = 32;

/// Something wrong with a condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ExpressionFault {
    /// Byte of the condition where it stands.
    pub(super) at: usize,
    /// What it is: lower case, without full stop.
    pub(super) message: String,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    /// Bytes of the condition that it takes.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
}

/// Kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    List(Vec<Expression>),
    Name(String),
    Field {
        of: Box<Expression>,
        name: String,
    },
    Index {
        of: Box<Expression>,
        index: Box<Expression>,
    },
    Call {
        of: Option<Box<Expression>>,
        name: String,
        arguments: Vec<Expression>,
    },
    Not(Box<Expression>),
    Negative(Box<Expression>),
    /// Two or more, joined by `&&`.
    And(Vec<Expression>),
    /// Two or more, joined by `||`.
    Or(Vec<Expression>),
    Compare {
        operator: Comparison,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    In {
        element: Box<Expression>,
        list: Box<Expression>,
    },
    Compute {
        operator: Operation,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    Choice {
        condition: Box<Expression>,
        yes: Box<Expression>,
        no: Box<Expression>,
    },
}

/// Operators that compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Returns the operator as it is written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Tells whether it orders, rather than telling equal from unequal.
    pub(super) fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    /// Returns the operator that holds exactly where this one does not, for values other than NaN.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// Returns the operator that says the same with both sides exchanged.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    /// Applies the operator to two values that compare, or to NaN, which only differs.
    pub(super) fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// Operators that compute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
}

impl Operation {
    /// Returns the operator as it is written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
        }
    }
}

#[cfg(test)]
mod tests;
