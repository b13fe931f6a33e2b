//! Tokens to a tree, by recursive descent.

use std::ops::Range;

use super::lexer::{Token, TokenKind, tokens};
use super::{Comparison, Expression, ExpressionFault, Kind, MAX_BYTES, MAX_DEPTH, Operation};

/// Words that CEL keeps for itself.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

type Parsed = Result<Expression, ExpressionFault>;

/// Reads a condition.
///
/// # Errors
/// The first fault; nothing can be said about the rest after it.
pub(in crate::policy) fn parse(source: &str) -> Parsed {
    if source.len() > MAX_BYTES {
        let message =
            format!("the condition has {} bytes, at most {MAX_BYTES} are read", source.len());
        return Err(ExpressionFault { at: 0, message });
    }
    let mut parser = Parser { tokens: tokens(source)?, next: 0, depth: 0 };
    if parser.peek() == &TokenKind::End {
        return parser.fault("the condition is empty, write true for a rule that always holds");
    }
    let expression = parser.expression()?;
    if parser.peek() != &TokenKind::End {
        return parser.unexpected("an operator or the end of the condition");
    }
    Ok(expression)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.next).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn span(&self) -> Range<usize> {
        // The list of tokens ends with one that is never passed.
        self.tokens.get(self.next).map_or(0..0, |token| token.span.clone())
    }

    fn previous_end(&self) -> usize {
        let before = self.next.checked_sub(1).and_then(|index| self.tokens.get(index));
        before.map_or(0, |token| token.span.end)
    }

    fn advance(&mut self) {
        if self.peek() != &TokenKind::End {
            self.next += 1;
        }
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), TokenKind::Symbol(found) if *found == symbol)
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), ExpressionFault> {
        if self.takes(symbol) {
            return Ok(());
        }
        self.unexpected(&format!("{symbol:?}"))
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, ExpressionFault> {
        Err(ExpressionFault { at: self.span().start, message: message.into() })
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, ExpressionFault> {
        let found = match self.peek() {
            TokenKind::Symbol("=") => {
                return self.fault("\"=\" is no operator, equality is \"==\"");
            }
            TokenKind::Symbol(symbol) => format!("{symbol:?}"),
            TokenKind::Name(name) => match name.as_str() {
                "and" => return self.fault("unexpected \"and\", it is written &&"),
                "or" => return self.fault("unexpected \"or\", it is written ||"),
                "not" => return self.fault("unexpected \"not\", it is written !"),
                _ => format!("{name:?}"),
            },
            TokenKind::Integer(_) | TokenKind::Double(_) => "a number".into(),
            TokenKind::Text(_) => "a string".into(),
            TokenKind::End => "the end".into(),
        };
        self.fault(format!("expected {expected}, found {found}"))
    }

    /// Goes one level down, unless that is too deep. What is entered must be left.
    fn enter(&mut self) -> Result<(), ExpressionFault> {
        if self.depth >= MAX_DEPTH {
            return self.fault(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        Ok(())
    }

    /// Reads any expression. Each level of brackets passes here once.
    fn expression(&mut self) -> Parsed {
        self.enter()?;
        let condition = self.or()?;
        if !self.takes("?") {
            self.depth -= 1;
            return Ok(condition);
        }
        let yes = self.or()?;
        self.expect(":")?;
        let no = self.expression()?;
        self.depth -= 1;
        let span = condition.span.start..no.span.end;
        let (condition, yes, no) = (Box::new(condition), Box::new(yes), Box::new(no));
        Ok(Expression { span, kind: Kind::Choice { condition, yes, no } })
    }

    fn or(&mut self) -> Parsed {
        let first = self.and()?;
        if !self.is("||") {
            return Ok(first);
        }
        let start = first.span.start;
        let mut parts = vec![first];
        while self.takes("||") {
            parts.push(self.and()?);
        }
        Ok(Expression { span: start..self.previous_end(), kind: Kind::Or(parts) })
    }

    fn and(&mut self) -> Parsed {
        let first = self.relation()?;
        if !self.is("&&") {
            return Ok(first);
        }
        let start = first.span.start;
        let mut parts = vec![first];
        while self.takes("&&") {
            parts.push(self.relation()?);
        }
        Ok(Expression { span: start..self.previous_end(), kind: Kind::And(parts) })
    }

    /// Reads a comparison. Two in a row (`a < b < c`) would compare a boolean, which is never meant.
    fn relation(&mut self) -> Parsed {
        let left = self.sum()?;
        let Some(relation) = self.relation_operator() else {
            return Ok(left);
        };
        self.advance();
        let right = self.sum()?;
        if self.relation_operator().is_some() {
            return self.fault("comparisons cannot follow each other, join them with &&");
        }
        let span = left.span.start..right.span.end;
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = match relation {
            Relation::Compare(operator) => Kind::Compare { operator, left, right },
            Relation::In => Kind::In { element: left, list: right },
        };
        Ok(Expression { span, kind })
    }

    fn relation_operator(&self) -> Option<Relation> {
        Some(match self.peek() {
            TokenKind::Symbol("==") => Relation::Compare(Comparison::Equal),
            TokenKind::Symbol("!=") => Relation::Compare(Comparison::NotEqual),
            TokenKind::Symbol("<") => Relation::Compare(Comparison::Less),
            TokenKind::Symbol("<=") => Relation::Compare(Comparison::LessOrEqual),
            TokenKind::Symbol(">") => Relation::Compare(Comparison::Greater),
            TokenKind::Symbol(">=") => Relation::Compare(Comparison::GreaterOrEqual),
            TokenKind::Name(name) if name == "in" => Relation::In,
            TokenKind::Symbol(_)
            | TokenKind::Name(_)
            | TokenKind::Integer(_)
            | TokenKind::Double(_)
            | TokenKind::Text(_)
            | TokenKind::End => return None,
        })
    }

    fn sum(&mut self) -> Parsed {
        let operators = [("+", Operation::Add), ("-", Operation::Subtract)];
        self.chain(&operators, |parser| parser.chain(&[("*", Operation::Multiply)], Self::factor))
    }

    /// Reads operands joined by operators of one rank, from left to right. Each one more is a level in the tree.
    fn chain(
        &mut self,
        operators: &[(&str, Operation)],
        operand: impl Fn(&mut Self) -> Parsed,
    ) -> Parsed {
        let depth = self.depth;
        let mut left = operand(self)?;
        while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.is(symbol)) {
            self.enter()?;
            self.advance();
            let right = operand(self)?;
            let span = left.span.start..right.span.end;
            let (operator, boxed) = (*operator, Box::new(left));
            let kind = Kind::Compute { operator, left: boxed, right: Box::new(right) };
            left = Expression { span, kind };
        }
        self.depth = depth;
        Ok(left)
    }

    fn factor(&mut self) -> Parsed {
        let factor = self.unary()?;
        if self.is("/") {
            return self.fault("division is not supported, compare with a product instead");
        }
        if self.is("%") {
            return self.fault("the remainder % is not supported");
        }
        Ok(factor)
    }

    fn unary(&mut self) -> Parsed {
        let start = self.span().start;
        if self.takes("!") {
            self.enter()?;
            let operand = self.unary()?;
            self.depth -= 1;
            let span = start..operand.span.end;
            return Ok(Expression { span, kind: Kind::Not(Box::new(operand)) });
        }
        if !self.takes("-") {
            return self.member();
        }
        let literal = match *self.peek() {
            TokenKind::Integer(value) => {
                let value = i64::try_from(-i128::from(value)).unwrap_or(i64::MIN);
                Some(Kind::Integer(value))
            }
            TokenKind::Double(value) => Some(Kind::Double(-value)),
            TokenKind::Name(_) | TokenKind::Text(_) | TokenKind::Symbol(_) | TokenKind::End => None,
        };
        if let Some(kind) = literal {
            self.advance();
            return Ok(Expression { span: start..self.previous_end(), kind });
        }
        self.enter()?;
        let operand = self.unary()?;
        self.depth -= 1;
        let span = start..operand.span.end;
        Ok(Expression { span, kind: Kind::Negative(Box::new(operand)) })
    }

    fn member(&mut self) -> Parsed {
        let depth = self.depth;
        let mut of = self.primary()?;
        loop {
            let start = of.span.start;
            let kind = if self.takes(".") {
                self.enter()?;
                let name = self.name()?;
                if self.takes("(") {
                    let arguments = self.list_until(")")?;
                    Kind::Call { of: Some(Box::new(of)), name, arguments }
                } else {
                    Kind::Field { of: Box::new(of), name }
                }
            } else if self.takes("[") {
                self.enter()?;
                let index = Box::new(self.expression()?);
                self.expect("]")?;
                Kind::Index { of: Box::new(of), index }
            } else if self.is("{") {
                return self.fault("messages and maps are not supported");
            } else {
                self.depth = depth;
                return Ok(of);
            };
            of = Expression { span: start..self.previous_end(), kind };
        }
    }

    fn name(&mut self) -> Result<String, ExpressionFault> {
        match self.peek() {
            TokenKind::Name(name) => {
                let name = name.clone();
                self.advance();
                Ok(name)
            }
            TokenKind::Symbol("?") => self.fault("optional fields (.?) are not supported"),
            TokenKind::Symbol(_)
            | TokenKind::Integer(_)
            | TokenKind::Double(_)
            | TokenKind::Text(_)
            | TokenKind::End => self.unexpected("a name"),
        }
    }

    fn list_until(&mut self, closing: &str) -> Result<Vec<Expression>, ExpressionFault> {
        let mut elements = Vec::new();
        while !self.takes(closing) {
            elements.push(self.expression()?);
            if !self.is(closing) {
                self.expect(",")?;
                if closing == ")" && self.is(")") {
                    return self.unexpected("an argument");
                }
            }
        }
        Ok(elements)
    }

    fn primary(&mut self) -> Parsed {
        let start = self.span().start;
        let kind = match self.peek().clone() {
            TokenKind::Integer(value) => {
                let Ok(value) = i64::try_from(value) else {
                    return self.fault("malformed number, or one beyond 64 bits");
                };
                self.advance();
                Kind::Integer(value)
            }
            TokenKind::Double(value) => {
                self.advance();
                Kind::Double(value)
            }
            TokenKind::Text(text) => {
                self.advance();
                Kind::Text(text)
            }
            TokenKind::Name(name) => self.named(&name)?,
            TokenKind::Symbol("(") => {
                self.advance();
                let inner = self.expression()?;
                self.expect(")")?;
                inner.kind
            }
            TokenKind::Symbol("[") => {
                self.advance();
                Kind::List(self.list_until("]")?)
            }
            TokenKind::Symbol("{") => return self.fault("maps are not supported"),
            TokenKind::Symbol(_) | TokenKind::End => return self.unexpected("a value"),
        };
        Ok(Expression { span: start..self.previous_end(), kind })
    }

    fn named(&mut self, name: &str) -> Result<Kind, ExpressionFault> {
        match name {
            "true" | "false" => {
                self.advance();
                return Ok(Kind::Boolean(name == "true"));
            }
            "null" => return self.fault("null is not supported, ask has(…)"),
            "in" | "not" => return self.unexpected("a value"),
            _ if RESERVED.contains(&name) => {
                return self.fault(format!("{name:?} is a reserved word"));
            }
            _ => self.advance(),
        }
        if !self.takes("(") {
            return Ok(Kind::Name(name.to_owned()));
        }
        let arguments = self.list_until(")")?;
        Ok(Kind::Call { of: None, name: name.to_owned(), arguments })
    }
}

enum Relation {
    Compare(Comparison),
    In,
}
