//! Splits a condition into tokens.

use std::ops::Range;

use super::ExpressionFault;

/// A token with the bytes that it takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) span: Range<usize>,
    pub(super) kind: TokenKind,
}

/// Kinds of tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Name(String),
    Integer(u64),
    Double(f64),
    Text(String),
    /// An operator or bracket as it is written.
    Symbol(&'static str),
    End,
}

/// Longer ones first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "-", "+", "*", "/", "%", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}", "=",
];

/// Reads all tokens; the last one is [`TokenKind::End`].
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, ExpressionFault> {
    let mut lexer = Lexer { source, position: 0 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    source: &'a str,
    position: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, ExpressionFault> {
        self.skip_blanks();
        let start = self.position;
        let Some(first) = self.peek() else {
            return Ok(Token { span: start..start, kind: TokenKind::End });
        };
        let second = self.rest().chars().nth(1);
        let kind = if first.is_ascii_digit()
            || first == '.' && second.is_some_and(|c| c.is_ascii_digit())
        {
            self.number()?
        } else if first == '"' || first == '\'' {
            TokenKind::Text(self.text(false)?)
        } else if first.is_ascii_alphabetic() || first == '_' {
            self.word()?
        } else {
            self.symbol()?
        };
        Ok(Token { span: start..self.position, kind })
    }

    fn rest(&self) -> &str {
        self.source.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &str {
        let start = self.position;
        while self.peek().is_some_and(&belongs) {
            self.take();
        }
        self.source.get(start..self.position).unwrap_or_default()
    }

    fn fault<T>(at: usize, message: impl Into<String>) -> Result<T, ExpressionFault> {
        Err(ExpressionFault { at, message: message.into() })
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.rest().starts_with("//") {
                return;
            }
            self.take_while(|c| c != '\n');
        }
    }

    fn symbol(&mut self) -> Result<TokenKind, ExpressionFault> {
        let found = SYMBOLS.into_iter().find(|symbol| self.rest().starts_with(symbol));
        let Some(symbol) = found else {
            let character = self.peek().unwrap_or_default();
            let hint = match character {
                '&' => ", \"and\" is written &&",
                '|' => ", \"or\" is written ||",
                _ => "",
            };
            return Self::fault(self.position, format!("unexpected {character:?}{hint}"));
        };
        self.position += symbol.len();
        Ok(TokenKind::Symbol(symbol))
    }

    fn word(&mut self) -> Result<TokenKind, ExpressionFault> {
        let start = self.position;
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_owned();
        if matches!(self.peek(), Some('"' | '\'')) {
            match word.as_str() {
                "r" | "R" => return Ok(TokenKind::Text(self.text(true)?)),
                "b" | "B" | "br" | "rb" | "bR" | "Rb" | "Br" | "rB" | "BR" | "RB" => {
                    return Self::fault(start, "byte strings are not supported");
                }
                _ => {}
            }
        }
        Ok(TokenKind::Name(word))
    }

    fn number(&mut self) -> Result<TokenKind, ExpressionFault> {
        let start = self.position;
        if self.rest().starts_with("0x") || self.rest().starts_with("0X") {
            self.position += 2;
            let digits = self.take_while(|c| c.is_ascii_hexdigit()).to_owned();
            return self.integer(start, u64::from_str_radix(&digits, 16).ok());
        }
        self.take_while(|c| c.is_ascii_digit());
        let mut double = false;
        let mut ahead = self.rest().chars();
        if ahead.next() == Some('.') && ahead.next().is_some_and(|c| c.is_ascii_digit()) {
            double = true;
            self.take();
            self.take_while(|c| c.is_ascii_digit());
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            double = true;
            self.take();
            if matches!(self.peek(), Some('+' | '-')) {
                self.take();
            }
            self.take_while(|c| c.is_ascii_digit());
        }
        let written = self.source.get(start..self.position).unwrap_or_default();
        if !double {
            return self.integer(start, written.parse().ok());
        }
        match written.parse::<f64>() {
            Ok(value) if value.is_finite() && !self.continues() => Ok(TokenKind::Double(value)),
            Ok(_) | Err(_) => Self::fault(start, "malformed number"),
        }
    }

    fn integer(&self, start: usize, value: Option<u64>) -> Result<TokenKind, ExpressionFault> {
        if matches!(self.peek(), Some('u' | 'U')) {
            return Self::fault(start, "unsigned numbers are not supported, leave out the \"u\"");
        }
        match value {
            // One more than the largest, for it may stand after a minus sign.
            Some(value) if value <= 1 << 63 && !self.continues() => Ok(TokenKind::Integer(value)),
            Some(_) | None => Self::fault(start, "malformed number, or one beyond 64 bits"),
        }
    }

    fn continues(&self) -> bool {
        self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    fn text(&mut self, raw: bool) -> Result<String, ExpressionFault> {
        let start = self.position;
        let quote = self.take().unwrap_or_default();
        let triple = [quote, quote];
        let long = self.rest().starts_with(&triple.iter().collect::<String>());
        if long {
            self.position += 2;
        }
        let closing: String = if long { [quote; 3].iter().collect() } else { quote.into() };
        let mut text = String::new();
        loop {
            if self.rest().starts_with(&closing) {
                self.position += closing.len();
                return Ok(text);
            }
            let at = self.position;
            match self.take() {
                None => return Self::fault(start, "a string is not closed"),
                Some('\n' | '\r') if !long => {
                    return Self::fault(start, "a string is not closed on its line");
                }
                Some('\\') if !raw => text.push(self.escape(at)?),
                // In CEL a backslash of a raw string still keeps a quote from closing it.
                Some('\\') if matches!(self.peek(), Some('"' | '\'')) => {
                    return Self::fault(at, "raw strings cannot hold \\ before a quote");
                }
                Some(character) => text.push(character),
            }
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self, at: usize) -> Result<char, ExpressionFault> {
        let code = match self.take() {
            Some(same @ ('\\' | '?' | '"' | '\'' | '`')) => return Ok(same),
            Some('a') => return Ok('\u{7}'),
            Some('b') => return Ok('\u{8}'),
            Some('f') => return Ok('\u{c}'),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('v') => return Ok('\u{b}'),
            Some('x' | 'X') => self.code(2, 16),
            Some('u') => self.code(4, 16),
            Some('U') => self.code(8, 16),
            Some('0'..='3') => {
                self.position -= 1;
                self.code(3, 8)
            }
            Some(_) | None => None,
        };
        match code.and_then(char::from_u32) {
            Some(character) => Ok(character),
            None => Self::fault(at, "malformed escape in a string"),
        }
    }

    fn code(&mut self, digits: usize, radix: u32) -> Option<u32> {
        let written = self.rest().get(..digits)?;
        if !written.chars().all(|c| c.is_digit(radix)) {
            return None;
        }
        let code = u32::from_str_radix(written, radix).ok()?;
        self.position += digits;
        Some(code)
    }
}
